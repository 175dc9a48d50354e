"""The standard figures of a store."""

from pathlib import Path

from .._atomic import make_folder
from ..data import open_store
from ..plots import save_figure, sweep_summary


def write_figures(store: Path | str) -> list[Path]:
    """Draws every metric against the axes of the plan into `figures/`, as PNG and SVG.

    Args:
        store: Folder of the store.

    Returns:
        The paths that were written.

    Raises:
        InvalidInput: If the store holds no blocks or a damaged one, or the figures cannot be written.
        MissingExtra: If matplotlib or xarray is not installed.
    """
    folder = make_folder(Path(store) / "figures")
    return list(save_figure(sweep_summary(open_store(store, lazy_above=0)), folder / "summary"))
