"""What a network remembers, what its readout sees of it, and what else readouts hear."""

from typing import Any

import numpy as np

from ._inspection_data import (
    WAITS,
    absent,
    feature_names,
    inspection_panel,
    lag_ticks,
    mark_delay,
    matrix,
    name_rows,
    not_measured,
    values,
    values_or_none,
)
from ._style import INK, MUTED, series_style

_MOST_LINES, _MOST_ROWS, _VISIBLE = 4, 16, 0.05
_DIVERGING = "PuOr_r"
_TOLD = 0.1


def memory_curve(source: Any, *, ax: Any = None) -> Any:
    """Draws held-out R^2 of ridge readouts by age, and for a linear recurrence the exact capacity.

    Up to four features have a line each, with standard errors, and a dotted one where the input of the moment alone
    tells of its past; more are rows of an image, readable cells framed.

    Args:
        source: An inspection or its dataset.
        ax: Matplotlib axes to draw into; new ones if None.

    Returns:
        The axes.
    """
    with inspection_panel(source, ax, height=2.3) as (dataset, axes):
        r2 = values_or_none(dataset, "memory", "lag", "feature")
        if r2 is None:
            return not_measured(axes, dataset, "memory")
        names = feature_names(dataset)
        if len(names) > _MOST_LINES:
            return _memory_image(axes, r2, values(dataset, "readable", "lag", "feature"), names)
        error = values(dataset, "memory_standard_error", "lag", "feature")
        capacity = values_or_none(dataset, "capacity", "lag", "feature")
        baseline = values_or_none(dataset, "memory_baseline", "lag", "feature")
        lags = np.arange(len(r2))
        for j, name in enumerate(names):
            drawn = series_style(j)
            label = f"feature {name}" if len(names) > 1 else "ridge readout"
            bars = np.nan_to_num(error[:, j])
            axes.errorbar(lags, r2[:, j], bars, **drawn, markersize=3, elinewidth=0.8, label=label)
            if capacity is not None:
                outline = {**drawn, "linestyle": "none", "markersize": 6.5, "markerfacecolor": "none"}
                axes.plot(lags, capacity[:, j], **outline, markeredgewidth=0.7, gid=f"capacity-{j}")
            if baseline is not None and np.nan_to_num(baseline[:, j]).max() > _TOLD:
                drawn = {"color": drawn["color"], "linestyle": (0, (1, 1)), "linewidth": 0.9}
                axes.plot(lags[1:], baseline[1:, j], **drawn, gid=f"baseline-{j}")
        if baseline is not None and np.nan_to_num(baseline).max() > _TOLD:
            axes.plot([], [], color=MUTED, linestyle=(0, (1, 1)), linewidth=0.9, label="from the input alone")
        if capacity is not None:
            axes.plot([], [], "o", color=MUTED, markerfacecolor="none", markersize=6.5, label="exact capacity")
        if "readable_r2" in dataset.attrs:
            at = float(dataset.attrs["readable_r2"])
            axes.axhline(at, color=MUTED, linewidth=0.7, linestyle=(0, (4, 2)), zorder=0.9, gid="readable")
        axes.axhline(0, color=INK, linewidth=0.6, zorder=0.9)
        lowest = float(np.nanmin(r2)) if np.isfinite(r2).any() else 0.0
        axes.set(xlabel=WAITS, ylabel="held-out $R^2$", ylim=(max(min(-0.05, 1.1 * lowest), -0.5), 1.05))
        lag_ticks(axes, len(lags))
        mark_delay(axes, dataset)
        if len(names) > 1 or capacity is not None:
            axes.legend(loc="upper right")
    return axes


def _memory_image(axes: Any, r2: np.ndarray, readable: Any, names: list[str]) -> Any:
    image = matrix(axes, r2.T, "held-out $R^2$", vmin=0, vmax=1)
    image.set_gid("memory")
    _outline(axes, readable.T)
    axes.set(xlabel=WAITS, ylabel="feature")
    lag_ticks(axes, len(r2))
    name_rows(axes, names)
    return axes


def _outline(axes: Any, cells: np.ndarray) -> None:
    """A white line around the cells that hold."""
    from matplotlib.collections import LineCollection

    padded = np.pad(cells, 1)
    upright = [[(j - 0.5, i - 0.5), (j - 0.5, i + 0.5)] for i, j in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])]
    level = [[(j - 0.5, i - 0.5), (j + 0.5, i - 0.5)] for i, j in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])]
    lines = LineCollection(upright + level, colors="white", linewidths=1.3, gid="readable", clip_on=False)
    axes.add_collection(lines)


def seen_by_readout(source: Any, *, ax: Any = None) -> Any:
    """Draws what the readout sees of an input of every age, A_s.

    Up to four pairs of output and feature have a line each; of more, those above 5 % of
    the largest, sixteen at most, are rows of an image.

    Args:
        source: An inspection or its dataset.
        ax: Matplotlib axes to draw into; new ones if None.

    Returns:
        The axes.
    """
    with inspection_panel(source, ax, height=2.3) as (dataset, axes):
        seen = values_or_none(dataset, "projections", "lag", "output", "feature")
        if seen is None:
            return absent(axes, "the network has no readout")
        names = feature_names(dataset)
        pairs = [(i, j) for i in range(seen.shape[1]) for j in range(seen.shape[2])]
        size = np.abs(seen).max(axis=0)
        if len(pairs) > _MOST_LINES:
            pairs = [pair for pair in pairs if size[pair] >= _VISIBLE * size.max()]
        chosen = sorted(sorted(pairs, key=lambda pair: -size[pair])[:_MOST_ROWS])
        labels = [f"{i} ← {names[j]}" for i, j in chosen]
        if seen[0].size <= _MOST_LINES:
            lags = np.arange(len(seen))
            for index, (i, j) in enumerate(chosen):
                label = f"output {labels[index]}" if len(chosen) > 1 else ""
                axes.plot(
                    lags, seen[:, i, j], **series_style(index), markersize=3, label=label or "_", gid=f"seen-{i}-{j}"
                )
            axes.axhline(0, color=INK, linewidth=0.6, zorder=0.9)
            axes.set(xlabel=WAITS, ylabel="projection $A_s$")
            if len(chosen) > 1:
                low, high = axes.get_ylim()  # the legend stands above what is drawn
                axes.set_ylim(low, high + (0.22 + 0.1 * len(chosen)) * (high - low))
                axes.legend(loc="upper right", handlelength=1.8, labelspacing=0.2, borderaxespad=0.1)
        else:
            rows = np.stack([seen[:, i, j] for i, j in chosen])
            limit = max(float(np.abs(rows).max()), 1e-12)
            image = matrix(axes, rows, "projection $A_s$", cmap=_DIVERGING, vmin=-limit, vmax=limit)
            image.set_gid("seen")
            axes.set(xlabel=WAITS, ylabel="output ← feature")
            name_rows(axes, labels)
        lag_ticks(axes, len(seen))
        mark_delay(axes, dataset)
    return axes


def interference_by_lag(source: Any, *, ax: Any = None) -> Any:
    """Draws where the variance of ridge readouts comes from, by the age that they read, as a mean over features.

    Three shares are stacked: the pair itself, other (feature, lag) pairs, and what is older or not linear.

    Args:
        source: An inspection or its dataset.
        ax: Matplotlib axes to draw into; new ones if None.

    Returns:
        The axes.
    """
    with inspection_panel(source, ax, height=2.3) as (dataset, axes):
        lag = values_or_none(dataset, "pair_lag", "pair")
        if lag is None:
            return not_measured(axes, dataset, "interference")
        rows = [
            ("interference_own", "the pair itself", "#0072b2"),
            ("interference", "other pairs", "#d55e00"),
            ("interference_unexplained", "unexplained", "#c9c9cf"),
        ]
        shown, bottom = np.unique(lag), np.zeros(len(np.unique(lag)))
        for name, label, color in rows:
            share = values(dataset, name, "pair")
            height = np.array([share[lag == each].mean() for each in shown])
            bars = axes.bar(
                shown, height, 0.8, bottom=bottom, color=color, label=label, edgecolor="white", linewidth=0.4
            )
            bars[0].set_gid(name)
            bottom += height
        axes.set(xlabel="age that is read (steps)", ylabel="share of variance")
        axes.set(ylim=(0, max(1.0, float(bottom.max())) * 1.5), xlim=(-0.7, max(float(shown.max()), 3) + 0.7))
        axes.set_yticks([0, 0.5, 1])
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(loc="upper left", ncols=1, handlelength=1.0, borderaxespad=0.1, labelspacing=0.2)
    return axes
