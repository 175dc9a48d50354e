"""What the figures of an inspection draw: variables of its dataset, or the reason why there are none."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown
from ._style import INK, MUTED, axes_or_new, require_matplotlib, style

WAITS = "age of the input $s$ (steps)"


def inspection_data(source: Any) -> Any:
    """The dataset of an inspection.

    Args:
        source: An inspection, or its dataset.

    Raises:
        InvalidInput: If it is neither.
    """
    return dataset_with("directions", source, "an inspection")


def dataset_with(variable: str, source: Any, name: str) -> Any:
    """The dataset of a result, or one that was given, told apart from others by a variable."""
    dataset = source.to_dataset() if hasattr(source, "to_dataset") and not hasattr(source, "sizes") else source
    if not hasattr(dataset, "sizes") or variable not in getattr(dataset, "variables", ()):
        raise InvalidInput("source", Shown(type(source).__name__), f"{name} or its dataset")
    return dataset


@contextlib.contextmanager
def panel(ax: Any, *, height: float) -> Iterator[Any]:
    """The axes to draw a panel into, in the style of the package: those given, or new ones of that height."""
    require_matplotlib()
    with style():
        yield axes_or_new(ax, height=height)


@contextlib.contextmanager
def inspection_panel(source: Any, ax: Any, *, height: float) -> Iterator[tuple[Any, Any]]:
    """The dataset of an inspection, and the axes to draw a panel of it into."""
    dataset = inspection_data(source)
    with panel(ax, height=height) as axes:
        yield dataset, axes


def values(dataset: Any, name: str, *dims: str) -> np.ndarray:
    """A variable with its dimensions in that order."""
    return np.asarray(dataset[name].transpose(*dims).values)


def values_or_none(dataset: Any, name: str, *dims: str) -> np.ndarray | None:
    """The same; None where it was not measured."""
    return values(dataset, name, *dims) if name in dataset.variables else None


def feature_names(dataset: Any) -> list[str]:
    """Numbers from 0, as tables, records and `ablate` have them."""
    return [str(j) for j in range(dataset.sizes["feature"])]


def check_feature(dataset: Any, feature: int) -> int:
    """The number of a feature of the dataset."""
    if not 0 <= feature < dataset.sizes["feature"]:
        raise InvalidInput("feature", feature, f"below the number of features, {dataset.sizes['feature']}")
    return feature


def not_measured(axes: Any, dataset: Any, part: str) -> Any:
    """Writes into empty axes why a part was not measured."""
    reasons = dict(str(each).split(": ", 1) for each in np.ravel(dataset.attrs.get("reasons", [])))
    return absent(axes, f"not measured: {reasons.get(part, 'not in the dataset')}")


def absent(axes: Any, why: str) -> Any:
    """Writes into empty axes why there is nothing to draw."""
    import textwrap

    text = textwrap.fill(why, 28)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=MUTED, gid="absent")
    axes.set(xticks=[], yticks=[])
    return axes


def matrix(axes: Any, cells: np.ndarray, label: str, **options: Any) -> Any:
    """An image with a frame and a colour bar; cells that are NaN stay grey."""
    import matplotlib

    options = {"cmap": "viridis", "interpolation": "nearest", "aspect": "auto", **options}
    options["cmap"] = matplotlib.colormaps[options["cmap"]].with_extremes(bad="#e2e2e6")
    image = axes.imshow(np.ma.masked_invalid(cells), **options)
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=0.5)
    extend = "neither"
    low, high = image.get_clim()
    if np.nanmin(cells) < low - 1e-9:
        extend = "both" if np.nanmax(cells) > high + 1e-9 else "min"
    bar = axes.figure.colorbar(image, ax=axes, pad=0.03, fraction=0.08, aspect=14, extend=extend)
    bar.set_label(label)
    bar.outline.set_linewidth(0.5)
    bar.ax.tick_params(length=2)
    return image


def lag_ticks(axes: Any, n_lags: int, *, both: bool = False) -> None:
    """Whole lags, at most six of them."""
    ticks = np.arange(0, n_lags, -(-n_lags // 6))
    axes.set_xticks(ticks)
    if both:
        axes.set_yticks(ticks)


def name_rows(axes: Any, names: Sequence[str]) -> None:
    """Names of rows of an image, every second or third where they are many."""
    shown = np.arange(0, len(names), -(-len(names) // 12))
    axes.set_yticks(shown, [names[int(i)] for i in shown])


def mark_delay(axes: Any, dataset: Any) -> None:
    """A dotted line at the delay, where one was given."""
    delay = dataset.attrs.get("delay", "none")
    if delay != "none":
        axes.axvline(float(delay), color=INK, linewidth=0.7, linestyle=(0, (1, 2)), zorder=0.8, gid="delay")
