"""The claim that most networks reach the geometry, and from which initial weights."""

from typing import Any

import numpy as np

from ..tasks import Delay
from ._claim import Bar, Budget, Claim, Measurement
from ._draw_seeds import draw_how_many
from ._experiments import experiment_key, training_horizon
from ._folder import require_xarray
from ._kept import kept_population
from ._population import population_settings, train_population
from ._values import wilson
from ._values_regimes import reached


def how_many(
    budget: Budget,
    *,
    cases: dict[str, Any],
    others: list[Any],
    within: float,
    n_seeds: int,
    n_other_seeds: int,
    **training: Any,
) -> Measurement:
    """Trains many networks of every class from shipped and from plain weights and counts how many reach the best."""
    xr = require_xarray()
    found, values, shares = {}, {}, {}
    for model, case in cases.items():
        trained = train_population(
            case["delay"],
            [case["p"]],
            model=model,
            schemes={"shipped": case["shipped"], "plain": {"kind": "normal"}},
            n_seeds=n_seeds,
            key=experiment_key(budget, "how-many", model),
            **training,
        )
        there, _ = reached(trained.loss_per_p[0], trained.geometry.regime[0], within=within)
        found[model] = trained, there
        counts = {name: int(there[trained.scheme == name].sum()) for name in ("shipped", "plain")}
        intervals = {name: wilson(count, n_seeds) for name, count in counts.items()}
        shares[model] = {name: (share, *ends) for name, (share, ends) in intervals.items()}
        values[model] = shares[model]["shipped"][1]
    table = np.array([[shares[model][name] for name in ("shipped", "plain")] for model in cases])
    first = [each for each, _ in found.values()]
    data = xr.Dataset(
        {
            "share": (("model", "scheme", "quantity"), table),
            "loss_per_p": (("model", "network"), np.stack([each.loss_per_p[0] for each in first])),
            "regime": (("model", "network"), np.stack([each.geometry.regime[0] for each in first]).astype(str)),
            "reached": (("model", "network"), np.stack([there for _, there in found.values()])),
            "status": (("model", "network"), np.stack([each.status[0] for each in first])),
            **_other_settings(budget, others, within, n_other_seeds, training),
        },
        coords={
            "model": list(cases),
            "scheme": ["shipped", "plain"],
            "quantity": ["share", "low", "high"],
            "network_scheme": ("network", first[0].scheme),
            "delay": ("model", [case["delay"] for case in cases.values()]),
            "p": ("model", [case["p"] for case in cases.values()]),
        },
        attrs={"within": within},
    )
    words = ", ".join(
        f"{_NAMES[model]} {shares[model]['shipped'][0]:.0%} (plain {shares[model]['plain'][0]:.0%})" for model in cases
    )
    return Measurement(
        values=values,
        measured=f"share of {n_seeds} networks within {within:.0%} of the best loss and in its regime: {words}",
        data=data,
        n_networks=sum(each.status.size for each in first) + int(data["other_networks"]),
        horizon=", ".join(str(training_horizon(case["delay"])) for case in cases.values()),
        networks={
            **{model: trained.best_networks[0] for model, (trained, _) in found.items()},
            **{
                f"{model}-population": kept_population(trained, Delay(case["delay"]), training_horizon(case["delay"]))
                for (model, (trained, _)), case in zip(found.items(), cases.values(), strict=True)
            },
        },
    )


_NAMES = {"linear": "linear", "ssm": "SSM", "nonlinear": "nonlinear"}


def _other_settings(budget: Budget, others: list[Any], within: float, n_seeds: int, training: Any) -> dict[str, Any]:
    """The same shares of nonlinear networks elsewhere: no bar, but how far the initialisation carries."""
    near, alive, lowest, total = [], [], [], 0
    horizon = training_horizon(max(int(each["delay"]) for each in others))
    for n_hidden, delay in dict.fromkeys((int(each["n_hidden"]), int(each["delay"])) for each in others):
        group = [each for each in others if (each["n_hidden"], each["delay"]) == (n_hidden, delay)]
        trained = train_population(
            delay,
            [float(each["p"]) for each in group],
            model="nonlinear",
            schemes={"shipped": _clock(delay), "plain": {"kind": "normal"}},
            n_seeds=n_seeds,
            n_hidden=n_hidden,
            horizon=horizon,
            key=experiment_key(budget, "how-many", "others", n_hidden, delay),
            **training,
        )
        total += trained.status.size
        for row in range(len(group)):
            there, _ = reached(trained.loss_per_p[row], trained.geometry.regime[row], within=within)
            represented = np.asarray(trained.geometry.regime[row]) != "unrepresented"
            names = ("shipped", "plain")
            near.append([there[trained.scheme == name].mean() for name in names])
            alive.append([represented[trained.scheme == name].mean() for name in names])
            lowest.append([np.nanmin(trained.loss_per_p[row][trained.scheme == name]) for name in names])
    return {
        "other_reached": (("other", "scheme"), np.array(near)),
        "other_represented": (("other", "scheme"), np.array(alive)),
        "other_lowest_loss_per_p": (("other", "scheme"), np.array(lowest)),
        "other_n_hidden": ("other", [each["n_hidden"] for each in others]),
        "other_delay": ("other", [each["delay"] for each in others]),
        "other_p": ("other", [each["p"] for each in others]),
        "other_networks": total,
        "other_horizon": horizon,
    }


def _clock(delay: int) -> dict[str, Any]:
    # longer waits are better with a growing memory
    return {"kind": "clock", "delay": delay, "modulus": 1.5 if delay >= 4 else 0.85}


def _settings(budget: Budget) -> dict[str, Any]:
    elsewhere = [(2, 2), (2, 4), (2, 6), (4, 4)]
    if budget.scale == "full":
        elsewhere = [(2, 2), (2, 3), (2, 4), (2, 5), (2, 6), (3, 4), (4, 4), (8, 4)]
    others = [{"n_hidden": n_hidden, "delay": delay, "p": p} for n_hidden, delay in elsewhere for p in (0.03, 0.1, 0.3)]
    return {
        "cases": {
            "linear": {"delay": 4, "p": 0.5, "shipped": {"kind": "spiral", "delay": 4, "turn": 90.0}},
            "ssm": {"delay": 4, "p": 0.1, "shipped": {"kind": "spiral", "delay": 4, "turn": 240.0, "modulus": 0.6}},
            "nonlinear": {"delay": 3, "p": 0.03, "shipped": {"kind": "clock", "delay": 3}},
        },
        "others": others,
        "within": 0.05,
        "n_seeds": 256,
        "n_other_seeds": 64,
        **population_settings(budget),
    }


CLAIMS = (
    Claim(
        id="how-many",
        group="robustness",
        statement="From initial weights in its basin, most networks reach the geometry of the best one.",
        expected="at least half of all seeds, failures included, from weights that start in the geometry's basin",
        bars={
            model: Bar(">=", 0.5, f"lower end of the 95 % interval of the share that is reached, {name}")
            for model, name in _NAMES.items()
        },
        measure=how_many,
        draw=draw_how_many,
        settings=_settings,
    ),
)
