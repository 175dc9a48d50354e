"""Which library a function (x, h) -> state speaks, and whether it takes single vectors or batches: found by trying."""

import contextlib
import copy
import dataclasses
import sys
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import InvalidInput, Shown
from .._float64 import float64
from ._rounding import rounding
from ._spoken import LIBRARIES, Spoken
from ._state import StateLayout, WrongState, described

_ALONE = 3  # rows that are computed once more, each alone
_COARSE = {"bfloat16": "float16", "complex64": "float32", "float16": "float16", "float32": "float32"}


def understood(
    field: str,
    function: Any,
    before: StateLayout,
    layouts: Callable[[Any], StateLayout],
    n_features: int,
    *,
    library: str | None = None,
) -> Spoken:
    """How to call a function of a user.

    Args:
        field: Its name, for errors.
        function: (x, state) -> something.
        before: The layout of the state it takes.
        layouts: From what came back for one point to the layout it should have.
        n_features: Size of x.
        library: One of `LIBRARIES` to try; None for all of them, torch only where it is in use.

    Raises:
        InvalidInput: If it fails, or gives something else, in every way; says what came back.
    """
    problems: list[tuple[bool, str]] = []
    for candidate in _candidates(function, before, before, n_features, library):
        try:
            return _tried(candidate, layouts)
        except WrongState as problem:
            problems.append((True, f"{problem} for {_taken(candidate)}"))
        except Exception as error:  # the function is the user's: it may raise anything
            words = " ".join(str(error).split())[:90]
            problems.append((False, f"{type(error).__name__}: {words} for {_taken(candidate)}"))
    best = [words for came_back, words in problems if came_back] or [words for _, words in problems]
    best.sort(key=lambda words: "Tracer" in words)  # what a library says that the function does not speak helps nobody
    expected = ", ".join(str(shape) for shape in before.shapes)
    allowed = f"a function (x, h) -> h, on vectors {(n_features,)} and {expected}, or on batches of them"
    several = "tuple" in best[0] or "unpack" in best[0]
    hint = "for a state of several arrays: initial=(h, c)" if field == "step" and several else ""
    raise InvalidInput(field, Shown(best[0]), allowed if field == "step" else "a function h -> y", hint=hint)


def _taken(candidate: Spoken) -> str:
    return f"{candidate.library} {'batches' if candidate.batched else 'vectors'}"


def _candidates(
    function: Any, before: StateLayout, out: StateLayout, n_features: int, library: str | None
) -> Iterator[Spoken]:
    for each in LIBRARIES if library is None else (library,):
        if each == "torch" and library is None and "torch" not in sys.modules:
            continue
        for dtype in ("float64", "float32"):
            # JAX makes batches of single vectors; elsewhere batches are what is fast
            for batched in (False, True) if each == "jax" else (True, False):
                yield Spoken(function, before, out, each, batched, dtype, n_features)


def _tried(candidate: Spoken, layouts: Callable[[Any], StateLayout]) -> Spoken:
    """The candidate with the layout of what it gives, after it has worked.

    Raises:
        WrongState: If it gave something else, or its rows depend on each other.
    """
    rng = np.random.default_rng(0)
    n_hidden = candidate.before.size
    rows = max(candidate.n_features, n_hidden) + 3  # more than either, so that h[:3] of a batch is no batch
    x, h = rng.standard_normal((rows, candidate.n_features)), rng.standard_normal((rows, n_hidden))
    if candidate.library == "jax":
        with float64(), jax.numpy_dtype_promotion("standard"):
            dtype = jnp.dtype(candidate.dtype)
            lead = (rows,) if candidate.batched else ()
            found = jax.eval_shape(
                lambda x, h: candidate.function(x, candidate.before.unpack(h)),
                jax.ShapeDtypeStruct((*lead, candidate.n_features), dtype),
                jax.ShapeDtypeStruct((*lead, n_hidden), dtype),
            )
        dtypes = [str(leaf.dtype) for leaf in jax.tree.leaves(found) if hasattr(leaf, "dtype")]
        rounded = min((_COARSE[each] for each in dtypes if each in _COARSE), default="float64")
        out = layouts(_without_lead(found, lead))
        spoken = dataclasses.replace(candidate, out=out, rounded=rounded)
        with float64():
            jax.eval_shape(lambda x, h: spoken.jax_step((), x, h), *map(jnp.asarray, (x[0], h[0])))
        return spoken
    found = _once(candidate, x, h)
    spoken = dataclasses.replace(candidate, out=layouts(_without_lead(found, (rows,) if candidate.batched else ())))
    call = spoken.torch_call if spoken.library == "torch" else spoken.numpy_call
    alone = np.stack([call(x[i : i + 1], h[i : i + 1])[0] for i in range(_ALONE)])
    if not spoken.batched:
        x, h = x[:_ALONE], h[:_ALONE]
    if spoken.library == "torch" and not spoken.batched:
        mapped = dataclasses.replace(spoken, mapped=True)
        with contextlib.suppress(Exception):  # an operation that torch cannot map
            spoken = mapped if _near(mapped.torch_call(x, h), alone) else spoken
    elif not _near(call(x, h)[:_ALONE], alone):
        raise WrongState("rows that depend on each other, or on earlier calls,")
    return dataclasses.replace(spoken, rounded=rounding(call, x, h))


def _near(one: np.ndarray, other: np.ndarray) -> bool:
    return np.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True)


def _once(candidate: Spoken, x: np.ndarray, h: np.ndarray) -> Any:
    x, h = (each if candidate.batched else each[0] for each in (x, h))
    if candidate.library == "numpy":
        x, h = x.astype(candidate.dtype), h.astype(candidate.dtype)
        with float64(), jax.numpy_dtype_promotion("standard"):
            return candidate.function(x, candidate.before.unpack(h))
    import torch

    dtype = getattr(torch, candidate.dtype)
    with torch.no_grad():
        found = candidate.function(torch.tensor(x, dtype=dtype), candidate.before.unpack(torch.tensor(h, dtype=dtype)))
    if not all(isinstance(leaf, torch.Tensor) for leaf in jax.tree.leaves(found)):
        raise WrongState(f"{type(jax.tree.leaves(found)[0]).__name__}")
    return found


@dataclasses.dataclass(frozen=True)
class _Shape:
    shape: tuple[int, ...]


def _without_lead(found: Any, lead: tuple[int, ...]) -> Any:
    """The shapes of what came back, for one row.

    Raises:
        WrongState: If there are other rows in it than went in.
    """
    leaves = jax.tree.leaves(found)
    if any(tuple(leaf.shape[: len(lead)]) != lead for leaf in leaves if hasattr(leaf, "shape")):
        raise WrongState(described(found))
    return jax.tree.map(lambda leaf: _Shape(tuple(leaf.shape)[len(lead) :]) if hasattr(leaf, "shape") else leaf, found)


def in_use(function: Any) -> Any:
    """The function; a torch module as a float64 copy in evaluation mode, where it can be copied."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(function, torch.nn.Module):
        return function
    with contextlib.suppress(Exception):  # modules of any kind
        return copy.deepcopy(function).cpu().double().eval()
    return function
