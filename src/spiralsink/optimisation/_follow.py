"""How one lane of a continuation goes along its curve: a coroutine that asks for corrected points."""

import dataclasses
from collections.abc import Generator
from typing import Any

import numpy as np

from .._status import Status
from ._branch import Branch
from ._corrector import Found, Request
from ._hermite import hermite, turning_place

_SHORTEST_STEP = 1e-6
_SAME_PLACE = 1e-4
_KINK_STEP = 1e-3  # shorter steps may turn by any acute angle: the Hessian may jump
_FOLD_ERROR = 1e-8
_MOST_REFINEMENTS = 10

Asking = Generator[Request, Found, Any]


@dataclasses.dataclass(frozen=True)
class Settings:
    """What one lane was asked for, as in `continue_branches`."""

    direction: float
    limits: tuple[float, float]
    folds: int
    longest_step: float
    max_points: int

    def beyond(self, parameter: float) -> float | None:
        """The limit that a parameter lies beyond, if any."""
        low, high = self.limits
        return low if parameter < low else high if parameter > high else None


@dataclasses.dataclass(frozen=True)
class _Place:
    """A point of the curve and the tangent there, (dx, dlambda) of Euclidean length 1, oriented along the way."""

    found: Found
    tangent: np.ndarray

    @property
    def y(self) -> np.ndarray:
        return np.asarray(self.found.y)

    @property
    def scale(self) -> np.ndarray:
        return _scale(self.y)

    def heading(self, scale: np.ndarray) -> np.ndarray:
        return _unit(self.tangent / scale)


def follow(start: np.ndarray, *, settings: Settings) -> Generator[Request, Found, Branch]:
    """Follows one curve; yields requests, is sent what was found, and returns the `Branch`.

    Args:
        start: (x, lambda) of a solution.
        settings: Where to and how far.
    """
    first = yield from _begin(start, settings.direction)
    if first is None:
        return _as_branch([], [], "lost", start)
    places, folds = [first], []
    end = _end_at_once(first, settings)
    step, bend = settings.longest_step / 4, np.zeros_like(start)
    while not end:
        here = places[-1]
        ahead, distance, landed = yield from _try(here, step, bend, settings)
        if ahead is None or (landed and _turned(here, ahead)):
            step, bend = min(step, distance) / 3, np.zeros_like(start)
            end = "lost" if step < _SHORTEST_STEP else ""
        elif ahead.found.excess > 0:
            places.append((yield from _locate(here, ahead, _boundary_place, _worse_excess)))
            end = "bound"
        elif _turned(here, ahead):
            fold = yield from _locate(here, ahead, _fold_place, _turned)
            if len(places) > 1 and _apart(here, fold) < _SAME_PLACE:
                places.pop()  # the last step ended at the fold
            folds.append(len(places))
            places.append(fold)
            if len(folds) > settings.folds:
                end = "fold"
            else:
                places.append(ahead)
                step = min(step, _apart(here, ahead))
        else:
            places.append(ahead)
            step, bend = _next_step(here, ahead, step, distance, settings.longest_step)
            end = "range" if landed else ""
        if not end and len(places) >= settings.max_points:
            end = "points"
    return _as_branch(places, folds, end, start)


def _begin(start: np.ndarray, direction: float) -> Asking:
    """The first place: the start is differentiated, then corrected at its lambda."""
    at_parameter = np.append(np.zeros(start.size - 1), 1.0)
    found = yield Request(start, at_parameter, np.eye(start.size - 1, start.size), _scale(start), np.int32(0))
    if not found.converged:
        return None
    found = yield Request(start, at_parameter, found.jacobian, _scale(start))
    near = np.linalg.norm((found.y - start) / _scale(start)) < 0.1
    return _place(found, at_parameter * direction) if found.converged and near else None


def _end_at_once(first: _Place, settings: Settings) -> str:
    if first.found.excess > 0:
        return "bound"
    parameter, (low, high) = first.y[-1], settings.limits
    return "range" if (parameter <= low if settings.direction < 0 else parameter >= high) else ""


def _try(here: _Place, step: float, bend: np.ndarray, settings: Settings) -> Asking:
    """One step: the place ahead or None, how far it was from the guess (or the step that failed), whether it landed."""
    scale = here.scale
    heading = here.heading(scale)

    def ahead(length: float) -> np.ndarray:
        return here.y + scale * (length * heading + 0.5 * length**2 * bend)

    guess, row = ahead(step), heading / scale
    limit = settings.beyond(guess[-1])
    if limit is not None:
        step = min(step, abs((limit - here.y[-1]) / heading[-1]))
        guess = np.append(ahead(step)[:-1], limit)
        row = np.append(np.zeros(guess.size - 1), 1.0)
    found = yield Request(guess, row, here.found.jacobian, scale)
    place, distance = _judged(here, found, guess, step)
    if place is None:
        return None, step, False
    passed = settings.beyond(place.y[-1]) if limit is None else None
    if passed is not None:
        guess = _between(here, place, (passed - here.y[-1]) / (place.y[-1] - here.y[-1]))
        guess = np.append(guess[:-1], passed)
        found = yield Request(guess, np.append(np.zeros(guess.size - 1), 1.0), here.found.jacobian, scale)
        place, distance = _judged(here, found, guess, step)
        return place, step if place is None else distance, True
    return place, distance, limit is not None


def _judged(here: _Place, found: Found, guess: np.ndarray, step: float) -> tuple[_Place | None, float]:
    """The place found, if it can be trusted to lie on the same curve."""
    if not found.converged:
        return None, step
    place = _place(found, here.tangent)
    distance = float(np.linalg.norm((found.y - guess) / here.scale))
    aligned = here.heading(here.scale) @ place.heading(here.scale)
    short = step < _KINK_STEP
    trusted = distance <= (1.0 if short else 0.3) * step + 1e-9 and aligned >= (0.1 if short else 0.8)
    return (place, distance) if trusted else (None, step)


def _next_step(here: _Place, ahead: _Place, step: float, distance: float, longest: float) -> tuple[float, np.ndarray]:
    """The next length, and how the tangent turns in units of `ahead.scale`, for a guess of second order."""
    scale = ahead.scale
    before, after = here.heading(scale), ahead.heading(scale)
    angle = float(np.arccos(np.clip(before @ after, -1, 1)))
    factor = min(np.sqrt(0.05 * step / max(distance, 1e-12)), 0.25 / max(angle, 1e-12))
    step = min(step * float(np.clip(factor, 0.5, 2.0)), longest)
    bend = (after - before) / max(float(np.linalg.norm((ahead.y - here.y) / scale)), _SHORTEST_STEP)
    size = 0.5 * step * float(np.linalg.norm(bend))
    return step, bend if size < 0.3 else np.zeros_like(bend)


def _locate(here: _Place, ahead: _Place, position: Any, beyond: Any) -> Asking:
    """The last place on this side of something that lies between two places, to the accuracy of `position`."""
    a, b = here, ahead
    for _ in range(_MOST_REFINEMENTS):
        share, error = position(a, b)
        if error <= _FOLD_ERROR:
            break
        guess = _between(a, b, float(np.clip(share, 0.02, 0.98)))
        row = _unit((b.y - a.y) / a.scale) / a.scale
        found = yield Request(guess, row, a.found.jacobian, a.scale)
        if not found.converged:
            break
        middle = _place(found, a.tangent)
        a, b = (a, middle) if beyond(here, middle) else (middle, b)
    return min((a, b), key=lambda place: position(place, place)[1]) if position is _fold_place else a


def _fold_place(a: _Place, b: _Place) -> tuple[float, float]:
    """Where between two places lambda turns, and how far from its extremum it still is at the nearer one."""
    scale = a.scale
    width = float(np.linalg.norm((b.y - a.y) / scale))
    rates = np.array([a.heading(scale)[-1], b.heading(scale)[-1]])
    if width == 0:
        return 0.0, abs(float(rates[0]))
    error = float(np.min(rates**2)) * width / (2 * abs(rates[0] - rates[1]))
    return turning_place((0.0, width), (a.y[-1], b.y[-1]), rates) / width, error


def _boundary_place(a: _Place, b: _Place) -> tuple[float, float]:
    inside, outside = float(a.found.excess), float(b.found.excess)
    share = inside / (inside - outside) if np.isfinite(outside) else 0.5
    return float(np.clip(share, 0.1, 0.9)), float(np.linalg.norm((b.y - a.y) / a.scale))


def _worse_excess(_: _Place, place: _Place) -> bool:
    return bool(place.found.excess > 0)


def _turned(here: _Place, ahead: _Place) -> bool:
    return bool(here.tangent[-1] * ahead.tangent[-1] < 0)


def _between(a: _Place, b: _Place, share: float) -> np.ndarray:
    scale = a.scale
    width = _apart(a, b)
    return scale * hermite(
        (0.0, width), (a.y / scale, b.y / scale), (a.heading(scale), b.heading(scale)), share * width
    )


def _apart(a: _Place, b: _Place) -> float:
    return float(np.linalg.norm((b.y - a.y) / a.scale))


def _place(found: Found, along: np.ndarray) -> _Place:
    """The tangent is the null vector of the Jacobian, in the sense of `along`."""
    scale = _scale(np.asarray(found.y))
    null = np.linalg.svd(found.jacobian * scale)[2][-1]
    sign = 1.0 if null @ (along / scale) >= 0 else -1.0
    return _Place(found, sign * _unit(null * scale))


def _scale(y: np.ndarray) -> np.ndarray:
    return np.append(1 + np.abs(y[:-1]), 1.0)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _as_branch(places: list[_Place], folds: list[int], end: str, start: np.ndarray) -> Branch:
    points = np.reshape([place.y for place in places], (-1, start.size))
    curvatures = [np.linalg.eigvalsh(place.found.jacobian[:, :-1]) for place in places]
    curvatures = np.reshape(curvatures, (-1, start.size - 1))
    return Branch(
        point=points[:, :-1],
        parameter=points[:, -1],
        value=np.array([float(place.found.value) for place in places]),
        slope=np.array([float(place.found.slope) for place in places]),
        tangent=np.reshape([place.tangent for place in places], (-1, start.size)),
        curvature=curvatures[:, 0],
        stable=(curvatures[:, 0] > 0) & ~np.isin(np.arange(len(places)), folds),
        folds=np.array(folds, dtype=np.int64),
        end=end,
        status=Status.CONVERGED if end in ("range", "bound", "fold") else Status.UNCONVERGED,
    )
