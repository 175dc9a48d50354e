"""Loss and gradient of many small networks at once, by passing through time and back, networks along the last axis.

Arrays have axes (time, hidden, sequence, network). Each step is one sum over hidden units that are written out one by
one, so that everything is elementwise in sequences and networks: no products of tiny matrices.
"""

import dataclasses
import functools
import operator
from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._recurrence import activation
from .._words import inputs_from_words, mixed_words


class Weights(NamedTuple):
    """Of networks along the last axis; what writes to the state is times leak already.

    `W_x` (hidden, features, networks), `W_h` (hidden, hidden, networks), `W_y` (hidden, outputs, networks), `b_h`
    (hidden, networks) or None, `b_y` (outputs, networks) or None; `kept`: 1 - leak, (networks,), or None for leak 1.
    """

    W_x: Any
    W_h: Any
    W_y: Any
    b_h: Any
    b_y: Any
    kept: Any


class Heard(NamedTuple):
    """What networks hear and should say; the last axis is that of the networks, or 1 where all have the same.

    `words` (2, networks): key words. `threshold`, `scale` (features, networks). `taps` (lags, outputs, features,
    networks).
    """

    words: Any
    threshold: Any
    scale: Any
    taps: Any


@dataclasses.dataclass(frozen=True)
class Setting:
    """What a program is compiled for.

    Attributes:
        recurrence: phi_h.
        readout: phi_y.
        laws: The amplitude law of each feature.
        lags: The lags of the taps.
        entries: The taps that are not zero, as (place in `lags`, output, feature).
        n_outputs: N_y.
        batch_size: B.
        horizon: T.
        burn_in: b.
    """

    recurrence: str
    readout: str
    laws: tuple[Any, ...]
    lags: tuple[int, ...]
    entries: tuple[tuple[int, int, int], ...]
    n_outputs: int
    batch_size: int
    horizon: int
    burn_in: int

    @property
    def deepest(self) -> int:
        """The largest lag."""
        return max(self.lags, default=0)


def draw(heard: Heard, setting: Setting, first: Any, n_sequences: int) -> list[Any]:
    """The inputs of each feature, (deepest + horizon, sequences, networks): zeros, then those of the sequences.

    Behind the last sequence of the batch comes the last one again: what does not count is infinite only where something
    that counts is.

    Args:
        heard: What is heard.
        setting: What is compiled for.
        first: The first of the sequences of the batch.
        n_sequences: How many.
    """
    time = jax.lax.broadcasted_iota(jnp.int32, (setting.deepest + setting.horizon, 1, 1), 0) - setting.deepest
    sequence = first + jax.lax.broadcasted_iota(jnp.int32, (1, n_sequences, 1), 1)
    sequence = jnp.minimum(sequence, np.int32(setting.batch_size - 1))
    found = []
    for feature, law in enumerate(setting.laws):
        counter = (np.int32(feature * setting.horizon) + time).astype(jnp.uint32) * np.uint32(setting.batch_size)
        words = mixed_words(counter + sequence.astype(jnp.uint32), heard.words.T)
        inputs = inputs_from_words(words, heard.threshold[feature], heard.scale[feature], law)
        found.append(jnp.where(time >= 0, inputs, jnp.float32(0)))
    return found


def loss_and_gradient(
    weights: Weights, inputs: list[Any], taps: Any, importance: Any, setting: Setting, first: Any
) -> tuple[Any, Weights]:
    """The part of the losses that comes from some sequences of the batch, (networks,), and its gradient.

    Args:
        weights: Of the networks.
        inputs: From `draw`.
        taps: As in `Heard`.
        importance: I_i, (outputs,).
        setting: What is compiled for.
        first: The first of the sequences; those that are not of the batch do not count.
    """
    states, active = _forward(weights, inputs, setting)
    counted = _counted(setting, first, inputs[0].shape[1])
    losses, errors = [], []
    for output in range(setting.n_outputs):
        y = _sum(weights.W_y[j, output] * states[:, j] for j in range(states.shape[1]))
        y = y if weights.b_y is None else y + weights.b_y[output]
        error = activation(setting.readout)(y) - _target(output, inputs, taps, setting)
        # selected, not multiplied by zero: an error that does not count may be infinite
        error = jnp.where(counted > 0, error, jnp.float32(0))
        weighted = (importance[output] * counted) * error
        losses.append(jnp.sum(weighted * error, axis=(0, 1)))
        passed = jnp.where(y > 0, weighted, jnp.float32(0)) if setting.readout == "relu" else weighted
        errors.append(np.float32(2) * passed)
    deltas = _backward(weights, errors, states, active, setting)

    def summed(*factors: Any) -> Any:
        return jnp.sum(functools.reduce(operator.mul, factors), axis=(0, 2))

    heard = [each[setting.deepest :, None] for each in inputs]
    before = range(states.shape[1])
    gradient = Weights(
        W_x=jnp.stack([summed(deltas, each) for each in heard], axis=1),
        W_h=jnp.stack([summed(deltas[1:], active[:-1, j : j + 1]) for j in before], axis=1),
        W_y=jnp.stack([summed(states, error[:, None]) for error in errors], axis=1),
        b_h=None if weights.b_h is None else summed(deltas),
        b_y=None if weights.b_y is None else jnp.stack([jnp.sum(error, axis=(0, 1)) for error in errors]),
        kept=None if weights.kept is None else jnp.zeros_like(weights.kept),  # leak is not trained
    )
    return _sum(losses), gradient


def _forward(weights: Weights, inputs: list[Any], setting: Setting) -> tuple[Any, Any]:
    """States and phi_h of them, (time, hidden, sequences, networks)."""
    phi = activation(setting.recurrence)
    stored = setting.recurrence == "tanh"  # costly: computed once
    n_hidden, _, n_networks = weights.W_h.shape

    def step(carry: Any, heard: Any) -> Any:
        state, active = carry
        active = active if stored else phi(state)
        state = _sum(
            [
                *(weights.W_x[:, f, None] * each for f, each in enumerate(heard)),
                *(weights.W_h[:, j, None] * active[j] for j in range(n_hidden)),
                *([] if weights.b_h is None else [weights.b_h[:, None]]),
                *([] if weights.kept is None else [weights.kept * state]),
            ]
        )
        after = state, phi(state) if stored else None
        return after, after

    start = jnp.zeros((n_hidden, inputs[0].shape[1], n_networks), jnp.float32)
    heard = [each[setting.deepest :] for each in inputs]
    _, (states, active) = jax.lax.scan(step, (start, start if stored else None), heard)
    return states, active if stored else phi(states)


def _backward(weights: Weights, errors: list[Any], states: Any, active: Any, setting: Setting) -> Any:
    """dL/dh_t, (time, hidden, sequences, networks)."""
    units = range(states.shape[1])

    def step(later: Any, now: Any) -> Any:
        errors, state, active = now
        back = _sum(weights.W_h[i, :, None] * later[i] for i in units)
        if setting.recurrence == "relu":
            back = jnp.where(state > 0, back, jnp.float32(0))
        elif setting.recurrence == "tanh":
            back = back * (np.float32(1) - active**2)
        delta = back + _sum(weights.W_y[:, output, None] * error for output, error in enumerate(errors))
        delta = delta if weights.kept is None else delta + weights.kept * later
        return delta, delta

    saved = active if setting.recurrence == "tanh" else None
    _, deltas = jax.lax.scan(step, jnp.zeros_like(states[0]), (errors, states, saved), reverse=True)
    return deltas


def _target(output: int, inputs: list[Any], taps: Any, setting: Setting) -> Any:
    parts = [jnp.float32(0)]
    for place, row, feature in setting.entries:
        if row == output:
            start = setting.deepest - setting.lags[place]
            parts.append(taps[place, row, feature] * inputs[feature][start : start + setting.horizon])
    return _sum(parts[1:] or parts)


def _counted(setting: Setting, first: Any, n_sequences: int) -> Any:
    """1 / (B (T - b)) where a step counts, (time, sequences, 1); 0 elsewhere."""
    time = jax.lax.broadcasted_iota(jnp.int32, (setting.horizon, 1, 1), 0)
    sequence = first + jax.lax.broadcasted_iota(jnp.int32, (1, n_sequences, 1), 1)
    counts = (time >= setting.burn_in) & (sequence < setting.batch_size)
    share = np.float32(1 / (setting.batch_size * (setting.horizon - setting.burn_in)))
    return jnp.where(counts, share, np.float32(0))


def _sum(terms: Iterable[Any]) -> Any:
    return functools.reduce(operator.add, terms)
