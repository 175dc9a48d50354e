"""From tables to objects: the task, process, initialiser, objective and optimizer of one point of a plan."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Key

from .._errors import InvalidInput, NotCovered, Shown
from .._kinds import build, describe
from .._machine import total_bytes
from ..networks import RecurrentNetwork, Tied, check_memory
from ..processes import SparseProcess
from ..tasks import check_reach, task_importance
from ..theory import check_laws
from ..training import BFGS, ExpectedLoss, LevenbergMarquardt, Penalised
from ._schema import NetworkSpec, Spec, TrainingSpec


class Problem(NamedTuple):
    """The objects that one point of a plan stands for.

    Attributes:
        task: A filter task.
        process: A feature process.
        scheme: How initial weights are drawn.
        objective: An objective of `fit`.
        optimizer: An optimizer of `fit`.
        network: The network's part of the spec.
        training: The training's part of the spec.
    """

    task: Any
    process: SparseProcess
    scheme: Any
    objective: Any
    optimizer: Any
    network: NetworkSpec
    training: TrainingSpec

    @property
    def tied_lag(self) -> int | None:
        """The lag of the tied readout, or None."""
        return int(self.task.recall_lag) if self.network.tied else None

    def networks(self, keys: Key[Array, " stack"]) -> RecurrentNetwork:
        """A stack of untrained networks, the weights of each drawn with its own key."""
        n_features = self.process.n_features
        n_outputs = self.task.n_outputs(n_features)
        try:
            check_memory(keys.shape[0], n_features, self.network.n_hidden, n_outputs)
        except InvalidInput as error:
            field = "sweep.block_size" if error.field == "stack" else error.within("network").field
            raise type(error)(field, error.value, error.allowed, hint=error.hint) from None
        draw = jax.vmap(lambda key: self.scheme(key, n_features, self.network.n_hidden, n_outputs))
        W_x, W_h, W_y = draw(keys)
        return RecurrentNetwork(
            W_x,
            W_h,
            Tied(self.tied_lag) if self.tied_lag is not None else W_y,
            recurrence=self.network.recurrence,
            readout=self.network.readout,
        )


def resolve(spec: Spec) -> Problem:
    """The objects of a spec without a sweep, each checked by its class and then against the others.

    Args:
        spec: The spec, such as that of one point of a plan.

    Raises:
        InvalidInput: Names the dotted field, the value and what is allowed.
        NotCovered: If the objective is not known for the recurrence.
    """
    problem = Problem(
        task=build("task", spec.task, "task"),
        process=build("process", spec.process, "process"),
        scheme=build("init", spec.network.init, "network.init"),
        objective=build("objective", spec.training.objective, "training.objective"),
        optimizer=build("optimizer", spec.training.optimizer, "training.optimizer"),
        network=spec.network,
        training=spec.training,
    )
    _check_one_point(problem)
    _check_task(problem)
    _check_readout(problem)
    _check_objective(problem)
    _check_seeds(problem.training)
    return problem


def normalise(spec: Spec) -> Spec:
    """The same spec with every default of its tables filled in.

    Raises:
        InvalidInput: As `resolve`.
    """
    problem = resolve(spec)
    network = NetworkSpec(
        n_hidden=spec.network.n_hidden,
        recurrence=spec.network.recurrence,
        readout=spec.network.readout,
        tied=spec.network.tied,
        init=describe("init", problem.scheme),
    )
    training = TrainingSpec(
        objective=describe("objective", problem.objective),
        optimizer=describe("optimizer", problem.optimizer),
        steps=spec.training.steps,
        seed=spec.training.seed,
        n_seeds=spec.training.n_seeds,
        record_every=spec.training.record_every,
    )
    return Spec(
        format=spec.format,
        task=describe("task", problem.task),
        process=describe("process", problem.process),
        network=network,
        training=training,
    )


def _check_one_point(problem: Problem) -> None:
    hint = "vary it with an axis of [sweep]"
    if np.ndim(problem.task.recall_lag):
        raise InvalidInput("task.delay", problem.task.recall_lag.tolist(), "one whole number >= 0", hint=hint)
    if problem.process.stack:
        raise InvalidInput(
            "process.p", np.asarray(problem.process.p).tolist(), "a number or one per feature", hint=hint
        )


def _check_task(problem: Problem) -> None:
    n_features = problem.process.n_features
    n_outputs = problem.task.n_outputs(n_features)
    _check_width(n_features, n_outputs)
    try:
        problem.task.target_filter(1, n_features)
        task_importance(problem.task, n_outputs)
        horizon = getattr(problem.objective, "horizon", None)
        if isinstance(horizon, int):
            check_reach(problem.task, n_features, horizon)
    except InvalidInput as error:
        raise error.within("task") from None


def _check_width(n_features: int, n_outputs: int) -> None:
    needed, memory = 8 * n_features * n_outputs, total_bytes()
    if needed > memory / 4:
        hint = f"one lag of the task needs {needed / 1e9:.3g} GB, the machine has {memory / 1e9:.3g} GB"
        raise InvalidInput("process.n_features", n_features, "fewer", hint=hint)


def _check_readout(problem: Problem) -> None:
    if not problem.network.tied:
        return
    n_features = problem.process.n_features
    if problem.task.recall_lag is None:
        raise InvalidInput("network.tied", True, "false", hint="the task has no single recall lag to tie at")
    if problem.task.n_outputs(n_features) != n_features:
        raise InvalidInput("network.tied", True, "false", hint="the task has not as many outputs as features")


def _check_objective(problem: Problem) -> None:
    """What `fit` would refuse, before anything runs and with the names of the spec."""
    objective = problem.objective.objective if isinstance(problem.objective, Penalised) else problem.objective
    if isinstance(objective, ExpectedLoss):
        given = problem.network.recurrence
        if given != "linear":
            hint = 'use objective = { kind = "sampled" }'
            raise NotCovered("network.recurrence", given, "linear for the expected loss", hint=hint)
        if problem.network.readout == "relu":
            check_laws(problem.process.amplitudes)
    elif isinstance(problem.optimizer, BFGS | LevenbergMarquardt):
        given = Shown(type(problem.optimizer).__name__)
        raise NotCovered("training.optimizer", given, "of kind adam for a sampled loss")


def _check_seeds(training: TrainingSpec) -> None:
    if training.seed + training.n_seeds > 2**32:
        raise InvalidInput("training.n_seeds", training.n_seeds, f"at most 4294967296 - seed = {2**32 - training.seed}")
