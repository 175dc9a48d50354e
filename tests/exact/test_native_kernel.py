"""The native kernel against the plain trainer: inputs, losses, gradients, whole trainings, evaluations."""

import dataclasses
import functools
import os
import signal
import threading
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import spiralsink as sk
from spiralsink.training import sampled_loss
from spiralsink.training._compiler import find_compiler
from spiralsink.training._evaluate import measure_sampled
from spiralsink.training._goals import prepare
from spiralsink.training._kernel import load_kernel
from spiralsink.training._lanes import split_trained, to_lanes
from spiralsink.training._native import training_job

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="there is no C++ compiler")

KEY = jax.random.key(5)
LAWS = (sk.Uniform(-1.0, 2.0), sk.Constant(0.7), sk.Uniform())
SCALAR = sk.SparseProcess(1, 0.3)
VECTOR = sk.SparseProcess(3, (0.3, 0.1, 0.9), LAWS)
RECALL = sk.Delay(2, importance=(1.0, 0.5, 0.2))


@dataclasses.dataclass(frozen=True)
class Case:
    """Networks of one shape; sequences that fill no vector to its end."""

    recurrence: str = "relu"
    readout: str = "relu"
    task: Any = sk.Delay(4)  # noqa: RUF009 (frozen)
    process: Any = SCALAR
    n_hidden: int = 2
    tied: Any = None
    biases: tuple[str, ...] = ()
    leak: Any = 1.0
    stack: int = 3
    objective: Any = sk.SampledLoss(batch_size=37, horizon=13, burn_in=2, n_evaluation=300)  # noqa: RUF009 (frozen)

    def networks(self, seed=0, gain=0.7):
        rng = np.random.default_rng(seed)
        n_features = self.process.n_features
        n_outputs = self.task.n_outputs(n_features)

        def normal(*shape):
            return gain * rng.normal(size=(self.stack, *shape)) / shape[-1] ** 0.5

        W_x, W_h = normal(self.n_hidden, n_features), normal(self.n_hidden, self.n_hidden)
        W_y = normal(self.n_hidden, n_outputs) if self.tied is None else sk.Tied(self.tied)
        sizes = {"b_h": self.n_hidden, "b_y": n_outputs}
        kinds = {"recurrence": self.recurrence, "readout": self.readout, "leak": self.leak}
        return sk.RecurrentNetwork(W_x, W_h, W_y, **kinds, **{name: 0.3 * normal(sizes[name]) for name in self.biases})

    @functools.cached_property
    def plain_program(self):
        """Compiled once for all weights and steps."""
        networks = self.networks()
        goal = prepare(self.objective, networks, self.task, self.process, key=KEY, threads=0).goal
        _, fixed = split_trained(to_lanes(networks, networks.stack, jnp.float32))
        rest = eqx.filter(fixed, eqx.is_array, inverse=True)

        def loss(trained, arrays, data):
            return goal.lane_loss(eqx.combine(trained, arrays, rest), data)

        @jax.jit
        def program(trained, arrays, step):
            data = goal.data(step, self.stack)
            return data[0].inputs, *jax.vmap(jax.value_and_grad(loss))(trained, arrays, data)

        return program

    def plain(self, networks, step):
        """(inputs, losses, gradients) at one step, by vmap and autodiff."""
        trained, fixed = split_trained(to_lanes(networks, networks.stack, jnp.float32))
        inputs, losses, gradients = self.plain_program(trained, eqx.filter(fixed, eqx.is_array), jnp.int32(step))
        return np.asarray(inputs), np.asarray(losses), gradients

    def native(self, networks, step):
        goal = prepare(self.objective, networks, self.task, self.process, key=KEY, threads=1).goal
        lanes = to_lanes(networks, networks.stack, jnp.float32)
        kernel = load_kernel(lanes)
        job = training_job(kernel, goal, lanes, optimizer=sk.Adam(), steps=1)
        before = job["parameters"].copy()
        job |= {"gradient": np.zeros_like(before), "first_step": step}
        kernel.train(job, threads=2)
        assert np.array_equal(job["parameters"], before)
        inputs = np.stack([kernel.draw_inputs(job, lane) for lane in range(self.stack)])
        return inputs, job["loss"], kernel.unpack(job["gradient"])


CASES = {
    "two units": Case(),
    "biases and leak": Case(task=RECALL, process=VECTOR, n_hidden=5, biases=("b_h", "b_y"), leak=0.6, readout="linear"),
    "tied": Case("linear", task=RECALL, process=VECTOR, n_hidden=5, tied=2, biases=("b_h",)),
    "tied at several lags": Case(n_hidden=3, tied=np.array([4, 0, 1]), leak=np.array([0.3, 1.0, 0.6])),
    "tanh": Case("tanh", "linear", n_hidden=9, biases=("b_y",)),
    "a delay of its own for each": Case(
        task=sk.Delay(np.arange(3)), process=sk.SparseProcess(1, np.array([[0.1], [0.5], [1.0]])), n_hidden=17
    ),
    "moving average": Case("linear", "linear", task=sk.MovingAverage(4)),
    "own task": Case(task=sk.Mixing(1, ((1.0, -2.0, 0.0), (0.0, 0.5, 1.0))), process=VECTOR, n_hidden=2),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_inputs_losses_and_gradients_are_those_of_the_plain_trainer(case):
    for seed, step in ((0, 0), (1, 77), (2, 2**20 + 5)):
        networks = case.networks(seed)
        inputs, losses, gradients = case.plain(networks, step)
        native_inputs, native_losses, native_gradients = case.native(networks, step)
        np.testing.assert_allclose(native_inputs, inputs, rtol=0, atol=np.spacing(np.float32(2)))  # of up to 2
        np.testing.assert_allclose(native_losses, losses, rtol=1e-5)
        for name, gradient in native_gradients.items():
            expected = np.asarray(getattr(gradients, name))
            largest = np.abs(expected).reshape(case.stack, -1).max(axis=1)
            error = np.abs(gradient - expected).reshape(case.stack, -1).max(axis=1)
            assert (error <= 1e-5 * largest).all(), name


@settings(max_examples=20)
@given(st.integers(1, 60), st.integers(1, 30), st.floats(1e-4, 1.0), st.integers(0, 2**31 - 1))
def test_any_batch_and_horizon(batch_size, horizon, p, step):
    """Shapes of the data are not compiled in; a plain NumPy loop is the judge."""
    horizon = max(horizon, 5)
    case = dataclasses.replace(
        CASES["two units"],
        process=sk.SparseProcess(1, p),
        objective=sk.SampledLoss(batch_size=batch_size, horizon=horizon, burn_in=horizon // 3, n_evaluation=2),
    )
    networks = case.networks(seed=step % 1000)
    inputs, losses, _ = case.native(networks, step)
    for lane in range(case.stack):
        W_x, W_h, W_y = (np.asarray(each[lane]) for each in (networks.W_x, networks.W_h, networks.W_y))
        h, total = np.zeros((batch_size, 2)), 0.0
        for t in range(horizon):
            h = inputs[lane][:, t] @ W_x.T + np.maximum(h, 0) @ W_h.T
            target = inputs[lane][:, t - 4, 0] if t >= 4 else 0.0
            if t >= horizon // 3:
                total += np.sum((np.maximum(h @ W_y, 0)[:, 0] - target) ** 2)
        assert losses[lane] == pytest.approx(total / (batch_size * (horizon - horizon // 3)), rel=1e-5, abs=1e-12)


TRAININGS = {
    "cosine, clipped": (Case(), sk.Adam(3e-2, clip=0.05)),
    "constant": (Case("linear", "linear", stack=5), sk.Adam(1e-2, schedule="constant", clip=np.inf)),
    "shared batches, a rate for each": (
        Case(objective=sk.SampledLoss(batch_size=16, horizon=13, burn_in=2, n_evaluation=300, batches="shared")),
        sk.Adam(np.array([1e-3, 1e-2, 3e-2])),
    ),
}


@pytest.mark.parametrize(("case", "optimizer"), [pytest.param(*each, id=name) for name, each in TRAININGS.items()])
def test_trainings_agree_to_rounding(case, optimizer):
    given = {"key": KEY, "steps": 60, "objective": case.objective, "optimizer": optimizer, "record": sk.Every(20)}
    start = case.networks(gain=0.4)
    native, plain = (
        sk.fit(start, case.task, case.process, **given, engine=each) for each in (sk.Native(2), sk.Batched())
    )
    assert native.engine == "native kernel, 2 threads"
    assert plain.engine == "XLA, batched"
    np.testing.assert_allclose(native.history.loss, plain.history.loss, rtol=1e-4)
    np.testing.assert_allclose(native.loss_standard_error, plain.loss_standard_error, rtol=1e-3)
    np.testing.assert_allclose(native.silent_per_output, plain.silent_per_output, rtol=1e-6)
    np.testing.assert_allclose(native.networks.W_h, plain.networks.W_h, atol=2e-4)
    assert np.abs(native.networks.W_h - start.W_h).max() > 0.05


def test_threads_and_company_change_no_bit():
    case = Case(stack=11)
    networks = case.networks()
    given = {"steps": 30, "objective": case.objective, "record": sk.Every(0)}
    keys = jax.random.split(KEY, 11)
    whole = sk.fit(networks, case.task, SCALAR, key=keys, engine=sk.Native(2), **given)
    part = sk.fit(networks[4:7], case.task, SCALAR, key=keys[4:7], engine=sk.Native(1), **given)
    assert np.array_equal(whole.networks.W_h[4:7], part.networks.W_h)
    assert np.array_equal(whole.loss[4:7], part.loss)


def test_an_interrupted_training_is_a_shorter_one():
    """Ctrl-C in the middle of a chunk: every network ends at the step that the result names."""
    case = Case(stack=64)
    optimizer = sk.Adam(1e-3, schedule="constant")
    given = {"key": KEY, "objective": case.objective, "optimizer": optimizer, "record": sk.Every(0)}
    given |= {"engine": sk.Native(2)}
    sk.fit(case.networks(), case.task, SCALAR, steps=1, **given)
    timer = threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    interrupted = sk.fit(case.networks(), case.task, SCALAR, steps=10**7, **given)
    timer.join()
    assert interrupted.interrupted
    assert 0 < interrupted.steps < 10**7
    whole = sk.fit(case.networks(), case.task, SCALAR, steps=interrupted.steps, **given)
    assert np.array_equal(interrupted.networks.W_h, whole.networks.W_h)


@pytest.mark.parametrize("differs", [False, True])
def test_evaluations_agree_to_rounding(differs):
    """Also with a last block that is not full."""
    case = CASES["a delay of its own for each" if differs else "two units"]
    networks = case.networks(gain=0.5)
    prepared = prepare(case.objective, networks, case.task, case.process, key=KEY, threads=0)
    lanes = to_lanes(networks, networks.stack, jnp.float32)
    given = {"key": KEY, "n_sequences": 700, "burn_in": 3}
    native, plain = (measure_sampled(lanes, prepared.goal.sequences, **given, threads=each) for each in (2, 0))
    for name in ("loss", "standard_error", "per_output", "silent_loss", "silent_per_output"):
        np.testing.assert_allclose(getattr(native, name), getattr(plain, name), rtol=2e-6, err_msg=name)


def test_evaluations_have_the_expected_mean():
    """An independent judge of both: the exact loss of linear networks."""
    case = Case("linear", "linear", task=RECALL, process=VECTOR, n_hidden=3)
    networks = case.networks(gain=0.5)
    found = sampled_loss(networks, case.task, case.process, key=KEY, n_sequences=200_000, horizon=11)
    expected = sk.expected_loss(networks, case.task, case.process, horizon=11)
    assert (np.abs(found.mean - expected.total) < 4.5 * found.standard_error).all()
    assert (found.standard_error < 0.01 * expected.total).all()


@pytest.mark.parametrize("n_hidden", [8, 24])
def test_states_that_fade_to_nothing_count_as_zero(n_hidden):
    """Numbers below 2^-126 are flushed; whole tiles of hidden units."""
    case = Case("linear", n_hidden=n_hidden, process=sk.SparseProcess(1, 0.01))
    networks = case.networks(gain=1e-3)
    _, losses, gradients = case.plain(networks, 3)
    _, native_losses, native_gradients = case.native(networks, 3)
    np.testing.assert_allclose(native_losses, losses, rtol=1e-5)
    for name, gradient in native_gradients.items():
        expected = np.asarray(getattr(gradients, name))
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max(), err_msg=name)


def test_what_does_not_count_may_be_infinite():
    """Networks that overflow by one input, in batches of one sequence: most hear none, and vectors hold more."""
    objective = sk.SampledLoss(batch_size=1, horizon=13, burn_in=3, n_evaluation=2)
    process = sk.SparseProcess(1, 0.05)
    case = Case("linear", "linear", process=process, n_hidden=2, stack=12, objective=objective)
    networks = case.networks(gain=1e5)
    inputs, losses, _ = case.plain(networks, 0)
    silent = ~inputs.any(axis=(1, 2, 3))
    assert 0 < silent.sum() < 12
    assert np.isfinite(losses[silent]).all()
    native_inputs, native_losses, native_gradients = case.native(networks, 0)
    assert np.array_equal(native_inputs, inputs)
    assert np.array_equal(native_losses == 0, silent)
    for name, gradient in native_gradients.items():
        assert (gradient[silent] == 0).all(), name


def test_outputs_before_the_steps_that_count_may_be_infinite():
    """One unit without recurrence, whose output overflows where there is an input, which must not be at the end."""
    objective = sk.SampledLoss(batch_size=1, horizon=13, burn_in=12, n_evaluation=2)
    case = Case("linear", "linear", process=sk.SparseProcess(1, 0.2), n_hidden=1, stack=12, objective=objective)
    weights = np.full((12, 1, 1), 1e15), np.zeros((12, 1, 1)), np.full((12, 1, 1), 1e30)
    networks = sk.RecurrentNetwork(*weights, recurrence="linear", readout="linear")
    inputs, losses, gradients = case.native(networks, 0)
    heard = inputs[..., 0].any(axis=(1, 2)) & ~inputs[:, 0, -1].any(axis=-1)
    assert heard.sum() > 3
    target = inputs[heard, 0, -5, 0]
    np.testing.assert_allclose(losses[heard], target**2, rtol=1e-6)
    assert np.isfinite(gradients["W_y"][heard]).all()


def test_networks_that_stop_being_finite_stay_as_they_last_were():
    case = Case("linear", "linear", stack=3)
    networks = case.networks()
    W_h = np.array(networks.W_h)
    W_h[1] = 1e30
    networks = sk.RecurrentNetwork(networks.W_x, W_h, networks.W_y)
    result = sk.fit(networks, case.task, SCALAR, key=KEY, steps=20, objective=case.objective, engine=sk.Native(2))
    assert (result.status == sk.Status.DIVERGED).tolist() == [False, True, False]
    assert np.array_equal(result.networks.W_h[1], np.float32(W_h[1]))
    assert np.isnan(result.loss[1])
    assert np.isfinite(result.loss[[0, 2]]).all()
