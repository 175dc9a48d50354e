"""The integrand of a uniform sum at the nodes of one level, and the derivatives of its integral by every input.

Under the integral stands whole - absent * known: `whole` is the transform of the sum, `known` what one and two active
inputs contribute to it. Names that end in `along` are derivatives along g.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp

from ._contour import Fourier
from ._ramp import ramp_at_nodes
from ._split import Split, split_exp, split_product
from ._uniform_closed import Inputs


class Level(NamedTuple):
    """Which inputs a level resolves.

    Attributes:
        odds: p / (1 - p) of the resolved ones, 0 for others, (n,).
        tiny: Those left to the next level, (n,).
        tiny_p: Their p, 0 for others, (n,).
        absent: Probability that no resolved input is active.
        only: Whether there is one level only; then nothing is tiny.
    """

    odds: Any
    tiny: Any
    tiny_p: Any
    absent: Any
    only: bool


class Factors(NamedTuple):
    """By input and node, (n, nodes): E_0, its first two derivatives by a, those of log M, and E_0 - 1 and 1 / M."""

    E0: Split
    slope: Split
    curve: Split
    first: Split
    second: Split
    risen: Split
    inverse: Split


class Integrand(NamedTuple):
    """By node: the parts that the derivatives are made of."""

    whole: Split
    whole_along: Split
    rest: Split
    rest_along: Split
    single: Split
    single_along: Split
    ramp: Split
    ramp_along: Split
    inner: Split
    inner_along: Split


def nodes_of(contour: Fourier, n_nodes: int, dtype: Any) -> Split:
    """lambda_j, (nodes,)."""
    frequency = contour.spacing * jnp.arange(n_nodes, dtype=dtype)
    return Split(jnp.broadcast_to(contour.c, frequency.shape), frequency)


def integrand(inputs: Inputs, level: Level, contour: Fourier, node: Split) -> tuple[Factors, Integrand]:
    """The transform of the sum and what is subtracted from it.

    Args:
        inputs: The sum, by inputs.
        level: Which of them are resolved.
        contour: The contour of the nodes.
        node: The nodes.
    """
    a, p, g = inputs[:3]
    E0, E1, E2 = ramp_at_nodes(a, contour.c, contour.spacing, node.re.shape[0])
    square_node = node * node
    slope, curve, risen = E1 * node, E2 * square_node, E0 - 1.0
    tail = split_exp(node * inputs.tail_mean + square_node * (0.5 * inputs.tail_variance))
    p_column = p[:, None]
    factor = risen * p_column + 1.0
    inverse = factor.inverse()
    first = slope * inverse * p_column
    second = curve * inverse * p_column - first * first

    whole = split_product(factor) * tail
    whole_along = whole * _weigh(g, first)
    odds = level.odds
    single, single_along = _weigh(odds, E0), _weigh(odds * g, slope)
    own, own_along = _weigh(odds**2, E0 * E0), _weigh(odds**2 * g, E0 * slope)
    if level.only:
        rest, rest_along = tail, tail * 0.0
        ramp, ramp_along = single + 1.0, single_along
    else:
        one = Split(jnp.ones_like(p_column), jnp.zeros_like(p_column))
        rest = split_product(factor.where(level.tiny[:, None], one)) * tail
        rest_along = rest * _weigh(jnp.where(level.tiny, g, 0.0), first)
        ramp = single + _weigh(level.tiny_p, risen) + 1.0
        ramp_along = single_along + _weigh(level.tiny_p * g, slope)
    known = rest + single * ramp - (single * single + own) * 0.5
    known_along = rest_along + single_along * ramp + single * (ramp_along - single_along) - own_along
    inner, inner_along = whole - level.absent * known, whole_along - level.absent * known_along
    factors = Factors(E0, slope, curve, first, second, risen, inverse)
    parts = Integrand(
        *(whole, whole_along, rest, rest_along, single, single_along, ramp, ramp_along, inner, inner_along)
    )
    return factors, parts


def derivatives(
    inputs: Inputs, level: Level, factors: Factors, parts: Integrand, node: Split, weights: Split, *, with_p: bool
) -> tuple[Inputs, Inputs]:
    """Derivatives of the integral, and of its derivative along g, by every input.

    Every input enters through its factor M_n, and through E_0 of `known`; each of these has a weight at each node.

    Args:
        inputs: The sum, by inputs.
        level: Which of them are resolved.
        factors: By input and node.
        parts: By node.
        node: The nodes.
        weights: Of the nodes.
        with_p: Whether derivatives by p are wanted; zero otherwise.
    """
    E0, slope, curve, first, second, risen, inverse = factors
    g, odds = inputs.g[:, None], level.odds[:, None]
    tiny, tiny_p = level.tiny[:, None].astype(inputs.a.dtype), level.tiny_p[:, None]
    absent_weights = level.absent * weights
    to_factor, to_factor_along = (weights * parts.whole)[None], (weights * parts.whole_along)[None]
    to_ramp = (absent_weights * parts.ramp)[None] * odds
    to_ramp_along = (absent_weights * parts.ramp_along)[None] * odds
    if not level.only:
        to_factor -= (absent_weights * parts.rest)[None] * tiny
        to_factor_along -= (absent_weights * parts.rest_along)[None] * tiny
        to_ramp += (absent_weights * parts.single)[None] * tiny_p
        to_ramp_along += (absent_weights * parts.single_along)[None] * tiny_p
    to_own = absent_weights[None] * odds**2
    by_a = first.real_of_product(to_factor) - slope.real_of_product(to_ramp)
    by_a += (E0 * slope).real_of_product(to_own)
    along_by_a = first.real_of_product(to_factor_along) - slope.real_of_product(to_ramp_along)
    along_by_a += g * (
        second.real_of_product(to_factor)
        - curve.real_of_product(to_ramp)
        + (slope * slope + E0 * curve).real_of_product(to_own)
    )
    zero = jnp.zeros_like(inputs.g)
    by_p = along_by_p = zero
    if with_p:
        ratio = risen * inverse
        by_p = ratio.real_of_product(to_factor)
        along_by_p = ratio.real_of_product(to_factor_along)
        along_by_p += g * (slope * inverse - first * ratio).real_of_product(to_factor)
        if not level.only:
            to_drift, to_drift_along = (
                (absent_weights * parts.single)[None],
                (absent_weights * parts.single_along)[None],
            )
            by_p -= tiny * risen.real_of_product(to_drift)
            along_by_p -= tiny * (risen.real_of_product(to_drift_along) + g * slope.real_of_product(to_drift))
        by_p, along_by_p = by_p.sum(axis=1), along_by_p.sum(axis=1)
    by_tail = parts.whole - level.absent * parts.rest
    by_tail_along = parts.whole_along - level.absent * parts.rest_along
    at_node, at_square = weights * node, weights * (node * node)
    return (
        Inputs(by_a.sum(axis=1), by_p, zero, integral(by_tail, at_node), 0.5 * integral(by_tail, at_square)),
        Inputs(
            *(along_by_a.sum(axis=1), along_by_p, zero),
            *(integral(by_tail_along, at_node), 0.5 * integral(by_tail_along, at_square)),
        ),
    )


def integral(values: Split, weights: Split) -> Any:
    """Sum over the last axis of the real part of values times weights."""
    return weights.real_of_product(values).sum(axis=-1)


def _weigh(weights: Any, values: Split) -> Split:
    return Split(weights @ values.re, weights @ values.im)
