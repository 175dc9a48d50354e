"""The other side of a worker: starts it, gives it a block, reads its answers, ends it."""

import contextlib
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence

from .._atomic import reason
from .._errors import TrainingFailed
from .._pinned import pinned_command, thread_variables
from ._attempt import Report
from ._messages import Failed, Job, Message, Moved, Ready, Trained, receive, send


class WorkerLost(Exception):
    """A worker ended without an answer; says how.

    Attributes:
        at_start: Whether it ended by itself before it could train, as every other one would.
    """

    def __init__(self, message: str, *, at_start: bool = False):
        super().__init__(message)
        self.at_start = at_start


class WorkerProcess:
    """A process of one thread that trains blocks.

    Args:
        cores: The cores that it stays on; none for any.
        variables: Further environment variables, such as the device that it may use.
        idle: Seconds without a block after which it ends; None for never.

    Attributes:
        job: The block that it is training, or None.
        moved: How much of it was reported, in networks.

    Raises:
        TrainingFailed: If the system starts no further process.
    """

    def __init__(
        self, cores: Sequence[int] = (), variables: Mapping[str, str] | None = None, *, idle: float | None = None
    ):
        self.job: Job | None = None
        self.moved = 0.0
        self._started = False
        with contextlib.ExitStack() as opened:
            try:
                self._errors = opened.enter_context(tempfile.TemporaryFile("w+", errors="replace"))
                receives, answers = os.pipe()
                self._from = opened.enter_context(os.fdopen(receives, "rb", buffering=0))
                with os.fdopen(answers, "wb", buffering=0):
                    waits = "" if idle is None else str(idle)
                    self._process = subprocess.Popen(
                        pinned_command(f"{__package__}._worker", str(answers), waits, cores=cores),
                        stdin=subprocess.PIPE,
                        stdout=self._errors,  # what libraries print is no answer
                        stderr=self._errors,
                        env=os.environ | thread_variables(1) | dict(variables or {}),
                        pass_fds=(answers,),
                        bufsize=0,
                    )
            except OSError as error:
                raise TrainingFailed(f"no worker can be started: {reason(error)}") from None
            assert self._process.stdin is not None
            self._to = opened.enter_context(self._process.stdin)
            self._opened = opened.pop_all()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def fileno(self) -> int:
        """What to wait on until there is a message."""
        return self._from.fileno()

    def give(self, job: Job) -> None:
        """Begins a block; a worker that has ended meanwhile is noticed when it is read."""
        self.job, self.moved = job, 0.0
        with contextlib.suppress(BrokenPipeError):
            send(self._to, job)

    def wait(self, seconds: float) -> bool:
        """Whether there is a message within so many seconds."""
        return bool(select.select([self], [], [], seconds)[0])

    def read(self, report: Report) -> Trained | Failed | None:
        """Waits for a message: the answer to the job, or None for word of progress.

        Raises:
            WorkerLost: If the process ended instead.
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
        with contextlib.suppress(BrokenPipeError):
            self._opened.close()

    def _lost(self) -> WorkerLost:
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        last = f": {lines[-1]}" if lines else ""
        how = f"with code {code}" if code >= 0 else f"by signal {-code} ({signal.strsignal(-code)})"
        if not self._started and code > 0:
            return WorkerLost(f"a worker ended {how} before it could train anything{last}", at_start=True)
        return WorkerLost(f"a worker was ended {how}{last}")
