"""Whether random words look independent: over bits, time, sequences, networks and training steps, at any p."""

import functools
from typing import Any

import jax
import numpy as np
import pytest

import spiralsink as sk
from spiralsink._words import key_words, mixed_words, step_words, word_counters
from spiralsink.training._goals import prepare

STEPS, LANES, BATCH, HORIZON = 16, 16, 64, 32
AXES = {"step": 0, "network": 1, "sequence": 2, "time": 3}


@functools.cache
def words():
    """(steps, lanes, sequences, time), for keys as a training derives them."""
    keys = jax.vmap(lambda lane: key_words(jax.random.fold_in(jax.random.key(3), lane)))(np.arange(LANES))
    by_step = jax.vmap(lambda step: step_words(keys, step))(np.arange(STEPS))
    counters = word_counters(BATCH, HORIZON, 1)[..., 0]
    return np.asarray(mixed_words(counters, by_step[:, :, None, None]))


def signs(array):
    """The bits as -1 and 1, (words, 32)."""
    return 2.0 * np.unpackbits(array.ravel().view(np.uint8).reshape(-1, 4), axis=1).astype(np.float32) - 1


def test_bits_are_balanced_and_uncorrelated():
    bits = signs(words())
    z = bits.sum(axis=0) / np.sqrt(len(bits))
    assert np.abs(z).max() < 4.5
    products = bits.T @ bits / np.sqrt(len(bits))
    assert np.abs(products[np.triu_indices(32, 1)]).max() < 5


def test_bytes_are_uniform():
    array = words().ravel().view(np.uint8).reshape(-1, 4)
    for byte in array.T:
        expected = len(byte) / 256
        chi2 = np.sum((np.bincount(byte, minlength=256) - expected) ** 2) / expected
        assert abs(chi2 - 255) < 5 * np.sqrt(2 * 255)


def draw(goal, step):
    """The inputs of a step."""
    return np.asarray(jax.jit(lambda step: goal.batch(step).inputs)(step))


@pytest.mark.parametrize("name", AXES)
def test_neighbours_are_uncorrelated(name):
    """Each bit with each bit of the next word, and the words themselves."""
    here, there = (
        np.take(words(), range(start, start + words().shape[AXES[name]] - 1), AXES[name]) for start in (0, 1)
    )
    products = signs(here).T @ signs(there) / np.sqrt(here.size)
    assert np.abs(products).max() < 5  # of 1024
    values = [(array.ravel() / 2.0**32 - 0.5) * np.sqrt(12) for array in (here, there)]
    assert abs(np.mean(values[0] * values[1])) * np.sqrt(here.size) < 4.5
    squares = [(value**2 - 1) / np.sqrt(0.8) for value in values]
    assert abs(np.mean(squares[0] * squares[1])) * np.sqrt(here.size) < 4.5


@pytest.mark.parametrize("kept", [("step", "network"), ("time",), ("sequence",), ("network", "time")], ids=str)
def test_sums_spread_as_those_of_independent_words(kept):
    """Of batches, of time steps, of sequences: neither more nor less."""
    others = tuple(axis for name, axis in AXES.items() if name not in kept)
    size = np.prod([words().shape[axis] for axis in others])
    z = (words() / 2.0**32 - 0.5).sum(axis=others) * np.sqrt(12 / size)
    assert abs(np.sum(z**2) - z.size) < 5 * np.sqrt(2 * z.size)


def test_frequencies_and_moments_of_inputs():
    """At several p and for every law, within five standard errors of the process's own moments."""
    p = np.array([1e-5, 1e-3, 0.1, 0.5, 0.9, 1.0])
    laws = (sk.Uniform(-1.0, 3.0), sk.Exponential(2.0), sk.HalfNormal(), sk.Constant(0.5))
    process = sk.SparseProcess(4, np.repeat(p[:, None], 4, axis=1), laws)
    network = sk.RecurrentNetwork.init(jax.random.key(0), 4, 2, stack=len(p))
    objective = sk.SampledLoss(4096, 64)
    goal = prepare(objective, network, sk.Delay(1), process, key=jax.random.key(1), threads=0).goal
    inputs = np.asarray(draw(goal, 0), np.float64).reshape(len(p), -1, 4)
    n = inputs.shape[1]
    active = (inputs != 0).sum(axis=1)  # amplitudes are never exactly 0, but for one word in 2^31
    assert (np.abs(active - n * p[:, None]) <= 5 * np.sqrt(n * p * (1 - p))[:, None] + 1).all()
    fourth = [(3.0**5 + 1) / 20, 24 / 2.0**4, 3.0, 0.5**4]
    for f, law in enumerate(laws):
        spread = max(law.second_moment - law.mean**2, 0), fourth[f] - law.second_moment**2
        sums = inputs[:, :, f].sum(axis=1), (inputs[:, :, f] ** 2).sum(axis=1)
        for total, moment, variance in zip(sums, (law.mean, law.second_moment), spread, strict=True):
            counts = active[:, f]
            assert (np.abs(total - counts * moment) <= 5 * np.sqrt(counts * variance) + 1e-5 * counts * moment).all()


def test_shared_batches():
    """One batch for all lanes, whatever their number; where p differs, what is active at a low p is at a higher one."""

    def batch(stack, step, p: Any = 0.3, keys=None):
        network = sk.RecurrentNetwork.init(jax.random.key(0), stack=stack)
        key = jax.random.key(5) if keys is None else jax.random.split(jax.random.key(keys), stack)
        objective = sk.SampledLoss(8, 5, batches="shared")
        goal = prepare(objective, network, sk.Delay(1), sk.SparseProcess(1, p), key=key, threads=0).goal
        heard = jax.jit(lambda step: goal.data(step, stack)[0].inputs)(step)
        return heard, draw(goal, step)

    heard, drawn = batch(4, 2)
    assert drawn.shape == (8, 5, 1)
    np.testing.assert_array_equal(heard, np.broadcast_to(drawn, (4, 8, 5, 1)))
    np.testing.assert_array_equal(batch(2, 2)[1], drawn)
    assert (batch(4, 3)[1] != drawn).any()
    np.testing.assert_array_equal(batch(4, 2, keys=1)[1], batch(3, 2, keys=7)[1])  # any keys, any company
    low, high = batch(2, 2, p=np.array([[0.2], [0.6]]))[1] != 0
    assert low.any()
    assert (low <= high).all()
    assert high.sum() > low.sum()


def test_processes_that_draw_for_themselves():
    """At a small p, and with a law that has no quantile."""

    class Law:
        mean, second_moment = 1.0, 1.5

        def sample(self, key, shape):
            return jax.random.gamma(key, 2.0, shape, np.float32) / 2

    network = sk.RecurrentNetwork.init(jax.random.key(0), stack=2)
    objective = sk.SampledLoss(16, 6)
    for process, by_words in [
        (sk.SparseProcess(1, 0.3), True),
        (sk.SparseProcess(1, 0.3, Law()), False),
        (sk.SparseProcess(1, 0.9e-5), False),
        (sk.SparseProcess(1, np.array([[0.5], [1e-6]])), False),
    ]:
        goal = prepare(objective, network, sk.Delay(1), process, key=jax.random.key(5), threads=0).goal
        assert goal.sequences.from_words(16) == by_words
        assert not goal.sequences.from_words(2**32)
    key = jax.random.split(jax.random.fold_in(goal.keys[0], 3))[0]
    alone = sk.SparseProcess(1, 0.5).sample(key, 16, 6)
    np.testing.assert_array_equal(draw(goal, 3)[0], alone)


def test_batches_are_own_or_shared():
    with pytest.raises(sk.InvalidInput, match=r"^batches must be one of own, shared, got 'common'"):
        sk.SampledLoss(batches="common")
    assert "shared" in str(sk.SampledLoss(batches="shared"))
