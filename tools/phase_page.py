"""Writes docs/phase-diagram.md from tools/phase_page.md.j2 and the numbers that phase_figures.py computed."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import jinja2

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "tools" / "phase_page.md.j2"
NUMBERS = ROOT / "docs" / "_static" / "phase" / "numbers.json"
PAGE = ROOT / "docs" / "phase-diagram.md"


def page(template: str, numbers: dict[str, Any]) -> str:
    """The page with every number in its place.

    Args:
        template: Text with `<< ... >>` for values and `<% ... %>` for loops, which leave formulas alone.
        numbers: Content of numbers.json.

    Raises:
        jinja2.UndefinedError: If the template asks for a number that is not there.
    """
    environment = jinja2.Environment(
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"fixed": _fixed, "signed": _signed, "percent": lambda value: f"{value:.0%}"}
    return environment.from_string(template).render(numbers)


def _fixed(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}".replace("-", "−")


def _signed(value: float, digits: int = 4) -> str:
    text = f"{value:+.{digits}f}"
    return text.replace("-", "−") if float(text) else text[1:]


def main(arguments: list[str] | None = None) -> int:
    """Writes the page and returns the exit code."""
    parser = argparse.ArgumentParser(description="Writes docs/phase-diagram.md.")
    parser.add_argument("--numbers", type=Path, default=NUMBERS)
    parser.add_argument("--page", type=Path, default=PAGE)
    paths = parser.parse_args(arguments)
    numbers = json.loads(paths.numbers.read_text(encoding="utf-8"))
    paths.page.write_text(page(TEMPLATE.read_text(encoding="utf-8"), numbers), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
