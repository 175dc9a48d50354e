"""Axes of activity probability, and names on them: of branches beside their curves, of crossings at their lines."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._phase_data import BranchData, PhaseData
from ._style import outlined, series_style

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


def branch_color(data: PhaseData, name: str) -> str:
    """Colour of a branch, the same in every figure: "dense" and "sparse" first, the others in order.

    Args:
        data: The diagram.
        name: Name of the branch.
    """
    others = [each.name for each in data.branches if each.name not in _NAMED]
    index = _NAMED.index(name) if name in _NAMED else len(_NAMED) + others.index(name) % _OTHER_COLORS
    return str(series_style(index)["color"])


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


def name_crossings(panel: Any, data: PhaseData) -> None:
    """The p of every crossing at the foot of its line, one above the other where they are close.

    Args:
        panel: Matplotlib axes.
        data: The diagram.
    """
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


def name_branches(panel: Any, data: PhaseData, shown: Sequence[BranchData], name: str) -> None:
    """Names beside their curves, where there is most room among the other curves; none where it would mislead.

    Args:
        panel: Matplotlib axes whose limits are set.
        data: The diagram.
        shown: The branches that are drawn.
        name: What is drawn: "loss_per_p", "eigenangle_span" or "spectral_radius".
    """
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
            color=branch_color(data, branch.name),
            path_effects=outlined(),
            zorder=6,
            gid=f"name-{branch.name}",
        )


def _thinned(curve: np.ndarray) -> np.ndarray:
    known = curve[np.isfinite(curve).all(axis=1)]
    return known[:: max(len(known) // 100, 1)]
