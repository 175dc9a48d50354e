"""Inputs of constant amplitude: against every pattern, against convolutions on a lattice, and their derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from spiralsink.theory import enumerated_moments, enumeration_error
from spiralsink.theory._enumeration import _on_host

DIRECT, MET = 12, 18  # both sides of the size where the method changes


def every_pattern(a, p, direction, bias):
    """The two moments and all their derivatives, as sums over 2^n patterns."""
    active = (np.arange(2 ** len(a))[:, None] >> np.arange(len(a))) & 1
    each = np.where(active, p, 1 - p)
    chance, z, wanted = each.prod(axis=1), bias + active @ a, active @ direction
    seen, positive = np.maximum(z, 0), z > 0
    by_p = np.stack([np.delete(each, n, axis=1).prod(axis=1) * (2 * active[:, n] - 1) for n in range(len(a))])
    weighted = active * chance[:, None]
    square = weighted.T @ (2 * seen), by_p @ seen**2, np.zeros(len(a)), 2 * chance @ seen
    cross = weighted.T @ (wanted * positive), by_p @ (wanted * seen), weighted.T @ seen, chance @ (wanted * positive)
    return (chance @ seen**2, chance @ (wanted * seen)), (square, cross)


def on_lattice(a, p, direction, bias):
    """The two moments for whole a and bias, one convolution per input; how large n is does not matter."""
    span = int(np.abs(a).sum() + abs(bias))
    z = np.arange(-span, span + 1)
    chance, wanted = (z == bias).astype(float), np.zeros(len(z))
    for a_n, p_n, g_n in zip(a, p, direction, strict=True):
        with_n, wanted_with_n = np.roll(chance, a_n), np.roll(wanted, a_n) + g_n * np.roll(chance, a_n)
        chance, wanted = (1 - p_n) * chance + p_n * with_n, (1 - p_n) * wanted + p_n * wanted_with_n
    return chance @ np.maximum(z, 0) ** 2, wanted @ np.maximum(z, 0)


def draw(n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=n), rng.uniform(0.01, 1, n), rng.normal(size=n), np.float64(0.1)


@pytest.fixture(autouse=True)
def double_precision():
    with sk.float64():
        yield


@pytest.mark.parametrize("n", [DIRECT, MET])
def test_values_and_every_derivative(n):
    """Also with inputs that are always on, that the output ignores, or whose direction is a million times longer."""
    a, p, direction, bias = draw(n)
    a[2], a[3], p[4] = 0.0, -1e6, 1.0
    values, slopes = every_pattern(a, p, direction, bias)
    arguments = tuple(jnp.asarray(each) for each in (a, p, direction, bias))
    np.testing.assert_allclose(jax.jit(enumerated_moments)(*arguments), values, rtol=1e-13)
    exact = jax.jit(jax.jacrev(enumerated_moments, (0, 1, 2, 3)))(*arguments)
    for moment, expected in zip(exact, slopes, strict=True):
        for part, reference in zip(moment, expected, strict=True):
            np.testing.assert_allclose(part, reference, rtol=1e-12, atol=1e-13)
    assert float(enumeration_error(a, p)) <= 1e-11 * float(np.sum(p * np.maximum(a, 0) ** 2))


def test_forty_inputs_against_convolutions():
    rng = np.random.default_rng(1)
    a, p, direction = rng.integers(-9, 10, 40), rng.uniform(0.05, 0.9, 40), rng.normal(size=40)
    expected = on_lattice(a, p, direction, -3)
    found = enumerated_moments(jnp.asarray(a, float), jnp.asarray(p), jnp.asarray(direction), jnp.asarray(-3.0))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_what_is_not_enumerated_stays_within_the_bound():
    """96 lags that decay: 40 are enumerated, the rest has a bound, and beats it by an order of magnitude."""
    lags = np.arange(96)
    a = np.round(3000 * 0.9**lags * np.cos(0.4 * lags)).astype(int)
    p, direction = np.full(96, 0.1), np.where(lags == 4, 3000.0, 0.0)
    expected = on_lattice(a, p, direction, 0)
    arguments = [jnp.asarray(each, float) for each in (a, p, direction, 0.0)]
    square, cross = enumerated_moments(*arguments)
    bound = float(enumeration_error(arguments[0], arguments[1]))
    assert 1e-6 < bound / expected[0] < 1e-2
    assert abs(float(square) - expected[0]) < bound / 5
    assert abs(float(cross) - expected[1]) < bound / 5


def test_slopes_of_what_is_not_enumerated():
    """The derivative of the returned value itself, by differences, for enumerated and other inputs alike.

    The drawn point is no kink within the step; as few as 40 inputs of a 44-dimensional problem are enumerated, so
    the probabilities of the others move the value only through mean and variance.
    """
    n = 44
    a, p, direction, bias = draw(n, seed=3)
    a, p = a * np.where(np.arange(n) < 14, 1, 1e-8), np.where(np.arange(n) < 14, p, 0.3)
    arguments = [jnp.asarray(each) for each in (a, p, direction, bias)]
    rng = np.random.default_rng(4)
    tangents = [
        jnp.asarray(rng.normal(size=np.shape(each)) * size)
        for each, size in zip(arguments, (1e-8, 1e-3, 1, 1e-8), strict=True)
    ]
    _, slopes = jax.jvp(enumerated_moments, arguments, tangents)
    step = 1e-3
    ends = [
        enumerated_moments(*(each + sign * step * by for each, by in zip(arguments, tangents, strict=True)))
        for sign in (1, -1)
    ]
    np.testing.assert_allclose((np.array(ends[0]) - np.array(ends[1])) / (2 * step), slopes, rtol=1e-6)


def test_stacks_and_transformations_agree():
    lanes = [np.stack(each) for each in zip(*(draw(MET, seed) for seed in range(3)), strict=True)]
    lanes = [jnp.asarray(each) for each in lanes]

    def loss(a, p, direction, bias):
        square, cross = enumerated_moments(a, p, direction, bias)
        return square - 2 * cross

    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(loss)))(*lanes)
    alone = jax.jit(jax.value_and_grad(loss))
    for lane in range(3):
        one = [each[lane] for each in lanes]
        value, slope = alone(*one)
        assert float(value) == float(values[lane])
        np.testing.assert_array_equal(slope, slopes[lane])
        along = jax.jvp(lambda a, one=one: loss(a, *one[1:]), one[:1], [jnp.ones(MET)])[1]
        assert float(along) == pytest.approx(float(slope.sum()), rel=1e-12)


def test_second_derivatives_where_they_are_covered():
    """2 E[B_m B_n 1(z > 0)] up to 16 inputs; one line that says so beyond."""
    a, p, direction, bias = (jnp.asarray(each) for each in draw(6))
    hessian = jax.jit(jax.hessian(lambda a: enumerated_moments(a, p, direction, bias)[0]))(a)
    active = ((np.arange(64)[:, None] >> np.arange(6)) & 1).astype(float)
    weight = np.where(active, np.asarray(p), 1 - np.asarray(p)).prod(axis=1) * np.asarray(bias + active @ a > 0)
    np.testing.assert_allclose(hessian, 2 * active.T @ (weight[:, None] * active), atol=1e-13)
    a, p, direction, bias = (jnp.asarray(each) for each in draw(MET))
    with pytest.raises(sk.NotCovered, match="derivative must be the first"):
        jax.hessian(lambda a: enumerated_moments(a, p, direction, bias)[0])(a)


def test_both_methods_agree_where_nothing_is_random():
    """p = 1 or a = 0: what remains is a number."""
    ones, zeros = jnp.ones(MET), jnp.zeros(MET)
    a = jnp.asarray(draw(MET)[0])
    for method in (enumerated_moments, _on_host):
        square, cross = method(a, ones, ones, jnp.asarray(0.5))
        seen = max(float(a.sum()) + 0.5, 0.0)
        assert float(square) == pytest.approx(seen**2, rel=1e-13)
        assert float(cross) == pytest.approx(MET * seen, rel=1e-13)
        square, cross = method(zeros, ones / 2, ones, jnp.asarray(0.5))
        assert (float(square), float(cross)) == pytest.approx((0.25, MET / 4))
