"""Where the best branch changes: crossings of losses along p, and where the escape falls below them all."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.optimize import brentq

from ..optimisation import Branch, DifferencedCurvature, continue_branches
from ..theory import EscapeFamily
from ._branch_segments import WIDTH
from ._branches import PhaseBranch
from ._filter_loss import FilterLoss, GainExcess

_GRID = 400
_ROUNDS = 3


@dataclasses.dataclass(frozen=True)
class Crossing:
    """A change of the lowest branch, met on the way down in p.

    Branches are local minima. Above `escape_p` the lowest of them is the global optimum; below it the loss has no
    global minimiser, and what changes is the best of the local ones.

    Attributes:
        p: Activity probability at which both branches have the same loss; where the lowest one ends before another
            one is as good, the end of its branch.
        above: Name of the lowest branch at larger p.
        below: Name of the lowest branch at smaller p.
        span_jump: Change of the eigenangle span on the way down, degrees.
        radius_jump: Change of the spectral radius on the way down.
        spans: Eigenangle spans of both branches there, `above` first.
        radii: Spectral radii there, `above` first.
        ended: Whether one of the two branches ends there, so that their losses differ and nothing crosses.
    """

    p: float
    above: str
    below: str
    span_jump: float
    radius_jump: float
    spans: tuple[float, float]
    radii: tuple[float, float]
    ended: bool


def find_crossings(loss: FilterLoss, branches: Sequence[PhaseBranch], measure: Any) -> tuple[Crossing, ...]:
    """All changes of the best branch, descending in p; each point is corrected there, not interpolated.

    Where two branches have a gap between them there is none: `find_gaps` has those.

    Args:
        loss: The loss of a filter, along log p.
        branches: Named branches.
        measure: From curves (a `Branch` and its ends each) to `PhaseBranch` each.
    """
    grid, best = _best(branches)
    found = []
    for i in range(len(grid) - 1, 0, -1):
        above, below = best[i], best[i - 1]
        if above == below or above < 0 or below < 0:
            continue
        found.append(_crossing(loss, branches[above], branches[below], grid[i - 1 : i + 1], measure))
    return tuple(found)


def find_gaps(branches: Sequence[PhaseBranch]) -> tuple[tuple[float, float], ...]:
    """Intervals of p between two branches over which no branch passes, descending in p, each (low, high).

    Args:
        branches: All branches.
    """
    grid, best = _best(branches)
    passed = np.flatnonzero(best >= 0)
    wide = np.flatnonzero(np.diff(passed) > 1)[::-1]
    return tuple((float(grid[passed[i]]), float(grid[passed[i + 1]])) for i in wide)


def find_escape_p(branches: Sequence[PhaseBranch], family: EscapeFamily | None, nu: float) -> float | None:
    """The largest p below which the infimum of the escape is lower than every branch, if there is one.

    Args:
        branches: All branches.
        family: The escape, if there is one.
        nu: Second moment of the amplitude.
    """
    if family is None:
        return None
    grid = _grid(branches)
    losses = np.stack([branch.loss_at(grid) for branch in branches])
    lead = np.nanmin(np.where(np.isnan(losses), np.inf, losses), axis=0) - family.infimum(grid, nu)
    lower = np.flatnonzero(lead > 0)
    if not lower.size:
        return None
    last = int(lower[-1])
    if last == len(grid) - 1:
        return float(grid[-1])
    candidates = [branch for branch in branches if np.isfinite(branch.loss_at(grid[last : last + 2])).all()]
    if not candidates:
        return float(grid[last])

    def difference(p: float) -> float:
        return float(min(branch.loss_at(p) for branch in candidates) - family.infimum(p, nu))

    low, high = difference(grid[last]), difference(grid[last + 1])
    return _root(difference, grid[last], grid[last + 1]) if low * high < 0 else float(grid[last])


def _grid(branches: Sequence[PhaseBranch]) -> np.ndarray:
    points = np.concatenate([branch.p for branch in branches])
    return np.unique(np.concatenate([points, np.geomspace(points.min(), points.max(), _GRID)]))


def _best(branches: Sequence[PhaseBranch]) -> tuple[np.ndarray, np.ndarray]:
    """A grid of p, and the index of the lowest branch at each of its points, -1 where none passes."""
    grid = _grid(branches)
    losses = np.stack([branch.loss_at(grid) for branch in branches])
    known = ~np.isnan(losses).all(axis=0)
    return grid, np.where(known, np.argmin(np.where(np.isnan(losses), np.inf, losses), axis=0), -1)


def _crossing(loss: FilterLoss, above: PhaseBranch, below: PhaseBranch, between: np.ndarray, measure: Any) -> Crossing:
    low, high = (float(each) for each in between)
    behind = float(above.loss_at(low) - below.loss_at(low))
    ahead = float(above.loss_at(high) - below.loss_at(high))
    ended = bool(np.isnan(behind) or np.isnan(ahead))
    if ended:
        # one of the two ends in between
        p = float(np.clip(above.p[0], low, high)) if np.isnan(behind) else float(np.clip(below.p[-1], low, high))
    else:
        p = _root(lambda p: float(above.loss_at(p) - below.loss_at(p)), low, high)
        p = _refined(loss, above, below, p)
    inside = [float(np.clip(p, each.p[0], each.p[-1])) for each in (above, below)]
    one, other = measure([(each, ("", "")) for each in _exactly(loss, (above, below), inside)])
    spans = float(one.eigenangle_span[0]), float(other.eigenangle_span[0])
    radii = float(one.spectral_radius[0]), float(other.spectral_radius[0])
    return Crossing(p, above.name, below.name, spans[1] - spans[0], radii[1] - radii[0], spans, radii, ended)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=1e-12))  # pyright: ignore[reportArgumentType]


def _refined(loss: FilterLoss, above: PhaseBranch, below: PhaseBranch, p: float) -> float:
    for _ in range(_ROUNDS):
        one, other = _exactly(loss, (above, below), (p, p))
        change = float((other.value[0] - one.value[0]) / (one.slope[0] - other.slope[0]))
        p = float(p * np.exp(change))
        if abs(change) < 1e-7:  # Newton's method: the next change is of the order of its square
            break
    return p


def _exactly(loss: FilterLoss, branches: Sequence[PhaseBranch], p: Sequence[float]) -> list[Branch]:
    """Branches at one p each, corrected by Newton's method from their interpolation."""
    log_p = np.array(
        [np.clip(np.log(each), *at.curve.parameter[[0, -1]]) for each, at in zip(p, branches, strict=True)]
    )
    points = [
        branch.curve.at(each)[0] if len(branch.p) > 1 else branch.coefficients[0]
        for each, branch in zip(log_p, branches, strict=True)
    ]
    found = continue_branches(
        loss,
        np.stack(points),
        log_p,
        direction=1,
        limits=(log_p, log_p),
        boundary=GainExcess(loss),
        curvature=DifferencedCurvature(),
        width=WIDTH,
    )
    # at a fold Newton's method ends; there the last point is exact
    nearest = [int(np.argmin(np.abs(at.curve.parameter - each))) for each, at in zip(log_p, branches, strict=True)]
    return [
        each if len(each.parameter) else branch.curve[at : at + 1]
        for each, branch, at in zip(found, branches, nearest, strict=True)
    ]
