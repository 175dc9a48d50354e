"""Directions against torch's own derivatives, ridge readouts and Gramians against numpy's and scipy's solvers."""

import numpy as np
import pytest
import scipy.linalg

from cases.inspected import elman, sparse_inputs
from spiralsink.inspection import ablate, patch
from spiralsink.inspection._capacity import _gramian
from spiralsink.inspection._directions import jacobian_directions
from spiralsink.inspection._impulses import impulse_directions
from spiralsink.inspection._recording import record
from spiralsink.inspection._ridge import STRENGTHS, fit_ridge
from spiralsink.interop import as_model

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def gru():
    torch.manual_seed(0)
    return torch.nn.GRU(2, 5, batch_first=True).double()


def test_directions_of_a_gru_are_the_derivatives_of_torch(gru):
    model, x = as_model(gru), sparse_inputs(2, 12)
    where = np.array([0, 1, 1]), np.array([2, 0, 5])
    found = jacobian_directions(record(model, x), where, 4)
    exact = []
    for sequence, time in zip(*where, strict=True):
        states = lambda inputs: gru(inputs[None])[0][0]  # noqa: E731
        whole = torch.autograd.functional.jacobian(states, torch.tensor(x[sequence]))
        exact.append([whole[time + lag, :, time].numpy() for lag in range(4)])
    np.testing.assert_allclose(found.mean, np.mean(exact, axis=0), atol=1e-10)
    mean = np.mean(exact, axis=0)
    lengths = np.linalg.norm(exact, axis=2) * np.linalg.norm(mean, axis=1)
    cosine = (np.array(exact) * mean).sum(axis=2) / lengths
    np.testing.assert_allclose(found.alignment, cosine.mean(axis=0), atol=1e-9)
    assert found.alignment.min() < 0.999
    off = np.linalg.norm(np.array(exact) - np.mean(exact, axis=0), axis=2)
    spread = np.sqrt((off**2).mean(axis=0)) / np.linalg.norm(np.mean(exact, axis=0), axis=1)
    np.testing.assert_allclose(found.spread, spread, atol=1e-9)


def test_smaller_and_smaller_impulses_come_to_the_jacobian(gru):
    recording = record(as_model(gru), sparse_inputs(4, 30))
    where = np.array([0, 1, 3]), np.array([2, 0, 11])
    gaps = []
    for size in (1.0, 1e-2, 1e-4):
        sizes = size * np.array([[1.0, 1.0], [0.5, 0.5]])
        gaps.append(impulse_directions(recording, where, sizes, 4).gap.max())
    assert gaps[0] > 0.05
    assert gaps[1] < 2e-2 * gaps[0]
    assert gaps[2] < 2e-4 * gaps[0]


def test_a_torch_module_is_ablated_as_it_is(gru):
    x = torch.tensor(sparse_inputs(2, 12))
    effect = ablate(gru, x, feature=1, lag=2, at=6)
    without = x.clone()
    without[:, 4, 1] = 0
    with torch.no_grad():
        expected = (gru(without)[0] - gru(x)[0])[:, 6:].numpy()
    np.testing.assert_allclose(effect.change[:, 0], expected, atol=1e-10)


def test_a_torch_module_is_patched_as_it_is(gru):
    x, state = torch.tensor(sparse_inputs(2, 12)), torch.tensor(sparse_inputs(2, 1, 5)[:, 0])
    effect = patch(gru, x, state, at=4, n_later=5)
    with torch.no_grad():
        own = gru(x)[0]
        expected = gru(x[:, 5:9], state[None].contiguous())[0] - own[:, 5:9]
    np.testing.assert_allclose(effect.change[:, 0, 1:], expected.numpy(), atol=1e-10)
    # what is expected is the derivative along the way
    small = own[:, 4] + 1e-6 * (state - own[:, 4])
    near = patch(gru, x, small, at=4, n_later=5)
    np.testing.assert_allclose(near.expected, 1e-6 * effect.expected, rtol=1e-6)
    assert near.gap < 1e-4 < effect.gap


def test_an_lstm_of_two_layers_is_ablated_and_patched():
    torch.manual_seed(1)
    module, x = torch.nn.LSTM(2, 3, 2, batch_first=True).double(), torch.tensor(sparse_inputs(2, 9))
    model = as_model(module)
    assert [name.split()[-1] for name, _ in model.layout] == ["h", "c", "h", "c"]
    without = x.clone()
    without[:, 3, 0] = 0
    with torch.no_grad():
        own = module(x)[0]
        expected = (module(without)[0] - own)[:, 5:].numpy()
    ablated = ablate(model, x, feature=0, lag=2, at=5)
    np.testing.assert_allclose(ablated.change[:, 0, :, 6:9], expected, atol=1e-10)
    # the state of the same network on other inputs, as torch hands it on: h and c of both layers
    other = torch.tensor(sparse_inputs(2, 9, seed=8))
    with torch.no_grad():
        handed = module(other[:, :5])[1]
        expected = (module(x[:, 5:], handed)[0] - own[:, 5:]).numpy()
    patched = patch(model, x, at=4, inputs_from=other)
    np.testing.assert_allclose(patched.change[:, 0, 1:, 6:9], expected, atol=1e-10)


def test_ridge_readouts_are_those_of_the_normal_equations():
    rng = np.random.default_rng(0)
    states, targets = rng.normal(size=(80, 6)) @ rng.normal(size=(6, 6)) + 3, rng.normal(size=(80, 4)) - 1
    check = rng.normal(size=(30, 6)) + 3, rng.normal(size=(30, 4)) - 1
    found = fit_ridge(states, targets, check)
    h, y = states - states.mean(axis=0), targets - targets.mean(axis=0)
    scale = np.trace(h.T @ h / 80) / 6
    wanted = {}
    for strength in STRENGTHS:
        # ridge regression is least squares with sqrt(strength) times the unit matrix below the data
        below = np.sqrt(80 * strength * scale) * np.eye(6)
        weights = np.linalg.lstsq(np.vstack([h, below]), np.vstack([y, np.zeros((6, 4))]), rcond=None)[0]
        bias = targets.mean(axis=0) - states.mean(axis=0) @ weights
        wanted[strength] = weights, ((check[0] @ weights + bias - check[1]) ** 2).mean(axis=0)
    errors = np.array([error for _, error in wanted.values()])
    np.testing.assert_array_equal(found.strength, STRENGTHS[errors.argmin(axis=0)])
    for target, strength in enumerate(found.strength):
        np.testing.assert_allclose(found.weights[:, target], wanted[strength][0][:, target], atol=1e-7)


@pytest.mark.parametrize("radius", [0.5, 0.99])
def test_the_gramian_solves_the_lyapunov_equation_of_scipy(radius):
    linear = elman("linear", n_features=2, n_hidden=8, radius=radius).linear
    first = linear.W_x @ linear.W_x.T
    expected = scipy.linalg.solve_discrete_lyapunov(linear.W_h, first)
    np.testing.assert_allclose(_gramian(linear.W_h, first), expected, rtol=1e-9, atol=1e-9)
