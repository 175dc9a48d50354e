"""A process that trains blocks: jobs on standard input, answers on what was standard output.

It ends when whoever started it ends, however that happens.
"""

import os
import queue
import signal
import sys
import threading
import time
from typing import IO

from ._attempt import attempt
from ._messages import Job, Moved, Ready, receive, send

_SECONDS_BETWEEN_REPORTS = 0.3


def main() -> None:
    """Answers until the other side closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, jobs), daemon=True).start()
    try:
        send(answers, Ready())
        while True:
            job = jobs.get()
            send(answers, attempt(job, _Reports(answers)))
    except BrokenPipeError:
        os._exit(1)


def _listen(stream: IO[bytes], jobs: "queue.SimpleQueue[Job]") -> None:
    """Passes jobs on, and ends the process, also in the middle of one, when there is nobody left to answer to."""
    while (job := receive(stream, Job)) is not None:
        jobs.put(job)
    os._exit(0)


class _Reports:
    """Tells how far a block is, but not more often than somebody would look."""

    def __init__(self, answers: IO[bytes]):
        self._answers, self._networks, self._last = answers, 0.0, time.monotonic()

    def __call__(self, networks: float) -> None:
        self._networks += networks
        if time.monotonic() - self._last >= _SECONDS_BETWEEN_REPORTS:
            send(self._answers, Moved(self._networks))
            self._networks, self._last = 0.0, time.monotonic()


if __name__ == "__main__":
    main()
