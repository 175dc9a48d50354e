"""Transfer coefficients against scipy's filter, matrix powers and the modes of the geometry."""

from typing import Any

import hypothesis.strategies as st
import jax
import numpy as np
import pytest
import scipy.signal
from hypothesis import given

from spiralsink import InvalidInput, float64
from spiralsink.geometry import eigenmodes
from spiralsink.theory import transfer_coefficients, transfer_poles, transfer_projections, transfer_weights

N_LAGS = 30


def draw(seed: int, n_hidden: int, stack: tuple[int, ...] = ()) -> Any:
    rng = np.random.default_rng(seed)
    W_h = rng.normal(size=(*stack, n_hidden, n_hidden))
    W_h *= (rng.uniform(0.3, 0.99, size=stack) / np.abs(np.linalg.eigvals(W_h)).max(axis=-1))[..., None, None]
    return rng.normal(size=(*stack, n_hidden, 1)), W_h, rng.normal(size=(*stack, n_hidden, 1))


def powers(W_x, W_h, W_y):
    return np.stack([W_y.mT @ np.linalg.matrix_power(W_h, s) @ W_x for s in range(N_LAGS)], -1)[..., 0, 0, :]


def project(coefficients):
    with float64():
        return np.asarray(transfer_projections(coefficients, N_LAGS))


@given(seed=st.integers(0, 2**32 - 1), n_hidden=st.integers(1, 6))
def test_coefficients_keep_every_projection(seed, n_hidden):
    weights = draw(seed, n_hidden)
    coefficients = transfer_coefficients(*weights)
    expected = powers(*weights)
    numerator, denominator = coefficients[:n_hidden], np.append(1.0, coefficients[n_hidden:])
    a = scipy.signal.lfilter(numerator, denominator, np.eye(1, N_LAGS)[0])
    np.testing.assert_allclose(a, expected, atol=1e-10 * np.abs(expected).max())


def test_projections_and_weights_come_back():
    weights = draw(0, 3, (4, 2))
    coefficients = transfer_coefficients(*weights)
    np.testing.assert_allclose(project(coefficients), powers(*weights), atol=1e-11)
    with float64():
        again = [np.asarray(each) for each in transfer_weights(coefficients)]
    np.testing.assert_allclose(powers(*again), powers(*weights), atol=1e-11)
    np.testing.assert_allclose(transfer_coefficients(*again), coefficients, atol=1e-13)


def test_poles_span_and_radius_are_those_of_the_network():
    weights = draw(1, 3, (5,))
    coefficients = transfer_coefficients(*weights)
    with float64():
        companion: Any = [np.asarray(each) for each in transfer_weights(coefficients)]
    direct, through = eigenmodes(*weights, recall_lag=4), eigenmodes(*companion, recall_lag=4)
    np.testing.assert_allclose(through.spectral_radius, direct.spectral_radius, rtol=1e-9)
    np.testing.assert_allclose(through.eigenangle_span, direct.eigenangle_span, rtol=1e-7)
    np.testing.assert_allclose(through.share, direct.share, rtol=1e-6)
    found, expected = (np.sort_complex(each) for each in (transfer_poles(coefficients), direct.eigenvalues))
    np.testing.assert_allclose(found, expected, atol=1e-10)


def test_nothing_happens_where_real_poles_meet():
    """a_s is a polynomial in the coefficients, and so smooth where two real poles become a complex pair."""
    slopes = jax.jacobian(lambda x: transfer_projections(x, N_LAGS))
    with float64():
        at, left, right = (np.asarray(slopes(np.array([1.0, 0.3, -1.2, 0.36 + h]))) for h in (0, -1e-6, 1e-6))
    poles = transfer_poles(np.array([[1.0, 0.3, -1.2, 0.36 - 1e-6], [1.0, 0.3, -1.2, 0.36 + 1e-6]]))
    assert (poles[0].imag == 0).all()
    assert (np.abs(poles[1].imag) > 1e-4).all()
    np.testing.assert_allclose((left + right) / 2, at, atol=1e-8)


def test_a_shift_register_has_all_poles_at_zero():
    W_h = np.eye(3, k=-1)
    coefficients = transfer_coefficients(np.eye(3)[:, :1], W_h, np.eye(3)[:, 2:])
    np.testing.assert_array_equal(coefficients, [0, 0, 1, 0, 0, 0])
    np.testing.assert_array_equal(transfer_poles(coefficients), np.zeros(3))


def test_unstable_poles_are_seen():
    assert np.abs(transfer_poles(np.array([1.0, 0.0, -2.1, 1.2]))).max() > 1
    assert np.abs(transfer_poles(np.array([1.0, 0.0, -1.9, 0.95]))).max() < 1


def test_bad_input():
    with pytest.raises(InvalidInput, match="W_x must be of one input and one output"):
        transfer_coefficients(np.zeros((2, 2)), np.zeros((2, 2)), np.zeros((2, 1)))
    with pytest.raises(InvalidInput, match="coefficients must be 2 N_h coefficients, got 3 of them"):
        transfer_poles(np.zeros(3))
