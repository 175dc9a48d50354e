"""The page of the explorer beside the results of other commands, which do not fail for the want of it."""

import contextlib
import os
from pathlib import Path

import click


def write_page_beside(folder: Path) -> str | None:
    """Writes FOLDER/explorer.html; its name, or None where that was not possible, with one line on standard error.

    Whatever goes wrong, the results that the page would show are stored, so it is no reason to fail. The page of an
    earlier run, which shows other results, is removed.
    """
    try:
        from ..explorer import write_explorer

        return write_explorer(folder).name
    except Exception as error:
        if os.environ.get("SPIRALSINK_DEBUG") == "1":
            raise
        removed = " (that of an earlier run is removed)" if _remove(folder / "explorer.html") else ""
        with contextlib.suppress(BrokenPipeError):
            click.echo(f"spiralsink: no explorer.html: {' '.join(str(error).split())}{removed}", err=True)
        return None


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
