"""The best free readout of a given linear recurrence: the loss is quadratic in W_y, so it has a closed form."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Float

from .._recurrence import directions
from .._types import AnyArray
from ._horizon import Horizon, SteadyState
from ._lyapunov import lyapunov


def best_readout(
    W_x: Float[AnyArray, "hidden features"],
    W_h: Float[AnyArray, "hidden hidden"],
    taps: Float[AnyArray, "lags outputs features"],
    mean: Float[AnyArray, " features"],
    second_moment: Float[AnyArray, " features"],
    *,
    horizon: Horizon,
) -> Float[AnyArray, "hidden outputs"]:
    """W_y = E[h h^T]^-1 E[h y*^T], the minimiser of the expected loss of a linear readout without bias.

    Args:
        W_x: Input weights.
        W_h: Recurrent weights; in steady state the spectral radius must be below 1.
        taps: Target filter G: all lags that it spans in steady state, T of them for a finite horizon T.
        mean: m_j = p_j mu_j.
        second_moment: q_j = p_j nu_j.
        horizon: `SteadyState()`, or T for the mean over t = 1 .. T.

    Returns:
        Output weights; importance does not enter, because outputs do not compete for a free readout.
    """
    covariance, cross = state_moments(W_x, W_h, taps, mean, second_moment, horizon=horizon)
    # equilibrate before solving: hidden units of a good solution differ in size by orders of magnitude
    scale = 1 / jnp.sqrt(jnp.maximum(jnp.diagonal(covariance), 1e-280))
    balanced = covariance * scale[:, None] * scale
    ridge = 1e-14 * jnp.eye(W_h.shape[0], dtype=W_h.dtype)
    return scale[:, None] * jnp.linalg.solve(balanced + ridge, scale[:, None] * cross)


def state_moments(W_x: Any, W_h: Any, taps: Any, mean: Any, second_moment: Any, *, horizon: Horizon) -> tuple[Any, Any]:
    """E[h h^T], (hidden, hidden), and E[h y*^T], (hidden, outputs), at one step or averaged over a finite horizon.

    Args:
        W_x: Input weights, (hidden, features), a leak folded in.
        W_h: Recurrent weights, (hidden, hidden), a leak folded in; stable for the steady state.
        taps: Target filter G, (lags, outputs, features): all lags that it spans, or T of them for a finite horizon T.
        mean: m_j = p_j mu_j, (features,).
        second_moment: q_j = p_j nu_j, (features,).
        horizon: `SteadyState()`, or T for the mean over t = 1 .. T.
    """
    variance = second_moment - mean**2
    written = directions(W_x, W_h, n_lags=taps.shape[0], recurrence="linear")
    hit = jnp.einsum("shj,j,sij->shi", written, variance, taps)
    mean_target = jnp.cumsum(taps @ mean, axis=0)
    if isinstance(horizon, SteadyState):
        mean_state = jnp.linalg.solve(jnp.eye(W_h.shape[0], dtype=W_h.dtype) - W_h, W_x @ mean)
        covariance = lyapunov(W_h, (W_x * variance) @ W_x.T) + jnp.outer(mean_state, mean_state)
        return covariance, hit.sum(axis=0) + jnp.outer(mean_state, mean_target[-1])
    mean_state = jnp.cumsum(written @ mean, axis=0)
    n_steps = taps.shape[0]
    share = 1 - jnp.arange(n_steps, dtype=W_h.dtype) / n_steps  # of the steps at which a lag is available
    covariance = jnp.einsum("s,shj,j,sgj->hg", share, written, variance, written) + mean_state.T @ mean_state / n_steps
    cross = jnp.einsum("s,shi->hi", share, hit) + mean_state.T @ mean_target / n_steps
    return covariance, cross
