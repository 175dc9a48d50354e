"""Constant amplitude: every pattern of active lags, one by one (up to 16 lags)."""

from typing import Any

import numpy as np

from .moments import Moments, per_lag


def moments(a: Any, p: Any, law: Any, *, delay: int, bias: float = 0.0) -> Moments:
    """All moments from the 2^n patterns of a filter of n lags; `law` and `p` for all lags or one per lag."""
    a, n_lags = np.asarray(a, dtype=np.longdouble), len(a)
    if n_lags > 16:
        raise ValueError("at most 16 lags can be enumerated")
    p = np.array(per_lag(p, n_lags), dtype=np.longdouble)
    amplitude = np.array([each.value for each in per_lag(law, n_lags)], dtype=np.longdouble)
    active = (np.arange(2**n_lags)[:, None] >> np.arange(n_lags)) & 1
    chance = np.prod(np.where(active, p, 1 - p), axis=1)
    x = active * amplitude
    z = bias + x @ a
    positive, ramp = chance * (z > 0), chance * np.maximum(z, 0)
    q = p[delay] * amplitude[delay] ** 2
    return Moments(ramp @ np.maximum(z, 0), ramp @ x, (positive * x[:, delay]) @ x, delay, q)
