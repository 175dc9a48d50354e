"""The figure of cued recall, drawn from its dataset alone."""

from typing import Any

import numpy as np

from .. import plots

_BLIND = "#e8e8ec"


def draw_random_delay(data: Any) -> Any:
    """States in the plane and what the readout sees of them, for both recurrences; the answers; all losses."""
    figure, axes = plots.new_panels(2, 3, width=plots.PAGE_WIDTH, height=4.6)
    with plots.style():
        for row, name in zip(axes, data["case"].values, strict=False):
            one = data.sel(case=name)
            _draw_states(row[0], one)
            row[0].set_anchor("N")
            row[0].set_title(f"{name}: states")
            _draw_drives(row[1], one)
            row[1].set_title(f"{name}: readout")
        _draw_answers(axes[0, 2], data)
        _draw_losses(axes[1, 2], data)
        bar = plots.age_colorbar(axes[:, 1], int(data["delay"].max()) + 1, pad=0.02, shrink=0.6, aspect=26)
        bar.set_label("delay of the cue (steps)")
    for panel, letter in zip(axes.flat, "abcdef", strict=True):
        plots.panel_letter(panel, letter)
    return figure


def _draw_states(panel: Any, one: Any) -> None:
    """The first two hidden units: at rest, while values wait, and at the cue."""
    start, last = int(one.attrs["value_at"]), int(one["delay"].max())
    states = one["states"].values[..., :2]
    waiting, cued, rest = states[:, start : start + last], states[:, start + last], one["resting_state"].values[:2]
    colors = plots.age_colors(last + 1)
    for path, end in zip(waiting, cued, strict=True):
        panel.plot(*np.concatenate([path, end[None]]).T, color=plots.MUTED, linewidth=0.7, zorder=1.5)
        panel.scatter(*path.T, c=colors[:last], s=13, zorder=3, linewidths=0)
    panel.plot(*cued.T, "D", color=colors[last], markeredgecolor=plots.INK, markersize=4.5, zorder=4)
    panel.plot(*rest, "X", color=plots.INK, markersize=6, zorder=4)
    reach = np.concatenate([waiting.reshape(-1, 2), cued, rest[None], np.zeros((1, 2))])
    middle, half = (reach.max(axis=0) + reach.min(axis=0)) / 2, 0.7 * np.ptp(reach, axis=0).max() + 1e-6
    for place, text in ((cued.mean(axis=0), "at the cue"), (rest, "at rest")):
        # outwards, where no path can be
        above = place[1] > middle[1]
        offset, side = ((0, 9), "bottom") if above else ((0, -9), "top")
        panel.annotate(text, place, xytext=offset, textcoords="offset points", ha="center", va=side, fontsize=6)
    x, y = np.meshgrid(*(np.linspace(each - half, each + half, 200) for each in middle))
    w = one["output_weights"].values[:2]
    panel.contourf(x, y, w[0] * x + w[1] * y, levels=[-np.inf, 0], colors=[_BLIND], zorder=0)
    panel.contour(x, y, w[0] * x + w[1] * y, levels=[0], colors=[plots.MUTED], linewidths=0.8, zorder=0.5)
    panel.set(xlabel="hidden unit 1", ylabel="hidden unit 2", aspect="equal")
    panel.set(xlim=(middle[0] - half, middle[0] + half), ylim=(middle[1] - half, middle[1] + half))


def _draw_drives(panel: Any, one: Any) -> None:
    """W_y h over time for a value of 1 and every delay; below zero the readout sees nothing."""
    start, delays = int(one.attrs["value_at"]), one["delay"].values
    time = np.arange(one.sizes["time"]) - start
    shown = (time >= -3) & (time <= 2 * int(delays.max()))
    colors = plots.age_colors(int(delays.max()) + 1)
    panel.axhspan(-100, 0, color=_BLIND, linewidth=0, zorder=0)
    for delay, drive in zip(delays, one["drive"].values, strict=True):
        color = colors[int(delay)]
        panel.plot(time[shown], drive[shown], color=color, linewidth=1.0, zorder=2)
        panel.plot(int(delay), drive[start + int(delay)], "D", color=color, markersize=4.5, zorder=3)
    drives = one["drive"].values[:, shown]
    low, high = min(float(drives.min()), -0.5), max(float(drives.max()), 1.0)
    panel.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
    panel.axhline(1, color=plots.MUTED, linewidth=0.7, linestyle=":", zorder=1)
    panel.axvline(0, color=plots.MUTED, linewidth=0.7, linestyle="--", zorder=1)
    panel.set(xlabel="steps since the value", ylabel=r"drive of the readout $W_y^{\top} h_t$")
    panel.annotate(
        "not seen",
        (0.98, 0.03),
        xycoords="axes fraction",
        ha="right",
        va="bottom",
        fontsize=6,
        color=plots.MUTED,
    )


def _draw_answers(panel: Any, data: Any) -> None:
    stored = data["value"].values
    ends = [0, float(stored.max()) * 1.08]
    panel.plot(ends, ends, color=plots.MUTED, linewidth=0.8, zorder=1)
    panel.axhline(0.5, color=plots.MUTED, linewidth=0.8, linestyle=":", zorder=1)
    for index, name in enumerate(data["case"].values):
        answers = data["answer"].sel(case=name).values.reshape(len(stored), -1)
        middle = np.median(answers, axis=1)
        reach = np.abs(np.stack([answers.min(axis=1), answers.max(axis=1)]) - middle)
        drawn = plots.series_style(index)
        shift = 0.02 * (index - (data.sizes["case"] - 1) / 2)
        panel.errorbar(
            stored + shift,
            middle,
            yerr=reach,
            linestyle="none",
            marker=drawn["marker"],
            color=drawn["color"],
            markersize=3.5,
            elinewidth=0.8,
            label=name,
        )
    panel.set(xlabel="stored value", ylabel="answer at the cue", xlim=(0, ends[1]), ylim=(0, None))
    panel.set_title("answers, all delays")
    panel.legend(loc="upper left", fontsize=6, handlelength=1.0, borderaxespad=0.1)
    panel.set_ylim(0, 1.55 * float(np.nanmax(data["answer"].values)))


def _draw_losses(panel: Any, data: Any) -> None:
    lowest = 1e-5
    for index, name in enumerate(data["case"].values):
        ranked = np.sort(data["loss"].sel(case=name).values)
        drawn = plots.series_style(index) | {"markersize": 2.8, "linewidth": 0.8}
        panel.plot(np.arange(1, len(ranked) + 1), np.maximum(ranked, lowest), label=name, **drawn)
    mean_answer = float(data.attrs["mean_answer"])
    for height, text in ((0.5, "bar"), (mean_answer, "mean answer"), (mean_answer / 2, "bar for recall")):
        panel.axhline(height, color=plots.MUTED, linewidth=0.7, linestyle="--", zorder=0.8)
        panel.annotate(
            text,
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=5.5,
            color=plots.MUTED,
        )
    panel.set(xlabel="networks, lowest loss first", ylabel="loss / silent loss $L_0$", yscale="log")
    exponents = range(-5, 1)
    panel.set_yticks(
        [10.0**each for each in exponents], [r"$\leq\!10^{-5}$", *(f"$10^{{{each}}}$" for each in exponents[1:])]
    )
    panel.set_ylim(0.7 * lowest, 2)
