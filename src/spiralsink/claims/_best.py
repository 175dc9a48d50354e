"""Training many fresh networks with a ReLU readout, and the best of those of every p."""

from typing import Any

import jax
import numpy as np

from ..networks import Orthogonal, RecurrentNetwork
from ..processes import SparseProcess
from ..tasks import Delay
from ..training import Adam, Every, FitResult, SampledLoss, fit
from ..verbs import expected_loss

_SHORTLIST = 8


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

    Exact losses are computed of the eight networks whose losses are lowest on the sequences that all of them share.

    Args:
        result: Networks in the order of p; more at the end are not looked at.
        p: Activity probabilities, (rows,).
        n_seeds: Networks for every p.
        delay: k.
        horizon: T.

    Returns:
        Indices of networks and losses, (rows,).
    """
    table = np.where(np.isnan(result.loss), np.inf, result.loss)[: len(p) * n_seeds].reshape(len(p), n_seeds)
    rows = np.arange(len(p))
    shortlist = np.argsort(table, axis=1, kind="stable")[:, :_SHORTLIST] + n_seeds * rows[:, None]
    process = SparseProcess(1, p=np.broadcast_to(p[:, None, None], (*shortlist.shape, 1)))
    exact = expected_loss(result.networks[shortlist], Delay(delay), process, horizon=horizon).total
    best = np.nanargmin(exact, axis=1)
    return shortlist[rows, best], exact[rows, best] / p
