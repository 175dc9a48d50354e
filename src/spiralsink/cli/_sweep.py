"""`spiralsink sweep`: the networks of a whole plan."""

import os
from pathlib import Path
from typing import Any

import click

from ._command import INTERRUPTED, Command, Failure, Number, OneOf, Whole, common, emit, progress, writes_into
from ._page_beside import write_page_beside

_EXAMPLE = """
spiralsink sweep examples/sweep.toml --dry-run
spiralsink sweep examples/sweep.toml --store results/sweep
spiralsink sweep examples/sweep.toml --store results/sweep --executor dask --scheduler tcp://10.0.0.1:8786
"""


@click.command(cls=Command, example=_EXAMPLE)
@click.argument("spec", metavar="SPEC.toml")
@click.option("--store", metavar="DIR", help="Folder of the store; made if it is missing.")
@click.option("--resume", is_flag=True, help="Only go on with a store that is there; every run goes on with one.")
@click.option("--dry-run", is_flag=True, help="Say how many networks, blocks, bytes and seconds, and train nothing.")
@click.option("--executor", type=OneOf(("local", "dask")), default="local", show_default=True, help="Where to train.")
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask scheduler; without one, Dask runs on this machine.")
@click.option("--workers", type=Whole(1, 1024), help="Processes on this machine; one per core or GPU by default.")
@click.option(
    "--checkpoint-every", type=Number(), default=60.0, show_default=True, help="Seconds between those inside a block."
)
@click.option("--figures/--no-figures", default=True, help="Whether to write DIR/figures and DIR/explorer.html.")
@common
def command(
    spec: str,
    store: str | None,
    resume: bool,
    dry_run: bool,
    executor: str,
    scheduler: str | None,
    workers: int | None,
    checkpoint_every: float,
    figures: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Train every network of a plan, in blocks that are stored one by one.

    Killed at any moment, it goes on when the same command is run again: blocks that are stored and whole are not
    computed twice, and long ones go on from a checkpoint. `spiralsink status DIR` says how far it is, also from
    another terminal. The exit code is 1 when blocks failed.
    """
    from .._errors import InvalidInput, Shown
    from ..specs import read
    from ..sweeps import run

    if store == "" or (store is None and (resume or not dry_run)):
        raise InvalidInput("store", Shown("nothing") if store is None else store, "the name of a folder")
    where = None if store is None else Path(store)
    if resume and (where is None or not os.path.isfile(where / "plan.toml")):
        raise InvalidInput("resume", Shown(f"nothing to go on with in {store}"), "with the folder of a store")
    chosen = _executor(executor, scheduler, workers)
    what = read(spec)
    if dry_run:
        return _estimate(what, where, workers, as_json=as_json, quiet=quiet)
    assert where is not None
    try:
        with writes_into(where, "store"):
            summary = run(
                what,
                where,
                executor=chosen,
                checkpoint_every=checkpoint_every,
                progress=progress(quiet=quiet),
            )
    except KeyboardInterrupt:
        line = f"spiralsink sweep: interrupted; finished blocks are kept in {store}, the same command goes on"
        raise Failure(line, INTERRUPTED) from None
    return _finish(summary, where, figures=figures, as_json=as_json, quiet=quiet)


def _executor(name: str, scheduler: str | None, workers: int | None) -> Any:
    from .._errors import InvalidInput
    from ..sweeps import Dask, LocalProcesses

    if name == "dask":
        return Dask(scheduler=scheduler, workers=workers)
    if scheduler is not None:
        raise InvalidInput("scheduler", scheduler, "left out, or with --executor dask")
    return LocalProcesses(workers)


def _estimate(spec: Any, store: Path | None, workers: int | None, *, as_json: bool, quiet: bool) -> int:
    from ..sweeps import estimate, make_plan

    with writes_into(store or Path(), "store"):
        found = estimate(make_plan(spec), store=store, workers=workers, progress=progress(quiet=quiet))
    emit(found.to_dict() | {"store": store and str(store)}, str(found), as_json=as_json, quiet=quiet)
    return 0


def _finish(summary: Any, store: Path, *, figures: bool, as_json: bool, quiet: bool) -> int:
    from .._errors import InvalidInput, MissingExtra
    from ..sweeps import write_figures

    drawn, page, lines = [], None, [str(summary)]
    if figures and summary.done:
        try:
            drawn = [str(path.relative_to(store)) for path in write_figures(store)]
            lines.append(f"figures: {store / drawn[0]}")
        except (MissingExtra, InvalidInput) as error:  # the networks are stored all the same
            lines.append(f"no figures: {error}")
        page = write_page_beside(store)
        lines += [f"to look at: {store / page}"] if page else []
    emit(summary.to_dict() | {"figures": drawn, "page": page}, "\n".join(lines), as_json=as_json, quiet=quiet)
    return 1 if summary.failed else 0
