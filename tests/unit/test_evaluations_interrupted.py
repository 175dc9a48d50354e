"""Ctrl-C while losses are evaluated: nothing is done twice, and networks are returned whatever comes."""

import jax
import numpy as np
import pytest

import spiralsink as sk
from spiralsink.training import _evaluate
from spiralsink.training._recording import Every, NoStopping, StopWhenSettled, stops

KEY = jax.random.key(0)
OBJECTIVE = sk.SampledLoss(batch_size=4, horizon=6, n_evaluation=1500)


class Interrupting(sk.NoProgress):
    """Ctrl-C at every remark of an evaluation, from some step on."""

    def __init__(self, times, since):
        self.times, self.since, self.step, self.remarks = times, since, 0, 0

    def advance(self, amount, note=""):
        self.step += amount
        if note == "evaluating":
            self.remarks += 1
            if self.step >= self.since and self.times:
                self.times -= 1
                raise KeyboardInterrupt


def train(progress, **changes):
    networks = sk.RecurrentNetwork.init(KEY, recurrence="relu", stack=3)
    given = {"key": KEY, "steps": 6, "objective": OBJECTIVE, "record": Every(0)} | changes
    return sk.fit(networks, sk.Delay(1), sk.SparseProcess(1, 0.5), progress=progress, **given)


@pytest.fixture
def words(monkeypatch):
    """How many evaluations began."""
    begun = []
    real = _evaluate._native_threads
    monkeypatch.setattr(_evaluate, "_native_threads", lambda *given: begun.append(1) or real(*given))
    return begun


@pytest.mark.parametrize("engine", [sk.Automatic(), sk.Batched()])
def test_an_interrupted_evaluation_goes_on_where_it_was(engine, words):
    whole = train(Interrupting(0, 0), engine=engine)
    begun = len(words)
    found = train(Interrupting(1, 6), engine=engine)
    assert len(words) == 2 * begun
    assert found.interrupted
    assert found.steps == 6
    assert np.array_equal(found.loss, whole.loss)
    assert np.array_equal(found.silent_per_output, whole.silent_per_output)


@pytest.mark.parametrize("engine", [sk.Automatic(), sk.Batched()])
def test_a_second_ctrl_c_returns_the_networks_at_once(engine):
    whole = train(Interrupting(0, 0), engine=engine)
    found = train(Interrupting(2, 6), engine=engine)
    assert found.interrupted
    assert np.array_equal(found.networks.W_h, whole.networks.W_h)
    assert np.isnan(found.loss).all()
    assert (found.status == sk.Status.UNCONVERGED).all()
    assert "interrupted" in str(found)


def test_steps_that_are_evaluated_are_those_of_the_sets():
    for every in (0, 1, 3, 7, 50):
        for stopping in (NoStopping(), StopWhenSettled(check_every=4)):
            for total in (0, 1, 2, 11, 12, 50):
                record, last_quarter = Every(every), total - total // 4
                recorded = {*range(0, total, every), total} if every else {total}
                checks = (
                    set(range(stopping.check_every, total, stopping.check_every)) if stopping.check_every else set()
                )
                assert list(stops(record, stopping, total, last_quarter)) == sorted({*recorded, *checks, last_quarter})
                assert {step for step in range(total + 1) if record.includes(step, total)} == recorded
                assert record.count(total) == len(recorded)


class Wrong:
    check_every = 2

    def should_stop(self, step, loss):
        return np.ones(2, bool)


REFUSED = {
    "steps": ({"steps": 2**31}, r"^steps must be a whole number from 0 to 2147483647, got 2147483648$"),
    "records": ({"steps": 2**31 - 1, "record": Every(1)}, r"^record must be every \d+ or more, got every 1 \(what "),
    "checks": (
        {"steps": 2**31 - 1, "stopping": StopWhenSettled(check_every=1)},
        r"^stopping.check_every must be every \d+ or more, got every 1 \(what ",
    ),
    "stopping": (
        {"stopping": Wrong()},
        r"^stopping.should_stop must be one bool, or one for each of 3 networks, got bool",
    ),
}


@pytest.mark.parametrize(("changes", "message"), [pytest.param(*each, id=name) for name, each in REFUSED.items()])
def test_what_is_refused_in_one_line(changes, message):
    with pytest.raises(sk.InvalidInput, match=message):
        train(sk.NoProgress(), **changes)


def test_sizes_and_rates_that_numbers_cannot_hold():
    with pytest.raises(sk.InvalidInput, match="n_evaluation must be a whole number from 2 to 2147483647"):
        sk.SampledLoss(n_evaluation=2**31)
    with pytest.raises(sk.InvalidInput, match=r"n_hidden must be fewer, got 10000000 \(weights need"):
        sk.RecurrentNetwork.init(KEY, n_hidden=10**7)
    with pytest.raises(sk.InvalidInput, match=r"stack must be at most \d+ networks, got 1000000000000 "):
        sk.RecurrentNetwork.init(KEY, stack=(10**6, 10**6))
    for rate in (1e39, 1e-60):
        with pytest.raises(sk.InvalidInput, match="learning_rate must be a finite number > 0 also in float32"):
            sk.Adam(rate)
    assert sk.Adam(clip=np.float32(1)) == sk.Adam()


def test_training_inside_a_program_of_jax():
    def loss(key):
        return train(sk.NoProgress(), key=key).loss

    with pytest.raises(
        sk.InvalidInput, match=r"must be arrays of numbers, got arrays that are being traced \(training"
    ):
        jax.jit(loss)(KEY)


def test_more_outputs_than_a_stack_of_a_thread_holds():
    networks = sk.RecurrentNetwork.init(KEY, n_features=1025, n_hidden=1)
    with pytest.raises(sk.NotCovered, match="more than 1024 outputs"):
        sk.fit(
            networks,
            sk.Delay(0),
            sk.SparseProcess(1025, 0.5),
            key=KEY,
            steps=1,
            objective=OBJECTIVE,
            engine=sk.Native(),
        )


def test_threads_are_limited(monkeypatch):
    monkeypatch.setattr("spiralsink.training._choice.usable_cores", lambda: 1)
    assert train(sk.NoProgress(), engine=sk.Native(10**6)).engine == "native kernel, 8 threads"


def test_losses_of_which_none_is_finite():
    nothing = np.full(2, np.nan)
    value = sk.SampledValue(nothing, nothing, nothing[:, None], nothing, nothing[:, None])
    assert str(value) == "2 sampled losses, none of them finite"
