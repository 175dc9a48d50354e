"""The other side of the workers: starts them, asks them, ends them."""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from .._pinned import thread_variables


class Worker:
    """A process of so many threads that trains; a context that ends it.

    Args:
        threads: Number of threads, and of cores that it stays on.
        cache: Folder for what it compiles, so that what others compiled before does not count.
    """

    def __init__(self, threads: int, cache: str):
        environment = os.environ | thread_variables(threads)
        environment |= {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_COMPILATION_CACHE": "false", "SPIRALSINK_CACHE": cache}
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}._worker", str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            text=True,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            RuntimeError: If the process ended instead; with its last line on standard error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["no word on standard error"])[-1]
            code = self._process.wait()
            raise RuntimeError(f"the process that answers {request} ended with code {code}: {last}")
        return json.loads(line)

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()
