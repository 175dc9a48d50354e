"""The claims about kept features: a wrong result fails each of them, and what is not certain leaves them undecided."""

import jax
import numpy as np
import pytest

from spiralsink.claims import capacity, width
from spiralsink.claims._claim import Measurement, judge
from spiralsink.claims._finalists import choose_finalists
from spiralsink.claims._quiet_readout import QuietReadout
from spiralsink.claims._values_capacity import (
    all_or_none_values,
    diagonal_and_rest,
    interference_values,
    is_plausible,
    smallest_rise,
)
from spiralsink.claims.capacity import gap_to_another_set
from spiralsink.networks import Orthogonal

DELAYS = [0, 1, 2]
KEPT = [[1, 1, 1, 1, 0], [1, 1, 1, 0, 0], [1, 1, 0, 0, 0]]


def verdict(claims, claim_id, values, intervals=None):
    (claim,) = [each for each in claims if each.id == claim_id]
    measurement = Measurement(values, "", None, 1, "", intervals=intervals or {})
    return judge(claim, measurement)[0].verdict


@pytest.mark.parametrize(
    ("delay", "kept", "expected"),
    [
        (0, [1, 1, 1, 1, 0], "holds"),
        (0, [1, 1, 0, 0, 0], "fails"),
        (1, [1, 1, 1, 1, 0], "fails"),
        (1, [1, 1, 0, 0, 0], "fails"),
        (1, [1, 1, 0, 1, 0], "fails"),
        (2, [1, 1, 1, 1, 0], "fails"),
        (2, [0, 1, 1, 0, 0], "fails"),
        (2, [np.nan, 1, 0, 0, 0], "inconclusive"),
    ],
)
def test_kept_features(delay, kept, expected):
    """A number that rises, another set at k = 1, the first feature dropped, a gain that is not a number."""
    gain = np.array(KEPT, float)
    gain[delay] = kept
    values, intervals = all_or_none_values(gain[:, None], np.ones((3, 1), bool), DELAYS, [0, 1, 2])
    assert verdict(capacity.CLAIMS, "all-or-none", values, intervals) == expected


def test_half_recalled_is_kept():
    gain = 0.49 * np.array(KEPT, float)
    values, _ = all_or_none_values(gain[:, None], np.ones((3, 1), bool), DELAYS, [0, 1, 2])
    assert values["one_step"] == 3
    assert verdict(capacity.CLAIMS, "all-or-none", values) == "fails"


@pytest.mark.parametrize(("plausible", "expected"), [(False, "holds"), (True, "inconclusive")])
def test_a_second_network_matters_where_it_may_be_the_best(plausible, expected):
    second = np.array(KEPT, float)
    second[1] = [1, 1, 0, 0, 0]
    gain = np.stack([np.array(KEPT, float), second], axis=1)
    values, intervals = all_or_none_values(gain, np.array([[True, plausible]] * 3), DELAYS, [0, 1, 2])
    assert bool(intervals) == plausible
    assert verdict(capacity.CLAIMS, "all-or-none", values, intervals) == expected


def test_networks_that_differ_by_noise_may_both_be_the_best():
    noise = np.array([1.0, -1.0, 1.0, -1.0])
    shared = np.array([3.0, -2.0, 5.0, 0.0])  # common to all networks, so that it decides nothing
    losses = np.stack([shared, shared + 0.5 + noise, shared + 5 + noise, np.full(4, np.nan)])
    assert is_plausible(losses).tolist() == [True, True, False, False]
    assert not is_plausible(np.full((2, 4), np.nan)).any()


def test_finalists_are_of_several_kinds():
    losses = np.array([1.0, 2.0, 3.0, 4.0, 5.0, np.nan])
    kinds = np.array([[1, 1], [1, 1], [1, 1], [1, 0], [0, 1], [0, 0]], bool)
    assert choose_finalists(losses, kinds, 2) == [0, 1]
    assert choose_finalists(losses, kinds, 4) == [0, 1, 2, 3]
    assert choose_finalists(losses, kinds, 6) == [0, 1, 2, 3, 4, 5]


def test_the_gap_is_that_to_another_set():
    losses = np.array([[[2.0, 4.0], [2.0, 4.2], [3.0, 5.2], [9.0, 9.0]]])
    kept = np.array([[[1, 1], [1, 1], [1, 0], [0, 0]]], bool)
    gap, error = gap_to_another_set(losses, kept)
    assert gap[0] == pytest.approx(1.1 / 3)
    assert error[0] == pytest.approx(0.1 / 3)
    assert np.isnan(gap_to_another_set(losses[:, :2], kept[:, :2])[0]).all()


def good_projections():
    """Two numbers of hidden units, four networks each, three lags; the readout sees what it should."""
    rng = np.random.default_rng(0)
    seen = -0.1 + 0.05 * rng.standard_normal((2, 4, 3, 5, 5))
    seen[..., 2, :, :] += np.eye(5)
    return seen


def spoil(name):
    seen = good_projections()
    if name == "diagonal":
        seen[1, 3, 2] -= 1.5 * np.eye(5)
    elif name == "best":
        seen[1, 0, 1] += 0.2
    elif name == "quarter":
        seen[0, :, 0] += 0.14
    elif name == "off the diagonal":
        seen[0, :, 2] += 0.3 * (1 - np.eye(5))
    elif name == "nan":
        seen[0, 2, 0, 0, 0] = np.nan
    return seen


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "holds"),
        ("diagonal", "fails"),
        ("best", "fails"),
        ("quarter", "fails"),
        ("off the diagonal", "fails"),
        ("nan", "inconclusive"),
    ],
)
def test_interference(name, expected):
    """No recall, one network or all of them with interference at a lag, interference beside the recall, NaN."""
    values = interference_values(*diagonal_and_rest(spoil(name), 2))
    assert verdict(width.CLAIMS, "hundred-units", values) == expected
    assert verdict(width.CLAIMS, "wider", values | {"more": 1.0}) == expected


@pytest.mark.parametrize(
    ("number", "expected"), [([[2, 5, 10], [2, 7, 9]], "holds"), ([[2, 5, 10], [2, 2, 9]], "fails")]
)
def test_more_units_keep_more(number, expected):
    values = interference_values(*diagonal_and_rest(good_projections(), 2))
    values["more"] = smallest_rise(np.array(number, float))
    assert verdict(width.CLAIMS, "wider", values) == expected


def test_the_rest_is_everything_but_the_recall():
    seen = np.random.default_rng(1).standard_normal((2, 4, 3, 3))
    diagonal, rest = diagonal_and_rest(seen, 1)
    off = ~np.eye(3, dtype=bool)
    np.testing.assert_allclose(diagonal, seen[:, 1][:, ~off])
    np.testing.assert_allclose(rest[:, 1], seen[:, 1][:, off].mean(axis=-1))
    np.testing.assert_allclose(rest[:, [0, 2, 3]], seen[:, [0, 2, 3]].mean(axis=(-2, -1)))


def test_zeros_are_not_above_zero():
    assert interference_values(np.ones((3, 2)), np.zeros((3, 4)))["quarter"] == 0
    assert interference_values(np.ones((3, 2)), np.full((3, 4), 0.5))["quarter"] == np.inf


def test_a_quiet_readout_changes_nothing_else():
    given = Orthogonal(0.8)(jax.random.key(3), 2, 3, 2)
    quiet = QuietReadout(0.25, Orthogonal(0.8))(jax.random.key(3), 2, 3, 2)
    for one, other, factor in zip(given, quiet, (1, 1, 0.25), strict=True):
        np.testing.assert_array_equal(np.asarray(other), factor * np.asarray(one))
