"""A process that trains blocks: jobs on standard input, answers on the descriptor that it is told.

It ends when whoever started it ends, however that happens, and, if it is told how long, when it has had nothing to do.
"""

import os
import queue
import signal
import sys
import threading
import time
from typing import Any

from ._attempt import attempt
from ._messages import Job, Moved, Ready, receive, send

_SECONDS_BETWEEN_REPORTS = 0.3


def main(descriptor: int, idle: float | None) -> None:
    """Answers until the other side closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    # without a buffer, which a thread that waits for input would hold when the process ends
    threading.Thread(target=_listen, args=(os.fdopen(0, "rb", buffering=0), jobs), daemon=True).start()
    answers = os.fdopen(descriptor, "wb")
    try:
        send(answers, Ready())
        while True:
            job = jobs.get(timeout=idle)
            send(answers, attempt(job, _Reports(answers)))
    except (queue.Empty, BrokenPipeError):
        os._exit(0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def _listen(stream: Any, jobs: "queue.SimpleQueue[Job]") -> None:
    """Passes jobs on, and ends the process, also in the middle of one, when there is nobody left to answer to."""
    while (job := receive(stream, Job)) is not None:
        jobs.put(job)
    os._exit(0)


class _Reports:
    """Tells how far a block is, but not more often than somebody would look."""

    def __init__(self, answers: Any):
        self._answers, self._networks, self._last = answers, 0.0, time.monotonic()

    def __call__(self, networks: float) -> None:
        self._networks += networks
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_REPORTS:
            send(self._answers, Moved(self._networks))
            self._networks, self._last = 0.0, time.monotonic()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]) if sys.argv[2] else None)
