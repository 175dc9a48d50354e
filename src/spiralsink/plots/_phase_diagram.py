"""Phase diagrams: loss, span and radius of every branch along p, and the planes of the best network at chosen p."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import geometry
from .._errors import InvalidInput, Shown
from ._phase_data import BranchData, PhaseData, phase_data
from ._plane import plane
from ._style import (
    HIDDEN,
    INK,
    MUTED,
    PAGE_WIDTH,
    age_colorbar,
    new_panels,
    outlined,
    panel_letter,
    require_matplotlib,
    series_style,
    style,
)

_PANELS = (
    ("loss_per_p", "expected loss $E[L]/p$"),
    ("eigenangle_span", "eigenangle span (degrees)"),
    ("spectral_radius", "spectral radius"),
)
# sets of tick labels, sparsest first
_TICKS = (
    (0.001, 0.01, 0.1, 1.0),
    (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0),
    tuple(each * scale for scale in (0.001, 0.01, 0.1) for each in range(1, 10)),
)
_NAMED, _OTHER_COLORS = ("dense", "sparse"), 5
_FEWEST_TICKS = 4
# of names beside curves, in units of the panel's width: height, distances of their middles from the curve, and
# the least room around them
_NAME_HEIGHT, _NEAR, _FAR = 0.018, 0.024, 0.048
_ROOM = 0.007
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
                _draw_branch(panel, branch, name, branch_style(data, branch.name))
            _draw_crossings(panel, data)
            panel.set(ylabel=label)
        if trained is not None:
            _draw_trained(panels, trained)
        _draw_infimum(panels, data)
        _scale(panels, data, shown)
        for panel, (name, _) in zip(panels, _PANELS, strict=True):
            _label_branches(panel, data, shown, name)
        _write_crossings(panels[0], data)
        if legend:
            _draw_legend(panels[0], data, shown, trained is not None)
    return panels


def branch_planes(diagram: Any, at: Sequence[Any], *, axes: Any = None, n_lags: int = 8, gauge: str = "modal") -> Any:
    """Draws the plane of feature directions of the best network at each of several p, in one colour scale of ages.

    Args:
        diagram: What `phase_diagram` returned, a `PhaseData`, or its dataset.
        at: For each panel p, for the branch that is best there, or a pair (name of a branch, p).
        axes: Matplotlib axes, one for each; new ones if None.
        n_lags: Number of ages.
        gauge: "modal", in which every step turns by the same angle, or "balanced".

    Returns:
        An array of axes.

    Raises:
        InvalidInput: If a branch does not pass at its p.
    """
    data = phase_data(diagram)
    chosen = [_chosen(data, each) for each in at]
    if not chosen:
        raise InvalidInput("at", at, "at least one p")
    require_matplotlib()
    with style():
        new = axes is None
        if new:
            width = min(PAGE_WIDTH, 2.3 * len(chosen) + 0.7)
            panels = new_panels(1, len(chosen), width=width, height=(width - 0.7) / len(chosen) + 0.25)[1][0]
        else:
            panels = np.ravel(np.asarray(axes, dtype=object))
        for panel, (name, p) in zip(panels, chosen, strict=True):
            network = data.network(name, p)
            plane(network, ax=panel, n_lags=n_lags, gauge=gauge, n_colors=n_lags)
            found = geometry.measure_network(network, recall_lag=data.delay)
            numbers = "" if found.eigenangle_span is None else f": {found.eigenangle_span:.0f}°"
            panel.set_title(f"$p$ = {p:.4g}, {name}{numbers}", fontsize=8)
        if new:
            age_colorbar(list(panels), n_lags, shrink=0.8, pad=0.02)
    return panels


def branch_style(data: PhaseData, name: str) -> dict[str, Any]:
    """Colour and marker of a branch, the same in every figure: "dense" and "sparse" first, the others in order.

    Args:
        data: The diagram.
        name: Name of the branch.
    """
    others = [each.name for each in data.branches if each.name not in _NAMED]
    index = _NAMED.index(name) if name in _NAMED else len(_NAMED) + others.index(name) % _OTHER_COLORS
    chosen = series_style(index)
    return {"color": chosen["color"], "marker": chosen["marker"]}


def log_p_axis(axis: Any, low: float, high: float) -> None:
    """A logarithmic axis of activity probabilities with few, plain tick labels.

    Args:
        axis: Matplotlib axes whose horizontal axis it is.
        low: Smallest p.
        high: Largest p.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    axis.set_xscale("log")
    axis.set_xlim(low, high)
    sets = [[each for each in ticks if low * 0.999 <= each <= high * 1.001] for ticks in _TICKS]
    chosen = next((ticks for ticks in sets if len(ticks) >= _FEWEST_TICKS), sets[-1])
    axis.xaxis.set_major_locator(FixedLocator(chosen if len(chosen) > 1 else [low, high]))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.xaxis.set_minor_locator(FixedLocator([each * scale for scale in (0.001, 0.01, 0.1) for each in range(1, 11)]))
    axis.xaxis.set_minor_formatter(NullFormatter())


def _chosen(data: PhaseData, each: Any) -> tuple[str, float]:
    if isinstance(each, tuple | list):
        name, p = each
        return data.branch(name).name, float(p)
    best = int(data.best(float(each)))
    if best < 0:
        low, high = data.range
        raise InvalidInput("at", each, f"in [{low:.4g}, {high:.4g}], where a branch passes")
    return data.branches[best].name, float(each)


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


def _draw_branch(panel: Any, branch: BranchData, name: str, drawn: dict[str, Any]) -> None:
    p, values = branch.curve(name)
    stable = np.interp(np.log(p), np.log(branch.p), branch.stable.astype(float)) > 0
    for kept, line in ((stable, "-"), (~stable, (0, (3, 1.5)))):
        if kept.any():
            shown = np.where(kept, values, np.nan)
            panel.plot(p, shown, color=drawn["color"], linestyle=line, zorder=2, gid=f"branch-{branch.name}")
    for end, index in zip(branch.ends, (0, -1), strict=True):
        if end in _END_MARKERS:
            panel.plot(
                branch.p[index],
                getattr(branch, name)[index],
                _END_MARKERS[end],
                color=drawn["color"],
                markerfacecolor="white",
                markersize=4.5,
                zorder=4,
                gid=f"end-{branch.name}-{end}",
            )


def _draw_crossings(panel: Any, data: PhaseData) -> None:
    for p, _, _ in data.crossings:
        panel.axvline(p, color=INK, linewidth=0.7, zorder=0.8, gid="crossing")


def _write_crossings(panel: Any, data: PhaseData) -> None:
    """The p of every crossing at the foot of its line, one above the other where they are close."""
    level, last = 0, np.inf
    for p, _, _ in data.crossings:
        close = np.log(last / p) < 0.16 * np.log(data.range[1] / data.range[0])
        level, last = (level + 1 if close else 0), p
        panel.annotate(
            f"$p$ = {p:.4f}",
            (p, 0),
            xycoords=("data", "axes fraction"),
            xytext=(3, 3 + 9 * level),
            textcoords="offset points",
            fontsize=6.5,
            path_effects=outlined(),
            zorder=6,
        )


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


def _label_branches(panel: Any, data: PhaseData, shown: Sequence[BranchData], name: str) -> None:
    """Names beside their curves, where there is most room among the other curves; none where it would mislead."""
    low, high = panel.get_ylim()
    left, right = np.log(data.range)
    box = panel.get_position()
    aspect = box.height * panel.figure.get_figheight() / (box.width * panel.figure.get_figwidth())

    def place(p: Any, value: Any) -> np.ndarray:
        return np.column_stack([(np.log(p) - left) / (right - left), (np.asarray(value) - low) / (high - low) * aspect])

    curves = [_thinned(place(*branch.curve(name))) for branch in shown]
    if data.escape[0].size and name == "loss_per_p":
        curves.append(_thinned(place(*data.escape)))
    curves += [place(np.full(40, crossing), np.linspace(low, high, 40)) for crossing, _, _ in data.crossings]
    corners = [(x, y) for y in (-_NAME_HEIGHT / 2, _NAME_HEIGHT / 2) for x in np.linspace(-0.055, 0.055, 7)]
    word = np.array(corners)
    placed: list[np.ndarray] = []
    for i, branch in enumerate(shown):
        others = np.concatenate([*(curve for j, curve in enumerate(curves) if j != i), *placed, np.full((1, 2), 9.0)])
        best, chosen = -np.inf, None
        for start in curves[i]:
            for offset in (_NEAR, -_NEAR, _FAR, -_FAR):
                middle = start + np.array([0.0, offset])
                if not (0.07 < middle[0] < 0.93 and 0.02 < middle[1] < aspect - 0.02):
                    continue
                to_others, to_own = (
                    float(np.linalg.norm(each[:, None] - (middle + word), axis=-1).min())
                    for each in (others, curves[i])
                )
                room = min(to_others, 0.06) + 2 * min(to_own, _NEAR - _NAME_HEIGHT / 2) - 0.2 * abs(offset)
                between = (np.abs(others[:, 0] - middle[0]) < 0.03) & (
                    (others[:, 1] - start[1]) * (others[:, 1] - middle[1]) < 0
                )
                if to_others > max(to_own / 2, _ROOM) and room > best + 1e-4 and not between.any():
                    best, chosen = room, middle
        if chosen is None:
            continue
        placed.append(chosen + word)
        panel.text(
            float(np.exp(left + chosen[0] * (right - left))),
            float(low + chosen[1] / aspect * (high - low)),
            branch.name,
            ha="center",
            va="center",
            fontsize=7,
            color=branch_style(data, branch.name)["color"],
            path_effects=outlined(),
            zorder=6,
            gid=f"name-{branch.name}",
        )


def _thinned(curve: np.ndarray) -> np.ndarray:
    known = curve[np.isfinite(curve).all(axis=1)]
    return known[:: max(len(known) // 100, 1)]


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
