"""Moments of a rectified sum of sparse inputs: the one quantity that every loss of a ReLU readout is made of."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._errors import check_count
from .._types import AnyArray
from ..processes import Uniform
from ._moments import RectifiedMoments
from ._transform_sum import TransformSum
from ._uniform_sum import uniform_sum


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
    at = jnp.zeros(a.shape[:1] if running else (), a.dtype) if bias is None else jnp.asarray(bias, jnp.float64)
    rule = TransformSum(laws, n_nodes, n_levels, running, biased=bias is not None)
    return rule(a, p, direction, at, mean, variance)
