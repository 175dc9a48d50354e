"""Claims about networks with more hidden units and more features: what a readout sees beside what it recalls."""

from typing import Any

import numpy as np

from ..geometry import projections, represented_strict
from ..networks import RecurrentNetwork
from ..processes import SparseProcess
from ..tasks import Delay
from ..training import Adam, Every, SampledLoss, fit, sampled_loss
from ._claim import Bar, Budget, Claim, Measurement
from ._draw_width import draw_hundred_units, draw_wider
from ._experiments import experiment_key, training_horizon
from ._folder import require_xarray
from ._kept import Kept
from ._quiet_readout import SCHEME
from ._values_capacity import diagonal_and_rest, excess_over_zero, interference_values, smallest_rise

CLASSES = {"SSM": "linear", "nonlinear": "relu"}
"""Recurrence of the classes with a ReLU readout."""


def wider(budget: Budget, **settings: Any) -> Measurement:
    """Trains both classes with few to many hidden units and reads everything that their readouts see."""
    data, networks = _train_widths(budget, "wider", **settings)
    values = interference_values(data["diagonal"].values, data["rest"].values)
    number = data["number"].values
    values["more"] = smallest_rise(number)
    kept = "; ".join(
        f"{name} {' / '.join(str(each) for each in row)}" for name, row in zip(CLASSES, number.tolist(), strict=True)
    )
    widths = " / ".join(str(each) for each in data["n_hidden"].values)
    return _measured(data, networks, values, f"features kept with N_h {widths}: {kept}")


def hundred_units(budget: Budget, **settings: Any) -> Measurement:
    """The same with a hundred hidden units and 75 features."""
    data, networks = _train_widths(budget, "hundred-units", **settings)
    values = interference_values(data["diagonal"].values, data["rest"].values)
    kept = ", ".join(f"{name} {row[0]}" for name, row in zip(CLASSES, data["number"].values.tolist(), strict=True))
    return _measured(data, networks, values, f"features kept: {kept} of {data.sizes['feature']}")


def _train_widths(
    budget: Budget,
    name: str,
    *,
    n_features: int,
    n_hidden: list[int],
    delay: int,
    p: float,
    n_seeds: int,
    steps: int,
    batch_size: int,
    learning_rate: float,
    n_sequences: int,
) -> tuple[Any, dict[str, Any]]:
    """Networks of both classes for every N_h: the projections of the best and the means of the best quarter."""
    xr = require_xarray()
    task, process, horizon = Delay(delay), SparseProcess(n_features, p=p), training_horizon(delay)
    evaluate_key = experiment_key(budget, name, "evaluate")
    rows, networks = [], {}
    for label, recurrence in CLASSES.items():
        for width in n_hidden:
            init_key, train_key = (experiment_key(budget, name, label, width, use) for use in ("init", "train"))
            start = RecurrentNetwork.init(
                init_key, n_features, width, recurrence=recurrence, readout="relu", stack=n_seeds, scheme=SCHEME
            )
            result = fit(
                start,
                task,
                process,
                key=train_key,
                steps=steps,
                objective=SampledLoss(batch_size, horizon, n_evaluation=1024),
                optimizer=Adam(learning_rate),
                record=Every(0),
            )
            loss = sampled_loss(
                result.networks, task, process, key=evaluate_key, n_sequences=n_sequences, horizon=horizon
            )
            order = np.argsort(np.where(np.isfinite(loss.mean), loss.mean, np.inf), kind="stable")
            quarter = order[: max(n_seeds // 4, 2)].tolist()
            seen = np.asarray(projections(result.networks[quarter], horizon))
            diagonal, rest = diagonal_and_rest(seen, delay)
            rows.append((loss.mean / loss.silent, np.asarray(result.status), diagonal, rest, seen[0]))
            best = quarter[0]
            networks[f"{label.lower()}-{width}"] = Kept(
                result.networks[best], task, process, horizon, loss=loss.mean[best], status=result.status[best]
            )
    shape = (len(CLASSES), len(n_hidden))
    loss, status, diagonal, rest, seen = (
        np.stack(each).reshape(*shape, *each[0].shape) for each in zip(*rows, strict=True)
    )
    grid = ("class", "n_hidden")
    data = xr.Dataset(
        {
            "loss": ((*grid, "network"), loss),
            "status": ((*grid, "network"), status),
            "diagonal": ((*grid, "chosen", "feature"), diagonal),
            "rest": ((*grid, "chosen", "lag"), rest),
            "excess": ((*grid, "lag"), excess_over_zero(rest)),
            "number": (grid, represented_strict(diagonal[..., 0, :]).sum(axis=-1)),
            "projections": ((*grid, "lag", "output", "feature"), seen.astype(np.float32)),
        },
        coords={"class": list(CLASSES), "n_hidden": n_hidden},
        attrs={"delay": delay, "p": p, "horizon": horizon, "steps": steps},
    )
    return data, networks


def _measured(data: Any, networks: dict[str, Any], values: dict[str, float], kept: str) -> Measurement:
    above = data["excess"].values > 2.0
    mean = data["rest"].mean("chosen")
    worst = data["excess"].stack(at=("class", "n_hidden", "lag"))
    name, width, lag = worst["at"].values[int(np.argmax(worst.values))]
    place = {"class": name, "n_hidden": width, "lag": lag}
    largest = float(mean.max())
    return Measurement(
        values=values,
        measured=f"{kept}; mean diagonal of A_{data.attrs['delay']} at least {values['diagonal']:.2f}; remaining "
        f"entries of the best networks average {values['best']:.2g} at most; over the best quarter "
        f"{int(above.sum())} of {above.size} averages lie more than 2 standard errors above 0 (largest average "
        f"{largest:.2g}; largest score {values['quarter']:.1f} for {name}, N_h {width}, lag {lag}, where it is "
        f"{float(mean.sel(place)):.2g})",
        data=data,
        n_networks=data["loss"].size,
        horizon=str(data.attrs["horizon"]),
        networks=networks,
    )


def _wider_settings(budget: Budget) -> dict[str, Any]:
    return {
        "n_features": 10,
        "n_hidden": [2, 5, 10],
        "delay": 2,
        "p": 0.05,
        "n_seeds": 32,
        "steps": budget.steps,
        "batch_size": 64 if budget.scale == "quick" else 256,
        "learning_rate": 0.01,
        "n_sequences": budget.n_sequences,
    }


def _hundred_units_settings(budget: Budget) -> dict[str, Any]:
    quick = budget.scale == "quick"
    return {
        "n_features": 75,
        "n_hidden": [100],
        "delay": 2,
        "p": 0.05,
        "n_seeds": 16 if quick else 32,
        "steps": 1500 if quick else 3000,
        "batch_size": 32 if quick else 64,
        "learning_rate": 0.006,
        "n_sequences": 4_000 if quick else 20_000,
    }


_BARS = {
    "diagonal": Bar(">", 0.0, "smallest mean diagonal of A_2 in the best quarter"),
    "best": Bar("<=", 0.05, "largest mean of the remaining entries of a best network, over all lags"),
    "quarter": Bar("<=", 2.0, "largest mean of the remaining entries over the best quarter (standard errors)"),
}

CLAIMS = (
    Claim(
        id="wider",
        group="spatial",
        statement="With ten features and two to ten hidden units, networks recall the features that they keep and let "
        "all others, at every age, on average project where the readout does not see them.",
        expected="a positive mean diagonal of A_2, remaining entries of mean zero or below at every lag, and more "
        "features kept with more hidden units",
        bars=_BARS | {"more": Bar(">", 0.0, "smallest rise in the number of kept features with N_h")},
        measure=wider,
        draw=draw_wider,
        settings=_wider_settings,
        caveat="At any finite p an output that is not represented loses least by a small multiple of one that is, so "
        "its entries have a small positive mean. The best networks agree on it so closely that it is many standard "
        "errors from zero. The statement is one about the limit p -> 0.",
    ),
    Claim(
        id="hundred-units",
        group="spatial",
        statement="The same holds for 75 features and a hundred hidden units.",
        expected="a positive mean diagonal of A_2 and remaining entries of mean zero or below at every lag",
        bars=_BARS,
        measure=hundred_units,
        draw=draw_hundred_units,
        settings=_hundred_units_settings,
    ),
)
