"""Ctrl-C at every line of a first-order training finds it before a step or after, never between."""

import dataclasses
import functools
import signal
import threading
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from cases.interrupting import ctrl_c_at
from spiralsink.training import Batched, _compiler, _descent, _interrupts, _kernel, _native, _pieces
from spiralsink.training._goals import prepare
from spiralsink.training._lanes import to_lanes

KEY = jax.random.key(0)
COUNT, STEPS = 4, 6
needs_compiler = pytest.mark.skipif(_compiler.find_compiler() is None, reason="there is no C++ compiler")
STOPPED = np.array([True, False, True, True])


@functools.cache
def prepared():
    networks = sk.RecurrentNetwork.init(KEY, recurrence="relu", stack=COUNT)
    objective = sk.SampledLoss(batch_size=3, horizon=5)
    goal = prepare(objective, networks, sk.Delay(1), sk.SparseProcess(1, 0.5), key=KEY, threads=0).goal
    return goal, to_lanes(networks, networks.stack, jnp.float32)


def start():
    return _descent.Descent(*prepared(), optimizer=sk.Adam(), steps=STEPS, engine=Batched())


def finish(training):
    """Three lanes end after the first steps, whereupon the last goes on without them."""
    while training.step < 3:
        training.advance(3)
    training.stop(STOPPED)
    while training.step < STEPS:
        training.advance(STEPS)


def test_at_every_line():
    whole = start()
    finish(whole)
    assert whole._now.where.size == 1
    line = 0
    while ctrl_c_at(line := line + 1, [_descent], functools.partial(finish, training := start())).raised:
        now = training._now
        assert now.step == int(now.state.step)
        assert {len(leaf) for leaf in jax.tree.leaves(now.state.trained)} == {now.where.size}
        assert len(now.goal.words) == len(now.rates) == now.where.size
        assert not training.diverged.any()
        assert training.lanes.W_h.shape == (COUNT, 2, 2)
        if line % 5 == 0:
            finish(training)
            np.testing.assert_allclose(training.lanes.W_h, whole.lanes.W_h, rtol=1e-5)
    assert line > 60


def native():
    return _native.NativeDescent(*prepared(), optimizer=sk.Adam(), steps=STEPS, threads=2)


def signalled():
    signal.raise_signal(signal.SIGINT)


@needs_compiler
def test_at_every_line_of_the_native_kernel():
    fresh, whole = native(), native()
    whole.advance(1)
    answer = signal.getsignal(signal.SIGINT)
    line, steps = 0, []
    modules = (_native, _kernel, _interrupts, _pieces, threading)
    while any(ctrl_c_at(line := line + 5, modules, functools.partial((training := native()).advance, 1), signalled)):
        expected = whole if training.step else fresh
        assert np.array_equal(training._job["parameters"], expected._job["parameters"])
        assert signal.getsignal(signal.SIGINT) is answer
        steps.append(training.step)
    assert line > 100
    assert set(steps) == {0, 1}


def test_a_signal_that_is_held_is_answered_afterwards():
    ended = []

    def work():
        with _interrupts.signals_held():
            with _interrupts.signals_held():
                signal.raise_signal(signal.SIGINT)
            ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert ended
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_pieces_are_all_done_where_no_thread_starts(monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert _pieces.run_all(lambda piece: piece, [1, 2, 3], 2) == [1, 2, 3]


def test_pieces_are_all_done_before_the_failure_of_one_is_raised():
    done = []

    def work(piece):
        done.append(piece)
        if piece == 2:
            raise ValueError("the second")
        return 0

    with pytest.raises(ValueError, match="the second"):
        _pieces.run_all(work, [1, 2, 3], 2)
    assert sorted(done) == [1, 2, 3]


@needs_compiler
def test_pieces_without_memory_are_done_alone(monkeypatch):
    whole = native()
    whole.advance(1)
    training, failed = native(), []
    real = training._kernel.library.train

    def train(job, begin, end):
        if begin not in failed:
            failed.append(begin)
            return 1
        return real(job, begin, end)

    library = types.SimpleNamespace(train=train, scratch_bytes=training._kernel.library.scratch_bytes)
    training._kernel = dataclasses.replace(training._kernel, library=library)
    training.advance(1)
    assert np.array_equal(training.lanes.W_h, whole.lanes.W_h)
    training._kernel = dataclasses.replace(training._kernel, library=types.SimpleNamespace(train=lambda *_: 1))
    with pytest.raises(_compiler.NoKernel, match="found no memory"):
        training.advance(2)
    assert training.step == 1
