"""The other side of a worker: starts it, gives it a block, reads its answers, ends it."""

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence

from .._errors import TrainingFailed
from .._pinned import pinned_command, thread_variables
from ._attempt import Report
from ._messages import Failed, Job, Message, Moved, Ready, Trained, receive, send


class WorkerLost(Exception):
    """A worker ended without an answer; says how."""


class WorkerProcess:
    """A process of one thread that trains blocks.

    Args:
        cores: The cores that it stays on; none for any.
        variables: Further environment variables, such as the device that it may use.

    Attributes:
        job: The block that it is training, or None.
        moved: How much of it was reported, in networks.
    """

    def __init__(self, cores: Sequence[int] = (), variables: Mapping[str, str] | None = None):
        self.job: Job | None = None
        self.moved = 0.0
        self._started = False
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            pinned_command(f"{__package__}._worker", cores=cores),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,  # so that what can be read is seen from outside
            env=os.environ | thread_variables(1) | dict(variables or {}),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def fileno(self) -> int:
        """What to wait on until there is a message."""
        return self._from.fileno()

    def give(self, job: Job) -> None:
        """Begins a block; a worker that has ended meanwhile is noticed when it is read."""
        self.job, self.moved = job, 0.0
        with contextlib.suppress(BrokenPipeError):
            send(self._to, job)

    def read(self, report: Report) -> Trained | Failed | None:
        """Waits for a message: the answer to the job, or None for word of progress.

        Raises:
            WorkerLost: If the process ended instead.
            TrainingFailed: If it ended before it had begun, as every other one would.
        """
        message = receive(self._from, Message)
        if message is None:
            raise self._lost()
        if isinstance(message, Ready):
            self._started = True
            return None
        if isinstance(message, Moved):
            self.moved += message.networks
            report(message.networks)
            return None
        assert self.job is not None
        # what was not reported of a block counts with its end
        report((self.job.n_seeds if isinstance(message, Trained) else 0) - self.moved)
        self.job = None
        return message

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for stream in (self._to, self._from, self._errors):
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def _lost(self) -> Exception:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        last = f": {lines[-1]}" if lines else ""
        how = f"with code {code}" if code >= 0 else f"by signal {-code} ({signal.strsignal(-code)})"
        if not self._started:
            return TrainingFailed(f"a worker ended {how} before it could train anything{last}")
        return WorkerLost(f"a worker was ended {how}{last}")
