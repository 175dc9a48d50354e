"""A store in the formats of other tools: NetCDF and Zarr as one labelled dataset, Parquet with one row per network."""

import io
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from .._atomic import make_folder, reason, write_file
from .._errors import InvalidInput, MissingExtra, Shown
from ._store import open_store

_METADATA = b"spiralsink"


def export_store(store: Path | str, out: Path | str) -> Path:
    """Writes the dataset of all networks of a store; the ending of the name says how.

    - `.nc`: NetCDF, what `open_store` returns.
    - `.zarr`: the same in a folder.
    - `.parquet`: one row per network. What has further dimensions, such as projections, is a column of nested lists;
      what all networks share, such as the steps of the records, and the attributes are JSON in the metadata of the
      schema, under "spiralsink".

    A NetCDF or Parquet file of that name is replaced as a whole; a folder is not.

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
    dataset = open_store(store)
    make_folder(path.parent)
    try:
        _WRITERS[path.suffix](dataset, path)
    except OSError as error:
        raise InvalidInput("out", reason(error), "a name that can be written") from None
    except ImportError as error:
        raise MissingExtra(error.name or path.suffix[1:], "data") from None
    return path


def _write_netcdf(dataset: Any, path: Path) -> None:
    write_file(path, bytes(_with_text(dataset).to_netcdf(engine="h5netcdf")))


def _write_zarr(dataset: Any, path: Path) -> None:
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _with_text(dataset).to_zarr(unfinished, mode="w", zarr_format=2, consolidated=True)
        unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write_parquet(dataset: Any, path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    columns, shared = {}, {"attributes": dict(dataset.attrs)}
    for name, variable in dataset.variables.items():
        if variable.dims[:1] == ("network",):
            values = variable.values
            columns[str(name)] = pyarrow.array(values if values.ndim == 1 else values.tolist())
        else:
            shared[str(name)] = variable.values.tolist()
    table = pyarrow.table(columns)
    metadata = {**(table.schema.metadata or {}), _METADATA: msgspec.json.encode(shared, enc_hook=str)}
    content = io.BytesIO()
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), content)
    write_file(path, content.getvalue())


def _with_text(dataset: Any) -> Any:
    """The dataset with its columns of words as strings of fixed length, which every reader understands."""
    words = {name: each.astype(str) for name, each in dataset.variables.items() if each.dtype == np.dtype(object)}
    return dataset.assign({name: (each.dims, each.values) for name, each in words.items()})


_WRITERS: dict[str, Callable[[Any, Path], None]] = {
    ".nc": _write_netcdf,
    ".zarr": _write_zarr,
    ".parquet": _write_parquet,
}
