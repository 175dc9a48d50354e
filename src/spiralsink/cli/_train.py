"""`spiralsink train`: the networks of one spec."""

import click

from ._command import INTERRUPTED, Command, Failure, common, emit, progress, writes_into


@click.command(cls=Command, example="spiralsink train examples/train.toml --out results/train")
@click.argument("spec", metavar="SPEC.toml")
@click.option("--out", metavar="DIR", help="Folder of the store; results/NAME_OF_THE_SPEC by default.")
@common
def command(spec: str, out: str | None, as_json: bool, quiet: bool) -> int:
    """Train the networks of a spec and store them.

    Every point of a [sweep] is trained too, one block after the other. Run it again to continue: blocks that are
    stored and whole are not computed twice.
    """
    from pathlib import Path

    from .._errors import InvalidInput
    from ..specs import read
    from ..sweeps import run

    if out == "":
        raise InvalidInput("out", out, "the name of a folder")
    store = Path("results") / Path(spec).stem if out is None else Path(out)
    try:
        what = read(spec)
        with writes_into(store):
            summary = run(what, store, progress=progress(quiet=quiet))
    except KeyboardInterrupt:
        raise Failure(f"spiralsink train: interrupted; finished blocks are kept in {store}", INTERRUPTED) from None
    emit(summary.to_dict(), str(summary), as_json=as_json, quiet=quiet)
    return 1 if summary.failed else 0
