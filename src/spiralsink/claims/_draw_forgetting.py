"""The figure of `sharp-forgetting`, drawn from its dataset alone."""

from typing import Any

import numpy as np

from .. import plots


def draw_sharp_forgetting(data: Any) -> Any:
    """Directions of the best network, what its readout sees beside the linear optimum, and all networks."""
    delay = int(data.attrs["delay"])
    figure, axes = plots.new_panels(1, 3, width=plots.PAGE_WIDTH, height=2.6, width_ratios=[1, 1.1, 1.1])
    directions, memory, cloud = axes[0]
    n_lags = delay + 2
    with plots.style():
        plots.plane(data.drop_dims("network").isel(lag=slice(n_lags)), ax=directions, n_colors=n_lags)
        directions.set_title("best nonlinear network")
        plots.age_colorbar(directions, n_lags, pad=0.02, shrink=0.85)

        lags = np.arange(2 * delay + 3)
        for index, (name, label) in enumerate(
            (("linear_projections", "linear optimum"), ("projections", "best nonlinear"))
        ):
            memory.plot(lags, data[name].values[lags], label=label, **plots.series_style(index))
        memory.axhline(0, color=plots.INK, linewidth=0.5, zorder=0.5)
        memory.axvline(delay, color=plots.MUTED, linewidth=0.7, linestyle=":", zorder=0.5)
        memory.set(xlabel="age of the input $s$ (steps)", ylabel="projection $a_s$")
        memory.legend(loc="lower right")
        memory.set_title(f"k = {delay}, p = {float(data.attrs['p']):g}")

        scheme = data["scheme"].values.astype(str)
        for index, name in enumerate(data["scheme_name"].values.astype(str)):
            chosen = scheme == name
            drawn = plots.series_style(index + 2)
            share = float(data["share_represented"].values[index])
            cloud.plot(
                data["loss_per_p"].values[chosen],
                data["free_fraction"].values[chosen],
                linestyle="none",
                marker=drawn["marker"],
                color=drawn["color"],
                markerfacecolor="none",
                markersize=3.4,
                alpha=0.7,
                label=f"{name}: {share:.0%} represent it",
            )
        cloud.set(xscale="log", xlabel="loss E[L]/p", ylabel="free fraction", ylim=(-0.04, 1.04))
        cloud.legend(loc="lower left", handlelength=1.0, title="initial weights", title_fontsize=7)
        missing = int(np.sum(~np.isfinite(data["free_fraction"].values)))
        cloud.set_title(f"all but {missing} silent networks" if missing else "all networks")
    for panel, letter in zip(axes[0], "abc", strict=True):
        plots.panel_letter(panel, letter)
    return figure
