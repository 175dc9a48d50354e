"""The phase diagram of delay 4 with two hidden units against independent computations of the exact loss."""

import functools

import numpy as np
import pytest

import spiralsink as sk

pytestmark = pytest.mark.slow

# p: loss per p, spectral radius, eigenangle span; None where the branch is gone
DENSE = {
    1.0: (0.06467, 0.817, 85),
    0.5: (0.16063, 0.826, 90),
    0.4: (0.17890, 0.832, 94),
    0.37: (0.18418, 0.835, 96),
    0.36: (0.18592, 0.836, 97),
    0.3: (0.19584, 0.842, 103),
    0.24: (0.20396, 0.844, 123),
    0.23: None,
}
SPARSE = {
    1.0: None,
    0.5: (0.20541, 0.857, 285),
    0.4: (0.19207, 0.806, 271),
    0.37: (0.18676, 0.792, 269),
    0.36: (0.18487, 0.787, 268),
    0.3: (0.17228, 0.753, 264),
    0.24: (0.15734, 0.7048, 259),
    0.23: (0.15458, 0.6928, 259),
    0.208: None,
}


@functools.cache
def diagram() -> sk.PhaseDiagram:
    return sk.phase_diagram(sk.Delay(4), sk.SparseProcess(1))


@pytest.mark.parametrize("name", ["dense", "sparse"])
def test_branches(name):
    branch = diagram().branch(name)
    for p, expected in {"dense": DENSE, "sparse": SPARSE}[name].items():
        loss = float(branch.loss_at(p))
        if expected is None:
            assert np.isnan(loss)
            continue
        assert loss == pytest.approx(expected[0], abs=1.5e-5)
        modes = sk.measure(branch.network_at(p), sk.Delay(4))
        assert modes.spectral_radius == pytest.approx(expected[1], abs=1e-3)
        assert modes.eigenangle_span == pytest.approx(expected[2], abs=0.8)


def test_transition():
    found = diagram()
    assert found.status == sk.Status.CONVERGED
    assert found.order == "first"
    first = found.crossings[0]
    assert (first.above, first.below) == ("dense", "sparse")
    assert first.p == found.crossing_p == pytest.approx(0.3629, abs=1e-4)
    np.testing.assert_allclose(first.spans, (96.7, 268.3), atol=0.06)
    np.testing.assert_allclose(first.radii, (0.8355, 0.7882), atol=1e-4)
    assert first.span_jump == pytest.approx(first.spans[1] - first.spans[0])
    assert first.radius_jump == pytest.approx(first.radii[1] - first.radii[0])
    assert [each.p for each in found.crossings] == sorted((each.p for each in found.crossings), reverse=True)


def test_ends_of_the_bistable_window():
    """The tables were made by halving steps of p and of lags; folds are found to more digits."""
    found = diagram()
    assert found.dense_limit_p == pytest.approx(0.2335, abs=3e-4)
    assert found.sparse_limit_p == pytest.approx(0.5475, abs=5e-4)
    sparse = found.branch("sparse")
    assert sparse.p[0] == pytest.approx(0.210, abs=1e-3)
    assert sparse.ends == ("fold", "fold")
    assert found.branch("dense").ends == ("fold", "range")
    assert not sparse.stable[[0, -1]].any()
    assert sparse.stable[1:-1].all()


def test_escape():
    found = diagram()
    assert found.escape_p == pytest.approx(0.3096, abs=1e-4)
    at = np.searchsorted(found.escape_grid, 0.24)
    p = found.escape_grid[at]
    assert found.escape_infimum[at] == pytest.approx((1 - (1 - p) ** 2) / 3)


def test_dense_branch_meets_the_linear_optimum():
    best = sk.optimum(sk.Delay(4), sk.SparseProcess(1, p=1.0), readout="linear", restarts=8)
    assert float(diagram().branch("dense").loss_at(1.0)) == pytest.approx(best.loss_per_p, abs=1e-4)


def test_terms_sum_to_the_loss():
    for branch in diagram().branches:
        np.testing.assert_allclose(sum(branch.terms.values()), branch.loss_per_p, rtol=1e-12)
        assert (branch.error_estimate <= 1e-5 * branch.loss_per_p).all()
        np.testing.assert_allclose(branch.loss_at(branch.p), branch.loss_per_p, atol=2e-5)
