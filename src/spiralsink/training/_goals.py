"""Objectives prepared for the lanes of a stack: the loss of one lane, the data of each step, the measurement."""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._errors import InvalidInput, NotCovered, Shown
from .._float64 import float64, to_numpy
from .._recurrence import directions
from .._words import key_words, step_words
from ..networks import RecurrentNetwork
from ..tasks import Batch, FilterTask, filter_memory
from ..theory import (
    PROBLEM_AXES,
    LossTerms,
    Problem,
    SteadyState,
    check_laws,
    exact_terms,
    problem_arrays,
    silent_loss,
)
from ._evaluate import Measured, Measurement, SampledMeasurement
from ._keys import check_keys, split_keys
from ._memory import exact_lane_bytes, lane_bytes, lanes_together
from ._objectives import ExpectedLoss, Penalised, SampledLoss
from ._refusals import check_exact_fits, check_filter_fits, check_stack_fits
from ._rollout import LONG, choose_rollout
from ._sequences import Sequences, make_sequences


class Goal(Protocol):
    """An objective prepared for lanes.

    Attributes:
        exact: Whether the loss is exact, computed in float64.
        lane_loss: (network of one lane, its data) -> scalar; holds no arrays.
    """

    exact: bool
    lane_loss: Any

    def data(self, step: Any, count: int) -> Any:
        """What `lane_loss` takes besides the network at that step, with a leading axis of `count` lanes."""
        ...

    def take(self, lanes: Any) -> Any:
        """The goal of some of the lanes, by their positions."""
        ...

    def lane_bytes(self, network: RecurrentNetwork) -> int:
        """Memory that each lane takes beside others in the computation of their losses and gradients."""
        ...


class ExpectedLaneLoss(eqx.Module):
    """The exact loss of one lane."""

    objective: ExpectedLoss = eqx.field(static=True)
    laws: tuple[Any, ...] = eqx.field(static=True)

    def __call__(self, network: RecurrentNetwork, problem: Problem) -> Any:
        return self.terms(network, problem).total

    def terms(self, network: RecurrentNetwork, problem: Problem) -> LossTerms:
        """The terms in float64, whatever the dtype of the weights."""
        network = jax.tree.map(_widen, network)
        W_x, W_h, b_h = network.folded_weights
        return exact_terms(
            *(W_x, W_h, jnp.asarray(network.output_weights), problem),
            readout=network.readout,
            laws=self.laws,
            horizon=self.objective.horizon,
            quadrature=self.objective.quadrature,
            b_h=b_h,
            b_y=network.b_y,
        )


class ExpectedGoal(eqx.Module):
    """`ExpectedLoss` for lanes; `problem` in float64, its stacks flattened into one leading axis."""

    problem: Problem
    lane_loss: ExpectedLaneLoss
    exact = True

    def data(self, step: Any, count: int) -> Problem:
        return lanes_of_problem(self.problem, count)

    def take(self, lanes: Any) -> "ExpectedGoal":
        def taken(array: Any, n_axes: int) -> Any:
            return array[lanes] if array.ndim > n_axes else array

        with float64():
            problem = jax.tree.map(taken, self.problem, PROBLEM_AXES)
        return ExpectedGoal(problem, self.lane_loss)

    def lane_bytes(self, network: RecurrentNetwork) -> int:
        objective, n_lags = self.lane_loss.objective, self.problem.taps.shape[-3]
        steady = isinstance(objective.horizon, SteadyState)
        return exact_lane_bytes(network, n_lags=n_lags, steady=steady, quadrature=objective.quadrature)


class SampledLaneLoss(eqx.Module):
    """The loss of one lane on its batch, with noise on the states where there is any.

    At long horizons in less memory than that of the states, as `_rollout` says.
    """

    burn_in: int = eqx.field(static=True)
    state_noise: float = eqx.field(static=True, default=0.0)

    def __call__(self, network: RecurrentNetwork, data: Any) -> Any:
        batch, noise, importance = data
        errors = choose_rollout(network, batch.inputs.shape[-2], self.state_noise)
        found = errors(network, batch, burn_in=self.burn_in, noise=noise, dtype=jnp.float32)
        return jnp.sum(found.mean(axis=0) * importance)


class SampledGoal(eqx.Module):
    """`SampledLoss` for lanes: what a lane hears does not depend on which lanes are beside it.

    Attributes:
        sequences: What draws the batches.
        keys: One key per lane, for its own batches and for the noise on its states.
        shared_key: The key of batches that all lanes hear; None if every lane has its own.
        words: Their key words, (lanes, 2), or (2,) if all lanes hear the same, uint32.
        lane_loss: The loss of one lane on its batch.
        batch_size: B.
        n_hidden: N_h.
        state_noise: Standard deviation of the noise on the states.
    """

    sequences: Sequences
    keys: Any
    shared_key: Any
    words: Any
    lane_loss: SampledLaneLoss
    batch_size: int = eqx.field(static=True)
    n_hidden: int = eqx.field(static=True)
    state_noise: float = eqx.field(static=True)
    exact = False

    def data(self, step: Any, count: int) -> Any:
        importance = self.sequences.importance
        axes = Batch(inputs=3, targets=3, weights=2)
        batch = jax.tree.map(
            lambda each, n: jnp.broadcast_to(each, (count, *each.shape[each.ndim - n :])), self.batch(step), axes
        )
        return batch, self.noise(step), jnp.broadcast_to(importance, (count, *importance.shape))

    def take(self, lanes: Any) -> "SampledGoal":
        words = self.words if self.shared_key is not None else self.words[lanes]
        changes = (self.sequences.take(lanes), self.keys[lanes], words)
        return eqx.tree_at(lambda goal: (goal.sequences, goal.keys, goal.words), self, changes)

    def lane_bytes(self, network: RecurrentNetwork) -> int:
        sizes = {"batch_size": self.batch_size, "horizon": self.sequences.horizon}
        return lane_bytes(network, **sizes, state_noise=self.state_noise)

    def batch(self, step: Any) -> Batch:
        """The batch of a step; without an axis of lanes where all of them hear the same."""
        if self.sequences.from_words(self.batch_size):
            return self.sequences.spelt(step_words(self.words, step), self.batch_size)
        if self.shared_key is not None:
            return self.sequences.shared(_step_keys(self.shared_key, step)[0], self.batch_size)
        return self.sequences.own(jax.vmap(lambda key: _step_keys(key, step)[0])(self.keys), self.batch_size)

    def noise(self, step: Any) -> Any:
        """The noise of a step, (lanes, batch, time, hidden), or None; at long horizons the keys that it comes from."""
        if not self.state_noise:
            return None
        if self.sequences.horizon >= LONG:
            return jax.vmap(lambda key: _step_keys(key, step)[1])(self.keys)
        shape = (self.batch_size, self.sequences.horizon, self.n_hidden)

        def one(key: Any) -> Any:
            return jax.random.normal(_step_keys(key, step)[1], shape, jnp.float32)

        return jax.vmap(one)(self.keys) * jnp.float32(self.state_noise)


def _step_keys(key: Any, step: Any) -> Any:
    """The keys of a step: of the batch, and of the noise."""
    return jax.random.split(jax.random.fold_in(key, step))


class PenalisedLaneLoss(eqx.Module):
    """The loss of one lane plus the squared lengths of its feature directions."""

    inner: Any
    strength: float = eqx.field(static=True)
    n_lags: int = eqx.field(static=True)

    def __call__(self, network: RecurrentNetwork, data: Any) -> Any:
        inner, last_lag = data
        written = directions(
            network.W_x, network.W_h, network.b_h, network.leak, n_lags=self.n_lags, recurrence=network.recurrence
        )
        squared = jnp.sum(written**2, axis=(-2, -1))
        counted = jnp.arange(self.n_lags, dtype=jnp.int32) <= last_lag
        loss = self.inner(network, inner)
        return loss + self.strength * jnp.sum(jnp.where(counted, squared, 0)).astype(loss.dtype)


class PenalisedGoal(eqx.Module):
    """`Penalised` for lanes; `last_lag` has one entry per lane or none."""

    inner: Any
    last_lag: Any
    lane_loss: PenalisedLaneLoss

    @property
    def exact(self) -> bool:
        return self.inner.exact

    def data(self, step: Any, count: int) -> Any:
        return self.inner.data(step, count), jnp.broadcast_to(self.last_lag, (count,))

    def take(self, lanes: Any) -> "PenalisedGoal":
        last_lag = self.last_lag[lanes] if self.last_lag.ndim else self.last_lag
        return PenalisedGoal(self.inner.take(lanes), last_lag, self.lane_loss)

    def lane_bytes(self, network: RecurrentNetwork) -> int:
        return self.inner.lane_bytes(network)


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A goal, and how its loss is measured (without penalties).

    Attributes:
        goal: What is minimised.
        measure: Lanes to a `Measurement` of them, which has not begun.
        n_outputs: N_y.
    """

    goal: Any
    measure: Any
    n_outputs: int


def prepare(objective: Any, network: RecurrentNetwork, task: Any, process: Any, *, key: Any, threads: int) -> Prepared:
    """Prepares an objective for the lanes of networks that fit task and process.

    Sampled losses are measured by the native kernel on that many threads where it can; by XLA for `threads` 0.

    Raises:
        NotCovered: If the exact loss is not known for the network, or a penalty has no lag to end at.
        InvalidInput: If a delay lies beyond the horizon, or the key is not a key.
    """
    check_keys(key, network.stack)
    if isinstance(objective, Penalised):
        inner = prepare(objective.objective, network, task, process, key=key, threads=threads)
        last_lag = _last_lag(objective, task, process)
        loss = PenalisedLaneLoss(inner.goal.lane_loss, objective.penalty.strength, int(last_lag.max()) + 1)
        goal = PenalisedGoal(inner.goal, jnp.asarray(last_lag, jnp.int32), loss)
        return Prepared(goal, inner.measure, network.n_outputs)
    if isinstance(objective, ExpectedLoss):
        return _prepare_expected(objective, network, task, process)
    if isinstance(objective, SampledLoss):
        return _prepare_sampled(objective, network, task, process, key, threads)
    given = objective.__name__ if isinstance(objective, type) else type(objective).__name__
    raise InvalidInput("objective", Shown(given), "ExpectedLoss(), SampledLoss() or Penalised(...)")


def lanes_of_problem(problem: Problem, count: int) -> Problem:
    """The problem with a leading axis of lanes on every array."""

    def lanes(array: Any, n: int) -> Any:
        return jnp.broadcast_to(array, (count, *array.shape[array.ndim - n :]))

    return jax.tree.map(lanes, problem, PROBLEM_AXES)


def _prepare_expected(objective: ExpectedLoss, network: RecurrentNetwork, task: Any, process: Any) -> Prepared:
    if network.recurrence != "linear":
        allowed = "linear for the exact loss"
        raise NotCovered("recurrence", network.recurrence, allowed, hint="use objective=SampledLoss()")
    problem = problem_arrays(task, process, horizon=objective.horizon)
    if network.readout == "relu":
        check_laws(process.amplitudes)
    if not isinstance(objective.horizon, SteadyState):
        check_exact_fits(network, horizon=objective.horizon, quadrature=objective.quadrature)
    lane_loss = ExpectedLaneLoss(objective, process.amplitudes)
    with float64():
        flat = jax.tree.map(_flat, problem, PROBLEM_AXES)
    goal = ExpectedGoal(flat, lane_loss)

    def measured(lanes: RecurrentNetwork) -> Measured:
        with float64():
            together = lanes_together(lanes.W_x.shape[0], goal.lane_bytes(lanes))
            terms, silent = to_numpy(_measure_expected(lanes, flat, lane_loss, together))
        importance = np.asarray(problem.importance, np.float64)
        return Measured(terms.total, np.zeros_like(terms.total), terms.per_output, silent @ importance, silent, terms)

    return Prepared(goal, lambda lanes: _AtOnce(lambda: measured(lanes)), network.n_outputs)


class _AtOnce:
    """A measurement of one piece."""

    def __init__(self, measured: Callable[[], Measured]):
        self._measure, self._found = measured, None

    @property
    def finished(self) -> bool:
        return self._found is not None

    def advance(self) -> None:
        self._found = self._measure()

    @property
    def measured(self) -> Measured:
        assert self._found is not None
        return self._found


def _prepare_sampled(
    objective: SampledLoss, network: RecurrentNetwork, task: Any, process: Any, key: Any, threads: int
) -> Prepared:
    check_stack_fits(network)
    check_filter_fits(task, network.n_features, horizon=objective.horizon, field="objective.horizon")
    sequences = make_sequences(task, process, n_outputs=network.n_outputs, horizon=objective.horizon)
    keys = split_keys(key, network.stack)

    def measure(lanes: RecurrentNetwork) -> Measurement:
        lanes = jax.tree.map(lambda leaf: leaf.astype(jnp.float32) if _is_floating(leaf) else leaf, lanes)
        given = {"n_sequences": objective.n_evaluation, "burn_in": objective.burn_in, "threads": threads}
        return SampledMeasurement(lanes, sequences, key=keys.evaluation, **given)

    shared = objective.batches == "shared"
    goal = SampledGoal(
        sequences=sequences,
        keys=keys.lanes,
        shared_key=keys.shared if shared else None,
        words=key_words(keys.shared) if shared else jax.vmap(key_words)(keys.lanes),
        lane_loss=SampledLaneLoss(objective.burn_in, objective.state_noise),
        batch_size=objective.batch_size,
        n_hidden=network.n_hidden,
        state_noise=objective.state_noise,
    )
    return Prepared(goal, measure, network.n_outputs)


@eqx.filter_jit
def _measure_expected(lanes: RecurrentNetwork, problem: Problem, lane_loss: ExpectedLaneLoss, together: int) -> Any:
    arrays, rest = eqx.partition(lanes, eqx.is_array)
    count = lanes.W_x.shape[0]

    def one(lane: Any) -> Any:
        arrays, problem = lane
        terms = lane_loss.terms(eqx.combine(arrays, rest), problem)
        horizon = lane_loss.objective.horizon
        silent = silent_loss(problem.taps, problem.mean, problem.second_moment, horizon=horizon)
        return terms, silent

    each = (arrays, lanes_of_problem(problem, count))
    return jax.vmap(one)(each) if count <= together else jax.lax.map(one, each, batch_size=together)


def _last_lag(objective: Penalised, task: Any, process: Any) -> np.ndarray:
    lag = objective.penalty.last_lag
    if lag is None and isinstance(task, FilterTask):
        lag = task.recall_lag
        lag = filter_memory(task, process.n_features) - 1 if lag is None else lag
    if lag is None:
        raise NotCovered("penalty.last_lag", None, "a whole number for a task that is no filter task")
    return np.asarray(lag)


def _flat(array: Any, n_axes: int) -> Any:
    array = np.asarray(array, np.float64)
    return jnp.asarray(array.reshape(-1, *array.shape[array.ndim - n_axes :]) if array.ndim > n_axes else array)


def _is_floating(leaf: Any) -> bool:
    return eqx.is_array(leaf) and jnp.issubdtype(leaf.dtype, jnp.floating)


def _widen(leaf: Any) -> Any:
    return leaf.astype(jnp.float64) if _is_floating(leaf) else leaf
