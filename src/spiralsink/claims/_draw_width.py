"""Figures of the claims about wide networks, drawn from their datasets alone."""

from typing import Any

import numpy as np

from .. import plots

_BAR = 0.05
# lighter below zero, darker above, in grey too
_COLORS = [(0.0, "#fff0d0"), (0.5, "#c4cad3"), (1.0, "#08306b")]


def draw_wider(data: Any) -> Any:
    """A_k of the best networks, and the mean of the remaining entries at every lag."""
    widths = data["n_hidden"].values
    figure, axes = plots.new_panels(
        2, len(widths) + 1, width=plots.PAGE_WIDTH, height=3.9, width_ratios=[1] * len(widths) + [1.6]
    )
    with plots.style():
        for row, name in zip(axes, data["class"].values, strict=True):
            one = data.sel({"class": name})
            for panel, width in zip(row[:-1], widths, strict=True):
                _draw_matrix(panel, one.sel(n_hidden=width), letters=True)
                panel.set_title(f"$N_h$ = {width}: {int(one['number'].sel(n_hidden=width))} kept")
            row[0].set_ylabel(f"{name}\noutput")
            _draw_rest(row[-1], one)
            row[-1].set_title(f"{name}: all other entries")
        figure.colorbar(
            axes[0, 0].images[0],
            ax=axes[:, :-1],
            location="bottom",
            shrink=0.5,
            aspect=40,
            extend="both",
            label=_MATRIX_LABEL,
        )
        axes[1, -1].legend(loc="upper center", bbox_to_anchor=(0.5, -0.42), ncols=2)
    for panel, letter in zip(axes.flat, "abcdefgh", strict=False):
        plots.panel_letter(panel, letter)
    return figure


def draw_hundred_units(data: Any) -> Any:
    """A_k of the best networks, what is recalled of each feature, and the remaining entries at every lag."""
    names = data["class"].values
    figure, axes = plots.new_panels(1, 4, width=plots.PAGE_WIDTH, height=2.5, width_ratios=[1.2, 1.2, 1, 1.3])
    one = data.isel(n_hidden=0)
    *matrices, gains, rest = axes[0]
    with plots.style():
        for panel, name in zip(matrices, names, strict=True):
            _draw_matrix(panel, one.sel({"class": name}), letters=False)
            panel.set_title(f"{name}: {int(one['number'].sel({'class': name}))} of {data.sizes['feature']} kept")
        figure.colorbar(
            matrices[0].images[0],
            ax=matrices,
            location="bottom",
            shrink=0.7,
            aspect=40,
            extend="both",
            label=_MATRIX_LABEL,
        )
        for index, name in enumerate(names):
            sizes = np.sort(one["diagonal"].sel({"class": name}).isel(chosen=0).values)[::-1]
            drawn = plots.series_style(index)
            gains.plot(np.arange(1, len(sizes) + 1), sizes, label=str(name), markevery=12, **drawn)
        gains.axhline(0.5, color=plots.MUTED, linewidth=0.8, linestyle=":")
        gains.annotate("kept above", (1, 0.5), xytext=(0, 2), textcoords="offset points", fontsize=6)
        gains.set_xticks([1, data.sizes["feature"] // 2, data.sizes["feature"]])
        gains.set(xlabel="feature, by recall", ylabel="recall $A_k[i, i]$", ylim=(0, None))
        gains.legend(loc="lower left", bbox_to_anchor=(0, 0.08))
        _draw_rest(rest, one, along="class")
        rest.set_title("all others (dash: best)")
    for panel, letter in zip(axes[0], "abcd", strict=True):
        plots.panel_letter(panel, letter)
    return figure


_MATRIX_LABEL = "entry of $A_k$ (the readout does not see what is below 0)"


def _draw_matrix(axes: Any, one: Any, *, letters: bool) -> None:
    """A_k of the best network, the features it recalls best first; dark above zero, light below."""
    from matplotlib.colors import LinearSegmentedColormap

    order = np.argsort(-one["diagonal"].isel(chosen=0).values)
    seen = one["projections"].sel(lag=one.attrs["delay"]).values[np.ix_(order, order)]
    axes.imshow(seen, cmap=LinearSegmentedColormap.from_list("seen", _COLORS), vmin=-1, vmax=1, interpolation="nearest")
    for spine in axes.spines.values():
        spine.set_visible(True)
    axes.tick_params(length=0)
    axes.set(xlabel="feature", ylabel="output")
    if letters:
        labels = [chr(ord("A") + int(index)) for index in order]
        axes.set_xticks(range(len(order)), labels, fontsize=5)
        axes.set_yticks(range(len(order)), labels, fontsize=5)
    else:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set(xlabel="feature, by recall", ylabel="output")


def _draw_rest(axes: Any, one: Any, along: str = "n_hidden") -> None:
    """The mean of the remaining entries by lag: over the best quarter, with two standard errors, and of the best."""
    lags = np.arange(one.sizes["lag"])
    for index, each in enumerate(one[along].values):
        rest = one["rest"].sel({along: each}).values
        error = rest.std(axis=0, ddof=1) / np.sqrt(len(rest))
        drawn = plots.series_style(index)
        shift = 0.2 * (index - (one.sizes[along] - 1) / 2)
        label = f"$N_h$ = {each}" if along == "n_hidden" else str(each)
        axes.errorbar(
            lags + shift, rest.mean(axis=0), yerr=2 * error, markersize=3, elinewidth=0.8, label=label, **drawn
        )
        axes.plot(
            lags + shift,
            rest[0],
            linestyle="none",
            marker="_",
            markersize=6,
            color=plots.INK,
            zorder=4,
            label="best network" if index == one.sizes[along] - 1 else None,
        )
    axes.axhline(0, color=plots.INK, linewidth=0.5, zorder=0.5)
    axes.axhline(_BAR, color=plots.MUTED, linewidth=0.8, linestyle=":", zorder=0.5)
    axes.annotate(
        "bar 0.05",
        (1, _BAR),
        xycoords=("axes fraction", "data"),
        xytext=(-1, 2),
        textcoords="offset points",
        ha="right",
        fontsize=6,
        color=plots.MUTED,
    )
    axes.set_yscale("symlog", linthresh=_BAR, linscale=1.2)
    low = float(np.floor(np.log10(max(-one["rest"].min(), 0.1))))
    ticks = [-(10.0**power) for power in range(int(low), -2, -1)] + [0, _BAR]
    axes.set_yticks(ticks, [f"{each:g}" for each in ticks])
    axes.minorticks_off()
    axes.axvline(one.attrs["delay"], color=plots.MUTED, linewidth=0.6, linestyle=":", zorder=0.4)
    axes.set_xticks(range(0, len(lags), 2))
    axes.set(xlabel="age of the input $s$ (steps)", ylabel=f"mean entry of $A_s$\n(log beyond ±{_BAR:g})")
