"""What an inspection may cost: fewer times and pairs for larger networks, and no more data than there is memory for."""

from typing import Any

import numpy as np

from .._errors import InvalidInput
from ..models import Model
from ._recording import MOST_NUMBERS, Recording
from ._sources import as_numbers

_WORK = 2 * 10**10  # multiplications that sampling one kind of direction may cost
_POINTS = (8, 64)
_POINTS_OF_LINEAR = 8  # where all times are alike
_PAIRS = (100, 600)
_JACOBIANS = {64: 32}
_FEWEST_JACOBIANS = 16
_MOST_STATE = 2000  # numbers of state up to which matrices of that size are decomposed, within minutes
_MOST_WRITTEN = 2 * MOST_NUMBERS  # numbers that all directions together may be


def bounded(model: Model, inputs: np.ndarray, codes: Any, targets: Any) -> tuple[Any, Any, Any, tuple[str, ...]]:
    """As many sequences, and as much of them, as there is memory for their states."""
    n_sequences, time = inputs.shape[:2]
    steps = max(MOST_NUMBERS // model.n_hidden, 1)
    kept_steps = min(time, steps)
    kept = max(min(n_sequences, steps // kept_steps), 1)
    if (kept, kept_steps) == (n_sequences, time):
        return inputs, codes, targets, ()
    note = f"measured on the first {kept} of {n_sequences} sequences and {kept_steps} of {time} steps, for their memory"
    cut = slice(kept), slice(kept_steps)
    if codes is not None:
        codes = as_numbers("codes", codes)
        codes = (codes[None] if codes.ndim == 2 else codes)[cut]
    return inputs[cut], codes, None if targets is None else targets[cut], (note,)


def check_size(recording: Recording, n_lags: int) -> None:
    """Raises if all directions together would not fit into memory."""
    n_features, n_hidden = recording.n_features, recording.model.n_hidden
    if n_lags * n_features * n_hidden > _MOST_WRITTEN:
        most = _MOST_WRITTEN // (n_features * n_hidden)
        allowed = f"at most {most} for directions of {n_features} features in {n_hidden} numbers of state"
        raise InvalidInput("n_lags", n_lags, allowed, hint="or give fewer input directions as features")


def n_points(recording: Recording, n_lags: int) -> int:
    """At how many times directions are sampled."""
    found = _affordable(recording.model, recording.n_features * n_lags, _POINTS)
    return min(found, _POINTS_OF_LINEAR) if recording.model.linear else found


def n_pairs(model: Model, n_lags: int) -> int:
    """How many pairs of impulses are added up."""
    return _affordable(model, 3 * n_lags, _PAIRS)


def n_jacobians(model: Model) -> int:
    """At how many times whole Jacobians are."""
    return next((n for size, n in _JACOBIANS.items() if model.n_hidden <= size), _FEWEST_JACOBIANS)


def too_large(model: Model) -> str:
    """Why nothing that takes n_hidden^3 operations is measured, or ""."""
    if model.n_hidden <= _MOST_STATE:
        return ""
    size = f"{model.n_hidden} numbers of state are too many"
    return f"{size} to decompose their covariance or Jacobian: at most {_MOST_STATE}"


def _affordable(model: Model, runs: int, bounds: tuple[int, int]) -> int:
    low, high = bounds
    return int(np.clip(_WORK // (2 * runs * model.n_hidden**2), low, high))
