"""Moments of a ReLU readout for Uniform(0, 1) amplitudes, averaged over one lag after another on a grid.

E[f(t + a x)] = (1 - p) f(t) + (p / a) Int_t^(t + a) f(v) dv needs nothing but the antiderivative of f, which a cubic
spline of scipy has. Every average makes f smoother, so the error is that of the first ones, of third order in the
grid's step. Neither transforms nor patterns of active lags are used, and the cost is linear in the number of lags.
"""

import numpy as np
from scipy.interpolate import CubicSpline


def delay_loss(a: np.ndarray, p: float, *, delay: int, n_points: int = 2000) -> float:
    """E[(z_+ - x_k)^2] of z = sum_s a_s x_s.

    Args:
        a: Projections, (lags,); a[delay] > 0.
        p: Activity probability.
        delay: k.
        n_points: Points over the range of z.
    """
    low, high = a[a < 0].sum(), a[a > 0].sum()
    step = (high - low) / n_points
    # zero, where z_+ has its kink, is a point of the grid
    t = step * np.arange(np.floor(low / step), np.ceil(high / step) + 1)
    wanted = a[delay]
    square = np.maximum(t, 0.0) ** 2
    # E[x_k (t + a_k x_k)_+] in closed form, from the amplitude at which the sum becomes positive
    first = np.clip(-t / wanted, 0.0, 1.0)
    cross = p * (t * (1 - first**2) / 2 + wanted * (1 - first**3) / 3)
    for lag in np.argsort(-np.abs(a)):
        square = _average(t, square, a[lag], p)
        if lag != delay:
            cross = _average(t, cross, a[lag], p)
    zero = np.argmin(np.abs(t))
    return float(square[zero] - 2 * cross[zero] + p / 3)


def _average(t: np.ndarray, f: np.ndarray, a: float, p: float) -> np.ndarray:
    """E[f(t + a x)]; what lies beyond the grid is never reached from zero, and may be wrong."""
    if a == 0:
        return f
    integral = CubicSpline(t, f).antiderivative()
    return (1 - p) * f + p * (integral(np.clip(t + a, t[0], t[-1])) - integral(t)) / a
