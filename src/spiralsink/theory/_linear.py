"""The exact expected loss of linear networks on any filter task, as the paper's four terms."""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Float

from .._recurrence import responses
from .._status import Status
from .._types import AnyArray
from ._horizon import Horizon, SteadyState, mean_over_steps
from ._lyapunov import is_stable, lyapunov
from ._terms import LossTerms


class _Sums(NamedTuple):
    """Sums over the available (lag, feature) pairs, each (..., outputs); n runs over pairs."""

    benefit: Any  # q (A - G)^2 over the support of G
    temporal: Any  # q A^2 outside of it, split by kind
    spatial: Any
    mixed: Any
    mean_out: Any  # m A
    mean_target: Any  # m G
    square_out: Any  # m^2 A^2
    square_target: Any  # m^2 G^2
    cross: Any  # m^2 G A
    variance: Any  # (q - m^2) (A - G)^2


def linear_terms(
    W_x: Float[AnyArray, "hidden features"],
    W_h: Float[AnyArray, "hidden hidden"],
    W_y: Float[AnyArray, "hidden outputs"],
    taps: Float[AnyArray, "lags outputs features"],
    mean: Float[AnyArray, " features"],
    second_moment: Float[AnyArray, " features"],
    importance: Float[AnyArray, " outputs"],
    *,
    horizon: Horizon,
    b_h: Float[AnyArray, " hidden"] | None = None,
    b_y: Float[AnyArray, " outputs"] | None = None,
) -> LossTerms:
    """E[L] = sum_i I_i ( sum_{s,j} (q_j - m_j^2) C_s[i,j]^2 + (sum_{s,j} m_j C_s[i,j])^2 ), C_s = A_s - G_s.

    One network, pure JAX in the dtype of its arguments; differentiable to any order and vmappable. A bias acts as
    one more input that is always on: its interference is counted as composition interference.

    Args:
        W_x: Input weights.
        W_h: Recurrent weights, with the leak folded in.
        W_y: Output weights.
        taps: Target filter G: all lags that the filter spans in steady state, T of them for a finite horizon T.
        mean: m_j = p_j mu_j.
        second_moment: q_j = p_j nu_j.
        importance: I_i.
        horizon: `SteadyState()`, or T for the mean over t = 1 .. T of the loss at step t.
        b_h: Hidden bias, or None.
        b_y: Output bias, or None.

    Returns:
        The terms, per step. In steady state `total` is infinite with status UNSTABLE if the spectral radius is >= 1.

    Source: the paper's Eq. 5 for scalar inputs and one delay; the general form follows from E[x_n x_n'] = m_n m_n'.
    """
    steady = isinstance(horizon, SteadyState)
    stable = is_stable(W_h) if steady else jnp.array(True)
    # an unstable recurrence is replaced before anything is computed, so that neither value nor gradient is NaN
    W_h = jnp.where(stable, W_h, 0.0) if steady else W_h
    A, behind = responses(W_x, W_h, W_y, n_lags=taps.shape[0])
    sums = _sum_lags(A, taps, mean, second_moment)
    offset = output_offset(W_h, W_y, b_h, b_y, taps.shape[0], steady)
    if steady:
        sums = _Sums(*(each[-1] for each in sums))
        sums = _add_tail(sums, W_h, W_y, behind, taps, mean, second_moment)

    composition = (sums.mean_out + offset) ** 2 - sums.square_out
    correction = (
        sums.mean_target**2 - sums.square_target - 2 * (sums.mean_target * (sums.mean_out + offset) - sums.cross)
    )
    per_output = sums.variance + (sums.mean_out + offset - sums.mean_target) ** 2
    parts = {
        "task_benefit": sums.benefit,
        "mean_correction": correction,
        "projection_interference": sums.temporal + sums.spatial + sums.mixed,
        "composition_interference": composition,
        "projection_temporal": sums.temporal,
        "projection_spatial": sums.spatial,
        "projection_mixed": sums.mixed,
    }
    over_steps = (lambda values: values) if steady else (lambda values: values.mean(axis=0))
    weighted = {name: jnp.sum(importance * over_steps(part)) for name, part in parts.items()}
    per_output = over_steps(per_output)
    largest = sum(jnp.abs(weighted[name]) for name in list(parts)[:4])
    values = {"total": jnp.sum(importance * per_output), "per_output": per_output} | weighted
    values = {name: jnp.where(stable, value, jnp.inf) for name, value in values.items()}
    status = jnp.where(stable, int(Status.CONVERGED), int(Status.UNSTABLE)).astype(jnp.int8)
    error = jnp.where(stable, 4 * jnp.finfo(A.dtype).eps * largest, jnp.inf)
    return LossTerms(**values, error_estimate=error, status=status)


def silent_loss(
    taps: Float[AnyArray, "*stack lags outputs features"],
    mean: Float[AnyArray, "*#stack features"],
    second_moment: Float[AnyArray, "*#stack features"],
    *,
    horizon: Horizon,
) -> Float[AnyArray, "*stack outputs"]:
    """L_0 per output before importance: E[(sum_{s,j} G_s[i,j] x_{j,t-s})^2], the loss of a silent network.

    Args:
        taps: Target filter G, as in `linear_terms`; unlike there, stack axes may lead, and lags behind its span may be
            missing.
        mean: m_j = p_j mu_j.
        second_moment: q_j = p_j nu_j.
        horizon: `SteadyState()`, or T for the mean over t = 1 .. T.
    """
    mean, second_moment = mean[..., None, None, :], second_moment[..., None, None, :]
    variance = jnp.cumsum(jnp.sum((second_moment - mean**2) * taps**2, axis=-1), axis=-2)
    average = jnp.cumsum(jnp.sum(mean * taps, axis=-1), axis=-2)
    steps = variance + average**2
    return (
        steps[..., -1, :] if isinstance(horizon, SteadyState) else mean_over_steps(jnp.moveaxis(steps, -2, 0), horizon)
    )


def _sum_lags(A: Any, G: Any, m: Any, q: Any) -> _Sums:
    """Cumulative sums over lags, each (lags, outputs): entry s - 1 is what is available at step t = s."""
    wanted = G != 0
    features = wanted.any(axis=0)
    lags = wanted.any(axis=-1, keepdims=True)
    unwanted = jnp.where(wanted, 0, q * A**2)
    per_lag = _Sums(
        benefit=jnp.where(wanted, q * (A - G) ** 2, 0),
        temporal=jnp.where(features & ~lags, unwanted, 0),
        spatial=jnp.where(lags & ~features, unwanted, 0),
        mixed=jnp.where(features == lags, unwanted, 0),
        mean_out=m * A,
        mean_target=m * G,
        square_out=m**2 * A**2,
        square_target=m**2 * G**2,
        cross=m**2 * G * A,
        variance=(q - m**2) * (A - G) ** 2,
    )
    return _Sums(*(jnp.cumsum(each.sum(axis=-1), axis=0) for each in per_lag))


def _add_tail(sums: _Sums, W_h: Any, W_y: Any, written: Any, G: Any, m: Any, q: Any) -> _Sums:
    """Adds the infinitely many lags behind the filter, where `written` holds the directions of the first of them."""
    outer = jnp.einsum("hj,gj->jhg", written, written)
    energy = jnp.einsum("hi,jhg,gi->ij", W_y, lyapunov(W_h, outer), W_y)
    energy = jnp.where(energy > 0, energy, 0.0)  # a sum of squares, negative only by rounding
    total = jnp.linalg.solve(jnp.eye(W_h.shape[0], dtype=W_h.dtype) - W_h, written @ m)
    known = (G != 0).any(axis=0)
    return sums._replace(
        temporal=sums.temporal + jnp.sum(jnp.where(known, q * energy, 0), axis=-1),
        mixed=sums.mixed + jnp.sum(jnp.where(known, 0, q * energy), axis=-1),
        mean_out=sums.mean_out + W_y.T @ total,
        square_out=sums.square_out + energy @ m**2,
        variance=sums.variance + energy @ (q - m**2),
    )


def output_offset(W_h: Any, W_y: Any, b_h: Any, b_y: Any, n_lags: int, steady: bool) -> Any:
    """What the biases add to the output: (outputs,) in steady state, (lags, outputs) along a finite horizon."""
    constant = jnp.zeros(W_y.shape[-1], W_y.dtype) if b_y is None else b_y
    if b_h is None:
        return constant
    if steady:
        return constant + W_y.T @ jnp.linalg.solve(jnp.eye(W_h.shape[0], dtype=W_h.dtype) - W_h, b_h)
    return constant + jnp.cumsum(responses(b_h[:, None], W_h, W_y, n_lags=n_lags)[0][..., 0], axis=0)
