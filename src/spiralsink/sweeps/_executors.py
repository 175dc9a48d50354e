"""Where blocks are trained: the protocol of executors, and the one that needs nothing."""

import dataclasses
from collections.abc import Generator, Iterator
from typing import Any, Protocol, runtime_checkable

from .._errors import InvalidInput
from ._attempt import Report, attempt
from ._messages import Failed, Job, Trained

_MOST_WORKERS = 1024
Answer = tuple[Job, Trained | Failed]


def check_workers(workers: Any) -> int | None:
    """Returns `workers` if a machine can run so many processes; None stands for as many as it has cores."""
    if workers is None:
        return None
    whole = isinstance(workers, int) and not isinstance(workers, bool)
    if not whole or not 1 <= workers <= _MOST_WORKERS:
        raise InvalidInput("workers", workers, f"a whole number from 1 to {_MOST_WORKERS}")
    return workers


@runtime_checkable
class Executor(Protocol):
    """Trains blocks somewhere."""

    def train(self, jobs: Iterator[Job], report: Report) -> Generator[Answer, None, None]:
        """Yields one answer for each job, in any order.

        Closing the generator ends what still runs.

        Args:
            jobs: The blocks. The next one is asked for when there is somebody to train it, so that no more is in
                memory than is in training.
            report: Told how many networks, in fractions of their steps, were trained since it was told last; less
                than 0 where work was lost.
        """
        ...


@dataclasses.dataclass(frozen=True)
class InThisProcess:
    """One block after the other, in this process and on all of its cores.

    What the native kernel computes is the same on any number of threads. XLA may round otherwise on several threads
    than on the one of every other executor; blocks say how many there were.
    """

    def train(self, jobs: Iterator[Job], report: Report) -> Generator[Answer, None, None]:
        """Yields one answer for each job, in their order."""
        for job in jobs:
            yield job, attempt(job, report)
