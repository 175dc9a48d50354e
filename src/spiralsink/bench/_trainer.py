"""What every implementation offers the clock, and the weights that all of them start from."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from ._cases import Case

_SEED = 20260501
_MOST_GROWTH = 4


class Absent(Exception):
    """An implementation cannot do a case; the text says why."""


class Timing(NamedTuple):
    """Steps that `networks` networks took in `seconds`."""

    steps: int
    networks: int
    seconds: float


@runtime_checkable
class Trainer(Protocol):
    """A stack in training.

    Attributes:
        compiles: Whether the first call compiles something.
    """

    compiles: bool

    def time(self, seconds: float) -> Timing:
        """Trains for at least that long, and at least one step."""
        ...

    def train(self, steps: int) -> np.ndarray:
        """Trains by so many steps and returns the loss of every network, (stack,)."""
        ...


def first_weights(case: Case) -> dict[str, np.ndarray]:
    """Normal weights of standard deviation 1 / sqrt(fan in): W_x (stack, N_h, 1), W_h (stack, N_h, N_h), W_y as W_x."""
    rng = np.random.default_rng(_SEED)
    n = case.n_hidden
    shapes = {"W_x": ((n, 1), 1), "W_h": ((n, n), n), "W_y": ((n, 1), n)}
    return {
        name: (rng.normal(size=(case.stack, *shape)) / np.sqrt(fan_in)).astype(np.float32)
        for name, (shape, fan_in) in shapes.items()
    }


def timed(advance: Callable[[int], Any], networks: int, seconds: float) -> Timing:
    """Calls `advance(steps)`, which returns when the steps are done, until enough time has passed."""
    taken, chunk, began = 0, 1, time.perf_counter()
    while True:
        advance(chunk)
        taken += chunk
        passed = time.perf_counter() - began
        if passed >= seconds:
            return Timing(taken, networks, passed)
        left = (seconds - passed) * taken / passed
        chunk = max(1, min(round(left), _MOST_GROWTH * chunk))
