"""The loss along transfer coefficients: the short form against the exact terms, and against finite differences."""

import dataclasses

import jax
import numpy as np
import pytest

import spiralsink as sk
from spiralsink._float64 import computes_in_float64
from spiralsink._progress import NoProgress
from spiralsink.theory import Quadrature, escape_family, transfer_weights
from spiralsink.verbs._branch_search import search
from spiralsink.verbs._filter_loss import BoundedLoss, FilterLoss, GainExcess

TAPS = tuple(float(lag == 4) for lag in range(8))
LOSS = FilterLoss(TAPS, sk.Uniform(), "relu", 2.0, sk.SteadyState(), 100.0, Quadrature(128, 1, 64))
POINTS = np.array(
    [[-0.15, 0.301, -1.526, 0.693], [0.097, -1.329, -0.61, 0.65], [0.255, 0.533, 0.512, 0.778], [0.2, 0.1, 0.0, 0.98]]
)
LOG_P = np.log([0.4, 0.3, 0.2, 1.0])

evaluate = computes_in_float64(jax.vmap(jax.value_and_grad(LOSS)))


@pytest.mark.slow
def test_the_short_form_is_the_total():
    values, slopes = evaluate(POINTS, LOG_P)
    terms = computes_in_float64(jax.vmap(LOSS.terms))(POINTS, np.exp(LOG_P))
    allowed = terms.error_estimate / np.exp(LOG_P) + 1e-12
    assert (np.abs(values - terms.total / np.exp(LOG_P)) <= allowed).all()
    np.testing.assert_allclose(values[:3], (terms.total / np.exp(LOG_P))[:3], rtol=2e-5)
    for column in range(4):
        aside = 1e-6 * np.eye(4)[column]
        difference = (evaluate(POINTS + aside, LOG_P)[0] - evaluate(POINTS - aside, LOG_P)[0]) / 2e-6
        np.testing.assert_allclose(slopes[:2, column], difference[:2], atol=1e-6)


def test_not_stable_is_infinite():
    unstable = np.array([[-0.15, 0.301, -2.1, 1.2]] * 4)
    values, slopes = evaluate(unstable, LOG_P)
    assert np.isinf(values).all()
    assert np.isfinite(slopes).all()


def test_gain():
    """The largest projection, in units of the wanted one where that is above 1."""
    W_x, W_h, W_y = computes_in_float64(transfer_weights)(POINTS)
    a = sk.projections(sk.RecurrentNetwork(W_x, W_h, W_y), 40)[..., 0, 0]
    gains = computes_in_float64(jax.vmap(LOSS.gain))(POINTS)
    np.testing.assert_allclose(gains, np.abs(a).max(axis=1) / np.maximum(np.abs(a[:, 4]), 1.0))
    tight = dataclasses.replace(LOSS, limit=1.0)
    outside = computes_in_float64(jax.vmap(GainExcess(tight)))(POINTS, LOG_P) > 0
    np.testing.assert_array_equal(outside, gains > 1.0)


@pytest.mark.parametrize("delay", [2, 3, 4])
def test_escaping_networks_approach_their_infimum(delay):
    """The distance falls with the modulus of the poles, for projections of up to 10^9.

    Up to k = 3 it is negative: there networks of finite size do better.
    """
    family = escape_family(delay, 2)
    assert family is not None
    task = sk.Delay(delay)
    points = np.stack([family.coefficients(radius) for radius in (0.1, 1e-2, 1e-3)])
    W_x, W_h, W_y = computes_in_float64(transfer_weights)(points)
    networks = sk.RecurrentNetwork(W_x, W_h, W_y, readout="relu")
    for p in (0.1, 0.5):
        terms = sk.expected_loss(networks, task, sk.SparseProcess(1, p), tolerance=1e-4)
        assert (np.asarray(terms.status) == sk.Status.CONVERGED).all()
        above = np.asarray(terms.total) / p - family.infimum(p)
        assert (np.abs(above) <= [0.05, 5e-3, 5e-4]).all()
        assert (np.abs(above[1:]) <= 0.2 * np.abs(above[:-1])).all()
        assert (above[0] > 0) == (delay > 3)


@pytest.mark.parametrize("horizon", [sk.SteadyState(), 8, 20])
def test_the_silent_loss_is_that_of_a_silent_network(horizon):
    taps = tuple(float(lag == 4) for lag in range(8 if horizon != 20 else 20))
    loss = dataclasses.replace(LOSS, taps=taps, horizon=horizon, readout="linear")
    expected = 2.0 / 3 * (1.0 if isinstance(horizon, sk.SteadyState) else (horizon - 4) / horizon)
    assert loss.silent == pytest.approx(expected, rel=1e-14)
    silent = computes_in_float64(loss)(np.array([0.0, 0.0, -0.5, 0.3]), np.log(0.3))
    assert loss.silent == pytest.approx(float(silent), rel=1e-12)


@pytest.mark.slow
def test_silent_networks_are_no_optima_at_a_finite_horizon():
    """A search that ends at a network that never answers has the loss nu (T - k) / T."""
    taps = tuple(float(lag == 2) for lag in range(9))
    loss = FilterLoss(taps, sk.Uniform(), "relu", 1.0, 9, 100.0, Quadrature(32, 1, 24))
    station = search(loss, 2, 2, [np.log(0.1)], restarts=6, seed=0, progress=NoProgress())[0]
    assert loss.silent == pytest.approx(7 / 27)
    assert station.counts["dead"] > 0
    assert len(station.points) > 0
    values = computes_in_float64(jax.vmap(loss))(station.points, np.full(len(station.points), np.log(0.1)))
    assert (values < 0.98 * 7 / 27).all()


def test_a_search_is_bounded():
    far = escape_family(4, 2)
    assert far is not None
    points = np.stack([far.coefficients(0.3), far.coefficients(0.1)])
    values = computes_in_float64(jax.vmap(BoundedLoss(LOSS)))(points, np.log([0.3, 0.3]))
    assert np.isfinite(values[0])
    assert np.isinf(values[1])
