"""Ablating and patching: A_s dx and W_y^T W_h^s dh for linear recurrences, elsewhere what running again gives."""

import dataclasses

import numpy as np
import pytest

from cases.inspected import elman, sparse_inputs
from spiralsink import InvalidInput
from spiralsink.inspection import Mean, Resample, Zero, ablate, inspect_model, patch
from spiralsink.networks import RecurrentNetwork


def projections(model, n_lags):
    linear, W_y = model.linear, model.readout.weights
    return np.array([W_y.T @ np.linalg.matrix_power(linear.W_h, s) @ linear.W_x for s in range(n_lags)])


@pytest.mark.parametrize("by", [Zero(), Mean(), Resample(seed=4)])
def test_ablating_a_linear_recurrence_is_the_projection_times_the_input(by):
    model, x = elman("linear", bias=0.3), sparse_inputs(3, 30)
    effect = ablate(model, x, feature=1, lag=4, by=by, n_later=6)
    dx = by.replaced(x[..., 1]) - x[..., 1]
    A = projections(model, 10)[4:, :, 1]
    for place, t in enumerate(effect.at):
        np.testing.assert_allclose(effect.change[:, place], dx[:, t - 4, None, None] * A, atol=1e-10)
    assert effect.at.tolist() == list(range(4, 25))
    assert np.abs(effect.change).max() > 0.1
    assert effect.gap < 1e-12
    np.testing.assert_allclose(effect.expected, effect.change, atol=1e-10)


def test_what_a_readout_hears_past_the_state_is_of_age_zero():
    """y = W_y^T h + D x: A_0 = W_y^T W_x + D, and W_y^T W_h^s W_x from there on."""
    model, x = elman("linear"), sparse_inputs(3, 30)
    D = np.random.default_rng(5).normal(size=(2, 2))
    model = dataclasses.replace(model, readout=dataclasses.replace(model.readout, feedthrough=D))
    A = projections(model, 4)
    A[0] += D
    np.testing.assert_allclose(inspect_model(model, x, n_lags=4).directions.projections, A, atol=1e-12)
    effect = ablate(model, x, 0, 0, at=[6, 11], n_later=4)
    assert effect.gap < 1e-12
    dx = -x[:, np.array([6, 11]), 0]
    for found in (effect.change, effect.seen, effect.expected):
        np.testing.assert_allclose(found, dx[..., None, None] * A[:, :, 0], atol=1e-10)


def test_a_rectified_readout_sees_the_projection_and_shows_what_is_left_of_it():
    model, x = elman("linear", readout="relu"), sparse_inputs(3, 30)
    effect = ablate(model, x, 0, 2, at=[10, 17], n_later=5)
    dx = -x[:, np.array([8, 15]), 0]
    np.testing.assert_allclose(effect.seen, dx[..., None, None] * projections(model, 7)[2:, :, 0], atol=1e-10)
    assert np.abs(effect.change - effect.seen).max() > 1e-3


@pytest.mark.parametrize("phi", ["relu", "tanh"])
def test_ablating_is_running_again_without_the_input(phi):
    model, x = elman(phi, bias=0.2), sparse_inputs(3, 30)
    effect = ablate(model, x, feature=0, lag=3, at=12)
    without = x.copy()
    without[:, 9, 0] = 0
    expected = model.outputs(without) - model.outputs(x)
    np.testing.assert_allclose(effect.change[:, 0], expected[:, 12:], atol=1e-12)
    length = np.linalg.norm(model.states(without) - model.states(x), axis=2)
    np.testing.assert_allclose(effect.state_change[:, 0], length[:, 12:], atol=1e-12)
    assert effect.gap > 0.01


def test_a_component_along_a_dictionary_direction_is_ablated():
    model, codes = elman("linear", n_features=3), sparse_inputs(2, 25, 3)
    basis = np.random.default_rng(0).normal(size=(3, 3))
    effect = ablate(model, codes @ basis, feature=2, lag=1, features=basis, n_later=3)
    A = projections(model, 4)[1:] @ basis[2]
    dx = -codes[:, effect.at - 1, 2]
    np.testing.assert_allclose(effect.change, dx[..., None, None] * A, atol=1e-10)


def test_patching_a_linear_recurrence_carries_the_change_of_the_state():
    model, x = elman("linear"), sparse_inputs(3, 20)
    state = np.random.default_rng(2).normal(size=(3, 6))
    effect = patch(model, x, state, at=7)
    dh = state - model.states(x)[:, 7]
    carried = [dh @ np.linalg.matrix_power(model.linear.W_h, s).T @ model.readout.weights for s in range(13)]
    np.testing.assert_allclose(effect.change[:, 0], np.stack(carried, axis=1), atol=1e-10)
    assert effect.gap < 1e-12


def test_patching_is_going_on_from_the_other_state():
    model, x, other = elman("tanh", bias=0.2), sparse_inputs(3, 20), sparse_inputs(3, 20, seed=9)
    effect = patch(model, x, at=7, inputs_from=other)
    mixed = np.concatenate([other[:, :8], x[:, 8:]], axis=1)
    after = model.outputs(mixed)[:, 7:]
    np.testing.assert_allclose(effect.change[:, 0], after - model.outputs(x)[:, 7:], atol=1e-12)
    assert effect.gap > 1e-3


def test_a_small_patch_is_carried_by_the_jacobians():
    model, x = elman("tanh", bias=0.2), sparse_inputs(2, 20)
    state = model.states(x)[:, 4]
    near = patch(model, x, state + 1e-6, at=4)
    far = patch(model, x, state + 1e-1, at=4)
    assert near.gap < 1e-5 < far.gap


def test_a_patch_is_followed_for_as_long_as_is_asked():
    model, x = elman("tanh", bias=0.2), sparse_inputs(2, 20)
    state = model.states(x)[:, 4] + 0.1
    all_, three, one = (patch(model, x, state, at=4, n_later=n) for n in (None, 3, 1))
    assert all_.change.shape == (2, 1, 16, 2)
    np.testing.assert_allclose(three.change, all_.change[:, :, :3], atol=1e-14)
    np.testing.assert_allclose(three.expected, all_.expected[:, :, :3], atol=1e-14)
    np.testing.assert_allclose(one.change, all_.change[:, :, :1], atol=1e-14)
    with pytest.raises(InvalidInput, match="n_later must be from 1 to 16"):
        patch(model, x, state, at=4, n_later=17)


def test_more_states_than_there_is_memory_for_are_refused(monkeypatch):
    from spiralsink.inspection import _cause

    model, x = elman("tanh"), sparse_inputs(3, 20)
    monkeypatch.setattr(_cause, "MOST_NUMBERS", 6 * 59)
    for call in (lambda: ablate(model, x, 0, 1, at=5), lambda: patch(model, x, np.zeros(6), at=5)):
        with pytest.raises(InvalidInput, match="at most 59 steps in all, for the memory of 6 units"):
            call()
    patch(model, x, np.zeros(6), at=5, n_later=14)


def test_patching_nothing_changes_nothing():
    model, x = elman("tanh"), sparse_inputs(2, 20)
    effect = patch(model, x, model.states(x)[:, 5], at=5)
    assert np.abs(effect.change).max() < 1e-14
    assert effect.gap < 1e-12


def test_networks_without_a_readout_report_states():
    model, x = elman("linear", n_outputs=0), sparse_inputs(2, 20)
    effect = ablate(model, x, 1, 2, at=9, n_later=4)
    assert effect.of == "states"
    expected = [np.linalg.matrix_power(model.linear.W_h, s) @ model.linear.W_x[:, 1] for s in range(2, 6)]
    np.testing.assert_allclose(effect.change[:, 0], -x[:, 7, 1, None, None] * expected, atol=1e-10)
    assert patch(model, x, np.zeros(6), at=3).of == "states"


def test_our_own_networks_are_taken_as_they_are():
    """A_s of the package's projections, for a RecurrentNetwork given directly."""
    rng = np.random.default_rng(0)
    network = RecurrentNetwork(rng.normal(size=(3, 2)), 0.3 * rng.normal(size=(3, 3)), rng.normal(size=(3, 2)))
    x = sparse_inputs(2, 20)
    effect = ablate(network, x, feature=1, lag=2, n_later=2)
    A = [network.W_y.T @ np.linalg.matrix_power(network.W_h, s) @ network.W_x[:, 1] for s in (2, 3)]
    np.testing.assert_allclose(effect.change, -x[:, effect.at - 2, 1][..., None, None] * A, atol=1e-10)
