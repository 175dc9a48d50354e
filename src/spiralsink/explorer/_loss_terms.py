"""The four terms of the exact loss, of as many networks as there is time for."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errors import NotCovered
from ..networks import RecurrentNetwork
from ..processes import SparseProcess
from ..tasks import Delay
from ..theory import TERM_NAMES, SteadyState
from ..verbs import expected_loss
from ._group import Given, Group

MOST_INTEGRALS = 64
"""Networks of one horizon with a ReLU readout that get the integral: about a second."""
MOST_HORIZONS = 3
"""Horizons at which that is done: each is compiled, which takes seconds on a machine that never did."""

_TOLERANCE = 1e-4


def exact_terms(groups: Sequence[Group]) -> list[np.ndarray]:
    """For every group (networks, 4), in the order of the paper; NaN where the terms are not known.

    They are known for linear recurrence and one feature that is to be recalled after a delay. A linear readout costs
    next to nothing, so that every network has them; with a ReLU readout only the best of their points have them, evenly
    spaced where there are more than there is time for, at the horizons of the largest groups. Networks of different
    groups are computed together.
    """
    found = [np.full((len(group.source), 4), np.nan) for group in groups]
    batches: dict[tuple[Any, ...], list[tuple[int, np.ndarray]]] = {}
    for place, group in enumerate(groups):
        if group.process is not None and _is_covered(group):
            rows = np.isfinite(group.p) if group.networks.readout == "linear" else np.isfinite(group.p) & group.best
            key = (group.networks.readout, group.horizon, group.process.amplitudes, group.networks.n_hidden)
            batches.setdefault(key, []).append((place, np.flatnonzero(rows)))
    rectified = [key for key in batches if key[0] == "relu"]
    rectified.sort(key=lambda key: -sum(groups[place].total for place, _ in batches[key]))
    for key in rectified[MOST_HORIZONS:]:
        del batches[key]
    for (readout, horizon, laws, _), members in batches.items():
        most = MOST_INTEGRALS if readout == "relu" else None
        chosen = [(place, row) for place, rows in members for row in rows.tolist()]
        if most is not None and len(chosen) > most:
            chosen = [chosen[each] for each in np.unique(np.linspace(0, len(chosen) - 1, most).astype(int))]
        if not chosen:
            continue
        values = _terms(groups, chosen, readout, horizon, laws[0])
        for (place, row), terms in zip(chosen, values, strict=True):
            found[place][row] = terms
    return found


def _is_covered(group: Group) -> bool:
    networks = group.networks
    if isinstance(networks, Given):
        return False
    biased = any(each is not None and np.any(np.asarray(each)) for each in (networks.b_h, networks.b_y))
    scalar = networks.n_features == networks.n_outputs == 1
    one = isinstance(group.task, Delay) and group.task.importance == 1.0
    return networks.recurrence == "linear" and scalar and one and not biased


def _terms(
    groups: Sequence[Group], chosen: list[tuple[int, int]], readout: str, horizon: int | None, law: Any
) -> np.ndarray:
    """(networks, 4) of chosen networks, given as group and row."""
    weights: dict[int, list[np.ndarray]] = {}
    for place, _ in chosen:
        if place not in weights:
            networks = groups[place].networks
            assert isinstance(networks, RecurrentNetwork)
            W_x, W_h, _ = networks.folded_weights
            weights[place] = [np.asarray(each) for each in (W_x, W_h, networks.output_weights)]
    W_x, W_h, W_y = (np.stack([weights[place][each][row] for place, row in chosen]) for each in range(3))
    p = np.array([[groups[place].p[row]] for place, row in chosen])
    delays = np.array([groups[place].delay for place, _ in chosen])
    try:
        found = expected_loss(
            RecurrentNetwork(W_x, W_h, W_y, readout=readout),
            Delay(delays),
            SparseProcess(1, p, law),
            horizon=SteadyState() if horizon is None else horizon,
            tolerance=_TOLERANCE,
        )
    except NotCovered:
        return np.full((len(chosen), 4), np.nan)
    values = np.stack([np.asarray(getattr(found, name), np.float64) for name in TERM_NAMES], axis=-1)
    return np.where(np.isfinite(values).all(axis=-1, keepdims=True), values, np.nan)
