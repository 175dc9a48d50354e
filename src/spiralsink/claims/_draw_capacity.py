"""Figure of the claim about which features are kept, drawn from its dataset alone."""

from typing import Any

import numpy as np

from .. import plots
from ..geometry import represented_strict

_APART = 0.035  # of the losses, or labels overlap


def draw_all_or_none(data: Any) -> Any:
    """How many features are kept at every delay, how much of each is recalled, and how close other sets come."""
    figure, axes = plots.new_panels(1, 3, width=plots.PAGE_WIDTH, height=2.7, width_ratios=[1, 1.25, 1.35])
    number, gains, losses = axes[0]
    delays = data["delay"].values
    with plots.style():
        _draw_numbers(number, data, delays)
        _draw_gains(gains, data, delays)
        _draw_losses(losses, data, delays)
    for panel, letter in zip(axes[0], "abc", strict=True):
        panel.set_xlabel("delay $k$ (steps)")
        panel.set_xticks(delays if panel is not gains else range(len(delays)), [str(each) for each in delays])
        plots.panel_letter(panel, letter)
    return figure


def _draw_numbers(axes: Any, data: Any, delays: np.ndarray) -> None:
    early = data["first_gain"].isel(network=data["first_best"]).values
    steps, more = int(data.attrs["steps"]), int(data.attrs["more_steps"])
    stages = [(early, f"after {steps} steps"), (data["gain"].isel(finalist=0).values, f"after {steps + more} steps")]
    for index, (gain, label) in enumerate(stages):
        drawn = plots.series_style(index)
        count = represented_strict(gain).sum(axis=-1)
        axes.plot(delays, count, label=label, markersize=7 - 3 * index, zorder=3 + index, **drawn)
    wanted = [int(each) for each in np.atleast_1d(data.attrs["expected_at_one"])]
    axes.annotate(
        "bar at $k$ = 1:\n" + ", ".join(chr(ord("A") + each) for each in wanted),
        (1, len(wanted)),
        xytext=(-0.1, 1.2),
        arrowprops={"arrowstyle": "-", "color": plots.MUTED, "linewidth": 0.6, "shrinkB": 5},
        fontsize=6.5,
        color=plots.MUTED,
    )
    axes.set(ylim=(0, data.sizes["feature"] + 0.9), ylabel="features kept by the best network")
    axes.set_yticks(range(data.sizes["feature"] + 1))
    axes.legend(loc="upper right")


def _draw_gains(axes: Any, data: Any, delays: np.ndarray) -> None:
    gain = data["gain"].isel(finalist=0).values
    shown = axes.imshow(gain.T, cmap="Blues", vmin=0, vmax=1.3, aspect="auto")
    for row, column in np.ndindex(gain.shape):
        value = gain[row, column]
        bold = {"fontweight": "bold"} if value >= 0.5 else {}
        text = f"{value + 0.0:.2f}".replace("-0.00", "0.00")
        color = "white" if value > 0.75 else plots.INK
        axes.text(row, column, text, ha="center", va="center", fontsize=6, color=color, **bold)
    axes.set_yticks(range(gain.shape[1]), [chr(ord("A") + index) for index in range(gain.shape[1])])
    axes.set_ylabel("feature, by importance")
    axes.set_title("recall $A_k[i, i]$ (bold: kept)")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    shown.set_clip_on(False)


def _draw_losses(axes: Any, data: Any, delays: np.ndarray) -> None:
    mean, silent = data["loss"].mean("chunk").values, data["silent_loss"].values
    kept = represented_strict(data["gain"].values)
    for row, delay in enumerate(delays):
        found: dict[str, float] = {}
        for loss, each in zip(mean[row] / silent[row], kept[row], strict=True):
            if np.isfinite(loss):
                found.setdefault(set_name(each), float(loss))
        labels: list[tuple[float, list[str]]] = []
        for index, (name, loss) in enumerate(found.items()):
            drawn = plots.series_style(min(index, 1))
            size = 5.5 if index == 0 else 3
            axes.plot(delay, loss, marker=drawn["marker"], color=drawn["color"], markersize=size, zorder=3 + index)
            if labels and loss - labels[-1][0] < _APART:
                labels[-1][1].append(name)
            else:
                labels.append((loss, [name]))
        for loss, names in labels:
            place = {"xytext": (5, 0), "textcoords": "offset points", "va": "center"}
            axes.annotate(", ".join(names), (delay, loss), fontsize=6, **place)
    axes.set(xlim=(delays[0] - 0.3, delays[-1] + 1.0), ylim=(-0.03, None), ylabel="loss / loss of a silent network")
    axes.set_title("best of each set (circle: of all)")


def set_name(kept: Any) -> str:
    """The letters of the features that are kept, such as "AC"; "none" for no feature."""
    return "".join(chr(ord("A") + int(index)) for index in np.flatnonzero(kept)) or "none"
