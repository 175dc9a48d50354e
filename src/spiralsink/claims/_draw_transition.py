"""Figures of the claims about the transition, drawn from their datasets alone."""

from typing import Any

import numpy as np

from .. import plots

_PANELS = (
    ("loss_per_p", "expected loss $E[L]/p$"),
    ("eigenangle_span", "eigenangle span (degrees)"),
    ("spectral_radius", "spectral radius"),
)
_WINDOW = "#ececf0"
_TICKS = (0.05, 0.1, 0.2, 0.4, 1.0)
_WINDOW_TICKS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8)


def draw_phase_transition(data: Any) -> Any:
    """Loss, span and radius of all networks and of the best at every p, on the exact branches of the same T."""
    figure, axes = plots.new_panels(1, 3, width=plots.PAGE_WIDTH, height=3.0)
    p = data["p"].values
    every = {
        "loss_per_p": data["loss"].values / p[:, None],
        "eigenangle_span": data["eigenangle_span"].values,
        "spectral_radius": data["spectral_radius"].values,
    }
    with plots.style():
        for panel, (name, label) in zip(axes[0], _PANELS, strict=True):
            panel.plot(
                np.repeat(p, data.sizes["network"]),
                every[name].ravel(),
                linestyle="none",
                marker=".",
                markersize=2.5,
                markeredgewidth=0,
                color="#a4a4a4",
                label="trained",
                zorder=1,
            )
            _branches(panel, data, name)
            best = data[f"best_{name}"].values
            panel.plot(
                p,
                best,
                linestyle="none",
                marker="o",
                markersize=3.8,
                color=plots.INK,
                markerfacecolor="white",
                label="best trained",
                zorder=5,
            )
            _crossing(panel, data)
            _log_p(panel, p)
            panel.set_ylabel(label)
        left, middle, right = axes[0]
        left.plot(
            p, data["escape_infimum"], color=plots.INK, linestyle=":", linewidth=1.1, label="escape (infimum)", zorder=2
        )
        left.set_ylim(0, 1.05 * float(np.nanmax(data["curve_loss_per_p"].values)))
        above = np.nansum(every["loss_per_p"] > left.get_ylim()[1])
        left.set_title(f"{above} of {data['loss'].size} lie above")
        further = np.nansum(every["eigenangle_span"] > 380)
        middle.set_title(f"{further} of {data['loss'].size} lie above")
        middle.set_ylim(0, 380)
        middle.set_yticks(range(0, 361, 90))
        right.set_ylim(0.3, 1.02)
        middle.annotate(
            f"exact crossing\n$p$ = {float(data.attrs['crossing']):.3f}",
            (float(data.attrs["crossing"]), 40),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            fontsize=6.5,
            color=plots.MUTED,
        )
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(handles))
    for panel, letter in zip(axes[0], "abc", strict=True):
        plots.panel_letter(panel, letter)
    return figure


def draw_first_order(data: Any) -> Any:
    """Spans of the best fresh networks and of networks trained on while p changes; losses; shares of both branches."""
    figure, axes = plots.new_panels(2, 2, width=plots.PAGE_WIDTH, height=5.3)
    best, loop, losses, shares = axes.flat
    p, stations = data["p"].values, data["station"].values
    with plots.style():
        for panel in axes.flat:
            low, high = (float(data.attrs[name]) for name in ("dense_limit", "sparse_limit"))
            panel.axvspan(low, high, color=_WINDOW, linewidth=0, zorder=0.1)
            _crossing(panel, data)
        for panel, name in ((best, "eigenangle_span"), (loop, "eigenangle_span"), (losses, "loss_per_p")):
            _branches(panel, data, name, others=True)
        found = {
            "linestyle": "none",
            "marker": "o",
            "color": plots.INK,
            "markerfacecolor": "white",
            "markersize": 4,
            "zorder": 5,
        }
        best.plot(p, data["best_eigenangle_span"], label=f"best of {data.attrs['n_seeds']} fresh", **found)
        for name, arrow in (("down", "$p$ falls"), ("up", "$p$ rises")):
            span = data["sweep_eigenangle_span"].sel(direction=name).values
            loss = np.nanmedian(data["sweep_loss"].sel(direction=name).values, axis=-1) / stations
            drawn = {
                "marker": {"down": "v", "up": "^"}[name],
                "color": {"down": "#333333", "up": "#cc79a7"}[name],
                "linestyle": "none",
                "markersize": 3.2,
                "zorder": 4,
                "label": f"trained on while {arrow}",
            }
            middle = np.nanmedian(span, axis=-1)
            loop.vlines(stations, np.nanmin(span, axis=-1), np.nanmax(span, axis=-1), color=drawn["color"], linewidth=1)
            loop.plot(stations, middle, **drawn)
            losses.plot(stations, loss, **drawn)
        for panel in (best, loop):
            panel.set(ylim=(40, 470), ylabel="eigenangle span (degrees)")
            panel.set_yticks(range(90, 451, 90))
        losses.set_ylabel("loss $E[L]/p$")
        height = float(np.nanmax(data["curve_loss_per_p"].sel(point=data["curve_p"].notnull().any("curve")).values))
        losses.set_ylim(0.07, 1.03 * min(height, 0.19))
        _shares(shares, data)
        for panel in axes.flat:
            _log_p(panel, stations)
        best.set_title("best fresh networks (shaded: both branches exist)")
        loop.set_title("trained on while $p$ slowly changes: median, range")
        losses.set_title("the same: median of sampled losses")
        shares.set_title(f"{data.attrs['n_seeds']} at every $p$; open: {data.attrs['n_at_crossing']} at the crossing")
        shown = {label: handle for panel in (best, loop) for handle, label in zip(*_legend(panel), strict=True)}
        figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=3)
    for panel, letter in zip(axes.flat, "abcd", strict=True):
        plots.panel_letter(panel, letter)
    return figure


def _legend(panel: Any) -> Any:
    return panel.get_legend_handles_labels()


def _shares(panel: Any, data: Any) -> None:
    """Share of fresh networks on each branch along p, and at the crossing with Wilson intervals."""
    p, crossing = data["p"].values, float(data.attrs["crossing"])
    for index, name in enumerate(("dense", "sparse")):
        drawn = plots.series_style(index)
        share = data["share"].sel(branch=name).values
        panel.plot(p, share, markersize=3.5, label=f"{name} branch", **drawn)
        low, high = data["share_interval"].sel(branch=name).values
        at = float(data["share_at_crossing"].sel(branch=name))
        panel.errorbar(
            crossing,
            at,
            yerr=[[at - low], [high - at]],
            marker=drawn["marker"],
            markersize=6,
            color=drawn["color"],
            markerfacecolor="white",
            capsize=3,
            zorder=5,
        )
    lost = {"color": plots.MUTED, "linestyle": ":", "marker": "x", "markersize": 3.5}
    panel.plot(p, data["share_lost"], label="dead or diverged", **lost)
    top = 1.25 * max(float(data[name].max()) for name in ("share", "share_interval", "share_lost"))
    panel.set(ylabel="share of fresh networks", ylim=(-0.02 * top, top))
    panel.legend(loc="upper center", ncols=3, fontsize=6, columnspacing=0.8, handlelength=1.5)


def _branches(panel: Any, data: Any, name: str, *, others: bool = False) -> None:
    """The exact curves: dense and sparse in their styles, the others thin where they are wanted."""
    for row, branch in enumerate(data["curve_name"].values):
        p, values = data["curve_p"].values[row], data[f"curve_{name}"].values[row]
        if branch in ("dense", "sparse"):
            drawn = plots.series_style(("dense", "sparse").index(branch))
            line = {"color": drawn["color"], "linestyle": "-" if branch == "dense" else (0, (5, 1.2))}
            panel.plot(p, values, linewidth=1.8, zorder=3, label=f"exact, {branch}", **line)
        elif others:
            line = {"color": plots.MUTED, "linewidth": 0.8, "linestyle": (0, (1, 1.5))}
            panel.plot(p, values, zorder=1.5, label="exact, other branches", **line)


def _crossing(panel: Any, data: Any) -> None:
    panel.axvline(float(data.attrs["crossing"]), color=plots.MUTED, linewidth=0.8, linestyle="--", zorder=0.6)


def _log_p(panel: Any, p: np.ndarray) -> None:
    panel.set(xscale="log", xlabel="activity probability $p$", xlim=(p[0] / 1.06, p[-1] * 1.06))
    ticks = _TICKS if p[-1] > 5 * p[0] else _WINDOW_TICKS
    shown = [each for each in ticks if p[0] / 1.05 <= each <= p[-1] * 1.05]
    panel.set_xticks(shown, [f"{each:g}" for each in shown])
    panel.minorticks_off()
