"""The planes of feature directions of the best networks at chosen points of a phase diagram."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import geometry
from .._errors import InvalidInput
from ._phase_data import PhaseData, phase_data
from ._plane import plane
from ._style import PAGE_WIDTH, age_colorbar, new_panels, require_matplotlib, style


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


def _chosen(data: PhaseData, each: Any) -> tuple[str, float]:
    if isinstance(each, tuple | list):
        name, p = each
        return data.branch(name).name, float(p)
    best = int(data.best(float(each)))
    if best < 0:
        low, high = data.range
        raise InvalidInput("at", each, f"in [{low:.4g}, {high:.4g}], where a branch passes")
    return data.branches[best].name, float(each)
