"""Exact losses and optima of ReLU readouts: bad input gives one line, and what cannot be computed has a status."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spiralsink as sk
from spiralsink.theory import Quadrature, check_laws, rectified_moments

# two features, three units, two outputs: the programs are those of cases.relu
PROCESS = sk.SparseProcess(2, 0.3)
TASK = sk.Delay(1)


@dataclasses.dataclass(frozen=True)
class Bare:
    """A law of a user's own: what sampling and linear readouts need, and no transform."""

    mean: float = 0.5
    second_moment: float = 0.4

    def sample(self, key, shape):
        return jnp.full(shape, 0.5)


@dataclasses.dataclass(frozen=True)
class Normal(Bare):
    """Amplitudes of both signs."""

    mean: float = 0.0
    second_moment: float = 1.0
    abscissa: float = np.inf

    def transform(self, v):
        return jnp.exp(v**2 / 2)

    def transform_derivative(self, v):
        return v * jnp.exp(v**2 / 2)


class Empty:
    """A filter without lags."""

    importance = 1.0
    recall_lag = None

    def n_outputs(self, n_features):
        return n_features

    def target_filter(self, n_lags, n_features):
        return np.zeros((0, n_features, n_features))


def network(radius: Any = 0.5, **changes: Any) -> sk.RecurrentNetwork:
    fields: dict[str, Any] = {
        "W_x": [[1.0, 0.3], [0.5, 0.1], [0.2, 0.7]],
        "W_h": radius * np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 0.5]]),
        "W_y": [[0.2, 0.5], [0.4, 0.1], [0.3, 0.6]],
    }
    return sk.RecurrentNetwork(**(fields | {"readout": "relu"} | changes))


def loss(*, process: Any = PROCESS, task: Any = TASK, of: Any = None, **options: Any) -> Any:
    return sk.expected_loss(network() if of is None else of, task, process, **options)


def optimum(process: Any = PROCESS, task: Any = TASK, **options: Any) -> Any:
    return sk.optimum(task, process, restarts=1, **options)


NO_TRANSFORM = "amplitude must be a law with transform, transform_derivative, abscissa for a ReLU readout, got Bare"
BOTH_SIGNS = r"amplitude must be uniform, or of one sign, for a ReLU readout, got Normal\(.*\) \(use sampled_loss\)"
CASES = {
    "p of zero": (lambda: loss(process=PROCESS.replace(p=0.0)), r"p must be in \(0, 1\], got 0.0"),
    "a filter without lags": (lambda: loss(task=Empty()), r"target_filter must be of shape .*, got shape \(0, 2, 2\)"),
    "a law without a transform": (lambda: check_laws((sk.Uniform(), Bare())), NO_TRANSFORM),
    "a law of both signs": (lambda: loss(process=PROCESS.replace(amplitude=Normal())), BOTH_SIGNS),
    "no process": (lambda: loss(process=None), "process must be a SparseProcess for an exact loss, got NoneType"),
    "weights NaN": (lambda: network(W_h=np.diag([np.nan, 0.0, 0.0])), "W_h must be finite, got nan at index"),
    "weights infinite": (
        lambda: network(W_x=[[np.inf, 0.0], [0.0, 0.0], [0.0, 0.0]]),
        "W_x must be finite, got inf at index",
    ),
    "a ReLU recurrence": (lambda: loss(of=network(recurrence="relu")), "recurrence must be linear .*sampled_loss"),
    "a tanh recurrence": (lambda: loss(of=network(recurrence="tanh")), "recurrence must be linear .*sampled_loss"),
    "a tolerance of zero": (lambda: loss(tolerance=0.0), "tolerance must be a finite number > 0, got 0.0"),
    "a tolerance that is no number": (lambda: loss(tolerance=np.nan), "tolerance must be a finite number > 0, got nan"),
    "a tolerance that is a truth": (lambda: loss(tolerance=True), "tolerance must be a finite number > 0, got True"),
    "a delay beyond the horizon": (lambda: loss(horizon=1), "delay must be less than the horizon 1, got 1"),
    "too few nodes": (lambda: Quadrature(n_nodes=8), "n_nodes must be a whole number >= 16, got 8"),
    "no level": (lambda: Quadrature(n_levels=0), "n_levels must be a whole number >= 1, got 0"),
    "optimum without a process": (lambda: optimum(None), "process must be a SparseProcess for an exact loss"),
    "optimum of a law of both signs": (lambda: optimum(PROCESS.replace(amplitude=Normal())), BOTH_SIGNS),
    "optimum of a ReLU recurrence": (lambda: optimum(recurrence="relu"), "recurrence must be linear for an exact"),
}


@pytest.mark.parametrize(("call", "message"), CASES.values(), ids=CASES.keys())
def test_one_clear_line(call, message):
    with pytest.raises(sk.InvalidInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_linear_readout_needs_moments_only():
    """E[x] = 0 and E[x^2] = 0.3: k = 0, a_s = r^s."""
    single = sk.RecurrentNetwork([[1.0]], [[0.5]], [[1.0]])
    terms = loss(of=single, task=sk.Delay(0), process=sk.SparseProcess(1, 0.3, Normal()))
    assert terms.total == pytest.approx(0.3 * 0.25 / 0.75, rel=1e-12)


QUARTER_TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.5]])
UNSTABLE = {"1 exactly": {"W_h": QUARTER_TURN}, "1 to rounding, as many lags as can be": {"radius": 1.0}}
UNSTABLE |= {"1.3": {"radius": 1.3}}


@pytest.mark.parametrize(
    "changes",
    [pytest.param(each, id=name, marks=[pytest.mark.slow] * ("lags" in name)) for name, each in UNSTABLE.items()],
)
def test_an_unstable_recurrence_has_no_steady_loss(changes):
    terms = loss(of=network(**changes))
    assert terms.total == terms.error_estimate == np.inf
    assert terms.status == sk.Status.UNSTABLE
    assert not any(np.isnan(np.asarray(each)).any() for each in (*terms.terms.values(), terms.per_output))


def test_what_no_input_reaches_is_not_unstable():
    reached = {
        "W_x": np.array([[1.0, 0.3], [0.2, 0.7], [0.0, 0.0]]),
        "W_y": np.array([[0.7, 0.2], [0.4, 0.6], [0.3, 0.1]]),
    }
    grows, silent = (network(W_h=np.diag([0.5, 0.4, last]), **reached) for last in (1.7, 0.0))
    found = loss(of=grows)
    assert found.status == sk.Status.CONVERGED
    assert found.total == pytest.approx(loss(of=silent).total, rel=1e-12)
    stack = sk.expected_loss(
        sk.RecurrentNetwork(
            np.stack([reached["W_x"], np.ones((3, 2))]),
            np.stack([np.diag([0.5, 0.4, 1.7])] * 2),
            np.stack([reached["W_y"]] * 2),
            readout="relu",
        ),
        TASK,
        PROCESS,
    )
    assert stack.status.tolist() == [sk.Status.CONVERGED, sk.Status.UNSTABLE]
    assert stack.total[0] == pytest.approx(found.total, rel=1e-9)
    assert stack.total[1] == np.inf


def test_a_silent_network_is_as_good_as_silence():
    for weights in (
        {"W_x": np.zeros((3, 2))},
        {"W_y": np.zeros((3, 2))},
        {"W_y": -np.ones((3, 2)), "W_h": np.eye(3) / 2},
    ):
        terms = loss(of=network(**weights))
        assert terms.status == sk.Status.CONVERGED
        assert terms.total == pytest.approx(0.2, rel=1e-12)


def test_nothing_at_all():
    """No input, no bias: E[z_+^2] = 0; and no target: E[y z_+] = 0."""
    moments = jax.jit(lambda a, g: rectified_moments(a, jnp.array([0.5]), g, laws=(sk.Uniform(),)))
    with sk.float64():
        zero, one = jnp.zeros((3, 1)), jnp.ones((3, 1))
        for a, g in ((zero, one), (-one, one), (one, zero)):
            found = moments(a, g)
            assert float(found.cross) == pytest.approx(0, abs=1e-12)
            assert float(found.error) < 1e-7
            assert a.max() > 0 or float(found.square) == pytest.approx(0, abs=1e-12)


@pytest.mark.slow
def test_what_is_not_resolved_is_inaccurate_and_says_by_how_much():
    slow_decay = loss(of=network(0.9999))
    assert slow_decay.status == sk.Status.INACCURATE
    assert slow_decay.error_estimate > 1e-6 * slow_decay.total
    strict, usual, loose = (loss(tolerance=each) for each in (1e-14, 1e-6, 0.1))
    assert strict.status == sk.Status.INACCURATE
    assert usual.status == loose.status == sk.Status.CONVERGED
    assert usual.error_estimate <= 1e-6 * usual.total
    assert abs(strict.total - loose.total) <= strict.error_estimate + loose.error_estimate
