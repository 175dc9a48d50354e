"""The standard figure at the end of a sweep: its metrics and regimes against its axes."""

from typing import Any

import numpy as np

from ._style import INK, MUTED, PAGE_WIDTH, new_panels, panel_letter, require_matplotlib, style
from ._sweep import counted, draw_metric, draw_regimes, has_spread, is_separate, regime_handles
from ._sweep_axes import coordinate_label, metric_label, series_looks, value_label
from ._sweep_data import (
    MetricData,
    RegimeData,
    SweepAxis,
    check_dataset,
    fixed_coordinates,
    lost_networks,
    metric_data,
    metric_names,
    regime_data,
    sorted_values,
    sweep_axes,
    sweep_axis,
)

_METRICS = ("loss", "eigenangle_span", "spectral_radius", "free_fraction", "sharpness")
_MOST_SERIES, _MOST_COLUMNS = 6, 4
_COLUMNS = 3
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ROW, _LEGENDS = 1.9, 0.6


def sweep_summary(dataset: Any) -> Any:
    """The figure that shows a sweep: its metrics against the first axis by the second, and the shares of the regimes.

    Metrics are the loss and, where a network has them, the eigenangle span, the spectral radius, the free fraction and
    the sharpness, drawn as by `sweep_metric`; regimes as by `sweep_regimes`. Numbers are preferred to words for the
    horizontal axis. Each point of further axes is a column of panels of its own. Without any axis, the distribution of
    every metric over the seeds is drawn. Of more series or columns than are legible, evenly spaced ones are drawn, and
    the figure says so.

    Args:
        dataset: What `open_store` returned, also after a selection along `network`.

    Returns:
        A matplotlib figure that belongs to no window.

    Raises:
        InvalidInput: If the dataset has no networks with losses.
    """
    check_dataset(dataset)
    kept = [name for name in (*_METRICS, "status", "regime") if name in dataset.data_vars]
    dataset = dataset[kept]
    metrics = [name for name in _METRICS if name in metric_names(dataset)]
    metrics = [name for name in metrics if name == "loss" or np.isfinite(dataset[name].values).any()]
    names = sweep_axes(dataset)
    words = [sweep_axis(dataset, name).words for name in names]
    if len(names) > 1 and words[0] and not words[1]:
        names[:2] = names[1::-1]
    require_matplotlib()
    with style():
        if not names:
            return _seeds(dataset, metrics)
        if len(names) > 2:
            return _columns(dataset, metrics, names)
        return _panels(dataset, metrics, *names)


def _seeds(dataset: Any, metrics: list[str]) -> Any:
    """Distribution of every metric over the seeds, and one bar of regimes."""
    from matplotlib.lines import Line2D

    regimes = "regime" in dataset
    figure, panels = _grid(len(metrics) + regimes)
    count = dataset.sizes["network"]
    for axes, metric in zip(panels, metrics, strict=False):
        values, best = sorted_values(dataset, metric)
        if len(values):
            share = np.arange(1, len(values) + 1) / count
            axes.step(np.r_[values[0], values], np.r_[0, share], where="post", color=series_looks(1)[0]["color"])
            axes.margins(x=0.06)
        else:
            axes.text(0.5, 0.5, "all dead or diverged", ha="center", va="center", transform=axes.transAxes, color=MUTED)
        if np.isfinite(best):
            axes.axvline(best, color=INK, linestyle="--", linewidth=0.9, gid="best")
        elif not len(values):
            axes.set_xticks([])
        axes.set(xlabel=metric_label(dataset, metric).replace("\n", " "), ylim=(0, 1.02))
        _note(axes, f"{len(values)} of {counted(count)}")
    for index, axes in enumerate(panels):
        axes.set_ylabel("" if index % _COLUMNS else "share of networks")
        panel_letter(axes, _LETTERS[index])
    if regimes:
        data = regime_data(dataset, None)
        draw_regimes(panels[-1], data)
        panels[-1].set(xlabel="", ylabel="" if (len(panels) - 1) % _COLUMNS else "share of networks")
        figure.legend(*regime_handles(data), loc="outside lower center", ncols=6, handlelength=1.4)
    best = Line2D([], [], color=INK, linestyle="--", linewidth=0.9)
    title = _said(dataset, "not in the curves", [])
    figure.legend([best], ["lowest loss"], title=title, loc="outside upper center")
    return figure


def _panels(dataset: Any, metrics: list[str], along: str, by: str | None = None) -> Any:
    """A panel for every metric, and one of regimes for every series."""
    dataset, notes = _fewer(dataset, by, _MOST_SERIES)
    series = sweep_axis(dataset, by) if by else None
    if "regime" not in dataset:
        groups = []
    elif series is None:
        groups = [dataset]
    else:
        groups = [dataset.isel(network=series.codes == index) for index in range(len(series.values))]
    inline = len(metrics) + (series is None) * len(groups)
    figure, panels = _grid(inline, below=0 if series is None else len(groups))
    drawn = [_metric(axes, dataset, metric, along, by) for axes, metric in zip(panels, metrics, strict=False)]
    bars = [regime_data(group, along) for group in groups]
    for index, (axes, data) in enumerate(zip(panels[len(metrics) :], bars, strict=True)):
        draw_regimes(axes, data)
        if series is not None:
            axes.set_title(value_label(series, index))
            if index % _COLUMNS:
                axes.set(ylabel="", yticklabels=[])
    for axes, letter in zip(panels, _LETTERS, strict=False):
        panel_letter(axes, letter)
    _legends(figure, dataset, series, drawn, bars, notes, free=_free_cell(figure, inline))
    return figure


def _columns(dataset: Any, metrics: list[str], names: list[str]) -> Any:
    """A column for each point of the further axes; a row for every metric, and one for the regimes."""
    along, by, *further = names
    dataset, notes = _fewer(dataset, by, _MOST_SERIES)
    codes = np.stack([sweep_axis(dataset, name).codes for name in further])
    points = np.unique(codes, axis=1).T
    columns = points[_evenly(len(points), _MOST_COLUMNS)]
    if len(columns) < len(points):
        notes.append(
            f"shown: {len(columns)} of {len(points)} points of {' and '.join(_plain(each) for each in further)}"
        )
    count = len(metrics) + ("regime" in dataset)
    figure, grid = new_panels(count, len(columns), width=PAGE_WIDTH, height=1.45 * count + 1.0)
    series = sweep_axis(dataset, by)
    looks = dict(zip(series.values, series_looks(len(series.values)), strict=True))
    bars, drawn = [], []
    for place, point in zip(grid.T, columns, strict=True):
        chosen = dataset.isel(network=(codes == point[:, None]).all(axis=0))
        for axes, metric in zip(place, metrics, strict=False):
            drawn.append(_metric(axes, chosen, metric, along, by, looks=looks))
        if "regime" in dataset:
            bars.append(regime_data(chosen, along))
            draw_regimes(place[-1], bars[-1])
            place[-1].set_ylabel(f"share, all {_plain(by)}")
        places = zip(further, point, strict=True)
        heading = "\n".join(value_label(sweep_axis(dataset, name), int(code)) for name, code in places)
        below = place[0].get_title()
        place[0].set_title(heading + (f"\n{below}" if below else ""), fontsize=8.0, color=INK)
        for axes in place[:-1]:
            axes.set(xlabel="", xticklabels=[])
    for row in grid:
        _share_limits(row)
    figure.align_ylabels(grid[:, 0])
    _legends(figure, dataset, series, drawn, bars, notes)
    return figure


def _metric(axes: Any, dataset: Any, metric: str, along: str, by: str | None, *, looks: Any = None) -> MetricData:
    """Draws a metric; `looks` are those of the series by their values, where some may be absent."""
    data = metric_data(dataset, metric, along, by=by)
    chosen = [looks[value] for value in data.by.values] if looks and data.by else None
    draw_metric(axes, dataset, metric, data, looks=chosen)
    if data.n_undefined:
        _note(axes, f"{data.n_undefined} without a value")
    return data


def _legends(
    figure: Any,
    dataset: Any,
    series: SweepAxis | None,
    drawn: list[MetricData],
    bars: list[RegimeData],
    notes: list[str],
    *,
    free: Any = None,
) -> None:
    """Names the series in a free cell or above the panels, and the regimes below."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    separate = is_separate(drawn[0].along)
    line = {"markersize": 3.6, "linestyle": "none" if separate else "-"}
    handles, labels = [], []
    if series is not None:
        handles = [Line2D([], [], **line, **look) for look in series_looks(len(series.values))]
        labels = [value_label(series, index) for index in range(len(series.values))]
    handles.append(Line2D([], [], color=MUTED, marker="o", **line))
    labels.append("best of the seeds" if any(data.n_networks > data.best.size for data in drawn) else "network")
    if any(data.best_dead.any() for data in drawn):
        handles.append(Line2D([], [], color=MUTED, marker="o", markerfacecolor="white", **line))
        labels.append("the best is dead")
    spread = any(has_spread(data) for data in drawn)
    if spread:
        dots = {"linestyle": (0, (1.2, 1.2)), "linewidth": 1.0}
        middle = {"linestyle": "none", "marker": "_", "markersize": 6} if separate else dots
        band = Line2D([], [], color=MUTED, alpha=0.45, linewidth=2.6) if separate else Patch(color=MUTED, alpha=0.25)
        handles += [Line2D([], [], color=MUTED, **middle), band]
        labels += ["median", "10 to 90 %"]
    elif any((data.n_drawn > 1).any() for data in drawn):
        notes = [*notes, "median and band left out"]
    pooled = dict.fromkeys(name for data in drawn for name in data.pooled)
    notes = [*notes, *(f"pooled over {_plain(name)}" for name in pooled)]
    said = _said(dataset, "not in median and band" if spread else "", notes)
    if free is not None:
        options = {"loc": "center left", "borderaxespad": 0.0, "alignment": "left"}
        free.legend(handles, labels, title=said.replace("; ", "\n").replace(": ", ":\n"), **options)
    else:
        figure.legend(handles, labels, title=said, loc="outside upper center", ncols=min(len(labels), 6))
    if bars:
        figure.legend(*regime_handles(*bars), loc="outside lower center", ncols=6, handlelength=1.4)


def _said(dataset: Any, where: str, notes: list[str]) -> str:
    """How many networks there are, how many of them were lost, and what else a reader has to know."""
    numbers = zip((int(each.sum()) for each in lost_networks(dataset)), ("diverged", "dead"), strict=True)
    lost = ", ".join(f"{number} {name}" for number, name in numbers if number)
    lost = [f"{lost}: {where}" if where else lost] if lost else []
    held = [sweep_axis(dataset, name) for name in fixed_coordinates(dataset)]
    return "; ".join([counted(dataset.sizes["network"]), *lost, *(value_label(axis, 0) for axis in held), *notes])


def _note(axes: Any, text: str) -> None:
    axes.set_title(text, fontsize=6.2, color=MUTED)


def _fewer(dataset: Any, by: str | None, most: int) -> tuple[Any, list[str]]:
    """The networks of evenly spaced values of a coordinate, and a note if these are not all."""
    if by is None:
        return dataset, []
    axis = sweep_axis(dataset, by)
    kept = _evenly(len(axis.values), most)
    if len(kept) == len(axis.values):
        return dataset, []
    note = f"shown: {len(kept)} of {len(axis.values)} values of {_plain(by)}"
    return dataset.isel(network=np.isin(axis.codes, kept)), [note]


def _evenly(count: int, most: int) -> np.ndarray:
    return np.arange(count) if count <= most else np.round(np.linspace(0, count - 1, most)).astype(int)


def _plain(name: str) -> str:
    return coordinate_label(name).split(" (")[0]


def _grid(count: int, *, below: int = 0) -> tuple[Any, list[Any]]:
    """A figure with panels in rows of three, and more of them in rows below."""
    from matplotlib.figure import Figure

    first = -(-count // _COLUMNS)
    rows = first + -(-below // _COLUMNS)
    figure = Figure(figsize=(PAGE_WIDTH, _ROW * rows + _LEGENDS), layout="constrained")
    grid = figure.add_gridspec(rows, _COLUMNS)
    places = [*range(count), *range(_COLUMNS * first, _COLUMNS * first + below)]
    return figure, [figure.add_subplot(grid[divmod(place, _COLUMNS)]) for place in places]


def _free_cell(figure: Any, count: int) -> Any:
    """The last cell of the first rows of panels, if it is free, without its frame."""
    if count % _COLUMNS == 0:
        return None
    axes = figure.add_subplot(figure.axes[0].get_gridspec()[count // _COLUMNS, _COLUMNS - 1])
    axes.set_axis_off()
    return axes


def _share_limits(row: Any) -> None:
    """One vertical scale for the panels of a row, named at the first."""
    if any(axes.get_yscale() == "log" for axes in row):
        for axes in row:
            axes.set_yscale("log")
    limits = np.array([axes.get_ylim() for axes in row])
    for axes in row:
        axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())
    for axes in row[1:]:
        axes.set(ylabel="", yticklabels=[])
