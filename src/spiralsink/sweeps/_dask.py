"""Blocks on a Dask cluster, whoever deployed it: Slurm, Kubernetes, SSH, or this machine."""

import contextlib
import dataclasses
import logging
import secrets
import signal
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
_REFILL_EVERY = 1.0  # seconds after which workers that have joined get blocks
_LOOK_EVERY = 0.5  # seconds between two looks at whether a block is still wanted
_IDLE = 60.0  # seconds after which a process that has nothing to do ends
_SCHEDULER_LOST = "the Dask scheduler was lost; finished blocks are kept, the same command goes on"


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
        with _quiet_logs(), self._client() as client:
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
                    "dashboard_address": "127.0.0.1:0",
                    "silence_logs": logging.CRITICAL,
                }
                try:
                    with _ctrl_c_ignored():  # its processes are of this terminal, too, and would print tracebacks
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


@contextlib.contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    """By this process, and for good by what it starts meanwhile."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _quiet_logs() -> Iterator[None]:
    """Keeps Dask from printing tracebacks of what is told in one line."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


class _Tasks:
    """The blocks that a cluster was given."""

    def __init__(self, client: Any):
        self._client = client
        self._jobs: dict[Any, Job] = {}
        self._lost: dict[str, int] = {}

    def train(self, jobs: Iterator[Job], report: Report) -> Generator[Answer, None, None]:
        while True:
            with self._connected():
                # workers come and go, so their number is asked for again and again
                room = (1 + _WAITING) * max(sum(self._client.nthreads().values()), 1)
                while len(self._jobs) < room and (job := next(jobs, None)) is not None:
                    self._submit(job)
            if not self._jobs:
                return
            for future in self._ended():
                job = self._jobs.pop(future)
                with self._connected():
                    answer = self._answer(future, job)
                    if answer is None:
                        self._submit(job)
                        continue
                if isinstance(answer, Trained):
                    report(float(job.n_seeds))
                yield job, answer

    def _submit(self, job: Job) -> None:
        # a name of its own, so that no cluster takes the result of another run for it
        name = f"spiralsink-{job.key}-{secrets.token_hex(8)}"
        self._jobs[self._client.submit(train_here, msgspec.msgpack.encode(job), key=name, pure=False)] = job

    def _ended(self) -> list[Any]:
        """The blocks that have ended, as soon as there are some, or none after a while."""
        from distributed import wait

        with contextlib.suppress(TimeoutError), self._connected():
            found: Any = wait(list(self._jobs), timeout=_REFILL_EVERY, return_when="FIRST_COMPLETED")
            return list(found.done)
        return []

    def _answer(self, future: Any, job: Job) -> Trained | Failed | None:
        """What became of a block; None if a worker was lost over it, and another one should try."""
        if future.status == "cancelled":
            raise TrainingFailed(_SCHEDULER_LOST)
        error = future.exception()
        if error is None:
            return msgspec.msgpack.decode(future.result(), type=Trained | Failed)
        self._lost[job.key] = self._lost.get(job.key, 0) + 1
        # Dask has tried it on other workers already
        final = type(error).__name__ == "KilledWorker"
        return failure(job, error) if final or self._lost[job.key] >= ATTEMPTS else None

    @contextlib.contextmanager
    def _connected(self) -> Iterator[None]:
        """Tells a scheduler that is gone from every other trouble."""
        try:
            yield
        except (TimeoutError, InvalidInput):
            raise
        except Exception:
            if self._client.status in ("running", "connecting"):
                raise
            raise TrainingFailed(_SCHEDULER_LOST) from None


_own = threading.local()


def train_here(job: bytes) -> bytes:
    """Trains a block in the process that belongs to this thread of a Dask worker.

    Raises:
        WorkerLost: If that process was ended; the next block gets another one.
        RuntimeError: If nobody wants the block any more; the process is ended in the middle of it.
    """
    process = getattr(_own, "process", None)
    if process is None or process.ended:
        process = _own.process = WorkerProcess(idle=_IDLE)
    try:
        process.give(msgspec.msgpack.decode(job, type=Job))
        answer = None
        while answer is None:
            if process.wait(_LOOK_EVERY):
                answer = process.read(lambda _: None)
            if not _wanted():
                raise RuntimeError("the sweep that asked for this block has ended")
        return msgspec.msgpack.encode(answer)
    except BaseException:
        _own.process = None
        process.close()
        raise


def _wanted() -> bool:
    """Whether the task of this thread still belongs to a client; not after Ctrl-C there, or when it was killed."""
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is not None and task.state != "cancelled"
