"""The sampled loss of stacks of small networks and its gradient: hidden units one by one, networks as vector lanes."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._words import step_words
from ..networks import RecurrentNetwork
from ._goals import PenalisedGoal, PenalisedLaneLoss, SampledGoal
from ._memory import left_bytes, unrolled_bytes
from ._refusals import Way
from ._through_time import Heard, Setting, Weights, draw, loss_and_gradient

MOST_HIDDEN = 8
_MOST_TAPS = 256  # written out as well: each takes 0.04 s of compilation
_LANES = 32  # of a block on a CPU; XLA lowers 16 and fewer another way, many times slower
_NUMBERS = 2**17  # of a block on a CPU: what stays in the cache of a core
_NUMBERS_ELSEWHERE = 2**29  # what fits on any card


def not_unrolled(lanes: RecurrentNetwork, goal: Any) -> str:
    """Why these lanes cannot be trained unrolled; empty if they can."""
    goal = goal.inner if isinstance(goal, PenalisedGoal) else goal
    if not isinstance(goal, SampledGoal):
        return "the loss is not sampled"
    if goal.state_noise:
        return "there is noise on the states"
    if not goal.sequences.from_words(goal.batch_size):
        return "inputs do not come from one random word each"
    if lanes.n_hidden > MOST_HIDDEN:
        return f"more than {MOST_HIDDEN} hidden units"
    if len(goal.sequences.entries) > _MOST_TAPS:
        return f"more than {_MOST_TAPS} entries of the target filter"
    return ""


def unrolled_way(lanes: RecurrentNetwork, goal: Any) -> Way:
    """What a block of lanes and sequences takes, for lanes that can be trained unrolled."""
    goal = goal.inner if isinstance(goal, PenalisedGoal) else goal
    deepest = max(goal.sequences.lags, default=0)

    def needed(batch_size: int, horizon: int) -> int:
        at_once = math.prod(_block_sizes(lanes, batch_size, horizon))
        return unrolled_bytes(lanes, horizon=horizon, deepest_tap=deepest, at_once=at_once)

    return Way(needed, left_bytes(lanes))


def value_and_grad(goal: Any, trained: RecurrentNetwork, fixed: RecurrentNetwork, step: Any) -> tuple[Any, Any]:
    """The losses of lanes at a step, (lanes,), and their gradients, a tree like `trained`.

    The same numbers as those of `goal.lane_loss` on `goal.data(step)`, to rounding.

    Args:
        goal: One that `not_unrolled` has no reason against.
        trained: What is differentiated of the lanes.
        fixed: The rest of them.
        step: The training step, traced.
    """
    if isinstance(goal, PenalisedGoal):
        losses, gradients = value_and_grad(goal.inner, trained, fixed, step)
        penalties, more = _penalties(goal, trained, fixed)
        return losses + penalties, jax.tree.map(jnp.add, gradients, more)
    network = eqx.combine(trained, fixed)
    sequences = goal.sequences
    setting = Setting(
        recurrence=network.recurrence,
        readout=network.readout,
        laws=sequences.process.amplitudes,
        lags=sequences.lags,
        entries=sequences.entries,
        n_outputs=network.n_outputs,
        batch_size=goal.batch_size,
        horizon=sequences.horizon,
        burn_in=goal.lane_loss.burn_in,
    )
    heard = Heard(
        words=_lanes_last(step_words(goal.words, step), 1),
        threshold=_lanes_last(sequences.threshold, 1),
        scale=_lanes_last(sequences.scale, 1),
        taps=_lanes_last(sequences.taps, 3),
    )
    weights, pull = jax.vjp(lambda trained: _weights(eqx.combine(trained, fixed)), trained)
    blocks = _block_sizes(network, goal.batch_size, sequences.horizon)
    losses, gradient = _in_blocks(weights, heard, sequences.importance, setting, step, blocks)
    return losses, pull(gradient)[0]


def _weights(network: RecurrentNetwork) -> Weights:
    leaky = eqx.is_array(network.leak) or network.leak != 1
    leak = jnp.broadcast_to(jnp.asarray(network.leak, jnp.float32), network.stack) if leaky else None

    def last(array: Any) -> Any:
        return None if array is None else jnp.moveaxis(jnp.asarray(array), 0, -1)

    def written(array: Any) -> Any:
        return array if array is None or leak is None else leak * array

    return Weights(
        W_x=written(last(network.W_x)),
        W_h=written(last(network.W_h)),
        W_y=last(network.output_weights),
        b_h=written(last(network.b_h)),
        b_y=last(network.b_y),
        kept=None if leak is None else jax.lax.stop_gradient(1 - leak),
    )


def _in_blocks(
    weights: Weights, heard: Heard, importance: Any, setting: Setting, step: Any, blocks: tuple[int, int]
) -> tuple[Any, Weights]:
    """Losses and gradients, block by block of lanes and of sequences, so that a block stays in the cache."""
    count = weights.W_x.shape[-1]
    lanes, n_sequences = blocks
    n_blocks, n_parts = math.ceil(count / lanes), math.ceil(setting.batch_size / n_sequences)
    given = (
        jax.tree.map(lambda array: _cut(array, n_blocks, lanes), weights),
        jax.tree.map(lambda array: array[None] if array.shape[-1] == 1 else _cut(array, n_blocks, lanes), heard),
    )
    once = jnp.minimum(jnp.asarray(step, jnp.int32), 0) + 1

    def one_block(block: Any) -> tuple[Any, Weights]:
        def pick(array: Any) -> Any:
            return jax.lax.dynamic_index_in_dim(array, block if len(array) > 1 else 0, keepdims=False)

        weights, heard = _stored(lambda: jax.tree.map(pick, given), once)

        def part(number: Any) -> tuple[Any, Weights]:
            first = number * np.int32(n_sequences)
            inputs = _stored(lambda: draw(heard, setting, first, n_sequences), once)
            return loss_and_gradient(weights, inputs, heard.taps, importance, setting, first)

        if n_parts == 1:
            return part(jnp.int32(0))
        sums = jax.tree.map(lambda each: jnp.zeros(each.shape, each.dtype), jax.eval_shape(part, jnp.int32(0)))
        return jax.lax.fori_loop(0, n_parts, lambda number, sums: jax.tree.map(jnp.add, sums, part(number)), sums)

    found = jax.lax.map(one_block, jnp.arange(n_blocks, dtype=jnp.int32))
    return jax.tree.map(lambda array: _join(array, count), found)


def _block_sizes(network: RecurrentNetwork, batch_size: int, horizon: int) -> tuple[int, int]:
    """Lanes and sequences of a block."""
    states = (3 if network.recurrence == "tanh" else 2) * network.n_hidden
    each = horizon * (network.n_features + network.n_outputs + states)
    if jax.default_backend() == "cpu":
        lanes = _LANES
        parts = max(1, round(batch_size * lanes * each / _NUMBERS))
    else:
        lanes = min(network.W_x.shape[0], max(1, _NUMBERS_ELSEWHERE // (each * batch_size)))
        parts = math.ceil(lanes * each * batch_size / _NUMBERS_ELSEWHERE)
    return lanes, max(math.ceil(batch_size / parts), min(8, batch_size))


def _stored(compute: Any, once: Any) -> Any:
    """What `compute` returns, held in memory.

    On a CPU, XLA would compute it again in each loop that reads it, and read slices of stacked arrays element by
    element, several times slower; barriers do not keep it from that. `once` is 1, which it does not know.
    """
    if jax.default_backend() != "cpu":
        return compute()
    start = jax.tree.map(lambda each: jnp.zeros(each.shape, each.dtype), jax.eval_shape(compute))
    return jax.lax.fori_loop(0, once, lambda _, __: compute(), start)


def _cut(array: Any, n_blocks: int, lanes: int) -> Any:
    """(..., lanes) as (blocks, ..., lanes of a block), padded by zeros."""
    pad = [(0, 0)] * (array.ndim - 1) + [(0, n_blocks * lanes - array.shape[-1])]
    return jnp.moveaxis(jnp.pad(array, pad).reshape(*array.shape[:-1], n_blocks, lanes), -2, 0)


def _join(array: Any, count: int) -> Any:
    array = jnp.moveaxis(array, 0, -2)
    return array.reshape(*array.shape[:-2], -1)[..., :count]


def _lanes_last(array: Any, n_axes: int) -> Any:
    """([lanes,] ...) with lanes last; one lane where there is no such axis."""
    return jnp.moveaxis(array, 0, -1) if array.ndim > n_axes else array[..., None]


def _penalties(goal: PenalisedGoal, trained: RecurrentNetwork, fixed: RecurrentNetwork) -> tuple[Any, Any]:
    alone = PenalisedLaneLoss(lambda network, data: jnp.float32(0), goal.lane_loss.strength, goal.lane_loss.n_lags)
    fixed_arrays, rest = eqx.partition(fixed, eqx.is_array)

    def one(trained: Any, fixed_arrays: Any, last_lag: Any) -> Any:
        return alone(eqx.combine(trained, fixed_arrays, rest), (None, last_lag))

    last_lag = jnp.broadcast_to(goal.last_lag, trained.W_x.shape[:1])
    return jax.vmap(jax.value_and_grad(one))(trained, fixed_arrays, last_lag)
