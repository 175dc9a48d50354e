"""A function of a user in one library, and how it is called on points: eagerly, in batches, traced."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._float64 import float64
from ..models import JaxStep
from ._functions import Differences, TorchFunction
from ._state import StateLayout, WrongState
from ._tensors import as_array
from ._traced import Weighted, traced

LIBRARIES = ("jax", "torch", "numpy")

_STEPS = {"float64": 6e-6, "float32": 5e-3, "float16": 5e-2}  # cube roots of their rounding


@dataclasses.dataclass(frozen=True, eq=False)
class Spoken:
    """A function of a user, how to call it, and what it is made into.

    Attributes:
        function: (x, state) -> what `out` packs, as the user wrote it.
        before: The layout of the state that it takes.
        out: The layout of what it gives.
        library: One of `LIBRARIES`.
        batched: Whether it takes (batch, features) or (features,).
        dtype: "float64", or "float32" where float64 does not work.
        n_features: Size of x.
        mapped: Whether torch makes batches of single vectors.
        rounded: "float64", or what it rounds to somewhere inside, "float32" or "float16".
        weighted: Where `function` is one of (weights, x, state) with its weights: that one, and these.
    """

    function: Callable[[Any, Any], Any]
    before: StateLayout
    out: StateLayout
    library: str
    batched: bool
    dtype: str
    n_features: int
    mapped: bool = False
    rounded: str = "float64"
    weighted: tuple[Callable[[Any, Any, Any], Any], Any] | None = None

    @property
    def precision(self) -> str:
        """The coarsest of what it takes and what it rounds to."""
        return self.rounded if self.rounded != "float64" else self.dtype

    def jax_step(self, weights: Any, x: Any, h: Any) -> Any:
        """On single vectors of float64, traced or not."""
        step = Weighted(lambda _, x, h: self.function(x, h), self.before, self.out, self.batched, self.dtype)
        return step(weights, x, h)

    def numpy_call(self, x: np.ndarray, h: np.ndarray) -> np.ndarray:
        """On points, in NumPy."""
        x, h = x.astype(self.dtype), h.astype(self.dtype)
        if self.batched:
            return self._numpy_once(x, h, (len(x),))
        return np.stack([self._numpy_once(x[i], h[i], ()) for i in range(len(x))])

    def _numpy_once(self, x: np.ndarray, h: np.ndarray, lead: tuple[int, ...]) -> np.ndarray:
        with float64(), jax.numpy_dtype_promotion("standard"):  # it may use JAX without being traceable
            found = self.function(x.copy(), self.before.unpack(h.copy()))  # and may write into its arguments
        found = jax.tree.map(lambda leaf: leaf if (array := as_array(leaf)) is None else array, found)
        return self.out.pack(found, lead, lambda each: np.concatenate(each, -1)).astype(np.float64)

    def torch_tensors(self, x: Any, h: Any) -> Any:
        """On points, in torch."""
        import torch

        def join(parts: list[Any]) -> Any:
            return torch.cat(parts, -1)

        if self.batched:
            return self.out.pack(self.function(x, self.before.unpack(h)), (len(x),), join)

        def alone(x: Any, h: Any) -> Any:
            return self.out.pack(self.function(x, self.before.unpack(h)), (), join)

        return torch.func.vmap(alone)(x, h) if self.mapped else torch.stack(list(map(alone, x, h)))

    def torch_call(self, x: np.ndarray, h: np.ndarray) -> np.ndarray:
        import torch

        dtype = getattr(torch, self.dtype)
        with torch.no_grad():
            found = self.torch_tensors(torch.tensor(x, dtype=dtype), torch.tensor(h, dtype=dtype))
        if not isinstance(found, torch.Tensor):
            raise WrongState(type(found).__name__)
        return found.numpy().astype(np.float64)

    def call(self, x: np.ndarray, h: np.ndarray) -> np.ndarray:
        """On points, one after the other, as the user would: (points, features), (points, hidden) -> (points, out)."""
        plain = dataclasses.replace(self, mapped=False)
        once: Callable[..., Any] = plain.torch_call if self.library == "torch" else plain.numpy_call
        if self.library == "jax":
            with float64():
                return np.stack(
                    [np.asarray(self.jax_step((), jnp.asarray(a), jnp.asarray(b))) for a, b in zip(x, h, strict=True)]
                )
        return np.concatenate([once(x[i : i + 1], h[i : i + 1]) for i in range(len(x))])

    def function_of_arrays(self) -> Any:
        """`JaxStep`, `TorchFunction` or `Differences` of it."""
        if self.library == "jax" and self.weighted is not None:
            function, weights = self.weighted
            return JaxStep(Weighted(function, self.before, self.out, self.batched, self.dtype), weights)
        if self.library == "jax":
            return traced(self.jax_step, self.n_features, self.before.size)
        if self.library == "numpy":
            return Differences(self.numpy_call, _STEPS[self.precision])
        import torch

        own = TorchFunction(self.torch_call, _STEPS[self.precision], self.torch_tensors, getattr(torch, self.dtype))
        x, h = np.zeros((1, self.n_features)), np.zeros((1, self.before.size))
        try:
            own.written(x, h, np.ones((1, 1, x.shape[1])))
            own.carried(x, h, np.ones((1, 1, h.shape[1])))
        except Exception:  # operations without a forward derivative, changes in place: whatever torch refuses
            return Differences(self.torch_call, _STEPS[self.precision])
        return own
