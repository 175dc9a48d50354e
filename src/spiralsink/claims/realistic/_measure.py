"""What is measured of one network: decided before any was trained."""

from typing import Any

import numpy as np
from jaxtyping import Float

from ...inspection import inspect_model
from ._networks import read
from ._responses import hidden_share, invisible_share, projections, responses, sharpness, speaking
from ._tasks import RealTask

READABLE = 0.5
_VARIANCE = 0.9

MEASURES = ("load", "load_beyond_input", "n_readable", "dimensions", "n_components", "additivity", "hidden")
MEASURES += ("invisible", "invisible_flipped", "invisible_wanted", "hidden_by_sign", "sharpness", "silent", "agreement")


def measure(network: Any, architecture: str, task: RealTask, *, seed: int) -> dict[str, Any]:
    """Load, additivity, hidden share and sharpness of one network.

    - `load`: (feature, lag) pairs with held-out R^2 >= 0.5, over the participation ratio of the states;
      `load_beyond_input` counts only pairs of which the input of the moment leaves at least one half open
    - `n_components`: principal components that hold nine tenths of the variance of the states, another count of
      dimensions
    - `additivity`: mean index of pairs of impulses, 1 - |response to both - sum of responses|^2 / |sum|^2
    - `hidden`: sum relu(-A)^2 / sum A^2 over projections A of impulses that the task does not yet want, mean over
      outputs
    - `invisible`: of a rectified readout, the share of what these impulses change before it that it does not let
      through, 1 - sum (relu(y') - relu(y))^2 / sum (y' - y)^2, mean over outputs; `invisible_flipped`: the same of
      changes of opposite sign, y' = y - change; `hidden_by_sign` is the first minus the second, what is hidden because
      it is negative and not because the readout is closed to either sign; `invisible_wanted` is of impulses when they
      are wanted
    - `sharpness`: the largest |A| at a time two steps and more after the task wanted the input, over the largest while
      it wants it; |A| is the Frobenius norm over inputs of that age
    - `silent`: outputs of a rectified readout that are never positive, which the measures of readouts leave out
    - `r2`: held-out R^2 of every (lag, feature), at least -1; None for a feature that does not vary
    - `agreement`: largest difference between the network as it was read and torch's own forward pass

    A null is a number that does not exist: a silent network, or a task that does not say when inputs are wanted.

    Args:
        network: A torch module (`build`).
        architecture: What it is.
        task: What it was trained on, or not.
        seed: Draws backgrounds and pairs.
    """
    model = read(network, architecture)
    found = inspect_model(model, task.probe, n_lags=task.n_lags, seed=seed)
    dimensions = found.participation_ratio
    measured: dict[str, Any] = dict.fromkeys(MEASURES) | {"dimensions": dimensions, "agreement": found.agreement}
    measured["n_components"] = None if dimensions is None else n_components(model.states(task.probe))
    measured["r2"] = []
    if found.memory is not None and dimensions is not None:
        r2 = found.memory.r2
        n_readable = int((np.nan_to_num(r2) >= READABLE).sum())
        measured.update(
            load=n_readable / dimensions,
            load_beyond_input=int(found.memory.readable.sum()) / dimensions,
            n_readable=n_readable,
            r2=[[float(each) if np.isfinite(each) else None for each in row] for row in np.maximum(r2, -1)],
        )
    measured["additivity"] = None if found.additivity is None else found.additivity.mean
    measured["silent"] = int((~speaking(network, task)).sum())
    if len(task.heard_at):
        intact, changed = responses(network, task, seed=seed)
        seen, waits = projections(intact, changed, task), np.cumsum(task.asked, axis=1) == 0
        measured.update(hidden=hidden_share(seen, waits), sharpness=sharpness(seen, task.asked))
        if task.readout == "relu":
            change = changed - intact
            measured["invisible"] = through = invisible_share(intact, change, waits)
            measured["invisible_flipped"] = flipped = invisible_share(intact, -change, waits)
            measured["invisible_wanted"] = invisible_share(intact, change, task.asked)
            measured["hidden_by_sign"] = None if through is None or flipped is None else through - flipped
    return measured


def n_components(states: Float[np.ndarray, "batch time hidden"]) -> int:
    """Principal components that together hold at least nine tenths of the variance; sequences and times are pooled."""
    pooled = states.reshape(-1, states.shape[-1])
    pooled = pooled - pooled.mean(axis=0)
    wide = pooled.shape[1] > pooled.shape[0]
    variances = np.linalg.eigvalsh(pooled @ pooled.T if wide else pooled.T @ pooled)[::-1]
    return int(np.searchsorted(np.cumsum(variances), _VARIANCE * variances.sum())) + 1
