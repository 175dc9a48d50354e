"""Writes relu_values.json: moments, losses and gradients of ReLU readouts, computed by the oracles. Run by hand:

    PYTHONPATH=tests python tests/golden/make_relu_values.py [PIECE ...]

Pieces: closed, scales, contour, spirals, smooth, long, sampled; all of them by default, about twenty minutes on one
core. A case that is already in the file is not computed again: remove it, or the file, first. None of this uses the
package's own integration.
"""

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import spiralsink as sk
from oracles import bromwich_mp, monte_carlo, uniform_sums
from oracles.moments import Moments
from oracles.transforms import Extended

FILE = Path(__file__).with_name("relu_values.json")
ABOUT = {
    "what": "moments of a ReLU readout: z = bias + sum_n a_n x_n, x_n = B_n U_n, B_n ~ Bernoulli(p), U_n ~ law",
    "a": "one projection per lag, in order of lag, then feature; p and law: for all, or a list as long as a",
    "F": "E[max(z, 0)^2]",
    "X_k": "E[x_k max(z, 0)], k = delay",
    "loss": "E[(max(z, 0) - x_k)^2] = F - 2 X_k + E[x_k^2]",
    "gradient": "d loss / d a_n for every n",
    "method": "closed form (inclusion and exclusion), or contour (integral)",
    "error": "estimated relative error of F and of the largest component of the gradient; 0: exact but for rounding",
    "monte_carlo": "mean loss and standard error of independent samples, where there is one",
    "made by": "make_relu_values.py",
}
PROBABILITIES = (0.001, 0.02, 0.1, 0.3, 0.7, 1.0)
SIGNED = sk.Uniform(-0.5, 1.0)
FEATURES = {"three features, two lags": 3, "spirals of two features": 2}


def law_as_table(law: Any) -> Any:
    if isinstance(law, list):
        return [law_as_table(each) for each in law]
    names = {"Uniform": "uniform", "Exponential": "exponential", "HalfNormal": "half_normal"}
    return {"kind": names[type(law).__name__], **vars(law)}


def closed(a: Any, p: Any, law: Any, **rest: Any) -> tuple[str, Moments]:
    return "closed form", uniform_sums.moments(a, p, law, digits=80, **rest)


def contour(a: Any, p: Any, law: Any, *, accuracy: float = 4e-12, **rest: Any) -> tuple[str, Moments]:
    laws = law if isinstance(law, list) else [law]
    if not isinstance(laws[0], sk.Uniform):
        return "contour", bromwich_mp.smooth_law_moments(a, p, law, **rest)
    for reach in (1500, 6000, 24_000, 96_000):
        found = bromwich_mp.uniform_moments(
            a, p, law, reach=reach, span=10.0, arithmetic=Extended(), **rest
        )  # fmt: skip
        if found.error < accuracy:
            return "contour", found
    raise ArithmeticError(f"not better than {found.error:.1e}")


def clusters(rng: np.random.Generator, n_lags: int, spread: float) -> np.ndarray:
    """Three groups of lags of random sign, their scales sqrt(spread) apart, in random order."""
    scale = spread ** (np.arange(n_lags) * 3 // n_lags / 2)
    a = rng.uniform(0.3, 2.0, n_lags) * rng.choice([-1, 1], n_lags) * scale
    return rng.permutation(a)


def spread_filter(rng: np.random.Generator, n_lags: int, spread: float) -> np.ndarray:
    """Lengths uniform in the logarithm, random signs, at least one positive."""
    a = spread ** rng.uniform(0, 1, n_lags) * rng.uniform(0.5, 1.5, n_lags) * rng.choice([-1, 1], n_lags)
    a[rng.integers(n_lags)] = 1.0 if n_lags > 1 else 0.8  # a lag of weight 1 that is its own target has gradient 0
    return a


def spiral(n_lags: int, radius: float, span: float, delay: int, phase: float) -> np.ndarray:
    """rho^s cos(theta s + phi), scaled to 0.6 at the delay."""
    s = np.arange(n_lags)
    a = radius**s * np.cos(math.radians(span) / delay * s + phase)
    return 0.6 * a / a[delay]


def longest(a: np.ndarray, rank: int = 0) -> int:
    return int(np.argsort(-np.abs(a))[min(rank, len(a) - 1)])


def cases(piece: str) -> Any:
    """(name, how, a, p, law, delay, bias) of every case of a piece."""
    rng = np.random.default_rng(sum(map(ord, piece)))
    p = iter(PROBABILITIES * 20)
    if piece == "closed":
        for n_lags in (1, 2, 3, 5, 7, 9):
            for spread in (1.0, 1e3, 1e6):
                bias = 0.0 if n_lags in (2, 7, 9) else float(rng.choice([-0.3, 0.2]))
                a = spread_filter(rng, n_lags, spread)
                yield f"{n_lags} lags, spread {spread:g}", closed, a, next(p), sk.Uniform(), n_lags // 2, bias
            next(p)
        for n_lags, spread in ((1, 1.0), (3, 1e6), (5, 1e3), (7, 1.0)):
            a, bias = spread_filter(rng, n_lags, spread), 0.0 if n_lags > 3 else 0.1
            yield f"signed, {n_lags} lags, spread {spread:g}", closed, a, next(p), SIGNED, n_lags // 2, bias
        for n_lags, negative in ((7, -1e6), (9, -1e3)):
            a = rng.normal(size=n_lags)
            a[[0, 2]] = negative, 1.0
            yield f"one huge negative lag of {n_lags}", closed, a, next(p), sk.Uniform(), 2, 0.0
        for bias in (0.0, 0.25):
            a = rng.normal(size=8)
            a[[1, 3, 4, 6]] = 0.0, 1.0, 1e-9, -1e-12
            yield f"vanishing lags, bias {bias:g}", closed, a, next(p), sk.Uniform(), 3, bias
        a, ps = rng.normal(size=6), [0.1, 0.5, 0.9] * 2
        laws = [sk.Uniform(), SIGNED, sk.Uniform(0.5, 2.0)] * 2
        yield "three features, two lags", closed, a, ps, laws, 3, 0.1
    elif piece == "scales":
        for n_lags, spread, law in ((12, 1e6, sk.Uniform()), (24, 1e3, sk.Uniform()), (24, 1e6, sk.Uniform()),
                                    (15, 1e6, SIGNED)):  # fmt: skip
            next(p)
            a = clusters(rng, n_lags, spread)
            signed = "signed, " if law == SIGNED else ""
            yield f"{signed}{n_lags} lags in three scales to {spread:g}", closed, a, next(p), law, n_lags // 2, 0.0
    elif piece == "contour":
        for n_lags, probability, bias in ((12, 0.1, 0.0), (20, 0.02, 0.2), (24, 1.0, 0.0), (40, 0.001, 0.0),
                                          (40, 0.3, 0.0), (40, 0.7, -0.3)):  # fmt: skip
            a = clusters(rng, n_lags, 1.0)
            yield (
                f"{n_lags} lags of one scale, p {probability:g}",
                contour,
                a,
                probability,
                sk.Uniform(),
                n_lags // 3,
                bias,
            )
        for spread, probability in ((1e3, 0.1), (1e6, 0.3)):
            a = clusters(rng, 40, spread)
            delay = int(np.argmax(a))
            yield f"40 lags in three scales to {spread:g}", contour, a, probability, sk.Uniform(), delay, 0.0
        a = rng.normal(size=30)
        a[[3, 7]] = -1e6, 1.0
        yield "one huge negative lag of 30", contour, a, 0.1, sk.Uniform(), 7, 0.0
        a = rng.normal(size=20)
        a[[0, 5, 6, 7]] = 1.0, 0.0, 0.0, 0.0
        yield "vanishing lags of 20", contour, a, 0.3, sk.Uniform(), 0, 0.1
        yield "signed, 12 lags of one scale", contour, clusters(rng, 12, 1.0), 0.1, SIGNED, 4, 0.0
        yield "signed, 30 lags of one scale", contour, clusters(rng, 30, 1.0), 0.7, SIGNED, 4, 0.2
    elif piece == "spirals":
        for probability, n_lags, radius, span, k in ((0.5, 40, 0.826, 90, 4), (0.24, 40, 0.844, 123, 4),
                                                     (0.3, 40, 0.753, 264, 4), (0.02, 24, 0.6, 259, 4),
                                                     (1.0, 36, 0.819, 85, 4), (0.1, 40, 0.84, 90, 8),
                                                     (0.001, 30, 0.7, 270, 5)):  # fmt: skip
            a = spiral(n_lags, radius, span, k, 0.3)
            yield f"spiral {radius:g}, {span} degrees, p {probability:g}", contour, a, probability, sk.Uniform(), k, 0.0
        a = spiral(30, 0.75, 120, 4, 0.3)
        yield "spiral, signed amplitudes", contour, a, 0.2, SIGNED, 4, 0.0
        a, ps = np.stack([spiral(15, 0.75, 120, 4, 0.3), -spiral(15, 0.7, 200, 4, -0.2)], axis=1).ravel(), [0.1, 0.4]
        yield "spirals of two features", contour, a, ps * 15, sk.Uniform(), 8, 0.05
    elif piece == "smooth":
        laws = {
            "exponential": sk.Exponential(1.0),
            "fast exponential": sk.Exponential(2.5),
            "half-normal": sk.HalfNormal(1.0),
        }
        for name, law in laws.items():
            for n_lags, spread, bias in ((1, 1.0, 0.0), (4, 1e6, 0.0), (9, 1e3, 0.2), (25, 1.0, 0.0), (40, 1e6, 0.0)):
                if (name, n_lags) in {("fast exponential", 1), ("fast exponential", 25)}:
                    continue
                a = spread_filter(rng, n_lags, spread)
                next(p)
                yield (
                    f"{name}, {n_lags} lags, spread {spread:g}",
                    contour,
                    a,
                    next(p),
                    law,
                    n_lags // 2,
                    bias or 0.2 * (n_lags == 1),
                )
        a = rng.normal(size=12)
        a[[2, 6]] = -1e6, 1.0
        yield "exponential, one huge negative lag of 12", contour, a, 0.3, sk.Exponential(1.0), 6, 0.0
        yield "half-normal spiral", contour, spiral(30, 0.8, 264, 4, 0.3), 0.1, sk.HalfNormal(1.0), 4, 0.0
    elif piece == "long":
        a = spiral(200, 0.97, 90, 20, 0.3)
        yield "200 lags, slow spiral, p 0.02", long_contour, a, 0.02, sk.Uniform(), 20, 0.0
        yield "200 lags, slow spiral, p 0.5", long_contour, a, 0.5, sk.Uniform(), 20, 0.0
        a = rng.uniform(0.3, 1.5, 200) * rng.choice([-1, 1], 200)
        a[50] = 1.0
        yield "200 lags of one scale", long_contour, a, 0.1, sk.Uniform(), 50, 0.0
        yield "200 lags of one scale, exponential", long_contour, a, 0.3, sk.Exponential(1.0), 50, 0.0


def long_contour(a: Any, p: Any, law: Any, **rest: Any) -> tuple[str, Moments]:
    only = {"few": 1, "gradient": False} if isinstance(law, sk.Uniform) else {}
    return contour(a, p, law, accuracy=1e-9, **only, **rest)


SAMPLED = (
    ("5 lags, spread 1", 10**8),
    ("signed, 7 lags, spread 1", 10**8),
    ("half-normal, 4 lags, spread 1e+06", 10**8),
    ("exponential, 9 lags, spread 1000", 10**8),
    ("three features, two lags", 10**8),
)


def law_of(table: Any) -> Any:
    if isinstance(table, list):
        return [law_of(each) for each in table]
    kinds = {"uniform": sk.Uniform, "exponential": sk.Exponential, "half_normal": sk.HalfNormal}
    return kinds[table["kind"]](**{name: value for name, value in table.items() if name != "kind"})


def read() -> dict:
    stored = json.loads(FILE.read_text()) if FILE.exists() else {"cases": []}
    return {case["name"]: case for case in stored["cases"]}


def write(found: dict) -> None:
    lines = ",\n  ".join(json.dumps(case) for case in found.values())
    FILE.write_text(f'{{"about": {json.dumps(ABOUT, indent=1)},\n "cases": [\n  {lines}\n ]}}\n')


def main(pieces: list[str]) -> None:
    for piece in pieces or ["closed", "scales", "contour", "spirals", "smooth", "long", "sampled"]:
        found = read()
        for name, how, a, p, law, delay, bias in cases(piece):
            if name in found:
                continue
            started, a = time.perf_counter(), [float(each) for each in a]
            method, m = how(a, p, law, delay=delay, bias=bias)
            case = {"name": name, "a": a, "p": p, "law": law_as_table(law), "bias": bias, "delay": delay}
            case["n_features"] = FEATURES.get(name, 1)
            case |= {"F": float(m.F), "X_k": float(m.X[delay]), "loss": m.loss}
            case |= {} if how is long_contour else {"gradient": m.gradient.tolist()}
            found[name] = case | {"method": method, "error": float(f"{m.error:.1e}")}
            print(f"{time.perf_counter() - started:6.1f} s  {name}  {m.loss:.6g}  {m.error:.0e}", flush=True)
            write(found)
        for seed, (name, n_samples) in enumerate(SAMPLED if piece == "sampled" else ()):
            case, started = found[name], time.perf_counter()
            if "monte_carlo" in case:
                continue
            mean, error = monte_carlo.filter_loss(
                case["a"], case["p"], law_of(case["law"]),
                delay=case["delay"], bias=case["bias"], n_samples=n_samples, seed=seed,
            )  # fmt: skip
            case["monte_carlo"] = {"mean": mean, "standard_error": error, "n_samples": n_samples, "seed": seed}
            print(f"{time.perf_counter() - started:6.1f} s  {name}  {(mean - case['loss']) / error:.2f}", flush=True)
            write(found)


if __name__ == "__main__":
    main(sys.argv[1:])
