"""`minimise`: all lanes in one compiled loop, in chunks between which the host reports and decides."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from .._errors import InvalidInput, Shown, check_count, check_finite
from .._float64 import float64
from .._progress import NoProgress, Progress
from .._status import Status, count_statuses
from ._bfgs import BFGS
from ._search import RUNNING, Method

_FIRST_CHUNK = 10
_LONGEST_CHUNK = 5000
_CHUNK_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Minima:
    """The points at which the lanes of a minimisation ended.

    Attributes:
        point: Shape (n, d).
        value: f there, (n,); infinite where it was not finite at the start.
        gradient_norm: Euclidean norm of the gradient there, (n,).
        steps: Accepted steps, (n,).
        status: Integers of `Status`, (n,). CONVERGED: the gradient norm is at most tolerance max(1, |f|), or no
            further decrease is possible at the level of rounding. DIVERGED: f was not finite at the start, or fell
            below -1e12. UNCONVERGED: the steps ran out, or every further step leaves the region where f is finite.
    """

    point: Float[np.ndarray, "n d"]
    value: Float[np.ndarray, " n"]
    gradient_norm: Float[np.ndarray, " n"]
    steps: Int[np.ndarray, " n"]
    status: Int[np.ndarray, " n"]

    def __str__(self) -> str:
        ended = ", ".join(f"{count} {name}" for name, count in count_statuses(self.status).items())
        best = int(np.argmin(self.value))
        return (
            f"Minima of {len(self.value)} lanes in {self.point.shape[1]} dimensions: {ended}\n"
            f"  best value     {self.value[best]:.10g} (lane {best}, gradient norm {self.gradient_norm[best]:.2g})\n"
            f"  median value   {np.median(self.value):.10g}\n"
            f"  steps          {int(np.median(self.steps))} (median), {int(self.steps.max())} (most)"
        )


def minimise(
    function: Callable[..., Any],
    start: Any,
    *,
    args: tuple[Any, ...] = (),
    method: Method = BFGS(),  # noqa: B008 (frozen)
    max_steps: int = 500,
    tolerance: float = 1e-9,
    in_turn: bool = False,
    progress: Progress = NoProgress(),  # noqa: B008 (stateless)
) -> Minima:
    """Minimises f(x, *args) from n starting points at once; lanes are independent.

    All lanes run in one compiled loop in float64, one evaluation each per iteration; lanes that ended stay as they
    are. The program is compiled once for each function, method and shape, so `function` should be defined once (or
    be an `equinox.Partial` of such a function), not anew for each call.

    Args:
        function: f: x (d,) and the lane's `args` to a scalar, in JAX. A value that is infinite or NaN marks a point
            that is not allowed.
        start: Starting points, (n, d).
        args: Further arguments: a tuple of trees of arrays with a leading axis n, one entry per lane.
        method: `BFGS()` or `LevenbergMarquardt()`.
        max_steps: Largest number of accepted steps of each lane, >= 0.
        tolerance: A lane has converged when its gradient norm is at most tolerance max(1, |f|).
        in_turn: Evaluate one lane after the other instead of all at once: faster where one evaluation is large
            enough to fill a core, because lanes that ended then cost nothing.
        progress: Told about the lanes that ended.

    Returns:
        `Minima`, in NumPy float64; each lane holds the lowest point it visited, up to rounding.

    Raises:
        InvalidInput: If shapes do not fit or `start` is not finite.
    """
    start = _check_start(start)
    check_count("max_steps", max_steps, 0)
    if not (isinstance(tolerance, float | int) and 0 <= tolerance < np.inf):
        raise InvalidInput("tolerance", tolerance, "a finite number >= 0")
    for leaf in jax.tree.leaves(args):
        if not np.ndim(leaf) or len(leaf) != len(start):
            raise InvalidInput(
                "args",
                Shown(f"an array of shape {np.shape(leaf)}"),
                f"arrays with one entry for each of {len(start)} lanes",
            )
    progress.start("minimising", len(start), "lanes")
    ended = 0
    try:
        with float64():
            search = Search(function, start, args, method=method, tolerance=tolerance, in_turn=in_turn)
            while search.advance(max_steps):
                now = search.n_ended
                progress.advance(now - ended, f"lowest {search.lowest:.6g}")
                ended = now
            progress.advance(len(start) - ended)
            return search.minima()
    finally:
        progress.close()


class Search:
    """A minimisation in progress, advanced from the host; used inside `float64()`. Arguments as in `minimise`."""

    def __init__(
        self, function: Any, start: Any, args: Any, *, method: Method, tolerance: float, in_turn: bool = False
    ):
        self._in_turn = in_turn
        self._function, self._method, self._tolerance = function, method, float(tolerance)
        self._args = jax.tree.map(_as_wide, args)
        self._state = _initial(method, jnp.asarray(start, jnp.float64))
        self._chunk = _FIRST_CHUNK
        self._compiled = False

    def advance(self, max_steps: int) -> bool:
        """Runs one chunk; returns whether any lane is still running and below `max_steps` accepted steps."""
        began = time.monotonic()
        budget = (np.int32(max_steps), np.int32(self._chunk), np.float64(self._tolerance))
        self._state, unfinished = _run_chunk(
            self._function, self._method, self._in_turn, self._state, self._args, *budget
        )
        unfinished = bool(unfinished)
        seconds = time.monotonic() - began
        if self._compiled and seconds < _CHUNK_SECONDS:
            self._chunk = min(2 * self._chunk, _LONGEST_CHUNK)
        elif self._compiled and seconds > 2 * _CHUNK_SECONDS:
            self._chunk = max(self._chunk // 2, 1)
        self._compiled = True
        return unfinished

    def stop(self, which: Bool[np.ndarray, " lanes"]) -> None:
        """Lanes that are to end where they are, unconverged; those that have ended stay as they are."""
        status = np.asarray(self._state.status)
        stopped = np.where(which & (status == RUNNING), np.int32(Status.UNCONVERGED), status)
        self._state = self._state._replace(status=jnp.asarray(stopped, self._state.status.dtype))

    @property
    def state(self) -> Any:
        """All that is kept about the lanes, a tree of arrays; another search like this one can `go_on` from it."""
        return self._state

    def go_on(self, state: Any) -> None:
        """Takes the state of another search."""
        self._state = state

    @property
    def n_lanes(self) -> int:
        """How many lanes there are."""
        return len(self._state.status)

    @property
    def n_ended(self) -> int:
        """Lanes that will not move any more."""
        return int((np.asarray(self._state.status) != RUNNING).sum())

    @property
    def fewest_steps(self) -> int:
        """Accepted steps of the slowest lane that still runs; of the fastest lane when none does."""
        steps = np.maximum(np.asarray(self._state.steps), 0)
        running = np.asarray(self._state.status) == RUNNING
        return int(steps[running].min() if running.any() else steps.max())

    @property
    def lowest(self) -> float:
        """The lowest value so far."""
        return float(np.min(np.asarray(self._state.value)))

    def minima(self) -> Minima:
        """Where the lanes are now; those that still run are UNCONVERGED."""
        state = jax.tree.map(np.asarray, self._state)
        with np.errstate(over="ignore"):  # lanes that ended at a wall may have gradients of any size
            gradient_norm = np.linalg.norm(state.gradient, axis=-1)
        return Minima(
            point=state.point,
            value=state.value,
            gradient_norm=gradient_norm,
            steps=np.maximum(state.steps, 0),
            status=np.where(state.status == RUNNING, Status.UNCONVERGED, state.status).astype(np.int8),
        )


@eqx.filter_jit
def _initial(method: Method, start: Any) -> Any:
    return jax.vmap(method.init)(start)


@eqx.filter_jit
def _run_chunk(
    function: Any,
    method: Method,
    in_turn: bool,
    state: Any,
    args: Any,
    max_steps: Any,
    n_evaluations: Any,
    tolerance: Any,
) -> Any:
    def running(state: Any) -> Any:
        return (state.status == RUNNING) & (state.steps < max_steps)

    def advance_lane(state: Any, args: Any) -> Any:
        moved = method.advance(lambda point: function(point, *args), state, tolerance)
        return jax.tree.map(lambda new, old: jnp.where(running(state), new, old), moved, state)

    def advance_if_running(state_and_args: Any) -> Any:
        state, _ = state_and_args
        return jax.lax.cond(running(state), lambda both: advance_lane(*both), lambda both: both[0], state_and_args)

    def body(carry: Any) -> Any:
        count, state = carry
        moved = jax.lax.map(advance_if_running, (state, args)) if in_turn else jax.vmap(advance_lane)(state, args)
        return count + 1, moved

    def unfinished(carry: Any) -> Any:
        count, state = carry
        return (count < n_evaluations) & running(state).any()

    _, state = jax.lax.while_loop(unfinished, body, (jnp.int32(0), state))
    return state, running(state).any()


def _check_start(start: Any) -> np.ndarray:
    try:
        values = np.asarray(start, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput("start", start, "an array of numbers (n, d)") from None
    if values.ndim != 2 or 0 in values.shape:
        raise InvalidInput("start", Shown(f"shape {values.shape}"), "of shape (n, d), one row per lane")
    check_finite("start", values)
    return values


def _as_wide(leaf: Any) -> Any:
    leaf = jnp.asarray(leaf)
    return leaf.astype(jnp.float64) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
