"""A task and a process as the arrays that every exact loss takes."""

from typing import Any, NamedTuple

import numpy as np

from .._errors import InvalidInput, NotCovered, Shown
from ..processes import SparseProcess
from ..tasks import FilterTask, check_reach, filter_memory, most_lags, task_importance
from ._horizon import SteadyState, check_horizon

# tasks of similar span share one compiled program; lags behind a filter's span are part of its tail
_LAGS_ROUNDED_TO = 8


class Problem(NamedTuple):
    """What is asked and heard, as arrays; taps and moments have stack axes of their own, or none.

    Attributes:
        taps: Target filter G, (*stack, lags, outputs, features).
        mean: m_j = p_j mu_j, (*stack, features).
        second_moment: q_j = p_j nu_j, (*stack, features).
        importance: I_i, (outputs,).
        p: Activity probabilities p_j, (*stack, features).
    """

    taps: Any
    mean: Any
    second_moment: Any
    importance: Any
    p: Any

    @property
    def stacks(self) -> dict[str, tuple[int, ...]]:
        """The stack axes of task and process, by name."""
        return {"task": np.shape(self.taps)[:-3], "process": np.shape(self.mean)[:-1]}


def problem_arrays(task: Any, process: Any, *, horizon: Any) -> Problem:
    """The arrays of a filter task: at least the lags that the filter spans, or T of them for a finite horizon T.

    Args:
        task: A filter task.
        process: A `SparseProcess`.
        horizon: `SteadyState()`, or T.

    Raises:
        NotCovered: If the task is not a filter task, or the process is not temporally independent.
        InvalidInput: If a delay lies beyond the horizon, the horizon or the filter is too long to be held, or the
            importance does not fit.
    """
    if not isinstance(task, FilterTask):
        raise NotCovered("task", Shown(type(task).__name__), "a filter task (with target_filter) for an exact loss")
    if not isinstance(process, SparseProcess):
        raise NotCovered("process", Shown(type(process).__name__), "a SparseProcess for an exact loss")
    n_features = process.n_features
    if isinstance(check_horizon(horizon), SteadyState):
        n_lags = -(-filter_memory(task, n_features) // _LAGS_ROUNDED_TO) * _LAGS_ROUNDED_TO
    else:
        check_reach(task, n_features, horizon)
        n_lags, most = horizon, most_lags(task, n_features)
        if n_lags > most:
            raise InvalidInput("horizon", horizon, f"<= {most}")
    taps = np.asarray(task.target_filter(n_lags, n_features), dtype=np.float64)
    expected = (n_lags, task.n_outputs(n_features), n_features)
    if taps.shape[-3:] != expected:
        raise InvalidInput("target_filter", Shown(f"shape {taps.shape}"), f"of shape (*stack, *{expected})")
    p = process.p if np.ndim(process.p) else process.p * np.ones(n_features)
    return Problem(taps, process.mean, process.second_moment, task_importance(task, expected[1]), p)


# how many axes each array of a problem has without a stack
PROBLEM_AXES = Problem(3, 1, 1, 1, 1)


def joint_stack(**stacks: tuple[int, ...]) -> tuple[int, ...]:
    """The stack that network, process and task have in common: their axes are equal or absent.

    Args:
        **stacks: The stack axes of each, by the name that an error shows.

    Raises:
        InvalidInput: If two of them differ; names both.
    """
    given = {name: tuple(stack) for name, stack in stacks.items() if stack}
    if not given:
        return ()
    first, stack = next(iter(given.items()))
    for name, other in given.items():
        if other != stack:
            raise InvalidInput(
                f"stack of the {name}", Shown(str(other)), f"equal to {stack}, that of the {first}, or absent"
            )
    return stack
