"""Lanes over the devices of a machine: each trains its own, and none waits for another within a call."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

_AXIS = "lanes"


def in_full_float32() -> Any:
    """The context in which matrix products of float32 are traced: GPUs would take fewer digits of each factor."""
    return jax.default_matmul_precision("highest")


def lane_mesh() -> Mesh | None:
    """All local devices along the axis of lanes; None for a single one."""
    devices = jax.local_devices()
    return Mesh(np.array(devices), (_AXIS,)) if len(devices) > 1 else None


def n_devices(mesh: Mesh | None) -> int:
    """How many devices there are along the axis of lanes."""
    return 1 if mesh is None else mesh.size


def filled_up(lanes: np.ndarray, devices: int) -> np.ndarray:
    """Positions of lanes with the last one repeated, as many for every device."""
    return np.concatenate([lanes, np.repeat(lanes[-1:], -lanes.size % devices)])


def per_lane(goal: Any, count: int) -> Any:
    """Which arrays of a goal have an axis of `count` lanes, as a tree of bools: those that other lanes change."""
    arrays = eqx.filter(goal, eqx.is_array)
    other = eqx.filter(goal.take(np.zeros(count + 1, int)), eqx.is_array)
    return jax.tree.map(lambda one, two: one.shape != two.shape, arrays, other)


def spread(tree: Any, mesh: Mesh, mask: Any) -> Any:
    """Arrays laid over the devices: along their axis of lanes where the mask says so, whole on each elsewhere."""
    arrays, rest = eqx.partition(tree, eqx.is_array)
    placed = jax.tree.map(
        lambda leaf, spec: jax.device_put(leaf, NamedSharding(mesh, spec)), arrays, _specs(arrays, mask)
    )
    return eqx.combine(placed, rest)


def on_each(function: Any, mesh: Mesh | None, masks: tuple[Any, ...]) -> Any:
    """A function of trees and its result, computed by each device for its own lanes.

    Args:
        function: Of one tree for each mask; its result is like the first of them.
        mesh: From `lane_mesh`.
        masks: For each argument, True or a tree of bools: which arrays have an axis of lanes.
    """
    if mesh is None:
        return function

    def wrapped(*trees: Any) -> Any:
        arrays, rest = eqx.partition(trees, eqx.is_array)
        specs = tuple(_specs(each, mask) for each, mask in zip(arrays, masks, strict=True))

        def local(*arrays: Any) -> Any:
            return function(*eqx.combine(arrays, rest))

        return jax.shard_map(local, mesh=mesh, in_specs=specs, out_specs=specs[0], check_vma=False)(*arrays)

    return wrapped


def _specs(arrays: Any, mask: Any) -> Any:
    if isinstance(mask, bool):
        return jax.tree.map(lambda _: P(_AXIS) if mask else P(), arrays)
    return jax.tree.map(lambda _, along: P(_AXIS) if along else P(), arrays, mask)
