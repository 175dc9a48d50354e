"""The page of the explorer beside the results of other commands, which do not fail for the want of it."""

import contextlib
import os
from pathlib import Path

import click


def write_page_beside(folder: Path) -> str | None:
    """Writes FOLDER/explorer.html; its name, or None where that was not possible, with one line on standard error.

    Whatever goes wrong, the results that the page would show are stored, so it is no reason to fail.
    """
    try:
        from ..explorer import write_explorer

        return write_explorer(folder).name
    except Exception as error:
        if os.environ.get("SPIRALSINK_DEBUG") == "1":
            raise
        with contextlib.suppress(BrokenPipeError):
            click.echo(f"spiralsink: no explorer.html: {' '.join(str(error).split())}", err=True)
        return None
