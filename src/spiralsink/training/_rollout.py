"""Squared errors of a network over long sequences, without its states at every step in memory.

Three ways from inputs to errors, chosen by `choose_rollout`:

- `Whole`: all steps, states and outputs are there at once; the fastest for short horizons.
- `Segments`: pieces of about sqrt(T) steps. A backward pass keeps the state at the start of every piece and computes
  the states inside of one piece again when it comes to it.
- `Powers`: for a linear recurrence without state noise. A piece of L steps is two matrix products with the responses
  A_0 .. A_{L-1} and with W_h^L, whatever happens inside.

Memory of one network for its loss and gradient, in float32 numbers, beside inputs and targets, B T (N_x + N_y):

- `Whole`: about 4 B T N_h
- `Segments`: B N_h (T / L + 4 L), L about sqrt(T)
- `Powers`: B N_h T / L + 3 L (N_x + N_y) N_h + 2 L^2 N_x N_y + 2 log2(L) N_h^2, L about N_h / sqrt(N_x N_y)
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp

from .._recurrence import activation, doubled
from ..networks import RecurrentNetwork
from ..tasks import Batch

LONG, LONG_LINEAR = 512, 128  # steps from which states are not kept; linear recurrences without noise
_SHORTEST, _LONGEST = 16, 256  # pieces of `Powers`
_MOST_RESPONSES = 2**22
_MANY_UNITS = 64  # measured: 32 units are even, 100 three to nine times faster
_LITTLE_WORK = 1024  # multiplications per step and sequence that are less than the time of a step by itself


@dataclasses.dataclass(frozen=True)
class Whole:
    """All steps at once."""

    def __call__(self, network: RecurrentNetwork, batch: Batch, *, burn_in: int, noise: Any, dtype: Any) -> Any:
        outputs = network(batch.inputs, noise=noise).outputs
        errors = (outputs - batch.targets).astype(dtype) ** 2 * batch.weights[..., None].astype(dtype)
        return errors[..., burn_in:, :].mean(axis=-2)


@dataclasses.dataclass(frozen=True)
class Segments:
    """Pieces of `length` steps that are computed again on the way back; `state_noise` is drawn piece by piece."""

    length: int
    state_noise: float = 0.0

    def __call__(self, network: RecurrentNetwork, batch: Batch, *, burn_in: int, noise: Any, dtype: Any) -> Any:
        W_y, n_hidden = jnp.asarray(network.output_weights), network.n_hidden
        pieces, real = _pieces(batch, self.length, burn_in)
        n_sequences = batch.inputs.shape[0]

        @jax.checkpoint
        def piece(network: RecurrentNetwork, W_y: Any, h: Any, given: Any) -> Any:
            inputs, targets, weights, real, index = given
            bias = 0.0 if network.b_h is None else network.b_h * real[:, None, None]
            drive = network.leak * (inputs @ network.W_x.T + bias)
            if self.state_noise:
                shape = (self.length, n_sequences, n_hidden)
                drawn = jax.random.normal(jax.random.fold_in(noise, index), shape, jnp.float32)
                drawn = (drawn * jnp.float32(self.state_noise)).astype(drive.dtype)
                drive = drive + drawn * real[:, None, None]
            phi, transposed = activation(network.recurrence), network.W_h.T

            def step(h: Any, driven: Any) -> Any:
                h = (1 - network.leak) * h + network.leak * (phi(h) @ transposed) + driven
                return h, h

            h, states = jax.lax.scan(step, h, drive)
            return h, _squares(network, states @ W_y, targets, weights, dtype)

        def onward(carry: Any, given: Any) -> Any:
            h, sums = carry
            h, squares = piece(network, W_y, h, given)
            return (h, sums + squares), None

        h = jnp.zeros((n_sequences, n_hidden), batch.inputs.dtype)
        sums = jnp.zeros((n_sequences, W_y.shape[-1]), dtype)
        given = (*pieces, real, jnp.arange(real.shape[0], dtype=jnp.int32))
        (_, sums), _ = jax.lax.scan(onward, (h, sums), given)
        return sums / (batch.inputs.shape[1] - burn_in)


@dataclasses.dataclass(frozen=True)
class Powers:
    """Pieces of `length` steps, a power of two, by the responses and a power of a linear recurrence."""

    length: int

    def __call__(self, network: RecurrentNetwork, batch: Batch, *, burn_in: int, noise: Any, dtype: Any) -> Any:
        W_x, W_h, b_h = _folded(network)
        W_y, length = jnp.asarray(network.output_weights), self.length
        pieces, real = _pieces(batch, length, burn_in)
        inputs, targets, weights = pieces
        if b_h is not None:
            # the bias is one more input, which is on
            on = jnp.broadcast_to(real[:, :, None, None], (*inputs.shape[:-1], 1))
            inputs, W_x = jnp.concatenate([inputs, on], axis=-1), jnp.concatenate([W_x, b_h[:, None]], axis=-1)
        n_sequences, n_features = inputs.shape[-2:]
        inputs = jnp.moveaxis(inputs, -2, 1).reshape(-1, n_sequences, length * n_features)
        written, power = doubled(W_h, W_x, length)
        # what is read of the state before the piece, after 1 .. length steps
        read = doubled(W_h.T, W_h.T @ W_y, length)[0]
        read = jnp.moveaxis(read, 0, 1).reshape(W_h.shape[0], -1)
        seen = jnp.einsum("hi,shj->sji", W_y, written)
        # x at step a reaches y at step b with A_{b - a}
        seen = jnp.concatenate([seen, jnp.zeros((length, *seen.shape[1:]), seen.dtype)])
        apart = (jnp.arange(length)[None, :] - jnp.arange(length)[:, None]) % (2 * length)
        inside = jnp.moveaxis(seen[apart], 1, 2).reshape(length * n_features, -1)
        onto = jnp.moveaxis(written[::-1], 1, 2).reshape(length * n_features, -1)

        @jax.checkpoint
        def piece(network: RecurrentNetwork, h: Any, given: Any) -> Any:
            inputs, targets, weights = given
            drive = (inputs @ inside + h @ read).reshape(n_sequences, length, -1)
            squares = _squares(network, jnp.moveaxis(drive, 0, 1), targets, weights, dtype)
            return h @ power.T + inputs @ onto, squares

        def onward(carry: Any, given: Any) -> Any:
            h, sums = carry
            h, squares = piece(network, h, given)
            return (h, sums + squares), None

        h = jnp.zeros((n_sequences, W_h.shape[0]), inputs.dtype)
        sums = jnp.zeros((n_sequences, W_y.shape[-1]), dtype)
        (_, sums), _ = jax.lax.scan(onward, (h, sums), (inputs, targets, weights))
        return sums / (batch.inputs.shape[1] - burn_in)


Rollout = Whole | Segments | Powers


def choose_rollout(network: RecurrentNetwork, horizon: int, state_noise: float = 0.0) -> Rollout:
    """`Whole` below `LONG` steps; from there on `Powers` where that is less work, and `Segments` elsewhere.

    `Powers` from `LONG_LINEAR` steps on where it is much less work.

    Depends on sizes alone, never on the memory of a machine, so that the same training hears and computes the same.
    """
    if horizon >= LONG_LINEAR and network.recurrence == "linear" and not state_noise:
        n_features = network.n_features + (network.b_h is not None)
        joint = n_features * network.n_outputs
        length = 2 ** round(math.log2(max(network.n_hidden / math.sqrt(joint), 1)))
        length = min(max(length, _SHORTEST), _LONGEST)
        work, stepwise = joint * length + network.n_hidden**2 / length, network.n_hidden**2
        most = max(stepwise, _LITTLE_WORK) if horizon >= LONG else stepwise / 4
        if length**2 * joint <= _MOST_RESPONSES and work <= most:
            return Powers(length)
    if horizon < LONG:
        return Whole()
    return Segments(max(math.isqrt(horizon) // 2, 1), state_noise)


def is_faster_by_powers(network: RecurrentNetwork, horizon: int) -> bool:
    """Whether XLA is faster by powers than the native kernel step by step."""
    return network.n_hidden >= _MANY_UNITS and isinstance(choose_rollout(network, horizon), Powers)


def _folded(network: RecurrentNetwork) -> tuple[Any, Any, Any]:
    """(W_x, W_h, b_h) with the leak folded in, in the dtype of the weights."""
    leak = jnp.asarray(network.leak, network.W_h.dtype)
    kept = (1 - leak) * jnp.eye(network.n_hidden, dtype=network.W_h.dtype)
    return leak * network.W_x, kept + leak * network.W_h, None if network.b_h is None else leak * network.b_h


def _pieces(batch: Batch, length: int, burn_in: int) -> tuple[Any, Any]:
    """Inputs, targets and weights as (pieces, length, batch, ...), and which steps are real, (pieces, length).

    What is missing to whole pieces is put in front, where states are zero.
    """
    horizon = batch.inputs.shape[1]
    missing = -horizon % length
    counted = jnp.arange(horizon) >= burn_in
    weights = jnp.where(counted, batch.weights, 0)

    def cut(array: Any) -> Any:
        array = jnp.moveaxis(array, 1, 0)
        array = jnp.pad(array, ((missing, 0), *((0, 0),) * (array.ndim - 1)))
        return array.reshape(-1, length, *array.shape[1:])

    real = (jnp.arange(horizon + missing) >= missing).astype(batch.inputs.dtype)
    return (cut(batch.inputs), cut(batch.targets), cut(weights)), real.reshape(-1, length)


def _squares(network: RecurrentNetwork, drive: Any, targets: Any, weights: Any, dtype: Any) -> Any:
    """Sum over the steps of a piece of w_t (y_i - y*_i)^2, (batch, outputs); `drive` is (length, batch, outputs)."""
    drive = drive if network.b_y is None else drive + network.b_y
    outputs = activation(network.readout)(drive)
    return jnp.sum((outputs - targets).astype(dtype) ** 2 * weights[..., None].astype(dtype), axis=0)
