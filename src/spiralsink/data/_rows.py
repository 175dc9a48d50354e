"""A variable of all networks of a store, put together from its blocks: at once, or where it is looked at."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._errors import InvalidInput, Shown
from ._block import read_array


class Part(NamedTuple):
    """The rows of one block.

    Attributes:
        shape: (networks, ...).
        dtype: Of the values.
        values: The rows, or None where they are read from the file when they are wanted.
        path: The file of the block.
        name: Name of the variable there; None where the block does not have it, so that its rows are missing.
    """

    shape: tuple[int, ...]
    dtype: Any
    values: np.ndarray | None
    path: Path
    name: str | None

    def read(self) -> np.ndarray:
        """The rows.

        Raises:
            InvalidInput: If the block cannot be read any more, or has other rows than when it was opened.
        """
        if self.values is not None:
            return self.values
        try:
            values = read_array(self.path, self.name or "")
        except InvalidInput as error:
            if self.path.exists():
                raise
            hint = "the store has changed since it was opened: open it again"
            raise InvalidInput(error.field, error.value, error.allowed, hint=hint) from None
        if values.shape != self.shape:
            raise InvalidInput(f"{self.path}: {self.name}", Shown(f"shape {values.shape}"), f"of shape {self.shape}")
        return values


class Rows:
    """The rows of every block, one below the other, with NaN where a block has fewer columns or none.

    Attributes:
        shape: (networks, ...).
        dtype: That of the blocks; float64 where something is missing.
    """

    def __init__(self, parts: list[Part], trailing: tuple[int, ...]):
        self._parts = parts
        self._ends = np.cumsum([part.shape[0] for part in parts])
        self.shape = (int(self._ends[-1]), *trailing)
        missing = any(part.name is None or part.shape[1:] != trailing for part in parts)
        self.dtype = np.result_type(*{part.dtype for part in parts}, *([np.float64] if missing else []))

    def take(self, key: tuple[Any, ...]) -> np.ndarray:
        """What an index of integers, slices and lists of integers selects, each along its own axis.

        Only the blocks that hold wanted rows are read, one after the other.
        """
        wanted = np.arange(self.shape[0])[key[0]]
        rows = np.atleast_1d(wanted)
        inner = [np.arange(size)[each].shape for size, each in zip(self.shape[1:], key[1:], strict=True)]
        shape = tuple(size for each in inner for size in each)
        numbers = np.issubdtype(self.dtype, np.inexact) or self.dtype == np.dtype(object)
        taken = np.full((len(rows), *shape), np.nan if numbers else 0, self.dtype)
        owner = np.searchsorted(self._ends, rows, side="right")
        order = np.argsort(owner, kind="stable")
        for places in np.split(order, np.flatnonzero(np.diff(owner[order])) + 1) if taken.size else ():
            part = self._parts[owner[places[0]]]
            if part.name is None:
                continue
            start = self._ends[owner[places[0]]] - part.shape[0]
            values = _padded(part.read()[_consecutive(rows[places] - start)], self.shape[1:])
            taken[_consecutive(places)] = _cut(values, key[1:])
        return taken.reshape((*wanted.shape, *shape))


def _consecutive(indices: np.ndarray) -> Any:
    """A slice for indices that follow one another, so that nothing is copied."""
    if (np.diff(indices) == 1).all():
        return slice(int(indices[0]), int(indices[-1]) + 1)
    return indices


def _padded(values: np.ndarray, trailing: tuple[int, ...]) -> np.ndarray:
    if values.shape[1:] == trailing:
        return values
    padded = np.full((len(values), *trailing), np.nan)
    padded[(slice(None), *map(slice, values.shape[1:]))] = values
    return padded


def _cut(values: np.ndarray, key: tuple[Any, ...]) -> np.ndarray:
    # from the last axis on, so that a single position, which removes its axis, does not move those to come
    for axis in range(len(key), 0, -1):
        values = values[(*(slice(None),) * axis, key[axis - 1])]
    return values
