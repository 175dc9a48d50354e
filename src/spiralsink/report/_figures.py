"""The figures of a run as data addresses that a page carries with it, drawings where they are small enough."""

import base64
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

LARGEST_DRAWING = 700_000
LARGEST_PAGE = 9_000_000
_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
_KEPT = " !$&'()*+,-./:;=?@[]_~"  # of what a drawing holds, what an address may hold as it is


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure on the page.

    Attributes:
        address: The picture as a data address.
        kind: "SVG" or "PNG".
        files: Its files, relative to the folder of the run, by kind.
    """

    address: str
    kind: str
    files: Mapping[str, str]


def embed_figures(entries: Sequence[Mapping[str, Any]], folder: Path) -> list[Figure | None]:
    """The figure of every entry of claims.json, None where it has none.

    A drawing of more than `LARGEST_DRAWING` bytes is shown by its raster image; so are the largest of the others,
    until all of them together stay below `LARGEST_PAGE`.

    Args:
        entries: The claims of the document.
        folder: The folder of the run; pictures elsewhere are not shown.
    """
    files = [_files(folder, each.get("figure")) for each in entries]
    chosen = [_first_choice(each) for each in files]
    sizes = [len(_address(each[kind])) if kind else 0 for each, kind in zip(files, chosen, strict=True)]
    for index in sorted(range(len(files)), key=lambda each: sizes[each], reverse=True):
        if sum(sizes) <= LARGEST_PAGE:
            break
        if chosen[index] == ".svg" and ".png" in files[index]:
            raster = len(_address(files[index][".png"]))
            if raster < sizes[index]:
                chosen[index], sizes[index] = ".png", raster
    return [
        Figure(
            _address(each[kind]),
            kind[1:].upper(),
            {suffix[1:].upper(): quote(path.relative_to(folder).as_posix()) for suffix, path in each.items()},
        )
        if kind
        else None
        for each, kind in zip(files, chosen, strict=True)
    ]


def _files(folder: Path, figure: Any) -> dict[str, Path]:
    """The picture files of a figure, by suffix. claims.json may come from anywhere: only those of its own folder."""
    if not figure:
        return {}
    found = {suffix: (folder / str(figure)).with_suffix(suffix) for suffix in _TYPES}
    return {
        suffix: path
        for suffix, path in found.items()
        if path.is_file() and path.resolve().is_relative_to(folder.resolve()) and path.is_relative_to(folder)
    }


def _first_choice(files: Mapping[str, Path]) -> str:
    if ".svg" in files and (".png" not in files or files[".svg"].stat().st_size <= LARGEST_DRAWING):
        return ".svg"
    return ".png" if ".png" in files else ""


def _address(path: Path) -> str:
    if path.suffix == ".svg":
        # a fifth shorter than base64
        return f"data:{_TYPES['.svg']},{quote(b' '.join(path.read_bytes().split()), safe=_KEPT)}"
    return f"data:{_TYPES['.png']};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
