"""The study: every network of a grid, trained and measured once, on all cores; an interrupted one goes on."""

import contextlib
import dataclasses
import functools
import hashlib
import math
import os
import threading
import time
import warnings
from collections.abc import Generator, Mapping
from typing import Any

import msgspec
import numpy as np

from ..._errors import MissingExtra
from ..._machine import usable_cores
from ..._version import __version__
from .._claim import Budget
from .._folder import code_digest, require_xarray
from .._workplace import Workplace
from ._measure import MEASURES, measure
from ._networks import build, require_torch
from ._tasks import RealTask, make_task
from ._training import Schedule, is_finite, score, train

CONTROLS = ("trained", "untrained", "shuffled")


@dataclasses.dataclass(frozen=True)
class Cell:
    """Networks of one task, architecture and width: what one process computes at a time.

    Attributes:
        task: Name of the task.
        architecture: One of `ARCHITECTURES`.
        width: Hidden units.
        n_seeds: Networks that are trained, and measured before that.
        n_shuffled: How many of them are trained once more, on shuffled targets.
        schedule: How they are trained.
        seed: The seed from which theirs are derived.
    """

    task: str
    architecture: str
    width: int
    n_seeds: int
    n_shuffled: int
    schedule: Schedule
    seed: int

    @property
    def name(self) -> str:
        return f"{self.task}-{self.architecture.lower()}-{self.width}"

    @property
    def key(self) -> str:
        """A hash of all that decides the numbers."""
        decided = dataclasses.asdict(self) | {"version": __version__, "code": code_digest(), "torch": _torch_version()}
        return hashlib.sha256(msgspec.json.encode(decided, order="sorted")).hexdigest()[:32]

    @property
    def cost(self) -> float:
        """About how long it takes, to begin with the longest."""
        return (self.width**2 + 3e4) * (3 if self.architecture == "GRU" else 1)


def run_study(
    budget: Budget,
    *,
    tasks: list[str],
    architectures: list[str],
    widths: list[int],
    n_seeds: int,
    n_shuffled: int,
    schedule: Mapping[str, Any],
) -> Any:
    """All measures of all networks, a dataset over (task, architecture, width, network, control).

    What was finished in `budget.workplace` is not computed again. `network` counts seeds; NaN stands for numbers that
    do not exist, and for seeds that a control does not have. `diverged` is 1 for networks whose weights or outputs are
    not finite, of which nothing else is known, and 0 for the others.
    """
    chosen = Schedule(**schedule)
    cells = [
        Cell(task, architecture, width, n_seeds, n_shuffled, chosen, budget.seed)
        for task in tasks
        for architecture in architectures
        for width in widths
    ]
    for task in tasks:
        _cached_task(task)  # what is not installed is said before anything is trained
    found = {cell: budget.workplace.load(cell.name, cell.key) for cell in cells}
    missing = sorted((cell for cell in cells if found[cell] is None), key=lambda cell: -cell.cost)
    with contextlib.closing(_computed(missing, budget.workplace, n_all=len(cells))) as answers:
        for cell, part, files in answers:
            budget.workplace.save(cell.name, cell.key, part, files)
            found[cell] = part
    return _dataset(found, tasks, architectures, widths, n_seeds)


def compute_cell(cell: Cell) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """Every network of a cell with its measures; and the weights of the first trained one, as safetensors."""
    from safetensors.torch import save

    torch = require_torch()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        task, rows, files = _cached_task(cell.task), [], {}
        for index in range(cell.n_seeds):
            start, batches, drawn = _seeds(cell, index)
            for control in CONTROLS[: 3 if index < cell.n_shuffled else 2]:
                network = build(cell.architecture, cell.width, task, seed=start)
                if control != "untrained":
                    shuffled = control == "shuffled"
                    train(network, task, cell.schedule, width=cell.width, seed=batches, shuffled=shuffled)
                row: dict[str, Any] = {"seed": index, "control": control, "diverged": not is_finite(network, task)}
                if not row["diverged"]:
                    row["score"] = score(network, task)
                    row |= measure(network, cell.architecture, task, seed=drawn)
                rows.append({name: _finite(each) for name, each in row.items()})
                if control == "trained" and index == 0:
                    weights = {name: each.detach().contiguous() for name, each in network.named_parameters()}
                    files[f"{cell.name}.safetensors"] = save(weights)
        return rows, files
    finally:
        torch.set_num_threads(threads)


def _computed(
    cells: list[Cell], workplace: Workplace, *, n_all: int
) -> Generator[tuple[Cell, Any, dict[str, bytes]], None, None]:
    """Cells as they are finished, on all cores."""
    if not cells:
        return
    try:
        import joblib
        from joblib.externals.loky import get_reusable_executor
    except ImportError as error:
        raise MissingExtra(error.name or "joblib", "realistic") from None
    done = n_all - len(cells)
    workplace.tell(f"{done} of {n_all} kinds of networks")
    workers = min(usable_cores(), len(cells))
    with joblib.parallel_config("loky", inner_max_num_threads=1), warnings.catch_warnings():
        # workers that hold many compiled programs are replaced by fresh ones
        warnings.filterwarnings("ignore", "A worker stopped while some jobs")
        # nothing waits in a queue: an interruption would be followed by a traceback of the thread that keeps it
        one_by_one: dict[str, Any] = {"pre_dispatch": "n_jobs", "batch_size": 1}
        parallel = joblib.Parallel(n_jobs=workers, return_as="generator_unordered", **one_by_one)
        answers: Any = parallel(joblib.delayed(_with_cell)(each, os.getpid()) for each in cells)
        finished = False
        try:
            for cell, (part, files) in answers:
                done += 1
                workplace.tell(f"{done} of {n_all} kinds of networks")
                yield cell, part, files
            finished = True
        finally:
            # workers would wait for more for minutes; those of a study that was interrupted do not end by themselves
            get_reusable_executor().shutdown(wait=True, kill_workers=not finished)


def _with_cell(cell: Cell, parent: int) -> tuple[Cell, tuple[list[dict[str, Any]], dict[str, bytes]]]:
    if os.getpid() != parent:  # a single cell is computed in the process of the study
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    return cell, compute_cell(cell)


def _end_with(parent: int) -> None:
    """Ends a worker whose study was killed, which would go on to the end of its cell and then wait."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _finite(value: Any) -> Any:
    """The value as JSON can hold it: None in the place of infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


_cached_task = functools.cache(make_task)


def _seeds(cell: Cell, index: int) -> tuple[int, int, int]:
    """Of the first weights, the batches and the measurement: those of a network are its own, wherever it is computed.

    Batches are the same for all architectures and widths.
    """
    text = f"{cell.task} {cell.architecture} {cell.width}".encode()
    own = int.from_bytes(hashlib.sha256(text).digest()[:4], "little")
    start, drawn = np.random.SeedSequence([cell.seed, own, index]).generate_state(2)
    return int(start), int(np.random.SeedSequence([cell.seed, index]).generate_state(1)[0]), int(drawn)


def _dataset(
    found: Mapping[Cell, list[dict[str, Any]]],
    tasks: list[str],
    architectures: list[str],
    widths: list[int],
    n_seeds: int,
) -> Any:
    xr = require_xarray()
    made: dict[str, RealTask] = {task: _cached_task(task) for task in tasks}
    n_lags = max(each.n_lags for each in made.values())
    shape = len(tasks), len(architectures), len(widths), n_seeds, len(CONTROLS)
    values = {name: np.full(shape, np.nan) for name in ("score", "diverged", *MEASURES)}
    r2 = np.full((*shape, n_lags), np.nan)
    for cell, rows in found.items():
        at = tasks.index(cell.task), architectures.index(cell.architecture), widths.index(cell.width)
        for row in rows:
            place = *at, row["seed"], CONTROLS.index(row["control"])
            for name, each in values.items():
                each[place] = np.nan if row.get(name) is None else row[name]
            curve = np.array([np.nan if each is None else each for each in row.get("r2", [])], float)
            r2[place][: len(curve)] = curve
    dims = ("task", "architecture", "width", "network", "control")
    baselines = {name: ("task", [made[task].baselines[name] for task in tasks]) for name in ("memoryless", "all")}
    return xr.Dataset(
        {name: (dims, each) for name, each in values.items()} | {"r2": ((*dims, "lag"), r2)},
        coords={
            "task": tasks,
            "architecture": architectures,
            "width": widths,
            "control": list(CONTROLS),
            "readout": ("task", [made[task].readout for task in tasks]),
            **{f"baseline_{name}": each for name, each in baselines.items()},
            "history_load": ("task", [made[task].history_load for task in tasks]),
        },
    )


def _torch_version() -> str:
    return str(require_torch().__version__)
