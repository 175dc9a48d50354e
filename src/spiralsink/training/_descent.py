"""First-order training: many optimizer steps per compiled call, every network by itself."""

import contextlib
import time
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._float64 import float64
from ..networks import RecurrentNetwork
from ._batched import SideBySide
from ._devices import filled_up, in_full_float32, lane_mesh, n_devices, on_each, per_lane, spread
from ._engines import Unrolled
from ._lanes import split_trained
from ._memory import lanes_together, weights_bytes
from ._optimizers import apply_per_network, per_network, transformation_of
from ._pace import Pace
from ._unrolled import value_and_grad


def precision(exact: bool) -> contextlib.AbstractContextManager[Any]:
    """The context in which a goal is computed: float64 for exact losses."""
    return float64() if exact else contextlib.nullcontext()


class _State(NamedTuple):
    """Lanes in training; `loss` is that of the last step, `alive` is false from the first value that is not finite."""

    step: Any
    trained: Any
    optimizer: Any
    alive: Any
    loss: Any


class Descent:
    """A first-order training in progress by XLA, advanced from the host.

    Lanes that ended stay in the program, unmoved, until they are half of it; then the others go on without them.

    Attributes:
        engine: What does the arithmetic, in words.
        step: Steps taken.
    """

    def __init__(
        self, goal: Any, lanes: RecurrentNetwork, *, optimizer: Any, steps: int, engine: Any, reason: str = ""
    ):
        self._goal, self._steps = goal, np.int32(steps)
        self.engine = f"{engine} (not native: {reason})" if reason else str(engine)
        self._unrolled = isinstance(engine, Unrolled)
        self._optimizer, self._rates = per_network(optimizer, lanes.W_x.shape[0])
        trained, self._fixed = split_trained(lanes)
        self._fixed_here = self._fixed
        with precision(goal.exact):
            self._state = _start(self._optimizer, trained)
        count = lanes.W_x.shape[0]
        self._whole, self._where = trained, np.arange(count)
        self._alive, self._stopped, self._loss = np.ones(count, bool), np.zeros(count, bool), np.full(count, np.inf)
        self._pace, self._mesh = Pace(), lane_mesh()
        self.step = 0
        self._go_on_with(self._where)

    def advance(self, until: int) -> None:
        """Takes a chunk of steps, at most up to the step `until`."""
        began = time.monotonic()
        target = self._pace.target(self.step, until)
        with precision(self._goal.exact):
            how = (self._differentiate, self._optimizer, self._layout)
            given = (self._state, self._goal, self._rates, self._fixed_here, self._steps, np.int32(target))
            state = _advance(*how, *given)
            state = jax.block_until_ready(state)
        self._state, taken, self.step = state, target - self.step, target
        if self._compiled:
            self._pace.tell(taken, time.monotonic() - began)
        self._compiled = True
        self._look()
        self._compact()

    def stop(self, which: np.ndarray) -> None:
        """Those lanes, (lanes,) bools, take no more steps."""
        self._stopped |= which & self._alive
        alive = self._state.alive & ~jnp.asarray(which[self._where])
        self._state = self._state._replace(alive=alive)
        self._look()
        self._compact()

    def _look(self) -> None:
        self._alive[self._where], self._loss[self._where] = self._state.alive, self._state.loss

    def _compact(self) -> None:
        running = np.unique(np.where(self._state.alive, self._where, -1), return_index=True)[1]
        running = running[np.asarray(self._state.alive)[running]]
        if running.size and 2 * filled_up(running, n_devices(self._mesh)).size <= self._where.size:
            self._whole = self._written()
            self._go_on_with(running)

    def _go_on_with(self, places: np.ndarray) -> None:
        """Goes on with the lanes at these places of the program, as many on every device."""
        places, before, mesh = filled_up(places, n_devices(self._mesh)), self._where.size, self._mesh
        with precision(self._goal.exact):
            if not np.array_equal(places, np.arange(before)):
                given = (self._state._replace(step=None), self._fixed_here)
                state, self._fixed_here = jax.tree.map(lambda leaf: leaf[places] if eqx.is_array(leaf) else leaf, given)
                self._state = state._replace(step=self._state.step)
                self._goal = self._goal.take(places)
                self._rates, self._where = self._rates[places], self._where[places]
            self._layout = (None, ())
            if mesh is not None:
                along = (_along(self._state), per_lane(self._goal, places.size), True, True, False, False)
                given = (self._state, self._goal, jnp.asarray(self._rates), self._fixed_here)
                placed = [spread(tree, mesh, mask) for tree, mask in zip(given, along[: len(given)], strict=True)]
                self._state, self._goal, self._rates, self._fixed_here = placed
                self._layout = (mesh, along)
        lanes = eqx.combine(self._state.trained, self._fixed_here)
        count = places.size // n_devices(mesh)
        together = lanes_together(count, self._goal.lane_bytes(lanes), weights_bytes(lanes))
        self._differentiate = value_and_grad if self._unrolled else SideBySide(together)
        self._compiled = False

    def _written(self) -> RecurrentNetwork:
        """What is trained of all lanes, also of those that are no longer in the program."""
        if np.array_equal(self._where, np.arange(self._alive.size)):
            return self._state.trained
        return jax.tree.map(lambda whole, now: whole.at[self._where].set(now), self._whole, self._state.trained)

    @property
    def lanes(self) -> RecurrentNetwork:
        """The networks now; those that diverged stay where they last were finite."""
        return eqx.combine(self._written(), self._fixed)

    @property
    def diverged(self) -> np.ndarray:
        """Lanes that met a value that is not finite, (lanes,)."""
        return ~self._alive & ~self._stopped

    @property
    def converged(self) -> None:
        """Not known from the steps themselves: the losses along the way decide."""
        return None

    @property
    def taken(self) -> int:
        """Steps taken, also by networks that diverged on the way."""
        return self.step

    @property
    def finished(self) -> bool:
        """Whether no lane can move any more."""
        return not self._alive.any()

    @property
    def note(self) -> str:
        """The median loss of the last step."""
        loss = self._loss[self._alive]
        return f"median loss {np.median(loss):.3g}" if loss.size and self.step else ""


@eqx.filter_jit
def _start(optimizer: Any, trained: Any) -> _State:
    count = trained.W_x.shape[0]
    with jax.numpy_dtype_promotion("standard"):
        state = jax.vmap(transformation_of(optimizer, 1).init)(trained)
    loss = jnp.full(count, jnp.inf, trained.W_x.dtype)
    return _State(jnp.zeros((), jnp.int32), trained, state, jnp.ones(count, bool), loss)


@eqx.filter_jit
def _advance(differentiate: Any, optimizer: Any, layout: Any, *given: Any) -> _State:
    """Steps up to the last of the arguments, in a training of as many as the last but one says.

    `layout`: the mesh, and along which arrays lanes are laid over it.
    """

    def local(state: _State, goal: Any, rates: Any, fixed: Any, steps: Any, until: Any) -> _State:
        return _take_steps(differentiate, goal, optimizer, rates, steps, state, fixed, until)

    return on_each(local, *layout)(*given)


def _take_steps(
    differentiate: Any,
    goal: Any,
    optimizer: Any,
    rates: Any,
    steps: Any,
    state: _State,
    fixed: Any,
    until: Any,
) -> _State:
    def step(state: _State) -> _State:
        with in_full_float32():
            loss, gradients = differentiate(goal, state.trained, fixed, state.step)
        loss = loss.astype(state.loss.dtype)
        given = (gradients, state.optimizer, state.trained, loss)
        moved, optimizer_state = apply_per_network(optimizer, rates, steps, *given)
        alive = state.alive & jnp.isfinite(loss) & _all_finite(gradients) & _all_finite(moved)

        def keep(new: Any, old: Any) -> Any:
            return jnp.where(alive.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

        return _State(
            step=state.step + 1,
            trained=jax.tree.map(keep, moved, state.trained),
            optimizer=jax.tree.map(keep, optimizer_state, state.optimizer),
            alive=alive,
            loss=loss,
        )

    return jax.lax.while_loop(lambda state: state.step < until, step, state)


def _along(state: _State) -> _State:
    """Which arrays of a state have an axis of lanes: all but the step."""
    return jax.tree.map(lambda _: True, state)._replace(step=False)


def _all_finite(tree: Any) -> Any:
    finite = [jnp.isfinite(leaf).reshape(leaf.shape[0], -1).all(axis=1) for leaf in jax.tree.leaves(tree)]
    return jnp.stack(finite).all(axis=0)
