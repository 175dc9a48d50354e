"""Networks with ReLU readouts, tasks and processes that several tests of the exact loss share."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from oracles.monte_carlo import draw_inputs
from spiralsink.theory import SteadyState, problem_arrays, silent_loss

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


def assert_simulated_networks_have_the_expected_loss(case):
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
