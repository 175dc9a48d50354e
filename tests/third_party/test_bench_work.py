"""The trainings that ours is timed against compute the same loss and the same gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from spiralsink.bench import _plain_jax, _torch_loop, _torch_stacked
from spiralsink.bench._cases import DELAY, Case
from spiralsink.bench._trainer import first_weights
from spiralsink.networks import RecurrentNetwork

CASE = Case(n_hidden=3, stack=4, batch=16, horizon=9)
NAMES = ("W_x", "W_h", "W_y")


@functools.cache
def data():
    """Inputs and targets, (time, stack, batch), drawn as torch's trainings draw them."""
    return tuple(each.numpy() for each in _torch_stacked.draw(CASE, CASE.stack, torch.Generator().manual_seed(3)))


@functools.cache
def ours():
    """Loss and gradients of our own networks, in float32."""

    def loss(weights, inputs, targets):
        network = RecurrentNetwork(**weights, recurrence="relu", readout="relu")
        return jnp.mean((network(inputs.T[..., None]).outputs[..., 0] - targets.T) ** 2)

    found = jax.vmap(jax.value_and_grad(loss), in_axes=(0, 1, 1))(first_weights(CASE), *data())
    return jax.tree.map(np.asarray, found)


def assert_equal(loss, gradients):
    expected_loss, expected = ours()
    assert np.all(expected_loss > 0)
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    for name in NAMES:
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(gradients[name], expected[name], rtol=1e-5, atol=1e-5 * scale, err_msg=name)


def test_targets_are_the_inputs_some_steps_ago():
    inputs, targets = data()
    np.testing.assert_array_equal(targets[DELAY:], inputs[:-DELAY])
    assert not targets[:DELAY].any()
    assert ((inputs > 0).mean(), inputs.max()) == (pytest.approx(0.5, abs=0.1), pytest.approx(1.0, abs=0.05))


@pytest.mark.parametrize("way", _torch_stacked.OUTPUTS)
def test_stacked_torch(way):
    weights = first_weights(CASE)
    rows = np.concatenate([weights[name].reshape(CASE.stack, -1) for name in NAMES], axis=1)
    parameters = torch.from_numpy(rows).requires_grad_()
    losses = _torch_stacked.losses(way, parameters, CASE.n_hidden, *map(torch.from_numpy, data()))
    losses.sum().backward()
    parts = np.split(parameters.grad.numpy(), [CASE.n_hidden, CASE.n_hidden * (CASE.n_hidden + 1)], axis=1)
    gradients = {name: part.reshape(weights[name].shape) for name, part in zip(NAMES, parts, strict=True)}
    assert_equal(losses.detach().numpy(), gradients)


def test_plain_jax():
    found = jax.vmap(jax.value_and_grad(_plain_jax.loss), in_axes=(0, 1, 1))(first_weights(CASE), *data())
    assert_equal(*found)


def test_torch_loop():
    """`torch.nn.RNN` hands the readout relu(h_t); the weights of ours are read accordingly."""

    def loss(weights, inputs, targets):
        states = RecurrentNetwork(**weights, recurrence="relu", readout="relu")(inputs.T[..., None]).states
        return jnp.mean((jax.nn.relu(jax.nn.relu(states) @ weights["W_y"])[..., 0] - targets.T) ** 2)

    weights = first_weights(CASE)
    expected, expected_gradients = jax.vmap(jax.value_and_grad(loss), in_axes=(0, 1, 1))(weights, *data())
    for lane in range(CASE.stack):
        network = _torch_loop.OneNetwork({name: each[lane] for name, each in weights.items()})
        value = _torch_loop.loss(network, *(torch.from_numpy(each[:, lane]) for each in data()))
        value.backward()
        np.testing.assert_allclose(value.item(), expected[lane], rtol=1e-5)
        found = dict(network.named_parameters())
        for name, place in {"W_x": "weight_ih_l0", "W_h": "weight_hh_l0"}.items():
            gradient = found[f"recurrent.{place}"].grad.numpy()
            np.testing.assert_allclose(gradient, expected_gradients[name][lane], rtol=1e-5, atol=1e-6)
        readout = found["readout.weight"].grad.numpy().T
        np.testing.assert_allclose(readout, expected_gradients["W_y"][lane], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("way", _torch_stacked.OUTPUTS)
def test_adam_of_all_networks_at_once_is_that_of_torch(way):
    """Three steps on its own data, against torch.optim.Adam and clipping of one network after the other."""
    stacked = _torch_stacked.TorchStacked(CASE, way)
    generator = torch.Generator().manual_seed(0)
    drawn = [_torch_stacked.draw(CASE, CASE.stack, generator) for _ in range(3)]
    start = stacked.parameters.detach().clone()
    stacked.train(3)
    for lane in range(CASE.stack):
        row = start[lane : lane + 1].clone().requires_grad_()
        adam = torch.optim.Adam([row], lr=_torch_stacked.LEARNING_RATE)
        for data_of_step in drawn:
            adam.zero_grad()
            one = (each[:, lane : lane + 1] for each in data_of_step)
            _torch_stacked.losses(way, row, CASE.n_hidden, *one).sum().backward()
            torch.nn.utils.clip_grad_norm_([row], _torch_stacked.CLIP)
            adam.step()
        np.testing.assert_allclose(
            stacked.parameters.detach()[lane].numpy(), row.detach()[0].numpy(), rtol=1e-4, atol=1e-5
        )
