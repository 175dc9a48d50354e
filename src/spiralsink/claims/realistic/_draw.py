"""The figures of the study, drawn from its datasets alone: one for each question."""

from typing import Any

import numpy as np

from ... import plots

_LABELS = {
    "score": "score on unseen data",
    "load": "load (readable pairs per dimension)",
    "additivity": "1 \N{MINUS SIGN} additivity index",
    "hidden": "hidden share",
    "hidden_by_sign": "hidden by sign alone",
    "sharpness": "sharpness (small: sharp forgetting)",
}
_SHORT = {"recall": "recall", "classification": "classify", "forecast": "forecast"}
_LOWEST_ERROR = 1e-5
_CONTROLS: dict[str, tuple[Any, float, float]] = {
    "trained": ("-", 1.2, 1.0),
    "untrained": ("--", 0.8, 0.55),
    "shuffled": (":", 0.9, 0.55),
}
_WORDS: dict[str, Any] = {
    "fontsize": 6,
    "color": plots.MUTED,
    "zorder": 4,
    "bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.4},
}
_SELECTIONS: dict[str, dict[str, Any]] = {
    "trained": {"color": plots.INK, "marker": "o"},
    "doing the task": {"color": plots.INK, "marker": "o", "markerfacecolor": "white"},
    "untrained": {"color": plots.MUTED, "marker": "D"},
    "shuffled": {"color": plots.MUTED, "marker": "x"},
}
_TITLES = {
    "recall": "recall of digit rows",
    "classification": "classification of digits",
    "forecast": "forecast of CO$_2$",
}


def draw_tasks(data: Any) -> Any:
    """Scores of all networks by width, beside what needs no memory and what has all inputs at hand."""
    figure, axes = plots.new_panels(1, data.sizes["task"], width=plots.PAGE_WIDTH, height=2.9)
    with plots.style():
        for panel, task in zip(axes[0], data["task"].values, strict=True):
            one = data.sel(task=task)
            _draw_widths(panel, one, "score", controls=["trained", "shuffled"])
            for name, words in (("memoryless", "without memory"), ("everything", "all inputs at hand")):
                _dotted(panel, float(one[f"baseline_{name}"]), words)
            panel.set_title(_TITLES[str(task)])
            classes = str(one["readout"].values) == "softmax"
            panel.set(ylim=(-0.03 if classes else -0.45, 1.08), ylabel="accuracy" if classes else "$R^2$")
        handles = _legend(data, ["trained", "shuffled"])
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=6)
        _letters(axes[0])
    return figure


def draw_measure(data: Any) -> Any:
    """A measure of all networks by width, and its rank correlations with width."""
    measure = str(data.attrs["measure"])
    return _draw_panels(data, [(str(task), measure) for task in _tasks_with(data, measure)])


def draw_hidden(data: Any) -> Any:
    """As `draw_measure`, with what a rectified readout does not show because of its sign alone."""
    shown = [(task, name) for name in ("hidden", "hidden_by_sign") for task in _tasks_with(data, name)]
    return _draw_panels(data, shown)


def _tasks_with(data: Any, measure: str) -> list[str]:
    return [str(task) for task in data["task"].values if np.isfinite(data[measure].sel(task=task)).any()]


def _draw_panels(data: Any, shown: list[tuple[str, str]]) -> Any:
    """A panel for every (task, measure), and one of the rank correlations of `data.attrs["measure"]`."""
    ratios = [1.0] * len(shown) + [1.15]
    figure, axes = plots.new_panels(1, len(ratios), width=plots.PAGE_WIDTH, height=2.9, width_ratios=ratios)
    with plots.style():
        for panel, (task, measure) in zip(axes[0], shown, strict=False):
            _draw_widths(panel, data.sel(task=task), measure, controls=list(_CONTROLS))
            _draw_reference(panel, data.sel(task=task), measure)
            panel.set_title(_TITLES[task])
            first = next(place for place, each in enumerate(shown) if each[1] == measure)
            panel.set_ylabel(_LABELS[measure] if panel is axes[0, first] else "")
        _draw_trends(axes[0, -1], data, _tasks_with(data, str(data.attrs["measure"])))
        handles = _legend(data, list(_CONTROLS))
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=6)
        _letters(axes[0])
    return figure


def _draw_reference(panel: Any, one: Any, measure: str) -> None:
    """What a measure is compared with, and the scale of its axis."""
    if measure == "load":
        _dotted(panel, float(one["history_load"]), "inputs themselves", side=-1)
        panel.set_ylim(bottom=0)
    elif measure == "additivity":
        _dotted(panel, 0.5)
        panel.set(yscale="log", ylim=(_LOWEST_ERROR, None))
        place: dict[str, Any] = {"transform": panel.get_yaxis_transform(), "ha": "left", "va": "bottom"}
        panel.text(0.02, _LOWEST_ERROR * 1.2, "LRU: 0 to rounding", **place, **_WORDS)
    elif measure == "hidden":
        _dotted(panel, 0.5)
        panel.set_ylim(-0.03, 1.06)
    elif measure == "hidden_by_sign":
        _dotted(panel, 0.0)
    else:
        _dotted(panel, 1.0)
        panel.set(yscale="log")


def _dotted(panel: Any, at: float, words: str = "", *, side: int = 1) -> None:
    """A line across the panel, with words at its right end, above it (1) or below (-1)."""
    panel.axhline(at, color=plots.MUTED, linewidth=0.7, linestyle=":", zorder=0.5)
    if words:
        place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "ha": "right"}
        panel.annotate(words, (0.98, at), xytext=(0, 2 * side), va="bottom" if side > 0 else "top", **place, **_WORDS)


def _draw_widths(panel: Any, one: Any, measure: str, *, controls: list[str]) -> None:
    """Every trained network as a point; medians as lines."""
    width = one["width"].values.astype(float)
    for index, architecture in enumerate(one["architecture"].values):
        drawn = plots.series_style(index)
        shift = 2 ** (0.18 * (index - 1.5))
        for control in controls:
            values = one[measure].sel(architecture=architecture, control=control).values
            if measure == "additivity":
                values = 1 - values
            if not np.isfinite(values).any():
                continue
            line, thickness, alpha = _CONTROLS[control]
            if control == "trained":
                points: dict[str, Any] = {
                    "marker": drawn["marker"],
                    "markersize": 2.4,
                    "linestyle": "none",
                    "alpha": 0.35,
                }
                panel.plot(width * shift, values, color=drawn["color"], markeredgewidth=0, zorder=2, **points)
            known = np.isfinite(values).any(axis=1)
            medians = np.nanmedian(values[known], axis=1)
            drawn_as: dict[str, Any] = {"linestyle": line, "linewidth": thickness, "alpha": alpha, "zorder": 3}
            panel.plot((width * shift)[known], medians, color=drawn["color"], **drawn_as)
    panel.set(xscale="log", xlabel="width (hidden units)")
    panel.set_xticks(width, [f"{each:g}" for each in width])
    panel.minorticks_off()


def _draw_trends(panel: Any, data: Any, tasks: list[str]) -> None:
    """Rank correlations with width of every task and architecture, with intervals; the means on top."""
    known = np.isfinite(data["trend"].sel(selection="trained"))
    rows = [
        (task, architecture)
        for task in tasks
        for architecture in data["architecture"].values
        if known.sel(task=task, architecture=architecture)
    ]
    places = np.arange(len(rows))[::-1].astype(float)
    for offset, (selection, drawn) in zip((0.3, 0.1, -0.1, -0.3), _SELECTIONS.items(), strict=True):
        marker: dict[str, Any] = drawn | {"markersize": 2.4, "linestyle": "none", "markeredgewidth": 0.7}
        color = drawn["color"]
        for place, (task, architecture) in zip(places, rows, strict=True):
            at = data.sel(selection=selection, task=task, architecture=architecture)
            if not np.isfinite(at["trend"]):
                continue
            panel.plot([at["trend_low"], at["trend_high"]], [place + offset] * 2, color=color, linewidth=0.7)
            panel.plot(at["trend"], place + offset, **marker)
        top = len(rows) + 0.5 + offset
        ends = [float(data[f"mean_trend_{end}"].sel(selection=selection)) for end in ("low", "high")]
        panel.plot(ends, [top] * 2, color=color, linewidth=1.4)
        panel.plot(float(data["mean_trend"].sel(selection=selection)), top, label=selection, **marker)
    panel.plot([0, 0], [-0.6, len(rows) + 1], color=plots.MUTED, linewidth=0.7, linestyle=":", zorder=0.5)
    panel.axhline(len(rows) - 0.3, color=plots.MUTED, linewidth=0.5)
    panel.set_yticks(
        [*places, len(rows) + 0.5], [*(f"{_SHORT[str(task)]}, {name}" for task, name in rows), "mean"], fontsize=6
    )
    panel.set(xlim=(-1.08, 1.08), ylim=(-0.6, len(rows) * 1.16 + 1.6), xlabel="rank correlation")
    legend: dict[str, Any] = {"handlelength": 0.8, "handletextpad": 0.3, "columnspacing": 0.8}
    panel.legend(loc="upper center", fontsize=5.5, ncols=2, **legend)


def _legend(data: Any, controls: list[str]) -> list[Any]:
    from matplotlib.lines import Line2D

    architectures = [
        Line2D([], [], color=drawn["color"], marker=drawn["marker"], markersize=3, linewidth=1.2, label=str(name))
        for drawn, name in ((plots.series_style(index), name) for index, name in enumerate(data["architecture"].values))
    ]
    lines = [
        Line2D([], [], color=plots.INK, linestyle=_CONTROLS[name][0], linewidth=_CONTROLS[name][1], label=name)
        for name in controls
    ]
    return architectures + lines


def _letters(panels: Any) -> None:
    for panel, letter in zip(panels, "abcdef", strict=False):
        plots.panel_letter(panel, letter)
