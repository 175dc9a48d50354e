"""Axes of the figures of a sweep: what they are called, where their ticks are, how series are told apart."""

from typing import Any

import numpy as np

from ._style import require_matplotlib, series_style
from ._sweep_data import MetricData, SweepAxis

_SYMBOLS = {"p": "$p$", "delay": "$k$", "n_hidden": "$N_h$", "n_features": "$N_x$"}
_COORDINATES = {
    "p": "activity probability $p$",
    "delay": "delay $k$ (steps)",
    "n_hidden": "hidden units $N_h$",
    "n_features": "features $N_x$",
    "horizon": "horizon $T$ (steps)",
}
_METRICS = {
    "loss": "loss\n(squared input per step)",
    "eigenangle_span": "eigenangle span\n(degrees)",
    "spectral_radius": "spectral radius",
    "free_fraction": "free fraction",
    "sharpness": "sharpness",
    "n_represented": "represented outputs",
}
_SHARES = ("free_fraction",)
_DIGITS = ((1,), (1, 2, 5), tuple(range(1, 10)))
_FEWEST_TICKS, _MOST_TICKS = 3, 8
_N_STYLES = 7
_TICK_LETTERS = 36
_COLORS, _COLOR_RANGE = "viridis", (0.0, 0.86)


def coordinate_label(name: str) -> str:
    """What an axis of a plan is called, with its unit where it has one."""
    return _COORDINATES.get(name, name.replace("_", " "))


def value_label(axis: SweepAxis, index: int) -> str:
    """A value of a coordinate as a legend or a title gives it, such as "k = 4"."""
    return f"{_SYMBOLS.get(axis.name, axis.name.replace('_', ' '))} = {axis.labels[index]}"


def metric_label(dataset: Any, metric: str) -> str:
    """What a variable is called, with its unit where it has one."""
    units = str(dataset[metric].attrs.get("units", "1"))
    named = metric.replace("_", " ")
    return _METRICS.get(metric, named if units in ("", "1") else f"{named} ({units})")


def series_looks(count: int) -> list[dict[str, Any]]:
    """Colour and marker of every series; beyond those of `series_style`, colours that grow lighter."""
    if count <= _N_STYLES:
        return [{key: series_style(index)[key] for key in ("color", "marker")} for index in range(count)]
    colors = require_matplotlib().colormaps[_COLORS](np.linspace(*_COLOR_RANGE, count))
    return [{"color": color, "marker": series_style(index)["marker"]} for index, color in enumerate(colors)]


def set_value_axis(axes: Any, axis: SweepAxis) -> None:
    """The horizontal axis of a figure against the values of a coordinate: words, logarithmic or linear."""
    low, high = axis.positions[0], axis.positions[-1]
    if axis.words:
        labels = [label.replace(", ", "\n") for label in axis.labels]
        longest = max(len(line) for label in labels for line in label.split("\n"))
        if longest * len(labels) > _TICK_LETTERS:
            turned = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}
            axes.set_xticks(axis.positions, axis.labels, **turned)
        else:
            axes.set_xticks(axis.positions, labels)
        axes.set_xlim(-0.6, high + 0.6)
    elif axis.logarithmic:
        axes.set_xscale("log")
        margin = (high / low) ** 0.04
        axes.set_xlim(low / margin, high * margin)
        _set_ticks(axes, _log_ticks(axis))
    else:
        margin = 0.04 * (high - low) or 0.5 * max(abs(low), 1e-3)
        axes.set_xlim(low - margin, high + margin)
        if len(axis.values) == 1 or (
            len(axis.values) <= _MOST_TICKS and all(float(v).is_integer() for v in axis.values)
        ):
            _set_ticks(axes, list(axis.values))
    axes.set_xlabel(coordinate_label(axis.name))


def set_metric_axis(axes: Any, dataset: Any, metric: str, data: MetricData) -> None:
    """The vertical axis of a metric: quarter turns, shares from 0 to 1, losses of several sizes logarithmic."""
    drawn = np.concatenate([data.best.ravel(), data.quantiles.ravel()])
    drawn = drawn[np.isfinite(drawn)]
    axes.set_ylabel(metric_label(dataset, metric))
    if not drawn.size:
        axes.set_yticks([])
    elif metric == "eigenangle_span":
        top = max(90.0 * np.ceil((drawn.max() + 1) / 90), 90.0)
        axes.set_ylim(0, top * 1.02)
        axes.set_yticks(np.arange(0, top + 1, 90 * max(1, round(top / 90 / 5))))
    elif metric in _SHARES:
        axes.set_ylim(-0.04, 1.04)
    elif metric == "loss" and drawn.min() > 0 and drawn.max() > 10 * drawn.min():
        axes.set_yscale("log")
    elif drawn.min() >= 0 and np.ptp(drawn) > 0.5 * drawn.max():
        axes.set_ylim(-0.03 * drawn.max(), 1.05 * drawn.max())


def _log_ticks(axis: SweepAxis) -> list[Any]:
    low, high = axis.values[0], axis.values[-1]
    if len(axis.values) <= _MOST_TICKS - 2 and _whole(axis):
        return list(axis.values)
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    sets = [
        [digit * 10.0**decade for decade in decades for digit in digits if low <= digit * 10.0**decade * 1.001]
        for digits in _DIGITS
    ]
    sets = [[each for each in ticks if each <= high * 1.001] for ticks in sets]
    enough = [ticks for ticks in sets if len(ticks) >= _FEWEST_TICKS]
    return enough[0] if enough and len(enough[0]) <= _MOST_TICKS else [low, high]


def _whole(axis: SweepAxis) -> bool:
    return all(float(each).is_integer() for each in axis.values)


def _set_ticks(axes: Any, ticks: list[Any]) -> None:
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    plain = [f"{each:g}" for each in ticks]
    shown = [text if len(text) < 6 else f"{each:.3g}" for text, each in zip(plain, ticks, strict=True)]
    axes.xaxis.set_major_locator(FixedLocator([float(each) for each in ticks]))
    axes.xaxis.set_major_formatter(FixedFormatter(shown))
    axes.xaxis.set_minor_locator(NullLocator())
