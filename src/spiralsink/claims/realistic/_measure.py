"""What is measured of one network: decided before any was trained."""

import copy
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ...inspection import inspect_model
from ._networks import outputs_of, read
from ._tasks import RealTask

READABLE = 0.5
_BACKGROUNDS = 8
_AFTER = 2

MEASURES = ("load", "load_beyond_input", "n_readable", "dimensions", "additivity", "hidden", "invisible", "sharpness")
MEASURES += ("agreement",)


def measure(network: Any, architecture: str, task: RealTask, *, seed: int) -> dict[str, Any]:
    """Load, additivity, hidden share and sharpness of one network.

    - `load`: (feature, lag) pairs with held-out R^2 >= 0.5, over the participation ratio of the states;
      `load_beyond_input` counts only pairs of which the input of the moment leaves at least one half open
    - `additivity`: mean index of pairs of impulses, 1 - |response to both - sum of responses|^2 / |sum|^2
    - `hidden`: sum relu(-A)^2 / sum A^2 over projections A of impulses that the task does not yet want
    - `invisible`: of a rectified readout, the share of what these impulses change before it that it does not let
      through, 1 - sum (relu(y') - relu(y))^2 / sum (y' - y)^2: biases and other inputs keep it open for some
    - `sharpness`: the largest |A| at a time two steps and more after the task wanted the input, over the largest while
      it wants it; |A| is the Frobenius norm over inputs of that age
    - `r2`: held-out R^2 of every lag, mean over features that vary, where what is below 0 counts as 0, (lags,)

    - `agreement`: largest difference between the network as it was read and torch's own forward pass

    A null is a number that does not exist: a silent network, or a task that does not say when inputs are wanted.

    Args:
        network: A torch module (`build`).
        architecture: What it is.
        task: What it was trained on, or not.
        seed: Draws backgrounds and pairs.
    """
    found = inspect_model(read(network, architecture), task.probe, n_lags=task.n_lags, seed=seed)
    dimensions = found.participation_ratio
    measured: dict[str, Any] = {"dimensions": dimensions, "agreement": found.agreement}
    if found.memory is None or dimensions is None:
        measured.update(load=None, load_beyond_input=None, n_readable=None, r2=[None] * task.n_lags)
    else:
        r2 = found.memory.r2
        n_readable = int((np.nan_to_num(r2) >= READABLE).sum())
        varies = np.isfinite(r2).all(axis=0)
        measured.update(
            load=n_readable / dimensions,
            load_beyond_input=int(found.memory.readable.sum()) / dimensions,
            n_readable=n_readable,
            r2=[float(each) for each in np.maximum(r2[:, varies], 0).mean(axis=1)],
        )
    measured["additivity"] = None if found.additivity is None else found.additivity.mean
    measured.update(hidden=None, invisible=None, sharpness=None)
    if len(task.heard_at):
        intact, changed = responses(network, task, seed=seed)
        seen = projections(intact, changed, task)
        measured.update(hidden=hidden_share(seen, task.asked), sharpness=sharpness(seen, task.asked))
        if task.readout == "relu":
            measured["invisible"] = invisible_share(intact, changed, task.asked)
    return measured


def responses(
    network: Any, task: RealTask, *, seed: int
) -> tuple[
    Float[np.ndarray, "backgrounds time outputs"], Float[np.ndarray, "inputs features backgrounds time outputs"]
]:
    """Readouts before their nonlinearity, on sequences of the test set, as they are and with 1 added to one feature.

    Every feature at every time of `task.heard_at` in turn; in float64.
    """
    rng = np.random.default_rng(seed)
    background = task.test.inputs[rng.choice(len(task.test.inputs), _BACKGROUNDS, replace=False)]
    shape = len(task.heard_at), task.n_features, *background.shape
    driven = np.broadcast_to(background, shape).copy()
    for i, at in enumerate(task.heard_at):
        for feature in range(task.n_features):
            driven[i, feature, :, at, feature] += 1.0
    exact = copy.deepcopy(network).double()
    intact = outputs_of(exact, background)
    return intact, outputs_of(exact, driven.reshape(-1, *background.shape[1:])).reshape(*shape[:4], -1)


def projections(intact: Any, changed: Any, task: RealTask) -> Float[np.ndarray, "inputs time features outputs"]:
    """A[t_0, t]: change of the readouts at t per unit of a feature added at t_0, mean over backgrounds.

    Of classes, the readouts are the ten log odds of a digit against "wait". Zero before t_0.
    """
    change = changed - intact
    if task.readout == "softmax":
        change = change[..., :-1] - change[..., -1:]
    return change.mean(axis=2).transpose(0, 2, 1, 3)


def invisible_share(intact: Any, changed: Any, asked: Bool[np.ndarray, "inputs time"]) -> float | None:
    """1 - sum (relu(y') - relu(y))^2 / sum (y' - y)^2 before an input is wanted; None where nothing changes."""
    waits = (np.cumsum(asked, axis=1) == 0)[:, None, None, :, None]
    before = (waits * (changed - intact) ** 2).sum()
    after = (waits * (np.maximum(changed, 0) - np.maximum(intact, 0)) ** 2).sum()
    return float(1 - after / before) if before > 0 else None


def hidden_share(
    seen: Float[np.ndarray, "inputs time features outputs"], asked: Bool[np.ndarray, "inputs time"]
) -> float | None:
    """The share sum relu(-A)^2 / sum A^2 over times before an input is wanted; None where nothing of it is seen."""
    waits = np.cumsum(asked, axis=1) == 0
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
