"""Adam: its schedule, rates of its own for every network, one program for any number of steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import spiralsink as sk
from spiralsink.training import Batched, _descent
from spiralsink.training._optimizers import cosine_decay

KEY = jax.random.key(0)


@pytest.mark.parametrize("wide", [False, True], ids=["float32", "float64"])
def test_the_schedule_is_that_of_optax_to_the_bit(wide):
    with jax.numpy_dtype_promotion("standard"), jax.enable_x64(wide):
        count = jnp.arange(2100, dtype=jnp.int32)
        ours = jax.jit(lambda count, steps: cosine_decay(1.0, steps)(count))
        for steps in (1, 7, 40, 80, 2000):
            wanted = jax.jit(optax.cosine_decay_schedule(1.0, steps))(count)
            found = ours(count, np.int32(steps))
            assert found.dtype == wanted.dtype
            assert np.array_equal(found, wanted), steps
            assert found[-1] == 0


def test_rates_of_many_networks_make_no_transformation_of_one():
    with pytest.raises(sk.InvalidInput, match=r"learning_rate must be one number.*got shape \(2,\)$"):
        sk.Adam([0.1, 0.2]).transformation(3)


def test_another_number_of_steps_is_no_other_program(monkeypatch):
    networks = sk.RecurrentNetwork.init(KEY, stack=3, recurrence="relu")
    given = {"key": KEY, "objective": sk.SampledLoss(batch_size=3, horizon=7, n_evaluation=2), "engine": Batched()}
    given |= {"record": sk.Every(0)}
    traced = []
    take_steps = _descent._take_steps
    monkeypatch.setattr(_descent, "_take_steps", lambda *given: traced.append(1) or take_steps(*given))
    short, long = (sk.fit(networks, sk.Delay(1), sk.SparseProcess(1, 0.3), steps=n, **given) for n in (4, 9))
    assert traced == [1]
    constant = sk.Adam(schedule="constant")
    plain = sk.fit(networks, sk.Delay(1), sk.SparseProcess(1, 0.3), steps=4, optimizer=constant, **given)
    assert not np.allclose(short.networks.W_h, plain.networks.W_h, rtol=1e-6)
    assert not np.allclose(short.networks.W_h, long.networks.W_h, rtol=1e-6)
