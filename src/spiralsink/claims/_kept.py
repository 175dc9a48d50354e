"""Networks that a claim keeps with what is known of each, so that they can be looked at one by one later."""

import dataclasses
from typing import Any

import jax
import numpy as np

from .._float64 import computes_in_float64
from .._status import Status
from ..geometry import measure_network
from ..networks import RecurrentNetwork, stack_networks
from ..processes import SparseProcess
from ..theory import SteadyState, problem_arrays, silent_loss
from ..training import networks_to_dataset

_silent_loss = computes_in_float64(silent_loss)


@dataclasses.dataclass(frozen=True)
class Kept:
    """Networks of one class and what they were trained on: a file of networks and a dataset beside it.

    Attributes:
        networks: One network, or a stack with one axis.
        task: A filter task with a single recall lag, or one for each network.
        process: With one row of p for every network, or with the same for all.
        horizon: Horizon of the losses.
        loss: E[L] of each, (networks,).
        status: Integers of `Status`, (networks,); None for networks that a minimiser found.
        loss_standard_error: (networks,) or a number; 0 where losses are exact.
        best: Whether a network is the one that the claim takes for its point, (networks,); None for the lowest loss.
        step: Training steps of the records of a history, (records,), or None.
        history_loss: (networks, records).
        history_terms: Term by name, each (networks, records).
        along: Of a single network, its weights at every record, a stack (records,).
    """

    networks: RecurrentNetwork
    task: Any
    process: SparseProcess
    horizon: Any
    loss: Any
    status: Any = None
    loss_standard_error: Any = 0.0
    best: Any = None
    step: Any = None
    history_loss: Any = None
    history_terms: Any = None
    along: RecurrentNetwork | None = None

    @property
    def finite_networks(self) -> RecurrentNetwork:
        """The networks as a file can hold them: those that diverged, as their status says, with zeros for weights."""
        networks = self.networks
        axes = len(networks.stack)

        def is_whole(leaf: Any) -> Any:
            return np.isfinite(leaf).all(axis=tuple(range(axes, np.ndim(leaf))))

        leaves = [each for each in jax.tree.leaves(networks) if np.ndim(each) > axes]
        whole = np.logical_and.reduce([is_whole(each) for each in leaves])
        if np.all(whole):
            return networks

        def zeroed(leaf: Any) -> Any:
            if np.ndim(leaf) <= axes:
                return leaf
            return np.where(np.reshape(whole, (*whole.shape, *[1] * (np.ndim(leaf) - axes))), leaf, 0)

        return jax.tree.map(zeroed, networks)

    def to_dataset(self) -> Any:
        """The dataset of stores, with `best` and with what was measured of the networks."""
        networks = self.networks if self.networks.stack else stack_networks([self.networks])
        count, size = networks.stack[0], self.process.n_features
        p = np.broadcast_to(np.asarray(self.process.p, np.float64), (count, size))
        process = SparseProcess(size, p, self.process.amplitude)
        loss, error = (np.broadcast_to(each, (count,)) for each in (self.loss, self.loss_standard_error))
        problem = problem_arrays(self.task, process, horizon=self.horizon)
        taps = np.broadcast_to(problem.taps, (count, *np.shape(problem.taps)[-3:]))
        silent = _silent_loss(taps, problem.mean, problem.second_moment, horizon=self.horizon)
        single = networks.n_outputs == 1
        lag = self.task.recall_lag
        geometry = measure_network(
            networks,
            recall_lag=lag,
            importance=problem.importance,
            loss=loss,
            silent_loss=silent @ problem.importance,
            loss_per_output=loss[:, None] / problem.importance if single else None,
            silent_per_output=silent if single else None,
        )
        status = np.full(count, Status.CONVERGED) if self.status is None else np.reshape(self.status, count)
        terms = self.history_terms
        data = networks_to_dataset(
            networks,
            task=self.task,
            process=process,
            loss=loss,
            loss_standard_error=error,
            status=status,
            geometry=geometry,
            history_loss=None if self.step is None else np.reshape(self.history_loss, (count, -1)),
            history_step=self.step,
            history_terms=terms and {name: np.reshape(each, (count, -1)) for name, each in terms.items()},
            coordinates={"delay": np.broadcast_to(lag, count)},
        )
        if self.best is not None:
            data["best"] = "network", np.reshape(self.best, count)
        horizon = "steady state" if isinstance(self.horizon, SteadyState) else int(self.horizon)
        return data.assign_attrs(horizon=horizon)


def kept_population(trained: Any, task: Any, horizon: int) -> Kept:
    """All networks of a `Population`, whatever they started from, row by row."""
    rows, count = trained.networks.stack
    p = np.repeat(np.asarray(trained.p), count)
    return Kept(
        trained.networks[np.unravel_index(np.arange(rows * count), (rows, count))],
        task,
        SparseProcess(1, p=p[:, None]),
        horizon,
        loss=trained.loss_per_p.ravel() * p,
        status=np.asarray(trained.status).ravel(),
        loss_standard_error=trained.standard_error.ravel() * p,
    )
