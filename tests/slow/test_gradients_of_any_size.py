"""The native kernel and the unrolled engine against automatic differentiation, over random sizes and kinds."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from spiralsink.training._compiler import find_compiler
from spiralsink.training._goals import prepare
from spiralsink.training._kernel import load_kernel
from spiralsink.training._lanes import split_trained, to_lanes
from spiralsink.training._native import training_job
from spiralsink.training._unrolled import not_unrolled, value_and_grad

KEY = jax.random.key(11)
STACK, STEP = 3, 7


def draw_case(seed):
    """(networks, goal) of sizes and kinds that the seed says."""
    rng = np.random.default_rng(seed)
    n_hidden, n_features = int(np.exp(rng.uniform(0, np.log(48)))), int(rng.integers(1, 5))
    batch_size, horizon = int(rng.integers(1, 80)), int(rng.integers(2, 50))
    delay, burn_in = int(rng.integers(0, min(horizon, 9))), int(rng.integers(0, horizon))
    recurrence, readout = rng.choice(["linear", "relu", "tanh"]), rng.choice(["linear", "relu"])
    tied = rng.random() < 0.5

    def normal(*shape):
        return 0.8 * rng.normal(size=(STACK, *shape)) / shape[-1] ** 0.5

    W_x, W_h = normal(n_hidden, n_features), normal(n_hidden, n_hidden)
    W_y = sk.Tied(delay) if tied else normal(n_hidden, n_features)
    biases = {"b_y": normal(n_features)} if rng.random() < 0.5 else {}
    if rng.random() < 0.5 and not (tied and recurrence != "linear"):
        biases["b_h"] = normal(n_hidden)
    kinds = {"recurrence": str(recurrence), "readout": str(readout), "leak": float(rng.choice([1.0, 0.6]))}
    networks = sk.RecurrentNetwork(W_x, W_h, W_y, **kinds, **biases)
    process = sk.SparseProcess(n_features, tuple(rng.uniform(0.05, 1.0, n_features).tolist()))
    task = sk.Delay(delay, importance=tuple(rng.uniform(0.2, 1.0, n_features).tolist()))
    objective = sk.SampledLoss(batch_size, horizon, burn_in=burn_in)
    return networks, prepare(objective, networks, task, process, key=KEY, threads=0).goal


def plain(goal, trained, fixed):
    arrays, rest = eqx.partition(fixed, eqx.is_array)

    def loss(trained, arrays, data):
        return goal.lane_loss(eqx.combine(trained, arrays, rest), data)

    compute = jax.jit(lambda: jax.vmap(jax.value_and_grad(loss))(trained, arrays, goal.data(jnp.int32(STEP), STACK)))
    return compute()


def native(goal, lanes):
    kernel = load_kernel(lanes)
    job = training_job(kernel, goal, lanes, optimizer=sk.Adam(), steps=1)
    job |= {"gradient": np.zeros_like(job["parameters"]), "first_step": STEP}
    kernel.train(job, threads=2)
    return job["loss"], kernel.unpack(job["gradient"])


@pytest.mark.slow
@pytest.mark.skipif(find_compiler() is None, reason="there is no C++ compiler")
@pytest.mark.parametrize("seed", range(24))
def test_losses_and_gradients_agree_to_rounding(seed):
    networks, goal = draw_case(seed)
    lanes = to_lanes(networks, networks.stack, jnp.float32)
    trained, fixed = split_trained(lanes)
    wanted_loss, wanted = plain(goal, trained, fixed)
    found = {"native": native(goal, lanes)}
    if not not_unrolled(lanes, goal):
        loss, gradients = jax.jit(lambda: value_and_grad(goal, trained, fixed, jnp.int32(STEP)))()
        found["unrolled"] = loss, {name: getattr(gradients, name) for name in found["native"][1]}
    for engine, (loss, gradients) in found.items():
        np.testing.assert_allclose(loss, wanted_loss, rtol=1e-5, err_msg=engine)
        ours, theirs = (
            np.concatenate([np.asarray(each).reshape(STACK, -1) for each in group], axis=1)
            for group in (gradients.values(), [getattr(wanted, name) for name in gradients])
        )
        error = np.linalg.norm(ours - theirs, axis=1)
        assert (error <= 1e-5 * np.linalg.norm(theirs, axis=1)).all(), engine
