"""Which engine trains: the one that was asked for, or the fastest that can and that fits in memory."""

from typing import Any

import jax

from .._errors import NotCovered, Shown
from .._machine import usable_cores
from ._engines import Automatic, Batched, Engine, Native, Unrolled
from ._evaluate import evaluation_ways
from ._goals import PenalisedGoal, SampledGoal
from ._memory import lane_bytes, left_bytes
from ._native import not_native
from ._native_job import TOO_LONG, TOO_MANY, native_way
from ._refusals import Way, check_training_fits
from ._rollout import Whole, choose_rollout, is_faster_by_powers
from ._unrolled import not_unrolled, unrolled_way

Chosen = Native | Unrolled | Batched

_MOST_THREADS_PER_CORE = 8
_FEWEST_UNROLLED = 12  # networks: XLA lowers few lanes another way, as slow as separate small products


def choose_engine(engine: Engine, lanes: Any, goal: Any, optimizer: Any) -> tuple[Chosen, str]:
    """The engine that trains these lanes; and why it is not the native kernel, where that was left open.

    Raises:
        NotCovered: If the engine that was asked for cannot.
        InvalidInput: If none has the memory for one network; names the horizon or the batch size.
    """
    if isinstance(engine, Automatic):
        able, reason = _able(lanes, goal, optimizer)
    else:
        able, reason = [_asked_for(engine, lanes, goal, optimizer)], ""
    sampled = goal.inner if isinstance(goal, PenalisedGoal) else goal
    if not isinstance(sampled, SampledGoal):
        return able[0], reason
    ways = [_way(each, lanes, goal, sampled) for each in able]
    sizes = {"batch_size": sampled.batch_size, "horizon": sampled.sequences.horizon}
    fitting = [each for each, way in zip(able, ways, strict=True) if way.fits(**sizes)]
    if reason in (TOO_LONG, TOO_MANY):  # a shorter horizon, or a smaller batch, would be for the kernel
        ways.append(native_way(lanes, sampled.sequences))
    evaluation = evaluation_ways(lanes, sampled.sequences, native_threads(engine))
    check_training_fits(ways, evaluation, n_hidden=lanes.n_hidden, **sizes)
    return fitting[0], "" if isinstance(fitting[0], Native) else reason


def _asked_for(engine: Engine, lanes: Any, goal: Any, optimizer: Any) -> Chosen:
    reasons = {Native: lambda: not_native(lanes, goal, optimizer), Unrolled: lambda: not_unrolled(lanes, goal)}
    if reason := reasons.get(type(engine), lambda: "")():
        raise NotCovered("engine", Shown(type(engine).__name__), "Automatic() or Batched() here", hint=reason)
    return engine if isinstance(engine, Unrolled | Batched) else Native(native_threads(engine))


def _able(lanes: Any, goal: Any, optimizer: Any) -> tuple[list[Chosen], str]:
    """The engines that can, the fastest first; and why that is not the native kernel."""
    elsewhere = f"arrays live on a {jax.default_backend()}" if jax.default_backend() != "cpu" else ""
    cannot = elsewhere or not_native(lanes, goal, optimizer)
    native = [] if cannot else [Native(usable_cores())]
    if not cannot and not (cannot := _faster_by_powers(lanes, goal)):
        return [*native, Batched()], ""
    unsuited = lanes.W_x.shape[0] < _FEWEST_UNROLLED or _keeps_too_much(lanes, goal)
    unrolled = [] if not_unrolled(lanes, goal) else [Unrolled()]
    order = [Batched(), *native, *unrolled] if unsuited else [*unrolled, Batched(), *native]
    return order, "" if goal.exact else cannot


def _way(engine: Chosen, lanes: Any, goal: Any, sampled: SampledGoal) -> Way:
    if isinstance(engine, Native):
        return native_way(lanes, sampled.sequences)
    if isinstance(engine, Unrolled):
        return unrolled_way(lanes, goal)
    noise = sampled.state_noise

    def needed(batch_size: int, horizon: int) -> int:
        return lane_bytes(lanes, batch_size=batch_size, horizon=horizon, state_noise=noise)

    return Way(needed, left_bytes(lanes))


def _faster_by_powers(lanes: Any, goal: Any) -> str:
    faster = isinstance(goal, SampledGoal) and is_faster_by_powers(lanes, goal.sequences.horizon)
    return "a long linear recurrence is faster by powers" if faster else ""


def _keeps_too_much(lanes: Any, goal: Any) -> bool:
    """Whether the horizon is one from which states are not kept, which the unrolled engine always does."""
    return isinstance(goal, SampledGoal) and not isinstance(choose_rollout(lanes, goal.sequences.horizon), Whole)


def native_threads(engine: Engine) -> int:
    """How many threads of native code the engine stands for; 0 where it is XLA."""
    if isinstance(engine, Automatic):
        return usable_cores() if jax.default_backend() == "cpu" else 0
    if not isinstance(engine, Native):
        return 0
    return min(engine.threads or usable_cores(), _MOST_THREADS_PER_CORE * usable_cores())
