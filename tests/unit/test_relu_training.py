"""Training on the exact loss of ReLU readouts, and the search for its optima."""

import jax
import numpy as np
import pytest

import spiralsink as sk
from spiralsink.theory import Quadrature

TASK, PROCESS = sk.Delay(2), sk.SparseProcess(1, 0.5)
# coarse: what is tested is training; the losses of its result are compared at the fineness of `expected_loss`
COARSE = Quadrature(64, 1, 16)


def start(stack=3):
    scheme = sk.Orthogonal(0.6)
    return sk.RecurrentNetwork.init(jax.random.key(1), 1, 2, readout="relu", stack=stack, tied_lag=2, scheme=scheme)


def train(horizon=None, *, optimizer, steps, quadrature=COARSE):
    kinds = {} if horizon is None else {"horizon": horizon}
    objective = sk.ExpectedLoss(quadrature=quadrature, **kinds)
    about = {"key": jax.random.key(0), "steps": steps, "record": sk.Every(steps)}
    return sk.fit(start(), TASK, PROCESS, objective=objective, optimizer=optimizer, **about)


def assert_trained(result, **horizon):
    """Lower than at the start, and the loss that `expected_loss` says."""
    assert (result.loss < result.history.loss[0]).all()
    assert (result.loss_standard_error == 0).all()
    terms = result.history.terms
    np.testing.assert_allclose(sum(terms.terms.values()), terms.total, rtol=1e-12)
    expected = sk.expected_loss(result.networks, TASK, PROCESS, tolerance=1e-3, **horizon)
    np.testing.assert_allclose(result.loss, expected.total, rtol=2e-2)
    assert result.networks.readout == "relu"


@pytest.mark.slow
def test_steady_state_by_a_quasi_newton_method():
    result = train(optimizer=sk.BFGS(), steps=60)
    assert_trained(result)
    assert result.networks.W_h.dtype == np.float64
    assert np.isin(result.status, [sk.Status.CONVERGED, sk.Status.UNCONVERGED]).all()
    assert (result.loss < result.silent_loss).all()


@pytest.mark.slow
def test_steady_state_by_adam():
    result = train(optimizer=sk.Adam(0.02), steps=30)
    assert_trained(result)
    assert result.networks.W_h.dtype == np.float32


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [sk.BFGS(), sk.Adam(0.02)], ids=["BFGS", "Adam"])
def test_finite_horizon(optimizer):
    assert_trained(train(6, optimizer=optimizer, steps=20), horizon=6)


@pytest.mark.slow
def test_dense_inputs_have_the_linear_optimum():
    """At p = 1 negative outputs are rare: for k = 2 a ReLU gains less than a thousandth."""
    process = sk.SparseProcess(1, 1.0)
    relu, linear = (sk.optimum(sk.Delay(2), process, readout=each, restarts=4) for each in ("relu", "linear"))
    assert linear.loss_per_p * (1 - 1e-3) < relu.loss_per_p <= linear.loss_per_p
    assert relu.status == sk.Status.CONVERGED
    assert not relu.bound_active
    assert relu.network.readout == "relu"
    exact = sk.expected_loss(relu.network, sk.Delay(2), process)
    assert exact.total == pytest.approx(relu.loss_per_p, rel=2e-6)
    assert [each.loss_per_p for each in relu.optima] == sorted(each.loss_per_p for each in relu.optima)
