"""What does the arithmetic of first-order training: choices, as users write them."""

import dataclasses
from typing import Any

from .._errors import InvalidInput, Shown, check_count


@dataclasses.dataclass(frozen=True)
class Automatic:
    """The fastest engine for the training at hand, by measured rules.

    On a CPU `Native()` wherever it can train, except for long linear recurrences of many hidden units; otherwise, and
    on a GPU, `Unrolled()` for stacks of twelve networks and more with as many hidden units as it takes, unless the
    horizon is long, and `Batched()` for everything else. Where it is not the native kernel,
    `FitResult.engine` says why.
    """


@dataclasses.dataclass(frozen=True)
class Native:
    """A kernel in C++, compiled for the shape by a compiler at hand: sequences of a network along the vector lanes.

    For sampled losses of filter tasks by Adam, with inputs from uniform or constant amplitudes, p >= 1e-5, on a CPU.

    Attributes:
        threads: Number of threads, >= 1; None for every core that this process may use. Never more than eight for each
            core; fewer work where memory has no room for the states of them all.
    """

    threads: int | None = None

    def __post_init__(self) -> None:
        if self.threads is not None:
            check_count("threads", self.threads)

    def __str__(self) -> str:
        threads = "all cores" if self.threads is None else f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"native kernel, {threads}"


@dataclasses.dataclass(frozen=True)
class Unrolled:
    """XLA, hidden units written out one by one and networks along the vector lanes: for few hidden units."""

    def __str__(self) -> str:
        return "XLA, unrolled"


@dataclasses.dataclass(frozen=True)
class Batched:
    """XLA, batched matrix products: for every training there is."""

    def __str__(self) -> str:
        return "XLA, batched"


Engine = Automatic | Native | Unrolled | Batched


def check_engine(engine: Any) -> Engine:
    """Returns one of the engines."""
    if isinstance(engine, Engine):
        return engine
    given = Shown(engine.__name__ if isinstance(engine, type) else type(engine).__name__)
    raise InvalidInput("engine", given, "Automatic(), Native(), Unrolled() or Batched()")
