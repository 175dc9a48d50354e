"""What inputs do to the readouts of one network, at every time after they are heard."""

import copy
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ._networks import outputs_of
from ._tasks import RealTask

_BACKGROUNDS = 8
_AFTER = 2


def responses(
    network: Any, task: RealTask, *, seed: int
) -> tuple[
    Float[np.ndarray, "backgrounds time outputs"], Float[np.ndarray, "inputs features backgrounds time outputs"]
]:
    """Readouts before their nonlinearity, on sequences of the test set, as they are and with more of one feature.

    An impulse is one standard deviation of the feature, at every time of `task.heard_at` in turn; in float64.
    """
    rng = np.random.default_rng(seed)
    background = task.test.inputs[rng.choice(len(task.test.inputs), _BACKGROUNDS, replace=False)]
    size = task.test.inputs.std(axis=(0, 1))
    shape = len(task.heard_at), task.n_features, *background.shape
    driven = np.broadcast_to(background, shape).copy()
    for i, at in enumerate(task.heard_at):
        for feature in range(task.n_features):
            driven[i, feature, :, at, feature] += size[feature]
    exact = copy.deepcopy(network).double()
    intact = outputs_of(exact, background)
    return intact, outputs_of(exact, driven.reshape(-1, *background.shape[1:])).reshape(*shape[:4], -1)


def projections(intact: Any, changed: Any, task: RealTask) -> Float[np.ndarray, "inputs time features outputs"]:
    """A[t_0, t]: change of the readouts at t by an impulse at t_0, mean over backgrounds.

    Of classes, the readouts are the ten log odds of a digit against "wait". Zero before t_0.
    """
    change = changed - intact
    if task.readout == "softmax":
        change = change[..., :-1] - change[..., -1:]
    return change.mean(axis=2).transpose(0, 2, 1, 3)


def invisible_share(intact: Any, change: Any, at: Bool[np.ndarray, "inputs time"]) -> float | None:
    """1 - sum (relu(y + change) - relu(y))^2 / sum change^2; None where nothing changes.

    Args:
        intact: y, readouts as they are, (backgrounds, time, outputs).
        change: What impulses change of them, (inputs, features, backgrounds, time, outputs).
        at: For every input, the times that count.
    """
    counted = at[:, None, None, :, None]
    before = (counted * change**2).sum()
    after = (counted * (np.maximum(intact + change, 0) - np.maximum(intact, 0)) ** 2).sum()
    return float(1 - after / before) if before > 0 else None


def hidden_share(
    seen: Float[np.ndarray, "inputs time features outputs"], waits: Bool[np.ndarray, "inputs time"]
) -> float | None:
    """The share sum relu(-A)^2 / sum A^2 over times before an input is wanted; None where nothing of it is seen."""
    total = (seen[waits] ** 2).sum()
    return float((np.minimum(seen[waits], 0) ** 2).sum() / total) if total > 0 else None


def sharpness(
    seen: Float[np.ndarray, "inputs time features outputs"], asked: Bool[np.ndarray, "inputs time"]
) -> float | None:
    """The ratio of max |A| two steps and more after an input was wanted to that while it is; None where that is 0."""
    size = np.sqrt((seen**2).sum(axis=(2, 3)))
    last = asked.shape[1] - 1 - asked[:, ::-1].argmax(axis=1)
    after = np.arange(asked.shape[1]) >= last[:, None] + _AFTER
    wanted = size[asked].max()
    return float(size[after].max() / wanted) if wanted > 0 else None
