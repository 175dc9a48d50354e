"""Rows as an array of xarray that is read where it is indexed; imported once xarray is known to be there."""

from typing import Any

import numpy as np
from xarray.backends import BackendArray
from xarray.core import indexing

from ._rows import Rows


class LazyRows(BackendArray):
    """The rows of a variable as xarray's backends give them.

    Attributes:
        shape: (networks, ...).
        dtype: Of the values.
    """

    def __init__(self, rows: Rows):
        self._rows, self.shape, self.dtype = rows, rows.shape, rows.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        """What xarray's index selects, from the blocks that it touches."""
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._rows.take)


def lazily(rows: Rows) -> Any:
    """Values of a variable of xarray that are read where it is indexed, and not kept."""
    return indexing.LazilyIndexedArray(LazyRows(rows))
