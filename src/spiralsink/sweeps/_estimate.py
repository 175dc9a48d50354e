"""What a plan would take: measured on short trainings of a few of its blocks, and nothing is stored."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from .._errors import TrainingFailed
from .._progress import NoProgress, Progress
from ..specs import parse_table
from ..training import Every
from ._executors import check_workers
from ._local import worker_places
from ._messages import Failed, Job
from ._plan import BlockPlan, Plan, label
from ._status import stored_networks
from ._store import Store
from ._worker_process import WorkerLost, WorkerProcess

_MOST_PROBES = 3
_FEW_STEPS = 8
_PROBE_SECONDS = 0.5
_MOST_STEPS = 200_000


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What a plan would take.

    Attributes:
        networks: Number of networks planned.
        points: Number of points.
        blocks: Number of blocks.
        done: Number of networks that are stored already.
        bytes: Size of all blocks.
        seconds: Wall-clock seconds for what is not stored, on `workers` processes.
        workers: Number of processes.
        idle_share: Share of the lanes in training that belong to no network, because blocks are not full.
        block_size: Networks that are trained together.
    """

    networks: int
    points: int
    blocks: int
    done: int
    bytes: int
    seconds: float
    workers: int
    idle_share: float
    block_size: int

    def to_dict(self) -> dict[str, Any]:
        """The keys that the command line prints with `--json`; those of a run, and what only a plan has."""
        return dataclasses.asdict(self) | {"failed": 0, "statuses": {}, "dry_run": True}

    def __str__(self) -> str:
        lines = [
            f"{self.networks} networks at {self.points} points, in {self.blocks} blocks of {self.block_size}",
            f"{self.done} of them stored already" if self.done else "none of them stored yet",
            f"about {_in_bytes(self.bytes)} in all",
            f"about {_in_time(self.seconds)} with {self.workers} worker{'s' if self.workers > 1 else ''} "
            "of this machine, by short trainings just now",
        ]
        if self.idle_share > 0.25:
            per_point = self.networks // self.points
            better = -(-per_point // -(-per_point // self.block_size))
            lines.append(
                f"{self.idle_share:.0%} of the work is for lanes without a network: {per_point} at a point, "
                f"so sweep.block_size = {better} is faster"
            )
        return "\n".join(lines)


class _Cost(NamedTuple):
    """What a block of one shape takes: seconds once per process, per block, per step and record; and bytes."""

    compiling: float
    block: float
    step: float
    record: float
    header_bytes: float
    bytes: float
    record_bytes: float


def estimate(
    plan: Plan,
    *,
    store: Path | str | None = None,
    workers: int | None = None,
    progress: Progress = NoProgress(),  # noqa: B008 (stateless)
) -> Estimate:
    """How many networks and blocks a plan has, and about how many bytes and seconds they take.

    At most three shapes of blocks, of least, middle and most work, are trained for a few steps in a process like those
    of `LocalProcesses`; others are taken to cost in proportion to their multiplications.

    Args:
        plan: The plan.
        store: Folder of the store, whose networks count as done.
        workers: Number of processes, >= 1; None for one per core or device.
        progress: Told about blocks that are tried.

    Raises:
        TrainingFailed: If a worker cannot be started, or is ended.
        InvalidInput: If a block that is tried cannot be trained, or the folder cannot be a store of the plan.
    """
    places = worker_places(check_workers(workers))
    done = {}
    if store is not None:
        Store(store).check(plan)
        done = stored_networks(plan, Path(store))
    shapes: dict[bytes, list[BlockPlan]] = {}
    for block in plan.blocks:
        shapes.setdefault(_shape(block), []).append(block)
    ordered = sorted(shapes.values(), key=lambda blocks: _work(blocks[0]))
    chosen = sorted({0, len(ordered) // 2, len(ordered) - 1})[:_MOST_PROBES]
    worker, costs = WorkerProcess(*places[0]), {}
    progress.start("trying", len(chosen), "blocks")
    try:
        for index in chosen:
            progress.advance(0, label(ordered[index][0].coordinates))
            costs[index] = _probe(worker, ordered[index][0])
            progress.advance(1)
    finally:
        worker.close()
        progress.close()
    size, seconds = 0.0, 0.0
    for index, blocks in enumerate(ordered):
        nearest = min(chosen, key=lambda probed: abs(probed - index))
        cost, scale = costs[nearest], _work(blocks[0]) / _work(ordered[nearest][0])
        missing = sum(block.key not in done for block in blocks)
        seconds += cost.compiling * (missing > 0) * len(places)
        for block in blocks:
            training = block.spec.training
            records = Every(training.record_every).count(training.steps)
            kept = len(block.seeds) / block.n_lanes
            size += cost.header_bytes + kept * (cost.bytes + cost.record_bytes * (records - 1))
            if block.key not in done:
                seconds += cost.block + scale * (cost.step * training.steps + cost.record * (records - 1))
    lanes = sum(block.n_lanes for block in plan.blocks)
    return Estimate(
        networks=plan.n_networks,
        points=len(plan.spec.points),
        blocks=len(plan.blocks),
        done=sum(done.values()),
        bytes=round(size),
        seconds=seconds / len(places),
        workers=len(places),
        idle_share=1 - plan.n_networks / lanes,
        block_size=plan.blocks[0].n_lanes,
    )


def _shape(block: BlockPlan) -> bytes:
    """What decides the cost of a step: all but the number of steps and the values of p."""
    table = block.table
    for name in ("steps", "record_every"):
        del table["training"][name]
    del table["process"]["p"]
    return msgspec.json.encode([table, block.n_lanes], order="sorted")


def _work(block: BlockPlan) -> float:
    """Multiplications of a step, up to a factor."""
    network, objective = block.spec.network, block.spec.training.objective
    n_features = block.spec.process.get("n_features", 1)
    given = [objective.get(name) for name in ("batch_size", "horizon")]
    batch, horizon = (each if isinstance(each, int) else 1 for each in given)
    return float(block.n_lanes * batch * horizon * network.n_hidden * (network.n_hidden + 2 * n_features))


def _probe(worker: WorkerProcess, block: BlockPlan) -> _Cost:
    few = _FEW_STEPS
    compiled = _time(worker, block, few, 0)
    again = _time(worker, block, few, 0)
    recorded = _time(worker, block, few, 1)
    steps, longer = few, again
    while steps < _MOST_STEPS and longer.seconds - again.seconds < _PROBE_SECONDS / 4:
        steps *= 8
        longer = _time(worker, block, steps, 0)
    per_step = max(longer.seconds - again.seconds, 0.0) / max(steps - few, 1)
    per_record = max(recorded.seconds - again.seconds, 0.0) / few
    return _Cost(
        compiling=max(compiled.seconds - again.seconds, 0.0),
        block=max(again.seconds - few * per_step, 0.0),
        step=per_step,
        record=per_record,
        header_bytes=again.header_bytes,
        bytes=again.bytes,
        record_bytes=(recorded.bytes - again.bytes) / few,
    )


class _Timed(NamedTuple):
    seconds: float
    header_bytes: int
    bytes: int


def _time(worker: WorkerProcess, block: BlockPlan, steps: int, record_every: int) -> _Timed:
    table = block.spec.to_dict()
    table["training"] |= {"steps": steps, "record_every": record_every}
    seeds = range(block.n_lanes)
    short = BlockPlan(parse_table(table), block.coordinates, seeds, block.n_lanes)
    worker.give(Job.of(short, axes=[], store="", plan="-", checkpoint_every=60.0))
    try:
        while (answer := worker.read(lambda _: None)) is None:
            pass
    except WorkerLost as error:
        raise TrainingFailed(str(error)) from None
    if isinstance(answer, Failed):
        raise answer.error or TrainingFailed(answer.reason)
    spent = sum(each for name, each in answer.seconds.items() if name.startswith("seconds_"))
    # a file of safetensors begins with the length of its header
    header = 8 + int.from_bytes(answer.content[:8], "little")
    return _Timed(spent * len(seeds), header, len(answer.content) - header)


def _in_bytes(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def _in_time(seconds: float) -> str:
    for unit, length in (("seconds", 60), ("minutes", 60), ("hours", 24)):
        if seconds < 2 * length:
            return f"{_rounded(seconds)} {unit}"
        seconds /= length
    return f"{_rounded(seconds)} days"


def _rounded(value: float) -> str:
    """Two digits, which is more than is known."""
    return f"{float(f'{value:.2g}'):g}"
