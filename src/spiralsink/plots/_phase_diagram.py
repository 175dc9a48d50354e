"""Phase diagrams: loss, span and radius of every branch of local optima along p."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown
from ._phase_axes import branch_color, log_p_axis, name_branches, name_crossings
from ._phase_data import BranchData, PhaseData, phase_data
from ._style import (
    HIDDEN,
    INK,
    MUTED,
    PAGE_WIDTH,
    new_panels,
    panel_letter,
    require_matplotlib,
    style,
)

_PANELS = (
    ("loss_per_p", "expected loss $E[L]/p$"),
    ("eigenangle_span", "eigenangle span (degrees)"),
    ("spectral_radius", "spectral radius"),
)
_HALO = "#d9d9d9"
_END_MARKERS = {"fold": "o", "bifurcation": "s", "bound": "X", "lost": "P"}


def phase_diagram(
    diagram: Any, *, axes: Any = None, trained: Any = None, branches: Sequence[str] | None = None, legend: bool = True
) -> Any:
    """Draws loss, eigenangle span and spectral radius of every branch of local optima against p.

    The lowest branch has a grey band behind it, and a crossing a vertical line with its p. Parts of branches that are
    no minima are dashed. Where the plot is shaded, below `escape_p`, the infimum of the escape, dotted, is lower than
    every branch and no network attains it; elsewhere the lowest branch is the global optimum.

    Args:
        diagram: What `phase_diagram` returned, a `PhaseData`, or its dataset.
        axes: Three matplotlib axes to draw into, from top to bottom; new ones if None.
        trained: A dataset with `p`, `loss`, `eigenangle_span` and `spectral_radius` along `network`, drawn as points.
        branches: Names of the branches to draw; None draws all. The lowest branch is that of all.
        legend: Whether to say above the panels what the marks are.

    Returns:
        The three axes.

    Raises:
        InvalidInput: If there is no such branch, or the number of axes is not three.
    """
    data = phase_data(diagram)
    shown = data.branches if branches is None else tuple(data.branch(name) for name in branches)
    require_matplotlib()
    with style():
        if axes is None:
            panels = new_panels(3, 1, width=0.72 * PAGE_WIDTH, height=6.2, sharex=True, height_ratios=(1.3, 1.1, 0.8))[
                1
            ][:, 0]
        else:
            panels = np.ravel(np.asarray(axes, dtype=object))
        if len(panels) != 3:
            raise InvalidInput("axes", Shown(f"{len(panels)} axes"), "three axes")
        for panel, (name, label) in zip(panels, _PANELS, strict=True):
            _shade_escape(panel, data)
            _draw_best(panel, data, name)
            for branch in shown:
                _draw_branch(panel, branch, name, branch_color(data, branch.name))
            _draw_crossings(panel, data)
            panel.set(ylabel=label)
        if trained is not None:
            _draw_trained(panels, trained)
        _draw_infimum(panels, data)
        _scale(panels, data, shown)
        for panel, (name, _) in zip(panels, _PANELS, strict=True):
            name_branches(panel, data, shown, name)
        name_crossings(panels[0], data)
        if legend:
            _draw_legend(panels[0], data, shown, trained is not None)
    return panels


def _shade_escape(panel: Any, data: PhaseData) -> None:
    if data.escape_p is not None:
        panel.axvspan(data.range[0] * 0.5, data.escape_p, color="#f3f3f5", linewidth=0, zorder=0.1, gid="escape-region")


def _draw_best(panel: Any, data: PhaseData, name: str) -> None:
    """A wide grey band behind the branch with the lowest loss, which changes only at crossings."""
    bounds = [data.range[1], *(p for p, _, _ in data.crossings), data.range[0]]
    for high, low in itertools.pairwise(bounds):
        best = int(data.best(np.sqrt(low * high)))
        if best < 0:
            continue
        p, values = data.branches[best].curve(name)
        inside = (p >= low) & (p <= high)
        panel.plot(p[inside], values[inside], color=_HALO, linewidth=6, solid_capstyle="butt", zorder=1, gid="best")


def _draw_branch(panel: Any, branch: BranchData, name: str, color: str) -> None:
    p, values = branch.curve(name)
    stable = np.interp(np.log(p), np.log(branch.p), branch.stable.astype(float)) > 0
    for kept, line in ((stable, "-"), (~stable, (0, (3, 1.5)))):
        if kept.any():
            shown = np.where(kept, values, np.nan)
            panel.plot(p, shown, color=color, linestyle=line, zorder=2, gid=f"branch-{branch.name}")
    for end, index in zip(branch.ends, (0, -1), strict=True):
        if end in _END_MARKERS:
            panel.plot(
                branch.p[index],
                getattr(branch, name)[index],
                _END_MARKERS[end],
                color=color,
                markerfacecolor="white",
                markersize=4.5,
                zorder=4,
                gid=f"end-{branch.name}-{end}",
            )


def _draw_crossings(panel: Any, data: PhaseData) -> None:
    for p, _, _ in data.crossings:
        panel.axvline(p, color=INK, linewidth=0.7, zorder=0.8, gid="crossing")


def _draw_infimum(panels: Any, data: PhaseData) -> None:
    p, infimum = data.escape
    if not p.size:
        return
    drawn: dict[str, Any] = {"color": INK, "linestyle": (0, (1, 1.6)), "linewidth": 1.2, "zorder": 2.5, "gid": "escape"}
    panels[0].plot(p, infimum, **drawn)
    if data.escape_p is not None:
        below = [data.range[0], data.escape_p]
        if data.escape_span is not None:
            panels[1].plot(below, [data.escape_span] * 2, **drawn)
        panels[2].annotate(
            "escape: radius → 0",
            (0, 0),
            xycoords="axes fraction",
            xytext=(4, 4),
            textcoords="offset points",
            fontsize=6.5,
            color=MUTED,
        )


def _draw_trained(panels: Any, trained: Any) -> None:
    p = np.asarray(trained["p"].values, np.float64)
    columns = {"loss_per_p": trained["loss"].values / p}
    columns |= {name: trained[name].values for name in ("eigenangle_span", "spectral_radius")}
    for panel, (name, _) in zip(panels, _PANELS, strict=True):
        panel.plot(
            p,
            columns[name],
            linestyle="none",
            marker="o",
            markersize=2.2,
            markerfacecolor="none",
            markeredgecolor=MUTED,
            markeredgewidth=0.5,
            zorder=1.8,
            gid="trained",
        )


def _scale(panels: Any, data: PhaseData, shown: Sequence[BranchData]) -> None:
    from matplotlib.ticker import MultipleLocator

    log_p_axis(panels[-1], *data.range)
    for panel in panels[:-1]:
        log_p_axis(panel, *data.range)
        panel.tick_params(labelbottom=False)
    panels[-1].set_xlabel("activity probability $p$")
    spans = np.concatenate([each.eigenangle_span for each in shown])
    turns = max(float(np.nanmax(spans)) / 90, 4)
    panels[1].yaxis.set_major_locator(MultipleLocator(90 * -(-turns // 10)))
    panels[1].set_ylim(0, 90 * turns * 1.06)
    panels[0].set_ylim(0, 1.08 * max(float(each.loss_per_p.max()) for each in shown))
    radii = np.concatenate([each.spectral_radius for each in shown])
    panels[2].set_ylim(max(float(np.nanmin(radii)) - 0.12, 0.0), 1)
    for panel, letter in zip(panels, "abc", strict=True):
        panel_letter(panel, letter)


def _draw_legend(panel: Any, data: PhaseData, shown: Sequence[BranchData], trained: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [Line2D([], [], color=_HALO, linewidth=6, solid_capstyle="butt", label="lowest branch")]
    ends = [end for end in _END_MARKERS if any(end in each.ends for each in shown)]
    empty: dict[str, Any] = {"linestyle": "none", "color": MUTED, "markerfacecolor": "white"}
    handles += [Line2D([], [], marker=_END_MARKERS[end], markersize=4.5, label=end, **empty) for end in ends]
    if data.escape[0].size:
        handles.append(Line2D([], [], color=INK, linestyle=(0, (1, 1.6)), label="escape (infimum)"))
    if data.escape_p is not None:
        label = f"no minimiser ($p$ < {data.escape_p:.4f})"
        handles.append(Patch(facecolor="#f3f3f5", edgecolor=HIDDEN, linewidth=0.5, label=label))
    if trained:
        handles.append(Line2D([], [], marker="o", markersize=3, markeredgewidth=0.6, label="trained", **empty))
    panel.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(0, 1.02),
        ncols=3,
        borderaxespad=0.2,
        columnspacing=1.6,
        handlelength=2.0,
    )
