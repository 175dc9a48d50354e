"""The errors that spiralsink raises on purpose.

Each message is one line that names the field, the value that was given and what is allowed, so that the command
line can print it unchanged.
"""

import difflib
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np


class SpiralsinkError(Exception):
    """Base class of every error that spiralsink raises on purpose."""


class InvalidInput(SpiralsinkError, ValueError):
    """A value that cannot be used: says which field, what was given and what is allowed.

    Attributes:
        field: Name of the field, as the user spells it (`p`, `task.delay`).
        value: What was given, as it should be shown.
        allowed: What would have been accepted, in words that follow "must be".
    """

    def __init__(self, field: str, value: Any, allowed: str, *, hint: str = ""):
        self.field, self.value, self.allowed, self.hint = field, value, allowed, hint
        super().__init__(f"{field} {self.problem}")

    @property
    def problem(self) -> str:
        """The message without the field's name."""
        shown = self.value if isinstance(self.value, Shown) else shorten(self.value)
        return f"must be {self.allowed}, got {shown}" + (f" ({self.hint})" if self.hint else "")

    def within(self, prefix: str) -> "InvalidInput":
        """The same error with the field's name prefixed, as in `task.delay`."""
        return type(self)(f"{prefix}.{self.field}", self.value, self.allowed, hint=self.hint)


class NotCovered(InvalidInput):
    """A combination of valid values that a theory or a method does not cover."""


class TrainingFailed(SpiralsinkError, RuntimeError):
    """Raised by `fit(..., throw=True)` when a network of the stack diverged or died."""


class MissingExtra(SpiralsinkError, ImportError):
    """An optional package is not installed; the message is the command that installs it."""

    def __init__(self, package: str, extra: str):
        super().__init__(f"{package} is not installed: pip install 'spiralsink[{extra}]'")


class Shown(str):
    """A description of a value that is printed as it is, without quotes."""


def shorten(value: Any, limit: int = 60) -> str:
    """A one-line representation of a value, at most `limit` characters long."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, np.generic):
        value = value.item()
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def nearest(name: str, options: Iterable[str]) -> str | None:
    """The option spelt most like `name`, or None when nothing is close."""
    matches = difflib.get_close_matches(str(name), list(options), n=1, cutoff=0.5)
    return matches[0] if matches else None


def check_choice(field: str, value: Any, options: Iterable[str]) -> str:
    """Returns `value` if it is one of `options`; the error lists them and names the nearest."""
    options = list(options)
    if isinstance(value, str) and value in options:
        return value
    close = nearest(value, options) if isinstance(value, str) else None
    allowed = "one of " + ", ".join(options)
    raise InvalidInput(field, value, allowed, hint=f"did you mean {close}?" if close else "")


def check_count(field: str, value: Any, minimum: int = 1) -> int:
    """Returns `value` as an int if it is a whole number of at least `minimum`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)
    if not whole or value < minimum:
        raise InvalidInput(field, value, f"a whole number >= {minimum}")
    return int(value)


def check_number(field: str, value: Any, allowed: str, accept: Callable[[float], bool] = lambda _: True) -> None:
    """Raises unless `value` is a finite number that `accept` accepts; `allowed` says which those are."""
    real = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or not accept(float(value)):
        raise InvalidInput(field, value, allowed)


def check_kind(field: str, value: Any, kind: type | tuple[type, ...], allowed: str) -> None:
    """Raises unless `value` is an instance of `kind`; says what it is instead."""
    if not isinstance(value, kind):
        raise InvalidInput(field, Shown(type(value).__name__), allowed)


def check_finite(field: str, array: Any) -> None:
    """Raises if a concrete array holds NaN or infinite numbers; says where the first one is."""
    values = np.asarray(array)
    if values.dtype.kind not in "biufc":
        raise InvalidInput(field, Shown(f"dtype {values.dtype}"), "an array of numbers")
    bad = ~np.isfinite(values)
    if bad.any():
        index = tuple(int(i) for i in np.argwhere(bad)[0])
        at = f" at index {index}" if index else ""
        raise InvalidInput(field, Shown(f"{values[index]}{at}"), "finite")
