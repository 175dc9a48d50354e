"""The exact expected loss of a linear recurrence with a ReLU readout, as the same four terms as a linear one."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._recurrence import directions
from .._status import Status
from .._types import AnyArray
from ._horizon import Horizon, SteadyState, mean_over_steps
from ._laws import signed_second_moments
from ._linear import output_offset
from ._lyapunov import is_stable
from ._moments import RectifiedMoments
from ._problem import Problem
from ._rectified import Quadrature, rectified_moments
from ._tail import tail_cumulants
from ._terms import LossTerms


def relu_terms(
    W_x: Float[AnyArray, "hidden features"],
    W_h: Float[AnyArray, "hidden hidden"],
    W_y: Float[AnyArray, "hidden outputs"],
    problem: Problem,
    *,
    laws: tuple[Any, ...],
    horizon: Horizon,
    quadrature: Quadrature = Quadrature(),  # noqa: B008 (frozen)
    b_h: Float[AnyArray, " hidden"] | None = None,
    b_y: Float[AnyArray, " outputs"] | None = None,
) -> LossTerms:
    """E[L] = sum_i I_i ( E[(z_i)_+^2] - 2 E[y*_i (z_i)_+] + E[y*_i^2] ), z_i = sum_{s,j} A_s[i,j] x_{j,t-s} + bias.

    With r_n = phi(A_n U) the answer to one input, the terms are: task benefit sum_{n wanted} p_n E[(r_n - G_n U)^2];
    projection interference sum_{n unwanted} p_n E[r_n^2]; composition interference E[(z)_+^2] - sum_n p_n E[r_n^2];
    mean correction -2 (E[y* (z)_+] - sum_n p_n G_n E[U r_n]) + E[y*^2] - sum_n q_n G_n^2. They sum to the loss at every
    p, and are the paper's four terms when phi is the identity.

    One network, pure JAX, float64; differentiable and vmappable. The loss is once continuously differentiable.

    Args:
        W_x: Input weights.
        W_h: Recurrent weights, with the leak folded in.
        W_y: Output weights.
        problem: Target filter, moments, importance and activity probabilities, without stack axes. For a horizon T the
            filter may have fewer than T lags: then the loss at the last of so many steps stands for all later ones, and
            what the inputs before may add is part of the error.
        laws: One amplitude law per feature.
        horizon: `SteadyState()`, or T for the mean over t = 1 .. T of the loss at step t.
        quadrature: Nodes, levels and lags.
        b_h: Hidden bias, or None.
        b_y: Output bias, or None.

    Returns:
        The terms, per step, with an estimate of the error of `total`; infinite with status UNSTABLE in steady state if
        the spectral radius is >= 1.

    Source: the first two terms are the paper's Eq. 6; the rest is derived in the documentation.
    """
    steady = isinstance(horizon, SteadyState)
    stable = is_stable(W_h) if steady else jnp.array(True)
    # an unstable recurrence is replaced before anything is computed, so that neither value nor gradient is NaN
    W_h = jnp.where(stable, W_h, 0.0) if steady else W_h
    n_taps = problem.taps.shape[0]
    n_lags = max(quadrature.n_lags, n_taps) if steady else n_taps
    written = directions(W_x, W_h, n_lags=n_lags, recurrence="linear")
    A = jnp.einsum("hi,shj->sij", W_y, written)
    G = jnp.concatenate([jnp.asarray(problem.taps), jnp.zeros((n_lags - n_taps, *A.shape[1:]), A.dtype)])
    biased = b_h is not None or b_y is not None
    bias = output_offset(W_h, W_y, b_h, b_y, n_lags, steady)
    bias = bias if steady else jnp.broadcast_to(bias, (n_lags, W_y.shape[-1]))
    moments = _Moments(problem.mean, problem.second_moment, problem.p, laws)
    if steady:
        behind = W_h @ written[-1]
        tail = tail_cumulants(W_h, W_y, behind, problem.mean, problem.second_moment)
        # what one of these inputs at a time may add, which no term but composition interference counts
        unfollowed = tail_cumulants(W_h, W_y, behind, jnp.zeros_like(problem.mean), problem.second_moment)[1]
    else:
        tail = (jnp.zeros_like(bias[0]), jnp.zeros_like(bias[0]))
        unfollowed = tail[1]

    def one_output(A: Any, G: Any, bias: Any, tail_mean: Any, tail_variance: Any) -> tuple[RectifiedMoments, Any]:
        rectified = rectified_moments(
            A,
            moments.p,
            G,
            laws=laws,
            bias=bias if biased else None,
            tail=(tail_mean, tail_variance) if steady else (0.0, 0.0),
            running=not steady,
            quadrature=quadrature,
        )
        return rectified, _terms_of_output(A, G, moments, rectified, running=not steady)

    # one output after the other: the integrals of all of them at once would not fit where there are many
    by_output = (jnp.moveaxis(A, 1, 0), jnp.moveaxis(G, 1, 0), jnp.moveaxis(bias, -1, 0), *tail)
    rectified, parts = jax.lax.map(lambda output: one_output(*output), by_output)
    rectified, parts = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, -1), (rectified, parts))
    per_step: Any = sum(parts[name] for name in _FOUR)

    def over_steps(values: Any) -> Any:
        return values if isinstance(horizon, SteadyState) else mean_over_steps(values, horizon)

    parts = {name: over_steps(part) for name, part in parts.items()}
    importance = problem.importance
    weighted = {name: jnp.sum(importance * part) for name, part in parts.items()}
    per_output = sum(parts[name] for name in _FOUR)
    values = {"total": jnp.sum(importance * per_output), "per_output": per_output, **weighted}
    values = {name: jnp.where(stable, value, jnp.inf) for name, value in values.items()}
    # the tail is not normal: what it adds is wrong by at most about its own size
    error = over_steps(rectified.error) + unfollowed
    if not isinstance(horizon, SteadyState) and n_taps < horizon:
        change = _largest_change(W_h, W_y, W_h @ written[-1], (b_h, b_y, bias[-1]), problem, per_step[-1])
        error = error + (1 - n_taps / horizon) * change
    status = jnp.where(stable, int(Status.CONVERGED), int(Status.UNSTABLE)).astype(jnp.int8)
    error = jnp.where(stable, jnp.sum(importance * error), jnp.inf)
    return LossTerms(**values, error_estimate=jax.lax.stop_gradient(error), status=status)


def _largest_change(W_h: Any, W_y: Any, written: Any, biases: Any, problem: Problem, loss: Any) -> Any:
    """A bound on how much more lags, and the bias settling, change the loss of each output.

    They change z by some d, and |E[(phi(z + d) - y*)^2] - L| <= 2 sqrt(L E[d^2]) + E[d^2], since |phi'| <= 1.

    Args:
        W_h: Recurrent weights; unstable ones have no bound.
        W_y: Output weights.
        written: Feature directions at the first of the lags.
        biases: b_h, b_y, and what they add to the output so far.
        problem: The moments of inputs.
        loss: L, (outputs,).
    """
    b_h, b_y, offset = biases
    forgets = is_stable(W_h)
    W_h = jnp.where(forgets, W_h, 0.0)
    mean, variance = tail_cumulants(W_h, W_y, written, problem.mean, problem.second_moment)
    settled = output_offset(W_h, W_y, b_h, b_y, 1, True)
    square = variance + (jnp.abs(mean) + jnp.abs(settled - offset)) ** 2
    return jnp.where(forgets, 2 * jnp.sqrt(jnp.maximum(loss, 0.0) * square) + square, jnp.inf)


_FOUR = ("task_benefit", "mean_correction", "projection_interference", "composition_interference")


class _Moments(NamedTuple):
    """Of the inputs, by feature."""

    mean: Any
    second_moment: Any
    p: Any
    laws: tuple[Any, ...]


def _terms_of_output(A: Any, G: Any, moments: _Moments, rectified: RectifiedMoments, *, running: bool) -> Any:
    """The terms of one output; A and G are (lags, features), the result () or (lags,)."""
    mean, _, p, laws = moments
    positive, negative = np.array([signed_second_moments(law) for law in laws]).T
    seen = jnp.where(A > 0, positive, negative)
    # E[x r] and E[r^2] of one input at a time
    match, answer = p * A * seen, p * A**2 * seen
    wanted = G != 0
    features, lags = wanted.any(axis=0), wanted.any(axis=1, keepdims=True)

    def total(values: Any) -> Any:
        by_lag = values.sum(axis=1)
        return jnp.cumsum(by_lag) if running else by_lag.sum()

    unwanted = jnp.where(wanted, 0.0, answer)
    split = {
        "projection_temporal": total(jnp.where(features & ~lags, unwanted, 0.0)),
        "projection_spatial": total(jnp.where(lags & ~features, unwanted, 0.0)),
        "projection_mixed": total(jnp.where(features == lags, unwanted, 0.0)),
    }
    # E[(r - G U)^2] without its cancellation where A = G
    missed = positive * (jnp.maximum(A, 0.0) - G) ** 2 + negative * (jnp.minimum(A, 0.0) - G) ** 2
    benefit = jnp.where(wanted, p * missed, 0.0)
    # E[y*^2] without the sum of q G^2
    between = total(mean * G) ** 2 - total((mean * G) ** 2)
    return split | {
        "task_benefit": total(benefit),
        "mean_correction": -2 * (rectified.cross - total(G * match)) + between,
        "projection_interference": sum(split.values()),
        "composition_interference": rectified.square - total(answer),
    }
