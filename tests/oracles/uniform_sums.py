"""Closed form for uniform amplitudes, by inclusion and exclusion over {inactive, lower end, upper end} of every lag.

A function of z is written as a sum of truncated powers t_+^k / k!. Averaging over one lag,

    E[(t + a x)_+^k / k!] = (1 - p) t_+^k / k! + p ((t + a h)_+^(k+1) - (t + a l)_+^(k+1)) / ((k+1)! a (h - l)),

gives truncated powers again, so exact arithmetic with enough digits is the only thing needed: no transform, no
quadrature. Lags are taken from long to short. A power whose argument can no longer change sign, whatever the remaining
lags do, is a polynomial and is replaced by its mean, so filters with separated scales may be long; without separation
the cost is 2^n for Uniform(0, h) and 3^n otherwise, about nine lags.
"""

import math
from typing import Any

import mpmath
import numpy as np
from mpmath import mpf

from .moments import Moments, per_lag, raw_moment

SQUARE, RAMP, STEP = 2, 1, 0  # z_+^2, z_+, 1(z > 0)


def moments(a: Any, p: Any, law: Any, *, delay: int, bias: float = 0.0, digits: int = 60) -> Moments:
    """All moments of a filter `a` with activity `p` and uniform `law`, each one for all lags or one per lag."""
    n_lags = len(a)

    def mean(degree: int, *lags: int) -> Any:
        return expectation(a, p, law, degree, lags=lags, bias=bias)

    with mpmath.workdps(digits):
        F = mean(SQUARE)
        X = np.array([mean(RAMP, n) for n in range(n_lags)])
        J = np.array([mean(STEP, delay, n) for n in range(n_lags)])
        q = mpf(per_lag(p, n_lags)[delay]) * raw_moment(per_lag(law, n_lags)[delay], 2, mpf)
        return Moments(F, X, J, delay, q)


def expectation(a: Any, p: Any, law: Any, degree: int, *, lags: tuple[int, ...] = (), bias: Any = 0.0) -> Any:
    """E[prod_(n in lags) x_n * z_+^degree] (degree 0: 1(z > 0)) in the current precision; `lags` may repeat."""
    n_lags = len(a)
    order = sorted(range(n_lags), key=lambda n: -abs(a[n]))
    factors = [
        (mpf(a[n]), mpf(probability), each, lags.count(n))
        for n, probability, each in zip(range(n_lags), per_lag(p, n_lags), per_lag(law, n_lags), strict=True)
    ]
    factors = [factors[n] for n in order]
    ranges = _ranges_behind(factors)
    tails = _Tails(factors)
    powers = {mpf(bias): {degree: mpf(math.factorial(degree))}}
    total = mpf(0)
    for position, factor in enumerate(factors):
        total += _settle(powers, ranges[position], tails, position)
        powers = _average(powers, factor)
    total += _settle(powers, ranges[n_lags], tails, n_lags)
    for t, coefficients in powers.items():  # what is left has t = 0 and no power
        assert t == 0 or not coefficients
    return total


def _average(powers: dict, factor: tuple) -> dict:
    """One lag averaged over: truncated powers to truncated powers."""
    changed: dict = {}
    terms = _terms(*factor)
    for t, coefficients in powers.items():
        for shift, raised, weight in terms:
            into = changed.setdefault(t + shift, {})
            for k, coefficient in coefficients.items():
                into[k + raised] = into.get(k + raised, 0) + coefficient * weight
    return changed


def _terms(a: Any, p: Any, law: Any, power: int) -> list[tuple[Any, int, Any]]:
    """E[x^power f(t + a x)] as (shift of t, rise of k, weight), integrated by parts at both ends."""
    inactive = [(mpf(0), 0, 1 - p)] if power == 0 and p < 1 else []
    if a == 0:
        return [(mpf(0), 0, p * raw_moment(law, power, mpf) + (1 - p if power == 0 else 0))]
    low, high = mpf(law.low), mpf(law.high)
    found = inactive
    for end, sign in ((high, 1), (low, -1)):
        for j in range(power + 1):
            weight = sign * (-1) ** j * math.perm(power, j) * end ** (power - j) / a ** (j + 1)
            found.append((a * end, j + 1, p * weight / (high - low)))
    return [each for each in found if each[2] != 0]


def _ranges_behind(factors: list) -> list[tuple[Any, Any]]:
    """The range of the sum over all lags from each position on."""
    low = high = mpf(0)
    ranges = [(low, high)]
    for a, _, law, _ in reversed(factors):
        ends = (a * mpf(law.low), a * mpf(law.high), mpf(0))
        low, high = low + min(ends), high + max(ends)
        ranges.append((low, high))
    return ranges[::-1]


class _Tails:
    """E[prod x^power (sum of the remaining a x)^j / j!] for every position, j as far as asked."""

    def __init__(self, factors: list):
        self.factors, self.known, self.reach = factors, [], -1

    def __call__(self, position: int, j: int) -> Any:
        if j > self.reach:
            self.reach = 2 * j + 4
            self.known = [[mpf(each == 0) for each in range(self.reach + 1)]]
            for factor in reversed(self.factors):
                self.known.append(self._extend(self.known[-1], *factor))
            self.known.reverse()
        return self.known[position][j]

    def _extend(self, behind: list, a: Any, p: Any, law: Any, power: int) -> list:
        own = [p * raw_moment(law, j + power, mpf) * a**j / math.factorial(j) for j in range(self.reach + 1)]
        own[0] += 1 - p if power == 0 else 0
        return [mpmath.fdot(own[: j + 1], behind[j::-1]) for j in range(self.reach + 1)]


def _settle(powers: dict, behind: tuple, tails: _Tails, position: int) -> Any:
    """The mean of every power that has one sign whatever the remaining lags do; it is taken out of `powers`."""
    low, high = behind
    total = mpf(0)
    for t in list(powers):
        if t + high <= 0:
            del powers[t]
        elif t + low > 0:
            for k, coefficient in powers.pop(t).items():
                terms = (t ** (k - j) / math.factorial(k - j) * tails(position, j) for j in range(k + 1))
                total += coefficient * mpmath.fsum(terms)
    return total
