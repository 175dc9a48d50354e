"""Objects as tables: `{kind = "delay", delay = 4}` is `Delay(4)`. One table of kinds for specs and files.

A kind is the name of a public class in snake case, without the word that its family adds (`SparseProcess` is "sparse",
`SampledLoss` is "sampled"); its fields are the arguments of the class, and what the class checks is checked here too.
"""

import functools
import importlib
import inspect
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from ._errors import InvalidInput, NotCovered, Shown, check_choice
from ._tables import check_names, check_plain, check_table, join, missing, read_value

# the one table of kinds: family -> kind -> class
KINDS = {
    "task": {
        "delay": "tasks.Delay",
        "delays": "tasks.Delays",
        "delayed_sum": "tasks.DelayedSum",
        "moving_average": "tasks.MovingAverage",
        "leaky_integration": "tasks.LeakyIntegration",
        "permutation": "tasks.Permutation",
        "mixing": "tasks.Mixing",
    },
    "process": {"sparse": "processes.SparseProcess"},
    "amplitude": {
        "uniform": "processes.Uniform",
        "exponential": "processes.Exponential",
        "half_normal": "processes.HalfNormal",
        "constant": "processes.Constant",
    },
    "init": {
        "normal": "networks.Normal",
        "orthogonal": "networks.Orthogonal",
        "spiral": "networks.Spiral",
        "clock": "networks.Clock",
    },
    "objective": {
        "expected": "training.ExpectedLoss",
        "sampled": "training.SampledLoss",
        "penalised": "training.Penalised",
    },
    "penalty": {"length": "training.LengthPenalty"},
    "optimizer": {
        "adam": "training.Adam",
        "bfgs": "training.BFGS",
        "levenberg_marquardt": "training.LevenbergMarquardt",
    },
}


_READ_AS: dict[Any, Any] = {
    **{kind: kind for kind in (bool, int, float, str)},
    Sequence[int]: Annotated[list[int], Meta(description="a list of whole numbers")],
    Sequence[float]: Annotated[list[float], Meta(description="a list of numbers")],
}


@functools.cache
def kind_class(family: str, kind: str) -> type:
    """The class of a kind."""
    module, name = KINDS[family][kind].rsplit(".", 1)
    return getattr(importlib.import_module(f".{module}", __package__), name)


def build(family: str, table: Any, where: str) -> Any:
    """The object that a table stands for.

    Args:
        family: A key of `KINDS`.
        table: A mapping with `kind` and the arguments of its class; those left out keep their defaults.
        where: Dotted name of the table, for errors.

    Raises:
        InvalidInput: If the kind or a field is unknown (names the nearest), a field is missing, or the class refuses
            its value.
    """
    table = check_table(table, where)
    if "kind" not in table:
        raise missing(join(where, "kind"))
    check_choice(join(where, "kind"), table["kind"], KINDS[family])
    cls = kind_class(family, table["kind"])
    parameters = _parameters(cls)
    check_names(table, ["kind", *parameters], where)
    arguments = {}
    for name, parameter in parameters.items():
        if name in table:
            arguments[name] = _read_argument(name, parameter, table[name], join(where, name))
        elif parameter.default is inspect.Parameter.empty:
            raise missing(join(where, name))
    try:
        return cls(**arguments)
    except InvalidInput as error:
        raise _renamed(error, family, where) from None
    except (TypeError, ValueError, OverflowError) as error:
        hint = _one_line(str(error))
        raise InvalidInput(where, dict(table), f"what {cls.__name__} accepts", hint=hint) from None


def describe(family: str, item: Any, *, field: str | None = None) -> dict[str, Any]:
    """The table of an object, with every argument of its class that a file can hold; the inverse of `build`.

    Raises:
        NotCovered: If the object is of a class that no kind names.
    """
    for kind in KINDS[family]:
        if type(item) is kind_class(family, kind):
            break
    else:
        allowed = f"of a kind that a file can name ({', '.join(KINDS[family])})"
        raise NotCovered(field or family, Shown(type(item).__name__), allowed)
    table: dict[str, Any] = {"kind": kind}
    for name, parameter in _parameters(type(item)).items():
        value = getattr(item, name)
        if name in KINDS:
            table[name] = (
                [describe(name, each) for each in value] if isinstance(value, tuple) else describe(name, value)
            )
        elif _is_plain(value):
            table[name] = float(value) if parameter.annotation is float else _plain(value)
        elif value != parameter.default:
            raise NotCovered(name, value, "a value that a file can hold")
    return table


@functools.cache
def _parameters(cls: type) -> Mapping[str, inspect.Parameter]:
    return MappingProxyType(dict(inspect.signature(cls, eval_str=True).parameters))


def _read_argument(name: str, parameter: inspect.Parameter, value: Any, where: str) -> Any:
    check_plain(value, where)
    if name in KINDS:
        if isinstance(value, list):
            return tuple(build(name, each, f"{where}[{index}]") for index, each in enumerate(value))
        return build(name, value, where)
    if parameter.annotation in _READ_AS:
        return read_value(_READ_AS[parameter.annotation], value, where)
    if isinstance(value, Mapping):
        raise InvalidInput(where, dict(value), "a number, a string or a list")
    return value


def _renamed(error: InvalidInput, family: str, where: str) -> InvalidInput:
    field = error.field.removeprefix(f"{family}.")
    return type(error)(join(where, field), error.value, error.allowed, hint=error.hint)


def _one_line(text: str, limit: int = 120) -> str:
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | list | tuple | np.ndarray | np.generic)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
