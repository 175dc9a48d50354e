"""Second-order training on the exact loss: the batched minimisers, in float64."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._float64 import float64
from .._status import Status
from ..networks import RecurrentNetwork
from ..optimisation import Search
from ._lanes import split_trained
from ._memory import lanes_together, search_bytes
from ._refusals import check_search_fits
from ._snapshots import named_arrays, with_arrays


class PointLoss(eqx.Module):
    """The loss of one lane as a function of its parameters in one vector."""

    lane_loss: Any
    rest: Any
    structure: Any = eqx.field(static=True)
    shapes: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __call__(self, point: Any, fixed_arrays: Any, data: Any) -> Any:
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])
        parts = jnp.split(point, ends[:-1].tolist())
        leaves = [part.reshape(shape) for part, shape in zip(parts, self.shapes, strict=True)]
        trained = jax.tree.unflatten(self.structure, leaves)
        return self.lane_loss(eqx.combine(trained, fixed_arrays, self.rest), data)


class SecondOrder:
    """A second-order training in progress, advanced from the host.

    Lanes take different numbers of trial points for a step; `step` is the number of steps that every lane has taken
    that still runs. Losses of a stack that do not fit in memory side by side are computed one lane after the other.

    Attributes:
        engine: What does the arithmetic, in words.
        arithmetic: What of it decides the last digits.
    """

    engine = arithmetic = "batched second-order steps in float64"

    def __init__(self, goal: Any, lanes: RecurrentNetwork, *, method: Any, tolerance: float):
        trained, self._fixed = split_trained(lanes)
        fixed_arrays, rest = eqx.partition(self._fixed, eqx.is_array)
        leaves, self._structure = jax.tree.flatten(trained)
        self._shapes = tuple(leaf.shape[1:] for leaf in leaves)
        count = leaves[0].shape[0]
        start = np.concatenate([np.asarray(leaf, np.float64).reshape(count, -1) for leaf in leaves], axis=1)
        state = search_bytes(start.shape[1])
        check_search_fits(count, state, goal.lane_bytes(lanes))
        in_turn = lanes_together(count, goal.lane_bytes(lanes), state) < count
        function = PointLoss(goal.lane_loss, rest, self._structure, self._shapes)
        with float64():
            data = goal.data(0, count)
            given = {"method": method, "tolerance": tolerance, "in_turn": in_turn}
            self._search = Search(function, start, (fixed_arrays, data), **given)
        self.step = 0

    def advance(self, until: int) -> None:
        """Evaluates a chunk of trial points of every lane that has taken fewer than `until` steps."""
        with float64():
            unfinished = self._search.advance(until)
        self.step = max(self.step, min(self._search.fewest_steps, until - 1)) if unfinished else until

    def stop(self, which: np.ndarray) -> None:
        """Those lanes, (lanes,) bools, take no more steps."""
        self._search.stop(which)

    def snapshot(self) -> dict[str, np.ndarray]:
        """All that another training like this one needs to go on from here."""
        return named_arrays("search", self._search.state) | {"step": np.array(self.step)}

    def restore(self, found: dict[str, np.ndarray]) -> None:
        """Goes on from a snapshot."""
        with float64():
            self._search.go_on(with_arrays("search", self._search.state, found))
        self.step = int(found["step"])

    @property
    def lanes(self) -> RecurrentNetwork:
        """The networks now, in float64."""
        ends = np.cumsum([math.prod(shape) for shape in self._shapes])
        parts = np.split(self._search.minima().point, ends[:-1], axis=1)
        with float64():
            leaves = [jnp.asarray(part.reshape(-1, *shape)) for part, shape in zip(parts, self._shapes, strict=True)]
        return eqx.combine(jax.tree.unflatten(self._structure, leaves), self._fixed)

    @property
    def diverged(self) -> np.ndarray:
        """Lanes whose loss was not finite at the start, (lanes,)."""
        return self._search.minima().status == Status.DIVERGED

    @property
    def converged(self) -> np.ndarray:
        """Lanes whose gradient norm is below the tolerance, (lanes,)."""
        return self._search.minima().status == Status.CONVERGED

    @property
    def taken(self) -> int:
        """Steps of the lane that took most."""
        return int(self._search.minima().steps.max())

    @property
    def finished(self) -> bool:
        """Whether no lane can move any more."""
        return self._search.n_ended == self._search.n_lanes

    @property
    def note(self) -> str:
        """The lowest loss."""
        return f"lowest loss {self._search.lowest:.3g}"
