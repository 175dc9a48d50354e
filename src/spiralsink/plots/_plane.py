"""The plane of feature directions: where inputs of each age are written, and what the readout cannot see."""

from typing import Any

import numpy as np
from jaxtyping import Float

from .._errors import check_choice
from ._data import PlaneData, plane_data
from ._style import HIDDEN, INK, MUTED, age_colors, axes_or_new, outlined, require_matplotlib, series_style, style

_KINDS = {"algebraic": "", "unit impulse": "impulse responses", "jacobian at rest": "Jacobian at rest"}
# shares of the side of the picture
_MARGIN, _CLEARANCE, _CROWDED, _WORD = 1.42, 0.05, 0.075, 0.26
_SHORT, _UNLABELLED = 0.02, 0.07


def plane(
    source: Any,
    *,
    ax: Any = None,
    n_lags: int = 8,
    gauge: str | None = None,
    network: int | None = None,
    color_by: str = "age",
    n_colors: int | None = None,
    annotate: bool = True,
) -> Any:
    """Draws w_0, w_1, ... as arrows coloured by age, with the readout and the interference-free half-space.

    Angles and lengths are conventions unless a gauge is fixed, so the figure names its gauge. The half-space
    {h : W_y^T h <= 0} is shaded for ReLU readouts only: a linear readout sees both signs.

    Args:
        source: A network, a `PlaneData`, or a dataset (see `plane_data`).
        ax: Matplotlib axes to draw into; new ones if None.
        n_lags: Number of ages, for a network.
        gauge: "balanced", "modal" or "as_trained", for a network; None as `plane_data`.
        network: Index in a stack or along `network`.
        color_by: "age", or "feature" for tasks without memory.
        n_colors: Number of ages that the colour scale spans, to share it between figures; the ages drawn if None.
        annotate: Whether to write ages or feature letters at the tips, and the gauge.

    Returns:
        The matplotlib axes.
    """
    check_choice("color_by", color_by, ("age", "feature"))
    data = plane_data(source, n_lags=n_lags, gauge=gauge, network=network)
    require_matplotlib()
    with style():
        axes = axes_or_new(ax, height=3.2)
        low, high = _view(data.points)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        for level in (axes.axhline, axes.axvline):
            level(0, color=MUTED, linewidth=0.4, zorder=0.6)
        if data.rectified and data.exact:
            _shade(axes, free_polygon(data.readout, low, high))
        _draw_readout(axes, data, low, high)
        ages = age_colors(max(n_colors or 0, len(data.points)))
        colors = [
            [ages[lag] if color_by == "age" else series_style(each)["color"] for each in range(data.points.shape[1])]
            for lag in range(len(data.points))
        ]
        _draw_directions(axes, data, high[0] - low[0], colors, color_by, annotate)
        _label(axes, data, annotate)
    return axes


def free_polygon(
    readout: Float[np.ndarray, "outputs 2"], low: Float[np.ndarray, " 2"], high: Float[np.ndarray, " 2"]
) -> Float[np.ndarray, "corners 2"]:
    """Corners of {h : W_y^T h <= 0} within a rectangle; none when nothing is left of it.

    Args:
        readout: W_y^T, one row per output.
        low: Lower left corner of the rectangle.
        high: Upper right corner.
    """
    corners = [np.array(each, dtype=np.float64) for each in (low, (high[0], low[1]), high, (low[0], high[1]))]
    for normal in readout:
        kept: list[np.ndarray] = []
        for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
            here, there = float(normal @ start), float(normal @ end)
            if here <= 0:
                kept.append(start)
            if here * there < 0:
                kept.append(start + (end - start) * here / (here - there))
        corners = kept
        if len(corners) < 3:
            return np.zeros((0, 2))
    polygon = np.array(corners)
    x, y = polygon.T
    area = 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))
    return polygon if area > 1e-9 * float(np.prod(np.subtract(high, low))) else np.zeros((0, 2))


def _view(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The square that holds the origin and every tip, with room for what is written at the tips."""
    tips = np.concatenate([points.reshape(-1, 2), np.zeros((1, 2))])
    low, high = tips.min(axis=0), tips.max(axis=0)
    half = max(float((high - low).max()) * 0.5 * _MARGIN, 1e-12)
    middle = (low + high) / 2
    return middle - half, middle + half


def _shade(axes: Any, polygon: np.ndarray) -> None:
    from matplotlib.patches import Polygon

    if not len(polygon):
        return
    axes.add_patch(Polygon(polygon, facecolor=HIDDEN, edgecolor="none", zorder=0.2, gid="free-space"))
    # the corner farthest from the origin keeps clear of the arrows, which start there
    x, y = polygon[np.argmax((polygon**2).sum(axis=1))]
    right, top = x > np.mean(axes.get_xlim()), y > np.mean(axes.get_ylim())
    axes.annotate(
        "interference-free",
        (x, y),
        xytext=(-3 if right else 3, -4 if top else 4),
        textcoords="offset points",
        color=MUTED,
        fontsize=6.5,
        ha="right" if right else "left",
        va="top" if top else "bottom",
    )


def _draw_readout(axes: Any, data: PlaneData, low: np.ndarray, high: np.ndarray) -> None:
    several = len(data.readout) > 1
    for index, weight in enumerate(data.readout):
        length = float(np.linalg.norm(weight))
        if not length:
            continue
        direction = weight / length
        walls = np.where(direction > 0, high, low)
        tip = direction * min(float(w / d) for w, d in zip(walls, direction, strict=True) if abs(d) > 1e-9)
        color, width = (MUTED, 0.5) if several else (INK, 0.8)
        axes.plot(
            [0, tip[0]], [0, tip[1]], color=color, linewidth=width, dashes=(4, 2), zorder=1, gid=f"readout-{index}"
        )
        if not several:
            _name_readout(axes, tip, data.points.reshape(-1, 2), low, high)


def _name_readout(axes: Any, tip: np.ndarray, points: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """Writes "readout" at the end of its line, on the side that is farthest from the arrows and inside the axes."""
    side = high - low
    sides = [
        (x, y)
        for x in (-1, 1)
        for y in (-1, 1)
        if low[0] < tip[0] + x * _WORD * side[0] < high[0] and low[1] < tip[1] + y * 2 * _CLEARANCE * side[1] < high[1]
    ]

    def room(each: tuple[int, int]) -> float:
        middle = tip + np.array([each[0] * _WORD / 2, each[1] * _CLEARANCE]) * side
        return float(np.linalg.norm(points - middle, axis=1).min())

    right, top = max(sides, key=room)
    axes.annotate(
        "readout",
        tip,
        xytext=(4 * right, 4 * top),
        textcoords="offset points",
        fontsize=6.5,
        ha="left" if right > 0 else "right",
        va="bottom" if top > 0 else "top",
        zorder=6,
        path_effects=outlined(),
    )


def _draw_directions(
    axes: Any, data: PlaneData, side: float, colors: list[list[Any]], color_by: str, annotate: bool
) -> None:
    from matplotlib.patches import FancyArrowPatch

    points = data.points
    n_lags, n_features, _ = points.shape
    placed: list[np.ndarray] = []
    for feature in range(n_features):
        if color_by == "age" and n_lags > 2:
            axes.plot(*points[:, feature].T, color=MUTED, linewidth=0.6, linestyle=":", zorder=1.5)
        for lag in range(n_lags):
            tip = points[lag, feature]
            gid = f"direction-{lag}-{feature}"
            length = float(np.linalg.norm(tip))
            if length < _SHORT * side:
                axes.plot(*tip, marker="o", markersize=2.5, color=colors[lag][feature], zorder=3, gid=gid)
                continue
            arrow = FancyArrowPatch(
                (0, 0),
                tip,
                arrowstyle="-|>",
                mutation_scale=7,
                shrinkA=0,
                shrinkB=0,
                linewidth=1.4,
                color=colors[lag][feature],
            )
            arrow.set(zorder=3 + (n_lags - lag) / n_lags, gid=gid)
            axes.add_patch(arrow)
            place = _off_the_line(tip * (1 + _CLEARANCE * side / length), data.readout, 0.7 * _CLEARANCE * side)
            crowded = any(np.linalg.norm(place - other) < _CROWDED * side for other in placed)
            if annotate and length > _UNLABELLED * side and not crowded:
                placed.append(place)
                text = _tip_text(lag, feature, n_lags, n_features, color_by)
                options = {"ha": "center", "va": "center", "zorder": 6, "path_effects": outlined()}
                axes.text(*place, text, color=INK, fontsize=7, gid=f"tip-{lag}-{feature}", **options)


def _off_the_line(place: np.ndarray, readout: np.ndarray, room: float) -> np.ndarray:
    """The place, moved to the nearer side of the readout's line if that would cross what is written there."""
    if len(readout) != 1 or not readout[0].any():
        return place
    along = readout[0] / np.linalg.norm(readout[0])
    across = np.array([-along[1], along[0]])
    offset = float(place @ across)
    if place @ along < 0 or abs(offset) >= room:
        return place
    return place + across * (np.copysign(room, offset) - offset)


def _tip_text(lag: int, feature: int, n_lags: int, n_features: int, color_by: str) -> str:
    letter = chr(ord("A") + feature) if n_features <= 26 else str(feature)
    if n_features == 1:
        return str(lag)
    return letter if n_lags == 1 or color_by == "feature" else f"{letter}$_{{{lag}}}$"


def _label(axes: Any, data: PlaneData, annotate: bool) -> None:
    name = "as trained" if data.gauge == "as_trained" else f"{data.gauge} gauge"
    axes.set_xlabel(f"$h_1$ ({name})" if annotate else "$h_1$")
    axes.set_ylabel("$h_2$", labelpad=1)
    axes.locator_params(nbins=4)
    remark = _KINDS[data.kind]
    if data.share < 0.999:
        remark = f"{remark}, " * bool(remark) + f"plane holds {data.share:.0%} of the squared length"
    if annotate and remark:
        axes.set_title(remark, fontsize=6.5, color=MUTED)
