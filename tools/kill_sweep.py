"""Kills a sweep again and again, and compares what it ends with to an undisturbed one: `kill_sweep.py --kills 30`.

Half of the kills hit the whole program, as a power cut does, half only the process that was started, whose workers must
then end by themselves. After each of them every stored block must be whole, one of those that the undisturbed sweep
stored, and none may be gone. In the end all blocks must be the same, byte for byte.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLAN = """
format = 1
[task]
kind = "delay"
delay = 2
[process]
kind = "sparse"
p = 0.3
[network]
readout = "relu"
tied = true
[training]
objective = { kind = "sampled", batch_size = 16, horizon = 8, n_evaluation = 64 }
steps = 3000
n_seeds = 16
record_every = 500
[sweep]
block_size = 8
[[sweep.axes]]
field = "process.p"
linear = { start = 0.1, stop = 0.9, num = 20 }
"""
_ENDS_WITHIN = 10.0  # seconds in which the workers of a killed program must have ended


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 if nothing was lost, doubled or changed, else 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=30, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default %(default)s)")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        return _compare(Path(folder), given.kills, random.Random(given.seed))


def _compare(folder: Path, kills: int, moments: random.Random) -> int:
    (folder / "plan.toml").write_text(PLAN)
    _start(folder, "whole").communicate()
    wanted = _blocks(folder / "whole")
    print(f"undisturbed: {len(wanted)} blocks")
    problems, in_writes, round_number, kept, number = [], 0, 0, {}, 0
    while number < kills:
        store = f"killed-{round_number}"
        process = _start(folder, store)
        _wait_for_a_moment(process, folder / store, len(kept), moments)
        if process.poll() is None:
            number += 1
            workers = _children(process.pid)
            os.killpg(process.pid, signal.SIGKILL) if number % 2 else process.kill()
            process.communicate()
            problems += _left_over(workers, number)
            problems += _wrong(_blocks(folder / store), wanted, kept, number)
            unfinished = list((folder / store).rglob(".*.tmp"))
            in_writes += bool(unfinished)
            write = f", in the middle of a write to {unfinished[0].parent.name}/" if unfinished else ""
            print(f"kill {number}: {len(_blocks(folder / store))} blocks{write}")
        found = _blocks(folder / store)
        kept = found
        for path in (folder / store).rglob(".*.tmp"):
            path.unlink()  # so that those of the next kill are seen
        if len(found) == len(wanted):
            problems += _different(folder, store, wanted)
            round_number, kept = round_number + 1, {}
    store = f"killed-{round_number}"
    _start(folder, store).communicate()
    problems += _different(folder, store, wanted)
    print(f"{kills} kills in {round_number + 1} sweeps, {in_writes} of them in the middle of a write")
    for problem in problems:
        print(f"PROBLEM: {problem}")
    print("nothing was lost, doubled or changed" if not problems else f"{len(problems)} problems")
    return int(bool(problems))


def _wait_for_a_moment(process: "subprocess.Popen[bytes]", store: Path, kept: int, moments: random.Random) -> None:
    """Until so many new blocks and a moment, however fast the machine is; or the middle of a write; or the start."""
    kind, blocks, moment = moments.random(), kept + moments.randrange(8), moments.uniform(0, 0.15)
    if kind < 0.15:
        time.sleep(moments.uniform(0, 2))
        return
    while process.poll() is None and len(_blocks(store)) < blocks:
        time.sleep(0.002)
    if kind < 0.5:
        while process.poll() is None and not any(any((store / name).glob(".*.tmp")) for name in ("blocks", "seconds")):
            pass
    else:
        time.sleep(moment)


def _start(folder: Path, store: str) -> subprocess.Popen[bytes]:
    command = ["sweep", "plan.toml", "--store", store, "--checkpoint-every", "0.05", "--no-figures", "--quiet"]
    return subprocess.Popen([sys.executable, "-m", "spiralsink", *command], cwd=folder, start_new_session=True)


def _blocks(store: Path) -> dict[str, bytes]:
    """What is stored, by name; empty before the store was made."""
    return {path.name: path.read_bytes() for path in (store / "blocks").glob("*.safetensors")}


def _wrong(found: dict[str, bytes], wanted: dict[str, bytes], kept: dict[str, bytes], number: int) -> list[str]:
    strange = [name for name, content in found.items() if wanted.get(name) != content]
    lost = [name for name in kept if name not in found]
    return [f"kill {number}: {name} is not that of the undisturbed sweep" for name in strange] + [
        f"kill {number}: {name} was lost" for name in lost
    ]


def _different(folder: Path, store: str, wanted: dict[str, bytes]) -> list[str]:
    problems = [] if _blocks(folder / store) == wanted else [f"{store}: blocks differ in the end"]
    seconds = [sorted(path.name for path in (folder / each / "seconds").iterdir()) for each in (store, "whole")]
    if seconds[0] != seconds[1]:
        problems.append(f"{store}: seconds of other blocks")
    return problems + [
        f"{store}: {name}/ is left" for name in ("aside", "unfinished") if (folder / store / name).exists()
    ]


def _children(process: int) -> list[int]:
    """Numbers of the processes that a process has started, where the system lists them."""
    listing = Path(f"/proc/{process}/task/{process}/children")
    return [int(each) for each in listing.read_text().split()] if listing.exists() else []


def _left_over(workers: list[int], number: int) -> list[str]:
    deadline = time.monotonic() + _ENDS_WITHIN
    while time.monotonic() < deadline and any(map(_runs, workers)):
        time.sleep(0.02)
    return [f"kill {number}: worker {worker} still runs" for worker in workers if _runs(worker)]


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
