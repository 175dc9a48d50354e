"""Training in two rounds: all seeds for the steps of the budget, then the best of every kind for longer."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float

from ..networks import RecurrentNetwork
from ..training import Every, fit, sampled_loss
from ._values_capacity import is_plausible


class Finalists(NamedTuple):
    """Networks that were trained for longer, the best one first.

    Attributes:
        networks: A stack.
        losses: Loss of each on independent sets of sequences that all share, (networks, chunks).
        plausible: Which of them may be the best.
    """

    networks: RecurrentNetwork
    losses: Float[np.ndarray, "networks chunks"]
    plausible: Bool[np.ndarray, " networks"]


def choose_finalists(
    losses: Float[np.ndarray, " networks"], kinds: Bool[np.ndarray, "networks features"], count: int
) -> list[int]:
    """The best network of each of the `count` / 2 best kinds, and the best of all others.

    Args:
        losses: NaN for networks that diverged; they come last.
        kinds: What tells kinds apart: which features a network keeps.
        count: How many are chosen.

    Returns:
        Indices, the best one first.
    """
    order = np.argsort(np.where(np.isfinite(losses), losses, np.inf), kind="stable").tolist()
    first: dict[bytes, int] = {}
    for index in order:
        first.setdefault(kinds[index].tobytes(), index)
    chosen = list(first.values())[: count // 2]
    chosen += [index for index in order if index not in chosen][: count - len(chosen)]
    return sorted(chosen, key=order.index)


def train_on(
    networks: RecurrentNetwork,
    task: Any,
    process: Any,
    *,
    key: Any,
    steps: int,
    objective: Any,
    optimizer: Any,
    n_sequences: int,
    chunks: int,
) -> Finalists:
    """Trains networks on, and ranks them by their loss on `chunks` sets of `n_sequences` fresh sequences."""
    train_key, key = jax.random.split(key)
    result = fit(
        networks,
        task,
        process,
        key=train_key,
        steps=steps,
        objective=objective,
        optimizer=optimizer,
        record=Every(0),
    )
    measured = [
        sampled_loss(
            result.networks,
            task,
            process,
            key=jax.random.fold_in(key, chunk),
            n_sequences=n_sequences,
            horizon=objective.horizon,
        ).mean
        for chunk in range(chunks)
    ]
    losses = np.stack(measured, axis=-1)
    mean = losses.mean(axis=1)
    order = np.argsort(np.where(np.isfinite(mean), mean, np.inf), kind="stable")
    return Finalists(result.networks[order.tolist()], losses[order], is_plausible(losses[order]))
