"""Writes RESULTS.md from `spiralsink bench`: `results.py [--json FILE] [--note TEXT]`.

Without `--json` it runs the command first, which takes five minutes at most on an idle machine of two cores.
"""

import argparse
import datetime
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np

TARGET = Path(__file__).with_name("RESULTS.md")
EXPLORER = "<!-- explorer -->\n"
STANDARD = {"n_hidden": 2, "stack": 512, "batch": 128, "horizon": 20}
OURS = "spiralsink"
STACKED = ("torch_einsum", "torch_bmm", "torch_scalars")
COLUMNS = {
    OURS: "ours",
    "spiralsink_unrolled": "ours, XLA unrolled",
    "spiralsink_batched": "ours, XLA batched",
    "torch_loop": "`torch.nn.RNN` loop",
    "torch_einsum": "torch einsum",
    "torch_bmm": "torch bmm",
    "torch_scalars": "torch scalars",
    "jax_vmap": "`jax.vmap`",
}


def main():
    parser = argparse.ArgumentParser(description="Writes benchmarks/RESULTS.md.")
    parser.add_argument("--json", type=Path, help="output of an earlier `spiralsink bench --json`")
    parser.add_argument("--note", default="", help="a line below the title")
    chosen = parser.parse_args()
    if chosen.json:
        text = chosen.json.read_text()
    else:
        command = [sys.executable, "-m", "spiralsink", "bench", "--json"]
        text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    before = TARGET.read_text() if TARGET.exists() else ""
    _, mark, explorer = before.partition(EXPLORER)  # `explorer.py` writes what follows
    TARGET.write_text(page(Measured(json.loads(text)), chosen.note) + ("\n" + mark + explorer if mark else ""))


class Measured:
    """The rows by case, implementation and threads."""

    def __init__(self, found):
        self.found, self.rows, self.machine = found, found["rows"], found["machine"]
        self.limits = {each["threads"]: each for each in found["limits"]}
        self.most = max(self.limits)

    def row(self, implementation, threads=1, **case):
        wanted = {"batch": 128, "horizon": 20, **case, "implementation": implementation, "threads": threads}
        return next((row for row in self.rows if all(row[name] == value for name, value in wanted.items())), None)

    def time(self, implementation, threads=1, **case):
        row = self.row(implementation, threads, **case)
        return np.nan if row is None else row["us_per_step_per_network"]

    def cases(self):
        """Those that others were timed on."""
        found = dict.fromkeys((row["n_hidden"], row["stack"]) for row in self.rows if row["implementation"] != OURS)
        return [{"n_hidden": n_hidden, "stack": stack} for n_hidden, stack in found]

    def torch(self, names, **case):
        """The fastest of them."""
        times = [self.time(name, **case) for name in names]
        return np.nanmin(times) if np.isfinite(times).any() else np.nan

    def ratio(self, names, **case):
        return self.torch(names, **case) / self.time(OURS, **case)

    def unevenness(self, name, values):
        """Of the time per unit of horizon or batch: largest over smallest, less one."""
        rates = [self.time(OURS, **{**STANDARD, name: value}) / value for value in values]
        return max(rates) / min(rates) - 1

    def issue_rate(self, row):
        """Arithmetic instructions per second over those of the fastest matrix product, a multiply-add as one."""
        rate = (row["all_operations"] - row["multiply_adds"]) / row["us_per_step_per_network"] / 1e3
        return rate / (self.limits[row["threads"]]["peak_gflops"] / 2)


def page(found, note):
    machine = found.machine
    limits = [
        f"{threads} thread{'s' if threads > 1 else ''}: {each['peak_gflops']:.0f} GFLOP/s ({each['peak_by']}), "
        f"copies {each['copy_gbs']:.1f} GB/s"
        for threads, each in found.limits.items()
    ]
    parts = [
        "# What training costs",
        note,
        textwrap.fill(
            f"Measured on {datetime.date.today()} by `python benchmarks/results.py`, which writes this page. "
            f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
            f"jax {machine['jax']}, numpy {machine['numpy']}. Best float32 matrix product and copy of 512 MB (read and "
            f"written): {'; '.join(limits)}.",
            120,
        ),
        WORK,
        "## What was asked for\n\n" + table(("", "bar", "measured", ""), asked(found)),
        "## Microseconds per step per network, one thread\n\n" + times(found),
        MISSING,
        "## Ours: how close to the machine\n\n" + table(HEADINGS, list(fractions(found))),
        FRACTIONS,
        stops(found),
        "## Ours: other horizons and batches\n\n" + table(("stack 512, N_h 2", "us", "ns per input"), laws(found)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


WORK = """One step of one network: fresh sequences, forward, backward, clipping and Adam, in float32; one input, ReLU
recurrence and readout, no biases, recall after four steps, batch 128, horizon 20 unless said otherwise. Ours, torch and
plain JAX run in processes of their own, pinned to the same core; they take turns, and of three timings the fastest
counts. Torch draws one random number per input, as we do, plain JAX two; stacked torch has all weights in one tensor
and one Adam for all networks; `jax.vmap` takes many steps per compiled call. That all of them compute the same is
tested (`tests/third_party/test_bench_work.py`), except that the readout of `torch.nn.RNN` sees relu(h) where ours sees
h: a slightly different network, as much work."""

MISSING = """A missing number: the implementation does not take that many hidden units, or is not installed. The loop is
timed on four networks of larger stacks."""

HEADINGS = (
    *("", "threads", "us", "GFLOP/s", "of matrix rate", "instructions of matrix rate"),
    *("GB/s", "of copy rate", "first call, s"),
)

FRACTIONS = """GFLOP/s: forward and backward, a multiply-add as two, by the formula in `bench/_cases.py`. Instructions:
arithmetic instructions, a multiply-add as one, with those of the random words and of Adam, over what the fastest matrix
product does of them. GB/s: what would move if nothing but one step of the sequences stayed in cache; above the copy
rate it says that the states do stay. First call: what it takes longer than the second (compilation, mostly), after the
cases above it in the same process; the kernel is compiled once per number of hidden units."""


def asked(found):
    standard = found.row(OURS, **STANDARD)
    small = [case for case in found.cases() if case["n_hidden"] <= 100]
    wide = [case for case in found.cases() if case["n_hidden"] == 512]
    anyone = ("torch_loop", *STACKED)
    flat = [found.time(OURS, **{**STANDARD, "stack": stack}) for stack in (64, 512, 4096)]
    horizon, batch = found.unevenness("horizon", (10, 20, 40, 100)), found.unevenness("batch", (64, 128, 256))
    ours = [row for row in found.rows if row["implementation"].startswith(OURS) and row["threads"] == 1]
    first = {
        (name, horizon): max(
            row["compile_seconds"]
            for row in ours
            if (row["implementation"] == OURS) == (name == "ours") and row["horizon"] == horizon
        )
        for name in ("ours", "engines of XLA")
        for horizon in (20, 100)
    }
    cores = found.time(OURS, **STANDARD) / found.time(OURS, found.most, **STANDARD)
    slowest = min(found.ratio(anyone, **case) for case in small)
    slowest_wide = min(found.ratio(anyone, **case) for case in wide)
    us, spread = standard["us_per_step_per_network"], max(flat) / min(flat) - 1
    loop, stacked = found.ratio(("torch_loop",), **STANDARD), found.ratio(STACKED, **STANDARD)
    return [
        ("standard case: the `torch.nn.RNN` loop over ours", ">= 90", f"{loop:.0f}", verdict(loop >= 90)),
        ("the best stacked torch over ours", ">= 9", f"{stacked:.1f}", verdict(stacked >= 9)),
        ("`jax.vmap` over ours", "", f"{found.ratio(('jax_vmap',), **STANDARD):.0f}", ""),
        (
            "two cores over one" if found.most == 2 else "all cores over one",
            ">= 1.7",
            f"{cores:.2f}",
            verdict(cores >= 1.7),
        ),
        ("microseconds per step per network", "6; 3 remarkable", f"{us:.2f}", verdict(us < 6)),
        ("N_h <= 100: fastest torch over ours, least of all cases", ">= 1", f"{slowest:.2f}", verdict(slowest >= 1)),
        ("N_h 512: the same", ">= 0.8", f"{slowest_wide:.2f}", verdict(slowest_wide >= 0.8)),
        ("cost per network, stacks 64 to 4096", "within 20 %", f"{spread:.0%}", verdict(spread <= 0.2)),
        (
            "cost per step of the sequences, horizons 10 to 100",
            "even within 20 %",
            f"{horizon:.0%}",
            verdict(horizon <= 0.2),
        ),
        ("cost per sequence, batches 64 to 256", "even within 20 %", f"{batch:.0%}", verdict(batch <= 0.2)),
        *(
            (
                f"{name}: first call at horizon {horizon}, seconds, most",
                f"<= {bar}",
                f"{seconds:.1f}",
                verdict(seconds <= bar),
            )
            for ((name, horizon), seconds), bar in zip(first.items(), (6, 20, 6, 20), strict=True)
        ),
    ]


def verdict(holds):
    return "yes" if holds else "no"


def times(found):
    names = [name for name in COLUMNS if any(row["implementation"] == name for row in found.rows)]
    columns = (COLUMNS[name] for name in names)
    headings = ("N_h", "stack", *columns, "loop / ours", "best stacked / ours", "vmap / ours")
    lines = []
    for case in found.cases():
        ratios = [found.ratio(group, **case) for group in (("torch_loop",), STACKED, ("jax_vmap",))]
        cells = [number(found.time(name, **case)) for name in names]
        lines.append((case["n_hidden"], case["stack"], *cells, *(number(each, 2) for each in ratios)))
    return table(headings, lines)


def number(value, digits=3):
    if not np.isfinite(value):
        return ""
    return f"{value:.0f}" if value >= 10**digits else f"{value:.{digits}g}"


def fractions(found):
    for row in found.rows:
        if row["implementation"] == OURS and (row["batch"], row["horizon"]) == (128, 20):
            yield (
                row["case"],
                row["threads"],
                number(row["us_per_step_per_network"]),
                number(row["gflops"]),
                f"{row['of_peak']:.0%}",
                f"{found.issue_rate(row):.0%}",
                number(row["gbs"]),
                f"{row['of_copy']:.0%}",
                f"{row['compile_seconds']:.1f}",
            )


def stops(found):
    row = found.row(OURS, **STANDARD)
    inputs = row["batch"] * row["horizon"]
    total, fused = row["all_operations"] / inputs, row["multiply_adds"] / inputs
    return "## What stops it\n\n" + textwrap.fill(
        f"In the standard case there are {total - fused:.0f} arithmetic instructions per input and "
        f"step: {fused:.0f} multiply-adds, {row['operations'] / inputs - 2 * fused:.0f} other ones of the network, and "
        f"{total - row['operations'] / inputs:.0f} to draw the input. They are issued at "
        f"{found.issue_rate(row):.0%} of the rate at which a matrix product issues its own, which are all "
        f"multiply-adds and count double: hence {row['of_peak']:.0%} of the matrix rate. The states of as "
        f"many sequences as a vector holds fit in the first cache, and weights and moments are "
        f"{row['bytes'] - 8 * inputs * (1 + row['n_hidden'])} bytes per step; that memory plays no part is concluded "
        f"from this, not measured.",
        120,
    )


def laws(found):
    lines = []
    for row in found.rows:
        if row["implementation"] == OURS and row["threads"] == 1 and (row["n_hidden"], row["stack"]) == (2, 512):
            us = row["us_per_step_per_network"]
            name = f"batch {row['batch']}, horizon {row['horizon']}"
            lines.append((name, number(us), f"{1e3 * us / row['batch'] / row['horizon']:.2f}"))
    return lines


def table(headings, lines):
    rows = [headings, ["---"] * len(headings), *lines]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


if __name__ == "__main__":
    main()
