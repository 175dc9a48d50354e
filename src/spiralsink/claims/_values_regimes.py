"""From the data of the claims about regimes and seeds to the numbers that their bars judge."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float


def free_space_values(fractions: Mapping[str, float]) -> dict[str, float]:
    """The free fraction of the best network of every class."""
    return {model: float(fractions[model]) for model in ("ssm", "nonlinear", "linear")}


def dense_values(
    excess: Mapping[str, Float[np.ndarray, "*shape"]], difference: Float[np.ndarray, "*lags"]
) -> dict[str, float]:
    """Largest relative distance of losses from the linear optimum, and of the SSM's projections, of either sign.

    Args:
        excess: Loss over that of the linear optimum, minus one, by class.
        difference: Projections minus those of the optimum, at lags up to the delay.
    """
    return {
        "ssm": float(np.max(np.abs(excess["ssm"]))),
        "nonlinear": float(np.max(np.abs(excess["nonlinear"]))),
        "projections": float(np.max(np.abs(difference))),
    }


def sharp_values(
    held: Float[np.ndarray, " lags"], delay: int, sharpness: float, linear_sharpness: float
) -> dict[str, float]:
    """What `sharp-forgetting` is judged by.

    Args:
        held: Projections a_s of the best network, at all lags of a sequence.
        delay: k.
        sharpness: Of that network; NaN where it is null.
        linear_sharpness: Of the linear optimum.
    """
    return {
        "recall": float(held[delay]),
        "others": float(np.max(np.delete(held, delay))),
        "sharpness": float(sharpness),
        "linear": float(linear_sharpness),
    }


def reached(
    loss: Float[np.ndarray, " networks"], regime: np.ndarray, *, within: float
) -> tuple[Bool[np.ndarray, " networks"], int]:
    """Which networks have a loss within a share of the lowest one and the regime of that network, and which it is."""
    finite = np.where(np.isfinite(loss), loss, np.inf)
    best = int(np.argmin(finite))
    return (finite <= (1 + within) * finite[best]) & (np.asarray(regime) == regime[best]), best
