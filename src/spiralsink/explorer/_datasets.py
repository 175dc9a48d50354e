"""Reading labelled data from files, with one line where one is damaged."""

from pathlib import Path
from typing import Any

from .._errors import InvalidInput, MissingExtra, Shown


def horizon_of(data: Any) -> int | None:
    """T of a dataset that names its horizon; None for the steady state.

    Raises:
        KeyError: If it names none.
        ValueError: If it is neither.
    """
    horizon = str(data.attrs["horizon"])
    return None if horizon == "steady state" else int(horizon)


def read_dataset(path: Path) -> Any:
    """A dataset in memory.

    Raises:
        InvalidInput: If the file cannot be read.
        MissingExtra: If xarray or h5netcdf is not installed.
    """
    try:
        import h5netcdf  # noqa: F401
        import xarray
    except ImportError as error:
        raise MissingExtra(error.name or "xarray", "data") from None
    try:
        with xarray.open_dataset(path, engine="h5netcdf") as dataset:
            return dataset.load()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        words = " ".join(str(error).split())[:80]
        raise InvalidInput(str(path), Shown(f"a damaged or different one: {words}"), "a whole NetCDF file") from None
