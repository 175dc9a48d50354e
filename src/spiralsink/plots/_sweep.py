"""A sweep against its axes: any metric, as best of the seeds and spread over them, and the share of every regime."""

import textwrap
from typing import Any

import numpy as np

from ._style import MUTED, axes_or_new, require_matplotlib, style
from ._sweep_axes import coordinate_label, series_looks, set_metric_axis, set_value_axis
from ._sweep_data import REGIME_SHARES, MetricData, RegimeData, SweepAxis, metric_data, regime_data

# lightness and hatching each tell the regimes apart without colour
_REGIMES: dict[str, dict[str, Any]] = {
    "sparse": {"facecolor": "#d55e00", "hatch": "////"},
    "between": {"facecolor": "#efb7d2", "hatch": "...."},
    "dense": {"facecolor": "#0072b2", "hatch": ""},
    "unrepresented": {"facecolor": "#d9d9d9", "hatch": ""},
    "diverged": {"facecolor": "#2b2b2b", "hatch": ""},
    "not defined": {"facecolor": "#ffffff", "hatch": "xxxx"},
}
_BAND, _EDGE = 0.1, 0.5
_DODGE = 0.5
_MOST_BANDS = 5
_LINE = 58


def sweep_metric(
    dataset: Any, metric: str = "loss", along: str = "p", *, by: str | None = None, ax: Any = None, best: bool = True
) -> Any:
    """Draws a metric of the networks of a sweep against one of its axes, with one series for each value of another.

    Lines with markers are the networks of the lowest loss among the seeds, open where even these are dead. Bands and
    dotted lines are 10 to 90 % and the median of the networks that neither diverged nor died; how many did, and how
    many do not have the metric, stands above. The axis is logarithmic where its values are spaced so.

    Args:
        dataset: What `open_store` returned, also after a selection along `network`.
        metric: Variable with one number for each network, such as "loss" or "eigenangle_span".
        along: Coordinate along `network`, numbers or words.
        by: Another one; None for a single series.
        ax: Matplotlib axes to draw into; new ones if None.
        best: Whether to draw the networks of the lowest loss.

    Returns:
        The matplotlib axes.

    Raises:
        InvalidInput: If the dataset has no such variable or coordinate; names the nearest.
    """
    data = metric_data(dataset, metric, along, by=by)
    require_matplotlib()
    with style():
        axes = axes_or_new(ax) if data.by is None else axes_or_new(ax, width=4.4, height=2.6)
        draw_metric(axes, dataset, metric, data, best=best)
        axes.set_title(_counts(data, best=best), fontsize=6.2, color=MUTED)
        if data.by is not None:
            title = coordinate_label(data.by.name).replace(" (", "\n(")
            axes.legend(title=title, loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.8)
    return axes


def draw_metric(
    axes: Any, dataset: Any, metric: str, data: MetricData, *, best: bool = True, looks: Any = None
) -> None:
    """The series of `sweep_metric`, its axes and nothing around them; `looks` are those of the series, if not usual."""
    axis, count = data.along, len(data.best)
    looks = series_looks(count) if looks is None else looks
    separate = is_separate(axis)
    step = _DODGE / count * (1.0 if axis.words else 0.2 * _width(axis)) if separate else 0.0
    spread = has_spread(data)
    for index, look in enumerate(looks):
        x = axis.positions + step * (index - (count - 1) / 2)
        label = None if data.by is None else data.by.labels[index]
        if spread:
            _draw_spread(axes, x, data.quantiles[:, index], look["color"], separate=separate, gid=f"spread-{index}")
        if best:
            line = {"linestyle": "none" if axis.words else "-", "markersize": 3.6, "zorder": 4, "gid": f"best-{index}"}
            axes.plot(x, data.best[index], label=label, **look, **line)
            hollow = {"linestyle": "none", "markersize": 3.6, "markerfacecolor": "white", "zorder": 5}
            dead = np.where(data.best_dead[index], data.best[index], np.nan)
            if np.isfinite(dead).any():
                axes.plot(x, dead, gid=f"dead-{index}", **look, **hollow)
        elif label:
            axes.plot([], [], label=label, color=look["color"])
    set_value_axis(axes, axis)
    set_metric_axis(axes, dataset, metric, data)
    if not np.isfinite(np.concatenate([data.best * best, data.quantiles[1] * spread])).any():
        axes.text(0.5, 0.5, "no network has it", ha="center", va="center", transform=axes.transAxes, color=MUTED)


def has_spread(data: MetricData) -> bool:
    """Whether median and band are drawn: where a point has several networks, and not for more series than fit."""
    return bool((data.n_drawn > 1).any()) and len(data.best) <= _MOST_BANDS


def is_separate(axis: SweepAxis) -> bool:
    """Whether the points of an axis stand side by side, without lines between them."""
    return axis.words or len(axis.values) == 1


def sweep_regimes(dataset: Any, along: str = "p", *, ax: Any = None) -> Any:
    """Draws the share of networks in each regime against an axis of a sweep, as bars that add up to one.

    "diverged" are networks without a finite loss, and "not defined" those whose geometry has no regime, such as those
    of a task without a single delay.

    Args:
        dataset: What `open_store` returned, also after a selection along `network`.
        along: Coordinate along `network`, numbers or words.
        ax: Matplotlib axes to draw into; new ones if None.

    Returns:
        The matplotlib axes.

    Raises:
        InvalidInput: If the dataset has no regimes or no such coordinate; names the nearest.
    """
    data = regime_data(dataset, along)
    require_matplotlib()
    with style():
        axes = axes_or_new(ax)
        draw_regimes(axes, data)
        low, high = int(data.n_networks.min()), int(data.n_networks.max())
        number = counted(high) if low == high else f"{low} to {counted(high)}"
        axes.set_title(f"{number} in every bar{_pooled(data)}", fontsize=6.2, color=MUTED)
        handles, labels = regime_handles(data)
        axes.legend(handles, labels, loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.4)
    return axes


def draw_regimes(axes: Any, data: RegimeData) -> None:
    """The bars of `sweep_regimes`, their axes and nothing around them."""
    left, right = _edges(data.along)
    bottom = np.zeros(len(left))
    for name, share in zip(REGIME_SHARES, data.shares, strict=True):
        if not share.any():
            continue
        axes.bar(
            left,
            share,
            right - left,
            bottom,
            align="edge",
            edgecolor=MUTED if name == "not defined" else "white",
            linewidth=0.5,
            gid=f"regime-{name}",
            **_REGIMES[name],
        )
        bottom = bottom + share
    set_value_axis(axes, data.along)
    if not data.along.words:
        axes.set_xlim(left[0], right[-1])
    axes.set(ylim=(0, 1), ylabel="share of networks")


def regime_handles(*drawn: RegimeData) -> tuple[list[Any], list[str]]:
    """What a legend names: the regimes that occur, in the order of the bars."""
    from matplotlib.patches import Patch

    names = [name for index, name in enumerate(REGIME_SHARES) if any(data.shares[index].any() for data in drawn)]
    edges = {name: MUTED if name == "not defined" else "white" for name in names}
    return [Patch(edgecolor=edges[name], linewidth=0.5, **_REGIMES[name]) for name in names], names


def _draw_spread(axes: Any, x: np.ndarray, quantiles: np.ndarray, color: Any, *, separate: bool, gid: str) -> None:
    low, middle, high = quantiles
    known = np.isfinite(middle)
    beside = np.concatenate([[False], known[:-1]]) | np.concatenate([known[1:], [False]])
    alone = known & (separate | ~beside)
    if alone.any():
        axes.vlines(x[alone], low[alone], high[alone], color=color, alpha=0.45, linewidth=2.6, zorder=1.5, gid=gid)
        ticks = {"marker": "_", "markersize": 6, "linestyle": "none", "color": color, "zorder": 2}
        axes.plot(x[alone], middle[alone], gid=f"median-{gid}", **ticks)
    if not separate and (known & beside).any():
        axes.fill_between(x, low, high, where=known, color=color, alpha=_BAND, linewidth=0, zorder=1, gid=gid)
        for edge in (low, high):
            axes.plot(x, edge, color=color, alpha=_EDGE, linewidth=0.6, zorder=1.2)
        axes.plot(x, middle, color=color, linestyle=(0, (1.2, 1.2)), linewidth=1.0, zorder=2, gid=f"median-{gid}")


def _counts(data: MetricData, *, best: bool) -> str:
    """How many networks there are, and how many of them are not in the spread."""
    lost = {"diverged": data.n_diverged, "dead": data.n_dead, "without a value": data.n_undefined}
    named = ", ".join(f"{count} {name}" for name, count in lost.items() if count)
    shown = "not in median and band" if has_spread(data) else "not drawn" if not best else "dead ones open"
    shown = "" if shown == "dead ones open" and not data.n_dead else f" ({shown})"
    beyond = " (median and band left out)" if len(data.best) > _MOST_BANDS else ""
    said = f"{counted(data.n_networks)}{beyond}" + (f"; {named}{shown}" if named else "")
    return textwrap.fill(said, _LINE) + _pooled(data)


def counted(count: int) -> str:
    """A number of networks in words."""
    return f"{count} network" + ("" if count == 1 else "s")


def _pooled(data: Any) -> str:
    return f"\npooled over {', '.join(each.replace('_', ' ') for each in data.pooled)}" if data.pooled else ""


def _width(axis: SweepAxis) -> float:
    return abs(float(axis.positions[0])) or 1.0


def _edges(axis: SweepAxis) -> tuple[np.ndarray, np.ndarray]:
    """Left and right edges of bars: half way between the values on the axis as it is drawn."""
    x = axis.positions
    if axis.words or len(x) == 1:
        half = 0.38 * (1.0 if axis.words else _width(axis))
        return x - half, x + half
    x = np.log(x) if axis.logarithmic else x
    middle = (x[1:] + x[:-1]) / 2
    edges = np.concatenate([[2 * x[0] - middle[0]], middle, [2 * x[-1] - middle[-1]]])
    edges = np.exp(edges) if axis.logarithmic else edges
    return edges[:-1], edges[1:]
