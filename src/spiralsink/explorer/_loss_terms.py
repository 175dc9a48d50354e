"""The four terms of the exact loss, of as many networks as there is time for."""

from typing import Any

import numpy as np

from .._errors import NotCovered
from ..networks import RecurrentNetwork
from ..processes import SparseProcess
from ..theory import TERM_NAMES, SteadyState
from ..verbs import expected_loss

MOST_INTEGRALS = 64
"""Outputs of one group that get the integral of a ReLU readout: about two seconds."""

_MOST_LINEAR = 5000
_MOST_OUTPUTS = 8
_TOLERANCE = 1e-4


def exact_terms(
    networks: RecurrentNetwork, task: Any, process: Any, *, p: np.ndarray, horizon: int | None, wanted: np.ndarray
) -> np.ndarray:
    """(networks, 4), in the order of the paper; NaN where they are not known.

    A linear readout costs next to nothing, so that every network has them; of those with a ReLU readout only the
    wanted ones, evenly spaced where there are more than there is time for.

    Args:
        networks: A stack with one axis.
        task: A filter task.
        process: Its p is replaced.
        p: Activity probability of every network; NaN where features differ.
        horizon: T, None for the steady state.
        wanted: Which networks matter most.
    """
    found = np.full((networks.stack[0], 4), np.nan)
    if networks.recurrence != "linear" or networks.n_outputs > _MOST_OUTPUTS or not hasattr(task, "target_filter"):
        return found
    rows = np.flatnonzero(np.isfinite(p))[:_MOST_LINEAR]
    if networks.readout == "relu":
        rows = np.flatnonzero(wanted & np.isfinite(p))
        most = MOST_INTEGRALS // networks.n_outputs
        if len(rows) > most:
            rows = rows[np.unique(np.linspace(0, len(rows) - 1, most).astype(int))]
    if not len(rows):
        return found
    of_each = SparseProcess(process.n_features, np.repeat(p[rows, None], process.n_features, 1), process.amplitude)
    try:
        steps = SteadyState() if horizon is None else horizon
        terms = expected_loss(networks[rows], task, of_each, horizon=steps, tolerance=_TOLERANCE)
    except NotCovered:
        return found
    values = np.stack([np.asarray(getattr(terms, name), np.float64) for name in TERM_NAMES], axis=-1)
    found[rows] = np.where(np.isfinite(values).all(axis=-1, keepdims=True), values, np.nan)
    return found
