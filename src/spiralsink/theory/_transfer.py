"""Minimal coordinates of a scalar linear recurrence: the coefficients of its transfer function."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float

from .._errors import InvalidInput, Shown
from .._float64 import computes_in_float64
from .._types import AnyArray


def transfer_projections(
    coefficients: Float[AnyArray, "*stack two_hidden"], n_lags: int
) -> Float[AnyArray, "*stack lags"]:
    """The projections a_s of A(z) = sum_s a_s z^-s = (n_0 + n_1 z^-1 + ...) / (1 + d_1 z^-1 + d_2 z^-2 + ...).

    a_s = n_s - sum_{i=1}^{N_h} d_i a_{s-i}, with n_s = 0 for s >= N_h and a_s = 0 for s < 0.

    A linear recurrence with one input and one output is its transfer function: all 2 N_h coefficients change some
    projection (unless a zero cancels a pole), and no projection can change without them. So minima of a loss are
    isolated in these coordinates, while in (W_x, W_h, W_y) they are whole surfaces of equivalent networks, and
    nothing happens to them where two real poles become a complex pair.

    Args:
        coefficients: (n_0 .. n_{N_h - 1}, d_1 .. d_{N_h}).
        n_lags: How many lags.

    Source: Kailath, Linear Systems, section 2.1 (controller form).
    """
    numerator, denominator = _split(jnp.asarray(coefficients))
    order = numerator.shape[-1]
    forced = jnp.concatenate([numerator, jnp.zeros((*numerator.shape[:-1], n_lags), numerator.dtype)], axis=-1)

    def step(recent: Any, driven: Any) -> tuple[Any, Any]:
        a = driven - jnp.sum(denominator * recent, axis=-1)
        return jnp.concatenate([a[..., None], recent[..., :-1]], axis=-1), a

    silent = jnp.zeros((*numerator.shape[:-1], order), numerator.dtype)
    _, a = jax.lax.scan(step, silent, jnp.moveaxis(forced[..., :n_lags], -1, 0))
    return jnp.moveaxis(a, 0, -1)


def transfer_weights(
    coefficients: Float[AnyArray, "*stack two_hidden"],
) -> tuple[
    Float[AnyArray, "*stack hidden 1"],
    Float[AnyArray, "*stack hidden hidden"],
    Float[AnyArray, "*stack hidden 1"],
]:
    """A network (W_x, W_h, W_y) with these coefficients, W_y^T W_h^s W_x = a_s.

    Its state is (u_t, u_{t-1}, ...) with u_t = x_t - sum_i d_i u_{t-i}; W_h is the companion matrix, whose
    eigenvalues are the poles.

    Args:
        coefficients: (n_0 .. n_{N_h - 1}, d_1 .. d_{N_h}).
    """
    numerator, denominator = _split(jnp.asarray(coefficients))
    order = numerator.shape[-1]
    shift = jnp.broadcast_to(jnp.eye(order, k=-1, dtype=numerator.dtype), (*numerator.shape, order))
    first = jnp.zeros_like(numerator).at[..., 0].set(1.0)
    return first[..., None], shift.at[..., 0, :].set(-denominator), numerator[..., None]


def transfer_coefficients(
    W_x: Float[AnyArray, "*stack hidden features"],
    W_h: Float[AnyArray, "*stack hidden hidden"],
    W_y: Float[AnyArray, "*stack hidden outputs"],
) -> Float[np.ndarray, "*stack two_hidden"]:
    """The coefficients (n_0 .. n_{N_h - 1}, d_1 .. d_{N_h}) of a network with one input and one output.

    d are the coefficients of det(z - W_h) and n_s = a_s + sum_i d_i a_{s-i}, by the recursion of Faddeev and LeVerrier.

    Args:
        W_x: Input weights, a leak folded in.
        W_h: Recurrent weights, a leak folded in.
        W_y: Output weights.

    Raises:
        InvalidInput: If there is more than one input or output.
    """
    W_x, W_h, W_y = (np.asarray(each, np.float64) for each in (W_x, W_h, W_y))
    for name, each in (("W_x", W_x), ("W_y", W_y)):
        if each.shape[-1] != 1:
            raise InvalidInput(
                name, Shown(f"shape {each.shape}"), "of one input and one output for a transfer function"
            )
    order = W_h.shape[-1]
    identity = np.eye(order)
    denominator, adjugate = [np.ones(W_h.shape[:-2])], np.broadcast_to(identity, W_h.shape)
    numerator = []
    for power in range(1, order + 1):
        # A(z) = W_y^T adj(z - W_h) W_x z / det(z - W_h): the recursion gives both
        numerator.append((np.swapaxes(W_y, -1, -2) @ adjugate @ W_x)[..., 0, 0])
        product = W_h @ adjugate
        denominator.append(-np.trace(product, axis1=-2, axis2=-1) / power)
        adjugate = product + denominator[-1][..., None, None] * identity
    return np.stack([*numerator, *denominator[1:]], axis=-1)


def transfer_poles(coefficients: Float[AnyArray, "*stack two_hidden"]) -> Complex[np.ndarray, "*stack hidden"]:
    """The eigenvalues of the recurrence, roots of z^N_h + d_1 z^(N_h - 1) + ... + d_{N_h}; stable if all are within 1.

    Args:
        coefficients: (n_0 .. n_{N_h - 1}, d_1 .. d_{N_h}).
    """
    _, W_h, _ = computes_in_float64(transfer_weights)(np.asarray(coefficients, np.float64))
    return np.linalg.eigvals(W_h).astype(np.complex128)


def _split(coefficients: Any) -> tuple[Any, Any]:
    order, odd = divmod(coefficients.shape[-1], 2)
    if odd or not order:
        raise InvalidInput("coefficients", Shown(f"{coefficients.shape[-1]} of them"), "2 N_h coefficients")
    return coefficients[..., :order], coefficients[..., order:]
