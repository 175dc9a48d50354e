"""Which engine trains what, and why it is not the native kernel."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from spiralsink.training._choice import choose_engine
from spiralsink.training._compiler import find_compiler
from spiralsink.training._goals import prepare
from spiralsink.training._lanes import to_lanes

needs_compiler = pytest.mark.skipif(find_compiler() is None, reason="there is no C++ compiler")


def choice(objective=None, process=None, stack=16, optimizer=None, n_hidden=2, **kinds):
    shapes = ((stack, n_hidden, 1), (stack, n_hidden, n_hidden), (stack, n_hidden, 1))
    networks = sk.RecurrentNetwork(*(np.full(shape, 0.1) for shape in shapes), **kinds)
    process = process or sk.SparseProcess(1, 0.3)
    objective = objective or sk.SampledLoss(batch_size=8, horizon=12)
    goal = prepare(objective, networks, sk.Delay(2), process, key=jax.random.key(1), threads=0).goal
    lanes = to_lanes(networks, networks.stack, jnp.float32)
    return choose_engine(sk.Automatic(), lanes, goal, optimizer or sk.Adam())


@needs_compiler
@pytest.mark.parametrize("n_hidden", [2, 9])
def test_the_native_kernel_where_it_can(n_hidden):
    engine, reason = choice(n_hidden=n_hidden, recurrence="relu")
    assert isinstance(engine, sk.Native)
    assert reason == ""


@needs_compiler
def test_powers_for_long_linear_recurrences_of_many_units():
    long = sk.SampledLoss(batch_size=8, horizon=600)
    assert choice(long, n_hidden=100) == (sk.Batched(), "a long linear recurrence is faster by powers")
    assert isinstance(choice(long, n_hidden=100, recurrence="relu")[0], sk.Native)


def test_xla_elsewhere():
    laws = sk.SparseProcess(1, 0.3, sk.Exponential())
    engine, reason = choice(process=laws)
    assert (engine, reason) == (sk.Unrolled(), "an amplitude is neither uniform nor constant")
    assert choice(process=laws, stack=11)[0] == sk.Batched()
    assert choice(process=laws, n_hidden=9)[0] == sk.Batched()
    assert choice(sk.SampledLoss(batch_size=8, horizon=600), process=laws, recurrence="relu")[0] == sk.Batched()
    assert choice(sk.ExpectedLoss(8)) == (sk.Batched(), "")
