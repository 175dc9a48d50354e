"""The arrays of a tree by names, and back: what of a training is kept in a file."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def named_arrays(prefix: str, tree: Any) -> dict[str, np.ndarray]:
    """The arrays of a tree in NumPy, by the prefix and their places among the leaves."""
    leaves = enumerate(jax.tree.leaves(tree))
    return {f"{prefix}.{place}": np.asarray(leaf) for place, leaf in leaves if _is_array(leaf)}


def with_arrays(prefix: str, tree: Any, found: dict[str, np.ndarray]) -> Any:
    """The same tree with other arrays, those that `named_arrays` found; JAX arrays where it has them."""
    leaves, structure = jax.tree.flatten(tree)
    for place, leaf in enumerate(leaves):
        if _is_array(leaf):
            array = found[f"{prefix}.{place}"]
            leaves[place] = jnp.asarray(array) if isinstance(leaf, jax.Array) else array
    return jax.tree.unflatten(structure, leaves)


def _is_array(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray | jax.Array)
