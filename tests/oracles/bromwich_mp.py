"""Moments of a ReLU readout as contour integrals, for uniform, exponential and half-normal amplitudes.

E[z_+^2] = (1 / 2 pi i) Int 2 / lambda^3 E[exp(lambda z)] d lambda, and with 1 / lambda^2, 1 / lambda for X and J.

- `smooth_law_moments`: exponential and half-normal laws (also mixed) on lambda = c (1 + i sinh(u + i y)), where the
  trapezoidal rule converges exponentially whatever the scales are; mpmath, halving the step until nothing changes.
- `uniform_moments`: uniform laws on equispaced nodes of a vertical line. Patterns of few active lags are taken out and
  integrated in closed form, so that what is cut off falls as a high power of the highest frequency. Lags are grouped by
  scale, and the law of total probability, "the first group with an active lag is g", gives every group its own
  contour. In mpmath, or in long double with a hundred times as many nodes.

The estimated error is the change when the highest frequency, or the step, is halved: of F, X and the
gradient X - J, each relative to its largest component, whichever is largest.
"""

import math
from typing import Any

import mpmath
import numpy as np
from mpmath import mpf
from scipy.special import erfc

import spiralsink as sk

from .few_active import HEAD, few_active_moments, many_active, to_extended
from .moments import Moments, per_lag, raw_moment
from .transforms import Precise, law_transforms

_GROWTH = 8.0  # exp(c z) <= exp(8) for all z that can occur
_ALIASING = 48.0  # periods are so long that exp(-c period) = exp(-48)


def smooth_law_moments(
    a: Any, p: Any, law: Any, *, delay: int, bias: float = 0.0, digits: int = 60, tolerance: float = 1e-16
) -> Moments:
    """Moments for exponential and half-normal laws, one for all lags or one per lag; a[delay] is not 0.

    Raises ArithmeticError if halving the step ten times does not reach the relative tolerance.
    """
    n_lags, arithmetic = len(a), Precise()
    with mpmath.workdps(digits):
        a, p, laws = [mpf(each) for each in a], [mpf(each) for each in per_lag(p, n_lags)], per_lag(law, n_lags)
        bias = mpf(bias)
        scales = [abs(each) / (2 * law.rate) if isinstance(law, sk.Exponential) else abs(each) * law.scale / 2
                  for each, law in zip(a, laws, strict=True) if each > 0]  # fmt: skip
        center = 1 / (4 * max([*scales, abs(bias) / 4])) if scales or bias else mpf(1)
        # towards the side on which exp(lambda bias) decays; half-normal transforms allow less than pi/4
        tilt = mpmath.sign(bias) * mpmath.pi / 8

        def rows(u: list) -> np.ndarray:
            w = [mpmath.mpc(each, tilt) for each in u]
            contour = arithmetic.array([center * (1 + 1j * mpmath.sinh(each)) for each in w])
            speed = arithmetic.array([center * mpmath.cosh(each) for each in w])
            transforms = [law_transforms(each, a[n] * contour, arithmetic) for n, each in enumerate(laws)]
            weight = speed * arithmetic.exp(bias * contour) / mpmath.pi
            return _integrands(many_active(p, transforms, delay, -1), contour, weight, arithmetic)

        step, reach = mpf(1) / 2, 46
        total = rows([mpf(0)])[:, 0] / 2 + _sum(rows, [step * j for j in range(1, int(reach / step) + 1)])
        last, change = total * step, math.inf
        for _ in range(10):
            total = total + _sum(rows, [step * (j + mpf(1) / 2) for j in range(int(reach / step))])
            step /= 2
            now = total * step
            change = _relative(now, abs(now - last), n_lags)
            if change < tolerance:
                return _as_moments(now, a, p, laws, delay, change)
            last = now
    raise ArithmeticError(f"the contour integral still changes by {change:.1e}")


def uniform_moments(
    a: Any,
    p: Any,
    law: Any,
    *,
    delay: int,
    bias: float = 0.0,
    few: int = 2,
    reach: float = 200.0,
    span: float = math.inf,
    arithmetic: Any = None,
    digits: int = 40,
    gradient: bool = True,
) -> Moments:
    """Moments for uniform laws, one for all lags or one per lag; a[delay] is not 0.

    `few`: patterns up to so many active lags are closed forms. `reach`: highest frequency times the longest lag of a
    group. `span`: longest over shortest lag of a group. `arithmetic`: `Precise()` or `Extended()`. Without
    `gradient` only F, X_k and the loss are right.
    """
    n_lags, arithmetic = len(a), arithmetic or Precise()
    number = arithmetic.number
    with mpmath.workdps(digits):
        p, laws = per_lag(p, n_lags), per_lag(law, n_lags)
        order = [n for n in sorted(range(n_lags), key=lambda n: -abs(a[n])) if a[n] != 0]
        sorted_a, sorted_p, sorted_laws = ([each[n] for n in order] for each in (a, p, laws))
        few_rows = few_active_moments(sorted_a, sorted_p, sorted_laws, order.index(delay), bias, few)
        values = few_rows if number is mpf else to_extended(few_rows)
        errors = values * 0
        numbers = [number(each) for each in sorted_a], [number(each) for each in sorted_p], sorted_laws
        for first, last in _groups(sorted_a, span):
            full, half = _group_integral(
                numbers, first, last, order.index(delay), number(bias), few, reach, arithmetic, gradient
            )
            values, errors = values + full, errors + abs(full - half)
        rows = np.full(HEAD + 2 * n_lags, number(0), dtype=object)
        rows[:HEAD] = values[:HEAD]
        for i, n in enumerate(order):
            rows[HEAD + n], rows[HEAD + n_lags + n] = values[HEAD + i], values[HEAD + len(order) + i]
        for n in set(range(n_lags)) - set(order):
            mean = number(p[n]) * raw_moment(laws[n], 1, number)
            rows[HEAD + n], rows[HEAD + n_lags + n] = mean * values[1], mean * values[2]
        error = _relative(values, errors, len(order))
        return _as_moments(rows, a, [number(each) for each in p], laws, delay, error)


def _groups(a: list, span: float) -> list[tuple[int, int]]:
    """First and last + 1 position of lags of similar scale, in lags sorted from long to short."""
    starts = [0] if a else []
    for n, each in enumerate(a):
        if abs(a[starts[-1]]) > span * abs(each):
            starts.append(n)
    return list(zip(starts, [*starts[1:], len(a)], strict=True))


def _group_integral(
    lags: tuple, first: int, last: int, delay: int, bias: Any, few: int, reach: float, arithmetic: Any, gradient: bool
) -> tuple:
    """Nothing active before `first`, something active in first..last: rows cut at the highest frequency and at half."""
    a, p, laws = lags
    n_lags, number = len(a), arithmetic.number
    silent = math.prod((1 - each for each in p[:first]), start=number(1))
    top = bias + sum(max(x * law.high, x * law.low, 0) for x, law in zip(a[first:], laws[first:], strict=True))
    none = np.array([number(0)] * (HEAD + 2 * n_lags))
    if silent == 0 or top <= 0:
        return none, none
    c = number(_GROWTH) / number(top)
    spacing = 2 * arithmetic.pi * c / number(_ALIASING)
    highest = reach / min(float(abs(a[first])), float(top))
    count = math.ceil(highest / float(spacing))
    if count > 5_000_000:
        raise ArithmeticError(f"{count} nodes are needed; a smaller span of scales in a group needs fewer")
    off = math.prod((1 - each for each in p[first:last]), start=number(1))
    totals = [none, none]
    chunk = 4096
    for start in range(0, count, chunk):
        nodes = np.arange(start, min(start + chunk, count))
        contour = arithmetic.array([c + 1j * (spacing * number(int(j))) for j in nodes])
        transforms = [law_transforms(laws[n], a[n] * contour, arithmetic) for n in range(first, n_lags)]
        at = delay - first if delay >= first else None
        weight = arithmetic.exp(bias * contour) * (silent * spacing / arithmetic.pi)
        weight = weight * np.where(nodes == 0, 0.5, 1.0)
        rows = _integrands(many_active(p[first:], transforms, at, few, gradient=gradient), contour, weight, arithmetic)
        if last < n_lags and off != 0:
            later = many_active(
                p[last:],
                transforms[last - first :],
                delay - last if delay >= last else None,
                few,
                gradient=gradient,
            )
            rest = _integrands(later, contour, weight * off, arithmetic)
            width, some = n_lags - first, n_lags - last
            rows[:HEAD] = rows[:HEAD] - rest[:HEAD]
            rows[HEAD + width - some : HEAD + width] -= rest[HEAD : HEAD + some]
            rows[HEAD + 2 * width - some :] -= rest[HEAD + some :]
        for i, edge in enumerate((highest, highest / 2)):
            window = erfc(12 * (nodes * float(spacing) / edge - 0.6)) / 2
            found = (rows * (window if number is mpf else window.astype(np.longdouble))).sum(axis=1)
            padded = none.copy()
            width = n_lags - first
            padded[:HEAD] = found[:HEAD]
            padded[HEAD + first : HEAD + n_lags] = found[HEAD : HEAD + width]
            padded[HEAD + n_lags + first :] = found[HEAD + width :]
            totals[i] = totals[i] + padded
    return totals[0], totals[1]


def _integrands(products: tuple, contour: np.ndarray, weight: np.ndarray, arithmetic: Any) -> np.ndarray:
    """Rows by nodes: real parts of products over powers of lambda."""
    square, ramp, step, X, J = products
    first = weight / contour
    second = first / contour
    rows = [2 * square * second / contour, ramp * second, step * first]
    rows += [each * second for each in X] + [each * first for each in J]
    return np.array([arithmetic.real(each) for each in rows])


def _sum(rows: Any, u: list) -> Any:
    return sum(rows(u[start : start + 256]).sum(axis=1) for start in range(0, len(u), 256))


def _relative(rows: Any, changes: Any, n_lags: int) -> float:
    X, J = slice(HEAD, HEAD + n_lags), slice(HEAD + n_lags, None)
    size = float(max(abs(rows[X])))
    # the gradient may vanish, as for one lag that is its own target
    pairs = (
        (rows[:1], changes[:1], 0.0),
        (rows[X], changes[X], size),
        (rows[X] - rows[J], changes[X] + changes[J], 1e-3 * size),
    )
    return max(float(max(change)) / max(float(max(abs(value))), least, 1e-300) for value, change, least in pairs)


def _as_moments(rows: Any, a: Any, p: list, laws: list, delay: int, error: float) -> Moments:
    n_lags = len(a)
    q = p[delay] * raw_moment(laws[delay], 2, type(p[delay]))
    return Moments(rows[0], rows[HEAD : HEAD + n_lags], rows[HEAD + n_lags :], delay, q, error)
