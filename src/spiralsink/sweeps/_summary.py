"""What a run of a plan ended with, for a reader and for a program."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from .._status import count_statuses

_MOST_LINES = 40
"""Points that are listed for a reader; a program gets them all."""


@dataclasses.dataclass(frozen=True)
class PointSummary:
    """The networks of one point.

    Attributes:
        coordinates: Where in the plan: dotted field -> value.
        label: The same in words; "" without a sweep.
        loss: Loss of every stored network.
        status: Integers of `Status`.
    """

    coordinates: dict[str, Any]
    label: str
    loss: np.ndarray
    status: np.ndarray


@dataclasses.dataclass(frozen=True)
class Summary:
    """What a run of a plan ended with.

    Attributes:
        networks: Number of networks planned.
        done: Number of networks stored, whatever their status.
        failed: Number of networks without a result, because their block raised.
        seconds: Wall-clock seconds of the run.
        store: Folder of the store.
        points: The networks of each point.
        reused: Number of networks that were stored before.
        errors: What failed blocks raised.
        set_aside: Names of damaged blocks that were computed anew.
        replaced: Names of blocks that gave way to one with as many seeds or more.
        environments: Versions, machine and engine, and how many networks were made with them, where that was looked
            up. More than one of them can differ in rounding.
    """

    networks: int
    done: int
    failed: int
    seconds: float
    store: Path
    points: tuple[PointSummary, ...]
    reused: int = 0
    errors: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    environments: tuple[tuple[dict[str, Any], int], ...] = ()

    @property
    def statuses(self) -> dict[str, int]:
        """How many of the stored networks ended each way."""
        return count_statuses(np.concatenate([np.empty(0, np.int64), *(point.status for point in self.points)]))

    def to_dict(self) -> dict[str, Any]:
        """The keys that the command line prints with `--json`."""
        return {
            "networks": self.networks,
            "done": self.done,
            "failed": self.failed,
            "statuses": self.statuses,
            "seconds": self.seconds,
            "store": str(self.store),
            "reused": self.reused,
            "errors": list(self.errors),
            "set_aside": list(self.set_aside),
            "replaced": list(self.replaced),
            "environments": [{"networks": count} | made for made, count in self.environments],
            "points": [
                {
                    "coordinates": point.coordinates,
                    "point": point.label,
                    "networks": len(point.loss),
                    "best_loss": _lowest(point.loss),
                    "median_loss": _median(point.loss),
                    "statuses": count_statuses(point.status),
                }
                for point in self.points
            ],
        }

    def __str__(self) -> str:
        width = max([5, *(len(point.label) for point in self.points)])
        lines = [f"{'point':{width}}  networks   best loss  median loss  statuses"]
        for point in self.points[:_MOST_LINES]:
            counted = ", ".join(f"{count} {word}" for word, count in count_statuses(point.status).items())
            numbers = f"{_lowest(point.loss):11.5g}  {_median(point.loss):11.5g}"
            lines.append(f"{point.label or 'all':{width}}  {len(point.loss):8d} {numbers}  {counted}")
        if len(self.points) > _MOST_LINES:
            lines.append(f"... and {len(self.points) - _MOST_LINES} further points")
        lines += _mixed(self.environments)
        lines += [f"set aside as damaged and computed anew: {name}" for name in self.set_aside]
        lines += [f"set aside for a block with as many seeds or more: {name}" for name in self.replaced]
        lines += [f"failed: {error}" for error in self.errors]
        reused = f", {self.reused} of them from before" if self.reused else ""
        lines.append(
            f"{self.done} of {self.networks} networks stored{reused}, {self.failed} failed, "
            f"{self.seconds:.1f} s: {self.store}"
        )
        return "\n".join(lines)


def _mixed(environments: tuple[tuple[dict[str, Any], int], ...]) -> list[str]:
    """One line for each thing in which the environments of a store differ."""
    names = dict.fromkeys(name for made, _ in environments for name in made)
    lines = []
    for name in names:
        counts: dict[str, int] = {}
        for made, count in environments:
            shown = str(made.get(name, "unknown"))
            counts[shown] = counts.get(shown, 0) + count
        if len(counts) > 1:
            shares = ", ".join(f"{shown} ({count} networks)" for shown, count in counts.items())
            lines.append(f"mixed {name}: {shares}")
    return lines


def _lowest(loss: np.ndarray) -> float:
    finite = loss[np.isfinite(loss)]
    return float(finite.min()) if finite.size else float("nan")


def _median(loss: np.ndarray) -> float:
    finite = loss[np.isfinite(loss)]
    return float(np.median(finite)) if finite.size else float("nan")
