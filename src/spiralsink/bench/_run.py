"""`run_benchmarks`: all implementations, in turn, each in a process of its own."""

import contextlib
import dataclasses
import tempfile
import time
from typing import Any

from .._machine import describe_machine, usable_cores
from .._progress import NoProgress, Progress
from ._cases import Case, Plan
from ._implementations import ENGINES, IMPLEMENTATIONS, OURS
from ._limits import Limits, best_limits
from ._processes import Worker
from ._result import Benchmarks, Missing, Row

_LIMIT_SECONDS = 0.1
_LONG = 100


@dataclasses.dataclass(frozen=True)
class _Competitor:
    name: str
    threads: int
    worker: Worker


def run_benchmarks(plan: Plan, *, progress: Progress = NoProgress()) -> Benchmarks:  # noqa: B008 (stateless)
    """Trains every case of the plan by every implementation on one core, and by ours on all cores.

    Implementations take turns, so that what else the machine does disturbs all of them alike; of the repeats the
    fastest counts. Processes stay on the same first cores and start with empty caches of compiled code. Those of torch
    share one; our two share the cache, so that the rows of all cores show what compiling costs when the kernel is
    there.

    Args:
        plan: `full_plan()` or `quick_plan()`.
        progress: Told about finished cases.
    """
    most = usable_cores()
    names = [name for name in IMPLEMENTATIONS if plan.thorough or name not in ENGINES]
    cases = [*plan.cases, *plan.laws]
    rows: list[Row] = []
    missing: list[Missing] = []
    began = time.monotonic()
    progress.start("benchmarks", len(cases), "cases")
    try:
        with contextlib.ExitStack() as stack:
            cache = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="spiralsink-bench-", ignore_cleanup_errors=True)
            )
            limits = [_limits(most, cache)]
            competitors = _start(names, most, cache, stack)
            for case in cases:
                chosen = [each for each in competitors if case not in plan.laws or _is_ours(each, case)]
                repeats = plan.repeats if time.monotonic() < began + plan.patience else 1
                timed, absent = _measure(case, chosen, plan.seconds, repeats)
                rows += timed
                missing += absent
                progress.advance(1, case.name)
            if plan.thorough:
                limits.append(_limits(most, cache))
    finally:
        progress.close()
    return Benchmarks(
        rows,
        missing,
        {threads: best_limits(each[threads] for each in limits) for threads in limits[0]},
        describe_machine(),
    )


def _limits(most: int, cache: str) -> dict[int, Limits]:
    """By number of threads."""
    found = {}
    for threads in sorted({1, most}):
        with contextlib.closing(Worker(threads, cache)) as worker:
            found[threads] = Limits(**worker.ask(limits=_LIMIT_SECONDS))
    return found


def _start(names: list[str], most: int, cache: str, stack: contextlib.ExitStack) -> list[_Competitor]:
    """Implementations at one thread, ours also at all."""

    def start(threads: int) -> Worker:
        return stack.enter_context(contextlib.closing(Worker(threads, cache)))

    torch = start(1)
    found = [_Competitor(name, 1, torch if name.startswith("torch") else start(1)) for name in names]
    return found + ([_Competitor(OURS, most, start(most))] if most > 1 else [])


def _is_ours(competitor: _Competitor, case: Case) -> bool:
    """Ours on one core; of a long horizon also the engines of XLA, which compile for every horizon anew."""
    names = (OURS, *ENGINES) if case.horizon >= _LONG else (OURS,)
    return competitor.name in names and competitor.threads == 1


def _measure(
    case: Case, competitors: list[_Competitor], seconds: float, repeats: int
) -> tuple[list[Row], list[Missing]]:
    compiled: dict[_Competitor, Any] = {}
    missing = []
    for each in competitors:
        found = each.worker.ask(prepare=dataclasses.asdict(case), implementation=each.name)
        if "absent" in found:
            missing.append(Missing(case, each.name, each.threads, found["absent"]))
        else:
            compiled[each] = found["compile_seconds"]
    timings: dict[_Competitor, list[dict[str, Any]]] = {each: [] for each in compiled}
    for _ in range(repeats):
        for each, taken in timings.items():
            taken.append(each.worker.ask(time=seconds, implementation=each.name))
    rows = []
    for each, taken in timings.items():
        us = tuple(1e6 * one["seconds"] / one["steps"] / one["networks"] for one in taken)
        rows.append(Row(case, each.name, each.threads, us, taken[0]["networks"], compiled[each]))
    return rows, missing
