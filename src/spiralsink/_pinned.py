"""Processes of few threads: what starts them, and what keeps them on their cores before anything heavy is imported.

`python -m spiralsink._pinned CORES MODULE ARGUMENTS...` runs a module on these cores, such as 0,2; "any": on all.
"""

import os
import runpy
import sys
from collections.abc import Sequence

# as much as a process uses, whatever its library: ours, OpenMP, BLAS, and XLA, which calls it NPROC
_THREAD_VARIABLES = (
    "SPIRALSINK_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",
)


def thread_variables(threads: int) -> dict[str, str]:
    """Environment variables that keep the libraries of a process to so many threads."""
    variables = {name: str(threads) for name in _THREAD_VARIABLES}
    if threads == 1:
        flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"
        variables["XLA_FLAGS"] = flags.strip()
    return variables


def pinned_command(module: str, *arguments: str, cores: Sequence[int] = ()) -> list[str]:
    """The command that runs a module on these cores, or on any."""
    # -P: what lies in the folder where the program was started must not hide a module of the same name
    return [sys.executable, "-P", "-m", __name__, ",".join(map(str, cores)) or "any", module, *arguments]


def pin(cores: Sequence[int]) -> None:
    """Keeps this process on these cores, where the system can do that and they are there."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


if __name__ == "__main__":
    _cores, _module, *_arguments = sys.argv[1:]
    pin([int(each) for each in _cores.split(",")] if _cores != "any" else [])
    sys.argv = [_module, *_arguments]
    runpy.run_module(_module, run_name="__main__", alter_sys=True)
