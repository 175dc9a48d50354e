"""Random words and the inputs they stand for, computed a second time in Python's integers and by scipy."""

import jax
import numpy as np
import pytest
import scipy.stats

import spiralsink as sk
from spiralsink._words import key_words, mixed_words, step_words, word_scale, word_threshold
from spiralsink.training._goals import prepare

KEY = jax.random.key(11)
MASK = 2**32 - 1
LAWS = {
    "uniform": (sk.Uniform(-1.0, 2.0), scipy.stats.uniform(-1.0, 3.0)),
    "exponential": (sk.Exponential(0.5), scipy.stats.expon(scale=2.0)),
    "half-normal": (sk.HalfNormal(1.5), scipy.stats.halfnorm(scale=1.5)),
}


def by_hand(counter, first, second):
    z = (counter + first) & MASK
    z ^= z >> 17
    z = z * 0xED5AD4BB & MASK
    z ^= second
    z ^= z >> 11
    z = z * 0xAC4C1B51 & MASK
    z ^= z >> 15
    z = z * 0x31848BAB & MASK
    return z ^ z >> 14


def test_words():
    rng = np.random.default_rng(0)
    counters = np.concatenate([rng.integers(0, 2**32, 500), [0, 1, 2**31, MASK]])
    keys = np.concatenate([rng.integers(0, 2**32, (500, 2)), [[0, 0], [MASK, 0], [0, MASK], [MASK, MASK]]])
    found = mixed_words(counters.astype(np.uint32), keys.astype(np.uint32))
    pairs = zip(counters.tolist(), keys.tolist(), strict=True)
    assert found.dtype == np.uint32
    assert found.tolist() == [by_hand(counter, *key) for counter, key in pairs]


def test_words_of_a_step():
    keys = np.random.default_rng(1).integers(0, 2**32, (3, 2))
    for step in (0, 7, 2**31 - 1):
        wanted = [[by_hand(2 * step & MASK, *key), by_hand(2 * step + 1 & MASK, *key)] for key in keys.tolist()]
        assert step_words(keys.astype(np.uint32), np.int32(step)).tolist() == wanted


def test_words_are_one_to_one():
    words = mixed_words(np.arange(2**20, dtype=np.uint32), key_words(KEY))
    assert np.unique(words).size == 2**20


@pytest.mark.parametrize("batches", ["own", "shared"])
def test_inputs_of_a_training(batches):
    """The word of feature f at step t of sequence b has the counter (f T + t) B + b; p and laws differ by feature."""
    p, laws = np.array([[0.4, 1.0], [0.7, 1e-5], [0.2, 0.5]]), (sk.Uniform(-1.0, 2.0), sk.Constant(3.0))
    n_sequences, horizon, step = 5, 4, 6
    network = sk.RecurrentNetwork.init(KEY, 2, 2, stack=3)
    goal = prepare(
        *(
            sk.SampledLoss(n_sequences, horizon, batches=batches),
            network,
            sk.Delay([0, 1, 3]),
            sk.SparseProcess(2, p, laws),
        ),
        key=KEY,
        threads=0,
    ).goal
    batch = jax.tree.map(np.asarray, jax.jit(lambda step: goal.batch(step))(step))
    targets = np.broadcast_to(batch.targets, (3, n_sequences, horizon, 2))
    heard = np.broadcast_to(np.asarray(goal.words).reshape(-1, 2), (3, 2))
    for lane in range(3):
        key = heard[lane].tolist()
        key = by_hand(2 * step, *key), by_hand(2 * step + 1, *key)
        for f, t, b in np.ndindex(2, horizon, n_sequences):
            word = by_hand((f * horizon + t) * n_sequences + b, *key)
            v = (word >> 1) * 2 / (p[lane, f] * 2**32)
            value = -1.0 + 3.0 * v if f == 0 else 3.0
            wanted = value if word <= round(p[lane, f] * 2**32) - 1 else 0.0
            assert batch.inputs[lane, b, t, f] == pytest.approx(wanted, rel=1e-6, abs=1e-6)
        delay = (0, 1, 3)[lane]
        np.testing.assert_array_equal(targets[lane, :, :delay], 0)
        np.testing.assert_array_equal(targets[lane, :, delay:], batch.inputs[lane, :, : horizon - delay])


def test_numbers_of_p():
    p = np.array([1.0, 0.5, 1e-5])
    assert word_threshold(p).tolist() == [MASK, 2**31 - 1, 42950 - 1]
    assert word_threshold(1e-12).tolist() == 0
    np.testing.assert_allclose(word_scale(p), 2 / (p * 2**32), rtol=1e-7)


@pytest.mark.parametrize("name", LAWS)
def test_quantiles(name):
    law, reference = LAWS[name]
    v = np.linspace(0, 0.999, 1001, dtype=np.float32)
    found = jax.jit(law.quantile)(v)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, reference.ppf(v.astype(np.float64)), rtol=1e-5, atol=1e-6)
    edges = law.quantile(np.array([1 - 2**-24, 1, 1 + 2**-23], np.float32))  # v may round to 1 and a little more
    assert np.isfinite(edges).all()
    np.testing.assert_allclose(edges, reference.ppf(1 - 2**-24), rtol=1e-3)


def test_quantile_of_a_constant():
    np.testing.assert_array_equal(sk.Constant(2.5).quantile(np.array([0, 0.3, 1], np.float32)), np.float32(2.5))
