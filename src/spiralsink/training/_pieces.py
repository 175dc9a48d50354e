"""Pieces of work for threads, all of which end before anything else goes on."""

import _thread
import collections
import threading
from collections.abc import Callable
from typing import Any


def run_all(work: Callable[[Any], int], pieces: list[Any], threads: int) -> list[int]:
    """What `work` returns for every piece, by the thread that asks and `threads` - 1 others.

    No piece is running when it returns or raises, and none was left out but where `work` itself raised: a thread that
    does not start leaves its share to the others.
    """
    waiting = collections.deque(enumerate(pieces))
    codes: list[int] = [0] * len(pieces)
    failures: list[BaseException] = []
    ended = threading.Semaphore(0)

    def labour() -> None:
        while True:
            try:
                place, piece = waiting.popleft()
            except IndexError:
                return
            try:
                codes[place] = work(piece)
            except BaseException as error:
                failures.append(error)
            finally:
                ended.release()

    try:
        for _ in range(min(threads, len(pieces)) - 1):
            threading.Thread(target=labour).start()
    except RuntimeError:  # no more threads: those that there are do it all
        pass
    except KeyboardInterrupt:
        _thread.interrupt_main()  # once more, when all has ended
    labour()
    for _ in pieces:
        ended.acquire()
    if failures:
        raise failures[0]
    return codes
