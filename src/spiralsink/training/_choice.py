"""Which engine trains: the one that was asked for, or the fastest that can."""

from typing import Any

import jax

from .._errors import NotCovered, Shown
from .._machine import usable_cores
from ._engines import Automatic, Batched, Engine, Native, Unrolled
from ._goals import SampledGoal
from ._native import not_native
from ._rollout import Whole, choose_rollout, is_faster_by_powers
from ._unrolled import not_unrolled

_FEWEST_UNROLLED = 12  # networks: XLA lowers few lanes another way, as slow as separate small products


def choose_engine(engine: Engine, lanes: Any, goal: Any, optimizer: Any) -> tuple[Native | Unrolled | Batched, str]:
    """The engine that trains these lanes; and why it is not the native kernel, where that was left open.

    Raises:
        NotCovered: If the engine that was asked for cannot.
    """
    reasons = {Native: lambda: not_native(lanes, goal, optimizer), Unrolled: lambda: not_unrolled(lanes, goal)}
    if isinstance(engine, Automatic):
        elsewhere = f"arrays live on a {jax.default_backend()}" if jax.default_backend() != "cpu" else ""
        reason = elsewhere or reasons[Native]() or _faster_by_powers(lanes, goal)
        if not reason:
            return Native(usable_cores()), ""
        unsuited = lanes.W_x.shape[0] < _FEWEST_UNROLLED or _keeps_too_much(lanes, goal)
        return Batched() if unsuited or reasons[Unrolled]() else Unrolled(), "" if goal.exact else reason
    if reason := reasons.get(type(engine), lambda: "")():
        raise NotCovered("engine", Shown(type(engine).__name__), "Automatic() or Batched() here", hint=reason)
    return Native(engine.threads or usable_cores()) if isinstance(engine, Native) else engine, ""


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
    return (engine.threads or usable_cores()) if isinstance(engine, Native) else 0
