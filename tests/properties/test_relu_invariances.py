"""What must not change the loss of a ReLU readout, or change it in a known way: drawn values, shared shapes."""

from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import spiralsink as sk
from spiralsink.theory import Quadrature, rectified_moments

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**31 - 1)
chances = st.floats(1e-3, 1.0)
N_LAGS, LAW = 12, (sk.Uniform(),)


def random_weights(seed):
    """Two features, three hidden units, two outputs; radius 0.8."""
    rng = np.random.default_rng(seed)
    W_h = rng.normal(size=(3, 3))
    W_h *= 0.8 / np.abs(np.linalg.eigvals(W_h)).max()
    return rng.normal(size=(3, 2)), W_h, 0.5 * rng.normal(size=(3, 2))


def loss(weights, p=(0.3, 0.6), task: Any = sk.Delay(2), high=1.0):  # noqa: B008 (frozen)
    network = sk.RecurrentNetwork(*weights, readout="relu")
    return sk.expected_loss(network, task, sk.SparseProcess(2, p, sk.Uniform(0.0, high)))


def assert_same(one, other, factor=1.0):
    assert abs(one.total - factor * other.total) <= one.error_estimate + factor * other.error_estimate
    assert one.status == other.status
    for name in ("task_benefit", "projection_interference"):
        assert getattr(one, name) == pytest.approx(factor * getattr(other, name), rel=1e-9, abs=1e-14)


@few
@given(seeds, st.floats(-2, 2), chances)
def test_a_change_of_basis_of_the_hidden_state(seed, size, p):
    """(S W_x, S W_h S^-1, S^-T W_y) sees the same."""
    W_x, W_h, W_y = random_weights(seed)
    rng = np.random.default_rng(seed + 1)
    rotations = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(2)]
    S = rotations[0] @ np.diag(10.0 ** (size * rng.uniform(-1, 1, 3))) @ rotations[1]
    moved = (S @ W_x, S @ W_h @ np.linalg.inv(S), np.linalg.inv(S).T @ W_y)
    assert_same(loss(moved, p), loss((W_x, W_h, W_y), p))


@few
@given(seeds, chances, chances)
def test_order_of_features_and_outputs(seed, p_first, p_second):
    W_x, W_h, W_y = random_weights(seed)
    swapped = loss((W_x[:, ::-1], W_h, W_y[:, ::-1]), (p_second, p_first))
    plain = loss((W_x, W_h, W_y), (p_first, p_second))
    assert_same(swapped, plain)
    np.testing.assert_allclose(swapped.per_output[::-1], plain.per_output, rtol=2e-6)


@few
@given(seeds, chances, st.floats(-3, 3))
def test_the_loss_is_homogeneous(seed, p, power):
    """Outputs and targets twice as large: four times the loss."""
    W_x, W_h, W_y = random_weights(seed)
    scale = 10.0**power
    task = sk.DelayedSum((0, 2), (scale, -0.5 * scale))
    assert_same(
        loss((W_x, W_h, scale * W_y), p, task), loss((W_x, W_h, W_y), p, sk.DelayedSum((0, 2), (1.0, -0.5))), scale**2
    )


@few
@given(seeds, chances, st.tuples(st.floats(0.01, 10), st.floats(0, 10)))
def test_importance_weighs_the_outputs(seed, p, importance):
    weights = random_weights(seed)
    plain, weighted = loss(weights, p), loss(weights, p, sk.Delay(2, importance=importance))
    np.testing.assert_allclose(weighted.per_output, plain.per_output, rtol=3e-6)
    expected = float(np.dot(importance, weighted.per_output))
    assert weighted.total == pytest.approx(expected, rel=1e-12, abs=1e-15)


@few
@given(seeds, chances)
def test_losses_are_not_negative_and_no_larger_than_linear_ones(seed, p):
    """For targets >= 0 a ReLU readout does no worse than a linear one with the same weights."""
    weights = random_weights(seed)
    relu = loss(weights, p)
    linear = sk.expected_loss(sk.RecurrentNetwork(*weights), sk.Delay(2), sk.SparseProcess(2, p))
    assert relu.total >= -relu.error_estimate
    assert relu.total <= linear.total + relu.error_estimate


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(seeds, st.sampled_from([0.1, 30.0]), chances)  # every law compiles a program of its own
def test_inputs_twice_as_large_and_weights_half_as_large(seed, high, p):
    """The target grows with the inputs: free output weights follow it."""
    W_x, W_h, W_y = random_weights(seed)
    assert_same(loss((W_x / high, W_h, high * W_y), p, high=high), loss((W_x, W_h, W_y), p), high**2)


class Filter:
    """Moments of a filter of twelve lags, compiled once for every fineness."""

    def __init__(self, quadrature):
        def moments(a, p, g):
            found = rectified_moments(a[:, None], p[None], g[:, None], laws=LAW, quadrature=quadrature)
            return found.square, found.cross, found.error

        self._compiled = jax.jit(moments)

    def __call__(self, a, p, g):
        with sk.float64():
            given = (np.asarray(each, np.float64) for each in (a, p, g))
            return [float(each) for each in self._compiled(*given)]


usual, finer = Filter(Quadrature(256, 3)), Filter(Quadrature(2048, 4))
spreads = st.sampled_from([0.0, 1.0, 3.0, 6.0])


def random_filter(seed, spread):
    """Directions of either sign that spread over 10^spread, some of them zero; and a target at three lags."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=N_LAGS) * 10.0 ** rng.uniform(-spread, 0, N_LAGS)
    a[rng.random(N_LAGS) < 0.2] = 0
    g = np.zeros(N_LAGS)
    g[rng.choice(N_LAGS, 3, replace=False)] = rng.normal(size=3)
    return a, g


def change_to_a_finer_rule(seed, spread, p):
    """How far two rules are apart, what they said of their errors, the scale of the result, and the square moment."""
    a, g = random_filter(seed, spread)
    square, cross, error = usual(a, p, g)
    fine_square, fine_cross, fine_error = finer(a, p, g)
    change = abs((square - 2 * cross) - (fine_square - 2 * fine_cross))
    return change, error, fine_error, abs(square) + 2 * abs(cross), square


def test_the_error_estimate_covers_the_change_to_a_finer_rule():
    """Of 99 in a hundred filters, whatever their spread and sparsity; it is an estimate, and no bound."""
    rng = np.random.default_rng(0)
    cases = [(seed, rng.choice([0.0, 1.0, 3.0, 6.0]), 10 ** rng.uniform(-9, 0)) for seed in range(300)]
    change, error, fine_error, _, _ = np.array([change_to_a_finer_rule(*case) for case in cases]).T
    assert np.mean(change <= error + fine_error) >= 0.99


@settings(max_examples=60, deadline=None)
@given(seeds, spreads, st.one_of(chances, st.sampled_from([1.0, 1e-6, 1e-9])))
@example(1550689, 6.0, 1e-6)  # what a target at inputs that are never seen adds to the error
@example(1433856996, 3.0, 0.1)
def test_no_error_is_far_above_its_estimate(seed, spread, p):
    """At most three times the estimate, and 3e-7 of what is computed."""
    change, error, fine_error, scale, square = change_to_a_finer_rule(seed, spread, p)
    assert change <= 3 * (error + fine_error) + 3e-7 * scale
    assert square >= -error


@few
@given(seeds, spreads, chances, st.floats(-6, 6))
def test_moments_are_homogeneous(seed, spread, p, power):
    """E[(c z)_+^2] = c^2 E[z_+^2] and E[y (c z)_+] = c E[y z_+] for c > 0."""
    a, g = random_filter(seed, spread)
    c = 10.0**power
    square, cross, _ = usual(a, p, g)
    scaled_square, scaled_cross, _ = usual(c * a, p, g)
    assert scaled_square == pytest.approx(c**2 * square, rel=1e-6)
    assert scaled_cross == pytest.approx(c * cross, rel=1e-6, abs=1e-7 * c * np.sqrt(abs(square) * p))


@few
@given(seeds, chances, st.permutations(range(N_LAGS)))
def test_the_order_of_lags_and_lags_of_zero_do_not_matter(seed, p, order):
    a, g = random_filter(seed, 1.0)
    short = np.where(np.arange(N_LAGS) < 6, a, 0.0)
    same = [((a, g), (a[order], g[order])), ((short, g), (np.roll(short, 3), np.roll(g, 3)))]
    for one, other in same:
        (square, cross, error), (other_square, other_cross, other_error) = (usual(a, p, g) for a, g in (one, other))
        assert abs(square - other_square) <= error + other_error
        assert abs(cross - other_cross) <= error + other_error


@few
@given(seeds, spreads, chances)
def test_more_of_what_is_seen_is_never_less(seed, spread, p):
    """z_+ grows with every projection, because inputs are not negative."""
    a, g = random_filter(seed, spread)
    more = a + np.abs(np.random.default_rng(seed + 1).normal(size=N_LAGS)) * np.abs(a)
    square, cross, error = usual(a, p, np.abs(g))
    square_more, cross_more, error_more = usual(more, p, np.abs(g))
    assert square_more >= square - error - error_more
    assert cross_more >= cross - error - error_more
