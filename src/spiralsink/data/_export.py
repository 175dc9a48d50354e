"""A store in the formats of other tools: NetCDF and Zarr as one labelled dataset, Parquet with one row per network."""

import errno
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from .._atomic import make_folder, reason, written_whole
from .._errors import InvalidInput, MissingExtra, Shown
from ._store import open_store

_METADATA = b"spiralsink"
_PIECE_ROWS, _PIECE_BYTES = 16384, 32 * 2**20


def export_store(store: Path | str, out: Path | str) -> Path:
    """Writes the dataset of all networks of a store; the ending of the name says how.

    - `.nc`: NetCDF, what `open_store` returns.
    - `.zarr`: the same in a folder.
    - `.parquet`: one row per network. What has further dimensions, such as projections, is a column of nested lists;
      what all networks share, such as the steps of the records, and the attributes are JSON in the metadata of the
      schema, under "spiralsink".

    A NetCDF or Parquet file of that name is replaced as a whole; a folder is not. Large stores are read and written in
    pieces of at most 16384 networks: the row groups of Parquet and the chunks of Zarr.

    Args:
        store: Folder of the store.
        out: Name of what is written.

    Returns:
        The path that was written.

    Raises:
        InvalidInput: If the store has no blocks or a damaged one, the ending is another, or `out` cannot be written.
        MissingExtra: If the package that writes the format is not installed.
    """
    path = Path(out)
    if path.suffix not in _WRITERS:
        raise InvalidInput("out", str(out), f"a name that ends in {', '.join(_WRITERS)}")
    if path.is_dir():
        raise InvalidInput("out", Shown(f"{path}, which exists"), "a name that is not that of a folder yet")
    dataset = open_store(store, lazy_above=_PIECE_BYTES)
    make_folder(path.parent)
    try:
        _WRITERS[path.suffix](dataset, path)
    except OSError as error:
        raise InvalidInput("out", reason(error), "a name that can be written") from None
    except ImportError as error:
        raise MissingExtra(error.name or path.suffix[1:], "data") from None
    return path


def _write_netcdf(dataset: Any, path: Path) -> None:
    import h5netcdf

    # HDF5 may take the process down when a disk is full, and the size is known because nothing is compressed
    if shutil.disk_usage(path.parent).free < 1.02 * dataset.nbytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    large = [name for name, variable in dataset.variables.items() if variable.ndim > 1]
    try:
        with written_whole(path) as temporary:
            _with_text(dataset.drop_vars(large)).to_netcdf(temporary, engine="h5netcdf")
            with h5netcdf.File(temporary, "a") as file:
                for name in large:
                    _append_netcdf(file, name, dataset[name], _pieces(dataset))
    except RuntimeError as error:  # what HDF5 raises when it cannot close a file
        raise OSError(str(error)) from None


def _append_netcdf(file: Any, name: Any, variable: Any, pieces: list[slice]) -> None:
    file.dimensions.update({dim: size for dim, size in variable.sizes.items() if dim not in file.dimensions})
    missing = np.nan if variable.dtype.kind == "f" else None
    written = file.create_variable(name, variable.dims, variable.dtype, fillvalue=missing)
    along = [str(each) for each in variable.coords if each not in variable.dims]
    written.attrs.update({**variable.attrs, "coordinates": " ".join(along)})
    for piece in pieces:
        written[piece] = variable[piece].values


def _write_zarr(dataset: Any, path: Path) -> None:
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    dataset, pieces = _with_text(dataset), _pieces(dataset)
    chunks = {
        name: {"chunks": (pieces[0].stop, *variable.shape[1:])}
        for name, variable in dataset.variables.items()
        if variable.dims[0] == "network"
    }
    try:
        for piece in pieces:
            how = {"append_dim": "network"} if piece.start else {"mode": "w", "encoding": chunks}
            dataset.isel(network=piece).load().to_zarr(unfinished, zarr_format=2, consolidated=True, **how)
        unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_parquet(dataset: Any, path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    along = [name for name, variable in dataset.variables.items() if variable.dims[:1] == ("network",)]
    shared: dict[str, Any] = {"attributes": dict(dataset.attrs)}
    shared |= {str(name): each.values.tolist() for name, each in dataset.variables.items() if name not in along}
    metadata = {_METADATA: msgspec.json.encode(shared, enc_hook=str)}

    def rows(piece: slice) -> Any:
        columns = {str(name): _column(dataset[name][piece].values) for name in along}
        return pyarrow.table(columns, metadata=metadata)

    first, *others = _pieces(dataset)
    table = rows(first)
    with written_whole(path) as temporary, pyarrow.parquet.ParquetWriter(temporary, table.schema) as writer:
        writer.write_table(table)
        for piece in others:
            writer.write_table(rows(piece))


def _column(values: np.ndarray) -> Any:
    """A column of numbers or words, or of nested lists where there is more than one dimension."""
    import pyarrow

    column = pyarrow.array(values.ravel())
    for axis in range(values.ndim - 1, 0, -1):
        count, size = int(np.prod(values.shape[:axis])), values.shape[axis]
        column = pyarrow.ListArray.from_arrays(pyarrow.array(size * np.arange(count + 1), pyarrow.int32()), column)
    return column


def _pieces(dataset: Any) -> list[slice]:
    """Stretches of networks that are written one after the other, so that few are in memory."""
    count = dataset.sizes["network"]
    size = sum(each.nbytes for each in dataset.variables.values() if each.dims[0] == "network")
    rows = int(np.clip(_PIECE_BYTES * count // size, 1, min(_PIECE_ROWS, count)))
    return [slice(start, min(start + rows, count)) for start in range(0, count, rows)]


def _with_text(dataset: Any) -> Any:
    """The dataset with its columns of words as strings of fixed length, which every reader understands."""
    words = {name: each.astype(str) for name, each in dataset.variables.items() if each.dtype == np.dtype(object)}
    return dataset.assign({name: (each.dims, each.values, each.attrs) for name, each in words.items()})


_WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".nc": _write_netcdf,
    ".zarr": _write_zarr,
    ".parquet": _write_parquet,
}
