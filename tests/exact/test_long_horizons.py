"""Long horizons without their states: the same losses and gradients, by pieces and by powers."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from spiralsink._recurrence import responses
from spiralsink._words import key_words
from spiralsink.tasks import Batch
from spiralsink.theory import state_moments
from spiralsink.training._rollout import LONG, LONG_LINEAR, Powers, Segments, Whole, choose_rollout
from spiralsink.training._sequences import make_sequences

HORIZON, N_SEQUENCES = 37, 3  # no whole number of pieces


def network_of(recurrence, readout):
    draw = np.random.default_rng(3).normal
    W_x, W_h, W_y, b_h, b_y = draw(size=(4, 2)), 0.4 * draw(size=(4, 4)), draw(size=(4, 2)), draw(size=4), draw(size=2)
    kinds = {"recurrence": recurrence, "readout": readout, "leak": 0.7}
    return jax.tree.map(jnp.asarray, sk.RecurrentNetwork(W_x, W_h, W_y, b_h=b_h, b_y=b_y, **kinds))


def batch_of():
    draw, shape = np.random.default_rng(4).uniform, (N_SEQUENCES, HORIZON)
    return Batch(*map(jnp.asarray, (draw(size=(*shape, 2)), draw(size=(*shape, 2)), 1.0 * (draw(size=shape) < 0.8))))


@functools.cache
def losses_and_gradients(rollout, kinds):
    network, batch = network_of(*kinds), batch_of()
    arrays, rest = eqx.partition(network, eqx.is_inexact_array)

    def loss(arrays):
        found = rollout(eqx.combine(arrays, rest), batch, burn_in=5, noise=None, dtype=jnp.float64)
        return found.sum(), found

    (_, found), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(arrays)
    return [found, *jax.tree.leaves(gradients)]


@pytest.mark.parametrize(
    ("rollout", "kinds"),
    [
        (Segments(6), ("tanh", "linear")),
        (Segments(50), ("linear", "relu")),
        (Powers(8), ("linear", "relu")),
    ],
    ids=str,
)
def test_pieces_and_powers_give_the_losses_and_gradients_of_all_steps_at_once(rollout, kinds):
    with sk.float64():
        pairs = zip(losses_and_gradients(rollout, kinds), losses_and_gradients(Whole(), kinds), strict=True)
        for found, expected in pairs:
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13 * np.abs(expected).max())


@pytest.mark.slow
def test_noise_is_drawn_piece_by_piece():
    length, key = 8, jax.random.key(11)
    with sk.float64():
        network, batch = network_of("relu", "relu"), batch_of()
        pieces = -(-HORIZON // length)
        drawn = [
            jax.random.normal(jax.random.fold_in(key, index), (length, N_SEQUENCES, 4), jnp.float32)
            for index in range(pieces)
        ]
        noise = jnp.moveaxis(jnp.concatenate(drawn)[pieces * length - HORIZON :] * np.float32(0.2), 0, 1)
        given = {"burn_in": 0, "dtype": jnp.float64}
        found = Segments(length, 0.2)(network, batch, noise=key, **given)
        expected = Whole()(network, batch, noise=noise.astype(jnp.float64), **given)
    np.testing.assert_allclose(found, expected, rtol=1e-6)  # normals of float32, compiled alone and in a piece


def test_the_way_depends_on_sizes_alone():
    def chosen(recurrence, n_hidden, horizon, n_features=1, noise=0.0):
        W_x, W_h = np.ones((n_hidden, n_features)), np.eye(n_hidden)
        network = sk.RecurrentNetwork(W_x, W_h, W_x, recurrence=recurrence)
        return choose_rollout(network, horizon, noise)

    assert chosen("relu", 100, LONG - 1) == Whole()
    assert chosen("linear", 2, LONG - 1) == Whole()
    assert chosen("linear", 100, LONG_LINEAR - 1) == Whole()
    assert isinstance(chosen("linear", 100, LONG_LINEAR), Powers)
    assert isinstance(chosen("linear", 2, LONG), Powers)
    assert isinstance(chosen("linear", 100, LONG, noise=0.1), Segments)
    assert isinstance(chosen("linear", 10, LONG, n_features=75), Segments)
    assert isinstance(chosen("tanh", 2, LONG), Segments)
    assert chosen("relu", 2, 10_000) == Segments(50)


def test_responses_by_powers_are_those_of_one_lag_after_the_other():
    n_lags, rng = 700, np.random.default_rng(0)
    W_x, W_y = rng.normal(size=(5, 2)), rng.normal(size=(5, 3))
    W_h = 0.999 * np.linalg.qr(rng.normal(size=(5, 5)))[0]
    with sk.float64():
        found, behind = jax.jit(responses, static_argnames="n_lags")(W_x, W_h, W_y, n_lags=n_lags)
    written = [W_x]
    for _ in range(n_lags):
        written.append(W_h @ written[-1])
    np.testing.assert_allclose(found, W_y.T @ np.array(written[:-1]), atol=1e-12)
    np.testing.assert_allclose(behind, written[-1], atol=1e-12)


def test_the_expected_loss_of_a_long_horizon_is_the_mean_over_its_steps():
    decay, weight, p, horizon, delay = 0.995, 0.3, 0.2, 3000, 700
    # a mode that no input reaches, with powers beyond float64
    W_h = [[decay, 0.0], [0.0, 1.3]]
    network = sk.RecurrentNetwork([[1.0], [0.0]], W_h, [[weight], [1.0]])
    terms = sk.expected_loss(network, sk.Delay(delay), sk.SparseProcess(p=p), horizon=horizon)
    lags = np.arange(horizon)
    missed = weight * decay**lags - (lags == delay)
    mean, second = p / 2, p / 3
    steps = (second - mean**2) * np.cumsum(missed**2) + (mean * np.cumsum(missed)) ** 2
    assert terms.total == pytest.approx(steps.mean(), rel=1e-12)


def test_state_moments_are_means_over_the_steps_of_a_horizon():
    rng = np.random.default_rng(0)
    W_x, W_h = rng.normal(size=(3, 2)), 0.4 * rng.normal(size=(3, 3))
    mean, second, n_steps = np.array([0.1, 0.2]), np.array([0.2, 0.3]), 7
    taps = rng.normal(size=(n_steps, 2, 2))
    written = [np.linalg.matrix_power(W_h, s) @ W_x for s in range(n_steps)]
    covariance, cross = np.zeros((3, 3)), np.zeros((3, 2))
    variance = np.diag(second - mean**2)
    for t in range(1, n_steps + 1):
        state, target = sum(w @ mean for w in written[:t]), sum(G @ mean for G in taps[:t])
        covariance += (sum(w @ variance @ w.T for w in written[:t]) + np.outer(state, state)) / n_steps
        pairs = zip(written[:t], taps[:t], strict=True)
        cross += (sum(w @ variance @ G.T for w, G in pairs) + np.outer(state, target)) / n_steps
    with sk.float64():
        found = state_moments(W_x, W_h, taps, mean, second, horizon=n_steps)
    np.testing.assert_allclose(found[0], covariance, rtol=1e-12)
    np.testing.assert_allclose(found[1], cross, rtol=1e-12)


def test_a_long_sampled_loss_is_that_of_the_plain_network():
    key, horizon, n_hidden = jax.random.key(5), LONG_LINEAR, 64
    W_h = 0.95 * np.linalg.qr(np.random.default_rng(0).normal(size=(n_hidden, n_hidden)))[0]
    W_x = np.ones((n_hidden, 1)) / 8
    network = sk.RecurrentNetwork(*(np.float32(each) for each in (W_x, W_h, W_x)), readout="relu")
    process, task = sk.SparseProcess(p=0.3), sk.Delay(3)
    found = sk.sampled_loss(network, task, process, key=key, n_sequences=40, horizon=horizon, burn_in=20)
    sequences = make_sequences(task, process, n_outputs=1, horizon=horizon)
    batch = sequences.spelt(key_words(jax.random.fold_in(key, 0)), 256)  # a block, of which 40 count
    errors = np.asarray(network(batch.inputs).outputs - batch.targets, np.float64)[:40, 20:] ** 2
    assert found.mean == pytest.approx(errors.mean(), rel=1e-5)
