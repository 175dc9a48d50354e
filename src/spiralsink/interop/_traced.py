"""Steps that JAX traced, with their weights as arguments: nothing is compiled in, and nothing large is kept alive."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from .._float64 import float64
from ..models import JaxStep
from ._state import StateLayout


@dataclasses.dataclass(frozen=True)
class Weighted:
    """A function (weights, x, state) of a user on vectors; equal ones are compiled once.

    Attributes:
        function: The function.
        before: The layout of the state that it takes.
        out: The layout of what it gives.
        batched: Whether it takes (batch, features) or (features,).
        dtype: What it takes.
    """

    function: Callable[[Any, Any, Any], Any]
    before: StateLayout
    out: StateLayout
    batched: bool
    dtype: str

    def __call__(self, weights: Any, x: Any, h: Any) -> Any:
        dtype = jnp.dtype(self.dtype)
        with jax.numpy_dtype_promotion("standard"):  # weights of the function may have another dtype
            x, h = x.astype(dtype), h.astype(dtype)
            lead = (1,) if self.batched else ()
            x, h = (x[None], h[None]) if self.batched else (x, h)
            given = self.function(weights, x, self.before.unpack(h))
            found = self.out.pack(given, lead, lambda each: jnp.concatenate(each, -1))
            return (found[0] if self.batched else found).astype(jnp.float64)


@dataclasses.dataclass(frozen=True, eq=False)
class _Traced:
    """A traced function whose constants are arguments.

    Attributes:
        jaxpr: What was traced, without its constants.
        kept: Constants that are no floating-point numbers, by their place.
        dtypes: The dtypes of the others.
    """

    jaxpr: Any
    kept: dict[int, Any]
    dtypes: tuple[Any, ...]

    def __call__(self, weights: Any, x: Any, h: Any) -> Any:
        given = iter([each.astype(dtype) for each, dtype in zip(weights, self.dtypes, strict=True)])
        constants = [self.kept[i] if i in self.kept else next(given) for i in range(len(self.jaxpr.constvars))]
        return jaxpr_as_fun(ClosedJaxpr(self.jaxpr, constants))(x, h)[0]


def traced(step: Callable[[Any, Any, Any], Any], n_features: int, n_hidden: int) -> JaxStep:
    """A step (nothing, x, h) with the arrays that it closes over as weights."""
    with float64():
        closed = jax.make_jaxpr(lambda x, h: step((), x, h))(jnp.zeros(n_features), jnp.zeros(n_hidden))
    moved = [isinstance(each.dtype, np.dtype) and each.dtype.kind in "fc" for each in closed.consts]
    kept = {i: each for i, each in enumerate(closed.consts) if not moved[i]}
    weights = tuple(np.asarray(each) for each, moves in zip(closed.consts, moved, strict=True) if moves)
    return JaxStep(_Traced(closed.jaxpr, kept, tuple(each.dtype for each in weights)), weights)
