"""The escape families: what their projections do as the poles go to zero, and that nothing blocks fewer lags."""

import itertools
import math

import numpy as np
import pytest
import scipy.signal

from spiralsink import InvalidInput
from spiralsink.theory import escape_family

PAIRS = [(delay, n_hidden) for n_hidden in range(1, 5) for delay in range(9)]


def known_family(delay, n_hidden):
    family = escape_family(delay, n_hidden)
    assert family is not None
    return family


def response(family, radius, n_lags):
    coefficients = family.coefficients(radius)
    n_hidden = family.n_hidden
    denominator = np.append(1.0, coefficients[n_hidden:])
    return scipy.signal.lfilter(coefficients[:n_hidden], denominator, np.eye(1, n_lags)[0])


@pytest.mark.parametrize(("delay", "n_hidden"), [pair for pair in PAIRS if escape_family(*pair)])
def test_projections_of_a_family(delay, n_hidden):
    family = known_family(delay, n_hidden)
    assert family.silent + family.stride * family.order == n_hidden
    for radius in (0.1, 1e-2):
        a = np.asarray(response(family, radius, delay + 25))
        rounding = 1e-12 * np.abs(a).max()
        waiting = a[:delay]
        assert (waiting <= rounding).all()
        assert (waiting < -0.9 / radius).sum() == family.blocked
        assert (np.abs(waiting) <= rounding).sum() == delay - family.blocked
        assert a[delay] == pytest.approx(1)
        assert np.abs(a[delay + 1 :]).max() <= 2 * radius + rounding


@pytest.mark.parametrize(
    ("delay", "n_hidden", "blocked", "span"),
    [
        (4, 2, 2, 240),
        (3, 2, 1, 270),
        (2, 2, 1, 360),
        (8, 2, 6, 1440 / 7),
        (1, 1, 1, 180),
        (4, 3, 1, 360),
        (5, 3, 1, math.nan),
        (6, 3, 3, 270),
        (7, 3, 3, math.nan),
        (9, 4, 2, math.nan),
    ],
)
def test_blocked_lags_and_span(delay, n_hidden, blocked, span):
    family = known_family(delay, n_hidden)
    assert family.blocked == blocked
    assert family.eigenangle_span == pytest.approx(span, nan_ok=True)
    assert family.infimum(0.3) == pytest.approx((1 - 0.7**blocked) / 3)
    np.testing.assert_allclose(family.infimum(np.array([0.1, 1.0]), 2.0), [2 * (1 - 0.9**blocked), 2.0])


def test_span_is_that_of_the_poles():
    for delay, n_hidden in PAIRS:
        family = escape_family(delay, n_hidden)
        if family and not math.isnan(family.eigenangle_span):
            poles = np.roots(np.append(1.0, family.coefficients(0.1)[n_hidden:]))
            leading = poles[np.argmax(np.abs(poles))]
            assert delay * np.degrees(np.abs(np.angle(leading))) == pytest.approx(family.eigenangle_span, abs=1e-3)


def test_no_family_where_the_loss_vanishes():
    for delay, n_hidden in PAIRS:
        known = n_hidden <= delay and (n_hidden > 1 or delay == 1)
        assert (escape_family(delay, n_hidden) is not None) == known


def order_two_zero_patterns(delay):
    """Every set of waiting lags at which a recurrence of order 2 can vanish, all others <= 0, with a_k > 0.

    With poles r e^(+-i theta) and two zeros i < j, theta is a multiple of 180 / (j - i) degrees.
    """
    found = set()
    for first, second in itertools.combinations(range(delay), 2):
        gap = second - first
        for turn in range(1, gap):
            theta = math.pi * turn / gap
            for sign in (1, -1):
                a = sign * np.round(np.sin((np.arange(delay + 1) - first) * theta), 9)
                if (a[:delay] <= 0).all() and a[delay] > 0:
                    found.add(tuple(np.flatnonzero(a[:delay] < 0)))
    return found


@pytest.mark.parametrize("delay", [3, 4, 5, 6, 7])
def test_two_units_block_no_fewer_lags(delay):
    patterns = order_two_zero_patterns(delay)
    assert min(len(pattern) for pattern in patterns) == known_family(delay, 2).blocked
    assert tuple(range(1, delay - 1)) in patterns


def test_bad_input():
    with pytest.raises(InvalidInput, match=r"radius must be in \(0, 1\), got 1.5"):
        known_family(4, 2).coefficients(1.5)
    with pytest.raises(InvalidInput, match="delay must be a whole number >= 0"):
        escape_family(-1, 2)
    with pytest.raises(InvalidInput, match="n_hidden must be a whole number >= 1"):
        escape_family(4, 0)
