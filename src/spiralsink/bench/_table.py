"""The result as text: a table for every case, the ratios, what is missing."""

from collections.abc import Iterable, Sequence

from ._cases import STANDARD
from ._result import Benchmarks, Row

_HEADINGS = ("", "threads", "us/step/network", "GFLOP/s", "of peak", "GB/s", "of copy", "compile s")
_READING = (
    "Of the timings the fastest. GB/s: if nothing stayed in cache; above the rate of copies, it did.",
    "The readout of torch.nn.RNN sees relu(h), ours h: a slightly different network, as much work.",
    "jax.vmap draws two random numbers for every input, ours and torch one.",
)


def text_of(result: Benchmarks) -> str:
    """All of it, for a terminal."""
    machine = result.machine
    lines = [f"{machine['cpu']}, {machine['cores']} cores, jax {machine['jax']}, Python {machine['python']}"]
    for threads, limits in result.limits.items():
        lines.append(
            f"{threads} thread{'s' if threads > 1 else ''}: float32 matrix products {limits.peak_gflops:.0f} GFLOP/s "
            f"({limits.peak_by}), copies {limits.copy_gbs:.1f} GB/s"
        )
    blocks: list[list[Sequence[str]]] = [[_HEADINGS]]
    for case in dict.fromkeys(row.case for row in result.rows):
        rows = [row for row in result.rows if row.case == case]
        blocks.append([(case.name,), *([f"  {row.implementation}", *_cells(row, result)] for row in rows)])
    lines += ["", *_aligned(line for block in blocks for line in block)]
    lines += ["", f"{STANDARD.name}, one thread, times as fast as", *_ratios(result)]
    return "\n".join([*lines, *_missing(result), *_READING])


def _cells(row: Row, result: Benchmarks) -> list[str]:
    limits = result.limits[row.threads]
    compiled = "" if row.compile_seconds is None else f"{row.compile_seconds:.1f}"
    return [
        str(row.threads),
        f"{row.us_per_step_per_network:.4g}",
        f"{row.gflops:.3g}",
        f"{row.gflops / limits.peak_gflops:.1%}",
        f"{row.gbs:.3g}",
        f"{row.gbs / limits.copy_gbs:.1%}",
        compiled,
    ]


def _aligned(lines: Iterable[Iterable[str]]) -> list[str]:
    table = [list(line) for line in lines]
    columns = max(map(len, table))
    widths = [max((len(line[place]) for line in table if place < len(line)), default=0) for place in range(columns)]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=False))
        ).rstrip()
        for line in table
    ]


def _ratios(result: Benchmarks) -> list[str]:
    best = result.best_stacked(STANDARD)
    names = {
        "torch_loop": "torch.nn.RNN in a loop",
        "torch_stacked": f"the best stacked torch{f' ({best.implementation})' if best else ''}",
        "vmap": "jax.vmap",
        "all_cores": "itself on one core, on all",
    }
    return [f"  {names[name]}: {ratio:.1f}" for name, ratio in result.ratios().items() if ratio is not None]


def _missing(result: Benchmarks) -> list[str]:
    reasons: dict[tuple[str, str], list[str]] = {}
    for each in result.missing:
        reasons.setdefault((each.implementation, each.reason), []).append(each.case.name)
    by_reason: dict[str, list[str]] = {}
    for (name, reason), cases in reasons.items():
        by_reason.setdefault(reason, []).append(f"{name} ({len(cases)} cases)")
    return [f"not measured: {', '.join(names)}: {reason}" for reason, names in by_reason.items()]
