"""The best branch over (p, k) or (p, N_h), as one row of colour for each delay or number of hidden units."""

from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown, check_choice
from ._phase_axes import log_p_axis
from ._style import INK, MUTED, axes_or_new, outlined, require_matplotlib, style

_COLORS = "cividis"
_LABELS = {
    "eigenangle_span": "eigenangle span (degrees)",
    "spectral_radius": "spectral radius",
    "loss_per_p": "expected loss $E[L]/p$",
    "free_fraction": "free fraction",
}
_ROWS = {"delay": "delay $k$ (steps)", "n_hidden": "hidden units $N_h$"}
_GAP = 0.45
_SMALLEST_SPAN = 45.0
_SPAN_TICKS = (45, 90, 180, 270, 360, 540, 720, 1080, 1440, 2880)
# share of the width that a name needs, written upright
_NARROWEST = 0.035


def phase_map(
    source: Any,
    *,
    ax: Any = None,
    quantity: str = "eigenangle_span",
    limits: Any = None,
    colorbar: bool = True,
) -> Any:
    """Draws a number of the best branch over (p, k) or (p, N_h): one band for each delay or number of hidden units.

    White lines are changes of the lowest branch, whose name stands where there is room; bands are hatched where the
    loss has no global minimiser.

    Args:
        source: What `phase_map` returned, or its dataset, with several delays or several n_hidden but not both (select
            one with `dataset.sel`).
        ax: Matplotlib axes to draw into; new ones if None.
        quantity: "eigenangle_span", "spectral_radius", "loss_per_p" or "free_fraction".
        limits: Ends (low, high) of the colour scale; those of the data if None.
        colorbar: Whether to draw one.

    Returns:
        The matplotlib axes.

    Raises:
        InvalidInput: If the source is no phase map of one row of cells.
    """
    check_choice("quantity", quantity, _LABELS)
    dataset = source.to_dataset() if hasattr(source, "diagrams") else source
    if any(
        name not in getattr(dataset, "variables", ())
        for name in (quantity, "branch", "p", "escape_p", "crossing_delay")
    ):
        raise InvalidInput("source", Shown(type(source).__name__), "a phase map or its dataset")
    dataset = dataset.expand_dims([name for name in _ROWS if name not in dataset.sizes])
    rows, fixed = ("delay", "n_hidden") if dataset.sizes["n_hidden"] == 1 else ("n_hidden", "delay")
    if dataset.sizes[fixed] != 1:
        sizes = Shown(f"{dataset.sizes['delay']} delays and {dataset.sizes['n_hidden']} n_hidden")
        raise InvalidInput("source", sizes, "a map with one delay or one n_hidden", hint="dataset.sel(n_hidden=[2])")
    held = int(dataset[fixed].values[0])
    dataset = dataset.isel({fixed: 0}).transpose(rows, "p", ...)
    require_matplotlib()
    from matplotlib.colors import LogNorm, Normalize

    values = np.asarray(dataset[quantity].values, np.float64)
    low, high = limits or (float(np.nanmin(values)), float(np.nanmax(values)))
    spans = quantity == "eigenangle_span"
    low = max(low, _SMALLEST_SPAN) if spans else low
    # spans of 90 and of 270 degrees matter as much as those of many turns
    norm = (LogNorm if spans else Normalize)(low, high if high > low else low + 1)
    p = np.asarray(dataset["p"].values, np.float64)
    with style():
        axes = axes_or_new(ax, width=4.6, height=0.7 + 0.46 * len(values))
        for row, (label, band) in enumerate(zip(dataset[rows].values, values, strict=True)):
            around = [row - _GAP, row + _GAP]
            cell = {rows: int(label), fixed: held}
            jumps = _crossings(dataset, cell)
            shown = np.maximum(band, low)[None]
            edges = _edges(p, jumps)
            mesh = axes.pcolormesh(edges, around, shown, cmap=_COLORS, norm=norm, rasterized=True, zorder=1)
            mesh.set_gid(f"band-{label}")
            escape = float(dataset["escape_p"].values[row])
            if escape > p[0]:
                _hatch(axes, p[0], escape, around)
            for jump in jumps:
                axes.plot([jump] * 2, around, color="white", linewidth=1.6, zorder=3, gid="crossing")
            _name(axes, edges, [str(each) for each in dataset["branch"].values[row]], row)
        axes.set_yticks(range(len(values)), [str(each) for each in dataset[rows].values])
        axes.set_ylim(-0.5, len(values) - 0.5)
        axes.tick_params(axis="y", length=0)
        log_p_axis(axes, float(p[0]), float(p[-1]))
        other = f"$N_h$ = {held}" if fixed == "n_hidden" else f"$k$ = {held}"
        axes.set(xlabel="activity probability $p$", ylabel=_ROWS[rows])
        axes.set_title(other)
        if (dataset["escape_p"].values > p[0]).any():
            axes.set_title("hatched: no global minimiser", loc="right", fontsize=6.5, color=MUTED)
        if colorbar:
            from matplotlib.cm import ScalarMappable

            bar = axes.figure.colorbar(ScalarMappable(norm, _COLORS), ax=axes, pad=0.02)
            bar.set_label(_LABELS[quantity])
            bar.outline.set_linewidth(0.5)
            if spans:
                ticks = [each for each in _SPAN_TICKS if low <= each <= high]
                bar.set_ticks(ticks, labels=[str(each) for each in ticks])
                bar.minorticks_off()
    return axes


def _hatch(axes: Any, low: float, high: float, around: list[float]) -> None:
    options: dict[str, Any] = {
        "facecolor": "none",
        "edgecolor": "white",
        "linewidth": 0,
        "hatch": "////",
        "alpha": 0.55,
    }
    axes.fill_between([low, high], *around, zorder=2, gid="escape-region", **options)


def _crossings(dataset: Any, cell: dict[str, int]) -> np.ndarray:
    here = np.ones(dataset.sizes["crossing"], dtype=bool)
    for name, value in cell.items():
        here &= dataset[f"crossing_{name}"].values == value
    return dataset["crossing_p"].values[here]


def _edges(p: np.ndarray, crossings: np.ndarray) -> np.ndarray:
    """Edges of the cells around every p; a crossing is the edge between the two points that it lies between."""
    edges = np.concatenate([[p[0]], np.sqrt(p[1:] * p[:-1]), [p[-1]]])
    for each in crossings:
        i = int(np.searchsorted(p, each))
        if 0 < i < len(p):
            edges[i] = each
    return edges


def _name(axes: Any, edges: np.ndarray, names: list[str], row: int) -> None:
    """The name of the best branch in every stretch that is long enough for it."""
    whole = np.log(edges[-1] / edges[0])
    start = 0
    for i in range(1, len(names) + 1):
        if i < len(names) and names[i] == names[start]:
            continue
        length = np.log(edges[i] / edges[start]) / whole
        name = names[start]
        if name and length > _NARROWEST:
            options: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 6.5, "path_effects": outlined()}
            upright = 0 if length > 0.016 * len(name) + 0.01 else 90
            middle = float(np.sqrt(edges[i] * edges[start]))
            axes.text(middle, row, name, rotation=upright, color=INK, zorder=5, gid=f"name-{name}", **options)
        start = i
