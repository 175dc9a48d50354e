"""Claims about linear networks: what their loss is made of, how they learn, and what they learn."""

from typing import Any

import jax
import numpy as np

from ..geometry import projections
from ..networks import Normal, Orthogonal, RecurrentNetwork, stack_networks
from ..processes import SparseProcess
from ..tasks import Delay
from ..theory import SteadyState
from ..training import Adam, Every, ExpectedLoss, SampledLoss, fit, sampled_loss
from ..verbs import expected_loss
from ._claim import Bar, Budget, Claim, Measurement
from ._draw_linear import draw_four_terms, draw_spiral_sink, draw_staircase
from ._experiments import best_trained, exact_optima, experiment_key, percent, spectral_dataset, training_horizon
from ._folder import require_xarray
from ._kept import Kept
from ._staircase import Staircase, read_staircase
from ._values import four_terms_values, spiral_sink_values

_USES = ("init", "train", "evaluate")

# E[L]/p, spectral radius and eigenangle span (degrees) of the best linear network with two hidden units in steady
# state, amplitudes uniform on (0, 1), from an independent float64 computation: (delay, p) -> numbers
REFERENCE_OPTIMA = {
    (2, 0.01): (0.18624, 0.7058, 89.6),
    (2, 0.5): (0.11890, 0.6815, 82.0),
    (4, 0.01): (0.25468, 0.8363, 96.7),
    (4, 0.5): (0.16153, 0.8190, 86.5),
    (4, 1.0): (0.06467, 0.8169, 85.3),
    (8, 1.0): (0.07361, 0.9002, 89.0),
}

STAIRCASE_BARS = {
    "plateau": Bar("<=", 0.02, "relative distance of the first plateau from the N_h = 1 optimum"),
    "alignment": Bar(">=", 0.5, "min/max of a_0 to a_k on the first plateau"),
    "order": Bar(">", 0.0, "smallest time from the fall of a_s below a_k to that of a_(s+1), s < k - 2 (steps)"),
}


def four_terms(
    budget: Budget,
    *,
    n_hidden: int,
    delays: list[int],
    p: list[float],
    n_points: int,
    steps: int,
    learning_rate: float,
    n_sequences: int,
) -> Measurement:
    """Trains one linear network for each delay and p and compares its exact loss with fresh samples along the way."""
    xr = require_xarray()
    parts, networks = [], {}
    for delay in delays:
        task, horizon = Delay(delay), training_horizon(delay)
        process = SparseProcess(1, p=np.array(p)[:, None])
        init_key, train_key, key = (experiment_key(budget, "four-terms", delay, use) for use in _USES)
        start = RecurrentNetwork.init(init_key, n_hidden=n_hidden, stack=len(p), scheme=Orthogonal())
        result = fit(
            start,
            task,
            process,
            key=train_key,
            steps=steps,
            objective=ExpectedLoss(horizon),
            optimizer=Adam(learning_rate),
            record=Every(max(steps // n_points, 1)),
        )
        history = result.history
        shared = process.replace(p=np.broadcast_to(process.p, (len(history.step), len(p), 1)))
        expected = expected_loss(history.networks, task, shared, horizon=horizon)
        samples = [
            sampled_loss(
                history.networks[record],
                task,
                process,
                key=jax.random.fold_in(key, record),
                n_sequences=n_sequences,
                horizon=horizon,
            )
            for record in range(len(history.step))
        ]
        terms = np.stack(list(expected.terms.values()), axis=-1)
        parts.append(
            xr.Dataset(
                {
                    "expected": (("record", "p"), expected.total),
                    "sampled": (("record", "p"), np.stack([each.mean for each in samples])),
                    "standard_error": (("record", "p"), np.stack([each.standard_error for each in samples])),
                    "terms": (("record", "p", "term"), terms),
                },
                coords={"step": ("record", history.step), "p": p, "term": list(expected.terms)},
            )
        )
        networks[f"delay-{delay}"] = result.networks
    data = xr.concat(parts, xr.DataArray(delays, dims="delay", name="delay"))
    z = (data["sampled"] - data["expected"]) / data["standard_error"]
    gap = abs(data["terms"].sum("term") - data["expected"]) / data["expected"]
    data["z"] = z
    values = four_terms_values(z.values, gap.values)
    return Measurement(
        values=values,
        measured=f"largest |z| of {z.size} comparisons {values['z']:.2f} (spread {np.std(z.values):.2f}); "
        f"terms sum to the total within {values['sum']:.0e}",
        data=data,
        n_networks=len(delays) * len(p),
        horizon=", ".join(str(training_horizon(each)) for each in delays),
        networks=networks,
    )


def staircase(
    budget: Budget,
    *,
    n_hidden: int,
    delay: int,
    p: float,
    init_gain: float,
    learning_rate: float,
    steps: int,
    record_every: int,
    n_seeds: int,
) -> Measurement:
    """Trains linear networks from small weights on the exact loss and reads their loss curves and projections."""
    xr = require_xarray()
    task, process, horizon = Delay(delay), SparseProcess(1, p=p), training_horizon(delay)
    init_key, train_key, key = (experiment_key(budget, "staircase", use) for use in _USES)
    start = RecurrentNetwork.init(init_key, n_hidden=n_hidden, stack=n_seeds, scheme=Normal(init_gain))
    result = fit(
        start,
        task,
        process,
        key=train_key,
        steps=steps,
        objective=ExpectedLoss(horizon),
        optimizer=Adam(learning_rate, schedule="constant", clip=np.inf),
        record=Every(record_every),
    )
    step, loss = result.history.step, result.history.loss
    seen = np.asarray(projections(result.history.networks, horizon))[..., 0, 0]
    narrow, wide = (
        p * exact_optima([(delay, p)], n_hidden=size, n_starts=n_seeds, horizon=horizon, key=key)[0].loss_per_p
        for size in (1, n_hidden)
    )
    read = [read_staircase(step, loss[:, seed], seen[:, seed], delay, narrow=narrow) for seed in range(n_seeds)]
    numbers = {name: np.array([getattr(each, name) for each in read]) for name in Staircase._fields}
    best = int(np.nanargmin(result.loss))
    reached = np.all([bar.cleared_by(numbers[name]) for name, bar in STAIRCASE_BARS.items()], axis=0)
    terms = result.history.terms.terms
    data = xr.Dataset(
        {
            "history_loss": (("network", "record"), loss.T),
            "history_terms": (("network", "record", "term"), np.stack([each.T for each in terms.values()], axis=-1)),
            "history_projections": (("network", "record", "lag"), np.moveaxis(seen, 0, 1)),
            "loss": ("network", result.loss),
            "plateau_step": ("network", numbers["plateau_step"]),
            "fall_time": (("network", "waiting"), numbers["fall_time"]),
            "plateau_distance": ("network", numbers["plateau"]),
            "alignment": ("network", numbers["alignment"]),
            "narrow_optimum": narrow,
            "wide_optimum": wide,
        },
        coords={"step": ("record", step), "term": list(terms), "waiting": np.arange(delay - 1)},
        attrs={"delay": delay, "p": p, "horizon": horizon},
    )
    found = read[best]
    falls = ", ".join(f"{each:.0f}" for each in found.fall_time)
    return Measurement(
        values={name: getattr(found, name) for name in STAIRCASE_BARS},
        measured=f"plateau {percent(found.plateau)} from the N_h = 1 optimum with min/max {found.alignment:.2f}; "
        f"a_0 to a_{delay - 2} fall below a_{delay} at steps {falls}; {reached.sum()} of {n_seeds} networks do so",
        data=data,
        n_networks=3 * n_seeds,  # with the searches for both optima
        horizon=str(horizon),
        networks={
            "best": Kept(
                result.networks[best],
                task,
                process,
                horizon,
                loss=result.loss[best],
                status=result.status[best],
                step=step,
                history_loss=loss[:, best],
                history_terms={name: each[:, best] for name, each in terms.items()},
                along=result.history.networks[:, best],
            )
        },
    )


def spiral_sink(
    budget: Budget,
    *,
    n_hidden: int,
    delay_and_p: list[Any],
    n_seeds: int,
    steps: int,
    batch_size: int,
    learning_rate: float,
) -> Measurement:
    """Minimises the exact steady-state loss, trains on samples, and compares the best networks with the optima."""
    rows = [(int(delay), float(p)) for delay, p in delay_and_p]
    horizons = {delay: training_horizon(delay) for delay, _ in rows}
    key = experiment_key(budget, "spiral-sink")
    exact = exact_optima(rows, n_hidden=n_hidden, n_starts=n_seeds, horizon=SteadyState(), key=key)
    trained, excess = [], []
    for delay, horizon in horizons.items():
        group = [row for row in rows if row[0] == delay]
        key = experiment_key(budget, "spiral-sink", delay)
        best = best_trained(
            group,
            n_hidden=n_hidden,
            n_seeds=n_seeds,
            steps=steps,
            objective=SampledLoss(batch_size, horizon),
            optimizer=Adam(learning_rate),
            key=key,
        )
        lowest = exact_optima(group, n_hidden=n_hidden, n_starts=n_seeds, horizon=horizon, key=key)
        trained += best
        excess += [each.loss_per_p / other.loss_per_p - 1 for each, other in zip(best, lowest, strict=True)]
    reference = np.array([REFERENCE_OPTIMA[row] for row in rows])
    data = spectral_dataset(rows, {"exact": exact, "trained": trained}, n_lags=max(horizons.values()))
    data["gap_to_table"] = "row", data["loss_per_p"].sel(kind="exact").values / reference[:, 0] - 1
    data["gap_to_optimum"] = "row", np.array(excess)
    data["reference"] = ("row", "quantity"), reference
    data = data.assign_coords(quantity=["loss_per_p", "spectral_radius", "eigenangle_span"])
    radius, span, off_axis = data["spectral_radius"], data["eigenangle_span"], data["angle_off_axis"]
    values = spiral_sink_values(data["gap_to_table"].values, np.array(excess), off_axis.values, radius.values)
    return Measurement(
        values=values,
        measured=f"exact optima within {percent(values['table'])} of the table, trained networks within "
        f"{percent(values['trained'])} of the optimum at their T; leading eigenvalues {values['complex']:.0f} degrees "
        f"or more from the real axis, spectral radius {float(radius.min()):.2f} to {float(radius.max()):.2f}, "
        f"eigenangle span {float(span.min()):.0f} to {float(span.max()):.0f} degrees",
        data=data,
        n_networks=3 * len(rows) * n_seeds,  # exact, trained, and exact at the T of the trained ones
        horizon=f"steady state (table); {', '.join(map(str, horizons.values()))} (trained)",
        networks={
            "exact": Kept(
                stack_networks([each.network for each in exact]),
                Delay([delay for delay, _ in rows]),
                SparseProcess(1, p=np.array([[p] for _, p in rows])),
                SteadyState(),
                loss=np.array([each.loss_per_p * p for each, (_, p) in zip(exact, rows, strict=True)]),
            ),
            "trained": stack_networks([each.network for each in trained]),
        },
    )


def _four_terms_settings(budget: Budget) -> dict[str, Any]:
    return {
        "n_hidden": 2,
        "delays": [2, 4, 8],
        "p": [0.01, 0.03, 0.1, 0.3, 1.0],
        "n_points": 10,
        "steps": 400,
        "learning_rate": 0.003,
        "n_sequences": budget.n_sequences,
    }


def _staircase_settings(budget: Budget) -> dict[str, Any]:
    return {
        "n_hidden": 2,
        "delay": 4,
        "p": 0.1,
        "init_gain": 0.01,
        "learning_rate": 1e-3,
        "steps": budget.steps,
        "record_every": 10,
        "n_seeds": budget.n_seeds,
    }


def _spiral_sink_settings(budget: Budget) -> dict[str, Any]:
    return {
        "n_hidden": 2,
        "delay_and_p": [list(row) for row in REFERENCE_OPTIMA],
        "n_seeds": budget.n_seeds,
        "steps": budget.steps,
        "batch_size": 64 if budget.scale == "quick" else 256,
        "learning_rate": 0.01,
    }


CLAIMS = (
    Claim(
        id="four-terms",
        group="linear",
        statement="The loss of a linear network is the sum of four terms: task benefit, mean correction, projection "
        "interference and composition interference.",
        expected="the exact loss within 4 standard errors of the sampled one, all along training",
        bars={
            "z": Bar("<=", 4.0, "largest |sampled - expected| in standard errors"),
            "sum": Bar("<=", 1e-6, "largest relative difference between the total and the sum of the terms"),
        },
        measure=four_terms,
        draw=draw_four_terms,
        settings=_four_terms_settings,
    ),
    Claim(
        id="staircase",
        group="linear",
        statement="Learning goes in steps: feature directions first align with the readout, then separate from it in "
        "the order of their age.",
        expected="a first plateau at the loss of one hidden unit with all features aligned; then a_0, a_1, ... fall "
        "below a_k one after the other",
        bars=STAIRCASE_BARS,
        measure=staircase,
        draw=draw_staircase,
        settings=_staircase_settings,
    ),
    Claim(
        id="spiral-sink",
        group="linear",
        statement="The optimal linear network is a spiral sink: features turn away from the readout and fade, and "
        "forgetting is smooth.",
        expected="the independently computed optima, a complex leading eigenvalue, spectral radius below 1",
        bars={
            "table": Bar("<=", 0.001, "largest relative distance of the best exact loss from the reference optimum"),
            "trained": Bar("<=", 0.02, "largest relative excess of the best trained network over the optimum at its T"),
            "complex": Bar(">", 0.0, "smallest angle between a leading eigenvalue and the real axis (degrees)"),
            "radius": Bar("<", 1.0, "largest spectral radius"),
        },
        measure=spiral_sink,
        draw=draw_spiral_sink,
        settings=_spiral_sink_settings,
    ),
)
