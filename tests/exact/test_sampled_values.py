"""Sampled losses and penalties, computed a second time in NumPy float64 from the same sequences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from spiralsink._words import key_words
from spiralsink.tasks import Batch
from spiralsink.training import sampled_loss
from spiralsink.training._goals import PenalisedLaneLoss, prepare
from spiralsink.training._lanes import to_lanes
from spiralsink.training._sequences import make_sequences

KEY = jax.random.key(5)
N, T = 700, 9  # more than two blocks, the last of them in part


class Echo:
    """A sampled task: the running mean of the first feature, at every other step."""

    importance = 2.0

    def sample(self, key, process, n_sequences, horizon):
        inputs = process.sample(key, n_sequences, horizon)
        targets = jnp.cumsum(inputs[..., :1], axis=-2) / horizon
        weights = jnp.broadcast_to(jnp.arange(horizon, dtype=jnp.float32) % 2, inputs.shape[:-1])
        return Batch(inputs, targets, weights)


def make_stack(n_outputs, recurrence="tanh"):
    rng = np.random.default_rng(0)
    return sk.RecurrentNetwork(
        0.5 * rng.normal(size=(3, 4, 2)),
        0.5 * rng.normal(size=(3, 4, 4)),
        0.5 * rng.normal(size=(3, 4, n_outputs)),
        recurrence=recurrence,
        readout="relu",
        b_h=0.1 * rng.normal(size=(3, 4)),
        leak=np.array([1.0, 0.5, 0.8]),
    )


def errors_by_hand(network, task, process, burn_in):
    """w_t (y - y*)^2 averaged over steps, (networks, sequences, outputs), and w_t y*^2, (sequences, outputs)."""
    sequences = make_sequences(task, process, n_outputs=network.n_outputs, horizon=T)
    keys = [jax.random.fold_in(KEY, block) for block in range(3)]
    by_words = sequences.from_words(256)
    blocks = [sequences.spelt(key_words(key), 256) if by_words else sequences.shared(key, 256) for key in keys]
    inputs, targets, weights = (
        np.concatenate([np.asarray(each, np.float64) for each in arrays])[:N] for arrays in zip(*blocks, strict=True)
    )
    found = []
    for lane in range(3):
        W_x, W_h, W_y = (np.asarray(each[lane], np.float64) for each in (network.W_x, network.W_h, network.W_y))
        state, steps = np.zeros((N, 4)), []
        for t in range(T):
            driven = inputs[:, t] @ W_x.T + np.tanh(state) @ W_h.T + network.b_h[lane]
            state = (1 - network.leak[lane]) * state + network.leak[lane] * driven
            steps.append(weights[:, t, None] * (np.maximum(state @ W_y, 0) - targets[:, t]) ** 2)
        found.append(np.mean(steps[burn_in:], axis=0))
    silent = weights[:, burn_in:, None] * targets[:, burn_in:] ** 2
    return np.array(found), silent.mean(axis=1)


@pytest.mark.parametrize(
    ("task", "process", "importance"),
    [
        (sk.DelayedSum([0, 3], [1.0, -2.0], importance=[1.0, 3.0]), sk.SparseProcess(2, [0.2, 0.9]), [1.0, 3.0]),
        (Echo(), sk.SparseProcess(2, 0.5), [2.0]),
    ],
    ids=["filter task", "sampled task"],
)
def test_evaluate(task, process, importance):
    network, burn_in = make_stack(len(importance)), 2
    errors, silent = errors_by_hand(network, task, process, burn_in)
    loss = errors @ np.array(importance)
    sample = sampled_loss(network, task, process, key=KEY, n_sequences=N, horizon=T, burn_in=burn_in)
    np.testing.assert_allclose(sample.mean, loss.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(sample.standard_error, loss.std(axis=1, ddof=1) / np.sqrt(N), rtol=1e-4)
    np.testing.assert_allclose(sample.per_output, errors.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(sample.silent, np.full(3, (silent @ importance).mean()), rtol=1e-5)
    np.testing.assert_allclose(sample.silent_per_output, np.tile(silent.mean(axis=0), (3, 1)), rtol=1e-5)


def test_a_network_that_says_nothing_has_the_silent_loss():
    """Whatever the key: both are taken on the same sequences, although the loss itself varies by percents."""
    start = make_stack(2)
    network = sk.RecurrentNetwork(start.W_x, start.W_h, np.full((3, 4, 2), 1e-6), recurrence="tanh", readout="relu")
    process = sk.SparseProcess(2, 0.1)
    losses = []
    for seed in range(4):
        sample = sampled_loss(network, sk.Delay(2), process, key=jax.random.key(seed), n_sequences=256, horizon=T)
        np.testing.assert_allclose(sample.mean / sample.silent, 1, atol=1e-3)
        np.testing.assert_allclose(sample.per_output / sample.silent_per_output, 1, atol=1e-3)
        losses.append(sample.silent[0])
    assert np.ptp(losses) > 0.01 * np.mean(losses)


def test_evaluate_with_a_process_and_a_delay_for_each_network():
    """The same as one network at a time: sequences are shared as random numbers."""
    p = np.array([[0.1, 0.2], [0.5, 0.5], [0.9, 0.3]])
    network, delays = make_stack(2), [0, 2, 4]
    about = {"key": KEY, "n_sequences": 300, "horizon": T}
    together = sampled_loss(network, sk.Delay(delays), sk.SparseProcess(2, p), **about)
    alone = sampled_loss(network[2], sk.Delay(delays[2]), sk.SparseProcess(2, p[2]), **about)
    np.testing.assert_allclose(alone.mean, together.mean[2], rtol=1e-6)
    np.testing.assert_allclose(alone.standard_error, together.standard_error[2], rtol=1e-5)
    np.testing.assert_allclose(alone.silent, together.silent[2], rtol=1e-6)
    np.testing.assert_allclose(alone.silent_per_output, together.silent_per_output[2], rtol=1e-6)
    assert isinstance(alone.mean, float)
    assert isinstance(alone.silent, float)
    assert f"{alone.mean:.6g} +- {alone.standard_error:.2g}" in str(alone)
    assert "3 sampled losses" in str(together)


@pytest.mark.parametrize("recurrence", ["linear", "relu", "tanh"])
def test_length_penalty(recurrence):
    """strength sum_{s <= k} |w_s|^2, each network up to its own k."""
    network = make_stack(2, recurrence=recurrence)
    delays = np.array([0, 2, 3])
    penalty = PenalisedLaneLoss(lambda network, data: jnp.float32(7), 0.25, 4)
    lanes, rest = eqx.partition(to_lanes(network, (3,), jnp.float32), eqx.is_array)
    total = jax.jit(jax.vmap(lambda lane, lag: penalty(eqx.combine(lane, rest), (None, lag))))(lanes, delays)
    for lane, delay in enumerate(delays):
        written = sk.feature_directions(network, int(delay) + 1)[lane]
        np.testing.assert_allclose(total[lane], 7 + 0.25 * np.sum(written**2), rtol=1e-5)


def test_length_penalty_ends_at_the_recall_lag():
    about = {"network": make_stack(2), "process": sk.SparseProcess(2, 0.5), "key": KEY, "threads": 0}
    objective = sk.SampledLoss(4, T)
    for task, penalty, last_lag in [
        (sk.Delay([0, 2, 3]), sk.LengthPenalty(), [0, 2, 3]),
        (sk.DelayedSum([0, 5], [1.0, 1.0]), sk.LengthPenalty(), 5),
        (sk.Delay(3), sk.LengthPenalty(last_lag=7), 7),
    ]:
        goal = prepare(sk.Penalised(objective, penalty), task=task, **about).goal
        np.testing.assert_array_equal(goal.last_lag, last_lag)
        assert goal.lane_loss.n_lags == np.max(last_lag) + 1


def test_bad_input():
    network, process = make_stack(2), sk.SparseProcess(2)
    about = {"key": KEY, "n_sequences": N, "horizon": T}
    for task, changes, message in [
        (sk.Delay(9), {}, "delay must be less than the horizon 9, got 9"),
        (sk.Delay(1), {"n_sequences": 1}, "n_sequences must be a whole number >= 2, got 1"),
        (sk.Delay(1), {"burn_in": 9}, "burn_in must be less than the horizon 9, got 9"),
        (sk.Delay([1, 2]), {}, r"stack of the task must be equal to \(3,\).*got \(2,\)"),
        (3, {}, "task must be a filter task"),
    ]:
        with pytest.raises(sk.InvalidInput, match=message):
            sampled_loss(network, task, process, **(about | changes))
    penalised = sk.Penalised(sk.SampledLoss(4, T))
    with pytest.raises(sk.NotCovered, match=r"penalty\.last_lag must be a whole number"):
        prepare(penalised, make_stack(1), Echo(), process, key=KEY, threads=0)
