"""The sparse expansion: the loss to first order in p, from single inputs, and to second order, from pairs."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float

from .._errors import InvalidInput, NotCovered, Shown
from .._recurrence import activation
from .._status import Status
from .._types import AnyArray
from ..processes import Amplitude, Uniform
from ._few_active import FewActive, few_active
from ._horizon import Horizon, SteadyState
from ._terms import LossTerms


def first_order_loss(
    A: Float[AnyArray, "*stack lags outputs features"],
    taps: Float[AnyArray, "#*stack lags outputs features"],
    second_moment: Float[AnyArray, " features"],
    importance: Float[AnyArray, " outputs"],
    *,
    readout: str = "relu",
) -> Float[AnyArray, "*stack"]:
    """L = sum_i I_i sum_{s,j} q_j (phi(A_s[i,j]) - G_s[i,j])^2, for amplitudes >= 0.

    Exact to first order in p for every class of network without bias, with A_s = W_y^T D_s the response to a unit
    impulse. Only the lags given are summed: take enough of them for A_s to have decayed.

    Args:
        A: Projections.
        taps: Target filter G at the same lags.
        second_moment: q_j = p_j nu_j.
        importance: I_i.
        readout: phi, "linear" or "relu".

    Source: the paper's Eq. 6 (scalar input, one delay, ReLU readout).
    """
    errors = second_moment * (activation(readout)(A) - taps) ** 2
    return jnp.einsum("...sij,i->...", errors, importance)


def second_order_terms(
    A: Float[AnyArray, "lags outputs features"],
    taps: Float[AnyArray, "lags outputs features"],
    p: Float[AnyArray, " features"],
    importance: Float[AnyArray, " outputs"],
    *,
    amplitude: Amplitude | tuple[Amplitude, ...] = Uniform(),  # noqa: B008 (frozen)
    readout: str = "relu",
    bias: Float[AnyArray, " outputs"] | None = None,
    horizon: Horizon = SteadyState(),  # noqa: B008 (frozen)
) -> LossTerms:
    """The four terms of a linear recurrence to second order in p, from single inputs and pairs of them.

    With phi the readout, n = (s, j), Q_n = E[phi(A_n U)^2] and Q_nn' = E[phi(A_n U + A_n' U')^2], per output

    - task benefit: sum over G_n != 0 of p_n E[(phi(A_n U) - G_n U)^2]
    - projection interference: sum over G_n = 0 of p_n Q_n
    - composition interference: sum over pairs n < n' of p_n p_n' (Q_nn' - Q_n - Q_n')
    - mean correction: sum over n != n' of m_n m_n' G_n G_n', minus the derivative of composition interference along G

    The first two are exact; together they are the first order. The other two are exact for a linear readout, and
    leave out what takes three active inputs, of order p^3, for a ReLU one. A bias is one more input that is always
    on: what it does to no, one and two active inputs counts as composition interference and mean correction.

    One network, pure JAX in the dtype of its arguments, differentiable and vmappable. Memory grows with
    (lags features)^2. Only the lags given are summed: take enough of them for A_s to have decayed.

    Args:
        A: Projections A_s = W_y^T W_h^s W_x.
        taps: Target filter G at the same lags.
        p: Activity probabilities in (0, 1].
        importance: I_i.
        amplitude: Law of the amplitude, or a tuple with one law per feature, of one family.
        readout: phi, "linear" or "relu".
        bias: Output bias, or None.
        horizon: `SteadyState()`, or T for the mean over t = 1 .. T; then T lags must be given.

    Returns:
        The terms, per step. `error_estimate` continues the orders as a geometric series, second^2 / first, for a ReLU
        readout; it is a guess, and large where the expansion is no good.

    Raises:
        NotCovered: If the readout is ReLU and the law has no closed form for pairs, or none with a bias.
        InvalidInput: If a finite horizon is not the number of lags given.

    Source: the sparse limit is the paper's Eq. 6; the second order is this package's (see "The exact loss" in the
    documentation).
    """
    n_lags, _, n_features = A.shape
    if not isinstance(horizon, SteadyState) and horizon != n_lags:
        raise InvalidInput("horizon", horizon, f"the number of lags given, {n_lags}")
    laws = amplitude if isinstance(amplitude, tuple) else (amplitude,) * n_features
    known = few_active(laws, readout)
    if bias is not None and not known.takes_bias:
        raise NotCovered("bias", Shown(f"one with {type(laws[0]).__name__} amplitudes"), "absent for pairs of inputs")

    lag, feature = jnp.divmod(jnp.arange(n_lags * n_features), n_features)
    steps = jnp.ones(n_lags) if isinstance(horizon, SteadyState) else 1 - jnp.arange(n_lags) / n_lags
    steps = steps.astype(A.dtype)[lag]  # the share of steps at which a lag is available
    chance = jnp.asarray(p)[feature]
    pairs = jnp.minimum(steps[:, None], steps) * chance[:, None] * chance * (1 - jnp.eye(len(lag), dtype=A.dtype))

    def one_output(given: Any) -> Any:
        a, g, b = given
        single = steps * chance * _single_errors(a, g, known, feature, readout)

        def composed(a: Any) -> Any:
            return _composition(a, b, steps * chance, pairs, known, feature, readout)

        composition, along_target = jax.jvp(composed, (a,), (g,))
        target = jnp.asarray(known.mean, A.dtype)[feature] * g
        return single, composition, target @ pairs @ target - along_target

    flat = (jnp.moveaxis(each, 1, 0).reshape(each.shape[1], -1) for each in (A, taps))
    biases = jnp.zeros(A.shape[1], A.dtype) if bias is None else bias
    single, composition, correction = jax.lax.map(one_output, (*flat, biases))
    return _assemble(single.reshape(-1, n_lags, n_features), composition, correction, taps, importance, readout)


def _single_errors(a: Any, g: Any, known: FewActive, feature: Any, readout: str) -> Any:
    """E[(phi(a U) - g U)^2] for each input by itself: U > 0 and U < 0 are seen with different gains."""
    upper, lower = (jnp.asarray(each, a.dtype)[feature] for each in (known.upper, known.lower))
    if readout == "linear":
        return (upper + lower) * (a - g) ** 2
    return upper * (jnp.maximum(a, 0) - g) ** 2 + lower * (jnp.minimum(a, 0) - g) ** 2


def _composition(a: Any, bias: Any, chance: Any, pairs: Any, known: FewActive, feature: Any, readout: str) -> Any:
    """E[phi(bias + z)^2] less what single inputs cause without the bias, with at most two active inputs."""
    laws = jnp.asarray(known.laws, a.dtype)[feature]
    none = activation(readout)(bias) ** 2
    one = known.one(bias, a, laws) - none
    two = known.two(bias, a[:, None], laws[:, None], a, laws) - none
    alone = _single_errors(a, jnp.zeros_like(a), known, feature, readout)
    return none + jnp.sum(chance * (one - alone)) + jnp.sum(pairs * (two - one[:, None] - one)) / 2


def _assemble(single: Any, composition: Any, correction: Any, taps: Any, importance: Any, readout: str) -> LossTerms:
    """The terms from the errors of single inputs, (outputs, lags, features), and what is beyond, (outputs,)."""
    wanted = jnp.moveaxis(taps != 0, 1, 0)
    features, lags = wanted.any(axis=1, keepdims=True), wanted.any(axis=2, keepdims=True)
    parts = {
        "task_benefit": wanted,
        "projection_temporal": ~wanted & features & ~lags,
        "projection_spatial": ~wanted & lags & ~features,
        "projection_mixed": ~wanted & (features == lags),
        "projection_interference": ~wanted,
    }
    sums = {name: jnp.where(part, single, 0).sum(axis=(1, 2)) for name, part in parts.items()}
    sums |= {"composition_interference": composition, "mean_correction": correction}
    first, second = sums["task_benefit"] + sums["projection_interference"], composition + correction
    per_output = first + second
    error = 8 * jnp.finfo(single.dtype).eps * (first + jnp.abs(composition) + jnp.abs(correction))
    if readout != "linear":
        error = jnp.where(first > 0, second**2 / jnp.where(first > 0, first, 1), jnp.abs(second)) + error
    return LossTerms(
        total=jnp.sum(importance * per_output),
        **{name: jnp.sum(importance * each) for name, each in sums.items()},
        per_output=per_output,
        error_estimate=jnp.sum(importance * error),
        status=jnp.asarray(int(Status.CONVERGED), jnp.int8),
    )
