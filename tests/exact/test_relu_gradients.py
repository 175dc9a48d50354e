"""Gradients and second derivatives of the exact loss of ReLU readouts: finite differences and exact arithmetic."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from cases.relu import STANDARD, chain, loss
from oracles import uniform_sums
from spiralsink.theory import SteadyState

slow = pytest.mark.slow


def relative_slopes(gradient, network, total, seed, step=1e-5):
    """Along one random relative change of all weights: by the gradient, and by differences."""
    rng = np.random.default_rng(seed)
    weights: dict[str, Any] = {name: np.asarray(getattr(network, name), np.float64) for name in ("W_x", "W_h", "W_y")}
    change = {name: rng.normal(size=each.shape) * each for name, each in weights.items()}
    by_gradient = sum(float(np.sum(np.asarray(getattr(gradient, name)) * change[name])) for name in weights)
    ends = [
        total(
            sk.RecurrentNetwork(
                **{name: weights[name] + sign * step * change[name] for name in weights}, readout="relu"
            )
        )
        for sign in (1, -1)
    ]
    return by_gradient, (ends[0] - ends[1]) / (2 * step)


@pytest.fixture(scope="module")
def gradients():
    """Gradients in float64 by horizon, compiled once each."""

    def gradient(network, horizon, p=STANDARD.p):
        with sk.float64():
            process = STANDARD.process.replace(p=p)
            weights = [jnp.asarray(getattr(network, name), jnp.float64) for name in ("W_x", "W_h", "W_y")]

            def total(weights, p):
                network = sk.RecurrentNetwork(*weights, readout="relu")
                return sk.expected_loss(network, STANDARD.task, process.replace(p=p), horizon=horizon).total

            by_weights, by_p = jax.grad(total, (0, 1))(weights, jnp.broadcast_to(jnp.asarray(p, jnp.float64), 2))
            assert by_p.dtype == by_weights[0].dtype == jnp.float64
            return sk.RecurrentNetwork(*map(np.asarray, by_weights), readout="relu"), np.asarray(by_p)

    return gradient


PLAIN = STANDARD.network(seed=13)


@pytest.mark.parametrize("horizon", [SteadyState(), pytest.param(6, marks=slow)], ids=str)
def test_gradients_match_finite_differences(gradients, horizon):
    for p in ((0.3, 0.6), (0.999, 1e-3)):
        by_weights, by_p = gradients(PLAIN, horizon, p)
        for seed in range(3):
            found, expected = relative_slopes(
                by_weights, PLAIN, lambda n, p=p: loss(n, horizon=horizon, p=p).total, seed
            )
            assert found == pytest.approx(expected, rel=2e-5)
        step = 1e-4 * np.minimum(p, 1 - np.array(p))
        for j in range(2):
            ends = [
                loss(PLAIN, horizon=horizon, p=np.array(p) + sign * step * (np.arange(2) == j)).total
                for sign in (1, -1)
            ]
            assert by_p[j] * 2 * step[j] == pytest.approx(ends[0] - ends[1], rel=2e-5)


@pytest.mark.parametrize("p", [1.0, (0.3, 0.6), 0.01])
@pytest.mark.parametrize("spread", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("place", [0, 1], ids=["hidden is longer", "seen is shorter"])
def test_gradients_by_inclusion_and_exclusion(gradients, p, spread, place):
    """Along the readout of a register, against exact arithmetic, relative to the largest component."""
    A = np.array([[-0.9, -0.5], [0.4, -0.7], [0.8, 1.1]])
    A[place] *= spread if place == 0 else 1 / spread
    by_weights, _ = gradients(chain(A), SteadyState(), p)
    probabilities = np.tile(np.broadcast_to(p, 2), 3)
    for i, importance in enumerate((1.0, 0.4)):
        a = np.outer(A[:, i], (1.0, 0.6)).ravel()
        found = uniform_sums.moments(a, probabilities, sk.Uniform(), delay=4 + i)
        by_a = np.asarray(found.gradient, np.float64).reshape(3, 2)
        by_a = by_a * np.array([1.0, 0.6])
        # where next to nothing is seen, as at p = 1 behind a long hidden one, the gradient is all but zero
        scale = max(np.abs(by_a).max(), found.loss)
        np.testing.assert_allclose(by_weights.W_y[:, i] / importance, by_a.sum(axis=1), rtol=0, atol=1e-5 * scale)


def test_gradients_have_the_dtype_of_the_weights(gradients):
    weights = [jnp.asarray(getattr(PLAIN, name), jnp.float32) for name in ("W_x", "W_h", "W_y")]
    value, slopes = jax.value_and_grad(lambda w: loss(sk.RecurrentNetwork(*w, readout="relu")).total)(weights)
    assert {value.dtype, *(each.dtype for each in slopes)} == {jnp.dtype(jnp.float32)}
    narrow = sk.RecurrentNetwork(*map(np.asarray, weights), readout="relu")
    assert float(value) == pytest.approx(loss(narrow).total, rel=1e-7)
    exact, _ = gradients(narrow, SteadyState())
    for found, name in zip(slopes, ("W_x", "W_h", "W_y"), strict=True):
        np.testing.assert_allclose(np.asarray(found), getattr(exact, name), rtol=1e-6, atol=1e-7)


@pytest.mark.slow
def test_mapped_and_compiled_values_and_gradients_have_the_dtype_of_the_weights():
    networks = [STANDARD.network(seed) for seed in range(14, 17)]
    W_h = jnp.asarray(np.stack([each.W_h for each in networks]), jnp.float32)
    W_x, W_y = (np.asarray(getattr(networks[0], name), np.float32) for name in ("W_x", "W_y"))

    def one(W_h):
        return loss(sk.RecurrentNetwork(W_x, W_h, W_y, readout="relu")).total

    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(one)))(W_h)
    assert values.dtype == slopes.dtype == jnp.float32
    np.testing.assert_allclose(np.asarray(values), [one(np.asarray(each)) for each in W_h], rtol=3e-7)
    assert np.isfinite(np.asarray(slopes)).all()


@pytest.mark.slow
def test_hessian(gradients):
    def total(W_y):
        return loss(sk.RecurrentNetwork(PLAIN.W_x, PLAIN.W_h, W_y, readout="relu")).total

    def slope(W_y):
        by_weights, _ = gradients(sk.RecurrentNetwork(PLAIN.W_x, PLAIN.W_h, W_y, readout="relu"), SteadyState())
        return by_weights.W_y.ravel()

    with sk.float64():
        hessian = np.asarray(jax.jit(jax.hessian(total))(jnp.asarray(PLAIN.W_y, jnp.float64))).reshape(6, 6)
    step = 1e-5 * np.eye(6).reshape(6, 3, 2)
    expected = np.stack([(slope(PLAIN.W_y + each) - slope(PLAIN.W_y - each)) / 2e-5 for each in step])
    scale = np.abs(expected).max()
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-8 * scale)
    np.testing.assert_allclose(hessian, expected, atol=1e-5 * scale)
