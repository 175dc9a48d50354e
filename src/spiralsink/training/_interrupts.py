"""Ctrl-C waits until what must not be cut in two has ended."""

import contextlib
import signal
from collections.abc import Iterator
from typing import Any


class _Recorder:
    """A signal handler that remembers what arrived, and asks the handlers before it once it no longer holds."""

    def __init__(self, before: dict[int, Any]):
        self.before, self.arrived, self.holds = before, [], True

    def __call__(self, number: int, frame: Any) -> None:
        if self.holds:
            self.arrived.append((number, frame))
        else:
            self.before[number](number, frame)

    def release(self) -> None:
        """Asks for each signal that arrived, also where an answer is an exception; the first of these is raised."""
        with contextlib.ExitStack() as answers:
            for number, frame in reversed(dict(self.arrived).items()):
                answers.callback(self.before[number], number, frame)


@contextlib.contextmanager
def signals_held() -> Iterator[None]:
    """While it lasts no signal is answered by Python, so that none raises; afterwards all that arrived are.

    Where signals are not answered, which is outside of the main thread, nothing is held.
    """
    numbers = sorted(signal.valid_signals(), key=lambda number: number == signal.SIGINT)
    answers = {number: signal.getsignal(number) for number in numbers}
    recorder = _Recorder({number: answer for number, answer in answers.items() if callable(answer)})
    try:
        _answer_by(dict.fromkeys(recorder.before, recorder))
        yield
    finally:
        try:
            _answer_by(recorder.before)  # that of Ctrl-C last: what is put back first can be asked, and raise
        finally:
            recorder.holds = False
        recorder.release()


def _answer_by(handlers: dict[int, Any]) -> None:
    with contextlib.suppress(ValueError):  # of another thread than the main one
        for number, handler in handlers.items():
            signal.signal(number, handler)
