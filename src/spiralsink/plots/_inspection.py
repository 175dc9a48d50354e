"""An inspection on one page: what a network remembers, where, and how linearly."""

from typing import Any

import numpy as np

from ._data import SpectrumData
from ._inspection_data import (
    WAITS,
    inspection_data,
    inspection_panel,
    lag_ticks,
    matrix,
    not_measured,
    values,
    values_or_none,
)
from ._inspection_directions import direction_alignment, direction_dependence, direction_lengths
from ._inspection_memory import interference_by_lag, memory_curve, seen_by_readout
from ._spectrum import spectrum
from ._style import MUTED, PAGE_WIDTH, panel_letter, require_matplotlib, style

_LEAST = 1e-4


def additivity_by_lags(source: Any, *, ax: Any = None) -> Any:
    """Draws 1 - the mean additivity index of impulses of every two ages: the share that does not add up.

    Colours are logarithmic, from 1e-4, where nothing is seen of it, to 1, an error as large as the response.

    Args:
        source: An inspection or its dataset.
        ax: Matplotlib axes to draw into; new ones if None.

    Returns:
        The axes.
    """
    with inspection_panel(source, ax, height=2.6) as (dataset, axes):
        index = values_or_none(dataset, "additivity_by_lags", "lag", "other_lag")
        if index is None or not np.isfinite(index).any():
            return not_measured(axes, dataset, "additivity")
        from matplotlib.colors import LogNorm

        error = np.maximum(1 - index, _LEAST)
        image = matrix(axes, error, "1 − additivity", norm=LogNorm(_LEAST, 1.0), cmap="cividis", origin="lower")
        image.set_gid("additivity")
        axes.set(xlabel=WAITS, ylabel="age $s'$ (steps)")
        lag_ticks(axes, len(index), both=True)
    return axes


def jacobian_spectrum(source: Any, *, ax: Any = None) -> Any:
    """Draws the eigenvalues of the mean Jacobian in the unit disc, and the radii of Jacobians of single times.

    Args:
        source: An inspection or its dataset.
        ax: Matplotlib axes to draw into; new ones if None.

    Returns:
        The axes.
    """
    with inspection_panel(source, ax, height=3.0) as (dataset, axes):
        real = values_or_none(dataset, "eigenvalue_real", "mode")
        if real is None:
            return not_measured(axes, dataset, "spectrum")
        imaginary = values(dataset, "eigenvalue_imag", "mode")
        spectrum(SpectrumData(real + 1j * imaginary), ax=axes)
        for line in axes.lines:
            if line.get_gid() == "eigenvalues":
                line.set_markersize(5 if len(real) <= 40 else 2.5)
                line.set_markeredgewidth(0.4 if len(real) <= 40 else 0.0)
        radii = values_or_none(dataset, "jacobian_radius", "sampled_time")
        if radii is not None and len(radii) > 1:
            from matplotlib.patches import Annulus

            low, high = float(radii.min()), float(radii.max())
            if high > low:
                ring = Annulus((0, 0), high, high - low, color="#d55e00", alpha=0.22, linewidth=0, gid="radii")
                axes.add_patch(ring)
        reach = np.concatenate([np.hypot(real, imaginary), [] if radii is None else radii])
        limit = 1.08 * max(1.0, float(reach.max()))
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit))
    return axes


def inspection(source: Any, *, feature: int = 0) -> Any:
    """Draws an inspection on one page.

    a memory curve, b what the readout sees, c lengths of directions, d their alignment, e what they depend on,
    f additivity, g interference, h spectrum of the mean Jacobian.

    Args:
        source: An inspection or its dataset.
        feature: The feature whose alignment is drawn.

    Returns:
        The figure.
    """
    dataset = inspection_data(source)
    require_matplotlib()
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with style():
        figure = Figure(figsize=(PAGE_WIDTH, 6.4), layout=ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.07))
        grid = figure.add_gridspec(3, 3)
        places = [grid[0, :2], grid[0, 2], *(grid[row, column] for row in (1, 2) for column in range(3))]
        panels = [figure.add_subplot(place) for place in places]
        memory_curve(dataset, ax=panels[0]).set_title("what can be read")
        seen_by_readout(dataset, ax=panels[1]).set_title("what the readout sees")
        direction_lengths(dataset, ax=panels[2]).set_title("directions: length")
        name = f" of feature {feature}" if dataset.sizes["feature"] > 1 else ""
        direction_alignment(dataset, feature=feature, ax=panels[3]).set_title(f"directions{name}: alignment")
        direction_dependence(dataset, ax=panels[4]).set_title("directions: dependence")
        additivity_by_lags(dataset, ax=panels[5]).set_title("do responses add up?")
        interference_by_lag(dataset, ax=panels[6]).set_title("what readouts hear")
        jacobian_spectrum(dataset, ax=panels[7]).set_title("mean Jacobian")
        for panel, letter in zip(panels, "abcdefgh", strict=True):
            panel_letter(panel, letter)
        figure.suptitle(_title(dataset), x=0.01, ha="left", color=MUTED, fontsize=7.5)
    return figure


def _title(dataset: Any) -> str:
    sizes = dataset.sizes
    agreement = dataset.attrs.get("agreement", "none")
    checked = "not compared with an independent forward pass"
    if agreement != "none":
        checked = f"agrees with {dataset.attrs['compared_with']} to {float(agreement):.0e}"
    features = "1 feature" if sizes["feature"] == 1 else f"{sizes['feature']} features"
    return f"{dataset.attrs['kind']}, {features}, {sizes['hidden']} numbers of state; {checked}"
