"""The claims about the transition, sparse inputs and tying: wrong results fail, missing numbers keep from holding."""

import numpy as np
import pytest

import spiralsink as sk
from spiralsink.claims import sparse, transition, tying
from spiralsink.claims._best import shortlist
from spiralsink.claims._claim import Measurement, judge
from spiralsink.claims._exact_branches import escape_infimum
from spiralsink.claims._values import wilson
from spiralsink.claims._values_sparse import slopes, sparse_limit_values
from spiralsink.claims._values_transition import (
    best_jump_distance,
    jump_p,
    loop_values,
    on_branch,
    phase_transition_values,
    span_difference,
)
from spiralsink.claims._values_tying import eigenvalue_distance, relative_gap, tying_values
from spiralsink.theory import escape_family, transfer_projections

CLAIMS = {claim.id: claim for claim in (*sparse.CLAIMS, *transition.CLAIMS, *tying.CLAIMS)}
P = np.geomspace(0.2, 0.8, 31)
WINDOW = {"dense_limit": 0.25, "sparse_limit": 0.62, "station": float(np.log(P[1] / P[0]))}
GOOD = {"width": 1.0, "outside": 0.0, "span": 170.0, "both": 0.2, "best": 0.3}


def verdict(claim_id, values, intervals=None):
    measurement = Measurement(values, measured="", data=None, n_networks=1, horizon="", intervals=intervals or {})
    return judge(CLAIMS[claim_id], measurement)[0].verdict


def test_the_bars_are_those_set_before_the_first_run():
    bars = {(name, key): (bar.op, bar.value) for name, claim in CLAIMS.items() for key, bar in claim.bars.items()}
    assert bars == {
        ("sparse-limit", "slope"): ("<=", 0.15),
        ("phase-transition", "jump"): (">=", 90.0),
        ("phase-transition", "radius"): (">=", 0.1),
        ("transition-is-first-order", "width"): (">=", 0.5),
        ("transition-is-first-order", "outside"): ("<=", 2.0),
        ("transition-is-first-order", "span"): (">=", 90.0),
        ("transition-is-first-order", "both"): (">=", 0.05),
        ("transition-is-first-order", "best"): ("<=", 1.0),
        ("readout-tying", "optima"): ("<=", 1e-6),
        ("readout-tying", "eigenvalues"): ("<=", 1e-3),
        ("readout-tying", "trained"): ("<=", 0.005),
    }


@pytest.mark.parametrize(
    ("power", "spoil", "expected"),
    [(1.0, 1.0, "holds"), (2.0, 1.0, "fails"), (0.8, 1.0, "fails"), (1.0, -1.0, "inconclusive"), (1.0, 0.0, None)],
)
def test_sparse_limit(power, spoil, expected):
    """An expansion to second order, one that is no expansion, a gap that changes its sign, and one that is 0."""
    p = np.array([0.001, 0.003, 0.01, 0.03])
    gap = np.array([[3.0], [-0.1]]) * p
    gap[1] = -0.1 * p**power
    gap[1, -1] *= spoil
    slope = slopes(p, gap)
    assert slope[0] == pytest.approx(1.0)
    assert verdict("sparse-limit", sparse_limit_values(slope)) == (expected or "inconclusive")


@pytest.mark.parametrize(
    ("low_span", "low_radius", "expected"),
    [(268.0, 0.7, "holds"), (150.0, 0.7, "fails"), (268.0, 0.8, "fails"), (np.nan, 0.7, "inconclusive")],
)
def test_phase_transition(low_span, low_radius, expected):
    """A span that turns without a jump, a radius that stays, a network without a span."""
    p = np.geomspace(0.05, 1.0, 20)
    sparse_side = p < 0.36
    values, row = phase_transition_values(
        p, np.where(sparse_side, low_span, 95.0), np.where(sparse_side, low_radius, 0.85)
    )
    assert verdict("phase-transition", values) == expected
    if expected == "holds":
        assert p[row] < 0.36 < p[row + 1]


def test_a_network_leaves_its_branch_on_either_side():
    """A network that diverges has not left: it is unknown, as is one that never was on the branch."""
    span = np.array([[270.0, 270.0, 270.0, 270.0, 100.0], [271.0, 425.0, 100.0, np.nan, 100.0], [272.0] * 5])
    found = jump_p(P[:3], span, low=200.0, high=360.0)
    between = np.sqrt(P[0] * P[1])
    np.testing.assert_allclose(found, [np.sqrt(P[2] * P[2] ** 2 / P[1]), between, between, np.nan, np.nan])


@pytest.mark.parametrize(
    ("down", "up", "expected"),
    [
        (0.245, 0.63, "holds"),
        (0.26, 0.60, "holds"),
        (0.38, 0.38, "fails"),
        (0.45, 0.33, "fails"),
        (0.20, 0.63, "fails"),
        (0.245, 0.75, "fails"),
        (np.nan, 0.63, "inconclusive"),
    ],
)
def test_hysteresis(down, up, expected):
    """Jumps at the ends of the branches; no loop, a loop the wrong way round, jumps where no branch is left."""
    values = loop_values(np.full(5, down), np.full(5, up), **WINDOW)
    assert verdict("transition-is-first-order", GOOD | values) == expected


def test_the_width_is_a_share_of_the_exact_window():
    values = loop_values(np.array([0.25]), np.array([0.62]), **WINDOW)
    assert values == pytest.approx({"width": 1.0, "outside": 0.0})


@pytest.mark.parametrize(("up", "expected"), [(265.0, "holds"), (96.0, "fails"), (np.nan, "inconclusive")])
def test_two_spans_at_one_p(up, expected):
    falling, rising = np.full(31, 95.0), np.full(31, 265.0)
    rising[P > 0.38] = up
    difference = span_difference(P, falling, rising, 0.3828)
    assert verdict("transition-is-first-order", GOOD | {"span": difference}) == expected
    assert np.isnan(span_difference(P, falling, rising, 0.1))


@pytest.mark.parametrize(("count", "expected"), [(60, "holds"), (15, "inconclusive"), (3, "fails"), (0, "fails")])
def test_both_outcomes(count, expected):
    share, interval = wilson(count, 256)
    assert share == count / 256
    assert verdict("transition-is-first-order", GOOD | {"both": share}, {"both": interval}) == expected


@pytest.mark.parametrize(
    ("jump", "expected"), [(0.37, "holds"), (0.26, "fails"), (0.6, "fails"), (np.nan, "inconclusive")]
)
def test_where_the_best_networks_jump(jump, expected):
    """At the exact crossing, or where a branch ends, or with a span missing."""
    p = np.geomspace(0.2, 0.8, 16)
    span = np.where(p < jump, 265.0, 95.0) if np.isfinite(jump) else np.full(16, np.nan)
    assert verdict("transition-is-first-order", GOOD | {"best": best_jump_distance(p, span, 0.3828)}) == expected


def test_a_rare_branch_is_not_crowded_out_of_the_shortlist():
    loss = np.array([1.0, 1.001, 1.002, 1.003, 1.004, 1.02, 1.2, np.nan])
    span = np.array([611.0, 612.0, 610.0, 611.0, 611.0, 270.0, 95.0, 95.0])
    assert shortlist(loss, span).tolist() == [0, 1, 2, 5]


def test_on_a_branch_means_its_span_and_its_loss():
    span = np.array([95.0, 95.0, 270.0, 95.0, np.nan, 95.0])
    loss = np.array([1.04, 1.2, 1.0, np.nan, 1.0, 0.9])
    exact = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert on_branch(span, loss, exact, low=0.0, high=204.0).tolist() == [True, *[False] * 5]
    assert not on_branch(span, loss, np.full(6, np.nan), low=0.0, high=204.0).any()


@pytest.mark.parametrize(
    ("tied", "moved", "trained", "expected"),
    [
        (1.0, 0.0, 1.0, "holds"),
        (1 + 1e-5, 0.0, 1.0, "fails"),
        (1 - 1e-5, 0.0, 1.0, "fails"),
        (1.0, 0.01, 1.0, "fails"),
        (1.0, 0.0, 1.01, "fails"),
        (1.0, 0.0, 0.99, "fails"),
        (np.nan, 0.0, 1.0, "inconclusive"),
        (1.0, 0.0, np.nan, "inconclusive"),
    ],
)
def test_readout_tying(tied, moved, trained, expected):
    """A gap of either sign, other eigenvalues, a gap between trained networks; what is not judged does not count."""
    pair = np.array([0.76 + 0.3j, 0.76 - 0.3j])
    eigenvalues = np.array([[pair, pair[::-1]], [pair, pair[::-1] + moved]])
    values = tying_values(
        relative_gap(0.2 * np.array([[1.0, 1.0], [tied, 1.0]])),
        eigenvalue_distance(eigenvalues),
        np.array([True, True]),
        relative_gap(0.1 * np.array([[1.0, 1.0], [trained, 1.0], [1.5, 1.0]])),
        np.array([True, True, False]),
    )
    assert verdict("readout-tying", values) == expected


def test_nothing_to_judge_is_no_verdict():
    none = np.array([False])
    values = tying_values(np.zeros(1), np.zeros(1), none, np.zeros(1), none)
    assert verdict("readout-tying", values) == "inconclusive"


def test_random_networks_are_stable_and_their_largest_projection_is_one():
    import jax

    networks = sparse.random_networks(jax.random.key(1), 20, n_hidden=2, delay=4, radius=[0.5, 0.8])
    radius = np.abs(np.linalg.eigvals(networks.W_h)).max(axis=-1)
    assert radius.min() > 0.499
    assert radius.max() < 0.801
    with sk.float64():
        seen = np.asarray(sk.projections(networks, 64))[..., 0, 0]
    np.testing.assert_allclose(seen.max(axis=1), 1.0, rtol=1e-9)
    assert (seen[:, 4] > 0).all()


def test_the_escape_at_a_finite_horizon_is_approached():
    """Simulated sequences through a member of the family whose poles are next to zero, to four standard errors."""
    T, p, k, rng = 18, 0.3, 4, np.random.default_rng(0)
    family = escape_family(k, 2)
    assert family is not None
    with sk.float64():
        seen = np.asarray(transfer_projections(family.coefficients(1e-4), T))
    inputs = np.where(rng.random((40_000, T)) < p, rng.random((40_000, T)), 0.0)
    lagged = np.stack([np.pad(inputs, ((0, 0), (lag, 0)))[:, :T] for lag in range(T)])
    loss = ((np.maximum(np.tensordot(seen, lagged, 1), 0) - lagged[k]) ** 2).mean(axis=1) / p
    error = loss.std() / np.sqrt(len(loss))
    assert abs(loss.mean() - escape_infimum(k, 2, T, p)) < 4 * error
    assert error < 0.002
