"""A state of several arrays, real or complex, as one real vector and back, in NumPy, JAX and torch alike."""

import dataclasses
import math
from typing import Any

import jax
import numpy as np

from .._errors import InvalidInput, Shown, check_count, check_finite
from ._tensors import as_array


class WrongState(Exception):
    """What a step gave back is not a state; the message says what it is."""


@dataclasses.dataclass(frozen=True)
class StateLayout:
    """How the arrays of a state stand in one vector: one after the other, a complex one as real, then imaginary part.

    Attributes:
        tree: The structure of the state.
        shapes: The shape of each array.
        complex: Whether it is complex.
        names: What it is called.
    """

    tree: Any
    shapes: tuple[tuple[int, ...], ...]
    complex: tuple[bool, ...]
    names: tuple[str, ...]

    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        found = []
        for name, shape, both in zip(self.names, self.shapes, self.complex, strict=True):
            size = math.prod(shape)
            found += [(f"real part of {name}", size), (f"imaginary part of {name}", size)] if both else [(name, size)]
        return tuple(found)

    @property
    def size(self) -> int:
        return sum(size for _, size in self.parts)

    def unpack(self, flat: Any) -> Any:
        """The state of a vector (size,), or the states of a batch of them (batch, size)."""
        leaves, start, lead = [], 0, tuple(flat.shape[:-1])
        for shape, both in zip(self.shapes, self.complex, strict=True):
            size = math.prod(shape)
            part = flat[..., start : start + size].reshape((*lead, *shape))
            start += size
            if both:
                part = part + 1j * flat[..., start : start + size].reshape((*lead, *shape))
                start += size
            leaves.append(part)
        return jax.tree.unflatten(self.tree, leaves)

    def pack(self, state: Any, lead: tuple[int, ...], join: Any) -> Any:
        """The vector of a state, or the vectors of a batch.

        Raises:
            WrongState: If it has other arrays or other shapes.
        """
        leaves = jax.tree.leaves(state)
        shapes = [tuple(leaf.shape) if hasattr(leaf, "shape") else None for leaf in leaves]
        if shapes != [(*lead, *shape) for shape in self.shapes]:
            raise WrongState(described(state))
        parts = []
        for leaf, shape, both in zip(leaves, self.shapes, self.complex, strict=True):
            flat = leaf.reshape((*lead, math.prod(shape)))
            is_complex = "complex" in str(leaf.dtype)
            if is_complex and not both:
                raise WrongState(f"complex numbers of shape {shape}")
            parts += [flat.real, flat.imag if is_complex else 0 * flat] if both else [flat]
        return parts[0] if len(parts) == 1 else join(parts)


def described(state: Any) -> str:
    """What something that should be a state is, by the shapes of its arrays."""
    leaves = jax.tree.leaves(state)
    if not leaves:
        return type(state).__name__
    found = [f"shape {tuple(leaf.shape)}" if hasattr(leaf, "shape") else type(leaf).__name__ for leaf in leaves]
    return found[0] if len(found) == 1 else f"{type(state).__name__} of " + ", ".join(found)


def of_initial(initial: Any) -> tuple[StateLayout, np.ndarray]:
    """The layout of an initial state, and its vector.

    Raises:
        InvalidInput: If it holds no arrays, or numbers that are not finite.
    """
    if isinstance(initial, list) and all(isinstance(each, int | float) for each in initial):
        initial = np.asarray(initial, np.float64)  # numbers, not parts
    paths, tree = jax.tree_util.tree_flatten_with_path(initial)
    leaves = [np.asarray(leaf if (array := as_array(leaf)) is None else array) for _, leaf in paths]
    names = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in paths]
    names = [f"part {name}" if name.isdigit() else name or "h" for name in names]
    if not leaves:
        raise InvalidInput("initial", Shown("no arrays"), "an array, or a tuple or table of arrays")
    for name, leaf in zip(names, leaves, strict=True):
        if not leaf.size:
            raise InvalidInput("initial", Shown(f"{name} without numbers"), "an array, or a tuple or table of arrays")
        check_finite("initial", leaf)
    both = tuple(leaf.dtype.kind == "c" for leaf in leaves)
    layout = StateLayout(tree, tuple(leaf.shape for leaf in leaves), both, tuple(names))
    wide = [leaf.astype(np.complex128 if each else np.float64) for leaf, each in zip(leaves, both, strict=True)]
    return layout, np.array(layout.pack(jax.tree.unflatten(tree, wide), (), np.concatenate), np.float64)


def zeros(n_hidden: Any) -> Any:
    """A state of zeros: one vector, or a tuple of vectors for a tuple of sizes."""
    if isinstance(n_hidden, tuple | list):
        return tuple(np.zeros(check_count("n_hidden", each)) for each in n_hidden)
    return np.zeros(check_count("n_hidden", n_hidden))
