"""Local optima of a scalar filter's loss at several activity probabilities, from many starts."""

import dataclasses
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from .._float64 import computes_in_float64
from .._progress import Progress
from ..optimisation import minimise
from ..theory import transfer_coefficients, transfer_projections
from ._filter_loss import BoundedLoss, FilterLoss

_SAME_LOSS, _SAME_PROJECTIONS = 1e-5, 1e-3
_RECALL = 0.4
_MOST_STEPS = 60
_GRADIENT = 1e-6
_NEAR = 1e-3  # of the gradient: close enough to be corrected by Newton's method
_DEAD = 0.98
_COMPARED_LAGS = 32
_projections = computes_in_float64(transfer_projections)


@dataclasses.dataclass(frozen=True)
class Station:
    """What a search found at one activity probability.

    Attributes:
        log_p: log p.
        points: Transfer coefficients of the distinct local optima, best first, (n, 2 N_h).
        counts: How many starts ended in which way: at an optimum, at the bound on the gain, silent, or nowhere.
    """

    log_p: float
    points: Float[np.ndarray, "n two_hidden"]
    counts: dict[str, int]


def search(
    loss: FilterLoss, delay: int, n_hidden: int, log_p: Any, *, restarts: int, seed: int, progress: Progress
) -> list[Station]:
    """Searches at every log p from the same random starts; lanes of one minimisation.

    Args:
        loss: What is minimised, within its bound.
        delay: k, the time scale of the starts.
        n_hidden: N_h.
        log_p: Where, (stations,).
        restarts: Starts at each of them.
        seed: Seed of the starts.
        progress: Told about the starts that ended.
    """
    rng = np.random.default_rng(seed)
    starts = np.stack([_random_filter(rng, delay, n_hidden) for _ in range(restarts)])
    lanes, at = np.tile(starts, (len(log_p), 1)), np.repeat(log_p, restarts)
    minima = minimise(
        BoundedLoss(loss),
        lanes,
        args=(at,),
        max_steps=_MOST_STEPS,
        tolerance=_GRADIENT,
        in_turn=True,
        progress=progress,
    )
    gain = np.asarray(computes_in_float64(jax.vmap(loss.gain))(minima.point))
    at_bound = gain > 0.97 * loss.limit
    silent = ~at_bound & (minima.value >= _DEAD * loss.silent)
    optimal = ~at_bound & ~silent & (minima.gradient_norm <= _NEAR)
    ways = {"optimal": optimal, "at_bound": at_bound, "dead": silent}
    ways["unconverged"] = ~(optimal | at_bound | silent)
    stations = []
    for index, each in enumerate(log_p):
        here = slice(index * restarts, (index + 1) * restarts)
        found = np.flatnonzero(optimal[here]) + here.start
        found = found[np.argsort(minima.value[found], kind="stable")]
        points = minima.point[found]
        counts = {name: int(way[here].sum()) for name, way in ways.items()}
        stations.append(Station(float(each), points[distinct(points, minima.value[found])], counts))
    return stations


def distinct(points: np.ndarray, values: np.ndarray) -> list[int]:
    """Which of some optima, best first, differ from all before them.

    Args:
        points: Transfer coefficients, (n, 2 N_h).
        values: Losses, (n,).
    """
    kept: list[int] = []
    for lane in range(len(points)):
        known = [other for other in kept if abs(values[lane] - values[other]) <= _SAME_LOSS * abs(values[other])]
        if not any(same_filter(points[lane], points[other]) for other in known):
            kept.append(lane)
    return kept


def same_filter(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two filters have the same projections.

    Args:
        one: Transfer coefficients, (2 N_h,).
        other: Transfer coefficients, (2 N_h,).
    """
    a, b = _projections(np.stack([one, other]), n_lags=_COMPARED_LAGS)
    return bool(np.abs(a - b).max() <= _SAME_PROJECTIONS * max(1.0, float(np.abs(a).max())))


def _random_filter(rng: np.random.Generator, delay: int, n_hidden: int) -> np.ndarray:
    """Decaying rotations at any angle, read out by their own directions at the delay, with a_k = 0.4."""
    memory = max(delay, 1)
    W_h = np.zeros((n_hidden, n_hidden))
    row = 0
    while row < n_hidden:
        modulus = np.exp(-rng.uniform(0.2, 2.0) / memory)
        if row + 1 < n_hidden and (n_hidden == 2 or rng.random() < 0.85):
            angle = rng.uniform(0, np.pi)
            cosine, sine = modulus * np.cos(angle), modulus * np.sin(angle)
            W_h[row : row + 2, row : row + 2] = [[cosine, -sine], [sine, cosine]]
            row += 2
        else:
            W_h[row, row] = modulus * rng.choice([-1, 1])
            row += 1
    W_x = rng.normal(size=(n_hidden, 1))
    W_y = np.linalg.matrix_power(W_h, delay) @ W_x
    return transfer_coefficients(W_x, W_h, W_y * (_RECALL / np.sum(W_y**2)))
