"""Weights of step functions are arguments of what JAX compiles: compiled once, and not kept alive."""

import gc
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spiralsink import models
from spiralsink.interop import step_model

RNG = np.random.default_rng(0)
INPUTS = RNG.standard_normal((2, 5, 3))


def draw():
    return {"W": 0.3 * RNG.standard_normal((4, 4)), "U": RNG.standard_normal((4, 3))}


def step(weights, x, h):
    return jnp.tanh(weights["W"] @ h + weights["U"] @ x)


def by_hand(weights):
    h, states = np.zeros((2, 4)), []
    for t in range(5):
        h = np.tanh(h @ weights["W"].T + INPUTS[:, t] @ weights["U"].T)
        states.append(h)
    return np.stack(states, 1)


def test_steps_of_weights_are_compiled_once():
    first, second = draw(), draw()
    one = step_model(step, n_features=3, n_hidden=4, weights=first)
    assert np.abs(one.states(INPUTS) - by_hand(first)).max() < 1e-12
    compiled = models._run._cache_size()
    other = step_model(step, n_features=3, n_hidden=4, weights=second)
    assert np.abs(other.states(INPUTS) - by_hand(second)).max() < 1e-12
    assert models._run._cache_size() == compiled


def test_steps_of_weights_in_other_libraries():
    weights = draw()
    numpy = step_model(
        lambda weights, x, h: np.tanh(weights["W"].dot(h) + weights["U"].dot(x)),
        n_features=3,
        n_hidden=4,
        weights=weights,
        library="numpy",
    )
    assert np.abs(numpy.states(INPUTS) - by_hand(weights)).max() < 1e-12


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_arrays_that_a_step_closes_over_are_its_weights(dtype):
    make = jnp.asarray if dtype == np.float32 else np.asarray
    weights = {name: make(array, dtype) for name, array in draw().items()}
    order, key = jnp.asarray([2, 0, 1, 3]), jax.random.key(3)  # neither is a number that can be widened

    def closed(x, h):
        return step(weights, x, h)[order] + 0.1 * jax.random.normal(key, (4,), jnp.float32)

    model = step_model(closed, n_features=3, n_hidden=4, readout=lambda h: weights["U"].T @ h)
    assert sorted(np.shape(each) for each in model.dynamics.weights) == [(4, 3), (4, 4)]
    assert sorted(np.shape(model.readout.function.weights[0])) == [3, 4]
    h, U = np.zeros((2, 4)), np.asarray(weights["U"])
    for t in range(5):
        h = np.stack([np.asarray(closed(INPUTS[i, t], h[i])) for i in range(2)])
    assert np.abs(model.states(INPUTS)[:, -1] - h).max() < 1e-5
    assert np.abs(model.outputs(INPUTS)[:, -1] - h @ U).max() < 1e-5


def test_weights_of_models_that_are_gone_are_gone():
    class Cell:
        def __init__(self):
            self.weights = {name: jnp.asarray(array) for name, array in draw().items()}

        def __call__(self, x, h):
            return step(self.weights, x, h)

    cell = Cell()
    watched = weakref.ref(cell)
    model = step_model(cell, n_features=3, n_hidden=4)
    model.states(INPUTS)
    del model, cell
    gc.collect()
    assert watched() is None
