"""The page of the explorer: one file that needs no network, with what it shows, what draws it, and Plotly, in it."""

import importlib.resources
import importlib.util
import re
from pathlib import Path
from typing import Any

import msgspec

from .._atomic import read_file, write_file
from .._errors import InvalidInput, MissingExtra, Shown
from ._folders import payload_of
from ._payload import Payload

NAME = "explorer.html"
MOST_BYTES = 10_000_000

_LAST = "main.js"
# what may not stand in a script that is part of a page, and what it is written as instead
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def build_explorer(folder: Any) -> str:
    """The page of a folder as HTML: at most 10 MB, and nothing is asked of any network.

    Strings from files are data to the page: they stand in it as JSON in which no character can end a script, and are
    put on it as text.

    Args:
        folder: One that `reproduce`, `sweep`, `train`, `phase-diagram` or `inspect` wrote.

    Raises:
        InvalidInput: If it is none of these, or a file of it is damaged.
        MissingExtra: If jinja2, plotly, xarray or h5netcdf is not installed.
    """
    plotly = _plotly_script()
    return page_of(payload_of(folder), plotly)


def write_explorer(folder: Any) -> Path:
    """Writes FOLDER/explorer.html and returns its path."""
    path = Path(folder) / NAME
    write_file(path, build_explorer(folder).encode("utf-8"))
    return path


def page_of(payload: Payload, plotly: str | None = None) -> str:
    """The page of a payload.

    Args:
        payload: What it shows.
        plotly: The script that draws the two large charts; that of the installed package if None.

    Raises:
        InvalidInput: If the page would be larger than 10 MB.
        MissingExtra: If jinja2 or plotly is not installed.
    """
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("jinja2", "report") from None
    files = importlib.resources.files("spiralsink.explorer").joinpath("page")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(files.joinpath("page.html.j2").read_text(encoding="utf-8"))
    scripts = sorted((each for each in files.iterdir() if each.name.endswith(".js")), key=_order)
    page = template.render(
        version=payload.version,
        title=payload.title,
        about=payload.about,
        stylesheet=files.joinpath("page.css").read_text(encoding="utf-8"),
        payload_json=escaped_json(payload),
        scripts=_in_page("\n".join(each.read_text(encoding="utf-8") for each in scripts)),
        plotly_js=_in_page(_plotly_script() if plotly is None else plotly),
    )
    size = len(page.encode("utf-8"))
    if size > MOST_BYTES:
        raise InvalidInput("the page", Shown(f"{size / 1e6:.1f} MB"), f"at most {MOST_BYTES // 10**6} MB")
    return page


def escaped_json(payload: Payload) -> str:
    """The payload as JSON that can stand in a script element: no "<", ">", "&" or line separator is left in it."""
    text = msgspec.json.encode(payload).decode()
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


def _order(script: Any) -> tuple[bool, str]:
    return script.name == _LAST, script.name


def _in_page(script: str) -> str:
    """A script in which nothing ends the element that it stands in, and which means the same.

    "<!--" before a name is a comparison, which a space does not change; before anything else it stands in a string.
    """
    script = re.sub(r"<(?=/script)", r"<\\", script, flags=re.IGNORECASE)
    return re.sub(r"<!--(?=[\w$(\[])", "<! --", script).replace("<!--", "<\\!--")


def _plotly_script() -> str:
    """The minified script of the installed plotly, which is found without importing it."""
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise MissingExtra("plotly", "report")
    return read_file(Path(spec.origin).parent / "package_data" / "plotly.min.js").decode("utf-8")
