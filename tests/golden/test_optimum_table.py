"""Optima of linear networks against stored values of independent computations, and against closed forms."""

import functools

import numpy as np
import pytest

import spiralsink as sk

optimum = functools.partial(sk.optimum, readout="linear")

# N_h = 2, uniform amplitudes on (0, 1), steady state: independent float64 computations with another minimiser
TABLE = [
    (2, 0.01, 0.18624, 0.7058, 89.6),
    (2, 0.5, 0.11890, 0.6815, 82.0),
    (4, 0.01, 0.25468, 0.8363, 96.7),
    (4, 0.5, 0.16153, 0.8190, 86.5),
    (4, 1.0, 0.06467, 0.8169, 85.3),
    pytest.param(8, 1.0, 0.07361, 0.9002, 89.0, marks=pytest.mark.slow),
]
# the same with zero-mean amplitudes: L / (p nu), spectral radius, span of the low-frequency branch
ZERO_MEAN = [pytest.param(3, 0.69922, 0.7925, 94.7, marks=pytest.mark.slow), (8, 0.87957, 0.9125, 102.6)]


def best_mode(best: sk.Optimum, k: int) -> tuple[float, float]:
    value = np.linalg.eigvals(best.network.W_h)[0]
    return abs(value), k * abs(np.degrees(np.angle(value)))


@pytest.mark.parametrize(("k", "p", "loss", "radius", "span"), TABLE)
def test_table_tied(k, p, loss, radius, span):
    best = optimum(sk.Delay(k), sk.SparseProcess(1, p))
    assert best.loss_per_p == pytest.approx(loss, abs=6e-6)
    found = best_mode(best, k)
    assert found[0] == pytest.approx(radius, abs=6e-5)
    assert found[1] == pytest.approx(span, abs=0.06)
    assert best.status == sk.Status.CONVERGED
    assert not best.bound_active
    assert best.fraction_at_best >= 0.1


@pytest.mark.slow
def test_free_readout_reaches_the_same():
    """Tied and free readouts, searched in their own parameters, agree in loss and eigenvalues."""
    for k, p in ((4, 0.5), (4, 1.0)):
        tied, free = (optimum(sk.Delay(k), sk.SparseProcess(1, p), tied=tied) for tied in (True, False))
        assert free.loss_per_p == pytest.approx(tied.loss_per_p, rel=1e-6)
        np.testing.assert_allclose(best_mode(tied, k), best_mode(free, k), rtol=1e-3)


@pytest.mark.parametrize(("k", "loss", "radius", "span"), ZERO_MEAN)
def test_zero_mean_amplitudes(k, loss, radius, span):
    best = optimum(sk.Delay(k), sk.SparseProcess(1, 0.3, sk.Uniform(-1.0, 1.0)))
    assert best.loss_per_p * 3 == pytest.approx(loss, abs=6e-6)
    found = best_mode(best, k)
    assert found[0] == pytest.approx(radius, abs=6e-5)
    assert min(found[1], 180 * k - found[1]) == pytest.approx(span, abs=0.06)  # or its sign alias, equally good


@pytest.mark.parametrize("k", [pytest.param(1, marks=pytest.mark.slow), 4])
def test_one_unit_has_a_closed_form(k):
    """L / (p nu) = 1 - (k / (k + 1))^k / (k + 1) at lambda^2 = k / (k + 1), for zero-mean amplitudes."""
    best = optimum(sk.Delay(k), sk.SparseProcess(1, 0.2, sk.Uniform(-1.0, 1.0)), n_hidden=1)
    assert best.loss_per_p * 3 == pytest.approx(1 - (k / (k + 1)) ** k / (k + 1), rel=1e-9)
    assert best.network.W_h.item() ** 2 == pytest.approx(k / (k + 1), rel=1e-4)


@pytest.mark.slow
def test_enough_units_forget_nothing():
    for task, n_hidden, tied in ((sk.Delay(1), 4, True), (sk.MovingAverage(3), 3, False)):
        best = optimum(task, sk.SparseProcess(1, 0.3), n_hidden=n_hidden, tied=tied, restarts=8)
        assert 0 <= best.loss_per_p < 1e-15
        assert best.status == sk.Status.CONVERGED


@pytest.mark.slow
def test_no_optimum_beats_the_capacity_bound():
    """L / (p nu) >= 1 - N_h / (k + 1) for zero-mean amplitudes."""
    for n_hidden in (2, 3):
        best = optimum(sk.Delay(5), sk.SparseProcess(1, 0.3, sk.Uniform(-1.0, 1.0)), n_hidden=n_hidden)
        assert 1 - n_hidden / 6 < best.loss_per_p * 3 < 1 - n_hidden / 6 + 0.2


def test_finite_horizon_has_its_own_optimum():
    best = optimum(sk.Delay(4), sk.SparseProcess(1, 1.0), horizon=18)
    assert best.loss_per_p == pytest.approx(0.05625, abs=6e-6)


def test_a_bound_is_kept_and_said_to_be_active():
    """Without a bound the best network of this task has max_s |a_s| = 0.25."""
    task, process = sk.Delay(4), sk.SparseProcess(1, 0.5)
    free, bounded = (optimum(task, process, bound=sk.GainBound(limit)) for limit in (100.0, 0.2))
    assert np.abs(sk.projections(free.network, 40)).max() == pytest.approx(0.2515, abs=1e-4)
    assert not free.bound_active
    assert np.abs(sk.projections(bounded.network, 40)).max() <= 0.2 * (1 + 1e-9)
    assert bounded.loss_per_p > free.loss_per_p
    assert bounded.bound_active
