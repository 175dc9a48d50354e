"""Trains one network on one task, and scores it."""

import dataclasses
from typing import Any

import numpy as np

from ._networks import outputs_of, require_torch
from ._tasks import RealTask, Sequences, accuracy, r_squared


@dataclasses.dataclass(frozen=True)
class Schedule:
    """How networks are trained: Adam with a cosine schedule and clipped gradients.

    Attributes:
        steps: Training steps.
        batch_size: Sequences in a batch.
        learning_rate: Of the first step, for widths up to 32; above, it falls with the root of the width.
        clip: Largest norm of the gradient.
    """

    steps: int
    batch_size: int
    learning_rate: float
    clip: float = 1.0

    def rate(self, width: int) -> float:
        """The first learning rate at a width."""
        return self.learning_rate * min(1.0, (32 / width) ** 0.5)


def train(network: Any, task: RealTask, schedule: Schedule, *, width: int, seed: int, shuffled: bool = False) -> None:
    """Trains a network in place.

    Args:
        network: A torch module (`build`).
        task: The task.
        schedule: How.
        width: Of the network.
        seed: Draws batches.
        shuffled: Whether targets are those of another sequence of the batch: the same numbers, at the same times, that
            inputs say nothing of.
    """
    torch = require_torch()
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=schedule.rate(width))
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, schedule.steps)
    for _ in range(schedule.steps):
        batch = task.draw(rng, schedule.batch_size)
        if shuffled:
            # not a permutation: it leaves one sequence in a batch its own targets, and a network learns from that
            batch = dataclasses.replace(batch, targets=np.roll(batch.targets, rng.integers(1, len(batch.targets)), 0))
        optimizer.zero_grad()
        _loss(network, task.readout, batch).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), schedule.clip)
        optimizer.step()
        decay.step()


def is_finite(network: Any, task: RealTask) -> bool:
    """Whether weights and outputs on unseen data are finite."""
    torch = require_torch()
    weights = all(bool(torch.isfinite(each).all()) for each in network.parameters())
    return weights and bool(np.isfinite(outputs_of(network, task.test.inputs)).all())


def score(network: Any, task: RealTask) -> float:
    """R^2, or accuracy of classes, on sequences that no network was trained on."""
    outputs = outputs_of(network, task.test.inputs)
    if task.readout == "softmax":
        return accuracy(outputs, task.test)
    return r_squared(np.maximum(outputs, 0) if task.readout == "relu" else outputs, task.test)


def _loss(network: Any, readout: str, batch: Sequences) -> Any:
    """Weighted mean over sequences and steps of the squared error summed over outputs, or of the cross entropy."""
    torch = require_torch()
    inputs, targets, weights = (
        torch.as_tensor(each, dtype=torch.float32) for each in (batch.inputs, batch.targets, batch.weights)
    )
    outputs = network(inputs)
    if readout == "softmax":
        return -(weights * (targets * torch.log_softmax(outputs, dim=-1)).sum(-1)).mean()
    if readout == "relu":
        outputs = torch.relu(outputs)
    return (weights * ((outputs - targets) ** 2).sum(-1)).mean()
