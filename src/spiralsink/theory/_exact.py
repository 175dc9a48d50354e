"""The exact expected loss of a linear recurrence, whatever its readout."""

from typing import Any

from jaxtyping import Float

from .._types import AnyArray
from ._horizon import Horizon
from ._linear import linear_terms
from ._problem import Problem
from ._rectified import Quadrature
from ._relu import relu_terms
from ._terms import LossTerms


def exact_terms(
    W_x: Float[AnyArray, "hidden features"],
    W_h: Float[AnyArray, "hidden hidden"],
    W_y: Float[AnyArray, "hidden outputs"],
    problem: Problem,
    *,
    readout: str,
    laws: tuple[Any, ...],
    horizon: Horizon,
    quadrature: Quadrature = Quadrature(),  # noqa: B008 (frozen)
    b_h: Float[AnyArray, " hidden"] | None = None,
    b_y: Float[AnyArray, " outputs"] | None = None,
) -> LossTerms:
    """`linear_terms` or `relu_terms`, by the readout; one network.

    Args:
        W_x: Input weights.
        W_h: Recurrent weights, with the leak folded in.
        W_y: Output weights.
        problem: Target filter, moments, importance and activity probabilities, without stack axes.
        readout: "linear" or "relu".
        laws: One amplitude law per feature; a linear readout depends on their moments only.
        horizon: `SteadyState()`, or T for the mean over t = 1 .. T.
        quadrature: Nodes, levels and lags for a ReLU readout.
        b_h: Hidden bias, or None.
        b_y: Output bias, or None.
    """
    biases = {"b_h": b_h, "b_y": b_y}
    if readout == "linear":
        return linear_terms(W_x, W_h, W_y, *problem[:4], horizon=horizon, **biases)
    return relu_terms(W_x, W_h, W_y, problem, laws=laws, horizon=horizon, quadrature=quadrature, **biases)
