"""Products over lags at the nodes of a contour, without the patterns in which few lags are active.

A lag is the polynomial (1 - p) + y p E[exp(lambda a U)] in y, which counts active lags. What is wanted is the product
at y = 1 less its terms up to y^m: those patterns are integrated in closed form, and the rest falls off faster.
"""

import itertools
import math
from typing import Any

import mpmath
import numpy as np
from mpmath import mpf

from .uniform_sums import RAMP, SQUARE, STEP, expectation

# rows of every table of moments: E[z_+^2], E[z_+], E[x_k 1(z > 0)], then X_n, then J_n
HEAD = 3


class Counted:
    """Arrays over nodes: the coefficients of y^0 .. y^m, and the value at y = 1. Without m, the value only."""

    def __init__(self, coefficients: list, full: Any):
        self.coefficients, self.full = coefficients, full

    def times(self, inactive: Any, active: Any) -> "Counted":
        old = self.coefficients
        new = [inactive * each + (active * old[j - 1] if j else 0) for j, each in enumerate(old)]
        return Counted(new, self.full * (inactive + active))

    def rest(self, other: "Counted", removed: int) -> Any:
        """The product of both without its terms up to y^(m - removed)."""
        few = 0
        for i, j in itertools.product(range(len(self.coefficients)), repeat=2):
            if i + j < len(self.coefficients) - removed:
                few = few + self.coefficients[i] * other.coefficients[j]
        return self.full * other.full - few


def many_active(p: list, transforms: list, delay: int | None, m: int, *, gradient: bool = True) -> tuple:
    """Rows of (square, ramp, step_k, X_n .., J_n ..) over nodes, with more than m lags active (m = -1: all patterns).

    `transforms[n]` holds E[U^r exp(lambda a_n U)], r = 0, 1, 2; `delay` is None where x_k is not among these lags.
    Without `gradient` every row but the square and X_k is left at 0.
    """
    one = transforms[0][0] * 0 + 1
    unit = Counted([one] + [one * 0] * m if m >= 0 else [], one)
    factors = [(1 - p[n], p[n] * E[0]) for n, E in enumerate(transforms)]
    before, after = _partial_products(unit, factors)
    square = ramp = before[-1].rest(unit, 0)
    X = [
        p[n] * E[1] * before[n].rest(after[n + 1], 1) if gradient or n == delay else one * 0
        for n, E in enumerate(transforms)
    ]
    if delay is None or not gradient:
        return square, ramp, one * 0, X, [one * 0] * len(p)
    factors[delay] = (0, p[delay] * transforms[delay][1])
    before, after = _partial_products(unit, factors)
    step = before[-1].rest(unit, 0)
    own = [E[2 if n == delay else 1] for n, E in enumerate(transforms)]
    J = [p[n] * own[n] * before[n].rest(after[n + 1], 1) for n in range(len(p))]
    return square, ramp, step, X, J


def _partial_products(unit: Counted, factors: list) -> tuple[list[Counted], list[Counted]]:
    before, after = [unit], [unit]
    for inactive, active in factors:
        before.append(before[-1].times(inactive, active))
    for inactive, active in reversed(factors):
        after.append(after[-1].times(inactive, active))
    return before, after[::-1]


def few_active_moments(a: list, p: list, laws: list, delay: int, bias: Any, m: int) -> np.ndarray:
    """The same rows from all patterns with at most m active lags, in closed form; one array of mpf."""
    n_lags = len(a)
    rows = np.full(HEAD + 2 * n_lags, mpf(0), dtype=object)
    for size in range(m + 1):
        for on in itertools.combinations(range(n_lags), size):
            chance = math.prod((mpf(p[n]) if n in on else 1 - mpf(p[n]) for n in range(n_lags)), start=mpf(1))
            if chance == 0:
                continue
            some = tuple([each[n] for n in on] for each in (a, [1] * n_lags, laws))

            def mean(degree: int, *lags: int, some: tuple[list, ...] = some) -> Any:
                return expectation(some[0], some[1], some[2], degree, lags=lags, bias=bias)

            rows[0] += chance * mean(SQUARE)
            rows[1] += chance * mean(RAMP)
            k = on.index(delay) if delay in on else None
            rows[2] += chance * mean(STEP, k) if k is not None else 0
            for i, n in enumerate(on):
                rows[HEAD + n] += chance * mean(RAMP, i)
                rows[HEAD + n_lags + n] += chance * mean(STEP, k, i) if k is not None else 0
    return rows


def to_extended(values: Any) -> np.ndarray:
    """mpf to NumPy's long double."""
    return np.array([np.longdouble(mpmath.nstr(each, 25)) for each in values], dtype=np.longdouble)
