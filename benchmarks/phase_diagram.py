"""The phase diagram of recall after four steps: by continuation of the exact loss, and by training networks.

Run: python benchmarks/phase_diagram.py [--steps 2000] [--exact-only]

The exact way finds and follows every branch between p = 0.05 and 1. It is timed twice in one process: with
compilation, and once more with another seed. The sampled way is that of the paper: 64 networks at each of 20 values
of p on the same range, trained on sampled sequences by our own trainer; the transition is where the best network of
the 64 changes its eigenangle span by 90 degrees or more.
"""

import argparse
import time

import jax
import numpy as np

import spiralsink as sk
from spiralsink._machine import describe_machine

DELAY, N_NETWORKS, HORIZON = 4, 64, 18
GRID = np.geomspace(0.05, 1.0, 20)


def exact():
    """(seconds with compilation, seconds without, the second diagram)."""
    times = []
    for seed in (0, 1):
        began = time.perf_counter()
        diagram = sk.phase_diagram(sk.Delay(DELAY), sk.SparseProcess(), p=(GRID[0], 1.0), seed=seed)
        times.append(time.perf_counter() - began)
    return *times, diagram


def sampled(steps):
    """(seconds, spans of the best networks by p, spectral radii)."""
    began = time.perf_counter()
    p = np.repeat(GRID, N_NETWORKS)
    stack = sk.RecurrentNetwork.init(
        jax.random.key(0), n_features=1, n_hidden=2, recurrence="linear", readout="relu", tied_lag=DELAY, stack=p.size
    )
    process = sk.SparseProcess(1, p=p[:, None])
    objective = sk.SampledLoss(batch_size=256, horizon=HORIZON)
    fitted = sk.fit(
        stack, sk.Delay(DELAY), process, key=jax.random.key(1), steps=steps, objective=objective, record=sk.Every(steps)
    )
    loss = np.where(np.isfinite(fitted.loss), fitted.loss, np.inf).reshape(GRID.size, N_NETWORKS)
    geometry = sk.measure(fitted.networks, sk.Delay(DELAY))
    best = loss.argmin(axis=1), np.arange(GRID.size)
    span, radius = (
        np.reshape(each, loss.shape)[best[1], best[0]] for each in (geometry.eigenangle_span, geometry.spectral_radius)
    )
    return time.perf_counter() - began, span, radius


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--exact-only", action="store_true")
    options = parser.parse_args()
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores, jax {machine['jax']}, Python {machine['python']}\n")
    first, again, diagram = exact()
    print("| way | seconds | transition |")
    print("|---|---|---|")
    print(f"| exact, with compilation | {first:.1f} | p = {diagram.crossing_p:.4f} |")
    print(f"| exact, compiled | {again:.1f} | p = {diagram.crossing_p:.4f} |")
    if not options.exact_only:
        seconds, span, radius = sampled(options.steps)
        jumps = np.flatnonzero(np.abs(np.diff(span)) >= 90)
        where = ", ".join(f"{GRID[at]:.3f} to {GRID[at + 1]:.3f}" for at in jumps) or "none seen"
        what = f"{GRID.size} x {N_NETWORKS} networks, {options.steps} steps"
        print(f"| sampled, {what} | {seconds:.0f} | between p = {where} |")
        print(f"\nratio: {seconds / first:.0f} with compilation, {seconds / again:.0f} without")
        rows = " ".join(f"{p:.3f}:{a:.0f}/{r:.2f}" for p, a, r in zip(GRID, span, radius, strict=True))
        print(f"best trained network by p (span in degrees / radius): {rows}")


if __name__ == "__main__":
    main()
