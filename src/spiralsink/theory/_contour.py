"""Where the transform of a sum is inverted: how far right the contour lies, and the nodes on it."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import erfc

# E[exp(c z)] = exp(8) bounds what rounding errors grow by; exp(-24) what is folded back from beyond the period
_GROWTH = 8.0
_FOLDED = 24.0
_UNLIKELY = 22.0
_STEEPEST = 40.0
# two narrower windows tell what the widest misses: at one of them the error may pass through zero
_NARROWER = (2.0, 1.4)
_N_TRIED = 24
_FARTHEST = 18.0
_STEEP_SHARE = 0.55
_TILT = math.pi / 8
# the window is 1 in the lower half of the frequencies and vanishes at the highest: a quarter octave around 0.62
_WINDOW_CENTRE, _WINDOW_STEEPNESS = 0.62, 9.0


class Fourier(NamedTuple):
    """lambda_j = c + i j spacing, j = 0 .. n - 1, of a bounded sum that is inverted as a Fourier series.

    Attributes:
        c: Distance of the contour from the imaginary axis.
        spacing: 2 pi / P, with P a period that the sum all but never exceeds.
        folded: exp(-c P), the weight with which z + P adds to z.
        wrapped: A bound on what values of z above the period add.
        growth: log E[exp(c z)].
    """

    c: Any
    spacing: Any
    folded: Any
    wrapped: Any
    growth: Any

    def highest(self, n_nodes: int) -> Any:
        """Omega, the end of the window."""
        return self.spacing * n_nodes

    def weights(self, n_nodes: int) -> tuple[Any, Any]:
        """Weights of (1 / 2 pi) Int d omega on the half line, (n,), and for the narrower windows, (2, n)."""
        at = np.arange(n_nodes) / n_nodes
        trapezoid = np.where(at == 0, 0.5, 1.0) / math.pi
        narrower = np.stack([trapezoid * _window(ratio * at) for ratio in _NARROWER])
        return self.spacing * (trapezoid * _window(at)), self.spacing * narrower


class HalfLine(NamedTuple):
    """lambda(u) = c (1 + sin(tilt) (1 - cosh u) + i cos(tilt) sinh u), u = 0 .. 18 in equal steps.

    For sums whose transform does not oscillate. A bias does; the tilt bends the contour to where exp(lambda bias)
    decays.

    Attributes:
        c: Where the contour meets the real axis.
        tilt: Radians; positive to the left.
        growth: log E[exp(c z)].
    """

    c: Any
    tilt: Any
    growth: Any

    def nodes(self, n_nodes: int) -> tuple[Any, Any, Any]:
        """Nodes, their complex weights, and the weights of every other node with twice the step, (1, n).

        There are n_nodes of them, or one more where that is even.
        """
        u, step = np.linspace(0, _FARTHEST, n_nodes + (n_nodes + 1) % 2, retstep=True)
        sine, cosine = jnp.sin(self.tilt), jnp.cos(self.tilt)
        node = self.c * jax.lax.complex(1 + sine * (1 - np.cosh(u)), cosine * np.sinh(u))
        slope = self.c * jax.lax.complex(cosine * np.cosh(u), sine * np.sinh(u))
        trapezoid = np.where(u == 0, 0.5, 1.0) * step / math.pi
        return node, slope * trapezoid, (slope * np.where(np.arange(u.size) % 2 == 0, 2 * trapezoid, 0.0))[None]


def fourier_contour(
    log_transform: Any, log_subtracted: Any, highest: Any, largest: Any, *, steepest: Any = np.inf
) -> Fourier:
    """The contour for a sum z of independent variables.

    c solves log E[exp(c z)] = 8 on a geometric grid; the period is P = max(24 / c, 1.15 u) with u the highest value,
    or one that a Chernoff bound says is all but never exceeded.

    Args:
        log_transform: c (n,) to log E[exp(c z)] (n,), for real c.
        log_subtracted: Likewise, the logarithm of the largest term that is subtracted under the integral: it must not
            grow further either, or its rounding errors would be what remains.
        highest: The highest value that z can have; infinite where there is none.
        largest: The largest positive value of any one of the variables, or its standard deviation where it is
            unbounded.
        steepest: Beyond it the transform does not exist or overflows; c stays well below.
    """
    tried, grown, c, growth = _try(log_transform, log_subtracted, highest, largest, steepest)
    highest = jnp.where(highest > 0, highest, 1.0)
    # what lies beyond the period comes back multiplied by exp(c P): a Chernoff bound must beat that
    beyond = jnp.where((tried > c) & jnp.isfinite(grown), tried - c, 0.0)
    likely = jnp.min(jnp.where(beyond > 0, (grown + _UNLIKELY) / jnp.where(beyond > 0, beyond, 1.0), jnp.inf))
    period = jnp.maximum(_FOLDED / c, 1.15 * jnp.minimum(highest, likely))
    exponent = jnp.min(jnp.where(beyond > 0, grown - beyond * period - 2 * jnp.log(tried), jnp.inf))
    wrapped = jnp.where(highest > period, jnp.exp(exponent), 0.0)
    return Fourier(*map(jax.lax.stop_gradient, (c, 2 * math.pi / period, jnp.exp(-c * period), wrapped, growth)))


def log_of_pairs(p: Any, average: Any) -> Any:
    """Log of prod_n (1 - p_n) (sum_n p_n / (1 - p_n) E_n)^2: the pairs of active inputs, at each c tried.

    Args:
        p: Activity probabilities, (n,).
        average: E_n = E[exp(c a_n U_n)], (tried, n).
    """
    odds = p / jnp.maximum(1 - p, 0.01)
    absent = jnp.sum(jnp.log(jnp.maximum(1 - p, 1e-300)))
    return absent + 2 * jnp.log(jnp.sum(odds * average, axis=-1) + 1e-300)


def half_line_contour(
    log_transform: Any, highest: Any, largest: Any, *, steepest: Any = np.inf, bias: Any = 0.0
) -> HalfLine:
    """The contour for sums whose transform decays without oscillating.

    Args:
        log_transform: As for `fourier_contour`.
        highest: The highest value that z can have.
        largest: The largest standard deviation of any one of the variables.
        steepest: Beyond it the transform does not exist.
        bias: A constant that is part of z.
    """
    _, _, c, growth = _try(log_transform, log_transform, highest, largest, steepest)
    return HalfLine(*map(jax.lax.stop_gradient, (c, _TILT * jnp.sign(bias), growth)))


def _try(
    log_transform: Any, log_subtracted: Any, highest: Any, largest: Any, steepest: Any
) -> tuple[Any, Any, Any, Any]:
    high = jnp.minimum(_STEEPEST / jnp.where(largest > 0, largest, 1.0), steepest)
    low = jnp.minimum(jnp.maximum(_GROWTH / jnp.where(highest > 0, highest, 1.0), 1e-4 * high), high)
    tried = low * (high / low) ** jnp.asarray(np.linspace(0, 1, _N_TRIED))
    transformed = log_transform(tried)
    grown = jnp.maximum(transformed, log_subtracted(tried))
    allowed = (grown <= _GROWTH) & (tried <= _STEEP_SHARE * high)
    index = jnp.max(jnp.where(allowed, np.arange(_N_TRIED), 0))
    following = jnp.minimum(index + 1, _N_TRIED - 1)
    # between the two, so that c moves without jumps when the variables do
    rise = grown[following] - grown[index]
    usable = jnp.isfinite(rise) & (rise > 0)
    share = jnp.where(usable, (_GROWTH - grown[index]) / jnp.where(usable, rise, 1.0), 0.0)
    ratio = tried[following] / tried[index]
    share = jnp.clip(
        jnp.minimum(share, jnp.log(_STEEP_SHARE * high / tried[index]) / jnp.log(ratio + 1e-300)), 0.0, 1.0
    )
    share = jnp.where(following > index, share, 0.0)
    return tried, transformed, tried[index] * ratio**share, jnp.where(share > 0, _GROWTH, grown[index])


def _window(at: np.ndarray) -> np.ndarray:
    return 0.5 * erfc(_WINDOW_STEEPNESS * (at - _WINDOW_CENTRE))
