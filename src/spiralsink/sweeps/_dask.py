"""Blocks on a Dask cluster, whoever deployed it: Slurm, Kubernetes, SSH, or this machine."""

import contextlib
import dataclasses
import logging
import secrets
import threading
from collections.abc import Generator, Iterator
from typing import Any

import msgspec

from .._errors import InvalidInput, MissingExtra, Shown, TrainingFailed, check_kind, check_number
from .._machine import usable_cores
from ._attempt import Report, failure
from ._executors import Answer, check_workers
from ._local import ATTEMPTS
from ._messages import Failed, Job, Trained
from ._worker_process import WorkerProcess

_WAITING = 1  # blocks that wait at a worker for each that it trains, so that it need not wait itself


@dataclasses.dataclass(frozen=True)
class Dask:
    """Blocks as tasks of a Dask cluster.

    Workers may join, leave and die while the sweep runs: blocks of a lost worker are trained by another one, and a
    block that ended three workers counts as failed. Each thread of a Dask worker has a process of its own with one
    thread, so that the numbers are those of every other executor. Results come back through the cluster: its workers
    need spiralsink, in this version, but not the folder of the store; where they see it, blocks go on from checkpoints.

    Attributes:
        scheduler: Address of a scheduler, such as "tcp://10.0.0.1:8786"; None for a cluster on this machine, which
            ends with the sweep (a script that asks for one needs `if __name__ == "__main__":`).
        workers: Workers of the cluster on this machine, from 1 to 1024; None for one per core.
        timeout: Seconds to wait for the scheduler, > 0.
    """

    scheduler: str | None = None
    workers: int | None = None
    timeout: float = 10.0

    def __post_init__(self) -> None:
        if self.scheduler is not None:
            check_kind("scheduler", self.scheduler, str, "an address, as tcp://HOST:PORT")
        check_number("timeout", self.timeout, "a number of seconds > 0", lambda value: value > 0)
        if check_workers(self.workers) is not None and self.scheduler is not None:
            raise InvalidInput("workers", self.workers, "left out, because the cluster has its own")

    def train(self, jobs: Iterator[Job], report: Report) -> Generator[Answer, None, None]:
        """Yields one answer for each job, as they come."""
        with self._client() as client:
            yield from _Tasks(client).train(jobs, report)

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        try:
            from distributed import Client, LocalCluster
        except ImportError:
            raise MissingExtra("distributed", "cluster") from None
        with contextlib.ExitStack() as stack:
            if self.scheduler is None:
                settings = {
                    "n_workers": self.workers or usable_cores(),
                    "threads_per_worker": 1,
                    "memory_limit": None,  # blocks are small, and a worker that pauses would never end
                    "dashboard_address": None,
                    "silence_logs": logging.CRITICAL,
                }
                try:
                    cluster = stack.enter_context(LocalCluster(**settings))
                except RuntimeError as error:
                    hint = "a script that starts processes needs `if __name__ == '__main__':`"
                    raise TrainingFailed(f"no Dask cluster could be started: {error} ({hint})") from None
                client = stack.enter_context(Client(cluster))
            else:
                try:
                    client = stack.enter_context(Client(self.scheduler, timeout=self.timeout))
                except (OSError, ValueError) as error:
                    why = Shown(f"{self.scheduler!r}, which does not answer ({' '.join(str(error).split())})")
                    raise InvalidInput(
                        "scheduler", why, "the address of a Dask scheduler, as tcp://HOST:PORT"
                    ) from None
            yield client


class _Tasks:
    """The blocks that a cluster was given."""

    def __init__(self, client: Any):
        self._client = client
        self._jobs: dict[Any, Job] = {}
        self._lost: dict[str, int] = {}

    def train(self, jobs: Iterator[Job], report: Report) -> Generator[Answer, None, None]:
        from distributed import as_completed

        done = as_completed()
        while True:
            # workers come and go, so their number is asked for again and again
            room = (1 + _WAITING) * max(sum(self._client.nthreads().values()), 1)
            while len(self._jobs) < room and (job := next(jobs, None)) is not None:
                done.add(self._submit(job))
            if not self._jobs:
                return
            future = next(done)
            job = self._jobs.pop(future)
            answer = self._answer(future, job)
            if answer is None:
                done.add(self._submit(job))
                continue
            if not isinstance(answer, Failed):
                report(float(job.n_seeds))
            yield job, answer

    def _submit(self, job: Job) -> Any:
        # a name of its own, so that no cluster takes the result of another run for it
        name = f"spiralsink-{job.key}-{secrets.token_hex(8)}"
        future = self._client.submit(train_here, msgspec.msgpack.encode(job), key=name, pure=False)
        self._jobs[future] = job
        return future

    def _answer(self, future: Any, job: Job) -> Trained | Failed | None:
        """What became of a block; None if a worker was lost over it, and another one should try."""
        if future.status == "cancelled":
            raise TrainingFailed("the Dask scheduler was lost; finished blocks are kept")
        error = future.exception()
        if error is None:
            return msgspec.msgpack.decode(future.result(), type=Trained | Failed)
        self._lost[job.key] = self._lost.get(job.key, 0) + 1
        return failure(job, error) if self._lost[job.key] >= ATTEMPTS else None


_own = threading.local()


def train_here(job: bytes) -> bytes:
    """Trains a block in the process that belongs to this thread of a Dask worker.

    Raises:
        WorkerLost: If that process was ended; the next block gets another one.
    """
    process = getattr(_own, "process", None)
    if process is None:
        process = _own.process = WorkerProcess()
    try:
        process.give(msgspec.msgpack.decode(job, type=Job))
        while (answer := process.read(lambda _: None)) is None:
            pass
    except BaseException:
        _own.process = None
        process.close()
        raise
    return msgspec.msgpack.encode(answer)
