"""The figure of the claim about sparse inputs, drawn from its dataset alone."""

from typing import Any

import numpy as np

from .. import plots

_BAR = 0.15


def draw_sparse_limit(data: Any) -> Any:
    """The gap of every network against p with lines of slope 1, and the slopes against the size of the gap."""
    figure, axes = plots.new_panels(1, 2, width=plots.PAGE_WIDTH, height=2.7, width_ratios=[1.3, 1])
    left, right = axes[0]
    p, gap, slope = data["p"].values, data["gap"].values, data["slope"].values
    radius = data["spectral_radius"].values
    with plots.style():
        kinds = (("first order too small", gap[:, 0] > 0), ("first order too large", gap[:, 0] <= 0))
        for index, (label, chosen) in enumerate(kinds):
            drawn = plots.series_style(index)
            line = {"color": drawn["color"], "linestyle": drawn["linestyle"], "linewidth": 0.8}
            for row, each in enumerate(np.flatnonzero(chosen)):
                left.plot(
                    p,
                    np.abs(gap[each]),
                    marker=drawn["marker"],
                    markersize=3,
                    alpha=0.8,
                    **line,
                    label=f"{label} ({chosen.sum()})" if row == 0 else None,
                )
            right.plot(radius[chosen], slope[chosen], linestyle="none", marker=drawn["marker"], color=drawn["color"])
        middle = np.exp(np.log(np.abs(gap[:, 0])).mean())
        left.plot(p, middle * p / p[0], color=plots.INK, linewidth=2.2, zorder=5, label="slope 1")
        left.set(xscale="log", yscale="log", xlabel="activity probability $p$")
        left.set_ylabel("|exact - first order| / exact")
        left.legend(loc="upper left", handlelength=2.2)
        right.axhspan(1 - _BAR, 1 + _BAR, color="#e8e8ec", linewidth=0, zorder=0.2)
        right.axhline(1, color=plots.MUTED, linewidth=0.8, zorder=0.5)
        reach = max(1.6 * _BAR, 1.1 * float(np.nanmax(np.abs(slope - 1))))
        right.set(ylim=(1 - reach, 1 + reach), xlabel="spectral radius", ylabel="log-log slope of the gap")
        right.set_title("grey: the bar")
    for panel, letter in zip(axes[0], "ab", strict=True):
        plots.panel_letter(panel, letter)
    return figure
