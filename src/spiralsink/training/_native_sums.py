"""Losses of given networks by the native kernel."""

import time
from typing import Any

import numpy as np

from ..networks import RecurrentNetwork
from ._interrupts import signals_held
from ._kernel import load_kernel
from ._native_job import common_job
from ._pace import Pace
from ._sequences import Sequences


class NativeSums:
    """Sums over sequences that all lanes hear, in progress.

    Attributes:
        done: Blocks of sequences that are in the sums.
    """

    def __init__(
        self,
        lanes: RecurrentNetwork,
        sequences: Sequences,
        words: Any,
        *,
        n_sequences: int,
        block: int,
        burn_in: int,
        threads: int,
    ):
        """Begins.

        Args:
            lanes: The networks.
            sequences: What is heard.
            words: Key words of every block of sequences, (blocks, 2).
            n_sequences: Sequences that count; the last block may have more.
            block: Sequences in a block.
            burn_in: Steps at the start that do not count.
            threads: Number of threads.
        """
        self._kernel, self._threads, self._pace = load_kernel(lanes), threads, Pace()
        self._words, self._n_sequences, self._differs = np.array(words, np.uint32), n_sequences, sequences.differs
        parameters = self._kernel.pack(lanes)
        count, n_outputs = len(parameters), len(sequences.importance)
        self._job = common_job(sequences, lanes, count, burn_in) | {
            "batch": block,
            "parameters": parameters,
            "sums": np.zeros((count, 2 + n_outputs)),
        }
        silent = {"parameters": np.zeros_like(parameters), "sums": np.zeros((count, 2 + n_outputs))}
        self._silent = self._job | silent | ({} if sequences.differs else {"lanes": 1})
        self.done = 0

    @property
    def finished(self) -> bool:
        """Whether all sequences are in the sums."""
        return self.done == len(self._words)

    def advance(self) -> None:
        """Adds some blocks, also when interrupted; in their order, so that sums do not depend on how many at a time."""
        began = time.monotonic()
        until = self._pace.target(self.done, len(self._words))
        blocks = {
            "sequences": self._n_sequences - self.done * self._job["batch"],
            "steps": until - self.done,
            "keys": self._words[self.done : until],
        }
        taken = until - self.done
        with signals_held():
            self._kernel.evaluate(self._job | blocks, self._threads)
            self._kernel.evaluate(self._silent | blocks, self._threads)
            self.done = until
        self._pace.tell(taken, time.monotonic() - began)

    @property
    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Those of the lanes, and of networks whose output is zero, (lanes, 2 + outputs).

        Each row has the sum of the loss, that of its square, and those of the mean squared error of every output.
        """
        own, silent = np.asarray(self._job["sums"]), np.asarray(self._silent["sums"])
        return own, silent if self._differs else np.broadcast_to(silent[:1], silent.shape)
