"""The claim about which features a small network keeps when it must remember them for longer."""

from typing import Any

import numpy as np

from ..geometry import projections, represented_strict
from ..networks import RecurrentNetwork
from ..processes import SparseProcess
from ..tasks import Delay
from ..training import Adam, Every, SampledLoss, fit, sampled_loss
from ._claim import Bar, Budget, Claim, Measurement
from ._draw_capacity import draw_all_or_none, set_name
from ._experiments import experiment_key, percent, training_horizon
from ._finalists import choose_finalists, train_on
from ._folder import require_xarray
from ._kept import Kept
from ._quiet_readout import SCHEME
from ._values_capacity import all_or_none_values, diagonal_and_rest

_EXPECTED_AT_ONE = [0, 1, 2]


def all_or_none(
    budget: Budget,
    *,
    n_features: int,
    n_hidden: int,
    importance_base: float,
    delays: list[int],
    p: float,
    n_seeds: int,
    steps: int,
    batch_size: int,
    learning_rate: float,
    n_finalists: int,
    more_steps: int,
    more_batch_size: int,
    n_sequences: int,
    chunks: int,
) -> Measurement:
    """Trains nonlinear networks with features of falling importance, and those that came first for longer.

    Every delay has its own T = 3k + 6, so each is a training of its own.
    """
    xr = require_xarray()
    importance = importance_base ** np.arange(n_features)
    process = SparseProcess(n_features, p=p)
    parts, best, values_of = [], [], []
    for delay in delays:
        task, horizon = Delay(delay, importance=importance), training_horizon(delay)
        keys = [experiment_key(budget, "all-or-none", use, delay) for use in ("init", "train", "evaluate", "longer")]
        start = RecurrentNetwork.init(
            keys[0], n_features, n_hidden, recurrence="relu", readout="relu", stack=n_seeds, scheme=SCHEME
        )
        result = fit(
            start,
            task,
            process,
            key=keys[1],
            steps=steps,
            objective=SampledLoss(batch_size, horizon),
            optimizer=Adam(learning_rate),
            record=Every(0),
        )
        first = sampled_loss(result.networks, task, process, key=keys[2], n_sequences=n_sequences, horizon=horizon)
        gain = recall(result.networks, delay)
        chosen = choose_finalists(first.mean, represented_strict(gain), n_finalists)
        found = train_on(
            result.networks[chosen],
            task,
            process,
            key=keys[3],
            steps=more_steps,
            objective=SampledLoss(more_batch_size, horizon),
            optimizer=Adam(learning_rate / 2),
            n_sequences=n_sequences,
            chunks=chunks,
        )
        lowest = float(np.mean(found.losses[0]))
        best.append(Kept(found.networks[0], task, process, horizon, loss=lowest))
        values_of.append((recall(found.networks, delay), found.plausible))
        parts.append(
            xr.Dataset(
                {
                    "first_loss": ("network", first.mean),
                    "status": ("network", np.asarray(result.status)),
                    "first_gain": (("network", "feature"), gain),
                    "first_best": int(chosen[0]),
                    "silent_loss": float(np.mean(first.silent)),
                    "loss": (("finalist", "chunk"), found.losses),
                    "plausible": ("finalist", found.plausible),
                    "gain": (("finalist", "feature"), values_of[-1][0]),
                    "horizon": horizon,
                }
            )
        )
    data = xr.concat(parts, xr.DataArray(delays, dims="delay", name="delay"))
    data.attrs = {"p": p, "steps": steps, "more_steps": more_steps, "expected_at_one": _EXPECTED_AT_ONE}
    gains, plausible = (np.stack(each) for each in zip(*values_of, strict=True))
    values, intervals = all_or_none_values(gains, plausible, delays, _EXPECTED_AT_ONE)
    early = data["first_gain"].isel(network=data["first_best"]).values
    gap, error = gap_to_another_set(data["loss"].values, represented_strict(gains))
    data["gap"], data["gap_error"] = ("delay", gap), ("delay", error)
    return Measurement(
        values=values,
        intervals=intervals,
        measured=f"k = {delays[0]} to {delays[-1]} keeps {_sets(gains[:, 0])}; before the last {more_steps} steps "
        f"{_sets(early)}; the best network that keeps another set is {_gaps(gap, error)} worse",
        data=data,
        n_networks=len(delays) * n_seeds,
        horizon=", ".join(str(training_horizon(each)) for each in delays),
        networks={f"delay-{delay}": network for delay, network in zip(delays, best, strict=True)},
    )


def recall(networks: RecurrentNetwork, delay: int) -> np.ndarray:
    """A_k[i, i] of every network of a stack."""
    return diagonal_and_rest(np.asarray(projections(networks, delay + 1)), delay)[0]


def gap_to_another_set(losses: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much worse the best network that keeps another set of features is than the best one.

    Args:
        losses: On sets of sequences that all networks share, the best network first, (delays, networks, chunks).
        kept: Which features each keeps, (delays, networks, features).

    Returns:
        The relative gap and its standard error, (delays,); NaN where all networks keep the same set.
    """
    gap, error = np.full((2, len(losses)), np.nan)
    for row, (loss, sets) in enumerate(zip(losses, kept, strict=True)):
        others = np.flatnonzero((sets != sets[0]).any(axis=-1) & np.isfinite(loss).all(axis=-1))
        if others.size:
            difference = loss[others[0]] - loss[0]
            gap[row] = difference.mean() / loss[0].mean()
            error[row] = difference.std(ddof=1) / len(difference) ** 0.5 / loss[0].mean()
    return gap, error


def _sets(gain: np.ndarray) -> str:
    return ", ".join(set_name(each) for each in represented_strict(gain))


def _gaps(gap: np.ndarray, error: np.ndarray) -> str:
    return ", ".join(
        "(none was found)" if np.isnan(one) else f"{percent(one)} +- {percent(other)}"
        for one, other in zip(gap.tolist(), error.tolist(), strict=True)
    )


def _all_or_none_settings(budget: Budget) -> dict[str, Any]:
    quick = budget.scale == "quick"
    return {
        "n_features": 5,
        "n_hidden": 2,
        "importance_base": 0.8,
        "delays": [0, 1, 2, 3, 4, 5],
        "p": 0.02,
        "n_seeds": 256,
        "steps": budget.steps,
        "batch_size": 64 if quick else 256,
        "learning_rate": 0.01,
        "n_finalists": 8,
        "more_steps": 10 * budget.steps,
        "more_batch_size": 256,
        "n_sequences": 100_000,
        "chunks": 10,
    }


CLAIMS = (
    Claim(
        id="all-or-none",
        group="spatial",
        statement="The longer features must be remembered, the fewer are kept, and the least important ones are "
        "dropped whole.",
        expected="the number of kept features never rises with k, A is always among them, and k = 1 keeps A, B and C",
        bars={
            "rise": Bar("<=", 0.0, "largest change in the number of kept features from one delay to the next"),
            "most_important": Bar(">=", 0.5, "smallest A_k[A, A] of the best networks"),
            "one_step": Bar("<=", 0.0, "features by which the set kept at k = 1 differs from A, B, C"),
        },
        measure=all_or_none,
        draw=draw_all_or_none,
        settings=_all_or_none_settings,
        caveat="Short training keeps exactly A, B and C at k = 1; trained for longer, the best networks keep a fourth "
        "feature at a lower loss. Three is where training rests, not the best that two units can do.",
    ),
)
