"""The lags behind the last one that is followed: what infinitely many small inputs add, by their cumulants."""

import math
from typing import Any

import jax.numpy as jnp
from jax.scipy.special import erfc

from ._lyapunov import lyapunov


def tail_cumulants(W_h: Any, W_y: Any, written: Any, mean: Any, second_moment: Any) -> tuple[Any, Any]:
    """Mean and variance of sum_{s,j} (W_y^T W_h^s written)_j x_j over all s >= 0, each (outputs,).

    Args:
        W_h: Stable recurrent weights.
        W_y: Output weights.
        written: Feature directions at the first lag of the tail, (hidden, features).
        mean: m_j = p_j mu_j.
        second_moment: q_j = p_j nu_j.
    """
    variance = second_moment - mean**2
    reached = jnp.linalg.solve(jnp.eye(W_h.shape[0], dtype=W_h.dtype) - W_h, written @ mean)
    spread = lyapunov(W_h, (written * variance) @ written.T)
    energy = jnp.einsum("hi,hg,gi->i", W_y, spread, W_y)
    return reached @ W_y, jnp.where(energy > 0, energy, 0.0)


def rectified_normal(mean: Any, variance: Any) -> tuple[Any, Any, Any]:
    """E[(z)_+^2] of a normal z, and its derivatives with respect to mean and variance."""
    positive = variance > 0
    scale = jnp.sqrt(jnp.where(positive, variance, 1.0))
    at = mean / scale
    below, density = _normal(at)
    square = (mean**2 + variance) * below + mean * scale * density
    slope = 2 * (mean * below + scale * density)
    seen = jnp.maximum(mean, 0.0)
    sure = (seen**2, 2 * seen, jnp.where(mean > 0, 1.0, 0.0))
    return tuple(  # pyright: ignore[reportReturnType]
        jnp.where(positive, yes, no) for yes, no in zip((square, slope, below), sure, strict=True)
    )


def _normal(at: Any) -> tuple[Any, Any]:
    at = jnp.clip(at, -38.0, 38.0)
    return 0.5 * erfc(-at / math.sqrt(2)), jnp.exp(-0.5 * at**2) / math.sqrt(2 * math.pi)


def with_tail(highest: Any, largest: Any, mean: Any, variance: Any) -> tuple[Any, Any]:
    """The highest value of a sum and the largest of its parts, with a tail that all but never exceeds 9 sigma."""
    deviation = jnp.sqrt(variance)
    return highest + jnp.maximum(mean + 9 * deviation, 0.0), jnp.maximum(largest, deviation)
