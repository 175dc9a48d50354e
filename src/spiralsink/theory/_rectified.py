"""Moments of a rectified sum of sparse inputs: the one quantity that every loss of a ReLU readout is made of."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._errors import check_count
from .._types import AnyArray
from ..processes import Constant, Uniform
from ._enumeration import enumerated_moments, enumeration_error
from ._laws import is_bounded
from ._moments import RectifiedMoments
from ._transform_sum import TransformSum
from ._uniform_sum import uniform_sum

# constant amplitudes are enumerated: all 2^n patterns of so many inputs
_MOST_AT_ONCE, _MOST_AT_EACH_STEP = 40, 16


@dataclasses.dataclass(frozen=True)
class Quadrature:
    """How finely the integrals of a ReLU readout are resolved.

    Attributes:
        n_nodes: Nodes of each integral.
        n_levels: Levels of nodes, each for projections about two orders of magnitude shorter than the one before.
        n_lags: Lags that are followed one by one in steady state; those behind count by their mean and variance. At
            least as many as the target filter spans.
    """

    n_nodes: int = 256
    n_levels: int = 3
    n_lags: int = 64

    def __post_init__(self) -> None:
        check_count("n_nodes", self.n_nodes, 16)
        check_count("n_levels", self.n_levels)
        check_count("n_lags", self.n_lags)


def rectified_moments(
    a: Float[AnyArray, "lags features"],
    p: Float[AnyArray, " features"],
    direction: Float[AnyArray, "lags features"],
    *,
    laws: tuple[Any, ...],
    bias: Any = None,
    tail: tuple[Any, Any] = (0.0, 0.0),
    running: bool = False,
    quadrature: Quadrature = Quadrature(),
) -> RectifiedMoments:
    """E[(z)_+^2] and E[y (z)_+] for z = b + sum_{s,j} a_sj x_sj + tail and y = sum_{s,j} g_sj x_sj.

    E[(z)_+^2] = (1 / 2 pi) Int 2 / lambda^3 exp(lambda b) prod_n M_n(lambda) d omega, lambda = c + i omega, with
    M_n(lambda) = 1 - p_n + p_n E[exp(lambda a_n U_n)]; and E[y (z)_+] is half its derivative along g.

    Pure JAX, float64; differentiable (square once, cross once, almost everywhere once more) and vmappable.

    Args:
        a: Projections.
        p: Activity probabilities.
        direction: g, the target filter at the same lags.
        laws: One amplitude law per feature.
        bias: b: a number, or (lags,) if running; None for no bias, which is faster than 0.
        tail: Mean and variance of infinitely many small inputs that are added as a normal variable.
        running: Whether the moments of every partial sum over lags are wanted, (lags,), or those of the whole, ().
        quadrature: Nodes and levels.

    Returns:
        `RectifiedMoments` with an estimate of their error.
    """
    a, p, direction = (jnp.asarray(each, jnp.float64) for each in (a, p, direction))
    mean, variance = (jnp.asarray(each, jnp.float64) for each in tail)
    n_nodes, n_levels = quadrature.n_nodes, quadrature.n_levels
    if bias is None and not running and all(isinstance(law, Uniform) and law.low == 0 for law in laws):
        scale = np.array([law.high for law in laws])
        flat = (jnp.ravel(a * scale), jnp.ravel(jnp.broadcast_to(p, a.shape)), jnp.ravel(direction * scale))
        return uniform_sum(*flat, mean, variance, n_nodes, n_levels)
    at = jnp.zeros((), a.dtype) if bias is None else jnp.asarray(bias, jnp.float64)
    at = jnp.broadcast_to(at, a.shape[:1] if running else ())
    # complex integrands, real weights
    with jax.numpy_dtype_promotion("standard"):
        if (
            all(isinstance(law, Constant) for law in laws)
            and _is_nothing(tail)
            and a.size <= (_MOST_AT_EACH_STEP if running else _MOST_AT_ONCE)
        ):
            return _enumerated(a, p, direction, at, laws=laws, running=running)
        if running and bias is not None and not any(is_bounded(law) for law in laws):
            rule = TransformSum(laws, n_nodes, n_levels, running=False, biased=True)
            return _step_by_step(lambda a, g, at: rule(a, p, g, at, mean, variance), a, direction, at)
        rule = TransformSum(laws, n_nodes, n_levels, running, biased=bias is not None)
        return rule(a, p, direction, at, mean, variance)


def _enumerated(a: Any, p: Any, g: Any, bias: Any, *, laws: tuple[Any, ...], running: bool) -> RectifiedMoments:
    values = np.array([law.value for law in laws])
    p = jnp.ravel(jnp.broadcast_to(p, a.shape))

    def moments(a: Any, g: Any, bias: Any) -> RectifiedMoments:
        a, g = jnp.ravel(a * values), jnp.ravel(g * values)
        square, cross = enumerated_moments(a, p, g, bias)
        return RectifiedMoments(square, cross, square[None], cross[None], enumeration_error(a, p))

    return _step_by_step(moments, a, g, bias) if running else moments(a, g, bias)


def _step_by_step(moments: Any, a: Any, g: Any, bias: Any) -> RectifiedMoments:
    """The moments of every partial sum over lags, each computed by itself."""
    known = np.tril(np.ones((a.shape[0],) * 2))[..., None]
    found = jax.lax.map(lambda step: moments(*step), (a * known, g * known, bias))
    checks = (jnp.moveaxis(each, 0, -1) for each in (found.square_check, found.cross_check))
    return found._replace(**dict(zip(("square_check", "cross_check"), checks, strict=True)))


def _is_nothing(tail: Any) -> bool:
    return all(isinstance(each, float) and each == 0 for each in tail)
