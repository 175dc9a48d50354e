"""E[U^r exp(v U)], r = 0, 1, 2, of the amplitude laws at complex v: with mpmath, or in NumPy's long double."""

import math
from typing import Any

import mpmath
import numpy as np
from mpmath import mpc, mpf

import spiralsink as sk


class Precise:
    """Arrays of mpmath numbers in the current precision."""

    number = staticmethod(mpf)
    pi = mpmath.pi
    n_terms = 60

    def array(self, values: Any) -> np.ndarray:
        return np.array([mpc(each) for each in values], dtype=object)

    exp = staticmethod(np.frompyfunc(mpmath.exp, 1, 1))
    real = staticmethod(np.frompyfunc(lambda z: mpc(z).real, 1, 1))
    size = staticmethod(lambda v: np.array([float(abs(each)) for each in v]))


class Extended:
    """Long double: 18 digits on x86; elsewhere it may be no more than double, which the error estimates then show."""

    number = staticmethod(np.longdouble)
    pi = np.longdouble("3.14159265358979323846264338327950288")
    n_terms = 26

    def array(self, values: Any) -> np.ndarray:
        return np.asarray(values, dtype=np.clongdouble)

    exp, real, size = staticmethod(np.exp), staticmethod(np.real), staticmethod(np.abs)


def law_transforms(law: Any, v: np.ndarray, arithmetic: Any) -> list:
    """[E[exp(vU)], E[U exp(vU)], E[U^2 exp(vU)]] at an array of v."""
    number = arithmetic.number
    if isinstance(law, sk.Uniform):
        low, width = number(law.low), number(law.high) - number(law.low)
        shift, (R0, R1, R2) = arithmetic.exp(low * v), _ramp(width * v, arithmetic)
        return [
            shift * R0,
            shift * (low * R0 + width * R1),
            shift * (low * low * R0 + 2 * low * width * R1 + width * width * R2),
        ]
    if isinstance(law, sk.Exponential):
        pole = 1 / (1 - v / number(law.rate))
        return [math.factorial(r) * pole ** (r + 1) / number(law.rate) ** r for r in range(3)]
    if isinstance(law, sk.HalfNormal):
        scale = number(law.scale)
        E0 = np.frompyfunc(lambda z: _erfcx(-scale * z / mpmath.sqrt(2)), 1, 1)(v)
        E1 = scale**2 * v * E0 + scale * mpmath.sqrt(2 / mpmath.pi)
        return [E0, E1, scale**2 * (E0 + v * E1)]
    raise TypeError(f"no transform for {law}")


def _ramp(x: np.ndarray, arithmetic: Any) -> list:
    """E[V^r exp(x V)] for V uniform on (0, 1): a series inside |x| < 1, integration by parts outside."""
    small = arithmetic.size(x) < 1
    near, far = x[small], x[~small]
    grown = arithmetic.exp(far)
    R0 = (grown - 1) / far
    R1 = (grown - R0) / far
    moments = [R0, R1, (grown - 2 * R1) / far]
    series = [near * 0, near * 0, near * 0]
    term = near * 0 + 1
    for n in range(arithmetic.n_terms):
        for r in range(3):
            series[r] = series[r] + term / arithmetic.number(n + r + 1)
        term = term * near / arithmetic.number(n + 1)
    joined = [np.empty_like(x) for _ in range(3)]
    for values, inside, outside in zip(joined, series, moments, strict=True):
        values[small], values[~small] = inside, outside
    return joined


def _erfcx(z: Any) -> Any:
    """exp(z^2) erfc(z): by the asymptotic series for |z| > 12, which loses nothing up to 60 digits."""
    if abs(z) < 12:
        return mpmath.exp(z * z) * mpmath.erfc(z)
    if z.real < 0:
        return 2 * mpmath.exp(z * z) - _erfcx(-z)
    term = total = 1 / (z * mpmath.sqrt(mpmath.pi))
    ratio, n, small = -1 / (2 * z * z), 1, mpmath.eps * abs(total)
    while abs(term) > small and n < 200:
        term *= ratio * (2 * n - 1)
        total += term
        n += 1
    return total
