"""Reading specs: TOML text or a file in, a checked `Spec` out."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from .._atomic import read_file
from .._errors import InvalidInput, Shown
from .._tables import check_names, check_plain, check_table, missing, read_table
from .._tensors import check_format
from ._axes import points, read_sweep
from ._resolve import normalise
from ._schema import FORMAT, NetworkSpec, Point, Spec, SweepSpec, TrainingSpec

_SECTIONS = ("task", "process", "network", "training")
_MOST_BLOCKS = 1_000_000
_DEEP_NAME = re.compile(r"""(?<![\w"'.-])(?:[\w"'-]+[ \t]*\.[ \t]*){100}""")


def read(path: Path | str) -> Spec:
    """Reads a spec file.

    Args:
        path: A TOML file.

    Raises:
        InvalidInput: If it cannot be read, is not TOML, or a field is unknown, missing or has a value that cannot be
            used; one line that names the dotted field.
    """
    try:
        text = read_file(Path(path)).decode()
    except UnicodeDecodeError:
        raise InvalidInput(str(path), Shown("bytes that are not UTF-8"), "a TOML file") from None
    return parse(text, name=str(path))


def parse(text: str, *, name: str = "spec") -> Spec:
    """Reads a spec from TOML text.

    Args:
        text: The text.
        name: What to call it in errors that concern it as a whole.

    Raises:
        InvalidInput: As `read`.
    """
    try:
        # tomllib takes hours over a name of a hundred thousand parts
        if _DEEP_NAME.search(text):
            raise RecursionError
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(name, Shown(" ".join(str(error).split())), "a TOML file") from None
    except RecursionError:
        raise InvalidInput(name, Shown("tables in tables without end"), "a TOML file") from None
    return parse_table(table, source=text)


def parse_table(table: Any, *, source: str = "") -> Spec:
    """Reads a spec from tables, such as those of `Spec.to_dict`.

    Args:
        table: A dictionary with the sections of a spec file.
        source: The text that it was read from, which a store keeps; "" for none.

    Raises:
        InvalidInput: As `read`.
    """
    table = check_table(table, "spec")
    check_names(table, ["format", *_SECTIONS, "sweep"], "")
    check_format(table, FORMAT)
    sweep = read_sweep(table["sweep"]) if "sweep" in table else None
    for section in _SECTIONS:
        if section not in table:
            raise missing(section)
        check_table(table[section], section)
    found = tuple(_read_point(coordinates, each) for coordinates, each in points(table, sweep or SweepSpec()))
    first = found[0].spec
    _check_different(found)
    _check_blocks(len(found), first.training.n_seeds, (sweep or SweepSpec()).block_size)
    return msgspec.structs.replace(first, sweep=sweep, points=found, source=source)


def _check_different(points: tuple[Point, ...]) -> None:
    """Values that are written differently can be read as the same."""
    seen: set[bytes] = set()
    for point in points:
        coordinates = msgspec.json.encode(point.coordinates)
        if coordinates in seen:
            raise InvalidInput("sweep.axes", point.coordinates, "different values")
        seen.add(coordinates)


def _check_blocks(n_points: int, n_seeds: int, block_size: int) -> None:
    per_point = _MOST_BLOCKS // n_points
    if n_seeds > per_point * block_size:
        least = f"at least {-(-n_seeds // per_point)}, for at most {_MOST_BLOCKS} blocks"
        raise InvalidInput("sweep.block_size", block_size, least)


def _read_point(coordinates: dict[str, Any], table: dict[str, Any]) -> Point:
    for section in _SECTIONS:
        check_plain(table[section], section)
    spec = normalise(
        Spec(
            task=dict(table["task"]),
            process=dict(table["process"]),
            network=read_table(NetworkSpec, table["network"], "network"),
            training=read_table(TrainingSpec, table["training"], "training"),
        )
    )
    # coordinates as the classes read them, so that 1 and 1.0 are one point
    return Point({field: _lookup(spec.to_dict(), field) for field in coordinates}, spec)


def _lookup(table: Any, field: str) -> Any:
    for name in field.split("."):
        table = table[name]
    return table
