"""The exact loss of ReLU readouts against closed forms, identities, expansions and finer rules."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from cases.relu import SPLIT, STANDARD, Case, EchoTask, chain, loss, silence
from oracles import uniform_sums
from spiralsink.theory import (
    Quadrature,
    SteadyState,
    first_order_loss,
    problem_arrays,
    rectified_moments,
    second_order_terms,
)

N_LAGS = 64  # followed one by one in steady state at the radii used here
slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("bias", "horizon"),
    [
        (False, SteadyState()),
        *(pytest.param(*each, marks=slow) for each in [(False, 6), (True, SteadyState()), (True, 6)]),
    ],
    ids=["steady", "six steps", "biases", "biases, six steps"],
)
def test_without_negative_projections_the_terms_are_those_of_a_linear_readout(bias, horizon):
    case = dataclasses.replace(STANDARD, bias=bias)
    signed = case.network(seed=4)
    weights = {name: np.abs(getattr(signed, name)) for name in ("W_x", "W_h", "W_y")}
    weights["W_h"] *= 0.6 / np.abs(np.linalg.eigvals(weights["W_h"])).max()
    biases = {name: np.abs(getattr(signed, name)) for name in ("b_h", "b_y")} if bias else {}
    for p in (1e-3, (0.2, 0.7), 1.0):
        relu, linear = (
            loss(sk.RecurrentNetwork(**weights, **biases, readout=each), case, horizon, p=p)
            for each in ("relu", "linear")
        )
        tolerance = relu.error_estimate + 1e-13 * sum(map(abs, linear.terms.values()))
        assert relu.error_estimate < 1e-6 * relu.total
        assert abs(relu.total - linear.total) <= tolerance
        for name in ("task_benefit", "projection_interference", *SPLIT):
            assert getattr(relu, name) == pytest.approx(getattr(linear, name), rel=1e-11), name
        for name in ("mean_correction", "composition_interference"):
            assert abs(getattr(relu, name) - getattr(linear, name)) <= 3e-7 * relu.total, name


@pytest.mark.parametrize(
    "task", [STANDARD.task, sk.Mixing(1, ((1.0, -2.0), (0.5, 0.0))), EchoTask()], ids=["free", "mixing", "own task"]
)
def test_the_first_two_terms_are_the_first_order(task):
    """The paper's Eq. 6, at every p: they are linear in p."""
    case = Case(task)
    network = case.network(seed=5)
    A = np.asarray(sk.projections(network, 96))
    for p in (1e-6, (0.3, 0.6), 1.0):
        process = case.process.replace(p=p)
        taps, _, second_moment, importance, _ = problem_arrays(case.task, process, horizon=96)
        with sk.float64():
            expected = float(first_order_loss(A, taps, second_moment, importance))
        terms = sk.expected_loss(network, case.task, process)
        assert terms.task_benefit + terms.projection_interference == pytest.approx(expected, rel=1e-10)


@pytest.fixture(scope="module")
def pairs():
    """E[L] to second order in p, compiled once."""
    compiled = jax.jit(lambda *given: second_order_terms(*given).total)

    def second_order(network, case, p):
        process = case.process.replace(p=p)
        problem = problem_arrays(case.task, process, horizon=N_LAGS)
        with sk.float64():
            A = np.asarray(sk.projections(network, N_LAGS), np.float64)
            return float(compiled(A, problem.taps, np.broadcast_to(p, 2), problem.importance))

    return second_order


def test_the_sparse_expansion_is_off_by_the_third_order(pairs):
    network = STANDARD.network(seed=6)
    gaps = [loss(network, p=p).total - pairs(network, STANDARD, p) for p in (3e-2, 3e-3)]
    assert abs(gaps[0]) > 1e-8
    assert np.log10(gaps[0] / gaps[1]) == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize("p", [1e-3, 1e-5, 1e-8, 1e-12])
def test_losses_of_very_sparse_inputs_keep_their_digits(pairs, p):
    """E[L] / p, where three active inputs count for some p^2 of it."""
    for seed in range(6, 10):
        network = STANDARD.network(seed)
        terms = loss(network, p=p)
        assert terms.status == sk.Status.CONVERGED
        assert terms.total == pytest.approx(pairs(network, STANDARD, p), rel=30 * p**2 + 1e-10)


@pytest.mark.parametrize("delays", [(2,), (0, 2)])
def test_what_a_relu_leaves_out_of_the_linear_loss(delays):
    """L_relu = L_linear - E[z_-^2] - 2 E[y* z_-], and E[(z_- + y*)^2] is the loss of -W_y for the target -y*."""
    coefficients = (1.0, -0.5)[: len(delays)]
    case = dataclasses.replace(STANDARD, task=sk.DelayedSum(delays, coefficients))
    opposite = dataclasses.replace(STANDARD, task=sk.DelayedSum(delays, tuple(-each for each in coefficients)))
    for seed, p in ((7, (0.3, 0.6)), (8, (1.0, 0.02)), (9, 1.0)):
        relu, linear = (loss(case.network(seed, readout), case, p=p) for readout in ("relu", "linear"))
        seen = case.network(seed)
        hidden = loss(sk.RecurrentNetwork(seen.W_x, seen.W_h, -seen.W_y, readout="relu"), opposite, p=p)
        _, silent = silence(case, case.process.replace(p=p))
        assert abs(hidden.total - silent) > 1e-3
        gap = relu.total - (linear.total - (hidden.total - silent))
        assert abs(gap) <= relu.error_estimate + hidden.error_estimate


def test_a_finite_horizon_is_the_mean_of_its_steps():
    """A register is at rest after three steps: S_t is the steady loss of its first t lags, and L_6 their mean."""
    case = dataclasses.replace(STANDARD, task=sk.Delay(0, importance=(1.0, 0.4)))
    A = np.random.default_rng(11).normal(size=(3, 2))
    steps = [loss(chain(A * (np.arange(3) < t)[:, None]), case).total for t in (1, 2, 3)]
    assert min(abs(np.diff(steps))) > 1e-4
    found = loss(chain(A), case, 6)
    assert abs(found.total - np.mean(steps + 3 * steps[-1:])) <= 3 * found.error_estimate
    assert found.error_estimate < 1e-6 * found.total


@pytest.mark.slow
def test_long_horizons_approach_the_steady_state():
    """Between steps 60 and 120 the mean of the steps is the steady loss, up to 0.8^120."""
    network = STANDARD.network(seed=11)
    short, long = (loss(network, horizon=T).total for T in (60, 120))
    assert (120 * long - 60 * short) / 60 == pytest.approx(loss(network).total, rel=2e-7)


@pytest.mark.parametrize(
    ("p", "horizon"),
    [(p, horizon) for p in (1.0, (0.3, 0.6), 1e-3) for horizon in (SteadyState(), 6)] + [(1e-12, SteadyState())],
    ids=str,
)
def test_what_the_readout_cannot_see_costs_the_silent_loss(p, horizon):
    process = STANDARD.process.replace(p=p)
    by_output, expected = silence(STANDARD, process, horizon)
    visible = STANDARD.network(seed=12)
    blind = sk.RecurrentNetwork(visible.W_x, visible.W_h, 0 * visible.W_y, readout="relu")
    hidden = chain(-np.array([[1e6, 0.3], [1.0, 1e-3], [0.2, 40.0]]))
    for network in (blind, hidden):
        terms = loss(network, horizon=horizon, p=p)
        assert terms.total == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(terms.per_output, by_output, rtol=1e-12)
        assert terms.projection_interference == 0
        assert terms.status == sk.Status.CONVERGED


@pytest.mark.parametrize("p", [1.0, 0.3, 1e-3, 1e-8, 1e-12])
@pytest.mark.parametrize("a", [-1.0, 1e-3, 0.7, 50.0])
def test_one_lag(a, p):
    """z = a x: E[L] = q (relu(a) - 1)^2, and the other output is silent."""
    case = Case(sk.Delay(0, importance=(1.0, 0.4)), p=p)
    terms = loss(chain([[a, 0.0], [0.0, 0.0], [0.0, 0.0]], gains=(1.0, 0.0)), case)
    expected = p / 3 * ((max(a, 0.0) - 1) ** 2 + 0.4)
    assert abs(terms.total - expected) <= terms.error_estimate + 1e-11 * expected
    assert terms.total == pytest.approx(expected, rel=1e-6)
    assert terms.status == sk.Status.CONVERGED


@pytest.mark.parametrize("p", [1.0, (0.3, 0.6), 0.01])
@pytest.mark.parametrize("spread", [1.0, 1e3, 1e6])
def test_six_inputs_by_inclusion_and_exclusion(p, spread):
    """Against exact arithmetic: three lags of two features, the first of them long and hidden or long and seen."""
    A = np.array([[-0.9 * spread, 0.5 * spread], [0.4, -0.7], [0.8, 1.1]])
    terms = loss(chain(A), p=p)
    probabilities = np.tile(np.broadcast_to(p, 2), 3)
    for i in range(2):
        a = np.outer(A[:, i], (1.0, 0.6)).ravel()
        expected = uniform_sums.moments(a, probabilities, sk.Uniform(), delay=4 + i).loss
        assert terms.per_output[i] == pytest.approx(float(expected), rel=1e-6)
    assert terms.status == sk.Status.CONVERGED


def test_a_stack_is_its_networks():
    """With a delay and probabilities for each, and in float32."""
    networks = [STANDARD.network(seed) for seed in range(14, 17)]
    p, delays = np.array([[0.3, 0.6], [1.0, 0.01], [0.2, 0.2]]), np.array([2, 0, 5])
    weights = (np.stack([getattr(each, name) for each in networks]) for name in ("W_x", "W_h", "W_y"))
    stack = sk.RecurrentNetwork(*(each.astype(np.float32) for each in weights), readout="relu")
    together = sk.expected_loss(stack, sk.Delay(delays), sk.SparseProcess(2, p))
    assert together.total.shape == together.status.shape == (3,)
    assert together.per_output.shape == (3, 2)
    for index in range(3):
        alone = sk.expected_loss(stack[index], sk.Delay(int(delays[index])), sk.SparseProcess(2, p[index]))
        assert together.total[index] == pytest.approx(alone.total, rel=1e-12)
        assert isinstance(alone.total, float)


@pytest.mark.slow
def test_two_hundred_lags_within_the_reported_error():
    """A radius of 0.98 and sparse inputs, against a rule that is four times as fine and follows twice the lags."""
    rotation = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    network = sk.RecurrentNetwork([[0.5], [0.2]], 0.98 * rotation, [[0.3], [0.4]], readout="relu")
    case = Case(sk.Delay(4), p=0.02, n_features=1, n_hidden=2)
    terms = loss(network, case)
    problem = problem_arrays(case.task, case.process, horizon=SteadyState())
    with sk.float64():
        A = np.asarray(sk.projections(network, 800), np.float64)[:, 0]
        G = np.zeros_like(A)
        G[4] = 1
        fine = rectified_moments(A, jnp.array([0.02]), G, laws=(sk.Uniform(),), quadrature=Quadrature(2048, 3))
        expected = float(fine.square - 2 * fine.cross) + float(np.sum(problem.second_moment))
        error = float(fine.error)
    assert terms.status == sk.Status.CONVERGED
    assert abs(terms.total - expected) <= terms.error_estimate + error
