"""A fingerprint of values: the same for equal ones in every process, another for different ones."""

import dataclasses
import enum
import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import NotCovered, Shown

_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_ARRAY_KINDS = "biufcSU"


def fingerprint(**about: Any) -> str:
    """SHA-256 over named values, in hexadecimal digits.

    Arrays count by dtype, shape and bytes, dataclasses by the names of their class and its fields. What has no such
    content, as a function has not, could only be told apart by its place in memory, and is refused.

    Args:
        **about: Numbers, text, arrays, JAX random keys, and tuples, lists, dicts and dataclasses of them.

    Raises:
        NotCovered: If a value has no content that can be compared; names where it stands.
    """
    found = hashlib.sha256()
    _add(found, "", about)
    return found.hexdigest()


def _add(found: Any, field: str, value: Any) -> None:
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) in _PLAIN:
        _put(found, type(value).__name__, repr(value))
    elif isinstance(value, enum.Enum):
        _put(found, _name(value), value.name)
    elif isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        _put(found, "key", str(jax.random.key_impl(value)))
        _add(found, field, jax.random.key_data(value))
    elif isinstance(value, np.ndarray | jax.Array) and value.dtype.kind in _ARRAY_KINDS:
        array = np.asarray(value)
        _put(found, "array", array.dtype.str, str(array.shape), array.tobytes())
    elif isinstance(value, dict) and all(type(name) is str for name in value):
        _add_named(found, field, "dict", {name: value[name] for name in sorted(value)})
    elif isinstance(value, tuple) and (names := getattr(value, "_fields", ())):
        _add_named(found, field, _name(value), dict(zip(names, value, strict=True)))
    elif type(value) in (tuple, list):
        _add_named(found, field, type(value).__name__, {str(place): each for place, each in enumerate(value)})
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        _add_named(found, field, _name(value), fields)
    else:
        given = value.__name__ if isinstance(value, type) else type(value).__name__
        hint = "a file could not tell it from another one"
        allowed = "a dataclass, numbers, text or arrays for a Checkpoint"
        raise NotCovered(field, Shown(given), allowed, hint=hint)


def _add_named(found: Any, field: str, kind: str, items: dict[str, Any]) -> None:
    _put(found, kind, str(len(items)))
    for name, each in items.items():
        _put(found, "field", name)
        _add(found, f"{field}.{name}" if field else name, each)


def _put(found: Any, *parts: str | bytes) -> None:
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        found.update(len(content).to_bytes(8, "little"))
        found.update(content)


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
