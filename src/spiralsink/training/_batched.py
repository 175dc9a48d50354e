"""Losses of lanes and their gradients by batched matrix products, as many lanes at once as fit in memory."""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..networks import RecurrentNetwork


@dataclasses.dataclass(frozen=True)
class SideBySide:
    """The losses of lanes at a step, (lanes,), and their gradients.

    Attributes:
        together: How many lanes are worked on at once; the others wait.
    """

    together: int

    def __call__(self, goal: Any, trained: RecurrentNetwork, fixed: RecurrentNetwork, step: Any) -> tuple[Any, Any]:
        """The losses of all lanes and a tree like `trained`, as of `goal.lane_loss` on `goal.data(step)`."""
        fixed_arrays, rest = eqx.partition(fixed, eqx.is_array)

        def lane_loss(trained: Any, fixed_arrays: Any, data: Any) -> Any:
            return goal.lane_loss(eqx.combine(trained, fixed_arrays, rest), data)

        def side_by_side(goal: Any, trained: Any, fixed_arrays: Any) -> Any:
            data = goal.data(step, trained.W_x.shape[0])
            return jax.vmap(jax.value_and_grad(lane_loss))(trained, fixed_arrays, data)

        count = trained.W_x.shape[0]
        if count <= self.together:
            return side_by_side(goal, trained, fixed_arrays)

        def one_part(lanes: Any) -> Any:
            return side_by_side(goal.take(lanes), *jax.tree.map(lambda leaf: leaf[lanes], (trained, fixed_arrays)))

        parts = math.ceil(count / self.together)
        # the last lane fills up the last part
        lanes = jnp.minimum(jnp.arange(parts * self.together, dtype=jnp.int32), count - 1).reshape(parts, -1)
        found = jax.lax.map(one_part, lanes)
        return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:count], found)
