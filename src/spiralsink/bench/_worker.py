"""A process that trains what it is told to, on cores of its own: one JSON object per line in, one out.

Requests: {"limits": seconds}; {"prepare": case, "implementation": name}, which runs it, too, so that whatever compiles
has compiled; {"time": seconds, "implementation": name}.
"""

import json
import os
import signal
import sys
import time
from typing import Any

from ._cases import Case


def main(threads: int) -> None:
    """Answers until the other side closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    pin(threads)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    trainers: dict[str, Any] = {}
    for line in sys.stdin:
        answers.write(json.dumps(answer(json.loads(line), trainers, threads)) + "\n")


def pin(threads: int) -> None:
    """Keeps the process on the first cores that it may use, where the system can do that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def answer(request: dict[str, Any], trainers: dict[str, Any], threads: int) -> dict[str, Any]:
    """Does what a request asks for; `trainers` are kept between requests."""
    from ._implementations import make_trainer
    from ._trainer import Absent

    if "limits" in request:
        from ._limits import measure_limits

        return measure_limits(threads, request["limits"])._asdict()
    name = request["implementation"]
    if "time" in request:
        return trainers[name].time(request["time"])._asdict()
    trainers.pop(name, None)
    began = time.perf_counter()
    try:
        trainer = make_trainer(name, Case(**request["prepare"]), threads)
        trainer.time(0)
    except Absent as reason:
        return {"absent": str(reason)}
    except (RuntimeError, MemoryError) as error:  # what torch and XLA raise when memory is short
        lines = str(error).splitlines() or [type(error).__name__]
        return {"absent": lines[0]}
    trainers[name] = trainer
    if not trainer.compiles:
        return {"compile_seconds": None}
    first = time.perf_counter()
    trainer.time(0)
    return {"compile_seconds": max(2 * first - began - time.perf_counter(), 0.0)}


if __name__ == "__main__":
    main(int(sys.argv[1]))
