"""Losses of given networks by the native kernel."""

from typing import Any

import numpy as np

from ..networks import RecurrentNetwork
from ._kernel import load_kernel
from ._native_job import common_job
from ._sequences import Sequences


def sum_native(
    lanes: RecurrentNetwork,
    sequences: Sequences,
    words: Any,
    *,
    n_sequences: int,
    block: int,
    burn_in: int,
    threads: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over sequences that all lanes hear: (of the lanes, of networks whose output is zero), (lanes, 2 + outputs).

    Each row has the sum of the loss, that of its square, and those of the mean squared error of every output.

    Args:
        lanes: The networks.
        sequences: What is heard.
        words: Key words of every block of sequences, (blocks, 2).
        n_sequences: Sequences that count; the last block may have more.
        block: Sequences in a block.
        burn_in: Steps at the start that do not count.
        threads: Number of threads.
    """
    kernel = load_kernel(lanes)
    parameters = kernel.pack(lanes)
    count, n_outputs = len(parameters), len(sequences.importance)
    job = common_job(sequences, lanes, count, burn_in) | {
        "batch": block,
        "sequences": n_sequences,
        "steps": len(words),
        "keys": np.array(words, np.uint32),
        "parameters": parameters,
        "sums": np.zeros((count, 2 + n_outputs)),
    }
    kernel.evaluate(job, threads)
    silent = job | {"parameters": np.zeros_like(parameters), "sums": np.zeros((count, 2 + n_outputs))}
    kernel.evaluate(silent | ({} if sequences.differs else {"lanes": 1}), threads)
    silent_sums = silent["sums"] if sequences.differs else np.broadcast_to(silent["sums"][:1], silent["sums"].shape)
    return job["sums"], silent_sums
