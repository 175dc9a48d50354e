"""Our own training, by `fit`, as a user calls it."""

import time
from typing import Any

import jax
import numpy as np

from .._errors import NotCovered
from .._progress import NoProgress
from ..networks import RecurrentNetwork
from ..processes import SparseProcess
from ..tasks import Delay
from ..training import Adam, Every, SampledLoss, fit
from ._cases import CLIP, DELAY, LEARNING_RATE, Case, P
from ._trainer import Absent, Timing, first_weights

_ENDLESS = 10**8


class _Stopwatch(NoProgress):
    """Ends a training after some time, as Ctrl-C does: how many steps fit into a time is not known before."""

    def __init__(self, seconds: float):
        self.steps, self.passed, self._limit, self._began = 0, 0.0, seconds, 0.0

    def start(self, description: str, total: int, unit: str = "steps") -> None:
        self._began = time.perf_counter()

    def advance(self, amount: int, note: str = "") -> None:
        self.steps += amount
        self.passed = time.perf_counter() - self._began
        if self.passed >= self._limit:
            raise KeyboardInterrupt


class Ours:
    """Training by `fit` on an engine."""

    compiles = True

    def __init__(self, case: Case, engine: Any):
        self._case, self._engine = case, engine
        self._stack = RecurrentNetwork(**first_weights(case), recurrence="relu", readout="relu")

    def time(self, seconds: float) -> Timing:
        watch = _Stopwatch(seconds)
        self._fit(_ENDLESS, n_evaluation=2, progress=watch)
        return Timing(watch.steps, self._case.stack, watch.passed)

    def train(self, steps: int) -> np.ndarray:
        return np.asarray(self._fit(steps, n_evaluation=2000, progress=NoProgress()).loss)

    def _fit(self, steps: int, *, n_evaluation: int, progress: NoProgress) -> Any:
        case = self._case
        loss = SampledLoss(batch_size=case.batch, horizon=case.horizon, n_evaluation=n_evaluation)
        try:
            return fit(
                self._stack,
                Delay(DELAY),
                SparseProcess(1, P),
                key=jax.random.key(0),
                steps=steps,
                objective=loss,
                optimizer=Adam(LEARNING_RATE, schedule="constant", clip=CLIP),
                record=Every(0),
                engine=self._engine,
                progress=progress,
            )
        except NotCovered as error:
            raise Absent(error.hint or error.problem) from None
