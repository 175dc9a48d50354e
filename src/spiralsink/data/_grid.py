"""From a list of networks to a grid of them: one dimension for each axis of the plan."""

import json
from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown

_WORDS = ("status", "regime")


def as_grid(dataset: Any) -> Any:
    """The same dataset with `network` unstacked into the axes of the plan and `seed`.

    Fields that were varied together are one dimension, named by the first of them whose values differ, and the
    others are coordinates along it. Points without a network hold NaN, or "" for words.

    Args:
        dataset: What `open_store` returned, also after a selection along `network`.

    Raises:
        InvalidInput: If the dataset does not say what its axes are, or two networks have the same coordinates.
    """
    if "axes" not in getattr(dataset, "attrs", {}) or "network" not in dataset.sizes:
        given = Shown(f"a {type(dataset).__name__} without axes")
        raise InvalidInput("dataset", given, "a dataset of open_store")
    import pandas as pd
    import xarray as xr

    dataset = dataset.compute()  # what is read where it is looked at would be read for every point
    along: dict[str, tuple[str, Any]] = {}
    names = []
    for axis in json.loads(dataset.attrs["axes"]):
        name, index, others = _dimension(dataset, axis)
        dataset = dataset.drop_vars(axis).assign_coords({name: ("network", index)})
        names.append(name)
        along |= {other: (name, values) for other, values in others.items()}
    names.append("seed")
    labels = list(zip(*(dataset[name].values.tolist() for name in names), strict=True))
    if len(set(labels)) < len(labels):
        raise InvalidInput("dataset", Shown("two networks with the same coordinates"), "one network for each point")
    fill = {name: "" if name in _WORDS else np.nan for name in dataset.data_vars}
    varying = [name for name in dataset.coords if dataset[name].dims == ("network",) and name not in names]
    index = pd.MultiIndex.from_tuples(labels, names=names)
    listed = dataset.reset_coords(varying).drop_vars(names)
    listed = listed.assign_coords(xr.Coordinates.from_pandas_multiindex(index, "network"))
    grid = listed.unstack("network", fill_value=fill)
    return grid.set_coords(varying).assign_coords(along).transpose(*names, ...)


def _dimension(dataset: Any, axis: list[str]) -> tuple[str, np.ndarray, dict[str, np.ndarray]]:
    """Name and labels of the dimension of an axis, and the other coordinates along it by position."""
    rows = list(zip(*(dataset[name].values.tolist() for name in axis), strict=True))
    distinct = sorted(set(rows))
    for place, name in enumerate(axis):
        if len({row[place] for row in distinct}) == len(distinct):
            order = sorted(distinct, key=lambda row: row[place])
            others = {other: np.array([row[i] for row in order]) for i, other in enumerate(axis) if other != name}
            return name, dataset[name].values, others
    number = {row: index for index, row in enumerate(distinct)}
    others = {name: np.array([row[i] for row in distinct]) for i, name in enumerate(axis)}
    return "_".join(axis), np.array([number[row] for row in rows]), others
