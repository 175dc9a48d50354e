"""The exact loss of linear networks against explicit double sums, simulations and finite differences."""

import dataclasses
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from spiralsink.theory import SteadyState, first_order_loss, problem_arrays, silent_loss

TERMS = ("task_benefit", "mean_correction", "projection_interference", "composition_interference")


class EchoTask:
    """A task of a user's own: nothing but the protocol."""

    importance = 1.0
    recall_lag = None

    def n_outputs(self, n_features: int) -> int:
        return 2

    def target_filter(self, n_lags: int, n_features: int) -> np.ndarray:
        taps = np.zeros((n_lags, 2, n_features))
        for lag in (1, 3, 5):
            if lag < n_lags:
                taps[lag, 0], taps[lag, 1, 0] = (-0.5) ** lag, 0.5
        return taps


@dataclasses.dataclass(frozen=True)
class Case:
    task: object
    n_features: int = 1
    n_hidden: int = 2
    p: object = 0.3
    amplitude: object = sk.Uniform()
    tied: bool = False
    bias: bool = False
    leak: float = 1.0

    def build(self, seed: int) -> tuple[sk.RecurrentNetwork, sk.SparseProcess]:
        rng = np.random.default_rng(seed)
        W_h = rng.normal(size=(self.n_hidden, self.n_hidden))
        W_h *= 0.85 / np.abs(np.linalg.eigvals(W_h)).max()
        W_x = rng.normal(size=(self.n_hidden, self.n_features))
        process = sk.SparseProcess(self.n_features, self.p, self.amplitude)
        n_outputs = self.task.n_outputs(self.n_features)
        W_y = sk.Tied(self.task.recall_lag) if self.tied else 0.5 * rng.normal(size=(self.n_hidden, n_outputs))
        biases = {"b_h": 0.1 * rng.normal(size=self.n_hidden), "b_y": 0.1 * rng.normal(size=n_outputs)}
        return sk.RecurrentNetwork(W_x, W_h, W_y, leak=self.leak, **(biases if self.bias else {})), process


# few shapes, of which each is compiled once
CASES = {
    "scalar": Case(sk.Delay(2)),
    "scalar, tied": Case(sk.Delay(4), tied=True, p=1.0),
    "no delay": Case(sk.Delay(0), 3, 4, tied=True),
    "one unit": Case(sk.Delay(3), 1, 1),
    "vector": Case(sk.Delay(2, importance=(1.0, 0.5, 0.2)), 3, 4, p=(0.1, 0.4, 0.8)),
    "vector, tied": Case(sk.Delay(2, importance=(1.0, 0.5, 0.2)), 3, 4, p=(0.1, 0.4, 0.8), tied=True),
    "wide": Case(sk.Delay(1), 6, 20, p=0.05),
    "several delays": Case(sk.Delays((0, 3)), 2, 4),
    "sum": Case(sk.DelayedSum((1, 3), (1.0, 1.0)), 2, 3),
    "difference": Case(sk.DelayedSum((0, 2), (1.0, -1.0)), 1, 2, p=0.7),
    "moving average": Case(sk.MovingAverage(4), 2, 3),
    "leaky integration": Case(sk.LeakyIntegration(0.8), 2, 3, p=0.1),
    "permutation": Case(sk.Permutation(2, (2, 0, 1)), 3, 4, tied=True),
    "mixing": Case(sk.Mixing(1, ((1.0, -2.0, 0.0), (0.5, 0.0, 1.0))), 3, 4),
    "own task": Case(EchoTask(), 3, 4),
    "exponential": Case(sk.Delay(1), 2, 3, amplitude=sk.Exponential(2.0)),
    "two laws": Case(sk.Delay(1), 2, 3, amplitude=(sk.HalfNormal(), sk.Constant(0.7))),
    "both signs": Case(sk.Delay(1), 2, 3, amplitude=sk.Uniform(-1.0, 1.0)),
    "biases": Case(sk.Delay(2), 2, 3, bias=True),
    "leak and biases": Case(sk.Delay(2), 2, 3, bias=True, leak=0.4),
}
HORIZONS = {"steady": SteadyState(), "barely past the delay": 6}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
each_horizon = pytest.mark.parametrize("horizon", HORIZONS.values(), ids=HORIZONS.keys())


def explicit_terms(network, task, process, horizon):
    """The definitions as they stand: sums over pairs n != n' of (lag, feature), with the bias as one more input."""
    steps = [200] if isinstance(horizon, SteadyState) else range(1, horizon + 1)
    W_x, W_h, b_h = (None if each is None else np.asarray(each, np.float64) for each in network.folded_weights)
    W_y = np.asarray(network.output_weights, np.float64)
    importance = np.broadcast_to(np.asarray(task.importance, float), (network.n_outputs,))
    totals = np.zeros(5)
    for t in steps:
        taps = task.target_filter(t, process.n_features)
        powers = [np.eye(len(W_h))]
        for _ in range(t - 1):
            powers.append(W_h @ powers[-1])
        carried = 0.0 if b_h is None else sum(powers) @ b_h
        for i in range(network.n_outputs):
            offset = float(W_y[:, i] @ np.broadcast_to(carried, W_y.shape[:1]))
            offset += 0.0 if network.b_y is None else float(network.b_y[i])
            A = np.array([W_y[:, i] @ power @ W_x for power in powers]).ravel()
            G = taps[:, i].ravel()
            m, q = np.tile(process.mean, t), np.tile(process.second_moment, t)
            # the bias: an input that is always one
            A, G, m, q = np.append(A, offset), np.append(G, 0.0), np.append(m, 1.0), np.append(q, 1.0)
            wanted = G != 0
            R = np.outer(m, m)
            np.fill_diagonal(R, 0.0)
            single = q * A**2 * ~wanted
            terms = [
                np.sum(q * (A - G) ** 2 * wanted),
                G @ R @ G - 2 * G @ R @ A,
                single[:-1].sum(),
                A @ R @ A + single[-1],
            ]
            np.fill_diagonal(R, q)
            totals += importance[i] * np.array([*terms, (A - G) @ R @ (A - G)]) / len(steps)
    return totals


@each_horizon
@each_case
def test_terms_are_the_sums_they_stand_for(case, horizon):
    network, process = case.build(seed=1)
    with jax.enable_x64(True):
        expected = explicit_terms(network, case.task, process, horizon)
    terms = sk.expected_loss(network, case.task, process, horizon=horizon)
    found = [getattr(terms, name) for name in (*TERMS, "total")]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert terms.total == pytest.approx(sum(terms.terms.values()), rel=1e-12, abs=1e-13)
    split = terms.projection_temporal + terms.projection_spatial + terms.projection_mixed
    assert terms.projection_interference == pytest.approx(split, rel=1e-12)
    assert terms.status == sk.Status.CONVERGED
    assert terms.error_estimate < 1e-13


def simulate(network, task, process, n_sequences, horizon, seed):
    """Loss of every sequence and step, (n_sequences, horizon), by plain NumPy."""
    rng = np.random.default_rng(seed)
    inputs = np.zeros((n_sequences, horizon, process.n_features))
    for j, law in enumerate(process.amplitudes):
        shape = (n_sequences, horizon)
        drawn = {
            sk.Uniform: lambda law, shape: rng.uniform(law.low, law.high, shape),
            sk.Exponential: lambda law, shape: rng.exponential(1 / law.rate, shape),
            sk.HalfNormal: lambda law, shape: np.abs(rng.normal(0, law.scale, shape)),
            sk.Constant: lambda law, shape: np.full(shape, law.value),
        }[type(law)](law, shape)
        inputs[..., j] = drawn * (rng.random(shape) < np.broadcast_to(process.p, (process.n_features,))[j])
    taps = task.target_filter(horizon, process.n_features)
    W_x, W_h, W_y = (np.asarray(each, np.float64) for each in (network.W_x, network.W_h, network.output_weights))
    b_h = 0.0 if network.b_h is None else network.b_h
    b_y = 0.0 if network.b_y is None else network.b_y
    importance = np.broadcast_to(np.asarray(task.importance, float), (network.n_outputs,))
    h = np.zeros((n_sequences, network.n_hidden))
    losses = np.zeros((n_sequences, horizon))
    for t in range(horizon):
        h = (1 - network.leak) * h + network.leak * (inputs[:, t] @ W_x.T + h @ W_h.T + b_h)
        target = sum(inputs[:, t - s] @ taps[s].T for s in range(t + 1))
        losses[:, t] = (h @ W_y + b_y - target) ** 2 @ importance
    return losses


@each_case
def test_simulated_networks_have_the_expected_loss(case):
    network, process = case.build(seed=2)
    with jax.enable_x64(True):
        losses = simulate(network, case.task, process, 10_000, 60, seed=3)
    for horizon, window in ((SteadyState(), slice(52, 60)), (6, slice(0, 6))):
        per_sequence = losses[:, window].mean(axis=1)
        error = per_sequence.std() / np.sqrt(len(per_sequence))
        expected = sk.expected_loss(network, case.task, process, horizon=horizon).total
        assert abs(per_sequence.mean() - expected) < 4 * error


@pytest.mark.parametrize("name", [pytest.param("vector, tied", marks=pytest.mark.slow), "leak and biases"])
def test_gradients_match_finite_differences(name):
    network, process = CASES[name].build(seed=4)
    task = CASES[name].task
    for horizon in (SteadyState(), 6):
        with sk.float64():
            gradient = eqx.filter_grad(lambda n, T=horizon: sk.expected_loss(n, task, process, horizon=T).total)(
                jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf, network)
            )
        for field in ("W_x", "W_h", "W_y"):
            weights = getattr(network, field)
            if isinstance(weights, sk.Tied):
                continue
            step = 1e-6 * np.random.default_rng(5).normal(size=weights.shape)
            values = []
            for sign in (1, -1):
                kinds = {name: getattr(network, name) for name in ("W_x", "W_h", "W_y", "b_h", "b_y", "leak")}
                moved = sk.RecurrentNetwork(**(kinds | {field: weights + sign * step}))
                values.append(sk.expected_loss(moved, task, process, horizon=horizon).total)
            slope = float(np.sum(np.asarray(getattr(gradient, field)) * step))
            assert slope == pytest.approx((values[0] - values[1]) / 2, rel=1e-5, abs=1e-14)


def test_published_value_of_the_variance_mean_form():
    """N_h = 3, k = 4, T = 10, p = 0.3, uniform amplitudes: an independent implementation gives the sum 3.51973."""
    rng = np.random.default_rng(0)
    network = sk.RecurrentNetwork(rng.normal(size=(3, 1)), 0.4 * rng.normal(size=(3, 3)), rng.normal(size=(3, 1)))
    process = sk.SparseProcess(1, 0.3)
    a = np.asarray(sk.projections(network, 10))[:, 0, 0]
    v, m = 0.3 / 3 - 0.15**2, 0.15
    total = 0.0
    for t in range(1, 11):
        e = a[:t] - (np.arange(t) == 4)
        total += v * np.sum(e**2) + m**2 * np.sum(e) ** 2
    assert sk.expected_loss(network, sk.Delay(4), process, horizon=10).total == pytest.approx(total / 10, rel=1e-12)


def test_an_unstable_recurrence_has_no_steady_loss():
    process = sk.SparseProcess(1, 0.2)
    for W_h in (np.diag([1.0, 0.5]), np.diag([1.3, 0.5]), np.array([[0.0, -1.0], [1.0, 0.0]])):
        network = sk.RecurrentNetwork([[1.0], [1.0]], W_h, [[0.0], [1.0]])
        terms = sk.expected_loss(network, sk.Delay(1), process)
        assert terms.total == np.inf
        assert terms.status == sk.Status.UNSTABLE
        assert np.isfinite(sk.expected_loss(network, sk.Delay(1), process, horizon=8).total)


def test_what_no_input_reaches_does_not_count():
    process = sk.SparseProcess(1, 0.2)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    W_h = rotation @ np.diag([0.5, 0.4, 1.7]) @ rotation.T
    W_x, W_y = rotation[:, :2] @ np.array([[1.0], [2.0]]), np.ones((3, 1))
    small = sk.RecurrentNetwork([[1.0], [2.0]], np.diag([0.5, 0.4]), rotation[:, :2].T @ W_y)
    terms = sk.expected_loss(sk.RecurrentNetwork(W_x, W_h, W_y), sk.Delay(1), process)
    assert terms.status == sk.Status.CONVERGED
    assert terms.total == pytest.approx(sk.expected_loss(small, sk.Delay(1), process).total, rel=1e-10)
    reached_by_bias = sk.RecurrentNetwork(W_x, W_h, W_y, b_h=rotation[:, 2])
    assert sk.expected_loss(reached_by_bias, sk.Delay(1), process).status == sk.Status.UNSTABLE


def test_slow_decay_is_summed_to_the_end():
    """One unit with a_s = r^s, k = 0: sum_{s>0} r^2s = r^2 / (1 - r^2) at any r < 1."""
    process = sk.SparseProcess(1, 0.5, sk.Uniform(-1.0, 1.0))
    for radius in (0.9, 0.999, 1 - 1e-6, 1 - 1e-9):
        network = sk.RecurrentNetwork([[1.0]], [[radius]], [[1.0]])
        expected = 0.5 / 3 * radius**2 / ((1 - radius) * (1 + radius))
        assert sk.expected_loss(network, sk.Delay(0), process).total == pytest.approx(expected, rel=1e-6)


def test_first_order_is_the_loss_as_p_goes_to_zero():
    network, _ = CASES["vector"].build(seed=6)
    task = sk.Delay(2, importance=(1.0, 0.5, 0.2))
    A = np.asarray(sk.projections(network, 300))
    gaps = []
    for p in (1e-2, 1e-3, 1e-4):
        process = sk.SparseProcess(3, p)
        taps, _, second_moment, importance, _ = problem_arrays(task, process, horizon=300)
        with sk.float64():
            first = float(first_order_loss(A, taps, second_moment, importance, readout="linear"))
        gaps.append(sk.expected_loss(network, task, process).total / first - 1)
    slopes = np.diff(np.log10(np.abs(gaps))) / -1
    np.testing.assert_allclose(slopes, 1, atol=0.02)


def test_silent_loss_is_the_loss_of_zero_weights():
    for case, horizon in itertools.product((CASES["vector"], CASES["moving average"]), (SteadyState(), 6)):
        network, process = case.build(seed=0)
        silent = sk.RecurrentNetwork(network.W_x, network.W_h, 0 * network.W_y)
        problem = problem_arrays(case.task, process, horizon=horizon)
        with sk.float64():
            expected = silent_loss(*map(jnp.asarray, problem[:3]), horizon=horizon)
        found = sk.expected_loss(silent, case.task, process, horizon=horizon).per_output
        np.testing.assert_allclose(found, expected, rtol=1e-12)
