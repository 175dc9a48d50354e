"""Five questions to one study: is what the paper found in small networks found in realistic ones?"""

from typing import Any

import numpy as np

from .._claim import Bar, Budget, Claim, Measurement
from ._baselines import BASELINES
from ._draw import draw_hidden, draw_measure, draw_tasks
from ._networks import ARCHITECTURES
from ._statistics import Trend, difference, mean_interval, trend
from ._study import run_study

_ADDITIVE = 0.5


def networks_do_their_tasks(budget: Budget, **settings: Any) -> Measurement:
    """Scores of the widest networks against those of linear readouts without memory."""
    data = run_study(budget, **settings)
    widest, best = data["score"].sel(control="trained").isel(width=-1).median("network"), []
    for task in data["task"].values:
        scores = ", ".join(f"{name} {float(widest.sel(task=task, architecture=name)):.2f}" for name in _names(data))
        ends = [f"{float(data[f'baseline_{name}'].sel(task=task)):.2f}" for name in BASELINES]
        best.append(f"{task}: {scores} (without memory {ends[0]}, by the clock {ends[1]}, with all inputs {ends[2]})")
    doing = doing_the_task(data)
    words = f"median score at width {int(data['width'][-1])}, {'; '.join(best)}; at least half of the way from without "
    words += f"memory to all inputs in {int(doing.sum())} of {doing.size} kinds of networks"
    return _measurement(data, task_values(data), words)


def load(budget: Budget, **settings: Any) -> Measurement:
    """Load: readable (feature, lag) pairs for each dimension that the states fill."""
    data = run_study(budget, **settings)
    values, intervals, found = load_values(data)
    untrained = by_task_in_words(data.sel(control="untrained"), "load")
    history = ", ".join(f"{task} {float(data['history_load'].sel(task=task)):.1f}" for task in data["task"].values)
    words = f"{_ends_in_words(data, 'load', 'load')}; untrained, {untrained}; the inputs themselves, {history}"
    words += f"; {_in_words(data, 'load', found)}"
    return _measurement(_with_trends(data, "load", found), values, words, intervals)


def additivity(budget: Budget, **settings: Any) -> Measurement:
    """Whether responses to impulses add up, in networks that are not linear."""
    data = run_study(budget, **settings)
    found = trends(data, "additivity")
    values, intervals = additivity_values(data)
    untrained = additivity_values(data, control="untrained")[0]["additive"]
    medians = data["additivity"].sel(control="trained").median(("task", "width", "network"))
    shown = ", ".join(f"{name} {float(medians.sel(architecture=name)):.2f}" for name in _names(data))
    words = f"{values['additive']:.0%} of nonlinear trained networks have a mean index of {_ADDITIVE} or more, "
    words += f"{untrained:.0%} of untrained ones; medians {shown}; {_in_words(data, 'additivity', found)}"
    return _measurement(_with_trends(data, "additivity", found), values, words, intervals)


def hidden(budget: Budget, **settings: Any) -> Measurement:
    """Share of what inputs that are not yet wanted do to the readouts, on average, that is negative."""
    data = run_study(budget, **settings)
    values, intervals, found = trend_values(data, "hidden")
    shares = ("invisible", "invisible_flipped", "invisible_wanted", "hidden_by_sign")
    through, flipped, wanted, _ = (by_task_in_words(data.sel(control="trained"), name) for name in shares)
    by_sign = trends(data, "hidden_by_sign")["trained"]
    words = (
        f"{_ends_in_words(data, 'hidden', 'hidden share')}; {_in_words(data, 'hidden', found)}; of changes before a "
    )
    words += f"rectified readout it does not let through, {through}; with their sign turned, {flipped}; when they are "
    words += f"wanted, {wanted}; rank correlation of what the sign alone hides {_trend_in_words(by_sign)}"
    return _measurement(_with_trends(data, "hidden", found).assign_attrs(predicted=-1), values, words, intervals)


def sharpness(budget: Budget, **settings: Any) -> Measurement:
    """What readouts still see of inputs after they were wanted, relative to what they see while they are."""
    data = run_study(budget, **settings)
    values, intervals, found = trend_values(data, "sharpness")
    words = f"{_ends_in_words(data, 'sharpness', 'sharpness')}; {_in_words(data, 'sharpness', found)}"
    return _measurement(_with_trends(data, "sharpness", found).assign_attrs(predicted=1), values, words, intervals)


def task_values(data: Any) -> dict[str, float]:
    """`beats`: the smallest of (score - score without memory), medians of the widest networks of every kind.

    NaN where a network of the widest diverged.
    """
    score = data["score"].sel(control="trained").isel(width=-1).median("network", skipna=False)
    return {"beats": float((score - data["baseline_memoryless"]).min(skipna=False))}


def doing_the_task(data: Any) -> Any:
    """Which (task, architecture, width) do the task: their median trained network is half of the way or more.

    From the score without memory to that of all inputs.
    """
    score = data["score"].sel(control="trained").median("network")
    return score - data["baseline_memoryless"] >= 0.5 * (data["baseline_everything"] - data["baseline_memoryless"])


def load_values(data: Any) -> tuple[dict[str, float], dict[str, tuple[float, float]], dict[str, Trend]]:
    """Values and intervals of the bars of `realistic-load`, and the correlations by selection."""
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
    """Mean correlations with width, and all correlations.

    - `trend`: of trained networks
    - `by_training`: that minus the one of untrained networks
    - `doing`: of trained networks at widths that do the task
    """
    found = trends(data, measure)
    apart, ends = difference(found["trained"], found["untrained"])
    values = {"trend": found["trained"].mean, "by_training": apart, "doing": found["doing the task"].mean}
    intervals = {
        "trend": found["trained"].interval,
        "by_training": ends,
        "doing": found["doing the task"].interval,
    }
    return values, intervals, found


def trends(data: Any, measure: str) -> dict[str, Trend]:
    """Correlations with width of every control, and of trained networks at widths that do the task."""
    found = {str(name): trend(data[measure].sel(control=name)) for name in data["control"].values}
    return found | {"doing the task": trend(data[measure].sel(control="trained").where(doing_the_task(data)))}


def by_task_in_words(one: Any, measure: str) -> str:
    """Medians at the smallest and the largest width, mean over architectures that have both, for every task."""
    medians = one[measure].median("network").isel(width=[0, -1])
    ends = medians.where(np.isfinite(medians).all("width")).mean("architecture")
    return ", ".join(
        f"{task} {float(ends.sel(task=task)[0]):.2f} and {float(ends.sel(task=task)[1]):.2f}"
        for task in one["task"].values
        if np.isfinite(ends.sel(task=task)).all()
    )


def _measurement(
    data: Any, values: dict[str, float], words: str, intervals: dict[str, tuple[float, float]] | None = None
) -> Measurement:
    return Measurement(
        values=values,
        measured=words,
        data=data,
        # those that diverged included
        n_networks=int(np.isfinite(data["diverged"].values).sum()),
        horizon=_LENGTHS,
        intervals=intervals or {},
    )


def _ends_in_words(data: Any, measure: str, words: str) -> str:
    widths = data["width"].values
    return f"median {words} at widths {widths[0]} and {widths[-1]}, " + by_task_in_words(
        data.sel(control="trained"), measure
    )


def _in_words(data: Any, measure: str, found: dict[str, Trend]) -> str:
    parts = [f"{_trend_in_words(each)} {name}" for name, each in found.items() if np.isfinite(each.mean)]
    kinds = found["trained"].each
    rising, falling = int((kinds > 0).sum()), int((kinds < 0).sum())
    words = (
        f"mean rank correlation with width {', '.join(parts)}; trained, it rises in {rising} and falls in {falling} of "
        f"{int(np.isfinite(kinds).sum())} pairs of task and architecture"
    )
    of_trained = data.sel(control="trained")
    # a task that does not say what it wants has no number by design
    tasks = np.isfinite(of_trained[measure]).any(("architecture", "width", "network"))
    there = np.isfinite(of_trained["diverged"]) & tasks
    without = int((there & ~np.isfinite(of_trained[measure])).sum())
    if without:
        words += f"; {without} of {int(there.sum())} trained networks have no such number"
    if diverged := int(((of_trained["diverged"] == 1) & tasks).sum()):
        words += f", {diverged} of them as they diverged"
    return words


def _trend_in_words(one: Trend) -> str:
    low, high = one.interval
    return f"{one.mean:+.2f} ({f'{low:+.2f} to {high:+.2f}' if np.isfinite(low) else 'no interval'})"


def _with_trends(data: Any, measure: str, found: dict[str, Trend]) -> Any:
    dims = ("selection", "task", "architecture")
    added = {
        "trend": (dims, np.stack([each.each for each in found.values()])),
        "trend_low": (dims, np.stack([each.low for each in found.values()])),
        "trend_high": (dims, np.stack([each.high for each in found.values()])),
        "mean_trend": ("selection", [each.mean for each in found.values()]),
        "mean_trend_low": ("selection", [each.interval[0] for each in found.values()]),
        "mean_trend_high": ("selection", [each.interval[1] for each in found.values()]),
        "doing_the_task": doing_the_task(data),
    }
    return data.assign(added).assign_coords(selection=list(found)).assign_attrs(measure=measure)


def _names(data: Any) -> list[str]:
    return [str(each) for each in data["architecture"].values]


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
        "more than one readable pair per dimension in the narrowest, falling with width, by training, also where "
        "networks do the task",
        {
            "trend": Bar("<", 0.0, "mean rank correlation of load with width"),
            "superposition": Bar(">", 1.0, "median load of the narrowest networks, mean over kinds"),
            "by_training": Bar("<", 0.0, "the correlation of trained networks minus that of untrained ones"),
            "doing": Bar("<", 0.0, "the correlation of trained networks at widths that do the task"),
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
        "a hidden share that falls with width, by training, also where networks do the task",
        {
            "trend": Bar("<", 0.0, "mean rank correlation of hidden share with width"),
            "by_training": Bar("<", 0.0, "the correlation of trained networks minus that of untrained ones"),
            "doing": Bar("<", 0.0, "the correlation of trained networks at widths that do the task"),
        },
        hidden,
        draw=draw_hidden,
    ),
    _claim(
        "sharpness",
        "Starved networks forget sharply what was wanted, and wider ones less.",
        "a sharpness (small: sharp forgetting) that rises with width, by training, also where networks do the task",
        {
            "trend": Bar(">", 0.0, "mean rank correlation of sharpness with width"),
            "by_training": Bar(">", 0.0, "the correlation of trained networks minus that of untrained ones"),
            "doing": Bar(">", 0.0, "the correlation of trained networks at widths that do the task"),
        },
        sharpness,
    ),
)
