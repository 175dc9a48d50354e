"""Training many fresh networks with a ReLU readout, and the best of those of every p."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from ..networks import Orthogonal, RecurrentNetwork
from ..processes import SparseProcess
from ..tasks import Delay
from ..training import Adam, Every, FitResult, SampledLoss, fit
from ..verbs import expected_loss
from ._hysteresis import span_and_radius

_NEAR_BEST, _SAME_SPAN, _MOST_ALIKE = 1.03, 15.0, 3


def train_sparse(
    p: np.ndarray, delay: int, *, key: Any, n_hidden: int, steps: int, objective: SampledLoss, optimizer: Adam
) -> FitResult:
    """Trains one fresh tied network with a ReLU readout for every entry of p."""
    init_key, key = jax.random.split(key)
    return fit(
        RecurrentNetwork.init(
            init_key, n_hidden=n_hidden, readout="relu", tied_lag=delay, stack=len(p), scheme=Orthogonal()
        ),
        Delay(delay),
        SparseProcess(1, p=p[:, None]),
        key=key,
        steps=steps,
        objective=objective,
        optimizer=optimizer,
        record=Every(0),
    )


def best_of_rows(
    result: FitResult, p: np.ndarray, n_seeds: int, delay: int, horizon: int
) -> tuple[np.ndarray, np.ndarray]:
    """For every p, the network whose exact loss at T is lowest, and its E[L]/p.

    Exact losses are computed of the networks that can be the best by their losses on the sequences that all of them
    share (`shortlist`).

    Args:
        result: Networks in the order of p; more at the end are not looked at.
        p: Activity probabilities, (rows,).
        n_seeds: Networks for every p.
        delay: k.
        horizon: T.

    Returns:
        Indices of networks and losses, (rows,).
    """
    span, _ = span_and_radius(result.networks, delay)
    starts = n_seeds * np.arange(len(p))
    chosen = [first + shortlist(*(each[first : first + n_seeds] for each in (result.loss, span))) for first in starts]
    index = np.concatenate(chosen)
    at = np.repeat(p, [len(each) for each in chosen])
    process = SparseProcess(1, p=at[:, None])
    exact = expected_loss(result.networks[index], Delay(delay), process, horizon=horizon).total
    losses = np.full((len(p), n_seeds), np.nan)
    losses[index // n_seeds, index % n_seeds] = exact
    best = np.nanargmin(losses, axis=1)
    return starts + best, losses[np.arange(len(p)), best] / p


def shortlist(loss: Float[np.ndarray, " networks"], span: Float[np.ndarray, " networks"]) -> Int[np.ndarray, " chosen"]:
    """The networks that can be the best, given losses with some noise.

    Those within 3 % of the lowest loss, and of those with the same span, within 15 degrees, the three best: networks
    on one branch differ by less than the noise between branches.

    Args:
        loss: Sampled losses; NaN where a network diverged.
        span: Eigenangle spans, degrees.
    """
    order = np.argsort(loss, kind="stable")
    kept: list[int] = []
    for each in order[loss[order] <= _NEAR_BEST * np.nanmin(loss)]:
        if np.sum(np.abs(span[kept] - span[each]) <= _SAME_SPAN) < _MOST_ALIKE:
            kept.append(int(each))
    return np.array(kept)
