"""`spiralsink reproduce`: the claims, measured, with figures and a page."""

from pathlib import Path
from typing import Any

import click

from ._command import SEED, Command, OneOf, common, emit, progress, writes_into
from ._page_beside import write_page_beside

_EXAMPLE = """
spiralsink reproduce --out results
spiralsink reproduce --claims four-terms,spiral-sink --out results
"""


@click.command(cls=Command, example=_EXAMPLE)
@click.option("--out", metavar="DIR", default="results", show_default=True, help="Folder of the results.")
@click.option("--scale", type=OneOf(["quick", "full"]), default="quick", show_default=True, help="How much to compute.")
@click.option("--claims", "select", metavar="NAME,...", help="Ids or groups; by default all but the group realistic.")
@click.option("--fresh", is_flag=True, help="Measure again what is finished.")
@click.option("--report-only", is_flag=True, help="Measure nothing; write figures and page again.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of every random number.")
@common
def command(select: str | None, as_json: bool, quiet: bool, **options: Any) -> int:
    """Measure the claims of the paper and write claims.json, two pages, figures, data and networks.

    report.html is to be read; explorer.html is to be looked at.

    Run it again to continue: claims that are finished are kept. The exit code is 1 when a claim fails.
    """
    if options["report_only"]:
        _refuse_choices()
    from ..claims import unsettled
    from ..report import reproduce

    names = None if select is None else [name.strip() for name in select.split(",") if name.strip()]
    with writes_into(Path(options["out"])):
        document = reproduce(select=names, progress=progress(quiet=quiet), **options)
    page = write_page_beside(Path(options["out"]))
    text = _text(document, options["out"], page)
    emit(document | {"page": page}, text, as_json=as_json, quiet=quiet)
    return 1 if unsettled(document) else 0


def _refuse_choices() -> None:
    """Raises if anything is chosen that a report of what was measured before cannot follow."""
    from .._errors import InvalidInput, Shown

    context = click.get_current_context()
    for name, option in {"select": "--claims", "scale": "--scale", "fresh": "--fresh", "seed": "--seed"}.items():
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise InvalidInput(
                "report_only", Shown(f"{option} beside it"), "without options that choose what to measure"
            )


def _text(document: dict[str, Any], out: str, page: str | None) -> str:
    width = max((len(claim["id"]) for claim in document["claims"]), default=0)
    lines = []
    for claim in document["claims"]:
        found = claim["error"] or f"{claim['measured']}; {claim['reason']}"
        lines.append(f"{claim['id']:{width}}  {claim['verdict']:12}  {claim['seconds']:6.1f} s  {found}")
    lines.append(f"{len(lines)} claims in {document['seconds']:.0f} s: {out}/report.html")
    return "\n".join([*lines, *([f"to look at: {out}/{page}"] if page else [])])
