"""Training many networks from plain and from shipped initial weights, and what is measured of all of them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from .._kinds import build
from ..geometry import Geometry, feature_directions, measure_network, projections
from ..networks import RecurrentNetwork, stack_networks
from ..processes import SparseProcess
from ..tasks import Delay
from ..training import Adam, Every, SampledLoss, fit, sampled_loss
from ._claim import Budget
from ._experiments import training_horizon


class Population(NamedTuple):
    """Networks of one class at several p, trained from the same schemes.

    Attributes:
        networks: Stack (rows, networks), one row for each p.
        p: Activity probabilities, (rows,).
        scheme: Name of the scheme of each network of a row, (networks,).
        loss_per_p: E[L]/p on fresh sequences that all networks share, (rows, networks).
        standard_error: Of `loss_per_p`.
        geometry: What was measured of every network, with these losses.
        status: How the training ended, (rows, networks).
        best: Index of the network of the lowest loss in each row, (rows,).
    """

    networks: RecurrentNetwork
    p: Float[np.ndarray, " rows"]
    scheme: np.ndarray
    loss_per_p: Float[np.ndarray, "rows networks"]
    standard_error: Float[np.ndarray, "rows networks"]
    geometry: Geometry
    status: np.ndarray
    best: np.ndarray

    @property
    def best_networks(self) -> RecurrentNetwork:
        """The best network of each row, a stack (rows,)."""
        return stack_networks([self.networks[row, int(index)] for row, index in enumerate(self.best)])

    def best_from(self, scheme: str, row: int = 0) -> int:
        """Index of the best network of a row among those that started from one scheme."""
        return int(np.nanargmin(np.where(self.scheme == scheme, self.loss_per_p[row], np.nan)))


def train_population(
    delay: int,
    p: list[float],
    *,
    model: str,
    schemes: Mapping[str, Mapping[str, Any]],
    n_seeds: int,
    steps: int,
    batch_size: int,
    learning_rate: float,
    n_sequences: int,
    key: Any,
    n_hidden: int = 2,
    horizon: int | None = None,
) -> Population:
    """Trains tied networks for one scalar feature, `n_seeds` from every scheme at every p.

    Args:
        delay: k.
        p: Activity probabilities.
        model: A key of `MODELS`.
        schemes: Tables of initialisers by name, such as {"plain": {"kind": "normal"}}.
        n_seeds: Networks for each scheme and p.
        steps: Training steps.
        batch_size: Sequences of each step and network.
        learning_rate: Of Adam, at the start of its cosine.
        n_sequences: Sequences on which all networks are compared.
        key: A JAX random key.
        n_hidden: N_h.
        horizon: T; 3k + 6 if None.
    """
    recurrence, readout = MODELS[model]
    horizon = training_horizon(delay) if horizon is None else horizon
    init_key, train_key, key = jax.random.split(key, 3)
    drawn = [
        RecurrentNetwork.init(
            jax.random.fold_in(init_key, index),
            n_hidden=n_hidden,
            recurrence=recurrence,
            readout=readout,
            tied_lag=delay,
            stack=(len(p), n_seeds),
            scheme=build("init", table, name),
        )
        for index, (name, table) in enumerate(schemes.items())
    ]
    start = RecurrentNetwork(
        np.concatenate([np.asarray(each.W_x) for each in drawn], axis=1),
        np.concatenate([np.asarray(each.W_h) for each in drawn], axis=1),
        drawn[0].W_y,
        recurrence=recurrence,
        readout=readout,
    )
    task = Delay(delay)
    process = SparseProcess(1, p=np.broadcast_to(np.array(p)[:, None, None], (*start.stack, 1)))
    result = fit(
        start,
        task,
        process,
        key=train_key,
        steps=steps,
        objective=SampledLoss(batch_size, horizon),
        optimizer=Adam(learning_rate),
        record=Every(0),
    )
    sample = sampled_loss(result.networks, task, process, key=key, n_sequences=n_sequences, horizon=horizon)
    per_p = np.array(p)[:, None]
    loss = np.asarray(sample.mean) / per_p
    return Population(
        networks=result.networks,
        p=np.array(p),
        scheme=np.repeat(list(schemes), n_seeds),
        loss_per_p=loss,
        standard_error=np.asarray(sample.standard_error) / per_p,
        geometry=measure_network(
            result.networks,
            recall_lag=delay,
            loss=sample.mean,
            silent_loss=sample.silent,
            loss_per_output=sample.per_output,
            silent_per_output=sample.silent_per_output,
        ),
        status=result.status,
        best=np.argmin(np.where(np.isfinite(loss), loss, np.inf), axis=1),
    )


MODELS = {"linear": ("linear", "linear"), "ssm": ("linear", "relu"), "nonlinear": ("relu", "relu")}


def seen(networks: RecurrentNetwork, n_lags: int) -> np.ndarray:
    """Projections a_s of one scalar feature, (*stack, n_lags)."""
    return np.asarray(projections(networks, n_lags))[..., 0, 0]


def planes(networks: RecurrentNetwork, n_lags: int) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Feature directions and readouts of a stack of best networks, as variables of a dataset along `row`."""
    return {
        "feature_directions": (
            ("row", "lag", "hidden", "feature"),
            np.asarray(feature_directions(networks, n_lags)),
        ),
        "output_weights": (("row", "hidden", "output"), np.asarray(networks.output_weights)),
    }


def population_settings(budget: Budget) -> dict[str, Any]:
    """What all trained populations share at a budget."""
    return {
        "steps": budget.steps,
        "batch_size": 64 if budget.scale == "quick" else 256,
        "learning_rate": 0.01,
        "n_sequences": budget.n_sequences,
    }
