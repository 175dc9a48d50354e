"""The study: every network of a grid, trained and measured once, on all cores; an interrupted one goes on.

Networks are kept apart from what is measured of them: another analysis does not train them again.
"""

import contextlib
import dataclasses
import functools
import hashlib
import io
import math
import os
import threading
import time
import warnings
from collections.abc import Generator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ..._errors import MissingExtra
from ..._machine import usable_cores
from ..._version import __version__
from .._claim import Budget
from .._folder import code_digest, require_xarray
from .._workplace import Workplace
from ._baselines import BASELINES, baselines, history_load
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
    def training_key(self) -> str:
        """A hash of all that decides the networks."""
        files = (Path(__file__).with_name(f"{name}.py").read_bytes() for name in ("_tasks", "_networks", "_training"))
        code = hashlib.sha256(b"\0".join(files)).hexdigest()
        return _hash(dataclasses.asdict(self) | {"code": code} | _versions())

    @property
    def key(self) -> str:
        """A hash of all that decides the numbers."""
        return _hash({"networks": self.training_key, "version": __version__, "code": code_digest()})

    def file(self, control: str, index: int) -> str:
        """Where weights are kept, below the folder of work."""
        return f"{self.name}-{control}-{index}.safetensors"

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
    require_torch()  # what is not installed is said before anything is trained
    for task in tasks:
        _cached_task(task)
    found = {cell: budget.workplace.load(cell.name, cell.key) for cell in cells}
    missing = sorted((cell for cell in cells if found[cell] is None), key=lambda cell: -cell.cost)
    with contextlib.closing(_computed(missing, budget.workplace, n_all=len(cells))) as answers:
        for cell, part, files in answers:
            budget.workplace.save(f"{cell.name}-networks", cell.training_key, len(files), files)
            budget.workplace.save(cell.name, cell.key, part, {})
            found[cell] = part
    for task in tasks:
        inputs = io.BytesIO()
        np.save(inputs, _cached_task(task).probe)
        budget.workplace.save(f"{task}-inputs", "", [], {f"{task}.npy": inputs.getvalue()})
    return _dataset(found, tasks, architectures, widths, n_seeds)


def compute_cell(cell: Cell, kept: Mapping[str, bytes]) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """Every network of a cell with its measures; and the weights of those that were trained, as safetensors by file.

    Args:
        cell: Which networks.
        kept: Weights of networks that need not be trained again.
    """
    from safetensors.torch import save

    torch = require_torch()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        task, rows, files = _cached_task(cell.task), [], {}
        for index in range(cell.n_seeds):
            start, batches, drawn = _seeds(cell, index)
            for control in CONTROLS[: 3 if index < cell.n_shuffled else 2]:
                file = cell.file(control, index)
                network = build(cell.architecture, cell.width, task, seed=start)
                if control != "untrained":
                    if not _restore(network, kept.get(file)):
                        shuffled = control == "shuffled"
                        train(network, task, cell.schedule, width=cell.width, seed=batches, shuffled=shuffled)
                    files[file] = save({name: each.detach().contiguous() for name, each in network.named_parameters()})
                row: dict[str, Any] = {"seed": index, "control": control, "diverged": not is_finite(network, task)}
                if not row["diverged"]:
                    row["score"] = score(network, task)
                    row |= measure(network, cell.architecture, task, seed=drawn)
                rows.append({name: _finite(each) for name, each in row.items()})
        return rows, files
    finally:
        torch.set_num_threads(threads)


def _restore(network: Any, content: bytes | None) -> bool:
    """Puts kept weights into a network; whether there were any that fit. One they do not fit is left as it is."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        weights = {} if content is None else load(content)
    except SafetensorError:
        return False
    shapes = {name: each.shape for name, each in network.named_parameters()}
    if {name: each.shape for name, each in weights.items()} != shapes:
        return False
    network.load_state_dict(weights)
    return True


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
        answers: Any = parallel(
            joblib.delayed(_with_cell)(each, _networks_of(each, workplace), os.getpid()) for each in cells
        )
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


def _networks_of(cell: Cell, workplace: Workplace) -> dict[str, bytes]:
    """Weights that were kept of a cell, by file."""
    name = f"{cell.name}-networks"
    return {} if workplace.load(name, cell.training_key) is None else workplace.files(name)


def _with_cell(
    cell: Cell, kept: dict[str, bytes], parent: int
) -> tuple[Cell, tuple[list[dict[str, Any]], dict[str, bytes]]]:
    if os.getpid() != parent:  # a single cell is computed in the process of the study
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    return cell, compute_cell(cell, kept)


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
    n_lags, n_features = (max(getattr(each, name) for each in made.values()) for name in ("n_lags", "n_features"))
    shape = len(tasks), len(architectures), len(widths), n_seeds, len(CONTROLS)
    values = {name: np.full(shape, np.nan) for name in ("score", "diverged", *MEASURES)}
    r2 = np.full((*shape, n_lags, n_features), np.nan)
    for cell, rows in found.items():
        at = tasks.index(cell.task), architectures.index(cell.architecture), widths.index(cell.width)
        for row in rows:
            place = *at, row["seed"], CONTROLS.index(row["control"])
            for name, each in values.items():
                each[place] = np.nan if row.get(name) is None else row[name]
            if row.get("r2"):
                curve = np.array(row["r2"], float)
                r2[place][: curve.shape[0], : curve.shape[1]] = curve
    dims = ("task", "architecture", "width", "network", "control")
    scores = [baselines(made[task]) for task in tasks]
    return xr.Dataset(
        {name: (dims, each) for name, each in values.items()} | {"r2": ((*dims, "lag", "feature"), r2)},
        coords={
            "task": tasks,
            "architecture": architectures,
            "width": widths,
            "control": list(CONTROLS),
            "readout": ("task", [made[task].readout for task in tasks]),
            **{f"baseline_{name}": ("task", [each[name] for each in scores]) for name in BASELINES},
            "history_load": ("task", [history_load(made[task]) for task in tasks]),
        },
    )


def _hash(decided: dict[str, Any]) -> str:
    return hashlib.sha256(msgspec.json.encode(decided, order="sorted")).hexdigest()[:32]


@functools.cache
def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("torch", "numpy", "scikit-learn", "statsmodels")}
