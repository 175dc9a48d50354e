"""Memory: exact capacity, ridge readouts that may not leak, interference of known readouts."""

import numpy as np
import pytest

from cases.inspected import elman, sparse_inputs
from spiralsink._float64 import float64
from spiralsink._recurrence import directions
from spiralsink.inspection import inspect_model
from spiralsink.inspection._capacity import exact_capacity
from spiralsink.inspection._directions import algebraic_directions
from spiralsink.inspection._interference import interference
from spiralsink.inspection._memory import memory_curve
from spiralsink.inspection._recording import record
from spiralsink.inspection._split import split_steps
from spiralsink.models import LinearRecurrence
from spiralsink.theory import memory_curve as memory_curve_of_theory


def recurrence(n_hidden, n_features, radius, seed):
    return elman(n_hidden=n_hidden, n_features=n_features, radius=radius, seed=seed).linear


@pytest.mark.parametrize(("n_hidden", "n_features", "radius"), [(1, 1, 0.5), (4, 1, 0.9), (6, 3, 0.7), (10, 2, 0.95)])
def test_capacities_add_up_to_the_rank(n_hidden, n_features, radius):
    found = exact_capacity(
        recurrence(n_hidden, n_features, radius, 3), np.eye(n_features), np.linspace(0.5, 2, n_features), 800
    )
    assert found.total == n_hidden
    assert found.curve.sum() == pytest.approx(n_hidden, abs=1e-3)
    assert found.curve.max() <= 1 + 1e-9
    assert found.curve.min() >= 0


def test_capacity_of_one_feature_is_the_memory_curve_of_the_theory():
    """Two computations of w_s^T G^+ w_s: Gramian by doubling in NumPy here, by a differentiable solver there."""
    linear = recurrence(6, 1, 0.9, 2)
    found = exact_capacity(linear, np.eye(1), np.full(1, 0.3), 12).curve[:, 0]
    with float64():
        expected = memory_curve_of_theory(linear.W_x[:, 0], linear.W_h, 12)
        written = directions(linear.W_x, linear.W_h, n_lags=12, recurrence="linear")
    np.testing.assert_allclose(found, expected, atol=1e-8)
    np.testing.assert_allclose(algebraic_directions(linear, np.eye(1), 12), written, atol=1e-12)


def test_capacity_counts_only_what_inputs_reach():
    W_h = np.diag([0.9, 0.5, 0.3])
    linear = LinearRecurrence(np.array([[1.0], [1.0], [0.0]]), W_h, np.zeros(3))
    reached = exact_capacity(linear, np.eye(1), np.ones(1), 200)
    assert reached.total == 2
    assert reached.curve.sum() == pytest.approx(2)


def test_a_shift_register_remembers_perfectly_and_then_nothing():
    W_h, W_x = np.eye(5, k=-1), np.eye(5, 1)
    found = exact_capacity(LinearRecurrence(W_x, W_h, np.zeros(5)), np.eye(1), np.ones(1), 8)
    np.testing.assert_allclose(found.curve[:, 0], [1, 1, 1, 1, 1, 0, 0, 0], atol=1e-12)


def test_scaling_a_single_feature_changes_nothing():
    linear = recurrence(5, 1, 0.8, 1)
    one, ten = (exact_capacity(linear, np.eye(1), np.array([v]), 20).curve for v in (1.0, 10.0))
    np.testing.assert_allclose(one, ten, atol=1e-9)


def test_an_unstable_recurrence_has_no_capacity():
    assert exact_capacity(recurrence(4, 1, 1.1, 0), np.eye(1), np.ones(1), 5) is None


def test_ridge_readouts_reach_the_exact_capacity():
    """Over eight data sets the mean held-out R^2 is the capacity, and its scatter what the standard error says."""
    model, errors, claimed = elman("linear", n_features=2, radius=0.9), [], []
    for seed in range(8):
        recording = record(model, sparse_inputs(40, 110, seed=seed))
        split = split_steps(40, 110, 8, np.random.default_rng(seed))
        found = memory_curve(recording, split, 8)
        capacity = exact_capacity(model.linear, recording.basis, recording.codes.var(axis=(0, 1)), 8)
        errors.append(found.r2 - capacity.curve)
        claimed.append(found.standard_error)
    scatter, expected = np.std(errors, axis=0, ddof=1), np.sqrt(np.mean(np.square(claimed), axis=0))
    assert (np.abs(np.mean(errors, axis=0)) < 4 * expected / np.sqrt(8)).all()
    assert 0.7 < (scatter / expected).mean() < 1.4


def test_noise_is_not_remembered():
    """States that are 40 independent noises explain nothing of the inputs, although they could be fitted to them."""
    x = sparse_inputs(3, 200, 1)
    model = elman("linear", n_features=1, n_hidden=40, radius=0.0)
    found = inspect_model(model, x, n_lags=6)
    assert found.memory.r2[0, 0] > 0.99
    assert found.memory.r2[1:].max() < 0.1


@pytest.mark.parametrize("n_sequences", [1, 4, 25])
def test_parts_share_no_input(n_sequences):
    split = split_steps(n_sequences, 150, 12, np.random.default_rng(0))
    heard = [
        {(b, t - s) for b, t in zip(part.sequences, part.times, strict=True) for s in range(12)}
        for part in (split.train, split.validation, split.test)
    ]
    assert all(not one & other for i, one in enumerate(heard) for other in heard[:i])
    assert min(t for part in (split.train, split.validation, split.test) for t in part.times) == 11
    assert len(split.train) > 2 * len(split.test) > 0


def test_interference_of_known_readouts():
    """z = 2 c_0 - c_1 + e with independent parts: shares are 4 : 1 : Var(e)."""
    rng = np.random.default_rng(0)
    draw = lambda: rng.normal(size=(40000, 4))  # noqa: E731

    def heard(c):
        return (2 * c[:, 0] - c[:, 1] + 0.5 * rng.normal(size=len(c)))[:, None]

    train, test = draw(), draw()
    found = interference((heard(train), train), (heard(test), test), (2, 2), np.array([0]), "readouts")
    whole = 4 + 1 + 0.25
    shares = [found.own[0], found.others[0], found.unexplained[0]]
    np.testing.assert_allclose(shares, np.array([4, 1, 0.25]) / whole, atol=0.02)
    np.testing.assert_allclose(found.shares[0].ravel(), np.array([4, 1, 0, 0]) / whole, atol=0.02)
    best = interference((heard(train), train), (heard(test), test), (2, 2), None, "readouts")
    assert (best.lag[0], best.feature[0]) == (0, 0)
    # whose variance it is, is not looked up in the data it is measured on
    scaled = test * [0.1, 1, 1, 1]
    best = interference((heard(train), train), (heard(scaled), scaled), (2, 2), None, "readouts")
    assert (best.lag[0], best.feature[0]) == (0, 0)
    assert best.shares[0].argmax() == 1
    assert "too few" in interference((heard(train)[:39], train[:39]), (heard(test), test), (2, 2), None, "")
