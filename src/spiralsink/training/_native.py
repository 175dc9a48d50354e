"""First-order training of lanes by the native kernel."""

import time
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..networks import RecurrentNetwork
from ._engines import Native
from ._goals import SampledGoal
from ._interrupts import signals_held
from ._kernel import Kernel, load_kernel
from ._native_job import column, common_job, rows, threads_that_fit, why_not_native
from ._optimizers import Adam
from ._pace import Pace

_WRITTEN = ("parameters", "momentum", "scale", "loss", "alive")  # by the kernel


def not_native(lanes: RecurrentNetwork, goal: Any, optimizer: Any) -> str:
    """Why the native kernel cannot train these lanes; empty if it can."""
    if not isinstance(optimizer, Adam):
        return "the optimizer is not our Adam"
    if not isinstance(goal, SampledGoal):
        return "the objective is not a SampledLoss without penalty"
    if goal.state_noise:
        return "there is noise on the states"
    return why_not_native(lanes, goal.sequences, goal.batch_size)


class NativeDescent:
    """A first-order training in progress; the counterpart of `Descent`.

    Attributes:
        engine: What does the arithmetic, in words.
        arithmetic: What of it decides the last digits: not the number of threads.
        step: Steps taken.
    """

    arithmetic = "native kernel"

    def __init__(self, goal: SampledGoal, lanes: RecurrentNetwork, *, optimizer: Adam, steps: int, threads: int):
        threads = threads_that_fit(lanes, goal.sequences, threads)
        self._kernel, self._threads, self._lanes = load_kernel(lanes), threads, lanes
        self._job = training_job(self._kernel, goal, lanes, optimizer=optimizer, steps=steps)
        self._pace = Pace()
        self._stopped = np.zeros(len(self._job["alive"]), bool)
        self.engine = str(Native(threads))
        self.step = 0

    def advance(self, until: int) -> None:
        """Takes a chunk of steps, at most up to the step `until`; finished also when interrupted.

        Where no lane can move any more, all steps up to `until` count as taken.
        """
        began = time.monotonic()
        target = self._pace.target(self.step, until)
        taken = target - self.step
        with signals_held():
            self._kernel.train(self._job | {"first_step": self.step, "steps": taken}, self._threads)
            self.step = until if self.finished else target
        self._pace.tell(taken, time.monotonic() - began)

    def stop(self, which: np.ndarray) -> None:
        """Those lanes, (lanes,) bools, take no more steps."""
        self._stopped |= which & (self._job["alive"] == 1)
        self._job["alive"][which] = 0

    def snapshot(self) -> dict[str, np.ndarray]:
        """All that another training like this one needs to go on from here."""
        written = {name: self._job[name] for name in _WRITTEN}
        return written | {"step": np.array(self.step), "stopped": self._stopped}

    def restore(self, found: dict[str, np.ndarray]) -> None:
        """Goes on from a snapshot."""
        self._job |= {name: found[name] for name in _WRITTEN}
        self._stopped, self.step = found["stopped"], int(found["step"])

    @property
    def lanes(self) -> RecurrentNetwork:
        """The networks now; those that diverged stay where they last were finite."""
        found = self._kernel.unpack(self._job["parameters"].copy())
        names = list(found)
        return eqx.tree_at(
            lambda each: [getattr(each, name) for name in names],
            self._lanes,
            [jnp.asarray(found[name]) for name in names],
        )

    @property
    def diverged(self) -> np.ndarray:
        """Lanes that met a value that is not finite, (lanes,)."""
        return (self._job["alive"] == 0) & ~self._stopped

    converged = None

    @property
    def taken(self) -> int:
        """Steps taken, also by networks that diverged on the way."""
        return self.step

    @property
    def finished(self) -> bool:
        """Whether no lane can move any more."""
        return not self._job["alive"].any()

    @property
    def note(self) -> str:
        """The median loss of the last step."""
        loss = self._job["loss"][self._job["alive"] == 1]
        return f"median loss {np.median(loss):.3g}" if loss.size and self.step else ""


def training_job(
    kernel: Kernel, goal: SampledGoal, lanes: RecurrentNetwork, *, optimizer: Adam, steps: int
) -> dict[str, Any]:
    """All that the kernel reads and writes in a training, at its first step."""
    parameters = kernel.pack(lanes)
    count = len(parameters)
    return common_job(goal.sequences, lanes, count, goal.lane_loss.burn_in) | {
        "batch": goal.batch_size,
        "total_steps": max(steps, 1) if optimizer.schedule == "cosine" else 0,
        "parameters": parameters,
        "momentum": np.zeros_like(parameters),
        "scale": np.zeros_like(parameters),
        "loss": np.full(count, np.inf, np.float32),
        "alive": np.ones(count, np.uint8),
        "keys": rows(goal.words, count, np.uint32),
        "learning_rate": column(np.ravel(optimizer.learning_rate), count, np.float32),
        "clip": optimizer.clip,
    }
