"""What every oracle gives: the moments of a ReLU readout of z = b + sum_n a_n x_n, x_n = B_n U_n independent."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import spiralsink as sk


@dataclasses.dataclass(frozen=True)
class Moments:
    """F = E[z_+^2], X_n = E[x_n z_+] and J_n = E[x_k x_n 1(z > 0)] for one delay k; `q` = E[x_k^2].

    The loss of a scalar output that should be x_k is F - 2 X_k + q. Since dF/da_n = 2 X_n and dX_k/da_n = J_n, its
    gradient with respect to a is 2 (X - J): no differences are taken. `error` is an estimate, relative (0: none).
    """

    F: float
    X: np.ndarray
    J: np.ndarray
    delay: int
    q: float
    error: float = 0.0

    @property
    def loss(self) -> float:
        return float(self.F - 2 * self.X[self.delay] + self.q)

    @property
    def gradient(self) -> np.ndarray:
        return (2 * (self.X - self.J)).astype(np.float64)


def per_lag(values: Any, n_lags: int) -> list:
    """One value or law per lag."""
    return list(values) if isinstance(values, Sequence | np.ndarray) else [values] * n_lags


def raw_moment(law: Any, order: int, number: Any = float) -> Any:
    """E[U^order] in the arithmetic of `number` (float, or mpmath.mpf)."""
    if isinstance(law, sk.Uniform):
        low, high = number(law.low), number(law.high)
        return (high ** (order + 1) - low ** (order + 1)) / ((order + 1) * (high - low))
    if isinstance(law, sk.Exponential):
        return math.factorial(order) / number(law.rate) ** order
    if isinstance(law, sk.Constant):
        return number(law.value) ** order
    if isinstance(law, sk.HalfNormal) and order == 2:
        return number(law.scale) ** 2
    raise TypeError(f"no closed moment of order {order} for {law}")
