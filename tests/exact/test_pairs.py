"""One and two co-active inputs against differences of powers with 250 digits, and against the integral itself."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
import scipy.integrate

import spiralsink as sk
from spiralsink.theory._pairs import one_active, pair_square, two_active

ROUNDING = 2e-15
# signs, zeros, ties, corners that almost vanish, twelve to forty orders of magnitude between the arguments
AWKWARD = [0, 1, -1, 1e-12, -1e6, 0.3, -0.7, 1 + 1e-10, -1 - 1e-10, 1e-40]


def triples():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(AWKWARD, AWKWARD, AWKWARD), axis=-1).reshape(-1, 3)
    drawn = rng.normal(size=(300, 3)) * 10 ** rng.uniform(-8, 8, (300, 3))
    return np.concatenate([grid, drawn])


def power(z, k):
    return z**k if z > 0 else mpmath.mpf(0)


def precise_one(x, a):
    x, a = mpmath.mpf(x), mpmath.mpf(a)
    return (power(x + a, 3) - power(x, 3)) / (3 * a) if a else power(x, 2)


def precise_two(x, a, b):
    """The second difference of z_+^4 / (12 a b), and its limits where a or b is 0."""
    x, a, b = (mpmath.mpf(float(each)) for each in (x, a, b))
    if not a or not b:
        return precise_one(x, b or a)
    return (power(x + a + b, 4) - power(x + a, 4) - power(x + b, 4) + power(x, 4)) / (12 * a * b)


def precise_slopes(x, a, b):
    """The gradient of the same, of which every term is a power again: d/da of a quotient needs no small step."""
    x, a, b = (mpmath.mpf(float(each)) for each in (x, a, b))
    value = precise_two(x, a, b)
    cubes = {(i, j): power(x + i * a + j * b, 3) / 3 for i in (0, 1) for j in (0, 1)}
    return (
        (cubes[1, 1] - cubes[1, 0] - cubes[0, 1] + cubes[0, 0]) / (a * b),
        (cubes[1, 1] - cubes[1, 0]) / (a * b) - value / a,
        (cubes[1, 1] - cubes[0, 1]) / (a * b) - value / b,
    )


def relative(values, expected):
    """Relative errors; what underflows below 1e-290 is compared with zero."""
    expected = np.array([float(each) for each in expected])
    return np.abs(values - expected) / np.where(np.abs(expected) > 1e-290, np.abs(expected), 1)


@pytest.fixture(autouse=True)
def digits():
    with mpmath.workdps(250), sk.float64():
        yield


def test_values_to_rounding_wherever_the_scales_lie():
    x, a, b = jnp.asarray(triples().T)
    pairs = [precise_two(*row) for row in triples()]
    assert relative(np.asarray(jax.jit(two_active)(x, a, b)), pairs).max() < ROUNDING
    ones = [precise_one(*row) for row in triples()[:, :2]]
    assert relative(np.asarray(jax.jit(one_active)(x, a)), ones).max() < ROUNDING
    unbiased = [precise_two(0, *row) for row in triples()[:, 1:]]
    assert relative(np.asarray(jax.jit(pair_square)(a, b)), unbiased).max() < ROUNDING


def test_gradients_to_rounding():
    """Relative to the largest component of each gradient."""
    rows = triples()
    rows = rows[(rows[:, 1] != 0) & (rows[:, 2] != 0)]
    slopes = np.stack(jax.jit(jax.vmap(jax.grad(two_active, (0, 1, 2))))(*jnp.asarray(rows.T)), axis=-1)
    expected = np.array([[float(each) for each in precise_slopes(*row)] for row in rows])
    size = np.abs(expected).max(axis=1, keepdims=True)
    assert np.isfinite(slopes).all()
    assert (np.abs(slopes - expected) <= 5 * ROUNDING * size + 1e-290).all()


def test_every_derivative_at_zeros_and_ties_is_the_limit_from_both_sides():
    """Where an argument is 0 or two are equal, branches meet; the first derivatives are continuous there."""
    rows = np.array(np.meshgrid([0.0, 0.4, -0.4], [0.0, 0.7, -0.7], [0.0, 0.7, -0.7])).reshape(3, -1)
    step = 1e-7
    for function, given in ((two_active, rows), (one_active, rows[:2]), (pair_square, rows[1:])):
        for argument, _ in enumerate(given):
            slope = jax.jit(jax.vmap(jax.grad(function, argument)))(*jnp.asarray(given))
            shift = np.zeros((len(given), 1))
            shift[argument] = step
            sides = [function(*jnp.asarray(given + sign * shift)) - function(*jnp.asarray(given)) for sign in (1, -1)]
            for sign, side in zip((1, -1), sides, strict=True):
                np.testing.assert_allclose(sign * side / step, slope, atol=3 * step)


def test_second_derivatives_also_where_a_projection_is_zero():
    """Against differences of exact gradients; a = 0 inside the visible region is a smooth point."""
    rows = np.array([[-0.3, 0.0, 1.0], [0.2, 0.0, 0.5], [-0.3, 1e-9, 1.0], [0.2, -0.9, 0.5], [-0.5, 0.4, 0.3]]).T
    hessian = np.array(jax.jit(jax.vmap(jax.hessian(two_active, (0, 1, 2))))(*jnp.asarray(rows)))
    gradient = jax.jit(jax.vmap(jax.grad(two_active, (0, 1, 2))))
    step = 1e-5
    for argument in range(3):
        shift = np.zeros((3, 1))
        shift[argument] = step
        up, down = (np.array(gradient(*jnp.asarray(rows + sign * shift))) for sign in (1, -1))
        np.testing.assert_allclose(hessian[:, argument], (up - down) / (2 * step), atol=1e-6)


@pytest.mark.parametrize(("low", "high", "low_b", "high_b"), [(-1.0, 1.0, -1.0, 1.0), (0.5, 2.0, -0.3, 0.1)])
def test_uniform_amplitudes_of_any_range_against_the_integral(low, high, low_b, high_b):
    bias, a, b = 0.2, 0.8, -1.1

    def seen(v, u):
        return max(bias + a * u + b * v, 0.0) ** 2 / ((high - low) * (high_b - low_b))

    expected, error, *_ = scipy.integrate.dblquad(seen, low, high, low_b, high_b, epsabs=1e-9)
    laws = {"low": low, "high": high, "low_b": low_b, "high_b": high_b}
    assert float(two_active(bias, a, b, **laws)) == pytest.approx(expected, abs=10 * error)
    expected, error, *_ = scipy.integrate.quad(lambda u: max(bias + a * u, 0.0) ** 2 / (high - low), low, high)
    assert float(one_active(bias, a, low=low, high=high)) == pytest.approx(expected, abs=10 * error)


def test_a_pair_matrix_and_its_reverse_derivative_have_no_gaps():
    """As it is used: all pairs at once, zeros and equal lengths of opposite sign among them."""
    a = jnp.array([0.0, 1.0, -1.0, 0.5, 0.0, 1e-12, -1e6, 1.0])
    matrix = pair_square(a[:, None], a)
    assert np.array_equal(matrix, matrix.T)
    slope = jax.jit(jax.grad(lambda a: jnp.triu(pair_square(a[:, None], a), 1).sum()))(a)
    assert np.isfinite(slope).all()
    step = jnp.array([3e-7, 0, 0, 0, 0, 0, 0, 0])
    ends = [float(jnp.triu(pair_square((a + s)[:, None], a + s), 1).sum()) for s in (step, -step)]
    assert (ends[0] - ends[1]) / 6e-7 == pytest.approx(float(slope[0]), rel=1e-6)
