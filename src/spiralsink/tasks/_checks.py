"""Checks of the fields of tasks."""

import math
from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown, check_count, check_finite

MOST_LAGS = 10**6


def check_lag(field: str, lag: Any, minimum: int = 0) -> int:
    """Returns a delay, or a width, that a filter of at most `MOST_LAGS` lags has room for."""
    number = check_count(field, lag, minimum)
    if number >= MOST_LAGS:
        raise InvalidInput(field, number, f"below {MOST_LAGS}")
    return number


def check_delays(field: str, delay: Any) -> Any:
    if np.ndim(delay) == 0:
        return check_lag(field, delay if not isinstance(delay, np.ndarray) else delay.item())
    if np.ndim(delay) != 1 or len(delay) == 0:
        raise InvalidInput(field, Shown(f"shape {np.shape(delay)}"), "a whole number >= 0 or one per network")
    return tuple(check_lag(field, each) for each in np.asarray(delay).tolist())


def check_lags(field: str, lags: Any) -> tuple[int, ...]:
    if np.ndim(lags) != 1 or len(lags) == 0:
        raise InvalidInput(field, lags, "a list of whole numbers >= 0")
    values = tuple(check_lag(field, each) for each in np.asarray(lags).tolist())
    if len(set(values)) != len(values):
        raise InvalidInput(field, lags, "a list of different lags")
    return values


def check_numbers(field: str, values: Any, length: int) -> tuple[float, ...]:
    try:
        numbers = tuple(float(each) for each in values)
    except (TypeError, ValueError):
        raise InvalidInput(field, values, "numbers") from None
    if len(numbers) != length or not all(math.isfinite(each) for each in numbers):
        raise InvalidInput(field, values, f"{length} finite numbers" if length > 1 else "a finite number")
    return numbers


def check_importance(importance: Any) -> Any:
    try:
        values = np.asarray(importance, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput("importance", importance, "a number >= 0 or a list of them") from None
    if values.ndim > 1:
        raise InvalidInput("importance", Shown(f"shape {values.shape}"), "a number or one per output")
    check_finite("importance", values)
    if (values < 0).any() or not values.any():
        raise InvalidInput("importance", importance, ">= 0 and not all zero")
    return tuple(values.tolist()) if values.ndim else float(values)
