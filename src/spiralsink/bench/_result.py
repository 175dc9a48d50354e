"""What was measured: rows, ratios, and both as JSON."""

import dataclasses
from typing import Any

from ._cases import STANDARD, Case
from ._implementations import OURS, STACKED
from ._limits import Limits


@dataclasses.dataclass(frozen=True)
class Row:
    """One implementation on one case.

    Attributes:
        case: The case.
        implementation: Name of the implementation.
        threads: Number of threads.
        repeats: Microseconds per step per network of every timing.
        timed: Networks that were timed; fewer than the stack where networks are trained one after the other.
        compile_seconds: What the first call took longer than the second, after the cases before it; None where
            nothing compiles.
    """

    case: Case
    implementation: str
    threads: int
    repeats: tuple[float, ...]
    timed: int
    compile_seconds: float | None

    @property
    def us_per_step_per_network(self) -> float:
        """The fastest timing: what is slower was disturbed."""
        return min(self.repeats)

    @property
    def gflops(self) -> float:
        """10^9 floating-point operations of forward and backward per second."""
        return self.case.operations / self.us_per_step_per_network / 1e3

    @property
    def gbs(self) -> float:
        """10^9 bytes per second, by `Case.bytes_moved`."""
        return self.case.bytes_moved / self.us_per_step_per_network / 1e3


@dataclasses.dataclass(frozen=True)
class Missing:
    """Why an implementation did not do a case."""

    case: Case
    implementation: str
    threads: int
    reason: str


@dataclasses.dataclass(frozen=True)
class Benchmarks:
    """The result of `run_benchmarks`.

    Attributes:
        rows: What was timed.
        missing: What was not, with reasons.
        limits: What the machine can do, by number of threads.
        machine: The machine and versions.
    """

    rows: list[Row]
    missing: list[Missing]
    limits: dict[int, Limits]
    machine: dict[str, Any]

    def find(self, case: Case, implementation: str, threads: int = 1) -> Row | None:
        """The row of an implementation, if there is one."""
        wanted = (case, implementation, threads)
        return next((row for row in self.rows if (row.case, row.implementation, row.threads) == wanted), None)

    def best_stacked(self, case: Case) -> Row | None:
        """The fastest of the stacked trainings in torch."""
        found = [row for name in STACKED if (row := self.find(case, name)) is not None]
        return min(found, key=lambda row: row.us_per_step_per_network, default=None)

    def ratios(self, case: Case = STANDARD) -> dict[str, float | None]:
        """Times of the others over ours at one thread, and ours over itself at all cores; None where one is missing."""
        ours = self.find(case, OURS)
        stacked, cores = self.best_stacked(case), self.find(case, OURS, max(self.limits))
        found = {
            "torch_loop": (self.find(case, "torch_loop"), ours),
            "torch_stacked": (stacked, ours),
            "vmap": (self.find(case, "jax_vmap"), ours),
            "all_cores": (ours, cores if max(self.limits) > 1 else None),
        }
        return {
            name: above.us_per_step_per_network / below.us_per_step_per_network if above and below else None
            for name, (above, below) in found.items()
        }

    def as_json(self) -> dict[str, Any]:
        """One object: `rows`, the machine's limits at one thread, `ratios` of the standard case, and more."""
        cases = list(dict.fromkeys(row.case for row in self.rows))
        return {
            "rows": [self._row(row) for row in self.rows],
            "peak_gflops": self.limits[1].peak_gflops,
            "copy_gbs": self.limits[1].copy_gbs,
            "ratios": self.ratios(),
            "ratios_by_case": {case.name: self.ratios(case) for case in cases},
            "limits": [{"threads": threads, **found._asdict()} for threads, found in self.limits.items()],
            "missing": [
                {
                    "case": each.case.name,
                    "implementation": each.implementation,
                    "threads": each.threads,
                    "reason": each.reason,
                }
                for each in self.missing
            ],
            "machine": self.machine,
        }

    def _row(self, row: Row) -> dict[str, Any]:
        limits = self.limits[row.threads]
        return {
            "case": row.case.name,
            "implementation": row.implementation,
            "threads": row.threads,
            "us_per_step_per_network": row.us_per_step_per_network,
            "gflops": row.gflops,
            "compile_seconds": row.compile_seconds,
            "repeats": row.repeats,
            "gbs": row.gbs,
            "of_peak": row.gflops / limits.peak_gflops,
            "of_copy": row.gbs / limits.copy_gbs,
            "networks_timed": row.timed,
            **dataclasses.asdict(row.case),
            "operations": row.case.operations,
            "multiply_adds": row.case.multiply_adds,
            "all_operations": row.case.all_operations,
            "bytes": row.case.bytes_moved,
        }

    def __str__(self) -> str:
        from ._table import text_of

        return text_of(self)
