"""Theory computes in float64 whatever the caller's default, and leaves that default alone."""

import os
import subprocess
import sys
import textwrap

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk

TASK, PROCESS = sk.Delay(1), sk.SparseProcess(1, 0.3)


@pytest.fixture
def network(key):
    return sk.RecurrentNetwork.init(key, 1, 2, tied_lag=1, stack=4, scheme=sk.Normal(0.6))


def total(network):
    return jnp.sum(sk.expected_loss(network, TASK, PROCESS).total)


def wide(network):
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64) if eqx.is_array(leaf) else leaf, network)


def test_concrete_arrays_give_numpy_float64(network):
    terms = sk.expected_loss(network, TASK, PROCESS)
    assert isinstance(terms.total, np.ndarray)
    assert terms.total.dtype == np.float64
    single = sk.expected_loss(network[1], TASK, PROCESS)
    assert isinstance(single.total, float)
    assert single.total == pytest.approx(terms.total[1], rel=1e-14)
    assert jnp.zeros(1).dtype == jnp.float32  # no global flag was touched


def test_float32_and_float64_weights_of_equal_value_give_equal_losses(network):
    found, expected = (sk.expected_loss(each, TASK, PROCESS).total for each in (network, wide(network)))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_traced_values_keep_the_dtype_of_the_weights_and_the_accuracy_of_float64(network):
    concrete = float(np.sum(sk.expected_loss(network, TASK, PROCESS).total))
    jitted = eqx.filter_jit(total)(network)
    gradient = eqx.filter_grad(total)(network)
    assert jitted.dtype == jnp.float32
    assert float(jitted) == pytest.approx(concrete, rel=3e-7)
    assert gradient.W_h.dtype == jnp.float32
    with sk.float64():
        exact = eqx.filter_grad(total)(jax.tree.map(jnp.asarray, wide(network)))
        assert exact.W_h.dtype == jnp.float64
        assert eqx.filter_jit(total)(jax.tree.map(jnp.asarray, wide(network))).dtype == jnp.float64
    # the gradient is that of float64, rounded once
    np.testing.assert_allclose(np.asarray(gradient.W_h), np.asarray(exact.W_h), rtol=2e-6, atol=1e-6)


def test_vmap_over_networks_is_the_stack(network):
    weights = (jnp.asarray(network.W_x), jnp.asarray(network.W_h))

    def one(W_x, W_h):
        return sk.expected_loss(sk.RecurrentNetwork(W_x, W_h, sk.Tied(1)), TASK, PROCESS).total

    mapped = jax.vmap(one)(*weights)
    assert mapped.dtype == jnp.float32
    np.testing.assert_allclose(np.asarray(mapped), sk.expected_loss(network, TASK, PROCESS).total, rtol=1e-6)
    both = jax.jit(jax.vmap(jax.value_and_grad(one, argnums=1)))(*weights)
    assert both[1].dtype == jnp.float32
    assert bool(jnp.isfinite(both[1]).all())


@pytest.mark.slow
def test_hessian(network):
    with sk.float64():
        W_h = jnp.asarray(network[0].W_h, jnp.float64)
        W_x = jnp.asarray(network[0].W_x, jnp.float64)

        def loss(W_h):
            return sk.expected_loss(sk.RecurrentNetwork(W_x, W_h, sk.Tied(1)), TASK, PROCESS).total

        hessian = np.asarray(jax.hessian(loss)(W_h)).reshape(4, 4)
        step = 1e-5 * np.eye(4).reshape(4, 2, 2)
        slopes = [(jax.grad(loss)(W_h + each) - jax.grad(loss)(W_h - each)) / 2e-5 for each in step]
        expected = np.asarray(jnp.stack(slopes)).reshape(4, 4)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-10)
    np.testing.assert_allclose(hessian, expected, atol=1e-6 * np.abs(expected).max())


@pytest.mark.slow
def test_in_x64_mode_nothing_changes():
    program = """
        import jax, numpy as np, jax.numpy as jnp
        import spiralsink as sk
        process, task = sk.SparseProcess(1, 0.3), sk.Delay(1)
        def loss(W_h):
            return sk.expected_loss(sk.RecurrentNetwork([[1.0], [0.5]], W_h, [[0.2], [0.4]]), task, process).total
        W_h = np.array([[0.3, 0.2], [-0.1, 0.5]])
        gradient = jax.grad(loss)(jnp.asarray(W_h, jnp.float64))
        print(jnp.zeros(1).dtype, type(loss(W_h)).__name__, gradient.dtype, repr(loss(W_h)))
    """
    environment = os.environ | {"JAX_ENABLE_X64": "1"}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program)]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert shown[:3] == ["float64", "float", "float64"]
    network = sk.RecurrentNetwork([[1.0], [0.5]], [[0.3, 0.2], [-0.1, 0.5]], [[0.2], [0.4]])
    assert float(shown[3]) == pytest.approx(sk.expected_loss(network, sk.Delay(1), sk.SparseProcess(1, 0.3)).total)
