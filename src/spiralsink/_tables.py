"""Tables of a file (TOML, JSON) checked against msgspec structs, with errors that name the dotted field."""

import functools
import math
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar

import msgspec

from ._errors import InvalidInput, Shown, nearest, shorten

T = TypeVar("T", bound=msgspec.Struct)

_NOTHING = Shown("nothing")
_LARGEST = 2**53
_LONGEST_NAME = 60


def read_table(kind: type[T], table: Any, where: str = "") -> T:
    """Builds a struct from a table.

    Args:
        kind: A msgspec struct. The description in the `Meta` of a field says, after "must be", what it takes.
        table: What was read from the file.
        where: Dotted name of the table; "" for the whole file.

    Raises:
        InvalidInput: If a field is unknown (names the nearest), missing, or of the wrong type or range.
    """
    table = check_table(table, where)
    fields = _fields(kind)
    check_names(table, fields, where)
    values = {}
    for name, field in fields.items():
        if name in table:
            values[field.name] = read_value(field.type, table[name], join(where, name))
        elif field.required:
            raise missing(join(where, name))
    return kind(**values)


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> Mapping[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def read_value(kind: Any, value: Any, where: str) -> Any:
    """Converts one value to a type, without turning numbers into text or truth into numbers."""
    check_plain(value, where)
    try:
        return msgspec.convert(value, kind)
    except (msgspec.ValidationError, OverflowError):
        raise InvalidInput(where, value, describe(kind), hint=_suggestion(kind, value)) from None


def describe(kind: Any) -> str:
    """What a type takes, in words that follow "must be"."""
    if typing.get_origin(kind) is typing.Annotated:
        notes = [note.description for note in kind.__metadata__ if isinstance(note, msgspec.Meta) and note.description]
        return notes[-1] if notes else describe(kind.__origin__)
    if typing.get_origin(kind) is Literal:
        return "one of " + ", ".join(map(str, typing.get_args(kind)))
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a string", dict: "a table"}
    return words.get(typing.get_origin(kind) or kind, "of another type")


def check_table(table: Any, where: str) -> Mapping[str, Any]:
    """Returns the value if it is a table."""
    if not isinstance(table, Mapping):
        raise InvalidInput(where or "the file", table, "a table")
    return table


def check_names(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Raises if the table has a field that is not known; names the nearest."""
    known = list(known)
    for name in table:
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean {close}?" if close else ""
            raise InvalidInput(join(where, name), Shown("an unknown field"), "one of " + ", ".join(known), hint=hint)


def check_plain(value: Any, where: str) -> None:
    """Raises unless a value is made of finite numbers, text, truth values, lists and tables."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            check_plain(each, join(where, str(name)))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            check_plain(each, f"{where}[{index}]")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput(where, Shown(value), "finite")
    elif isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > _LARGEST:
            raise InvalidInput(where, value, f"at most {_LARGEST} in size")
    elif value is not None and not isinstance(value, str | bool):
        raise InvalidInput(where, Shown(value), "a number, a string, true or false, a list or a table")


def missing(where: str) -> InvalidInput:
    """The error of a field that has to be there and is not."""
    return InvalidInput(where, _NOTHING, "given")


def join(where: str, name: str) -> str:
    """The dotted name of a field; odd names are quoted, so that the message stays on one line."""
    plain = name.replace("-", "_").isidentifier() and len(name) <= _LONGEST_NAME
    name = name if plain else shorten(name)
    return f"{where}.{name}" if where else name


def _suggestion(kind: Any, value: Any) -> str:
    close = nearest(value, map(str, typing.get_args(kind))) if isinstance(value, str) else None
    return f"did you mean {close}?" if close and typing.get_origin(kind) is Literal else ""
