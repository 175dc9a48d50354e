"""One try at a block: whatever happens, there is an answer."""

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._atomic import make_folder
from .._errors import InvalidInput, Shown, SpiralsinkError, shorten
from .._machine import describe_machine
from .._version import __version__
from ..training import Checkpoint, NoCheckpoint
from ._messages import Failed, Job, Trained
from ._plan import UNFINISHED, label
from ._train import train_block

_LONGEST_REASON = 300

Report = Callable[[float], None]
"""Is told how many networks, in fractions of their steps, were trained since it was told last."""


class _Fraction:
    """The steps of one block as networks that were trained."""

    def __init__(self, report: Report, networks_per_step: float):
        self._report, self._each = report, networks_per_step

    def start(self, description: str, total: int, unit: str = "steps") -> None:
        """Is begun by the run."""

    def advance(self, amount: int, note: str = "") -> None:
        """Moves the meter of the run on."""
        self._report(amount * self._each)

    def close(self) -> None:
        """Is ended by the run."""


def attempt(job: Job, report: Report) -> Trained | Failed:
    """Trains a block, from its checkpoint if there is one."""
    block = job.block
    if block.key != job.key:
        return Failed(f"{label(job.coordinates) or 'all'}: a worker has another version, spiralsink {__version__}")
    progress = _Fraction(report, len(block.seeds) / block.spec.training.steps)
    given = {"axes": job.axes, "environment": describe_environment(), "progress": progress}
    try:
        return train_block(block, checkpoint=_checkpoint(job), **given)
    except Exception as error:
        return failure(job, error)


def _checkpoint(job: Job) -> Checkpoint | NoCheckpoint:
    """In the store, where this machine sees it; it only saves time."""
    if plan_digest(Path(job.store)) != job.plan:
        return NoCheckpoint()
    folder = Path(job.store) / UNFINISHED
    with contextlib.suppress(InvalidInput):
        make_folder(folder)
    return Checkpoint(folder / f"{job.key}.safetensors", every=job.checkpoint_every, best_effort=True)


def failure(job: Job, error: BaseException) -> Failed:
    """What is said of an error in a block."""
    where = label(job.coordinates) or "all"
    if isinstance(error, InvalidInput):
        value = error.value if isinstance(error.value, Shown) else shorten(error.value)
        return Failed(f"{where}: {error}", (error.field, str(value), error.allowed, error.hint))
    name = "" if isinstance(error, SpiralsinkError) else f"{type(error).__name__}: "
    text = " ".join(str(error).split())
    return Failed(f"{where}: {name}{text[:_LONGEST_REASON]}{'...' * (len(text) > _LONGEST_REASON)}")


def describe_environment() -> dict[str, Any]:
    """The versions and the machine, on which the bytes of a block depend too."""
    machine = describe_machine()
    return {"spiralsink": __version__} | {name: value for name, value in machine.items() if name != "cores"}


def plan_digest(store: Path) -> str:
    """What tells one store from another that has the same path on another machine; "" if there is none."""
    try:
        return hashlib.sha256((store / "plan.toml").read_bytes()).hexdigest()
    except OSError:
        return ""
