"""One and two active uniform inputs in closed form, with their first derivatives and those along a direction."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ._moments import RectifiedMoments
from ._pairs import pair_square
from ._tail import rectified_normal


class Inputs(NamedTuple):
    """z = sum_n a_n B_n V_n + tail, V uniform on (0, 1); y = sum_n g_n B_n V_n.

    The tail is what many small variables add: normal with that mean and variance.
    """

    a: Any
    p: Any
    g: Any
    tail_mean: Any
    tail_variance: Any


class Pass(NamedTuple):
    """Values and derivatives: `square` and `cross` as `Inputs` of derivatives (that of g is not filled in)."""

    moments: RectifiedMoments
    square: Inputs
    cross: Inputs


def few_in_closed_form(inputs: Inputs, odds: Any, tiny_p: Any, absent: Any, *, last: Any) -> Pass:
    """What is subtracted from the integrand: one and two active inputs, and the tail by itself.

    Args:
        inputs: The sum, by inputs.
        odds: p / (1 - p) of the inputs that are resolved at this level, 0 for others, (n,).
        tiny_p: p of those left to the next level, 0 for others, (n,).
        absent: Probability that no resolved input is active.
        last: Whether there is no further level, so that the tail belongs to this one.
    """
    a, _, g, tail_mean, tail_variance = inputs
    rows, columns = a[:, None], a[None, :]
    pair = pair_square(rows, columns)
    by_row, by_both, twice_by_row = _pair_derivatives(rows, columns)
    seen = jnp.maximum(a, 0.0)
    both = odds[:, None] * odds * (1 - jnp.eye(a.shape[0], dtype=a.dtype)) / 2 + odds[:, None] * tiny_p
    joint = both + both.T
    single = odds * (1 - jnp.sum(tiny_p))
    square = jnp.sum(single * seen**2) / 3 + 0.5 * jnp.sum(joint * pair)
    by_a = 2 / 3 * single * seen + jnp.sum(joint * by_row, axis=1)
    along_by_a = 2 / 3 * single * jnp.where(a > 0, g, 0.0) + jnp.sum(
        joint * (twice_by_row * g[:, None] + by_both * g[None, :]), axis=1
    )
    by_p = odds @ (pair - seen[:, None] ** 2 / 3)
    along_by_p = (odds * g) @ (by_row - 2 / 3 * seen[:, None]) + g * (odds @ by_row.T)
    is_tiny = tiny_p > 0
    by_p, along_by_p = jnp.where(is_tiny, by_p, 0.0), jnp.where(is_tiny, along_by_p, 0.0)
    zero = jnp.zeros_like(square)
    normal = rectified_normal(tail_mean, tail_variance)
    alone, alone_by_mean, alone_by_variance = (jnp.where(last, each, zero) for each in normal)
    moments = RectifiedMoments(square + alone, 0.5 * by_a @ g, square + alone, 0.5 * by_a @ g, zero)
    derivatives = Inputs(by_a, by_p, jnp.zeros_like(g), alone_by_mean, alone_by_variance)
    cross = Inputs(0.5 * along_by_a, 0.5 * along_by_p, jnp.zeros_like(g), zero, zero)
    closed = jax.tree.map(lambda leaf: absent * leaf, Pass(moments, derivatives, cross))
    return closed


def _pair_derivatives(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """d/da, d^2/da db and d^2/da^2 of E[(a U + b V)_+^2]."""
    short, long = jnp.minimum(jnp.abs(a), jnp.abs(b)), jnp.maximum(jnp.abs(a), jnp.abs(b))
    ratio = short / jnp.where(long > 0, long, 1.0)
    a_longer = jnp.abs(a) >= jnp.abs(b)
    mostly_seen = a + b >= 0
    # what the negative one cuts off, or, where it is the longer, what it leaves
    corner = short * jnp.where(a_longer, ratio**2 / 12, ratio / 4)
    corner_twice = jnp.where(a_longer, ratio**3 / 6, ratio / 2)
    whole = 2 / 3 * a + b / 2
    first = jnp.where(mostly_seen, whole + corner, corner)
    mixed = jnp.where(mostly_seen, 0.5 - ratio**2 / 4, ratio**2 / 4)
    twice = jnp.where(mostly_seen, 2 / 3 - corner_twice, corner_twice)
    both, neither = jnp.minimum(a, b) >= 0, jnp.maximum(a, b) <= 0
    values = zip((first, mixed, twice), (whole, 0.5, 2 / 3), strict=True)
    return tuple(  # pyright: ignore[reportReturnType]
        jnp.where(neither, 0.0, jnp.where(both, same, mixed_signs)) for mixed_signs, same in values
    )
