"""Blocks on all cores, or devices, of this machine: one process of one thread for each."""

import dataclasses
import importlib.util
import os
import selectors
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import NamedTuple

from .._errors import TrainingFailed
from .._machine import usable_cores
from ._attempt import Report, failure
from ._executors import Answer, check_workers
from ._messages import Failed, Job, Trained
from ._worker_process import WorkerLost, WorkerProcess

ATTEMPTS = 3
"""How many workers may be lost to one block before it counts as failed."""

_MOST_LOST = 30
"""How many may be lost before any block is trained."""


class Place(NamedTuple):
    """Where a worker runs: cores, none for any, and environment variables."""

    cores: tuple[int, ...]
    variables: dict[str, str]


@dataclasses.dataclass(frozen=True)
class LocalProcesses:
    """One process for each core of this machine, or for each GPU that JAX can use.

    Each process computes with one thread, set before JAX is imported, and stays on its core where there are as many as
    cores; what it computes does not depend on how many there are. A process that is killed is replaced, and its block
    goes on from its last checkpoint in another; a block that ended three processes counts as failed.

    Attributes:
        workers: Number of processes, from 1 to 1024; None for one per core or device.
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        check_workers(self.workers)

    def train(self, jobs: Iterator[Job], report: Report) -> Generator[Answer, None, None]:
        """Yields one answer for each job, as they come."""
        pool = _Pool(worker_places(self.workers))
        try:
            yield from pool.train(jobs, report)
        finally:
            pool.close()


def worker_places(workers: int | None = None) -> list[Place]:
    """The places of so many workers: one device each where JAX finds GPUs, else one core each.

    Fewer workers than cores are on no core in particular: another program would choose the same ones.
    """
    if gpus := visible_gpus():
        chosen = [gpus[index % len(gpus)] for index in range(workers or len(gpus))]
        # a share of the memory as large as it is needed, not three quarters of it
        return [Place((), {"CUDA_VISIBLE_DEVICES": gpu, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}) for gpu in chosen]
    count = workers or usable_cores()
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if count < len(cores) or not cores:
        return [Place((), {})] * count
    return [Place((cores[index % len(cores)],), {}) for index in range(count)]


def visible_gpus(listing: Path = Path("/proc/driver/nvidia/gpus")) -> list[str]:
    """The NVIDIA GPUs that JAX would use, as `CUDA_VISIBLE_DEVICES` names them; found without starting JAX."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    plugins = ("jax_cuda12_plugin", "jax_cuda13_plugin")
    if (platforms and "cuda" not in platforms and "gpu" not in platforms) or not any(
        importlib.util.find_spec(name) for name in plugins
    ):
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [each.strip() for each in named.split(",") if each.strip() not in ("", "-1")]
    return [str(index) for index, _ in enumerate(listing.iterdir())] if listing.is_dir() else []


class _Pool:
    """Workers and the blocks that wait for them."""

    def __init__(self, places: list[Place]):
        self._free_places = list(reversed(places))
        self._idle: list[WorkerProcess] = []
        self._places: dict[WorkerProcess, Place] = {}
        self._again: list[Job] = []
        self._lost: dict[str, int] = {}
        self._n_lost, self._any_started, self._any_trained = 0, False, False
        self._selector = selectors.DefaultSelector()

    def train(self, jobs: Iterator[Job], report: Report) -> Generator[Answer, None, None]:
        while True:
            while self._idle or self._free_places:
                job = self._again.pop() if self._again else next(jobs, None)
                if job is None:
                    break
                self._worker().give(job)
            busy = [worker for worker in self._places if worker.job is not None]
            if not busy:
                return
            for key, _ in self._selector.select():
                if (answer := self._read(key.data, report)) is not None:
                    yield answer

    def close(self) -> None:
        for worker in self._places:
            worker.close()
        self._selector.close()

    def _worker(self) -> WorkerProcess:
        if self._idle:
            return self._idle.pop()
        place = self._free_places.pop()
        worker = WorkerProcess(*place)
        self._places[worker] = place
        self._selector.register(worker, selectors.EVENT_READ, worker)
        return worker

    def _read(self, worker: WorkerProcess, report: Report) -> tuple[Job, Trained | Failed] | None:
        job = worker.job
        try:
            answer = worker.read(report)
        except WorkerLost as error:
            if error.at_start and not self._any_started:
                raise TrainingFailed(str(error)) from None
            self._bury(worker)
            self._n_lost += 1
            if self._n_lost >= _MOST_LOST and not self._any_trained:
                raise TrainingFailed(f"{self._n_lost} workers were lost and no block is trained: {error}") from None
            if job is None:
                return None
            report(-worker.moved)
            self._lost[job.key] = self._lost.get(job.key, 0) + 1
            if self._lost[job.key] < ATTEMPTS:
                self._again.append(job)
                return None
            return job, failure(job, error)
        self._any_started = True
        if answer is None:
            return None
        assert job is not None
        self._any_trained |= isinstance(answer, Trained)
        self._idle.append(worker)
        return job, answer

    def _bury(self, worker: WorkerProcess) -> None:
        self._selector.unregister(worker)
        self._free_places.append(self._places.pop(worker))
        if worker in self._idle:
            self._idle.remove(worker)
        worker.close()
