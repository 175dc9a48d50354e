"""Where a network writes inputs of every age: lengths, alignment, and how far directions can be trusted."""

from typing import Any

import numpy as np

from ._inspection_data import (
    WAITS,
    check_feature,
    feature_names,
    inspection_data,
    inspection_panel,
    lag_ticks,
    matrix,
    panel,
    values,
)
from ._style import INK, series_style

_MOST_LINES, _VANISHED = 4, 0.01


def direction_lengths(source: Any, *, ax: Any = None) -> Any:
    """Draws |mean Jacobian direction| by age, with a band of its root mean square distance from single times.

    Up to four features have a line each; of more, the median and the range over features are drawn.

    Args:
        source: An inspection or its dataset.
        ax: Matplotlib axes to draw into; new ones if None.

    Returns:
        The axes.
    """
    with inspection_panel(source, ax, height=2.3) as (dataset, axes):
        length = values(dataset, "direction_length", "lag", "feature")
        spread = values(dataset, "direction_spread", "lag", "feature")
        lags, names = np.arange(len(length)), feature_names(dataset)
        if len(names) <= _MOST_LINES:
            off = np.where(np.isfinite(spread), spread, 0.0) * length
            for j, name in enumerate(names):
                drawn = series_style(j)
                axes.plot(lags, length[:, j], **drawn, markersize=2.5, label=f"feature {name}", gid=f"length-{j}")
                band = np.maximum(length[:, j] - off[:, j], 0.0), length[:, j] + off[:, j]
                axes.fill_between(lags, *band, color=drawn["color"], alpha=0.18, linewidth=0, gid=f"spread-{j}")
        else:
            low, middle, high = np.quantile(length, (0, 0.5, 1), axis=1)
            drawn = series_style(0)
            axes.plot(lags, middle, **drawn, markersize=2.5, label="median feature", gid="length-median")
            label = "all features"
            axes.fill_between(lags, low, high, color=drawn["color"], alpha=0.18, linewidth=0, label=label)
        axes.set(xlabel=WAITS, ylabel="length $|w_s|$", ylim=(0, None))
        lag_ticks(axes, len(lags))
        if len(names) > 1:
            few = len(names) <= _MOST_LINES  # the legend stands above what is drawn
            axes.set_ylim(0, axes.get_ylim()[1] * (1.2 if len(names) <= 2 else 1.35))
            axes.legend(loc="upper right", ncols=2 if few else 1, handlelength=1.6, columnspacing=0.8)
    return axes


def direction_alignment(source: Any, *, feature: int = 0, ax: Any = None) -> Any:
    """Draws |cos| between the mean directions w_s of one feature at every two ages.

    Args:
        source: An inspection or its dataset.
        feature: Which feature.
        ax: Matplotlib axes to draw into; new ones if None.

    Returns:
        The axes.
    """
    dataset = inspection_data(source)
    written = values(dataset, "directions", "lag", "hidden", "feature")[:, :, check_feature(dataset, feature)]
    length = np.linalg.norm(written, axis=1)
    alive = length > 1e-9 * length.max()
    unit = written / np.where(alive, length, np.nan)[:, None]
    with panel(ax, height=2.6) as axes:
        image = matrix(axes, np.abs(unit @ unit.T), r"$|\cos(w_s, w_{s'})|$", vmin=0, vmax=1, origin="lower")
        image.set_gid("alignment")
        axes.set(xlabel=WAITS, ylabel="age $s'$ (steps)")
        if dataset.sizes["feature"] > 1:
            axes.set_title(f"feature {feature}")
        lag_ticks(axes, len(written), both=True)
    return axes


def direction_dependence(source: Any, *, ax: Any = None) -> Any:
    """Draws how much directions depend on when and how they are measured, by age, as the median over features.

    - on the time: root mean square distance of the Jacobians of single times from their mean
    - on the size: difference between impulses of two sizes
    - on the method: difference between impulses and Jacobians

    All are relative to the length of the direction, and drawn while that is above 1 % of the longest (of the median
    over features); all are zero for linear recurrences.

    Args:
        source: An inspection or its dataset.
        ax: Matplotlib axes to draw into; new ones if None.

    Returns:
        The axes.
    """
    rows = [
        ("direction_spread", "time"),
        ("impulse_difference", "size of the impulse"),
        ("impulse_gap", "impulse or Jacobian"),
    ]
    with inspection_panel(source, ax, height=2.3) as (dataset, axes):
        typical = np.median(values(dataset, "direction_length", "lag", "feature"), axis=1)
        there = typical > _VANISHED * typical.max()
        highest = 0.0
        for index, (name, label) in enumerate(rows):
            middle = np.median(values(dataset, name, "lag", "feature"), axis=1)
            middle = np.where(np.isfinite(middle) & there, middle, np.nan)
            highest = max(highest, float(np.nan_to_num(middle).max()))
            axes.plot(np.arange(len(middle)), middle, **series_style(index), markersize=2.5, label=label, gid=name)
        axes.axhline(0, color=INK, linewidth=0.6, zorder=0.9)
        # rounding is drawn as the zero that it is, and the legend stands above what is drawn
        top = 1.0 if highest < 1e-6 else highest
        axes.set(xlabel=WAITS, ylabel="relative change of $w_s$", ylim=(-0.02 * top, 1.95 * top))
        lag_ticks(axes, dataset.sizes["lag"])
        axes.legend(loc="upper left", title="with the", alignment="left", handlelength=2, labelspacing=0.3)
    return axes
