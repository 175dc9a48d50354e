"""The figure of the claim about tied and free readouts, drawn from its dataset alone."""

from typing import Any

import numpy as np

from .. import plots

_BARS = {"optima": 1e-6, "trained": 0.005}
_NAMES = {"ssm": "SSM"}
_SMALLEST, _SMALLEST_TRAINED = 1e-14, 1e-8


def draw_readout_tying(data: Any) -> Any:
    """Eigenvalues of the tied and the free optima, the gaps between their losses, and those of trained networks."""
    figure, axes = plots.new_panels(1, 3, width=plots.PAGE_WIDTH, height=2.9, width_ratios=[1, 0.9, 1.2])
    plane, optima, trained = axes[0]
    with plots.style():
        _eigenvalues(plane, data)
        _optimum_gaps(optima, data)
        _trained_gaps(trained, data)
    for panel, letter in zip(axes[0], "abc", strict=True):
        plots.panel_letter(panel, letter)
    return figure


def _eigenvalues(panel: Any, data: Any) -> None:
    for index, model in enumerate(dict.fromkeys(data["optimum_model"].values.tolist())):
        rows = data["optimum_model"].values == model
        drawn = plots.series_style(index)
        for tying, marker, size in (("tied", drawn["marker"], 7.5), ("free", "x", 4)):
            one = data.sel(tying=tying)
            panel.plot(
                one["eigenvalue_real"].values[rows].ravel(),
                one["eigenvalue_imag"].values[rows].ravel(),
                linestyle="none",
                marker=marker,
                markersize=size,
                color=drawn["color"],
                markerfacecolor="none",
                label=f"{_NAMES.get(model, model)}, {tying}",
            )
    panel.margins(x=0.35, y=0.12)
    panel.set(xlabel="real part", ylabel="imaginary part")
    panel.set_title("eigenvalues of the optima")
    panel.legend(loc="center", handlelength=1.0)


def _optimum_gaps(panel: Any, data: Any) -> None:
    gap = np.maximum(np.abs(data["optimum_gap"].values), _SMALLEST)
    for index, model in enumerate(dict.fromkeys(data["optimum_model"].values.tolist())):
        rows = data["optimum_model"].values == model
        drawn = plots.series_style(index)
        panel.plot(
            data["optimum_p"].values[rows],
            gap[rows],
            linestyle="none",
            marker=drawn["marker"],
            color=drawn["color"],
            label=_NAMES.get(model, model),
        )
    panel.axhline(_BARS["optima"], color=plots.INK, linewidth=0.9, linestyle="--", label="bar")
    panel.set(xscale="log", yscale="log", ylim=(_SMALLEST / 3, 1e-4))
    panel.set(xlabel="activity probability $p$", ylabel="|tied / free - 1|")
    panel.set_title("losses of the optima")
    panel.set_xticks([0.02, 0.1, 0.3, 1.0], ["0.02", "0.1", "0.3", "1"])
    panel.minorticks_off()
    panel.legend(loc="center right", handlelength=1.4)


def _trained_gaps(panel: Any, data: Any) -> None:
    """Gaps of the best trained networks; open where no theory says that they agree."""
    gap, judged, model = (data[name].values for name in ("trained_gap", "trained_judged", "model"))
    place = np.arange(len(gap))
    for index, each in enumerate(dict.fromkeys(model.tolist())):
        drawn = plots.series_style(index)
        for filled in (True, False):
            rows = (model == each) & (judged == filled)
            panel.plot(
                np.maximum(np.abs(gap[rows]), _SMALLEST_TRAINED),
                place[rows],
                linestyle="none",
                marker=drawn["marker"],
                color=drawn["color"],
                markerfacecolor=drawn["color"] if filled else "white",
            )
    panel.axvline(_BARS["trained"], color=plots.INK, linewidth=0.9, linestyle="--")
    names = [f"{_NAMES.get(m, m)}, $p$ = {p:g}" for m, p in zip(model, data["p"].values, strict=True)]
    panel.set_yticks(place, names)
    panel.tick_params(axis="y", length=0)
    panel.set(xscale="log", xlim=(_SMALLEST_TRAINED / 2, 2), ylim=(len(gap) - 0.4, -0.6))
    panel.set(xlabel="|tied / free - 1|")
    panel.set_title("best trained (open: no verdict)")
