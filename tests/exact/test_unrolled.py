"""Losses and gradients with hidden units written out, against automatic differentiation of the network itself."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest

import spiralsink as sk
from spiralsink.training._goals import prepare
from spiralsink.training._lanes import split_trained, to_lanes
from spiralsink.training._through_time import Setting, Weights, loss_and_gradient
from spiralsink.training._unrolled import not_unrolled, value_and_grad

KEY = jax.random.key(3)


def make_stack(stack, n_features, n_hidden, *, biases=False, tied=None, n_outputs=None, **kinds):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.normal(size=(stack, *shape)) / np.sqrt(shape[-1])

    n_outputs = n_outputs or n_features
    weights = draw(n_hidden, n_features), 0.8 * draw(n_hidden, n_hidden), draw(n_hidden, n_outputs)
    offsets = {"b_h": 0.2 * draw(n_hidden), "b_y": 0.2 * draw(n_outputs)} if biases else {}
    return sk.RecurrentNetwork(*weights[:2], weights[2] if tied is None else sk.Tied(tied), **offsets, **kinds)


def penalised(**about):
    return sk.Penalised(sk.SampledLoss(**about), sk.LengthPenalty(0.01))


P = np.random.default_rng(1).uniform(0.05, 1.0, (40, 2))
CASES: dict[str, Any] = {
    "relu, tied to several lags, several parts of a batch": (
        make_stack(4, 2, 4, tied=[1, 2, 3, 0], recurrence="relu", readout="relu"),
        (sk.SampledLoss(100, 100), sk.Delay([1, 2, 3, 0]), sk.SparseProcess(2, 0.1)),
    ),
    "tanh, biases, leak, burn-in": (
        make_stack(70, 2, 3, biases=True, recurrence="tanh", readout="linear", leak=0.7),
        (sk.SampledLoss(50, 9, burn_in=3), sk.Delay(2), sk.SparseProcess(2, 0.4, sk.HalfNormal())),
    ),
    "linear, p and delay and leak of each network": (
        make_stack(40, 2, 3, biases=True, recurrence="linear", readout="relu", leak=np.linspace(0.3, 1.0, 40)),
        (
            sk.SampledLoss(37, 9, burn_in=2),
            sk.Delay([1, 2, 3, 0] * 10, importance=[1.0, 0.5]),
            sk.SparseProcess(2, P, (sk.Exponential(), sk.Uniform(-1.0, 1.0))),
        ),
    ),
    "tanh, tied, biases, penalised, shared batches": (
        make_stack(4, 2, 3, tied=2, biases=True, recurrence="tanh", readout="relu"),
        (penalised(batch_size=50, horizon=9, batches="shared"), sk.Delay(2), sk.SparseProcess(2, 0.4, sk.Constant())),
    ),
    "relu, several lags, more outputs than features": (
        make_stack(5, 1, 8, n_outputs=3, recurrence="relu", readout="relu"),
        (sk.SampledLoss(20, 12, burn_in=11), sk.Delays([0, 3, 11]), sk.SparseProcess(1, 1.0)),
    ),
}


def differentiate(goal, trained, fixed, step):
    arrays, rest = eqx.partition(fixed, eqx.is_array)

    def lane_loss(trained, arrays, data):
        return goal.lane_loss(eqx.combine(trained, arrays, rest), data)

    return jax.vmap(jax.value_and_grad(lane_loss))(trained, arrays, goal.data(step, len(trained.W_x)))


@pytest.mark.parametrize("name", CASES)
def test_loss_and_gradient(name):
    network, (objective, task, process) = CASES[name]
    goal = prepare(objective, network, task, process, key=KEY, threads=0).goal
    lanes = to_lanes(network, network.stack, np.float32)
    assert not not_unrolled(lanes, goal)
    trained, fixed = split_trained(lanes)
    loss, gradients = eqx.filter_jit(value_and_grad)(goal, trained, fixed, np.int32(5))
    wanted_loss, wanted = eqx.filter_jit(differentiate)(goal, trained, fixed, np.int32(5))
    np.testing.assert_allclose(loss, wanted_loss, rtol=1e-5)
    assert jax.tree.structure(gradients) == jax.tree.structure(wanted)
    pairs = list(zip(jax.tree.leaves(gradients), jax.tree.leaves(wanted), strict=True))
    norm = np.sqrt(sum(np.sum(np.square(each).reshape(len(loss), -1), axis=1) for _, each in pairs))
    assert (norm > 0).mean() > 0.5  # of relu networks some are silent
    for ours, theirs in pairs:
        assert ours.dtype == np.float32
        difference = np.abs(ours - theirs).reshape(len(loss), -1).max(axis=1)
        assert (difference <= 1e-5 * norm).all()


def test_what_does_not_count_may_be_infinite():
    """Outputs overflow by a large input: in the burn-in, and in the third sequence of a batch of two."""
    setting = Setting("linear", "linear", (sk.Uniform(),), (0,), ((0, 0, 0),), 1, batch_size=2, horizon=3, burn_in=1)
    one = np.ones((1, 1, 1), np.float32)
    weights = Weights(one, 0 * one, 1e20 * one, None, None, None)
    inputs = np.array([[1e30, 0.0, 1e30], [0.0, 1e-20, 1e30], [1e-20, 0.0, 1e30]], np.float32)[..., None]
    given = ([jax.numpy.asarray(inputs)], one[None], np.ones(1, np.float32), setting, np.int32(0))
    loss, gradient = jax.jit(lambda: loss_and_gradient(weights, *given))()
    np.testing.assert_allclose(loss, 2 / 4, rtol=1e-6)
    np.testing.assert_allclose(gradient.W_y, 2 * 2 * 1e-20 / 4, rtol=1e-6)
    np.testing.assert_allclose(gradient.W_x, 2 * 2 * 1.0 / 4, rtol=1e-6)


def test_what_is_not_unrolled():
    small, large = (make_stack(2, 1, n, recurrence="linear", readout="linear") for n in (2, 9))
    usual = sk.SparseProcess(1, 0.5)
    for network, objective, process, reason in [
        (small, sk.ExpectedLoss(), usual, "the loss is not sampled"),
        (small, sk.SampledLoss(state_noise=0.1), usual, "there is noise on the states"),
        (small, penalised(), sk.SparseProcess(1, 1e-6), "inputs do not come from one random word each"),
        (large, sk.SampledLoss(), usual, "more than 8 hidden units"),
        (small, penalised(), usual, ""),
    ]:
        goal = prepare(objective, network, sk.Delay(2), process, key=KEY, threads=0).goal
        assert not_unrolled(network, goal) == reason
