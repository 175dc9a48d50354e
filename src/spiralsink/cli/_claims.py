"""`spiralsink claims`: what `reproduce` would measure."""

from typing import Any

import click

from ._command import Command, OneOf, common, emit


@click.command(cls=Command, example="spiralsink claims --json")
@click.option(
    "--scale", type=OneOf(["quick", "full"]), default="quick", show_default=True, help="Settings of that scale."
)
@common
def command(scale: str, as_json: bool, quiet: bool) -> None:
    """List the claims: ids, statements, settings and bars, without running anything."""
    from ..claims import catalogue

    listed = catalogue(scale)
    emit(listed, _text(listed), as_json=as_json, quiet=quiet)


def _text(listed: dict[str, Any]) -> str:
    lines = []
    for claim in listed["claims"]:
        settings = ", ".join(f"{name} {value}" for name, value in claim["settings"].items())
        when = ", when named" if claim["on_request"] else ""
        lines.append(f"{claim['id']} ({claim['group']}{when}): {claim['statement']}")
        lines += [f"    holds when {bar['about']} {bar['op']} {bar['value']:g}" for bar in claim["bars"]]
        lines.append(f"    settings ({listed['scale']}): {settings}")
    return "\n".join(lines)
