"""The page of the explorer beside the results of other commands, which do not fail for the want of it."""

from pathlib import Path

import click


def write_page_beside(folder: Path) -> str | None:
    """Writes FOLDER/explorer.html; its name, or None where that was not possible, with one line on standard error."""
    from .._errors import InvalidInput, MissingExtra
    from ..explorer import write_explorer

    try:
        return write_explorer(folder).name
    except (InvalidInput, MissingExtra) as error:
        click.echo(f"spiralsink: no explorer.html: {' '.join(str(error).split())}", err=True)
        return None
