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

    An impulse is one standard deviation of the feature, at every time of `task.heard_at` in turn; in float64. Outputs
    of a rectified readout that are never positive on test sequences are left out: they say nothing, and their changes
    can be larger than all others.
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
    speaks = speaking(network, task)
    intact = outputs_of(exact, background)
    changed = outputs_of(exact, driven.reshape(-1, *background.shape[1:])).reshape(*shape[:4], -1)
    return intact[..., speaks], changed[..., speaks]


def speaking(network: Any, task: RealTask) -> Bool[np.ndarray, " outputs"]:
    """Which outputs are not silent: all, but for those of a rectified readout that are never positive."""
    if task.readout != "relu":
        return np.ones(task.n_outputs, bool)
    return np.any(outputs_of(network, task.test.inputs) > 0, axis=(0, 1))


def projections(intact: Any, changed: Any, task: RealTask) -> Float[np.ndarray, "inputs time features outputs"]:
    """A[t_0, t]: change of the readouts at t by an impulse at t_0, mean over backgrounds.

    Of classes, the readouts are the ten log odds of a digit against "wait". Zero before t_0.
    """
    change = changed - intact
    if task.readout == "softmax":
        change = change[..., :-1] - change[..., -1:]
    return change.mean(axis=2).transpose(0, 2, 1, 3)


def invisible_share(intact: Any, change: Any, at: Bool[np.ndarray, "inputs time"]) -> float | None:
    """1 - sum (relu(y + change) - relu(y))^2 / sum change^2, mean over outputs; None where nothing changes.

    Args:
        intact: y, readouts as they are, (backgrounds, time, outputs).
        change: What impulses change of them, (inputs, features, backgrounds, time, outputs).
        at: For every input, the times that count.
    """
    counted = at[:, None, None, :, None]
    through = np.maximum(intact + change, 0) - np.maximum(intact, 0)
    return _mean_share(*((counted * each**2).sum(axis=(0, 1, 2, 3)) for each in (change, through)))


def hidden_share(
    seen: Float[np.ndarray, "inputs time features outputs"], waits: Bool[np.ndarray, "inputs time"]
) -> float | None:
    """Share relu(-A)^2 of A^2 over times before an input is wanted, mean over outputs; None where nothing is seen."""
    return _mean_share(*((each[waits] ** 2).sum(axis=(0, 1)) for each in (seen, np.maximum(seen, 0))))


def _mean_share(total: np.ndarray, kept: np.ndarray) -> float | None:
    """Mean of 1 - kept / total over outputs where there is any."""
    there = total > 0
    return float((1 - kept[there] / total[there]).mean()) if there.any() else None


def sharpness(
    seen: Float[np.ndarray, "inputs time features outputs"], asked: Bool[np.ndarray, "inputs time"]
) -> float | None:
    """The ratio of max |A| two steps and more after an input was wanted to that while it is; None where that is 0."""
    size = np.sqrt((seen**2).sum(axis=(2, 3)))
    last = asked.shape[1] - 1 - asked[:, ::-1].argmax(axis=1)
    after = np.arange(asked.shape[1]) >= last[:, None] + _AFTER
    wanted = size[asked].max()
    return float(size[after].max() / wanted) if wanted > 0 else None
