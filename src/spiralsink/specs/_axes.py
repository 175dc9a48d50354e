"""The axes of a sweep: read from their tables and crossed into points."""

import copy
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from .._errors import InvalidInput, Shown, nearest
from .._tables import check_names, check_plain, check_table, join, missing, read_table
from ._defaults import default_table
from ._schema import BLOCK_SIZE, Axis, BlockSize, Count, SweepSpec

_WAYS = ("values", "linear", "log")
_FIXED = ("format", "sweep", "training.seed", "training.n_seeds")
_MOST_POINTS = 1_000_000

Number = Annotated[float, Meta(description="a number")]
Positive = Annotated[float, Meta(gt=0, description="a number > 0")]


class _Linear(msgspec.Struct, frozen=True):
    start: Number
    stop: Number
    num: Count


class _Log(msgspec.Struct, frozen=True):
    start: Positive
    stop: Positive
    num: Count


class _Sweep(msgspec.Struct, frozen=True):
    block_size: BlockSize = BLOCK_SIZE
    axes: Annotated[list, Meta(description="a list of tables")] = []


def read_sweep(table: Any) -> SweepSpec:
    """Reads `[sweep]`.

    Raises:
        InvalidInput: If an axis is malformed, empty, or varies a field that another one varies.
    """
    read = read_table(_Sweep, table, "sweep")
    axes = tuple(_read_axis(axis, f"sweep.axes[{index}]") for index, axis in enumerate(read.axes))
    fields, names = [], []
    for index, axis in enumerate(axes):
        for field, name in zip(axis.fields, axis.names, strict=True):
            if field in fields or name in names:
                hint = "" if field in fields else "coordinates are named by the last part of the field"
                raise InvalidInput(f"sweep.axes[{index}]", field, "a field that no other axis varies", hint=hint)
            fields.append(field)
            names.append(name)
    n_points = math.prod(len(axis.values) for axis in axes)
    if n_points > _MOST_POINTS:
        raise InvalidInput("sweep.axes", Shown(f"{n_points} points"), f"at most {_MOST_POINTS} points")
    return SweepSpec(block_size=read.block_size, axes=axes)


def points(table: Mapping[str, Any], sweep: SweepSpec) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Coordinates and tables of every point; the first axis varies slowest."""
    base = {name: value for name, value in table.items() if name != "sweep"}
    for rows in itertools.product(*(axis.values for axis in sweep.axes)):
        coordinates, changed = {}, copy.deepcopy(base)
        for axis, row in zip(sweep.axes, rows, strict=True):
            for field, value in zip(axis.fields, row, strict=True):
                coordinates[field] = value
                _assign(changed, field, value)
        yield coordinates, changed


def _assign(table: dict[str, Any], field: str, value: Any) -> None:
    names = field.split(".")
    inner = table
    for depth, name in enumerate(names[:-1]):
        default = None if isinstance(inner.get(name), dict) else default_table(names[: depth + 1], inner)
        if default is not None:
            if name in inner:
                check_table(inner[name], ".".join(names[: depth + 1]))
            # of another kind, the fields of the default have no meaning
            inner[name] = {} if names[depth + 1 :] == ["kind"] else default
        if not isinstance(inner.get(name), dict):
            close = nearest(field, _leaves(table))
            hint = f"did you mean {close}?" if close else ""
            raise InvalidInput("sweep.axes.field", field, "a field of this spec", hint=hint)
        inner = inner[name]
    inner[names[-1]] = value


def _leaves(table: Mapping[str, Any], where: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, join(where, name))
        else:
            yield join(where, name)


def _read_axis(table: Any, where: str) -> Axis:
    table = check_table(table, where)
    check_names(table, ["field", "fields", *_WAYS], where)
    fields = _read_fields(table, where)
    given = [way for way in _WAYS if way in table]
    if len(given) != 1:
        raise InvalidInput(
            where, Shown(" and ".join(given) or "none of them"), "a field with one of values, linear, log"
        )
    way = given[0]
    if way == "values":
        rows = _read_rows(table, fields, join(where, way))
    elif "fields" in table:
        raise InvalidInput(join(where, way), table[way], "replaced by values, one list for each step of the axis")
    else:
        rows = _spaced(way, table[way], join(where, way))
    _check_different(rows, join(where, way))
    return Axis(fields, rows)


def _check_different(rows: tuple[tuple[Any, ...], ...], where: str) -> None:
    # by their hashes where they have one, because an axis may have a million of them
    seen: set[Any] = set()
    others: list[Any] = []
    for row in rows:
        try:
            before = row in seen
            seen.add(row)
        except TypeError:
            before = row in others
            others.append(row)
        if before:
            raise InvalidInput(where, list(row), "different values")


def _read_fields(table: Mapping[str, Any], where: str) -> tuple[str, ...]:
    if ("field" in table) == ("fields" in table):
        if "field" not in table:
            raise missing(join(where, "field"))
        raise InvalidInput(where, Shown("both field and fields"), "given one of field and fields")
    name = "field" if "field" in table else "fields"
    fields = [table["field"]] if name == "field" else table["fields"]
    if not isinstance(fields, list) or not fields or not all(isinstance(each, str) and each for each in fields):
        raise InvalidInput(join(where, name), table[name], "a dotted name such as process.p, or a list of them")
    for field in fields:
        if any(field == fixed or field.startswith(f"{fixed}.") for fixed in _FIXED) or "." not in field:
            hint = "training.n_seeds says how many seeds there are" if field in _FIXED[2:] else ""
            raise InvalidInput(
                join(where, name),
                field,
                "a field of [task], [process], [network] or [training] that can vary",
                hint=hint,
            )
    if len(set(fields)) != len(fields):
        raise InvalidInput(join(where, name), fields, "different fields")
    return tuple(fields)


def _read_rows(table: Mapping[str, Any], fields: tuple[str, ...], where: str) -> tuple[tuple[Any, ...], ...]:
    values = table["values"]
    check_plain(values, where)
    if not isinstance(values, list) or not values:
        raise InvalidInput(where, values, "a list with at least one value")
    if "field" in table:
        return tuple((value,) for value in values)
    for index, row in enumerate(values):
        if not isinstance(row, list) or len(row) != len(fields):
            raise InvalidInput(f"{where}[{index}]", row, f"a list of {len(fields)} values, one for each field")
    return tuple(tuple(row) for row in values)


def _spaced(way: str, table: Any, where: str) -> tuple[tuple[Any, ...], ...]:
    check_table(table, where)
    read = read_table(_Log if way == "log" else _Linear, table, where)
    if read.num > _MOST_POINTS:
        raise InvalidInput(join(where, "num"), read.num, f"at most {_MOST_POINTS}")
    space = np.geomspace if way == "log" else np.linspace
    with np.errstate(over="ignore", invalid="ignore"):
        values = space(read.start, read.stop, read.num)
    if not np.isfinite(values).all():
        raise InvalidInput(where, dict(table), "an axis of finite numbers")
    whole = np.rint(values)
    if (
        isinstance(table["start"], int)
        and isinstance(table["stop"], int)
        and np.allclose(values, whole, rtol=1e-12, atol=0)
    ):
        return tuple((int(value),) for value in whole)
    # the ends as given; 12 digits in between, so that one spec has the same points with every mathematical library
    inner = [float(f"{value:.12g}") for value in values[1:-1]]
    return tuple((value,) for value in [read.start, *inner, read.stop][: read.num])
