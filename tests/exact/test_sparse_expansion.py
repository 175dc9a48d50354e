"""The second-order sparse expansion: exact where it should be, off by p^3 where it is not."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate

import spiralsink as sk
from spiralsink import theory
from spiralsink.theory import SteadyState, first_order_loss, problem_arrays
from spiralsink.theory._few_active import few_active

second_order_terms = eqx.filter_jit(theory.second_order_terms)

TERMS = ("task_benefit", "mean_correction", "projection_interference", "composition_interference")
PARTS = ("projection_temporal", "projection_spatial", "projection_mixed")


@pytest.fixture(autouse=True)
def double_precision():
    with sk.float64():
        yield


def active_moments(a, g, bias, low, high):
    """E[z_+^2] and E[y z_+] for z = bias + a U, y = g U, all U active and uniform: sums over corners of the cube.

    E[z_+^2] is the k-th difference of 2 z_+^(k + 2) / (k + 2)!, and E[y z_+] half its derivative along g.
    """
    k, width = len(a), high - low
    start, drift = bias + np.sum(a * low), np.sum(g * low)
    corners = (np.arange(2**k)[:, None] >> np.arange(k)) & 1
    sign = (-1.0) ** (k - corners.sum(axis=1))
    z, moved = np.maximum(start + corners @ (a * width), 0), drift + corners @ (g * width)
    volume = np.prod(a * width) * math.factorial(k + 2) / 2
    square = sign @ z ** (k + 2) / volume
    slope = (k + 2) * sign @ (z ** (k + 1) * moved) / volume - square * np.sum(g / a)
    return square, slope / 2


def enumerated_loss(A, taps, p, importance, bias, low, high):
    """E[L] with every input of every lag on or off, 2^(lags features) patterns."""
    total = 0.0
    chance = np.tile(p, len(A))
    for i, weight in enumerate(importance):
        a, g = A[:, i].ravel(), taps[:, i].ravel()
        for pattern in range(2 ** len(a)):
            on = (pattern >> np.arange(len(a))) & 1 == 1
            square, cross = active_moments(a[on], g[on], bias[i], low, high)
            mean, variance = g[on].sum() * (low + high) / 2, np.sum(g[on] ** 2) * (high - low) ** 2 / 12
            total += weight * np.where(on, chance, 1 - chance).prod() * (square - 2 * cross + mean**2 + variance)
    return total


def filled_up(array, n_lags):
    """With zeros to (n_lags, 2, 2), a shape that is compiled already."""
    return np.pad(array, [(0, most - size) for most, size in zip((n_lags, 2, 2), array.shape, strict=True)])


def sums_to_its_parts(terms):
    assert float(sum(terms.terms.values())) == pytest.approx(float(terms.total), rel=1e-12)
    parts = sum(float(getattr(terms, part)) for part in PARTS)
    assert parts == pytest.approx(float(terms.projection_interference), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("shape", "low", "high"), [((6, 1), 0.0, 1.0), ((6, 1), 0.5, 1.5), ((3, 2), -1.0, 0.4)])
def test_residual_falls_with_the_cube_of_p(shape, low, high):
    """Two outputs of unequal importance, several taps, a bias of either sign; by p / 4 the gap falls to 1/64."""
    rng = np.random.default_rng(3)
    n_lags, n_features = shape
    A = rng.normal(size=(n_lags, 2, n_features))
    taps = np.where(rng.random(A.shape) < 0.4, rng.normal(size=A.shape), 0)
    importance, bias, ratio = np.array([1.0, 0.3]), np.array([0.2, -0.1]), np.linspace(1, 0.6, n_features)
    gaps, probabilities = [], (8e-3, 2e-3)
    for p in probabilities:
        exact = enumerated_loss(A, taps, p * ratio, importance, bias, low, high)
        terms = second_order_terms(A, taps, p * ratio, importance, amplitude=sk.Uniform(low, high), bias=bias)
        sums_to_its_parts(terms)
        gaps.append(abs(float(terms.total) - exact))
    slope = math.log(gaps[0] / gaps[1]) / math.log(probabilities[0] / probabilities[1])
    assert slope == pytest.approx(3, abs=0.1)


def test_two_inputs_are_exact_at_every_p():
    """There are no three to leave out; inputs that nothing reads do not count."""
    A, taps = np.array([[[0.8]], [[-0.5]]]), np.array([[[1.0]], [[0.0]]])
    for p in (0.01, 0.5, 1.0):
        exact = enumerated_loss(A, taps, np.array([p]), [1.0], [0.3], -1.0, 0.4)
        law, bias = sk.Uniform(-1.0, 0.4), np.array([0.3, 0.0])
        terms = second_order_terms(
            filled_up(A, 3), filled_up(taps, 3), np.array([p, p]), np.array([1.0, 0.3]), amplitude=law, bias=bias
        )
        assert float(terms.total) == pytest.approx(exact, rel=1e-13)


FINITE, STEADY = (7, 7), (SteadyState(), 64)  # horizon and number of lags
CASES = {
    "several taps": (sk.DelayedSum((0, 2), (1.0, -1.0)), (0.3, 0.8), sk.Uniform(-1.0, 2.0), (FINITE, STEADY)),
    "mixing": (sk.Mixing(1, ((1.0, -2.0, 0.0), (0.5, 0.0, 1.0))), (0.1, 0.1, 0.1), sk.HalfNormal(), (FINITE,)),
    "laws": (sk.Delay(1), (0.7, 0.7), (sk.Exponential(2.0), sk.Constant(-0.4)), (STEADY,)),
}


@pytest.mark.parametrize("case", [pytest.param("several taps", marks=pytest.mark.slow), "mixing", "laws"])
def test_a_linear_readout_has_no_third_order(case):
    """Every term, at every p, equals the exact loss of the network; at a horizon and, with enough lags, without."""
    task, p, amplitude, horizons = CASES[case]
    process = sk.SparseProcess(len(p), p, amplitude)
    rng = np.random.default_rng(0)
    n_outputs = task.n_outputs(process.n_features)
    W_h = rng.normal(size=(3, 3))
    W_h *= 0.5 / np.abs(np.linalg.eigvals(W_h)).max()
    b_y = None if case == "mixing" else rng.normal(size=n_outputs)
    W_x, W_y = rng.normal(size=(3, process.n_features)), rng.normal(size=(3, n_outputs))
    network = sk.RecurrentNetwork(W_x, W_h, W_y, b_y=b_y)
    for horizon, n_lags in horizons:
        problem = problem_arrays(task, process, horizon=n_lags)
        exact = sk.expected_loss(network, task, process, horizon=horizon)
        laws = {"amplitude": amplitude, "readout": "linear", "bias": b_y, "horizon": horizon}
        terms = second_order_terms(
            sk.projections(network, n_lags), problem.taps, np.array(p), problem.importance, **laws
        )
        for name in (*TERMS, *PARTS, "total", "per_output"):
            np.testing.assert_allclose(getattr(terms, name), getattr(exact, name), rtol=1e-10, atol=1e-13)
        assert float(terms.error_estimate) < 1e-12


def test_first_order_is_task_benefit_and_projection_interference():
    rng = np.random.default_rng(1)
    A, importance = rng.normal(size=(5, 2, 2)), np.array([1.0, 0.5])
    process = sk.SparseProcess(2, (0.1, 0.3))
    taps = problem_arrays(sk.Delay(2), process, horizon=5).taps
    terms = second_order_terms(A, taps, process.p, importance)
    first = first_order_loss(A, taps, process.second_moment, importance)
    assert float(terms.task_benefit + terms.projection_interference) == pytest.approx(float(first), rel=1e-13)


def test_hidden_directions_of_any_length():
    """A direction a million times longer on the blind side hides whatever it meets, and costs no digits."""
    A = np.array([1.0, 0.3, -1e6])[:, None, None]
    taps = filled_up(np.array([1.0])[:, None, None], 5)
    terms, with_two = (
        second_order_terms(filled_up(each, 5), taps, np.array([0.1, 0.1]), np.array([1.0, 0.5])) for each in (A, A[:2])
    )
    # a pair with the long direction is silent: it takes the output of the other input away, up to a / (12 10^6)
    composition = float(with_two.composition_interference) - 0.01 * (1 + 0.3**2) / 3
    composition += 0.01 * (1 + 0.3**3) / 12e6
    assert float(terms.composition_interference) == pytest.approx(composition, rel=1e-12)
    assert float(terms.total) == pytest.approx(float(with_two.total) + 0.01 * (2 - 1 - 0.3**2) / 3, rel=1e-5)


def test_gradient_by_differences():
    rng = np.random.default_rng(2)
    A, taps = rng.normal(size=(4, 1, 2)), np.zeros((4, 1, 2))
    taps[2] = rng.normal(size=(1, 2))
    by = rng.normal(size=A.shape)

    @jax.jit
    def total(A):
        return second_order_terms(A, jnp.asarray(taps), jnp.array([0.2, 0.5]), jnp.ones(1)).total

    slope = float(jnp.sum(jax.jit(jax.grad(total))(jnp.asarray(A)) * by))
    ends = [float(total(jnp.asarray(A + sign * 1e-6 * by))) for sign in (1, -1)]
    assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(slope, rel=1e-7)


DENSITIES = {
    sk.Exponential(2.0): lambda u: 2 * math.exp(-2 * u),
    sk.HalfNormal(0.7): lambda u: math.sqrt(2 / math.pi) / 0.7 * math.exp(-((u / 0.7) ** 2) / 2),
}


@pytest.mark.parametrize("law", DENSITIES, ids=lambda law: type(law).__name__)
@pytest.mark.parametrize(("a", "b"), [(0.8, 0.3), (0.8, -0.3), (-0.5, 1.3), (0.3, -2.0), (0.7, 0.0)])
def test_pairs_of_other_laws_against_the_integral(law, a, b):
    known, density = few_active((law,), "relu"), DENSITIES[law]

    def seen(v, u):
        return (a * u + b * v) ** 2 * density(u) * density(v)

    # only the visible part, so that the integrand is smooth
    if b == 0:
        expected = a**2 * law.second_moment
    elif b > 0:
        expected = scipy.integrate.dblquad(seen, 0, 25, lambda u: max(0.0, -a * u / b), lambda _: 25, epsabs=1e-10)[0]
    else:
        expected = scipy.integrate.dblquad(seen, 0, 25, 0, lambda u: min(-a * u / b, 25.0), epsabs=1e-10)[0]
    assert float(known.two(0.0, a, known.laws[0], b, known.laws[0])) == pytest.approx(expected, rel=1e-8)
    slopes = jax.jit(jax.grad(lambda a, b: known.two(0.0, a, known.laws[0], b, known.laws[0]), (0, 1)))(a, b)
    # homogeneous of degree two: a d/da + b d/db = 2
    assert a * float(slopes[0]) + b * float(slopes[1]) == pytest.approx(2 * expected, rel=1e-8)


def test_what_is_not_covered_is_said():
    A, taps, one = np.ones((3, 1, 1)), np.ones((3, 1, 1)), np.ones(1)
    with pytest.raises(sk.NotCovered, match="bias must be absent"):
        second_order_terms(A, taps, one / 2, one, amplitude=sk.Exponential(), bias=one)
    with pytest.raises(sk.InvalidInput, match="horizon must be the number of lags given, 3, got 4"):
        second_order_terms(A, taps, one / 2, one, horizon=4)
    A, taps = np.ones((3, 1, 2)), np.ones((3, 1, 2))
    with pytest.raises(sk.NotCovered, match="amplitude must be of one family"):
        second_order_terms(A, taps, np.ones(2) / 2, one, amplitude=(sk.Uniform(), sk.Exponential()))
