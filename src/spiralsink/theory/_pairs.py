"""One and two co-active inputs: the second moments of what a ReLU sees of them, in closed form."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Float

from .._types import AnyArray


def pair_square(a: Float[AnyArray, "*#shape"], b: Float[AnyArray, "*#shape"]) -> Float[AnyArray, "*shape"]:
    """E[(a U + b V)_+^2] for U, V independent and uniform on (0, 1).

    - both positive: a^2 / 3 + a b / 2 + b^2 / 3
    - a > 0 > b = -l, l <= a: a^2 / 3 - a l / 2 + l^2 / 3 - l^3 / (12 a)
    - a > 0 > b = -l, l > a: a^3 / (12 l)
    - none positive: 0

    Accurate to rounding at every ratio of a and b, 0 included, and so is its gradient.

    Args:
        a: Projection of one input, of any sign.
        b: That of the other.
    """
    positive = jnp.maximum(jnp.maximum(a, b), 0)
    negative = jnp.maximum(-jnp.minimum(a, b), 0)
    mostly_seen = positive >= negative
    # chosen by `where`, whose gradient is that of one side where the two are equal
    shorter = jnp.where(mostly_seen, negative, positive)
    longer = jnp.where(mostly_seen, positive, negative)
    corner = shorter**2 * (shorter / jnp.where(longer > 0, longer, 1)) / 12
    whole = (a**2 + b**2) / 12 + (a + b) ** 2 / 4
    return jnp.where(mostly_seen, whole - corner, corner)


def one_active(bias: Any, a: Any, *, low: Any = 0.0, high: Any = 1.0) -> Any:
    """E[(bias + a U)_+^2] for U uniform on (low, high).

    With the ends x = bias + a low and y = bias + a high: (x^2 + x y + y^2) / 3 if both are positive, and
    y^3 / (3 (y - x)) if y > 0 > x, or likewise with x and y exchanged.

    Args:
        bias: What is there without the input; all arguments broadcast.
        a: Projection, of any sign.
        low: Lower end of the amplitude.
        high: Its upper end.

    Returns:
        The second moment, accurate to rounding also where a = 0, or is far smaller or larger than the bias.
    """
    x, y = bias + a * low, bias + a * high
    top, bottom = jnp.maximum(x, y), jnp.minimum(x, y)
    crossing = (top > 0) & (bottom < 0)
    share = jnp.where(crossing, top, 0) / jnp.where(crossing, top - bottom, 1)
    return jnp.where(bottom >= 0, (x**2 + x * y + y**2) / 3, top**2 * share / 3)


def two_active(
    bias: Any, a: Any, b: Any, *, low: Any = 0.0, high: Any = 1.0, low_b: Any = None, high_b: Any = None
) -> Any:
    """E[(bias + a U + b V)_+^2] for U and V independent and uniform.

    On the unit square of (U, V) the sum has the corners x, x + a, x + b and x + a + b. If all are positive the result
    is variance + mean^2. If one corner c is negative, its triangle is missing, c^4 / (12 |a b|); if only one is
    positive, its triangle is all there is. Between, with m the middle of the positive edge, short the smaller of a
    and b and long the larger, it is m (4 m^2 + short^2) / (12 |long|). No digits are lost to differences, and second
    derivatives are exact wherever they exist.

    Args:
        bias: What is there without the inputs; all arguments broadcast.
        a: Projection of one input, of any sign.
        b: That of the other.
        low: Lower end of the amplitude U.
        high: Its upper end.
        low_b: Lower end of the amplitude V, by default that of U.
        high_b: Its upper end, by default that of U.

    Returns:
        The second moment, accurate to rounding however the three differ in size, zeros included.
    """
    low_b, high_b = low if low_b is None else low_b, high if high_b is None else high_b
    return _over_square(bias + a * low + b * low_b, a * (high - low), b * (high_b - low_b))


def _over_square(x: Any, a: Any, b: Any) -> Any:
    """The mean of (x + a u + b v)_+^2 over the unit square."""
    swap = jnp.abs(a) > jnp.abs(b)
    short, long = jnp.where(swap, b, a), jnp.where(swap, a, b)
    highest = _sum(x, jnp.maximum(long, 0), jnp.maximum(short, 0))
    lowest = _sum(x, jnp.minimum(long, 0), jnp.minimum(short, 0))
    # the long way ends at an edge along the short way; these are the middles of the upper edge and of the lower one
    upper = _sum(x, jnp.maximum(long, 0), short / 2)
    lower = _sum(x, jnp.minimum(long, 0), short / 2)
    half = jnp.abs(short) / 2

    mostly_seen = lower >= -half  # at most one corner is negative
    two_seen = ~mostly_seen & (upper >= half)
    one_seen = ~mostly_seen & ~two_seen & (highest > 0)
    corner_left = mostly_seen & (lowest < 0)
    lone = corner_left | one_seen
    corner = jnp.where(corner_left, -lowest, jnp.where(one_seen, highest, 0))
    width, length = jnp.abs(jnp.where(lone, short, 1)), jnp.abs(jnp.where(lone, long, 1))
    triangle = corner**2 * (corner / width) * (corner / length) / 12

    whole = (short**2 + long**2) / 12 + _sum(x, long / 2, short / 2) ** 2
    edge = upper * (4 * upper**2 + short**2) / (12 * jnp.abs(jnp.where(two_seen, long, 1)))
    return jnp.where(mostly_seen, whole - triangle, jnp.where(two_seen, edge, triangle))


def _sum(x: Any, y: Any, z: Any) -> Any:
    """X + y + z with the rounding error of x + y carried along: a corner near zero keeps its digits."""
    total = x + y
    shift = total - x
    return (total + z) + ((x - (total - shift)) + (y - shift))
