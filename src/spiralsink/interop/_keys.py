"""Which recurrent layers a table of arrays holds, by the names of its arrays."""

import dataclasses
import re
from typing import Any

from .._conventions import CONVENTIONS
from .._errors import InvalidInput, Shown, check_choice, shorten
from ._tensors import Tensors

KINDS = CONVENTIONS["kind"].choices

_CELLS = re.compile(r"^(.*?)weight_ih(_l\d+)?(_reverse)?$")
# one name that gives a diagonal layer away, and the others that it needs beside it
_DIAGONAL = {
    "lru": ("nu_log", ("theta_log",)),
    "s4d": ("log_dt", ("log_A_real", "A_imag")),
    "s5": ("log_step", ("Lambda", "Lambda_re")),
}
_KNOWN = (
    "weight_ih_l0 and weight_hh_l0 (torch), weight_ih and weight_hh (a cell), nu_log and theta_log (LRU), "
    "log_dt and log_A_real (S4D), or Lambda and log_step (S5)"
)
_SHOWN = 6


@dataclasses.dataclass(frozen=True)
class Found:
    """A recurrent layer in a table: its kind and what stands before its names.

    Attributes:
        kind: One of `KINDS`.
        prefix: Such as "rnn." or "".
        numbered: Whether its names end in the number of the layer, as in `weight_ih_l0`.
    """

    kind: str
    prefix: str
    numbered: bool = False


def find(tensors: Tensors, *, kind: Any = None, prefix: Any = None) -> Found:
    """The one recurrent layer of a table.

    Args:
        tensors: The table.
        kind: One of `KINDS`, or None for any.
        prefix: What its names begin with, or the last part of that; None where there is one only.

    Raises:
        InvalidInput: If there is none, or there are several: lists what stands before their names.
    """
    if kind is not None:
        check_choice("kind", kind, KINDS)
    found = _all(tensors)
    if not found:
        names = ", ".join(list(tensors.arrays)[:_SHOWN])
        shown = shorten(Shown(names + (", ..." if len(tensors.arrays) > _SHOWN else "")), 160).strip("'") or "no arrays"
        raise tensors.error("names", shown, f"those of a recurrent layer: {_KNOWN}", "for another one: step_model")
    fitting = [each for each in found if kind in (None, each.kind)]
    if not fitting:
        raise InvalidInput("kind", kind, "one that is there: " + ", ".join(dict.fromkeys(each.kind for each in found)))
    if prefix is not None:
        fitting = [each for each in fitting if _is(each.prefix, prefix)]
        if not fitting:
            raise InvalidInput("prefix", prefix, "one of " + _listed(found))
    if len(fitting) > 1:
        hint = "several recurrent layers are there"
        raise InvalidInput(f"{tensors.where}prefix", Shown("nothing"), "one of " + _listed(fitting), hint=hint)
    return fitting[0]


def _is(prefix: str, given: Any) -> bool:
    given = str(given).rstrip("./")
    own = prefix.rstrip("./")
    return own == given or (given != "" and own.endswith("." + given))


def _listed(found: list[Found]) -> str:
    return ", ".join(f"'{each.prefix.rstrip('./')}' ({each.kind})" for each in found)


def _all(tensors: Tensors) -> list[Found]:
    found: dict[tuple[str, Any], Found] = {}
    for name in tensors.arrays:
        if match := _CELLS.match(name):
            prefix, numbered = match[1], match[2] is not None
            if (prefix, numbered) not in found and (kind := _cell_kind(tensors, name)) is not None:
                found[prefix, numbered] = Found(kind, prefix, numbered)
    for kind, (own, others) in _DIAGONAL.items():
        for name in tensors.arrays:
            prefix = name[: -len(own)]
            beside = [prefix + other in tensors for other in others]
            if name.endswith(own) and (any(beside) if kind == "s5" else all(beside)):
                found[prefix, kind] = Found(kind, prefix)
    return list(found.values())


def _cell_kind(tensors: Tensors, name: str) -> str | None:
    """The kind by the number of gates: rows of the input weights over rows of one gate."""
    recurrent = name.replace("weight_ih", "weight_hh")
    if recurrent not in tensors:
        raise tensors.error(recurrent, "nothing", "present", f"{name} is there")
    for each in (name, recurrent):
        if tensors.arrays[each].ndim != 2 or 0 in tensors.arrays[each].shape:
            raise tensors.error(each, f"shape {tensors.arrays[each].shape}", "a matrix (gates * hidden, inputs)")
    rows, columns = len(tensors.arrays[name]), tensors.arrays[recurrent].shape[1]
    if name.replace("weight_ih", "weight_hr") in tensors:
        return "lstm"  # with a projection the columns are those of the projected state
    kind = {1: "rnn", 3: "gru", 4: "lstm"}.get(rows // columns if rows % columns == 0 else 0)
    if kind is None:
        hint = f"{recurrent} has {columns} columns; for another kind of cell: step_model"
        raise tensors.error(name, f"{rows} rows", "1, 3 or 4 times the hidden size in rows (RNN, GRU, LSTM)", hint)
    return kind
