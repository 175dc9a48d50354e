"""Sweeps of many networks: time, memory, and two workers against one. `python benchmarks/sweeps.py` writes SWEEPS.md.

Each sweep is a process of its own, with workers that stay on a core each; memory is the largest that the kernel saw
(VmHWM) of the process itself and of its largest worker. About 16 minutes on two cores; nothing else should run.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from spiralsink._machine import describe_machine

PLAN = """
format = 1
[task]
kind = "delay"
delay = 4
[process]
kind = "sparse"
n_features = 1
p = 0.1
[network]
n_hidden = 2
recurrence = "linear"
readout = "relu"
tied = true
[training]
objective = {{ kind = "sampled", batch_size = {batch_size}, horizon = 18 }}
optimizer = {{ kind = "adam", learning_rate = 0.02, schedule = "cosine", clip = 1.0 }}
steps = {steps}
n_seeds = {n_seeds}
record_every = 100
[sweep]
block_size = {block_size}
[[sweep.axes]]
field = "process.p"
log = {{ start = 0.02, stop = 1.0, num = 20 }}
[[sweep.axes]]
fields = ["task.delay", "training.objective.horizon"]
values = [[1, 9], [2, 12], [3, 15], [4, 18], [6, 24]]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("SWEEPS.md"))
    parser.add_argument("--quick", action="store_true", help="a hundredth of the networks, to see that it works")
    given = parser.parse_args()
    scale = 100 if given.quick else 1
    with tempfile.TemporaryDirectory() as folder:
        large = {"batch_size": 128, "steps": 2000}
        rows = [_sweep(Path(folder), n_seeds=n // scale, workers=2, **large) for n in (100, 1000)]
        ratio = [_sweep(Path(folder), n_seeds=750 // scale, workers=n, **large) for n in (2, 1)]
    given.out.write_text(_page(rows, ratio))
    print(given.out.read_text())


def _sweep(folder: Path, *, workers: int, **settings: int) -> dict[str, float]:
    """Runs one sweep to its end; its numbers, with the largest memory of the program and of a worker, in MB."""
    plan, store = folder / "plan.toml", folder / f"store-{time.monotonic_ns()}"
    plan.write_text(PLAN.format(block_size=min(250, settings["n_seeds"]), **settings))
    command = [sys.executable, "-m", "spiralsink", "sweep", str(plan), "--store", str(store), "--json", "--no-figures"]
    began = time.monotonic()
    process = subprocess.Popen([*command, "--workers", str(workers)], stdout=subprocess.PIPE, text=True)
    peaks: dict[int, int] = {}
    watching = threading.Thread(target=_watch, args=(process, peaks), daemon=True)
    watching.start()
    out, _ = process.communicate()
    seconds = time.monotonic() - began
    watching.join()
    found = json.loads(out)
    assert (process.returncode, found["done"]) == (0, found["networks"]), found
    stored = sum(path.stat().st_size for path in (store / "blocks").iterdir())
    own, others = peaks.pop(process.pid), peaks.values()
    return {
        "workers": workers,
        "networks": found["networks"],
        "seconds": seconds,
        "own_mb": own / 1000,
        "worker_mb": max(others) / 1000,
        "stored_mb": stored / 1e6,
        **settings,
    }


def _watch(process: "subprocess.Popen[str]", peaks: dict[int, int]) -> None:
    """Notes the largest resident memory of a process and of those that it started, in kB, until it ends."""
    while process.poll() is None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        try:
            numbers = [process.pid, *map(int, children.read_text().split())]
        except OSError:
            continue
        for number in numbers:
            try:
                lines = Path(f"/proc/{number}/status").read_text().splitlines()
            except OSError:
                continue
            found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
            peaks[number] = max([peaks.get(number, 0), *found])
        time.sleep(0.1)


def _page(rows: list[dict[str, float]], ratio: list[dict[str, float]]) -> str:
    machine = describe_machine()
    about = (
        "SSM networks (linear recurrence, ReLU readout, tied, N_h 2) at 20 activity probabilities and five delays "
        "(1 to 6, horizon 3k + 6), trained by Adam on fresh sequences, measured and stored in blocks of 250. "
        "Written by `python benchmarks/sweeps.py`."
    )
    names = ("networks", "steps", "batch", "workers", "seconds", "networks per second", "stored (MB)")
    peaks = ("largest memory of the program (MB)", "of a worker (MB)")
    lines = ["# Sweeps", "", about, "", f"{machine['cpu']}, {machine['cores']} cores, jaxlib {machine['jaxlib']}.", ""]
    lines += ["| " + " | ".join([*names, *peaks]) + " |", "|---" * (len(names) + len(peaks)) + "|"]
    for row in [*rows, *ratio]:
        cells = [
            f"{row['networks']:,.0f}",
            *(f"{row[name]:.0f}" for name in ("steps", "batch_size", "workers", "seconds")),
        ]
        cells += [f"{row['networks'] / row['seconds']:.0f}"]
        cells += [f"{row[name]:.0f}" for name in ("stored_mb", "own_mb", "worker_mb")]
        lines.append("| " + " | ".join(cells) + " |")
    two, one = ratio
    lines += [
        "",
        f"Two workers train {one['seconds'] / two['seconds']:.2f} times as many networks per second as one. Memory does"
        " not follow the number of networks.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
