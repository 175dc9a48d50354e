"""The four terms of the exact loss, of as many networks as there is time for, and why others are without."""

from collections.abc import Sequence
from typing import Any, NamedTuple

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
_NOT_BEST = "Four terms take an integral for a ReLU readout: they were computed for the best network of a point only."
_NOT_CHOSEN = "Four terms take an integral for a ReLU readout: they were computed for {} best networks, evenly spaced."
_NOT_HORIZON = (
    "Four terms take an integral for a ReLU readout: they were computed at the {} horizons and amplitudes of most "
    "networks, and those of this one are others."
)
_NOT_FINITE = "The four terms are not known: the exact loss of this network is not a finite number."


class Terms(NamedTuple):
    """The terms of the networks of a group.

    Attributes:
        values: (networks, 4), in the order of the paper; NaN where they are not known.
        reason: Why they are not known, one sentence for each network; empty where they are.
    """

    values: np.ndarray
    reason: np.ndarray


def exact_terms(groups: Sequence[Group]) -> list[Terms]:
    """The terms of every group.

    They are known for linear recurrence without biases, for inputs that are to be recalled after a delay. A linear
    readout costs next to nothing, so that every network has them; with a ReLU readout only the best of their points
    have them, for one feature, evenly spaced where there are more than there is time for, at the horizons of the
    largest groups. Networks of different groups are computed together. What a file says is taken from there.
    """
    found = [_nothing(group) for group in groups]
    batches: dict[tuple[Any, ...], list[tuple[int, np.ndarray]]] = {}
    for place, group in enumerate(groups):
        networks = group.networks
        # what is not known for a reason of its own has that reason already
        rows = np.flatnonzero(found[place].reason == _NOT_FINITE)
        if len(rows) and group.process is not None:
            sizes = networks.n_hidden, networks.n_features
            kind = (networks.readout, group.horizon, group.process.amplitudes, group.task.importance, *sizes)
            batches.setdefault(kind, []).append((place, rows))
    rectified = [key for key in batches if key[0] == "relu"]
    rectified.sort(key=lambda key: -sum(groups[place].total for place, _ in batches[key]))
    for key in rectified[MOST_HORIZONS:]:
        for place, rows in batches.pop(key):
            found[place].reason[rows] = _NOT_HORIZON.format(MOST_HORIZONS)
    for (readout, *_), members in batches.items():
        chosen = [(place, row) for place, rows in members for row in rows.tolist()]
        if readout == "relu" and len(chosen) > MOST_INTEGRALS:
            for place, rows in members:
                found[place].reason[rows] = _NOT_CHOSEN.format(MOST_INTEGRALS)
            chosen = [chosen[each] for each in np.unique(np.linspace(0, len(chosen) - 1, MOST_INTEGRALS).astype(int))]
        values = _terms(groups, chosen)
        for (place, row), terms in zip(chosen, values, strict=True):
            found[place].values[row] = terms
            found[place].reason[row] = "" if np.isfinite(terms).all() else _NOT_FINITE
    return found


def _nothing(group: Group) -> Terms:
    """The terms before any was computed: those of the file, or none with the reason."""
    count = len(group.source)
    values = np.full((count, 4), np.nan) if group.terms is None else np.asarray(group.terms, np.float64)
    reason = np.full(count, _why_not(group) or _NOT_FINITE, dtype=object)
    if group.terms is not None:
        reason[:] = np.where(np.isfinite(values).all(axis=1), "", "The four terms of this network are not in the file.")
    elif reason[0] == _NOT_FINITE:
        if group.networks.readout == "relu":
            reason[~np.asarray(group.best, bool)] = _NOT_BEST
        reason[np.isin(np.asarray(group.status), ("diverged", "unstable"))] = _NOT_FINITE[:-1] + ": it did not settle."
        reason[~np.isfinite(np.asarray(group.p, np.float64))] = "Features differ in p: there is no loss / p to divide."
    return Terms(values, reason)


def _why_not(group: Group) -> str:
    """Why no network of a group can have them, or nothing."""
    networks, process = group.networks, group.process
    if isinstance(networks, Given) or process is None:
        return "What this network was trained on is not known, so it has no loss here."
    if networks.recurrence != "linear":
        return (
            "Four terms add up to the loss exactly when the recurrence is linear. This one is not, and its loss was "
            "measured by simulation."
        )
    if any(each is not None and np.any(np.asarray(each)) for each in (networks.b_h, networks.b_y)):
        return "The four terms are not computed for networks with biases."
    if not isinstance(group.task, Delay):
        return "The four terms are computed for inputs that are to be recalled after one delay; this task is another."
    if networks.readout == "relu" and (networks.n_features, networks.n_outputs) != (1, 1):
        return "Four terms take integrals for a ReLU readout: they were computed for one input and one output only."
    return ""


def _terms(groups: Sequence[Group], chosen: list[tuple[int, int]]) -> np.ndarray:
    """(networks, 4) of chosen networks, given as group and row; what decides the batch is the same for all."""
    like = groups[chosen[0][0]]
    process, horizon, n_features = like.process, like.horizon, like.networks.n_features
    assert process is not None
    weights: dict[int, list[np.ndarray]] = {}
    for place, _ in chosen:
        if place not in weights:
            networks = groups[place].networks
            assert isinstance(networks, RecurrentNetwork)
            W_x, W_h, _ = networks.folded_weights
            weights[place] = [np.asarray(each) for each in (W_x, W_h, networks.output_weights)]
    W_x, W_h, W_y = (np.stack([weights[place][each][row] for place, row in chosen]) for each in range(3))
    p = np.array([[groups[place].p[row]] * n_features for place, row in chosen])
    delays = np.array([groups[place].delay for place, _ in chosen])
    try:
        found = expected_loss(
            RecurrentNetwork(W_x, W_h, W_y, readout=like.networks.readout),
            Delay(delays, like.task.importance),
            SparseProcess(n_features, p, process.amplitudes),
            horizon=SteadyState() if horizon is None else horizon,
            tolerance=_TOLERANCE,
        )
    except NotCovered:
        return np.full((len(chosen), 4), np.nan)
    values = np.stack([np.asarray(getattr(found, name), np.float64) for name in TERM_NAMES], axis=-1)
    return np.where(np.isfinite(values).all(axis=-1, keepdims=True), values, np.nan)
