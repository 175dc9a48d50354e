"""Named arrays from anywhere, in one flat table, with errors that name the place and the field."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown, check_finite
from .._machine import total_bytes


@dataclasses.dataclass(frozen=True, eq=False)
class Tensors:
    """A flat table of arrays, and where it comes from.

    Attributes:
        arrays: Name to array; tables inside tables have dotted names.
        where: Stands before the name of a field in an error: "file.pt: ", or "".
        others: What has a name and is no array of numbers, in words.
    """

    arrays: Mapping[str, np.ndarray]
    where: str = ""
    others: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def names(self, name: str) -> bool:
        """Whether anything has that name: an array, or something else that asking for the array will refuse."""
        return name in self.arrays or name in self.others

    def error(self, name: str, shown: str, allowed: str, hint: str = "") -> InvalidInput:
        return InvalidInput(self.where + name, Shown(shown), allowed, hint=hint)

    def real(self, name: str, shape: tuple[int | None, ...], words: str = "") -> np.ndarray:
        """The array of that name in float64.

        Args:
            name: Its name.
            shape: The shape it must have; None for any size.
            words: What the shape is, for the error.

        Raises:
            InvalidInput: If it is not there, not of the shape, not real, or not finite.
        """
        array = self._checked(name, shape, words)
        if array.dtype.kind == "c":
            raise self.error(name, f"complex numbers ({array.dtype})", "real")
        return array.astype(np.float64)

    def complex(self, name: str, shape: tuple[int | None, ...], words: str = "") -> np.ndarray:
        """The array of that name in complex128: complex, or real with a last axis of (real, imaginary) parts.

        Also two real arrays `name_re` and `name_im`, or `name_real` and `name_imag`.

        Raises:
            InvalidInput: As `real`.
        """
        for real, imaginary in (("_re", "_im"), ("_real", "_imag")):
            if name not in self and name + real in self and name + imaginary in self:
                return self.real(name + real, shape, words) + 1j * self.real(name + imaginary, shape, words)
        if name in self and self.arrays[name].dtype.kind != "c" and self.arrays[name].ndim == len(shape) + 1:
            pairs = self.real(name, (*shape, 2), words + " with a last axis of (real, imaginary)")
            return pairs[..., 0] + 1j * pairs[..., 1]
        return self._checked(name, shape, words).astype(np.complex128)

    def _checked(self, name: str, shape: tuple[int | None, ...], words: str) -> np.ndarray:
        if name in self.others:
            raise self.error(name, self.others[name], "a dense array of numbers")
        if name not in self:
            raise self.error(name, "nothing", "present")
        array = self.arrays[name]
        fits = array.ndim == len(shape) and all(n in (None, size) for n, size in zip(shape, array.shape, strict=True))
        if not fits or 0 in array.shape:
            wanted = "(" + ", ".join("n" if n is None else str(n) for n in shape) + ("," * (len(shape) == 1)) + ")"
            raise self.error(name, f"shape {array.shape}", f"of shape {wanted}" + (f", {words}" if words else ""))
        try:
            check_finite(name, array)
        except InvalidInput as error:
            raise InvalidInput(self.where + name, error.value, error.allowed) from None
        return array


def flatten(table: Mapping[Any, Any], where: str = "") -> Tensors:
    """Every array of a table, of tables in it too, under dotted names.

    Raises:
        InvalidInput: If nothing in it is an array of numbers though something is a tensor, or if the arrays are larger
            than half of the machine's memory.
    """
    arrays: dict[str, np.ndarray] = {}
    others: dict[str, str] = {}
    left = total_bytes() // 2
    for name, value in _entries(table, ""):
        size = _n_numbers(value)
        left -= 8 * size
        if left < 0:
            limit = f"at most {total_bytes() // 16:.2g} of them in all, half of the memory of the machine"
            raise InvalidInput(where + name, Shown(f"{size:.2g} numbers"), limit)
        if (array := as_array(value)) is not None:
            arrays[name] = array
        else:
            others[name] = _described(value)
    strange = [name for name in others if others[name].endswith("tensor")]
    if not arrays and strange:
        raise InvalidInput(where + strange[0], Shown(others[strange[0]]), "a dense array of numbers")
    return Tensors(arrays, where, others)


def _entries(table: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _entries(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _n_numbers(value: Any) -> int:
    """As many as its shape says, however few of them are stored."""
    return math.prod(getattr(value, "shape", ()) or ()) if hasattr(value, "dtype") else 0


def _described(value: Any) -> str:
    if not hasattr(value, "detach"):
        return f"a {type(value).__name__}"
    layouts = {"sparse": value.layout is not _dense_layout(), "quantised": value.is_quantized, "meta": value.is_meta}
    kinds = [name for name, holds in layouts.items() if holds]
    return f"a {kinds[0] if kinds else str(value.dtype).removeprefix('torch.')} tensor"


def _dense_layout() -> Any:
    import torch

    return torch.strided


def as_array(value: Any) -> np.ndarray | None:
    """A NumPy array of a NumPy, JAX or torch array, in its own dtype where NumPy has it; None for anything else."""
    if hasattr(value, "detach") and hasattr(value, "dtype"):  # torch
        if value.layout is not _dense_layout() or value.is_quantized or value.is_meta:
            return None
        value = value.detach().cpu()
        value = value.resolve_conj().resolve_neg()
        wide = value.float() if str(value.dtype) in ("torch.bfloat16", "torch.float16") else value
        try:
            return wide.numpy()
        except TypeError:
            return None
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        return None
    try:
        array = np.asarray(value)
        return array.astype(np.float32) if array.dtype.kind == "V" and array.dtype.names is None else array
    except (TypeError, ValueError):
        return None
