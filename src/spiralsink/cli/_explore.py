"""`spiralsink explore`: the page on which results can be looked at."""

from pathlib import Path

import click

from ._command import Command, Whole, common, emit

_EXAMPLE = """
spiralsink explore results
spiralsink explore results/sweep --serve
"""


@click.command(cls=Command, example=_EXAMPLE)
@click.argument("folder", metavar="DIR")
@click.option("--serve", is_flag=True, help="Serve the page on 127.0.0.1 until Ctrl-C.")
@click.option("--port", type=Whole(0, 65535), default=8787, show_default=True, help="With --serve; 0 for any free one.")
@common
def command(folder: str, serve: bool, port: int, as_json: bool, quiet: bool) -> int:
    """Build DIR/explorer.html from the results in DIR: one file that needs no network.

    DIR is a folder that reproduce, sweep, train, phase-diagram or inspect wrote. The page shows feature directions,
    what the readout sees of them, the terms of the loss, phase diagrams, every network as a point, and claims.
    """
    from ..explorer import write_explorer

    if not folder:
        from .._errors import InvalidInput

        raise InvalidInput("DIR", "", "the name of a folder")
    source = click.get_current_context().get_parameter_source("port")
    if not serve and source is click.core.ParameterSource.COMMANDLINE:
        from .._errors import InvalidInput

        raise InvalidInput("port", port, "with --serve")
    if not serve:
        path = write_explorer(folder)
        emit({"page": path.name}, f"written: {path}", as_json=as_json, quiet=quiet)
        return 0
    from ._serve import listen

    # before the page is built: a port in use should not be found out last
    with listen(Path(folder), port) as server:
        path = write_explorer(folder)
        address = f"http://127.0.0.1:{server.server_port}/"
        text = f"written: {path}\nserving: {address} (Ctrl-C ends it)"
        emit({"page": path.name, "address": address}, text, as_json=as_json, quiet=quiet)
        server.serve_until_interrupted()
    return 0
