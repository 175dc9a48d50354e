"""What the figures of a sweep draw: best of the seeds, spread over them and shares of regimes, as arrays."""

import dataclasses
import json
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from .._errors import InvalidInput, Shown, check_choice

REGIME_SHARES = ("sparse", "between", "dense", "unrepresented", "diverged", "not defined")
QUANTILES = (0.1, 0.5, 0.9)

_NEEDED = ("loss", "status")
# values over at least this range are drawn on a logarithmic axis if they are more even there
_WIDE = 10.0
_LONGEST = 28


@dataclasses.dataclass(frozen=True)
class SweepAxis:
    """The values that a coordinate takes in a sweep.

    Attributes:
        name: Name of the coordinate.
        values: The distinct values: numbers in ascending order, words as they first appear.
        codes: Which of them each network has.
        logarithmic: Whether the values are spaced evenly on a logarithmic axis.
        words: Whether they are words.
    """

    name: str
    values: tuple[Any, ...]
    codes: Int[np.ndarray, " networks"]
    logarithmic: bool
    words: bool

    @property
    def positions(self) -> np.ndarray:
        """Where the values stand on an axis: numbers at themselves, words in their order."""
        return np.arange(len(self.values), dtype=float) if self.words else np.array(self.values, dtype=float)

    @property
    def labels(self) -> tuple[str, ...]:
        """The values as they are written: numbers of three digits, and of tables only what tells them apart."""
        if not self.words:
            return tuple(f"{value:.3g}" if isinstance(value, float) else str(value) for value in self.values)
        tables = [_table(value) for value in self.values]
        if all(tables):
            keys = dict.fromkeys(key for table in tables for key in sorted(table, key=lambda key: (key != "kind", key)))
            differ = [key for key in keys if len({str(table.get(key)) for table in tables}) > 1]
            return tuple(_shorten(", ".join(_written(table, differ))) for table in tables)
        return tuple(map(_shorten, self.values))


@dataclasses.dataclass(frozen=True)
class MetricData:
    """A metric against an axis, one series for each value of another.

    Attributes:
        along: The axis.
        by: The other, or None for a single series.
        best: The metric of the network of the lowest loss; NaN where all diverged or it has none.
        best_dead: Whether that network is dead.
        quantiles: 10 %, 50 % and 90 % of the metric over the networks that are neither dead nor diverged and have it;
            NaN where there is none.
        n_drawn: Number of these networks.
        n_networks: Number of all networks.
        n_diverged: Number of those that diverged.
        n_dead: Number of those that died.
        n_undefined: Number of the others that do not have the metric.
        pooled: Further coordinates that vary among the networks of one point.
    """

    along: SweepAxis
    by: SweepAxis | None
    best: Float[np.ndarray, "series points"]
    best_dead: Bool[np.ndarray, "series points"]
    quantiles: Float[np.ndarray, "3 series points"]
    n_drawn: Int[np.ndarray, "series points"]
    n_networks: int
    n_diverged: int
    n_dead: int
    n_undefined: int
    pooled: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class RegimeData:
    """Share of the networks in each regime against an axis.

    Attributes:
        along: The axis.
        shares: One row for each of `REGIME_SHARES`; the columns sum to 1.
        n_networks: Number of networks at every value.
        pooled: Further coordinates that vary among the networks of one value.
    """

    along: SweepAxis
    shares: Float[np.ndarray, "regimes points"]
    n_networks: Int[np.ndarray, " points"]
    pooled: tuple[str, ...]


def sweep_axis(dataset: Any, name: Any, *, field: str = "along") -> SweepAxis:
    """The values of a coordinate along `network`.

    Args:
        dataset: Of `open_store` or of a result of `fit`.
        name: Name of the coordinate.
        field: What an error calls it.

    Raises:
        InvalidInput: If the dataset has no such coordinate; names the nearest.
    """
    check_dataset(dataset)
    names = [str(each) for each in dataset.coords if dataset[each].dims == ("network",)]
    column = dataset[check_choice(field, name, names)].values
    if column.dtype.kind in "iuf":
        values, codes = np.unique(column, return_inverse=True)
        return SweepAxis(name, tuple(values.tolist()), codes.reshape(-1), is_logarithmic(values), False)
    written = [str(each).lower() if isinstance(each, bool | np.bool_) else str(each) for each in column]
    order = {word: index for index, word in enumerate(dict.fromkeys(written))}
    return SweepAxis(name, tuple(order), np.array([order[word] for word in written], np.int64), False, True)


def is_logarithmic(values: np.ndarray) -> bool:
    """Whether ascending numbers are spaced evenly on a logarithmic axis, or over a wide range more so than on a linear.

    Args:
        values: The numbers, distinct.
    """
    if len(values) < 3 or values[0] <= 0:
        return False
    steps = np.diff(np.log(values))
    if np.ptp(steps) < 1e-3 * steps.mean():
        return True
    even, linear = (np.std(each) / np.mean(each) for each in (steps, np.diff(values)))
    return bool(values[-1] / values[0] >= _WIDE and even < linear)


def sweep_axes(dataset: Any) -> list[str]:
    """The coordinate of every axis of the plan that takes more than one value, in the order of the plan.

    Of fields that were varied together, the first that tells most points apart.
    """
    counted = _count_values(dataset)
    return [max(counts, key=lambda name: counts[name]) for counts in counted if max(counts.values()) > 1]


def fixed_coordinates(dataset: Any) -> list[str]:
    """The coordinates of the axes of the plan that take one value only, as after a selection."""
    return [name for counts in _count_values(dataset) if max(counts.values()) == 1 for name in counts]


def _count_values(dataset: Any) -> list[dict[str, int]]:
    """For every axis of the plan, how many values each of its coordinates takes."""
    check_dataset(dataset)
    axes = [[name for name in names if name in dataset.coords] for names in json.loads(dataset.attrs.get("axes", "[]"))]
    return [{name: len(sweep_axis(dataset, name).values) for name in names} for names in axes if names]


def metric_names(dataset: Any) -> list[str]:
    """The variables with one number for each network."""
    check_dataset(dataset)
    variables = dataset.data_vars.items()
    return [str(name) for name, each in variables if each.dims == ("network",) and each.dtype.kind in "biuf"]


def metric_data(dataset: Any, metric: Any, along: Any, *, by: Any = None) -> MetricData:
    """A metric against an axis: of the best network, and its spread over the others.

    Args:
        dataset: Of `open_store` or of a result of `fit`.
        metric: Name of a variable with one number for each network.
        along: Name of a coordinate along `network`.
        by: Name of another, or None.

    Raises:
        InvalidInput: If the dataset has no such variable or coordinate; names the nearest.
    """
    check_choice("metric", metric, metric_names(dataset))
    first = sweep_axis(dataset, along)
    second = None if by is None else sweep_axis(dataset, by, field="by")
    shape = (1 if second is None else len(second.values), len(first.values))
    cells = first.codes + (0 if second is None else second.codes * shape[1])
    values = np.asarray(dataset[metric].values, np.float64)
    loss = np.asarray(dataset["loss"].values, np.float64)
    diverged, dead = lost_networks(dataset)
    known = ~diverged & ~dead & np.isfinite(values)
    best, best_dead = np.full(shape, np.nan), np.zeros(shape, bool)
    quantiles, n_drawn = np.full((3, *shape), np.nan), np.zeros(shape, np.int64)
    candidates = np.where(diverged | ~np.isfinite(loss), np.inf, loss)
    for cell, networks in _groups(cells):
        place = np.unravel_index(cell, shape)
        lowest = networks[np.argmin(candidates[networks])]
        if np.isfinite(candidates[lowest]):
            best[place] = values[lowest] if np.isfinite(values[lowest]) else np.nan
            best_dead[place] = dead[lowest]
        alive = values[networks[known[networks]]]
        n_drawn[place] = len(alive)
        if len(alive):
            quantiles[(slice(None), *place)] = np.quantile(alive, QUANTILES)
    return MetricData(
        along=first,
        by=second,
        best=best,
        best_dead=best_dead,
        quantiles=quantiles,
        n_drawn=n_drawn,
        n_networks=len(values),
        n_diverged=int(diverged.sum()),
        n_dead=int(dead.sum()),
        n_undefined=int((~diverged & ~dead & ~np.isfinite(values)).sum()),
        pooled=_pooled(dataset, cells, {along, by}),
    )


def sorted_values(dataset: Any, metric: str) -> tuple[np.ndarray, float]:
    """A metric of the networks that neither diverged nor died, ascending, and that of the lowest loss of all.

    Args:
        dataset: Of `open_store` or of a result of `fit`.
        metric: Name of a variable with one number for each network.
    """
    values, loss = (np.asarray(dataset[name].values, np.float64) for name in (metric, "loss"))
    diverged, dead = lost_networks(dataset)
    candidates = np.where(diverged, np.inf, loss)
    lowest = int(np.argmin(candidates))
    known = ~diverged & ~dead & np.isfinite(values)
    return np.sort(values[known]), float(values[lowest]) if np.isfinite(candidates[lowest]) else np.nan


def regime_data(dataset: Any, along: Any) -> RegimeData:
    """Share of networks in each regime against an axis, networks that diverged included.

    Args:
        dataset: Of `open_store` or of a result of `fit`, with `regime`.
        along: Name of a coordinate along `network`; None for all networks together.

    Raises:
        InvalidInput: If the dataset has no regimes or no such coordinate.
    """
    check_dataset(dataset)
    everything = SweepAxis("", ("all networks",), np.zeros(dataset.sizes["network"], np.int64), False, True)
    axis = everything if along is None else sweep_axis(dataset, along)
    if "regime" not in dataset.variables:
        raise InvalidInput("dataset", Shown("one without it"), "a dataset with the variable regime")
    words = dataset["regime"].values.astype(str)
    diverged, _ = lost_networks(dataset)
    kinds = np.full(len(words), REGIME_SHARES.index("not defined"))
    for index, name in enumerate(REGIME_SHARES[:4]):
        kinds[words == name] = index
    kinds[diverged] = REGIME_SHARES.index("diverged")
    counts = np.zeros((len(REGIME_SHARES), len(axis.values)), np.int64)
    np.add.at(counts, (kinds, axis.codes), 1)
    total = counts.sum(axis=0)
    return RegimeData(axis, counts / total, total, _pooled(dataset, axis.codes, {along}))


def _table(value: str) -> dict[str, Any]:
    try:
        table = json.loads(value)
    except ValueError:
        return {}
    return table if isinstance(table, dict) else {}


def _written(table: dict[str, Any], keys: list[str]) -> list[str]:
    shown = {key: table[key] for key in keys if key in table}
    return [f"{value}" if key == "kind" else f"{key.replace('_', ' ')} {value}" for key, value in shown.items()]


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def check_dataset(dataset: Any) -> None:
    """Raises unless a dataset has networks with losses and statuses."""
    known = getattr(dataset, "variables", {})
    if not hasattr(dataset, "sizes") or any(name not in known for name in _NEEDED):
        raise InvalidInput("dataset", Shown(type(dataset).__name__), "a dataset of open_store, with loss and status")
    if not dataset.sizes.get("network"):
        raise InvalidInput("dataset", Shown("one without networks"), "a dataset with networks along `network`")


def lost_networks(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """Which networks diverged or have no finite loss, and which of the others died."""
    status = dataset["status"].values.astype(str)
    diverged = (status == "diverged") | ~np.isfinite(np.asarray(dataset["loss"].values, np.float64))
    return diverged, (status == "dead") & ~diverged


def _groups(cells: np.ndarray) -> list[tuple[int, np.ndarray]]:
    order = np.argsort(cells, kind="stable")
    starts = np.flatnonzero(np.diff(cells[order])) + 1
    return [(int(cells[group[0]]), group) for group in np.split(order, starts)]


def _pooled(dataset: Any, cells: np.ndarray, used: set[Any]) -> tuple[str, ...]:
    """Coordinates of the plan that take several values among the networks of one cell."""
    found = []
    for names in json.loads(dataset.attrs.get("axes", "[]")):
        for name in names:
            if name in used or name not in dataset.coords:
                continue
            codes = sweep_axis(dataset, name).codes
            if any(np.ptp(codes[networks]) > 0 for _, networks in _groups(cells)):
                found.append(name)
                break
    return tuple(found)
