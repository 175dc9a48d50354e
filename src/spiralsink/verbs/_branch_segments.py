"""Pieces of branches between stations, and how they join: every stretch of p is followed once."""

import dataclasses

import numpy as np
from jaxtyping import Float

from .._progress import Progress
from ..optimisation import Branch, DifferencedCurvature, continue_branches
from ._branch_search import Station, same_filter
from ._filter_loss import FilterLoss, GainExcess

WIDTH = 4
_LONGEST_STEP = 0.15


@dataclasses.dataclass
class Node:
    """A local optimum at a station, and the pieces that lead away from it.

    Attributes:
        point: Transfer coefficients, (2 N_h,).
        below: The piece towards smaller p, in the order in which it was followed, or None.
        above: The piece towards larger p, or None.
        below_node: Index of the optimum at the next station below that it leads to, if any.
        above_node: Likewise above.
    """

    point: Float[np.ndarray, " two_hidden"]
    below: Branch | None = None
    above: Branch | None = None
    below_node: int | None = None
    above_node: int | None = None


def follow_all(loss: FilterLoss, stations: list[Station], *, progress: Progress) -> list[list[Node]]:
    """Follows every optimum to the neighbouring stations, where it meets another, or is new, or ends on the way.

    Rounds go downwards from every optimum, also from those met for the first time, then upwards from those that
    were not met from below; so no stretch is followed twice, and every round is one batch of lanes.

    Args:
        loss: The loss of a filter, along log p.
        stations: What the search found, smallest p first.
        progress: Told about the pieces that ended.
    """
    nodes = [[Node(point) for point in station.points] for station in stations]
    where = [station.log_p for station in stations]
    for step in (-1, 1):
        while True:
            waiting = [
                (at, index)
                for at, here in enumerate(nodes)
                for index, node in enumerate(here)
                if 0 <= at + step < len(nodes) and (node.below if step < 0 else node.above) is None
            ]
            if not waiting:
                break
            _round(loss, nodes, where, waiting, step, progress)
    return nodes


def _round(
    loss: FilterLoss,
    nodes: list[list[Node]],
    where: list[float],
    waiting: list[tuple[int, int]],
    step: int,
    progress: Progress,
) -> None:
    at = np.array([each for each, _ in waiting])
    here, there = np.take(where, at), np.take(where, at + step)
    pieces = continue_branches(
        loss,
        np.stack([nodes[each][index].point for each, index in waiting]),
        here,
        direction=step,
        limits=(np.minimum(here, there), np.maximum(here, there)),
        boundary=GainExcess(loss),
        curvature=DifferencedCurvature(),
        longest_step=_LONGEST_STEP,
        width=WIDTH,
        progress=progress,
    )
    for (each, index), piece in zip(waiting, pieces, strict=True):
        node, beyond = nodes[each][index], nodes[each + step]
        if len(piece.parameter):
            node.point = piece.point[0]
        met = _meet(piece, beyond) if piece.end == "range" and piece.stable.all() else None
        if step < 0:
            node.below, node.below_node = piece, met
        else:
            node.above, node.above_node = piece, met
        if met is not None:
            other = beyond[met]
            if step < 0:
                other.above, other.above_node = piece.reversed(), index
            else:
                other.below, other.below_node = piece.reversed(), index


def _meet(piece: Branch, beyond: list[Node]) -> int:
    """The optimum at the next station that a piece leads to; a new one if the search has missed it."""
    for index, node in enumerate(beyond):
        if same_filter(piece.point[-1], node.point):
            return index
    beyond.append(Node(piece.point[-1]))
    return len(beyond) - 1
