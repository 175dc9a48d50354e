"""Moments E_r = E[V^r exp(v V)] of V uniform on (0, 1), at the nodes of a Fourier contour."""

import math
from typing import Any

import jax.numpy as jnp

from ._split import Split

# (exp(v) - 1) / v and its successors lose eps / |v|^(r + 1); below this |v| a series of that many terms is as good
_SMALL = 0.1
_N_TERMS = 9
_N_FIRST = 32


def ramp_at_nodes(a: Any, c: Any, spacing: Any, n_nodes: int) -> tuple[Split, Split, Split]:
    """E_0, E_1 and E_2 at v = a_n lambda_j, lambda_j = c + i j spacing, each (n, n_nodes).

    exp(v) comes from powers of exp(i a_n spacing), by doubling: no transcendental function for each node.
    """
    frequency = spacing * jnp.arange(n_nodes, dtype=a.dtype)
    v = Split(jnp.broadcast_to((a * c)[:, None], (a.shape[0], n_nodes)), a[:, None] * frequency)
    angle, size = spacing * a[:, None], jnp.exp(a * c)[:, None]
    first = angle * jnp.arange(_N_FIRST, dtype=a.dtype)
    powers = Split(size * jnp.cos(first), size * jnp.sin(first))
    step = Split(jnp.cos(_N_FIRST * angle), jnp.sin(_N_FIRST * angle))
    while powers.re.shape[1] < n_nodes:
        further = powers * step
        powers = Split(*(jnp.concatenate(pair, axis=1) for pair in zip(powers, further, strict=True)))
        step = step * step
    return ramp_moments(v, powers[:, :n_nodes])


def ramp_moments(v: Split, grown: Split) -> tuple[Split, Split, Split]:
    """E_0, E_1 and E_2 at any v, given exp(v).

    Away from 0 by E_r = (exp(v) - r E_{r-1}) / v; near 0 by the series of E_2 and the same recursion downwards.
    """
    small = jnp.abs(v.re) + jnp.abs(v.im) < _SMALL
    inside = v.where(small, Split(jnp.zeros_like(v.re), jnp.zeros_like(v.im)))
    outside = v.where(~small, Split(jnp.ones_like(v.re), jnp.zeros_like(v.im)))
    series = _series(inside)
    first = (grown - v * series) * 0.5
    near = (grown - v * first, first, series)
    inverse = outside.inverse()
    zeroth = (grown - 1.0) * inverse
    first = (grown - zeroth) * inverse
    far = (zeroth, first, (grown - first * 2.0) * inverse)
    return tuple(yes.where(small, no) for yes, no in zip(near, far, strict=True))  # pyright: ignore[reportReturnType]


def _series(v: Split) -> Split:
    """E_2 = sum_n v^n / (n! (n + 3)), a polynomial with real coefficients by Goertzel's recursion."""
    coefficients = [1 / (math.factorial(n) * (n + 3)) for n in range(_N_TERMS)]
    twice, squared = 2 * v.re, v.re * v.re + v.im * v.im
    ahead, further = jnp.full_like(v.re, coefficients[-1]), jnp.zeros_like(v.re)
    for coefficient in coefficients[-2:0:-1]:
        ahead, further = coefficient + twice * ahead - squared * further, ahead
    return Split(coefficients[0] + v.re * ahead - squared * further, v.im * ahead)
