"""The first-order loss of a ReLU readout against an enumeration of what is on, with amplitudes by quadrature."""

import itertools

import numpy as np
import pytest

import spiralsink as sk
from spiralsink.theory import first_order_loss, problem_arrays


def enumerated_loss(A, taps, p, importance, n_nodes=24):
    """E[(relu(z) - y*)^2] for uniform amplitudes: every on/off pattern of up to three inputs, Gauss-Legendre inside.

    Patterns of more than three active inputs are of order p^4 and left out.
    """
    nodes, weights = np.polynomial.legendre.leggauss(n_nodes)
    nodes, weights = (nodes + 1) / 2, weights / 2
    A, G = (np.moveaxis(each, 1, 0).reshape(each.shape[1], -1) for each in (A, taps))
    n = A.shape[1]
    probability = np.tile(p, n // len(p))
    total = 0.0
    for size in (1, 2, 3):
        grid = np.stack(np.meshgrid(*[nodes] * size, indexing="ij"), axis=-1).reshape(-1, size)
        weight = np.prod(np.stack(np.meshgrid(*[weights] * size, indexing="ij"), axis=-1).reshape(-1, size), axis=1)
        for on in itertools.combinations(range(n), size):
            off = np.delete(probability, on)
            chance = np.prod(probability[list(on)]) * np.prod(1 - off)
            z, target = grid @ A[:, on].T, grid @ G[:, on].T
            total += chance * weight @ ((np.maximum(z, 0) - target) ** 2 @ importance)
    return total


@pytest.mark.parametrize("n_features", [1, 2])
def test_gap_to_the_exact_loss_falls_with_p(n_features):
    """(exact - first order) / exact is proportional to p; two outputs of unequal importance, three lags."""
    rng = np.random.default_rng(n_features)
    A = rng.normal(size=(3, 2, n_features))
    task = sk.Mixing(1, rng.uniform(0.5, 1.5, (2, n_features)), importance=(1.0, 0.3))
    ratio = np.linspace(1.0, 0.5, n_features)
    gaps = []
    for p in (1e-2, 1e-3):
        taps, _, second_moment, importance, _ = problem_arrays(task, sk.SparseProcess(n_features, p * ratio), horizon=3)
        with sk.float64():
            first = float(first_order_loss(A, taps, second_moment, importance))
        exact = enumerated_loss(A, taps, p * ratio, importance)
        gaps.append(abs(exact - first) / exact)
    assert gaps[0] < 0.2
    assert np.log10(gaps[0] / gaps[1]) == pytest.approx(1, abs=0.05)


def test_negative_projections_cost_nothing_to_first_order():
    A = np.array([-0.7, -3.0, 1.0, -100.0, 0.0])[:, None, None]
    taps, _, second_moment, importance, _ = problem_arrays(sk.Delay(2), sk.SparseProcess(1, 0.01), horizon=5)
    with sk.float64():
        relu, linear = (
            float(first_order_loss(A, taps, second_moment, importance, readout=r)) for r in ("relu", "linear")
        )
    assert relu == 0
    assert linear == pytest.approx(0.01 / 3 * (0.7**2 + 9 + 1e4))
