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
from ._laws import is_bounded, size_seen
from ._moments import RectifiedMoments
from ._transform_sum import TransformSum
from ._uniform_sum import uniform_sum

# constant amplitudes are enumerated: all 2^n patterns of so many inputs
_MOST_AT_ONCE, _MOST_AT_EACH_STEP = 40, 16
# pairs of inputs at every step of a horizon that are held in memory at once
_MOST_PAIRS = 2**21


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


_SMALLEST = float(np.finfo(np.float64).tiny)


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
    # z_+ is homogeneous: a power of two changes no digit, and keeps squares and cubes within range
    largest = jax.lax.stop_gradient(jnp.max(jnp.abs(a)))
    unit = jnp.ldexp(jnp.ones_like(largest), jnp.where(largest > 0, jnp.frexp(largest)[1], 0))
    mean, variance = (jnp.asarray(each, jnp.float64) for each in tail)
    nothing = all(isinstance(each, float) and each == 0 for each in tail)
    at = None if bias is None else jnp.asarray(bias, jnp.float64) / unit
    rule = _Rule(laws, running, quadrature, enumerates=nothing)
    found = rule(a / unit, p, direction, at, mean / unit, variance / unit**2)
    seen = jnp.max(jnp.stack([size_seen(law, a[:, j]) for j, law in enumerate(laws)])) + jnp.sqrt(variance)
    seen = (seen + jnp.maximum(jnp.max(jnp.asarray(0.0 if bias is None else bias)) + mean, 0.0)) / unit
    return RectifiedMoments(
        square=found.square * unit**2,
        cross=found.cross * unit,
        square_check=found.square_check * unit**2,
        cross_check=found.cross_check * unit,
        # of the square moment, and of the cross moment, which is linear in what is seen of z
        floor=jax.lax.stop_gradient(
            found.floor * unit * jnp.maximum(unit, jnp.max(jnp.abs(direction)) / jnp.clip(seen, _SMALLEST, 1.0))
        ),
    )


@dataclasses.dataclass(frozen=True)
class _Rule:
    """Chooses the way to integrate: the fast one for plain uniform amplitudes, enumeration, or transforms."""

    laws: tuple[Any, ...]
    running: bool
    quadrature: Quadrature
    enumerates: bool

    def __call__(self, a: Any, p: Any, g: Any, bias: Any, mean: Any, variance: Any) -> RectifiedMoments:
        laws, running = self.laws, self.running
        n_nodes, n_levels = self.quadrature.n_nodes, self.quadrature.n_levels
        if bias is None and not running and all(isinstance(law, Uniform) and law.low == 0 for law in laws):
            scale = np.array([law.high for law in laws])
            flat = (jnp.ravel(a * scale), jnp.ravel(jnp.broadcast_to(p, a.shape)), jnp.ravel(g * scale))
            return uniform_sum(*flat, mean, variance, n_nodes, n_levels)
        biased = bias is not None
        at = jnp.broadcast_to(bias if biased else jnp.zeros((), a.dtype), a.shape[:1] if running else ())
        most = _MOST_AT_EACH_STEP if running else _MOST_AT_ONCE
        # complex integrands, real weights
        with jax.numpy_dtype_promotion("standard"):
            if self.enumerates and all(isinstance(law, Constant) for law in laws) and a.size <= most:
                return _enumerated(a, p, g, at, laws=laws, running=running)
            many = a.shape[0] * a.size**2 > _MOST_PAIRS
            if running and biased and (many or not any(is_bounded(law) for law in laws)):
                one = TransformSum(laws, n_nodes, n_levels, running=False, biased=True)
                return _step_by_step(lambda a, g, at: one(a, p, g, at, mean, variance), a, g, at)
            return TransformSum(laws, n_nodes, n_levels, running, biased)(a, p, g, at, mean, variance)


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
