"""What a run knows of its blocks while it fills a store."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from .._progress import NoProgress, Progress
from .._status import Status, count_statuses
from ..data import Block
from ._attempt import describe_environment
from ._messages import Failed, Trained
from ._plan import ENGINE_VERSION, BlockPlan, Plan, label
from ._store import Store
from ._summary import PointSummary

_SECONDS_BETWEEN_MANIFESTS = 10.0
_SHARE_OF_TIME = 0.05  # that may go into writing manifests


class Outcome(NamedTuple):
    """What is kept of a stored block in memory."""

    file: str
    loss: np.ndarray
    status: np.ndarray

    @classmethod
    def of(cls, path: Path, stored: Block, count: int) -> "Outcome":
        """That of the first so many networks of a block that was read from a file."""
        codes = [Status[word.upper()] for word in stored.variables["status"].values[:count]]
        return cls(path.name, np.asarray(stored.variables["loss"].values[:count]), np.array(codes, np.int8))


class Ledger:
    """The blocks of a plan that are stored, and those that failed.

    Attributes:
        stored: Outcome of a block by its key.
        failed: What is said of a block that could not be trained, by its key.
        by_others: Networks that another program stored meanwhile.
    """

    def __init__(self, plan: Plan, place: Store):
        self._plan, self._place = plan, place
        self._blocks = {block.key: block for block in plan.blocks}
        self._environment = describe_environment()
        self._written, self._pause = time.monotonic(), _SECONDS_BETWEEN_MANIFESTS
        self.stored: dict[str, Outcome] = {}
        self.failed: dict[str, Failed] = {}
        self.by_others = 0

    @property
    def missing(self) -> list[BlockPlan]:
        """The blocks that are not stored, in the order of the plan."""
        return [block for block in self._plan.blocks if block.key not in self.stored]

    @property
    def done(self) -> int:
        """Number of networks that are stored."""
        return sum(len(block.seeds) for block in self._plan.blocks if block.key in self.stored)

    @property
    def note(self) -> str:
        """How many blocks are stored, and how many failed."""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"{len(self.stored)}/{len(self._plan.blocks)} blocks{failed}"

    def enter(self, key: str, answer: Trained | Failed) -> None:
        """Keeps a trained block in the store, or why there is none."""
        if isinstance(answer, Failed):
            # two programs can be in each other's way; what one of them has stored has not failed
            if not self.found(self._blocks[key], NoProgress()):
                self.failed[key] = answer
            return
        path = self._place.write(key, answer.content, answer.seconds)
        self.stored[key] = Outcome(path.name, answer.loss, answer.status)
        if time.monotonic() - self._written > self._pause:
            began = time.monotonic()
            self.write_manifest()
            self._written = time.monotonic()
            self._pause = max(_SECONDS_BETWEEN_MANIFESTS, (self._written - began) / _SHARE_OF_TIME)

    def found(self, block: BlockPlan, progress: Progress) -> bool:
        """Whether another program has stored the block meanwhile."""
        found = self._place.find(block)
        if found is None:
            return False
        self.stored[block.key] = Outcome.of(*found, len(block.seeds))
        self.by_others += len(block.seeds)
        progress.advance(len(block.seeds), self.note)
        return True

    def write_manifest(self) -> None:
        """Writes what is known as `manifest.json`."""
        blocks = [self._entry(block) for block in self._plan.blocks]
        self._place.write_manifest(
            {
                "format": 1,
                "engine_version": ENGINE_VERSION,
                "environment": self._environment,
                "networks": self._plan.n_networks,
                "done": sum(block["networks"] for block in blocks if block["file"]),
                "axes": self._plan.axes,
                "blocks": blocks,
            }
        )

    def _entry(self, block: BlockPlan) -> dict[str, Any]:
        stored, failed = self.stored.get(block.key), self.failed.get(block.key)
        return {
            "key": block.key,
            "file": f"blocks/{stored.file}" if stored else None,
            "coordinates": block.coordinates,
            "seeds": [block.seeds[0], block.seeds[-1]],
            "networks": len(block.seeds),
            "statuses": count_statuses(stored.status) if stored else {},
            "error": failed.reason if failed else None,
        }


def point_summaries(plan: Plan, stored: dict[str, Outcome]) -> tuple[PointSummary, ...]:
    """The stored networks of each point of a plan."""
    grouped: dict[bytes, list[BlockPlan]] = {}
    for block in plan.blocks:
        grouped.setdefault(msgspec.json.encode(block.coordinates, order="sorted"), []).append(block)
    points = []
    for blocks in grouped.values():
        found = [stored[block.key] for block in blocks if block.key in stored]
        losses = np.concatenate([np.empty(0), *(each.loss for each in found)])
        statuses = np.concatenate([np.empty(0, np.int8), *(each.status for each in found)])
        points.append(PointSummary(blocks[0].coordinates, label(blocks[0].coordinates), losses, statuses))
    return tuple(points)
