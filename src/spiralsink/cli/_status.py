"""`spiralsink status`: how far a store has come."""

import click

from ._command import Command, common, emit


@click.command(cls=Command, example="spiralsink status results/train")
@click.argument("store", metavar="DIR")
@common
def command(store: str, as_json: bool, quiet: bool) -> int:
    """Say what is stored of a plan, point by point.

    Nothing is changed, also not while another program fills the store. The exit code is 1 when blocks failed or are
    damaged.
    """
    from ..sweeps import status

    summary = status(store)
    emit(summary.to_dict(), str(summary), as_json=as_json, quiet=quiet)
    return 1 if summary.errors else 0
