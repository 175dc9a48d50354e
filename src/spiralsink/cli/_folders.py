"""The folder that a command writes its results into."""

from pathlib import Path

from ._command import writes_into


def result_folder(out: str) -> Path:
    """The folder, made if it is missing, after a check that what is needed to fill it is installed.

    Raises:
        InvalidInput: If it is a file or cannot be made.
        MissingExtra: If xarray, h5netcdf or matplotlib is not installed.
    """
    from .._atomic import make_folder
    from .._errors import InvalidInput, MissingExtra, Shown
    from ..plots import require_matplotlib

    if not out:
        raise InvalidInput("out", "", "the name of a folder")
    path = Path(out)
    if path.exists() and not path.is_dir():
        raise InvalidInput("out", Shown(f"{path}: a file"), "a folder")
    try:
        import h5netcdf  # noqa: F401
        import xarray  # noqa: F401
    except ImportError:
        raise MissingExtra("xarray", "data") from None
    require_matplotlib()
    with writes_into(path):
        return make_folder(path)
