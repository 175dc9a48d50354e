"""Five questions to one study: is what the paper found in small networks found in realistic ones?"""

from typing import Any

import numpy as np

from .._claim import Bar, Budget, Claim, Measurement
from ._draw import draw_measure, draw_tasks
from ._networks import ARCHITECTURES
from ._statistics import Trend, difference, mean_interval, trend
from ._study import run_study

_ADDITIVE = 0.5


def networks_do_their_tasks(budget: Budget, **settings: Any) -> Measurement:
    """Scores of the widest networks against those of linear readouts without memory."""
    data = run_study(budget, **settings)
    values = task_values(data)
    widest, best = data["score"].sel(control="trained").isel(width=-1).median("network"), []
    for task in data["task"].values:
        scores = ", ".join(
            f"{name} {float(widest.sel(task=task, architecture=name)):.2f}" for name in _architectures(data)
        )
        ends = [float(data[f"baseline_{name}"].sel(task=task)) for name in ("memoryless", "everything")]
        best.append(f"{task}: {scores} (without memory {ends[0]:.2f}, with all inputs at hand {ends[1]:.2f})")
    return Measurement(
        values=values,
        measured=f"median score at width {int(data['width'][-1])}, {'; '.join(best)}",
        data=data,
        n_networks=_count(data),
        horizon=_LENGTHS,
    )


def load(budget: Budget, **settings: Any) -> Measurement:
    """Load: readable (feature, lag) pairs for each dimension that the states fill."""
    data = run_study(budget, **settings)
    values, intervals, found = load_values(data)
    untrained = _at_ends(data.sel(control="untrained"), "load")[0]
    history = ", ".join(f"{task} {float(data['history_load'].sel(task=task)):.1f}" for task in data["task"].values)
    of_trained = data.sel(control="trained")
    pairs, dimensions = (_at_ends(of_trained, name) for name in ("n_readable", "dimensions"))
    return Measurement(
        values=values,
        measured=f"{_ends_in_words(data, 'load', 'load')} ({pairs[0]:.1f} pairs in {dimensions[0]:.1f} dimensions and "
        f"{pairs[1]:.1f} in {dimensions[1]:.1f}); untrained {untrained:.2g} at the narrow end; the inputs themselves: "
        f"{history}; {_in_words(data, 'load', found)}",
        data=_with_trends(data, "load", found),
        n_networks=_count(data),
        horizon=_LENGTHS,
        intervals=intervals,
    )


def additivity(budget: Budget, **settings: Any) -> Measurement:
    """Whether responses to impulses add up, in networks that are not linear."""
    data = run_study(budget, **settings)
    found = _trends(data, "additivity")
    values, intervals = additivity_values(data)
    untrained = additivity_values(data, control="untrained")[0]["additive"]
    medians = data["additivity"].sel(control="trained").median(("task", "width", "network"))
    shown = ", ".join(f"{name} {float(medians.sel(architecture=name)):.2f}" for name in _architectures(data))
    return Measurement(
        values=values,
        measured=f"{values['additive']:.0%} of nonlinear trained networks have an index of {_ADDITIVE} or more, "
        f"{untrained:.0%} of untrained ones; medians {shown}; {_in_words(data, 'additivity', found)}",
        data=_with_trends(data, "additivity", found),
        n_networks=_count(data),
        horizon=_LENGTHS,
        intervals=intervals,
    )


def hidden(budget: Budget, **settings: Any) -> Measurement:
    """Share of what inputs that are not yet wanted do to the readouts, on average, that is negative."""
    data = run_study(budget, **settings)
    invisible = trend_values(data, "invisible")[2]["trained"]
    ends = _at_ends(data.sel(control="trained"), "invisible")
    more = (
        f"; of a rectified readout (recall) {ends[0]:.2f} and {ends[1]:.2f} of the change is not let through, rank "
        f"correlation {invisible.mean:+.2f} ({_interval_in_words(invisible)})"
    )
    return _trend_measurement(data, "hidden", "hidden share", sign=-1, more=more)


def sharpness(budget: Budget, **settings: Any) -> Measurement:
    """What readouts still see of inputs after they were wanted, relative to what they see while they are."""
    data = run_study(budget, **settings)
    return _trend_measurement(data, "sharpness", "sharpness", sign=1)


def task_values(data: Any) -> dict[str, float]:
    """`beats`: the smallest of (score - score without memory), medians of the widest networks of every kind.

    NaN where a network of the widest diverged.
    """
    score = data["score"].sel(control="trained").isel(width=-1).median("network", skipna=False)
    return {"beats": float((score - data["baseline_memoryless"]).min(skipna=False))}


def load_values(data: Any) -> tuple[dict[str, float], dict[str, tuple[float, float]], dict[str, Trend]]:
    """Values and intervals of the bars of `realistic-load`, and the correlations by control."""
    values, intervals, found = trend_values(data, "load")
    narrow = data["load"].sel(control="trained").isel(width=0).transpose("task", "architecture", "network").values
    found_median = mean_interval(narrow.reshape(-1, narrow.shape[-1]), lambda each: float(np.median(each)))
    values["superposition"], intervals["superposition"] = found_median
    return values, intervals, found


def additivity_values(
    data: Any, *, control: str = "trained"
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """`additive`: share of nonlinear networks with an index of 0.5 or more, mean over kinds, which are resampled."""
    index = data["additivity"].sel(control=control).drop_sel(architecture="LRU", errors="ignore")
    index = index.transpose("task", "architecture", "width", "network").values
    kinds = index.reshape(index.shape[0] * index.shape[1], -1)
    share, ends = mean_interval(kinds, lambda each: float((each >= _ADDITIVE).mean()), among_kinds=True)
    return {"additive": share}, {"additive": ends}


def trend_values(data: Any, measure: str) -> tuple[dict[str, float], dict[str, tuple[float, float]], dict[str, Trend]]:
    """`trend`: mean correlation with width; `by_training`: that minus the one of untrained networks."""
    found = _trends(data, measure)
    apart, ends = difference(found["trained"], found["untrained"])
    values = {"trend": found["trained"].mean, "by_training": apart}
    return values, {"trend": found["trained"].interval, "by_training": ends}, found


def _trend_measurement(data: Any, measure: str, words: str, *, sign: int, more: str = "") -> Measurement:
    values, intervals, found = trend_values(data, measure)
    return Measurement(
        values=values,
        measured=f"{_ends_in_words(data, measure, words)}; {_in_words(data, measure, found)}{more}",
        data=_with_trends(data, measure, found).assign_attrs(predicted=sign),
        n_networks=_count(data),
        horizon=_LENGTHS,
        intervals=intervals,
    )


def _at_ends(one: Any, measure: str) -> tuple[float, float]:
    """Medians at the smallest and the largest width, mean over the kinds of networks that have both."""
    medians = one[measure].median("network").isel(width=[0, -1]).stack(kind=("task", "architecture"))
    both = medians.dropna("kind", how="any").mean("kind")
    return float(both[0]), float(both[1])


def _ends_in_words(data: Any, measure: str, words: str) -> str:
    ends, widths = _at_ends(data.sel(control="trained"), measure), data["width"].values
    return f"median {words} {ends[0]:.2f} at width {widths[0]} and {ends[1]:.2f} at {widths[-1]}"


def _trends(data: Any, measure: str) -> dict[str, Trend]:
    return {str(name): trend(data[measure].sel(control=name)) for name in data["control"].values}


def _in_words(data: Any, measure: str, found: dict[str, Trend]) -> str:
    parts = [f"{each.mean:+.2f} ({_interval_in_words(each)}) {name}" for name, each in found.items()]
    kinds = found["trained"].each
    rising, falling = int((kinds > 0).sum()), int((kinds < 0).sum())
    words = (
        f"mean rank correlation with width {', '.join(parts)}; trained, it rises in {rising} and falls in {falling} of "
        f"{int(np.isfinite(kinds).sum())} pairs of task and architecture"
    )
    of_trained = data.sel(control="trained")
    there = np.isfinite(of_trained["diverged"])
    without = int((there & ~np.isfinite(of_trained[measure])).sum())
    if without:
        words += f"; {without} of {int(there.sum())} trained networks have no such number"
    if diverged := int((of_trained["diverged"] == 1).sum()):
        words += f", {diverged} of them as they diverged"
    return words


def _interval_in_words(one: Trend) -> str:
    low, high = one.interval
    return f"{low:+.2f} to {high:+.2f}" if np.isfinite(low) else "no interval"


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


def _count(data: Any) -> int:
    """Networks that were trained or measured, those that diverged included."""
    return int(np.isfinite(data["diverged"].values).sum())


_LENGTHS = "24 (recall), 22 (classification), 52 (forecast)"


def _settings(budget: Budget) -> dict[str, Any]:
    quick = budget.scale == "quick"
    return {
        "tasks": ["recall", "classification", "forecast"],
        "architectures": list(ARCHITECTURES),
        "widths": [2, 4, 8, 32, 128, 512],
        "n_seeds": 4 if quick else 10,
        "n_shuffled": 2 if quick else 4,
        "schedule": {"steps": 250 if quick else 1000, "batch_size": 16, "learning_rate": 0.01},
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
        "Networks trained on recorded data remember: wide ones do better than a linear readout of the input of the "
        "moment.",
        "scores above those without memory for every architecture on every task",
        {"beats": Bar(">", 0.0, "smallest advantage of the widest networks over the score without memory")},
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
        "What inputs do to the readouts before they are wanted is negative in starved networks, and less so in wider "
        "ones.",
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
