"""Runs a plan: one block after the other, each stored before the next begins."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._errors import InvalidInput
from .._machine import describe_machine
from .._progress import NoProgress, Progress
from .._status import Status, count_statuses
from .._version import __version__
from ..data import Block
from ..specs import Spec
from ._plan import ENGINE_VERSION, Plan, make_plan
from ._store import Store
from ._summary import PointSummary, Summary
from ._train import train_block


class Outcome(NamedTuple):
    """What is kept of a stored block in memory."""

    file: str
    loss: np.ndarray
    status: np.ndarray

    @classmethod
    def of(cls, path: Path, block: Block) -> "Outcome":
        """That of a block that was read from a file."""
        codes = [Status[word.upper()] for word in block.variables["status"].values]
        return cls(path.name, block.variables["loss"].values, np.array(codes, np.int64))


class _Part:
    """The progress of one block as a part of that of the plan."""

    def __init__(self, whole: Progress):
        self._whole = whole

    def start(self, description: str, total: int, unit: str = "steps") -> None:
        """Leaves the bar of the plan as it is."""

    def advance(self, amount: int, note: str = "") -> None:
        """Moves the bar of the plan on."""
        self._whole.advance(amount, note)

    def close(self) -> None:
        """Leaves the bar of the plan as it is."""


def run(spec: Spec, store: Path | str, *, progress: Progress = NoProgress()) -> Summary:  # noqa: B008 (stateless)
    """Trains every network of a spec and keeps it in a store.

    Blocks that the store holds already are compared with the hash in their names and not computed again. Damaged ones
    are set aside and computed anew; one that lacks seeds is computed with them and then set aside. A block that raises
    is counted as failed and tried again by the next run.

    Args:
        spec: The spec, with or without a sweep.
        store: Folder of the store; made if it is missing.
        progress: Told about training steps.

    Returns:
        A `Summary` of all networks of the plan.

    Raises:
        InvalidInput: If the store cannot be written or is that of another plan, or settings cannot be trained.
    """
    began = time.monotonic()
    plan, place = make_plan(spec), Store(store)
    place.prepare(plan)
    stored = {block.header.key: Outcome.of(path, block) for path, block in place.finished(plan)}
    missing = [block for block in plan.blocks if block.key not in stored]
    reused = sum(len(block.seeds) for block in plan.blocks if block.key in stored)
    errors: dict[str, str] = {}
    environment = describe_environment()
    steps = sum(block.spec.training.steps for block in missing)
    progress.start(f"training {sum(len(block.seeds) for block in missing)} networks", steps)
    try:
        for block in missing:
            try:
                trained = train_block(block, axes=plan.axes, environment=environment, progress=_Part(progress))
            except InvalidInput:
                raise
            except Exception as error:
                reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
                errors[block.key] = f"{_label(block.coordinates) or 'all'}: {reason}"
                continue
            path = place.write(block.key, trained.content, trained.seconds)
            stored[block.key] = Outcome(path.name, trained.loss, trained.status)
    finally:
        progress.close()
        place.write_manifest(_manifest(plan, stored, errors, environment))
    done = sum(len(block.seeds) for block in plan.blocks if block.key in stored)
    return Summary(
        networks=plan.n_networks,
        done=done,
        failed=plan.n_networks - done,
        seconds=time.monotonic() - began,
        store=place.path,
        points=point_summaries(plan, stored),
        reused=reused,
        errors=tuple(errors.values()),
        set_aside=tuple(place.set_aside),
        replaced=tuple(place.replaced),
    )


def describe_environment() -> dict[str, Any]:
    """The versions, the machine and how many of its cores are used: what the bytes of a block depend on."""
    return {"spiralsink": __version__} | describe_machine()


def point_summaries(plan: Plan, stored: dict[str, Outcome]) -> tuple[PointSummary, ...]:
    """The stored networks of each point of a plan."""
    grouped: dict[str, list[Outcome]] = {}
    for block in plan.blocks:
        found = grouped.setdefault(_label(block.coordinates), [])
        if block.key in stored:
            found.append(stored[block.key])
    return tuple(
        PointSummary(
            label,
            np.concatenate([np.empty(0), *(each.loss for each in found)]),
            np.concatenate([np.empty(0, np.int64), *(each.status for each in found)]),
        )
        for label, found in grouped.items()
    )


def _manifest(
    plan: Plan, stored: dict[str, Outcome], errors: dict[str, str], environment: dict[str, Any]
) -> dict[str, Any]:
    blocks = [
        {
            "key": block.key,
            "file": f"blocks/{stored[block.key].file}" if block.key in stored else None,
            "coordinates": block.coordinates,
            "seeds": [block.seeds[0], block.seeds[-1]],
            "networks": len(block.seeds),
            "statuses": count_statuses(stored[block.key].status) if block.key in stored else {},
            "error": errors.get(block.key),
        }
        for block in plan.blocks
    ]
    return {
        "format": 1,
        "engine_version": ENGINE_VERSION,
        "environment": environment,
        "networks": plan.n_networks,
        "done": sum(block["networks"] for block in blocks if block["file"]),
        "axes": plan.axes,
        "blocks": blocks,
    }


def _label(coordinates: dict[str, Any]) -> str:
    parts = []
    for field, value in coordinates.items():
        shown = f"{value:.6g}" if isinstance(value, float) else str(value)
        parts.append(f"{field.rsplit('.', 1)[-1]} {shown}")
    return ", ".join(parts)
