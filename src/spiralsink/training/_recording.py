"""What training keeps along the way, and when it may end early."""

import dataclasses
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from .._errors import InvalidInput, check_count


@dataclasses.dataclass(frozen=True)
class Every:
    """Record networks and losses at step 0, every `steps` steps and at the end; `Every(0)` keeps only the end.

    Attributes:
        steps: Number of steps between two records, >= 0.
    """

    steps: int = 50

    def __post_init__(self) -> None:
        check_count("record", self.steps, 0)

    def includes(self, step: int, total: int) -> bool:
        """Whether that step of a training of `total` steps is recorded."""
        return step == total or (self.steps > 0 and step % self.steps == 0)

    def count(self, total: int) -> int:
        """How many steps of a training of `total` steps are recorded."""
        return 1 + (-(-total // self.steps) if self.steps else 0)


@runtime_checkable
class Stopping(Protocol):
    """When networks end early; asked every `check_every` steps (0: never)."""

    @property
    def check_every(self) -> int:
        """Number of steps between two checks."""
        ...

    def should_stop(self, step: Int[np.ndarray, " checks"], loss: Float[np.ndarray, "checks networks"]) -> Any:
        """Which networks to stop now, (networks,), or one answer for all; training ends when none is left.

        Args:
            step: All steps at which the loss was evaluated so far, ascending; the last is now.
            loss: The losses then, on the evaluation batch (or exact), NaN for networks that diverged. Networks that
                were stopped keep theirs.
        """
        ...


@dataclasses.dataclass(frozen=True)
class NoStopping:
    """Takes all steps."""

    check_every = 0

    def should_stop(self, step: Int[np.ndarray, " checks"], loss: Float[np.ndarray, "checks networks"]) -> bool:
        """Never."""
        return False


@dataclasses.dataclass(frozen=True)
class StopWhenSettled:
    """Stops each network when its loss fell by less than the fraction `fall` over the last `over` steps.

    It then stays as it is, and costs nothing more. A loss that falls in steps, as it does from small initial weights,
    rests on plateaus: `over` should be longer than they are.

    Attributes:
        over: Number of steps over which the loss must have fallen, >= 1.
        fall: Least relative fall of a loss that has not settled, in (0, 1).
        check_every: Number of steps between two checks, >= 1; each evaluates the loss.
    """

    over: int = 1000
    fall: float = 1e-3
    check_every: int = 100

    def __post_init__(self) -> None:
        check_count("over", self.over)
        check_count("check_every", self.check_every)
        if not 0 < self.fall < 1:
            raise InvalidInput("fall", self.fall, "in (0, 1)")

    def should_stop(
        self, step: Int[np.ndarray, " checks"], loss: Float[np.ndarray, "checks networks"]
    ) -> Bool[np.ndarray, " networks"]:
        """Which networks have settled, or diverged."""
        (earlier,) = np.nonzero(step <= step[-1] - self.over)
        if not earlier.size:
            return np.zeros(loss.shape[1:], bool)
        before, now = loss[earlier[-1]], loss[-1]
        return (before - now < self.fall * before) | ~np.isfinite(now)


def stops(record: Every, stopping: Stopping, steps: int, last_quarter: int) -> Iterator[int]:
    """The steps at which a training of so many steps is evaluated, ascending; never all of them at once."""
    step = 0
    if record.steps or not last_quarter:
        yield 0
    while step < steps:
        further = [last_quarter] if last_quarter > step else []
        further += [step - step % every + every for every in (record.steps, stopping.check_every) if every]
        step = min(*further, steps) if further else steps
        yield step
