"""Over which steps a loss is averaged."""

import dataclasses
from typing import Any

from .._errors import check_count


@dataclasses.dataclass(frozen=True)
class SteadyState:
    """The loss of one step after infinitely many: all lags are available.

    The other choice is an int T, the mean over t = 1 .. T with h_0 = 0, where only lags s < t are available and the
    target is 0 where t - s < 1.
    """

    def __str__(self) -> str:
        return "steady state"


Horizon = int | SteadyState


def check_horizon(horizon: Any) -> Horizon:
    """Returns a `SteadyState` or a whole number >= 1.

    Args:
        horizon: What the user gave.

    Raises:
        InvalidInput: If it is neither.
    """
    return horizon if isinstance(horizon, SteadyState) else check_count("horizon", horizon, 1)


def mean_over_steps(values: Any, horizon: int) -> Any:
    """The mean over t = 1 .. T of values of the first steps, along the first axis; the last stands for all after it."""
    n_steps = values.shape[0]
    if n_steps >= horizon:
        return values.mean(axis=0)
    return (values.sum(axis=0) + (horizon - n_steps) * values[-1]) / horizon
