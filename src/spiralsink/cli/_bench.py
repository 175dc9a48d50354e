"""`spiralsink bench`: throughput of training, against torch, plain JAX and the machine."""

from pathlib import Path

import click

from ._command import Command, common, emit, progress, writes_into

_EXAMPLE = """
spiralsink bench --quick
spiralsink bench --out results/bench --json
"""


@click.command(cls=Command, example=_EXAMPLE)
@click.option("--quick", is_flag=True, help="Three cases and short timings: at most a minute.")
@click.option("--out", help="Folder for bench.json.")
@common
def command(quick: bool, out: str | None, as_json: bool, **flags: bool) -> None:
    """Time the training of stacks on one core and on all: ours, torch, plain JAX, and what the machine can do.

    All implementations do the same work in turn, each in a process of its own on the same cores. At most five minutes;
    other work on the machine shows in the numbers. Without torch its rows are missing.
    """
    from ..bench import full_plan, quick_plan, run_benchmarks

    folder = None if out is None else _folder(out)
    meter = progress(quiet=flags["quiet"])
    measured = run_benchmarks(quick_plan() if quick else full_plan(), progress=meter)
    result = {**measured.as_json(), "quick": quick}
    if folder is not None:
        _save(folder, result)
    emit(result, str(measured), as_json=as_json, quiet=flags["quiet"])


def _folder(out: str) -> Path:
    from .._atomic import make_folder
    from .._errors import InvalidInput, Shown

    if not out:
        raise InvalidInput("out", "", "the name of a folder")
    path = Path(out)
    if path.exists() and not path.is_dir():
        raise InvalidInput("out", Shown(f"{path}: a file"), "a folder")
    with writes_into(path):
        return make_folder(path)


def _save(folder: Path, result: dict) -> None:
    from .._atomic import write_file
    from .._json import json_file

    with writes_into(folder):
        write_file(folder / "bench.json", json_file(result))
