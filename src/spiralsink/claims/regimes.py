"""Claims about what networks do with inputs that wait: hide them when inputs are sparse, not when they are dense."""

from typing import Any

import numpy as np

from ..networks import stack_networks
from ..processes import SparseProcess
from ..tasks import Delay
from ._claim import Bar, Budget, Claim, Measurement
from ._draw_regimes import draw_dense_is_linear, draw_free_space
from ._experiments import exact_optima, experiment_key, percent, training_horizon
from ._folder import require_xarray
from ._kept import Kept, kept_population
from ._population import MODELS, Population, planes, population_settings, seen, train_population
from ._values_regimes import dense_values, free_space_values


def free_space(
    budget: Budget,
    *,
    delay: int,
    p: float,
    schemes: dict[str, Any],
    n_seeds: int,
    **training: Any,
) -> Measurement:
    """Trains sparse networks of all three classes and measures where the readout of the best one finds old inputs."""
    xr = require_xarray()
    horizon = training_horizon(delay)
    found = {
        model: train_population(
            delay,
            [p],
            model=model,
            schemes=schemes[model],
            n_seeds=n_seeds,
            key=experiment_key(budget, "free-space", model),
            **training,
        )
        for model in MODELS
    }
    # the shipped weights start in the geometry: whether training finds it is for plain ones to show
    index = [each.best_from("plain") for each in found.values()]
    best = [each.networks[0, at] for each, at in zip(found.values(), index, strict=True)]
    fractions = np.array([each.geometry.free_fraction[0, at] for each, at in zip(found.values(), index, strict=True)])
    stacked = {model: stack_networks([network]) for model, network in zip(found, best, strict=True)}
    drawn = [planes(each, horizon) for each in stacked.values()]
    data = xr.Dataset(
        {
            **{
                name: (("model", *drawn[0][name][0][1:]), np.concatenate([each[name][1] for each in drawn]))
                for name in drawn[0]
            },
            "projections": (("model", "lag"), np.concatenate([seen(each, horizon) for each in stacked.values()])),
            "best_free_fraction": ("model", fractions),
            "free_fraction": (("model", "network"), _gather(found, lambda each: each.geometry.free_fraction[0])),
            "loss_per_p": (("model", "network"), _gather(found, lambda each: each.loss_per_p[0])),
            "status": (("model", "network"), _gather(found, lambda each: each.status[0])),
            "best": ("model", index),
        },
        coords={"model": list(found), "scheme_index": ("network", np.repeat([0, 1], n_seeds))},
        attrs={
            "delay": delay,
            "p": p,
            "horizon": horizon,
            "gauge": "as_trained",
            "kind": "algebraic",
            "readout": "relu",
        },
    )
    listed = ", ".join(f"{_NAMES[model]} {value:.3f}" for model, value in zip(found, fractions, strict=True))
    return Measurement(
        values=free_space_values(dict(zip(found, fractions, strict=True))),
        measured=f"share of waiting features in the interference-free space: {listed} (the best of {n_seeds} "
        f"each, from plain weights)",
        data=data,
        n_networks=sum(each.status.size for each in found.values()),
        horizon=str(horizon),
        networks={
            **dict(zip(found, best, strict=True)),
            **{f"{model}-population": kept_population(each, Delay(delay), horizon) for model, each in found.items()},
        },
    )


def dense_is_linear(
    budget: Budget,
    *,
    delays: list[int],
    p: list[float],
    schemes: dict[str, Any],
    n_seeds: int,
    n_starts: int,
    **training: Any,
) -> Measurement:
    """Trains dense networks with a ReLU readout and compares the best of them with the linear optimum at the same T."""
    xr = require_xarray()
    parts, networks, total = [], {}, 0
    most = max(delays) + 1
    for delay in delays:
        horizon = training_horizon(delay)
        key = experiment_key(budget, "dense-is-linear", delay)
        optima = exact_optima([(delay, each) for each in p], n_hidden=2, n_starts=n_starts, horizon=horizon, key=key)
        linear = stack_networks([each.network for each in optima])
        rows = {"linear": (np.array([each.loss_per_p for each in optima]), np.zeros(len(p)), linear)}
        for model in ("ssm", "nonlinear"):
            key = experiment_key(budget, "dense-is-linear", delay, model)
            trained = train_population(
                delay, p, model=model, schemes=schemes[model], n_seeds=n_seeds, key=key, **training
            )
            total += trained.status.size
            rows[model] = _best_of(trained)
            networks[f"{model}-delay-{delay}"] = Kept(
                rows[model][2],
                Delay(delay),
                SparseProcess(1, p=np.array(p)[:, None]),
                training_horizon(delay),
                loss=rows[model][0] * p,
                loss_standard_error=rows[model][1] * p,
            )
        parts.append(
            xr.Dataset(
                {
                    "loss_per_p": (("model", "p"), np.stack([each[0] for each in rows.values()])),
                    "standard_error": (("model", "p"), np.stack([each[1] for each in rows.values()])),
                    "projections": (
                        ("model", "p", "lag"),
                        np.stack([seen(each[2], 2 * most) for each in rows.values()]),
                    ),
                },
                coords={"model": list(rows), "p": p},
            )
        )
        total += len(p) * n_starts
    data = xr.concat(parts, xr.DataArray(delays, dims="delay", name="delay"))
    data["excess"] = data["loss_per_p"] / data["loss_per_p"].sel(model="linear") - 1
    lag = xr.DataArray(np.arange(data.sizes["lag"]), dims="lag")
    waiting = lag <= data["delay"]
    data["difference"] = (data["projections"] - data["projections"].sel(model="linear")).where(waiting)
    values = dense_values(
        {model: data["excess"].sel(model=model).values for model in ("ssm", "nonlinear")},
        data["difference"]
        .sel(model="ssm")
        .transpose("delay", "lag", ...)
        .values[waiting.transpose("delay", "lag").values],
    )
    data.attrs = {"horizons": ", ".join(str(training_horizon(each)) for each in delays)}
    apart = float(np.nanmax(np.abs(data["difference"].sel(model="nonlinear").values)))
    return Measurement(
        values=values,
        measured=f"losses within {percent(values['ssm'])} (SSM) and {percent(values['nonlinear'])} (nonlinear) of the "
        f"linear optimum; projections apart by at most {values['projections']:.3f} (SSM) and {apart:.3f} (nonlinear)",
        data=data,
        n_networks=total,
        horizon=data.attrs["horizons"],
        networks=networks,
    )


_NAMES = {"linear": "linear", "ssm": "SSM", "nonlinear": "nonlinear"}


def _gather(found: dict[str, Population], number: Any) -> np.ndarray:
    return np.stack([np.asarray(number(each)) for each in found.values()])


def _best_of(trained: Population) -> tuple[np.ndarray, np.ndarray, Any]:
    rows = np.arange(len(trained.p))
    return trained.loss_per_p[rows, trained.best], trained.standard_error[rows, trained.best], trained.best_networks


def _free_space_settings(budget: Budget) -> dict[str, Any]:
    delay = 4
    plain = {"kind": "normal"}
    return {
        "delay": delay,
        "p": 0.02,
        "schemes": {
            "linear": {"plain": plain, "spiral": {"kind": "spiral", "delay": delay, "turn": 90.0}},
            "ssm": {"plain": plain, "spiral": {"kind": "spiral", "delay": delay, "turn": 240.0, "modulus": 0.6}},
            "nonlinear": {"plain": plain, "clock": {"kind": "clock", "delay": delay, "modulus": 1.5}},
        },
        "n_seeds": budget.n_seeds,
        **population_settings(budget),
    }


def _dense_settings(budget: Budget) -> dict[str, Any]:
    schemes = {"plain": {"kind": "normal"}, "orthogonal": {"kind": "orthogonal"}}
    return {
        "delays": [3, 4],
        "p": [0.7, 1.0],
        "schemes": {"ssm": schemes, "nonlinear": schemes},
        "n_seeds": 64 if budget.scale == "quick" else 256,
        "n_starts": budget.n_seeds,
        **population_settings(budget),
    }


CLAIMS = (
    Claim(
        id="free-space",
        group="sparse",
        statement="Sparse networks with a ReLU readout keep waiting features in the interference-free space, where the "
        "readout cannot see them; linear ones cannot.",
        expected="nearly all of what a readout would see of waiting features is negative with a ReLU readout, little "
        "of it without",
        bars={
            "ssm": Bar(">=", 0.95, "free fraction of the best SSM"),
            "nonlinear": Bar(">=", 0.95, "free fraction of the best nonlinear network"),
            "linear": Bar("<=", 0.3, "free fraction of the best linear network"),
        },
        measure=free_space,
        draw=draw_free_space,
        settings=_free_space_settings,
    ),
    Claim(
        id="dense-is-linear",
        group="sparse",
        statement="When inputs are dense, the best networks with a ReLU readout, and with a ReLU recurrence too, lose "
        "as much as the best linear network, and those with a linear recurrence see what it sees.",
        expected="the loss of the linear optimum, and for SSMs its projections",
        bars={
            "ssm": Bar("<=", 0.02, "largest relative distance of the best SSM's loss from the linear optimum at its T"),
            "nonlinear": Bar(
                "<=", 0.05, "largest relative distance of the best nonlinear network's loss from that optimum"
            ),
            "projections": Bar("<=", 0.06, "largest distance of an SSM's projection a_s from the optimum's, s <= k"),
        },
        measure=dense_is_linear,
        draw=draw_dense_is_linear,
        settings=_dense_settings,
    ),
)
