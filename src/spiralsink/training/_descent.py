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
from ._snapshots import named_arrays, with_arrays
from ._unrolled import value_and_grad

_LEAVE_EVERY = 1024


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


class _Now(NamedTuple):
    """Where a training is. Replaced whole and never changed, so that Ctrl-C finds it before or after, not between.

    Of the lanes that are still in the program: `state`, `goal`, `rates`, `fixed`; `where` are their positions among
    all, `layout` is how they lie on devices, `differentiate` what computes their losses, `compiled` whether it has
    before. Of all lanes: `whole` is what is trained of those that left, `alive` and `loss` as in `_State`.
    """

    step: int
    state: _State
    goal: Any
    rates: Any
    fixed: Any
    where: np.ndarray
    layout: Any
    differentiate: Any
    compiled: bool
    whole: Any
    alive: np.ndarray
    loss: np.ndarray

    def written(self) -> Any:
        """What is trained of all lanes, also of those that are no longer in the program."""
        if np.array_equal(self.where, np.arange(self.alive.size)):
            return self.state.trained
        return jax.tree.map(lambda whole, now: whole.at[self.where].set(now), self.whole, self.state.trained)

    def at(self, state: _State, **changes: Any) -> "_Now":
        """The same training at another state of the lanes in the program."""
        alive, loss = self.alive.copy(), self.loss.copy()
        alive[self.where], loss[self.where] = state.alive, state.loss
        return self._replace(state=state, alive=alive, loss=loss, **changes)


class Descent:
    """A first-order training in progress by XLA, advanced from the host.

    Lanes that ended stay in the program, unmoved, until they are half of it; then the others go on without them, but
    only from steps that the clock has no part in: another number of lanes may be rounded otherwise.

    Attributes:
        engine: What does the arithmetic, in words.
        arithmetic: What of it decides the last digits.
    """

    def __init__(
        self, goal: Any, lanes: RecurrentNetwork, *, optimizer: Any, steps: int, engine: Any, reason: str = ""
    ):
        self.engine = f"{engine} (not native: {reason})" if reason else str(engine)
        self.arithmetic = str(engine)
        self._exact, self._steps, self._unrolled = goal.exact, np.int32(steps), isinstance(engine, Unrolled)
        self._pace, self._mesh = Pace(), lane_mesh()
        trained, self._fixed = split_trained(lanes)
        count = lanes.W_x.shape[0]
        self._optimizer, rates = per_network(optimizer, count)
        with precision(goal.exact):
            state = _start(self._optimizer, trained)
        self._stopped = np.zeros(count, bool)
        now = _Now(
            step=0,
            state=state,
            goal=goal,
            rates=rates,
            fixed=self._fixed,
            where=np.arange(count),
            layout=(None, ()),
            differentiate=None,
            compiled=False,
            whole=trained,
            alive=np.ones(count, bool),
            loss=np.full(count, np.inf),
        )
        self._now = self._with(now, now.where)

    @property
    def step(self) -> int:
        """Steps taken."""
        return self._now.step

    def advance(self, until: int) -> None:
        """Takes a chunk of steps, at most up to the step `until`.

        Where no lane can move any more, all steps up to `until` count as taken.
        """
        began = time.monotonic()
        now = self._now
        leave = _next_leave(now.step)
        target = self._pace.target(now.step, min(until, leave))
        with precision(self._exact):
            how = (now.differentiate, self._optimizer, now.layout)
            state = _advance(*how, now.state, now.goal, now.rates, now.fixed, self._steps, np.int32(target))
            state = jax.block_until_ready(state)
        if now.compiled:
            self._pace.tell(target - now.step, time.monotonic() - began)
        if not state.alive.any():
            target, state = until, state._replace(step=jnp.asarray(until, jnp.int32))
        now = now.at(state, step=target, compiled=True)
        self._now = self._compact(now) if target == leave else now

    def stop(self, which: np.ndarray) -> None:
        """Those lanes, (lanes,) bools, take no more steps."""
        now = self._now
        self._stopped |= which & now.alive
        alive = now.state.alive & ~jnp.asarray(which[now.where])
        self._now = self._compact(now.at(now.state._replace(alive=alive)))

    def snapshot(self) -> dict[str, np.ndarray]:
        """All that another training like this one needs to go on from here."""
        now = self._now
        found = {"step": now.step, "where": now.where, "alive": now.alive, "loss": now.loss, "stopped": self._stopped}
        trees = named_arrays("state", now.state) | named_arrays("whole", now.whole)
        return {name: np.asarray(value) for name, value in found.items()} | trees

    def restore(self, found: dict[str, np.ndarray]) -> None:
        """Goes on from a snapshot; to be called before the first step."""
        now = self._with(self._now, found["where"])
        mesh, along = now.layout
        with precision(self._exact):
            state, whole = with_arrays("state", now.state, found), with_arrays("whole", now.whole, found)
            state = state if mesh is None else spread(state, mesh, along[0])
        now = now._replace(step=int(found["step"]), state=state, whole=whole)
        self._now, self._stopped = now._replace(alive=found["alive"], loss=found["loss"]), found["stopped"]

    def _compact(self, now: _Now) -> _Now:
        """The training without the lanes that ended, where these are half of the program or more."""
        running = np.unique(np.where(now.state.alive, now.where, -1), return_index=True)[1]
        running = running[np.asarray(now.state.alive)[running]]
        if running.size and 2 * filled_up(running, n_devices(self._mesh)).size <= now.where.size:
            return self._with(now._replace(whole=now.written()), running)
        return now

    def _with(self, now: _Now, places: np.ndarray) -> _Now:
        """The training with the lanes at these places of the program, as many on every device."""
        places, mesh = filled_up(places, n_devices(self._mesh)), self._mesh
        state, goal, rates, fixed, where = now.state, now.goal, now.rates, now.fixed, now.where
        layout = (None, ())
        with precision(self._exact):
            if not np.array_equal(places, np.arange(where.size)):
                given = (state._replace(step=None), fixed)
                state, fixed = jax.tree.map(lambda leaf: leaf[places] if eqx.is_array(leaf) else leaf, given)
                state = state._replace(step=now.state.step)
                goal, rates, where = goal.take(places), rates[places], where[places]
            if mesh is not None:
                along = (_along(state), per_lane(goal, places.size), True, True, False, False)
                given = (state, goal, jnp.asarray(rates), fixed)
                state, goal, rates, fixed = (
                    spread(tree, mesh, mask) for tree, mask in zip(given, along[: len(given)], strict=True)
                )
                layout = (mesh, along)
        lanes = eqx.combine(state.trained, fixed)
        count = places.size // n_devices(mesh)
        together = lanes_together(count, goal.lane_bytes(lanes), weights_bytes(lanes))
        return now._replace(
            state=state,
            goal=goal,
            rates=rates,
            fixed=fixed,
            where=where,
            layout=layout,
            differentiate=value_and_grad if self._unrolled else SideBySide(together),
            compiled=False,
        )

    @property
    def lanes(self) -> RecurrentNetwork:
        """The networks now; those that diverged stay where they last were finite."""
        return eqx.combine(self._now.written(), self._fixed)

    @property
    def diverged(self) -> np.ndarray:
        """Lanes that met a value that is not finite, (lanes,)."""
        return ~self._now.alive & ~self._stopped

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
        return not self._now.alive.any()

    @property
    def note(self) -> str:
        """The median loss of the last step."""
        loss = self._now.loss[self._now.alive]
        return f"median loss {np.median(loss):.3g}" if loss.size and self.step else ""


def _next_leave(step: int) -> int:
    """The first step after this one from which lanes that diverged may leave: powers of two, then every 1024."""
    return min(1 << step.bit_length(), step - step % _LEAVE_EVERY + _LEAVE_EVERY)


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
