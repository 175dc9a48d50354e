"""What an ablated input or a patched state changes at every later step."""

from typing import Any

import numpy as np

from ._inspection_data import dataset_with, lag_ticks, matrix, name_rows, panel
from ._style import INK, MUTED, series_style

_MOST_LINES = 4


def effect(source: Any, *, ax: Any = None) -> Any:
    """Draws the mean |change| of every output by later step, and what was expected of it.

    Up to four outputs have a line each, with open markers where additive responses would be (before a nonlinearity of
    the readout); more are rows of an image.

    Args:
        source: What `ablate` or `patch` returned, or its dataset.
        ax: Matplotlib axes to draw into; new ones if None.

    Returns:
        The axes.

    Raises:
        InvalidInput: If it is neither.
    """
    dataset = dataset_with("state_change", source, "an effect")
    over = ("sequence", "at")
    change, expected = (np.abs(dataset[name]).mean(over).values for name in ("change", "expected"))
    unit = str(dataset.attrs["of"]).removesuffix("s")
    with panel(ax, height=2.3) as axes:
        steps = np.arange(len(change))
        if change.shape[1] <= _MOST_LINES:
            for each in range(change.shape[1]):
                drawn = series_style(each)
                label = f"{unit} {each}"
                axes.plot(steps, change[:, each], **drawn, markersize=3, label=label, gid=f"change-{each}")
                outline = {**drawn, "linestyle": "none", "markersize": 6.5, "markerfacecolor": "none"}
                axes.plot(steps, expected[:, each], **outline, markeredgewidth=0.7, gid=f"expected-{each}")
            axes.plot([], [], "o", color=MUTED, markerfacecolor="none", markersize=6.5, label="expected")
            axes.axhline(0, color=INK, linewidth=0.6, zorder=0.9)
            axes.set(ylabel="mean |change|", ylim=(0, None))
            axes.legend(loc="upper right")
        else:
            image = matrix(axes, change.T, "mean |change|", vmin=0)
            image.set_gid("change")
            axes.set_ylabel(unit)
            name_rows(axes, [str(each) for each in range(change.shape[1])])
        axes.set_xlabel("later step")
        axes.set_title(str(dataset.attrs["cause"]))
        lag_ticks(axes, len(steps))
    return axes
