"""Writes the table of claims into README.md, between its two markers: `readme_table.py results/claims.json`.

With `--conditions`, a row for every bar with its interval, in place of a row for every claim.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- claims: begin -->", "<!-- claims: end -->"


def table(run: dict[str, Any]) -> str:
    """The claims of a run as a Markdown table, with what it took to measure them.

    Args:
        run: Content of claims.json.
    """
    rows = ["| claim | statement | holds when | measured | verdict |", "|---|---|---|---|---|"]
    for claim in run["claims"]:
        cells = (f"`{claim['id']}`", claim["statement"], claim["expected"], claim["measured"], claim["verdict"])
        rows.append("| " + " | ".join(_cell(each) for each in cells) + " |")
    return "\n".join([*rows, "", _note(run)])


def table_of_conditions(run: dict[str, Any]) -> str:
    """Every bar of a run with its measured value as a Markdown table, with what it took to measure them.

    Args:
        run: Content of claims.json.
    """
    rows = ["| claim | bar | measured | 95 % interval | required | |", "|---|---|---|---|---|---|"]
    for claim in run["claims"]:
        for place, each in enumerate(claim["conditions"]):
            name = f"`{claim['id']}`: {claim['verdict']}" if place == 0 else ""
            ends = " to ".join("none" if end is None else f"{end:.2f}" for end in each["interval"] or ())
            value = "none" if each["value"] is None else f"{each['value']:.2f}"
            bar = f"{each['bar']['op']} {each['bar']['value']:g}"
            rows.append(
                "| " + " | ".join(_cell(x) for x in (name, each["about"], value, ends, bar, each["verdict"])) + " |"
            )
    return "\n".join([*rows, "", _note(run)])


def _note(run: dict[str, Any]) -> str:
    took = f"{run['seconds'] / 60:.1f} minutes" if run["seconds"] >= 90 else f"{run['seconds']:.0f} seconds"
    return f"spiralsink {run['version']}, `--scale {run['scale']}`, seed {run['seed']}, {took}."


def replace_between(text: str, content: str) -> str:
    """The text with what stands between the markers replaced by the content.

    Args:
        text: Holds each marker once, `BEGIN` before `END`.
        content: What goes between them, without surrounding line breaks.

    Raises:
        ValueError: If a marker is missing, repeated or out of order.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise ValueError(f"the text needs one {BEGIN} before one {END}")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    return f"{before}\n{content}\n{after}"


def _cell(value: Any) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def main(arguments: list[str] | None = None) -> int:
    """Rewrites the file and returns the exit code."""
    parser = argparse.ArgumentParser(description="Writes the table of claims into README.md.")
    parser.add_argument("run", type=Path, help="claims.json of a run")
    parser.add_argument("--readme", type=Path, default=Path(__file__).parents[1] / "README.md")
    parser.add_argument("--conditions", action="store_true", help="a row for every bar")
    paths = parser.parse_args(arguments)
    run = json.loads(paths.run.read_text(encoding="utf-8"))
    content = table_of_conditions(run) if paths.conditions else table(run)
    text = paths.readme.read_text(encoding="utf-8")
    paths.readme.write_text(replace_between(text, content), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
