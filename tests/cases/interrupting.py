"""Ctrl-C at one line of some files."""

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any, NamedTuple


class Pressed(NamedTuple):
    """Whether there were so many lines, and whether a KeyboardInterrupt came out of the work."""

    reached: bool
    raised: bool


def interrupt() -> None:
    raise KeyboardInterrupt


def ctrl_c_at(
    line: int, modules: Iterable[ModuleType], work: Callable[[], Any], press: Callable[[], Any] = interrupt
) -> Pressed:
    """Does the work and presses Ctrl-C at that line, counted as they are run, of those modules."""
    left, files = [line], {module.__file__ for module in modules}

    def trace(frame, event, _):
        if frame.f_code.co_filename not in files:
            return None
        if event == "line":
            left[0] -= 1
            if not left[0]:
                sys.settrace(None)
                press()
        return trace

    before, raised = sys.gettrace(), False
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        raised = True
    finally:
        sys.settrace(before)
    return Pressed(left[0] <= 0, raised)
