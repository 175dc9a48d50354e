"""Which networks go on the page: the best of every point, and as many of the rest of every point as there is room."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

MOST_NETWORKS = 5000
MOST_NUMBERS = 400_000
"""Of all weights on a page: 2.1 MB as base64."""
MOST_RECORDS = 10_000
"""Of all histories on a page."""

_LONGEST_HISTORY = 201


def rooms(counts: Sequence[int], sizes: Sequence[int], points: Sequence[int] | None = None) -> list[int]:
    """How many networks of every collection are shown: all where there is room.

    Where there is not, first the best of every point, then equal shares of what is left.

    Args:
        counts: Networks of each collection.
        sizes: Numbers that a network of each takes.
        points: Points of each, of which there is one best network; counts if None.

    Returns:
        At most `MOST_NETWORKS` in all, whose weights are at most `MOST_NUMBERS`; 0 for one of too large networks.
    """
    bests = _shares(list(counts if points is None else points), sizes, MOST_NETWORKS, MOST_NUMBERS)
    used = sum(each * size for each, size in zip(bests, sizes, strict=True))
    left = [count - each for count, each in zip(counts, bests, strict=True)]
    # where some of the best are left out there is no room for others
    others = _shares(left, sizes, MOST_NETWORKS - sum(bests), MOST_NUMBERS - used)
    return [each + other if each else 0 for each, other in zip(bests, others, strict=True)]


def _shares(counts: Sequence[int], sizes: Sequence[int], networks: int, numbers: int) -> list[int]:
    found = [0] * len(counts)
    # those that take least leave the rest of their share to the others
    order = sorted(range(len(counts)), key=lambda place: (counts[place] * sizes[place], counts[place]))
    for left, place in zip(range(len(counts), 0, -1), order, strict=True):
        fair = min(-(-networks // left), numbers // left // sizes[place])
        if not fair and sizes[place] <= numbers // 2:
            fair = 1
        found[place] = min(counts[place], fair, networks)
        networks -= found[place]
        numbers -= found[place] * sizes[place]
    return found


def thinned(records: int) -> Int[np.ndarray, " shown"]:
    """Places of the records of a history that are shown: all, or evenly spaced ones with the first and the last."""
    most = _LONGEST_HISTORY
    return np.unique(np.linspace(0, records - 1, most).astype(int)) if records > most else np.arange(records)


def tracked(records: Sequence[int], best: Sequence[bool]) -> list[int]:
    """Which histories are shown, of some with so many records each: all where their records fit into `MOST_RECORDS`.

    Where they do not, evenly spaced ones with both ends, first of the best networks, then of the others.
    """
    chosen, room = [], MOST_RECORDS
    for wanted in (True, False):
        places = [place for place, each in enumerate(best) if each == wanted]
        longest = max((min(records[place], _LONGEST_HISTORY) for place in places), default=1)
        most = min(len(places), room // max(longest, 1))
        if most:
            chosen += [places[each] for each in np.unique(np.linspace(0, len(places) - 1, most).astype(int))]
        room -= most * longest
    return sorted(chosen)


def best_of_points(point: Int[np.ndarray, " networks"], loss: Float[np.ndarray, " networks"]) -> Bool[np.ndarray, " n"]:
    """Whether a network has the lowest loss of its point; the first of several, none where no loss is a number."""
    found = np.zeros(len(point), bool)
    order = np.lexsort((np.where(np.isnan(loss), np.inf, loss), point))
    first = np.append(True, np.diff(point[order]) != 0) if len(order) else np.zeros(0, bool)
    found[order[first]] = ~np.isnan(loss[order[first]])
    return found


def choose(
    point: Int[np.ndarray, " networks"], best: Bool[np.ndarray, " networks"], room: int
) -> tuple[Int[np.ndarray, " chosen"], str]:
    """Places of the networks to be shown, ascending, and how they were chosen.

    All of them if there is room. Otherwise the best of every point and the first others of every point, equally many
    of each: seeds are exchangeable, so the first ones are a fair sample. Where there are more points than room, every
    so manieth point.

    Args:
        point: Which point each network belongs to, whole numbers from 0.
        best: Whether it is the best of its point.
        room: How many networks may be shown.
    """
    total = len(point)
    if total <= room:
        return np.arange(total), ""
    n_points = len(np.unique(point))
    rank = _rank(point, best)
    each = int(room // n_points)
    if each >= 1:
        chosen = np.flatnonzero(rank < each)
        words = f"the best of each of {n_points} points and its first {each - 1} others"
    else:
        chosen = np.flatnonzero(rank == 0)
        chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, room).astype(int))]
        words = f"the best of {len(chosen)} of {n_points} points, evenly spaced"
    return chosen, f"{len(chosen)} of {total} networks: {words}."


def _rank(point: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Place of every network among those of its point: the best is 0, the others follow in their order."""
    order = np.lexsort((np.arange(len(point)), ~best, point))
    starts = np.append(True, np.diff(point[order]) != 0)
    since = np.arange(len(order)) - np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    rank = np.empty(len(order), int)
    rank[order] = since
    return rank
