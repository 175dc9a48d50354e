"""Five questions to one study: is what the paper found in small networks found in realistic ones?"""

from typing import Any

import numpy as np

from .._claim import Bar, Budget, Claim, Measurement
from ._draw import draw_measure, draw_tasks
from ._networks import ARCHITECTURES
from ._statistics import Trend, difference, median_interval, trend
from ._study import run_study

_ADDITIVE = 0.5


def networks_do_their_tasks(budget: Budget, **settings: Any) -> Measurement:
    """Scores of the widest networks against the best that needs no memory."""
    data = run_study(budget, **settings)
    values = task_values(data)
    widest, best = data["score"].sel(control="trained").isel(width=-1).median("network"), []
    for task in data["task"].values:
        scores = ", ".join(
            f"{name} {float(widest.sel(task=task, architecture=name)):.2f}" for name in _architectures(data)
        )
        ends = [float(data[f"baseline_{name}"].sel(task=task)) for name in ("memoryless", "all")]
        best.append(f"{task}: {scores} (without memory {ends[0]:.2f}, with all inputs at hand {ends[1]:.2f})")
    return Measurement(
        values=values,
        measured=f"median score at width {int(data['width'][-1])}, {'; '.join(best)}",
        data=data,
        n_networks=_count(data, "score"),
        horizon=_LENGTHS,
    )


def load(budget: Budget, **settings: Any) -> Measurement:
    """Load: readable (feature, lag) pairs for each dimension that the states fill."""
    data = run_study(budget, **settings)
    values, intervals, found = load_values(data)
    of_trained, widths = data["load"].sel(control="trained"), data["width"].values
    history = ", ".join(f"{task} {float(data['history_load'].sel(task=task)):.1f}" for task in data["task"].values)
    return Measurement(
        values=values,
        measured=f"median load {values['superposition']:.2g} at width {widths[0]} and "
        f"{float(of_trained.isel(width=-1).median()):.2g} at {widths[-1]}, where the inputs themselves have {history}; "
        + _in_words(data, "load", found),
        data=_with_trends(data, "load", found),
        n_networks=_count(data, "load"),
        horizon=_LENGTHS,
        intervals=intervals,
    )


def additivity(budget: Budget, **settings: Any) -> Measurement:
    """Whether responses to impulses add up, in networks that are not linear."""
    data = run_study(budget, **settings)
    found = _trends(data, "additivity")
    values, intervals = additivity_values(data)
    medians = data["additivity"].sel(control="trained").median(("task", "width", "network"))
    shown = ", ".join(f"{name} {float(medians.sel(architecture=name)):.2f}" for name in _architectures(data))
    return Measurement(
        values=values,
        measured=f"{values['additive']:.0%} of nonlinear trained networks have an index of {_ADDITIVE} or more; "
        f"medians {shown}; {_in_words(data, 'additivity', found)}",
        data=_with_trends(data, "additivity", found),
        n_networks=_count(data, "additivity"),
        horizon=_LENGTHS,
        intervals=intervals,
    )


def hidden(budget: Budget, **settings: Any) -> Measurement:
    """Share of what readouts would see of inputs that are not yet wanted that is negative."""
    data = run_study(budget, **settings)
    return _trend_measurement(data, "hidden", "hidden share", sign=-1)


def sharpness(budget: Budget, **settings: Any) -> Measurement:
    """What readouts still see of inputs after they were wanted, relative to what they see while they are."""
    data = run_study(budget, **settings)
    return _trend_measurement(data, "sharpness", "sharpness", sign=1)


def task_values(data: Any) -> dict[str, float]:
    """`beats`: the smallest of (score - score without memory), medians of the widest networks of every kind."""
    score = data["score"].sel(control="trained").isel(width=-1).median("network")
    return {"beats": float((score - data["baseline_memoryless"]).min())}


def load_values(data: Any) -> tuple[dict[str, float], dict[str, tuple[float, float]], dict[str, Trend]]:
    """Values and intervals of the bars of `realistic-load`, and the correlations by control."""
    values, intervals, found = trend_values(data, "load")
    narrow = data["load"].sel(control="trained").isel(width=0).values
    values["superposition"], intervals["superposition"] = median_interval(narrow.reshape(-1, narrow.shape[-1]))
    return values, intervals, found


def additivity_values(data: Any) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """`additive`: share of trained nonlinear networks with an index of 0.5 or more, with its Wilson interval."""
    from scipy.stats import binomtest

    index = data["additivity"].sel(control="trained").drop_sel(architecture="LRU", errors="ignore").values
    index = index[np.isfinite(index)]
    if not len(index):
        return {"additive": np.nan}, {"additive": (np.nan, np.nan)}
    test = binomtest(int((index >= _ADDITIVE).sum()), len(index)).proportion_ci(method="wilson")
    return {"additive": float((index >= _ADDITIVE).mean())}, {"additive": (float(test.low), float(test.high))}


def trend_values(data: Any, measure: str) -> tuple[dict[str, float], dict[str, tuple[float, float]], dict[str, Trend]]:
    """`trend`: mean correlation with width; `by_training`: that minus the one of untrained networks."""
    found = _trends(data, measure)
    apart, ends = difference(found["trained"], found["untrained"])
    values = {"trend": found["trained"].mean, "by_training": apart}
    return values, {"trend": found["trained"].interval, "by_training": ends}, found


def _trend_measurement(data: Any, measure: str, words: str, *, sign: int) -> Measurement:
    values, intervals, found = trend_values(data, measure)
    of_trained = data[measure].sel(control="trained")
    ends = [float(of_trained.isel(width=at).median()) for at in (0, -1)]
    widths = data["width"].values
    return Measurement(
        values=values,
        measured=f"median {words} {ends[0]:.2f} at width {widths[0]} and {ends[1]:.2f} at {widths[-1]}; "
        + _in_words(data, measure, found),
        data=_with_trends(data, measure, found).assign_attrs(predicted=sign),
        n_networks=_count(data, measure),
        horizon=_LENGTHS,
        intervals=intervals,
    )


def _trends(data: Any, measure: str) -> dict[str, Trend]:
    return {str(name): trend(data[measure].sel(control=name)) for name in data["control"].values}


def _in_words(data: Any, measure: str, found: dict[str, Trend]) -> str:
    parts = [
        f"{each.mean:+.2f} ({each.interval[0]:+.2f} to {each.interval[1]:+.2f}) {name}" for name, each in found.items()
    ]
    kinds = found["trained"].each
    rising, falling = int((kinds > 0).sum()), int((kinds < 0).sum())
    of_trained = data.sel(control="trained")
    without = np.isfinite(of_trained["score"]) & ~np.isfinite(of_trained[measure])
    return (
        f"mean rank correlation with width {', '.join(parts)}; trained, it rises in {rising} and falls in {falling} of "
        f"{int(np.isfinite(kinds).sum())} pairs of task and architecture; {int(without.sum())} of "
        f"{int(np.isfinite(of_trained['score']).sum())} trained networks have no such number"
    )


def _with_trends(data: Any, measure: str, found: dict[str, Trend]) -> Any:
    dims = ("control", "task", "architecture")
    kinds = [found[name] for name in data["control"].values]
    added = {
        "trend": (dims, np.stack([each.each for each in kinds])),
        "trend_low": (dims, np.stack([each.low for each in kinds])),
        "trend_high": (dims, np.stack([each.high for each in kinds])),
        "mean_trend": ("control", [each.mean for each in kinds]),
        "mean_trend_low": ("control", [each.interval[0] for each in kinds]),
        "mean_trend_high": ("control", [each.interval[1] for each in kinds]),
    }
    return data.assign(added).assign_attrs(measure=measure)


def _architectures(data: Any) -> list[str]:
    return [str(each) for each in data["architecture"].values]


def _count(data: Any, measure: str) -> int:
    """Networks that were trained or measured; those whose measure does not exist included."""
    return int(np.isfinite(data["score"].values).sum())


_LENGTHS = "24 (recall), 22 (classification), 52 (forecast)"


def _settings(budget: Budget) -> dict[str, Any]:
    quick = budget.scale == "quick"
    return {
        "tasks": ["recall", "classification", "forecast"],
        "architectures": list(ARCHITECTURES),
        "widths": [2, 4, 8, 32, 128, 512],
        "n_seeds": 4 if quick else 10,
        "n_shuffled": 2 if quick else 10,
        "schedule": {"steps": 250 if quick else 1500, "batch_size": 16, "learning_rate": 0.01},
    }


def _claim(
    name: str, statement: str, expected: str, bars: dict[str, Bar], measure: Any, *, draw: Any = draw_measure
) -> Claim:
    return Claim(
        id=f"realistic-{name}",
        group="realistic",
        statement=statement,
        expected=expected,
        bars=bars,
        measure=measure,
        draw=draw,
        settings=_settings,
        on_request=True,
    )


CLAIMS = (
    _claim(
        "tasks",
        "Networks trained on recorded data remember: wide ones do better than anything that sees only the input of "
        "the moment.",
        "scores above the best without memory for every architecture on every task",
        {"beats": Bar(">", 0.0, "smallest advantage of the widest networks over the best score without memory")},
        networks_do_their_tasks,
        draw=draw_tasks,
    ),
    _claim(
        "load",
        "Starved networks superpose (feature, lag) pairs, and wider ones less.",
        "more than one readable pair per dimension in the narrowest, falling with width, by training",
        {
            "trend": Bar("<", 0.0, "mean rank correlation of load with width"),
            "superposition": Bar(">", 1.0, "median load of the narrowest networks, mean over kinds"),
            "by_training": Bar("<", 0.0, "the correlation of trained networks minus that of untrained ones"),
        },
        load,
    ),
    _claim(
        "additivity",
        "Feature directions describe realistic networks: responses to inputs of different ages add up.",
        "an index of one half or more in most trained networks that are not linear",
        {"additive": Bar(">=", 0.5, "share of trained nonlinear networks with an additivity index of 0.5 or more")},
        additivity,
    ),
    _claim(
        "hidden",
        "Starved networks hide what is not yet wanted where the readout cannot see it, and wider ones less.",
        "a hidden share that falls with width, by training",
        {
            "trend": Bar("<", 0.0, "mean rank correlation of hidden share with width"),
            "by_training": Bar("<", 0.0, "the correlation of trained networks minus that of untrained ones"),
        },
        hidden,
    ),
    _claim(
        "sharpness",
        "Starved networks forget sharply what was wanted, and wider ones less.",
        "a sharpness (small: sharp forgetting) that rises with width, by training",
        {
            "trend": Bar(">", 0.0, "mean rank correlation of sharpness with width"),
            "by_training": Bar(">", 0.0, "the correlation of trained networks minus that of untrained ones"),
        },
        sharpness,
    ),
)
