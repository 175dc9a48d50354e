"""Ctrl-C at every line of a first-order training by XLA finds it before a step or after, never between."""

import functools
import sys

import jax
import jax.numpy as jnp
import numpy as np

import spiralsink as sk
from spiralsink.training import Batched, _descent
from spiralsink.training._goals import prepare
from spiralsink.training._lanes import to_lanes

KEY = jax.random.key(0)
COUNT, STEPS = 4, 6
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


def interrupted_at(line, training):
    """Whether there are so many lines; Ctrl-C comes at that one."""
    left = [line]

    def trace(frame, event, _):
        if frame.f_code.co_filename != _descent.__file__:
            return None
        if event == "line":
            left[0] -= 1
            if not left[0]:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        finish(training)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_at_every_line():
    whole = start()
    finish(whole)
    assert whole._now.where.size == 1
    line = 0
    while interrupted_at(line := line + 1, training := start()):
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
