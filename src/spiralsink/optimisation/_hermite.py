"""Cubic interpolation between two points from their values and derivatives."""

from typing import Any

import numpy as np


def hermite(ends: Any, values: Any, rates: Any, at: float) -> Any:
    """The cubic with given values and derivatives at both ends.

    Args:
        ends: The two places s_0 and s_1.
        values: Values there, (2, ...).
        rates: Derivatives by s there, (2, ...).
        at: s.
    """
    width = ends[1] - ends[0]
    if width == 0:
        return values[0]
    u = (at - ends[0]) / width
    held = (1 + 2 * u) * (1 - u) ** 2 * values[0] + u**2 * (3 - 2 * u) * values[1]
    return held + width * (u * (1 - u) ** 2 * rates[0] - u**2 * (1 - u) * rates[1])


def turning_place(ends: Any, values: Any, rates: Any) -> float:
    """Where the cubic of `hermite` is stationary, between two ends with derivatives of opposite sign.

    Args:
        ends: The two places s_0 and s_1.
        values: Values there, (2,).
        rates: Derivatives there, (2,).
    """
    width = ends[1] - ends[0]
    chord = (values[1] - values[0]) / width
    cubic, square = 3 * (rates[0] + rates[1] - 2 * chord), 2 * (3 * chord - 2 * rates[0] - rates[1])
    found = np.roots([cubic, square, rates[0]])
    inside = [root.real for root in found if abs(root.imag) < 1e-9 and 0 <= root.real <= 1]
    linear = rates[0] / (rates[0] - rates[1])
    return float(ends[0] + width * (min(inside, key=lambda u: abs(u - linear)) if inside else linear))
