"""The figure of `how-many`, drawn from its dataset alone."""

from typing import Any

import numpy as np

from .. import plots
from ._draw_regimes import NAMES


def draw_how_many(data: Any) -> Any:
    """Losses of all networks from shipped and plain weights by class, and the shares elsewhere."""
    models = [str(each) for each in data["model"].values]
    figure, axes = plots.new_panels(2, 3, width=plots.PAGE_WIDTH, height=4.6)
    schemes = data["network_scheme"].values.astype(str)
    within = float(data.attrs["within"])
    with plots.style():
        for panel, model in zip(axes[0], models, strict=True):
            one = data.sel(model=model)
            loss = one["loss_per_p"].values
            lowest = np.nanmin(loss)
            for index, name in enumerate(("shipped", "plain")):
                chosen = np.sort(np.where(np.isfinite(loss), loss, np.inf)[schemes == name] / lowest)
                drawn = plots.series_style(index)
                share, low, high = (
                    float(one["share"].sel(scheme=name, quantity=each)) for each in ("share", "low", "high")
                )
                panel.step(
                    np.append(chosen, 1e3),
                    np.append(np.arange(1, len(chosen) + 1) / len(chosen), 1.0),
                    where="post",
                    color=drawn["color"],
                    linestyle=drawn["linestyle"],
                    label=f"{name}: {share:.0%} ({low:.0%} to {high:.0%})",
                )
            panel.axvline(1 + within, color=plots.MUTED, linewidth=0.8, linestyle="--", zorder=0.6)
            panel.axhline(0.5, color=plots.MUTED, linewidth=0.8, linestyle=":", zorder=0.6)
            worst = float(np.nanquantile(loss, 0.98)) / lowest
            panel.set(xscale="log", xlim=(0.97, max(1.5, 1.1 * worst)), ylim=(0, 1.02))
            panel.set_xlabel("loss over the lowest loss")
            panel.set_title(f"{NAMES[model]}, k = {int(one['delay'])}, p = {float(one['p']):g}")
            _plain_ticks(panel)
            panel.legend(loc="lower right", fontsize=6.5, frameon=True, framealpha=0.9, edgecolor="none")
        axes[0, 0].set_ylabel("share of networks")
        _elsewhere(axes[1], data)
    for panel, letter in zip(axes.flat, "abcdef", strict=True):
        plots.panel_letter(panel, letter)
    return figure


def _plain_ticks(axes: Any) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    ends = axes.get_xlim()
    marks = [each for each in (1, 1.2, 1.5, 2, 3, 5, 10, 20, 50) if ends[0] <= each <= ends[1]]
    if len(marks) > 5:
        marks = [each for each in marks if each in (1, 2, 5, 10, 20, 50)]
    axes.xaxis.set_major_locator(FixedLocator(marks))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _elsewhere(panels: Any, data: Any) -> None:
    """Share of nonlinear networks that represent the feature at other delays and widths, one panel for each p."""
    settings = list(
        dict.fromkeys(zip(data["other_n_hidden"].values.tolist(), data["other_delay"].values.tolist(), strict=True))
    )
    p = list(dict.fromkeys(data["other_p"].values.tolist()))
    for panel, each in zip(panels, p, strict=True):
        for index, name in enumerate(("shipped", "plain")):
            drawn = plots.series_style(index)
            column = 0 if name == "shipped" else 1
            here = data["other_p"].values == each
            for variable, filled in (("other_represented", False), ("other_reached", True)):
                panel.plot(
                    np.arange(len(settings)) + 0.16 * (index - 0.5),
                    data[variable].values[here][:, column],
                    linestyle="none",
                    marker=drawn["marker"],
                    color=drawn["color"],
                    markerfacecolor=drawn["color"] if filled else "none",
                    markersize=4.5,
                    label=f"{name}, {'reached' if filled else 'alive'}",
                )
        panel.set_xticks(range(len(settings)), [f"{n_hidden}, {delay}" for n_hidden, delay in settings], rotation=60)
        panel.set(xlabel="$N_h$, k", ylim=(-0.04, 1.04))
        panel.set_title(f"nonlinear elsewhere, p = {each:g}")
    panels[0].set_ylabel("share of networks")
    handles, labels = panels[0].get_legend_handles_labels()
    panels[0].figure.legend(handles, labels, loc="outside lower center", ncols=4, handlelength=1.0)
