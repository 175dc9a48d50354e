"""How long the directions of a network may grow: the gain, and its bound."""

import dataclasses
from typing import Any

import jax.numpy as jnp
from jaxtyping import Float

from .._errors import InvalidInput
from .._types import AnyArray
from ..theory import SteadyState

_MORE_LAGS = 20


@dataclasses.dataclass(frozen=True)
class GainBound:
    """Bounds the search to max_s |a_s| <= limit * max(a_k, 1), with a_s the largest projection at lag s.

    Some losses fall forever while the network writes ever longer directions; a bound makes their optimum exist, and
    results say whether it is active. The loss of a linear readout never profits from long directions.

    Attributes:
        limit: Largest gain, > 0.
    """

    limit: float = 100.0

    def __post_init__(self) -> None:
        if not (isinstance(self.limit, int | float) and self.limit > 0):
            raise InvalidInput("bound", self.limit, "a number > 0")


def gain(A: Float[AnyArray, "lags *rest"], taps: Float[AnyArray, "filter_lags *rest"]) -> Any:
    """max_s |a_s| / max(a_k, 1), the quantity that a `GainBound` limits.

    Args:
        A: Projections, at `bounded_lags` lags.
        taps: Target filter at the first of these lags, which says which of them are wanted.
    """
    size = jnp.abs(A)
    wanted = jnp.max(size[: len(taps)], where=taps != 0, initial=0.0)
    return jnp.max(size) / jnp.maximum(wanted, 1.0)


def bounded_lags(n_taps: int, horizon: Any) -> int:
    """How many lags a bound holds for: along a finite horizon all of it, in steady state some behind the filter.

    Args:
        n_taps: Lags of the target filter.
        horizon: `SteadyState()`, or T.
    """
    return 2 * n_taps + _MORE_LAGS if isinstance(horizon, SteadyState) else n_taps
