"""The exact loss of ReLU readouts against simulations, closed forms, identities and finite differences."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from oracles import uniform_sums
from oracles.monte_carlo import draw_inputs
from spiralsink.theory import (
    Quadrature,
    SteadyState,
    first_order_loss,
    problem_arrays,
    rectified_moments,
    second_order_terms,
    silent_loss,
)

N_LAGS = 64  # followed one by one in steady state at the radii used here
SPLIT = ("projection_temporal", "projection_spatial", "projection_mixed")


class EchoTask:
    """A task of a user's own: nothing but the protocol."""

    importance = (1.0, 0.3)
    recall_lag = None

    def n_outputs(self, n_features):
        return 2

    def target_filter(self, n_lags, n_features):
        taps = np.zeros((n_lags, 2, n_features))
        for lag in (1, 3, 5):
            if lag < n_lags:
                taps[lag, 0], taps[lag, 1, 0] = (-0.5) ** lag, 0.5
        return taps


@dataclasses.dataclass(frozen=True)
class Case:
    """Shapes are shared as far as possible: two features, three hidden units, two outputs."""

    task: Any = sk.Delay(2, importance=(1.0, 0.4))  # noqa: RUF009 (frozen)
    p: object = (0.3, 0.6)
    amplitude: object = sk.Uniform()
    tied: bool = False
    bias: bool = False
    leak: float = 1.0
    n_features: int = 2
    n_hidden: int = 3
    horizons: tuple = (SteadyState(), 6)

    @property
    def process(self):
        return sk.SparseProcess(self.n_features, self.p, self.amplitude)

    def network(self, seed=1, readout="relu"):
        rng = np.random.default_rng(seed)
        W_h = rng.normal(size=(self.n_hidden, self.n_hidden))
        W_h *= 0.8 / np.abs(np.linalg.eigvals(W_h)).max()
        W_x = rng.normal(size=(self.n_hidden, self.n_features))
        n_outputs = self.task.n_outputs(self.n_features)
        W_y = sk.Tied(self.task.recall_lag) if self.tied else 0.5 * rng.normal(size=(self.n_hidden, n_outputs))
        biases = {"b_h": 0.1 * rng.normal(size=self.n_hidden), "b_y": 0.2 * rng.normal(size=n_outputs)}
        return sk.RecurrentNetwork(W_x, W_h, W_y, readout=readout, leak=self.leak, **(biases if self.bias else {}))


STANDARD = Case()
CASES = {
    "free": STANDARD,
    "tied": Case(tied=True, p=(0.1, 0.8)),
    "dense": Case(p=1.0),
    "no delay": Case(sk.Delay(0), tied=True),
    "sum": Case(sk.DelayedSum((1, 3), (1.0, 1.0))),
    "difference": Case(sk.DelayedSum((0, 2), (1.0, -1.0))),
    "moving average": Case(sk.MovingAverage(4)),
    "permutation": Case(sk.Permutation(2, (1, 0)), tied=True),
    "mixing": Case(sk.Mixing(1, ((1.0, -2.0), (0.5, 0.0)))),
    "own task": Case(EchoTask()),
    "biases": Case(bias=True, horizons=(SteadyState(),)),
    "exponential": Case(amplitude=sk.Exponential(2.0), horizons=(SteadyState(),)),
}
SLOW_CASES = {
    "biases, six steps": Case(bias=True, horizons=(6,)),
    "exponential, six steps": Case(amplitude=sk.Exponential(2.0), horizons=(6,)),
    "scalar": Case(sk.Delay(4), p=0.3, tied=True, n_features=1, n_hidden=2),
    "one unit": Case(sk.Delay(3), p=0.3, n_features=1, n_hidden=1),
    "wide": Case(sk.Delay(1), p=0.05, n_features=6, n_hidden=20),
    "several delays": Case(sk.Delays((0, 3)), n_hidden=4),
    "leaky integration": Case(sk.LeakyIntegration(0.8), p=0.1),
    "leak and biases": Case(bias=True, leak=0.4),
    "exponential, biases": Case(amplitude=sk.Exponential(2.0), bias=True),
    "half-normal": Case(amplitude=sk.HalfNormal(0.7)),
    "half-normal, biases": Case(amplitude=sk.HalfNormal(0.7), bias=True),
    "constant": Case(amplitude=sk.Constant(0.7)),
    "both signs": Case(amplitude=sk.Uniform(-1.0, 1.0)),
    "both signs, biases": Case(amplitude=sk.Uniform(-0.5, 1.0), bias=True),
    "away from zero": Case(amplitude=sk.Uniform(0.5, 1.0)),
    "two scales": Case(amplitude=(sk.Uniform(), sk.Uniform(0.0, 3.0))),
    "two signs": Case(amplitude=(sk.Uniform(-1.0, 0.0), sk.Uniform())),
    "two laws": Case(amplitude=(sk.Exponential(2.0), sk.HalfNormal(0.7))),
    "bounded and unbounded": Case(amplitude=(sk.HalfNormal(0.7), sk.Uniform())),
}
slow = pytest.mark.slow
every = [pytest.param(case, id=name) for name, case in CASES.items()]
every += [pytest.param(case, id=name, marks=slow) for name, case in SLOW_CASES.items()]


def loss(network, case=STANDARD, horizon: Any = SteadyState(), **changes):  # noqa: B008 (frozen)
    process = case.process.replace(**changes) if changes else case.process
    return sk.expected_loss(network, case.task, process, horizon=horizon)


def arrays(network) -> list[Any]:
    W_x, W_h, b_h = network.folded_weights
    given = (W_x, W_h, network.output_weights, b_h, network.b_y)
    with sk.float64():
        return [0.0 if each is None else np.asarray(each, np.float64) for each in given]


def chain(A, gains=(1.0, 0.6)):
    """A shift register of three units: A_s[i, j] = A[s, i] gains[j] at three lags, and nothing behind them."""
    W_x = np.zeros((3, 2))
    W_x[0] = gains
    return sk.RecurrentNetwork(W_x, np.eye(3, k=-1), A, readout="relu")


def silence(case, process, horizon: Any = SteadyState()):  # noqa: B008 (frozen)
    """L_0, by output and in total."""
    problem = problem_arrays(case.task, process, horizon=horizon)
    with sk.float64():
        by_output = np.asarray(silent_loss(*map(jnp.asarray, problem[:3]), horizon=horizon))
    return by_output, float(problem.importance @ by_output)


def simulate(network, case, n_sequences, n_steps, seed):
    """Loss of every sequence and step, (n_sequences, n_steps), by plain NumPy."""
    process, rng = case.process, np.random.default_rng(seed)
    p = np.broadcast_to(process.p, (process.n_features,))
    shape = (n_sequences, n_steps)
    x = np.stack([draw_inputs(rng, law, p[j], shape) for j, law in enumerate(process.amplitudes)], axis=-1)
    taps = case.task.target_filter(n_steps, process.n_features)
    W_x, W_h, W_y, b_h, b_y = arrays(network)
    importance = np.broadcast_to(np.asarray(case.task.importance, float), (network.n_outputs,))
    wanted = [s for s in range(n_steps) if taps[s].any()]
    h, losses = np.zeros((n_sequences, network.n_hidden)), np.zeros(shape)
    for t in range(n_steps):
        h = x[:, t] @ W_x.T + h @ W_h.T + b_h
        target = sum((x[:, t - s] @ taps[s].T for s in wanted if s <= t), np.zeros((n_sequences, network.n_outputs)))
        losses[:, t] = (np.maximum(h @ W_y + b_y, 0) - target) ** 2 @ importance
    return losses


@pytest.mark.parametrize("case", every)
def test_simulated_networks_have_the_expected_loss(case):
    """Also the status, and that the terms sum to the total, with their split."""
    network = case.network(seed=4)
    losses = simulate(network, case, 20_000, 48, seed=3)
    for horizon in case.horizons:
        window = slice(40, 48) if isinstance(horizon, SteadyState) else slice(0, horizon)
        per_sequence = losses[:, window].mean(axis=1)
        error = per_sequence.std() / np.sqrt(len(per_sequence))
        terms = loss(network, case, horizon)
        assert abs(per_sequence.mean() - terms.total) < 4 * error
        assert terms.status == sk.Status.CONVERGED
        assert 0 < terms.error_estimate <= 1e-6 * terms.total
        largest = max(map(abs, terms.terms.values()))
        assert terms.total == pytest.approx(sum(terms.terms.values()), rel=1e-12, abs=1e-12 * largest)
        assert terms.projection_interference == pytest.approx(sum(getattr(terms, name) for name in SPLIT), rel=1e-12)
        importance = np.broadcast_to(np.asarray(case.task.importance, float), (network.n_outputs,))
        assert terms.total == pytest.approx(np.sum(importance * terms.per_output), rel=1e-12)


@pytest.mark.parametrize(
    ("bias", "horizon"),
    [(False, SteadyState()), (False, 6), (True, SteadyState()), pytest.param(True, 6, marks=slow)],
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


@pytest.mark.parametrize("name", ["free", "mixing", "own task"])
def test_the_first_two_terms_are_the_first_order(name):
    """The paper's Eq. 6, at every p: they are linear in p."""
    case = CASES[name]
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


def relative_slopes(gradient, network, total, seed, step=1e-5):
    """Along one random relative change of all weights: by the gradient, and by differences."""
    rng = np.random.default_rng(seed)
    weights: dict[str, Any] = {name: np.asarray(getattr(network, name), np.float64) for name in ("W_x", "W_h", "W_y")}
    change = {name: rng.normal(size=each.shape) * each for name, each in weights.items()}
    by_gradient = sum(float(np.sum(np.asarray(getattr(gradient, name)) * change[name])) for name in weights)
    ends = [
        total(
            sk.RecurrentNetwork(
                **{name: weights[name] + sign * step * change[name] for name in weights}, readout="relu"
            )
        )
        for sign in (1, -1)
    ]
    return by_gradient, (ends[0] - ends[1]) / (2 * step)


@pytest.fixture(scope="module")
def gradients():
    """Gradients in float64 by horizon, compiled once each."""

    def gradient(network, horizon, p=STANDARD.p):
        with sk.float64():
            process = STANDARD.process.replace(p=p)
            weights = [jnp.asarray(getattr(network, name), jnp.float64) for name in ("W_x", "W_h", "W_y")]

            def total(weights, p):
                network = sk.RecurrentNetwork(*weights, readout="relu")
                return sk.expected_loss(network, STANDARD.task, process.replace(p=p), horizon=horizon).total

            by_weights, by_p = jax.grad(total, (0, 1))(weights, jnp.broadcast_to(jnp.asarray(p, jnp.float64), 2))
            assert by_p.dtype == by_weights[0].dtype == jnp.float64
            return sk.RecurrentNetwork(*map(np.asarray, by_weights), readout="relu"), np.asarray(by_p)

    return gradient


PLAIN = STANDARD.network(seed=13)


@pytest.mark.parametrize("horizon", [SteadyState(), pytest.param(6, marks=slow)], ids=str)
def test_gradients_match_finite_differences(gradients, horizon):
    for p in ((0.3, 0.6), (0.999, 1e-3)):
        by_weights, by_p = gradients(PLAIN, horizon, p)
        for seed in range(3):
            found, expected = relative_slopes(
                by_weights, PLAIN, lambda n, p=p: loss(n, horizon=horizon, p=p).total, seed
            )
            assert found == pytest.approx(expected, rel=2e-5)
        step = 1e-4 * np.minimum(p, 1 - np.array(p))
        for j in range(2):
            ends = [
                loss(PLAIN, horizon=horizon, p=np.array(p) + sign * step * (np.arange(2) == j)).total
                for sign in (1, -1)
            ]
            assert by_p[j] * 2 * step[j] == pytest.approx(ends[0] - ends[1], rel=2e-5)


@pytest.mark.parametrize("p", [1.0, (0.3, 0.6), 0.01])
@pytest.mark.parametrize("spread", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("place", [0, 1], ids=["hidden is longer", "seen is shorter"])
def test_gradients_by_inclusion_and_exclusion(gradients, p, spread, place):
    """Along the readout of a register, against exact arithmetic, relative to the largest component."""
    A = np.array([[-0.9, -0.5], [0.4, -0.7], [0.8, 1.1]])
    A[place] *= spread if place == 0 else 1 / spread
    by_weights, _ = gradients(chain(A), SteadyState(), p)
    probabilities = np.tile(np.broadcast_to(p, 2), 3)
    for i, importance in enumerate((1.0, 0.4)):
        a = np.outer(A[:, i], (1.0, 0.6)).ravel()
        found = uniform_sums.moments(a, probabilities, sk.Uniform(), delay=4 + i)
        by_a = np.asarray(found.gradient, np.float64).reshape(3, 2)
        by_a = by_a * np.array([1.0, 0.6])
        # where next to nothing is seen, as at p = 1 behind a long hidden one, the gradient is all but zero
        scale = max(np.abs(by_a).max(), found.loss)
        np.testing.assert_allclose(by_weights.W_y[:, i] / importance, by_a.sum(axis=1), rtol=0, atol=1e-5 * scale)


def test_gradients_have_the_dtype_of_the_weights(gradients):
    weights = [jnp.asarray(getattr(PLAIN, name), jnp.float32) for name in ("W_x", "W_h", "W_y")]
    value, slopes = jax.value_and_grad(lambda w: loss(sk.RecurrentNetwork(*w, readout="relu")).total)(weights)
    assert {value.dtype, *(each.dtype for each in slopes)} == {jnp.dtype(jnp.float32)}
    narrow = sk.RecurrentNetwork(*map(np.asarray, weights), readout="relu")
    assert float(value) == pytest.approx(loss(narrow).total, rel=1e-7)
    exact, _ = gradients(narrow, SteadyState())
    for found, name in zip(slopes, ("W_x", "W_h", "W_y"), strict=True):
        np.testing.assert_allclose(np.asarray(found), getattr(exact, name), rtol=1e-6, atol=1e-7)


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
def test_mapped_and_compiled_values_and_gradients_have_the_dtype_of_the_weights():
    networks = [STANDARD.network(seed) for seed in range(14, 17)]
    W_h = jnp.asarray(np.stack([each.W_h for each in networks]), jnp.float32)
    W_x, W_y = (np.asarray(getattr(networks[0], name), np.float32) for name in ("W_x", "W_y"))

    def one(W_h):
        return loss(sk.RecurrentNetwork(W_x, W_h, W_y, readout="relu")).total

    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(one)))(W_h)
    assert values.dtype == slopes.dtype == jnp.float32
    np.testing.assert_allclose(np.asarray(values), [one(np.asarray(each)) for each in W_h], rtol=3e-7)
    assert np.isfinite(np.asarray(slopes)).all()


@pytest.mark.slow
def test_hessian():
    with sk.float64():
        W_x, W_h, W_y = (jnp.asarray(getattr(PLAIN, name), jnp.float64) for name in ("W_x", "W_h", "W_y"))

        def total(W_y):
            return loss(sk.RecurrentNetwork(W_x, W_h, W_y, readout="relu")).total

        hessian = np.asarray(jax.hessian(total)(W_y)).reshape(6, 6)
        step = 1e-5 * np.eye(6).reshape(6, 3, 2)
        slopes = [(jax.grad(total)(W_y + each) - jax.grad(total)(W_y - each)) / 2e-5 for each in step]
        expected = np.asarray(jnp.stack(slopes)).reshape(6, 6)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-8 * scale)
    np.testing.assert_allclose(hessian, expected, atol=1e-5 * scale)


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
