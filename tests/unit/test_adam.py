"""Adam: its schedule, rates of its own for every network, one program for any number of steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import spiralsink as sk
from spiralsink.training import Batched, _descent

KEY = jax.random.key(0)


@pytest.mark.parametrize("steps", [1, 7, 2000])
def test_the_schedule_is_that_of_optax_to_the_bit(steps):
    ours = jax.tree.leaves(sk.Adam(0.03, clip=np.inf).transformation(steps).init(jnp.zeros(2, jnp.float32)))
    theirs = jax.tree.leaves(optax.adam(optax.cosine_decay_schedule(0.03, steps)).init(jnp.zeros(2, jnp.float32)))
    assert [each.shape for each in ours] == [each.shape for each in theirs]
    gradient = jnp.array([0.3, -1e-3], jnp.float32)
    with jax.numpy_dtype_promotion("standard"):
        moves = []
        for each in (sk.Adam(0.03, clip=np.inf), optax.adam(optax.cosine_decay_schedule(0.03, steps))):
            transformation = each.transformation(steps) if isinstance(each, sk.Adam) else each
            state, found = transformation.init(gradient), []
            for _ in range(9):
                moved, state = transformation.update(gradient, state)
                found.append(np.asarray(moved))
            moves.append(found)
    assert np.array_equal(*moves)
    assert np.any(moves[0][0])


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
