"""What inspecting must find for networks whose answers are algebra: linear recurrences, and ReLU at rest."""

import dataclasses

import numpy as np
import pytest

from cases.inspected import elman, sparse_inputs
from spiralsink.inspection import _bounds, _spectrum, inspect_model
from spiralsink.inspection._recording import record
from spiralsink.inspection._spectrum import mean_spectrum


@pytest.fixture(scope="module")
def linear():
    model = elman("linear", n_features=3, n_hidden=7, bias=0.4)
    return model, inspect_model(model, sparse_inputs(n_features=3), n_lags=8, delay=2)


def test_jacobians_impulses_and_algebra_agree(linear):
    model, found = linear
    exact = [np.linalg.matrix_power(model.linear.W_h, s) @ model.linear.W_x for s in range(8)]
    np.testing.assert_allclose(found.algebraic, exact, atol=1e-12)
    for measured in (
        found.directions.mean,
        found.rest_jacobian,
        *found.impulses.responses,
        *found.rest_impulses.responses,
    ):
        np.testing.assert_allclose(measured, exact, atol=1e-9)
    np.testing.assert_allclose(found.directions.alignment, 1, atol=1e-12)
    assert found.directions.spread.max() < 1e-12
    assert found.impulses.difference.max() < 1e-9
    assert found.impulse_gap.max() < 1e-9


def test_projections_are_the_algebra(linear):
    model, found = linear
    exact = np.einsum("ho,shf->sof", model.readout.weights, found.algebraic)
    np.testing.assert_allclose(found.directions.projections, exact, atol=1e-12)
    waiting, negative = exact[:2] ** 2, np.minimum(exact[:2], 0) ** 2
    recall = np.linalg.norm(exact[2] * sparse_inputs(n_features=3).std(axis=(0, 1)), axis=1)
    chosen = np.flatnonzero(recall >= recall.max() / 2)
    assert found.free_space.readout.tolist() == chosen.tolist()
    share = negative.sum(axis=(0, 2)) / waiting.sum(axis=(0, 2))
    np.testing.assert_allclose(found.free_space.free_fraction, share[chosen], atol=1e-9)
    size = np.linalg.norm(exact, axis=2)
    np.testing.assert_allclose(found.free_space.sharpness, (size[4:].max(axis=0) / size[2])[chosen], atol=1e-9)


def test_responses_add_up_exactly(linear):
    _, found = linear
    known = found.additivity.values[~found.additivity.forgotten]
    assert known.size > 500
    np.testing.assert_allclose(known, 1, atol=1e-12)


def test_the_spectrum_is_that_of_the_recurrence(linear):
    model, found = linear
    expected = np.linalg.eigvals(model.linear.W_h)
    np.testing.assert_allclose(np.sort_complex(found.spectrum.eigenvalues), np.sort_complex(expected), atol=1e-9)
    assert found.spectrum.radius == pytest.approx(0.8)
    assert found.spectrum.radii == pytest.approx([0.8])


def test_poles_that_are_stored_are_the_spectrum_of_a_state_of_any_size(linear, monkeypatch):
    model, found = linear
    poles = np.linalg.eigvals(model.linear.W_h)
    monkeypatch.setattr(_bounds, "_MOST_STATE", 3)
    large = dataclasses.replace(model, poles=poles, linear=None)
    same = inspect_model(large, sparse_inputs(n_features=3), n_lags=8)
    np.testing.assert_allclose(same.spectrum.eigenvalues, found.spectrum.eigenvalues, atol=1e-12)
    assert (same.spectrum.n_points, same.memory) == (1, None)
    assert same.reasons["capacity"].startswith("7 numbers of state are too many")


def test_a_response_that_does_not_add_up_is_seen():
    found = inspect_model(elman("relu", n_features=2, bias=0.4), sparse_inputs(), n_lags=6)
    known = found.additivity.values[~found.additivity.forgotten]
    assert known.max() <= 1 + 1e-12
    assert known.min() < 0.9
    assert found.directions.spread.max() > 0.05


def test_relu_at_rest_is_homogeneous():
    """Without a bias the response to an impulse at rest is proportional to its size; on the way it is not."""
    found = inspect_model(elman("relu", n_features=2), sparse_inputs(), n_lags=6)
    assert found.rest_impulses.difference.max() < 1e-12
    assert np.abs(found.rest_impulses.responses).max() > 0.1
    assert found.impulses.difference.max() > 1e-3


def test_the_impulse_at_rest_is_that_of_the_recurrence():
    model = elman("relu", n_features=2)
    found = inspect_model(model, sparse_inputs(), n_lags=6)
    response, W_h = np.maximum(model.dynamics.W_x, 0), model.dynamics.W_h
    for lag in range(6):
        np.testing.assert_allclose(found.rest_impulses.responses[0, lag], response, atol=1e-12)
        response = np.maximum(W_h @ response, 0)


def test_impulses_of_a_feature_that_is_never_positive_are_negative():
    found = inspect_model(elman("relu", n_features=2), -sparse_inputs(), n_lags=4)
    assert (found.impulses.sizes < 0).all()


def test_a_dictionary_in_another_basis_is_the_same_network_in_that_basis():
    """Directions along rows of a dictionary are W_s times the rows; codes are the least-squares coefficients."""
    model, rng = elman("linear", n_features=3), np.random.default_rng(0)
    basis, codes = rng.normal(size=(3, 3)), sparse_inputs(n_features=3)
    found = inspect_model(model, codes @ basis, features=basis, n_lags=5)
    channels = inspect_model(model, codes @ basis, n_lags=5)
    np.testing.assert_allclose(found.directions.mean, channels.directions.mean @ basis.T, atol=1e-9)
    np.testing.assert_allclose(found.impulses.responses[0], found.algebraic, atol=1e-9)
    given = inspect_model(model, codes @ basis, features=basis, codes=codes, n_lags=5)
    np.testing.assert_allclose(given.memory.r2, found.memory.r2, atol=1e-6)
    assert found.explained == pytest.approx(1)
    assert np.abs(found.memory.r2 - channels.memory.r2).max() > 0.05


def test_the_spectrum_of_a_nonlinear_network_is_that_of_its_mean_jacobian():
    """All times are sampled, so that the mean is exact: df/dh = diag(1 - h_t^2) W_h for tanh."""
    model, x = elman("tanh", bias=0.3), sparse_inputs(2, 10)
    found = mean_spectrum(record(model, x), 20, np.random.default_rng(0))
    jacobians = (1 - model.states(x) ** 2)[..., None] * model.dynamics.W_h
    expected = np.linalg.eigvals(jacobians.mean(axis=(0, 1)))
    np.testing.assert_allclose(np.sort_complex(found.eigenvalues), np.sort_complex(expected), atol=1e-10)
    radii = np.abs(np.linalg.eigvals(jacobians.reshape(-1, 6, 6))).max(axis=1)
    np.testing.assert_allclose(found.radii, radii, atol=1e-10)
    leading = found.eigenvalues[0]
    assert found.leading_angles[0] == pytest.approx(np.degrees(np.abs(np.angle(leading))))


def test_radii_of_large_jacobians_are_those_of_the_full_decomposition(monkeypatch):
    jacobian = elman("linear", n_hidden=80, radius=0.9).linear.W_h
    monkeypatch.setattr(_spectrum, "_LARGE", 79)
    assert _spectrum._radius(jacobian) == pytest.approx(0.9, rel=1e-4)
    # one that Arnoldi iteration does not finish on is decomposed
    monkeypatch.setattr(_spectrum, "_MOST_RESTARTS", 1)
    monkeypatch.setattr(_spectrum, "_TOLERANCE", 1e-15)
    assert _spectrum._radius(jacobian) == pytest.approx(0.9, rel=1e-12)
