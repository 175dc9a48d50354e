"""Figures of the claims about regimes, drawn from their datasets alone."""

from typing import Any

import numpy as np

from .. import plots

NAMES = {"linear": "linear", "ssm": "SSM", "nonlinear": "nonlinear"}


def draw_free_space(data: Any) -> Any:
    """Feature directions of the best network of each class, its projections, and the free fraction of all networks."""
    delay, models = int(data.attrs["delay"]), [str(each) for each in data["model"].values]
    figure, axes = plots.new_panels(2, 3, width=plots.PAGE_WIDTH, height=4.6, height_ratios=[1.15, 1])
    n_lags = delay + 1
    with plots.style():
        for panel, model in zip(axes[0], models, strict=True):
            one = data.drop_dims("network").sel(model=model).isel(lag=slice(n_lags))
            one = one.assign_attrs(readout="linear" if model == "linear" else "relu")
            plots.plane(one, ax=panel, n_colors=n_lags)
            panel.set_title(f"{NAMES[model]}, free fraction {float(one['best_free_fraction']):.2f}")
            panel.set_anchor("N")
        plots.age_colorbar(axes[0], n_lags, pad=0.01, shrink=0.9)
        memory, cloud, counts = axes[1]
        for index, model in enumerate(models):
            drawn = plots.series_style(index)
            lags = np.arange(2 * delay + 1)
            memory.plot(lags, data["projections"].sel(model=model).values[lags], label=NAMES[model], **drawn)
            keep = data["free_fraction"].sel(model=model).values
            cloud.plot(
                data["loss_per_p"].sel(model=model).values,
                keep,
                linestyle="none",
                marker=drawn["marker"],
                color=drawn["color"],
                markerfacecolor="none",
                markersize=3.2,
                alpha=0.8,
                label=NAMES[model],
            )
            best = int(data["best"].sel(model=model))
            cloud.plot(
                float(data["loss_per_p"].sel(model=model)[best]),
                keep[best],
                marker=drawn["marker"],
                color=drawn["color"],
                markeredgecolor=plots.INK,
                markersize=6.5,
                zorder=4,
            )
        memory.axhline(0, color=plots.INK, linewidth=0.5, zorder=0.5)
        memory.axvline(delay, color=plots.MUTED, linewidth=0.7, linestyle=":", zorder=0.5)
        memory.set(xlabel="age of the input $s$ (steps)", ylabel="projection $a_s$ (log beyond ±1)")
        memory.set_yscale("symlog", linthresh=1.0)
        memory.yaxis.set_major_formatter(_plain)
        for bar in (0.95, 0.3):
            cloud.axhline(bar, color=plots.MUTED, linewidth=0.8, linestyle="--", zorder=0.6)
        cloud.set(xscale="log", xlabel="loss E[L]/p", ylabel="free fraction", ylim=(-0.04, 1.04))
        cloud.xaxis.set_major_formatter(_plain)
        cloud.xaxis.set_minor_formatter(lambda value, _: "")
        cloud.set_xticks([each for each in (0.01, 0.03, 0.1, 0.3) if _within(each, cloud.get_xlim())])
        cloud.set_title("large: best; dashed: the bars")
        _outcomes(counts, data, models)
        memory.legend(loc="lower right")
    for panel, letter in zip(axes.flat, "abcdef", strict=True):
        plots.panel_letter(panel, letter)
    return figure


def draw_dense_is_linear(data: Any) -> Any:
    """Projections of the best networks beside those of the linear optimum, and how far their losses are from it."""
    delays, p = data["delay"].values, data["p"].values
    figure, axes = plots.new_panels(
        1,
        len(delays) * len(p) + 1,
        width=plots.PAGE_WIDTH,
        height=2.5,
        width_ratios=[1] * (len(delays) * len(p)) + [1.1],
    )
    *panels, losses = axes[0]
    cases = [(delay, each) for delay in delays for each in p]
    models = [str(each) for each in data["model"].values]
    lowest, highest = float(data["projections"].min()), float(data["projections"].max())
    room = 0.08 * (highest - lowest)
    with plots.style():
        for panel, (delay, each) in zip(panels, cases, strict=True):
            one = data.sel(delay=delay, p=each)
            lags = np.arange(2 * int(delay) + 1)
            for index, model in enumerate(models):
                drawn = plots.series_style(index)
                if model == "linear":
                    drawn |= {"marker": "", "linewidth": 2.6, "alpha": 0.55}
                panel.plot(
                    lags,
                    one["projections"].sel(model=model).values[lags],
                    label=_LABELS[model],
                    markersize=3.6,
                    **drawn,
                )
            panel.axhline(0, color=plots.INK, linewidth=0.5, zorder=0.5)
            panel.axvline(delay, color=plots.MUTED, linewidth=0.7, linestyle=":", zorder=0.5)
            panel.set(xlabel="age $s$ (steps)", ylim=(lowest - room, highest + room))
            panel.set_title(f"k = {delay}, p = {each:g}")
            panel.xaxis.get_major_locator().set_params(integer=True)
        panels[0].set_ylabel("projection $a_s$")
        for panel in panels[1:]:
            panel.tick_params(labelleft=False)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=len(models))
        for index, model in enumerate(models[1:], start=1):
            drawn = plots.series_style(index)
            values = [100 * float(data["excess"].sel(delay=delay, p=each, model=model)) for delay, each in cases]
            losses.plot(
                np.arange(len(cases)) + 0.12 * (index - 1.5),
                values,
                linestyle="none",
                marker=drawn["marker"],
                color=drawn["color"],
            )
            bar = {"ssm": 2.0, "nonlinear": 5.0}[model]
            losses.axhline(bar, color=drawn["color"], linewidth=0.9, linestyle=drawn["linestyle"])
        losses.axhline(0, color=plots.INK, linewidth=0.5, zorder=0.5)
        losses.set(ylabel="loss above the optimum (%)", xlim=(-0.5, len(cases) - 0.5))
        losses.set_title("lines: the bars")
        losses.set_xticks(range(len(cases)), [f"{delay}, {each:g}" for delay, each in cases], rotation=60)
        losses.set_xlabel("k, p")
    for panel, letter in zip(axes[0], "abcdef", strict=False):
        plots.panel_letter(panel, letter)
    return figure


_LABELS = {"linear": "linear optimum", "ssm": "best SSM", "nonlinear": "best nonlinear network"}
_STATUSES = ("converged", "unconverged", "dead", "diverged")


def _within(value: float, ends: tuple[float, float]) -> bool:
    return bool(ends[0] <= value <= ends[1])


def _plain(value: float, _: Any) -> str:
    return f"{value:g}".replace("-", "−")


def _outcomes(axes: Any, data: Any, models: list[str]) -> None:
    """How the trainings ended, by class."""
    codes = data["status"].values
    left = np.zeros(len(models))
    shades = plots.age_colors(4)
    for code, word in enumerate(_STATUSES):
        share = (codes == code).mean(axis=1)
        axes.barh(
            range(len(models)), share, left=left, color=shades[code], edgecolor="white", linewidth=0.6, label=word
        )
        left += share
    axes.set_yticks(range(len(models)), [NAMES[each] for each in models])
    axes.invert_yaxis()
    axes.set(xlabel="share of networks", xlim=(0, 1))
    axes.legend(
        loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=2, fontsize=6, columnspacing=0.9, handlelength=1.2
    )
