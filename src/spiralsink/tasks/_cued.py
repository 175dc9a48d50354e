"""Recall on a cue, at a time that the network cannot know."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from .._errors import InvalidInput, Shown
from ._checks import check_importance, check_lag
from ._protocols import Batch


class CuedRecall(eqx.Module):
    """Recall when a cue says so: y*_t = v if the cue is heard at t, else 0.

    The last feature is the cue, the others are values; there is one output per value. In every sequence all values v
    are heard once, at a step drawn uniformly among those after `settling` from which every delay ends within the
    horizon; the cue follows after a delay drawn uniformly on first .. last. Their amplitudes are those of the process.
    Its p does not matter: each feature is active exactly once. Every step counts in the loss with weight 1.

    Attributes:
        delays: (first, last), steps from the values to the cue, 1 <= first <= last.
        settling: Silent steps at the start of every sequence, >= 0: the state starts at 0, which is not where a
            network with biases rests.
        importance: Weight I_i of each output in the loss: a number >= 0 or `(n_outputs,)`.

    Example:
        >>> import jax, spiralsink as sk
        >>> process = sk.SparseProcess(2, amplitude=(sk.Uniform(0.0, 1.0), sk.Constant(1.0)))
        >>> batch = sk.CuedRecall((1, 6)).sample(jax.random.key(0), process, 3, 24)
        >>> batch.inputs.shape, batch.targets.shape
        ((3, 24, 2), (3, 24, 1))
    """

    delays: tuple[int, int] = eqx.field(static=True)
    settling: int = eqx.field(static=True)
    importance: Any = eqx.field(static=True)

    def __init__(self, delays: Any = (1, 6), settling: Any = 0, importance: Any = 1.0):
        allowed = "two whole numbers (first, last) with 1 <= first <= last"
        if isinstance(delays, str | bytes) or not hasattr(delays, "__len__") or len(delays) != 2:
            raise InvalidInput("delays", delays, allowed)
        first, last = (check_lag("delays", each, 1) for each in delays)
        if first > last:
            raise InvalidInput("delays", delays, allowed)
        self.delays = (first, last)
        self.settling = check_lag("settling", settling)
        self.importance = check_importance(importance)

    def n_outputs(self, n_features: int) -> int:
        """One per value: all features but the cue."""
        if n_features < 2:
            raise InvalidInput("n_features", n_features, ">= 2: values, and the cue as the last feature")
        return n_features - 1

    def sample(self, key: PRNGKeyArray, process: Any, n_sequences: int, horizon: int) -> Batch:
        """Sequences with their targets.

        Args:
            key: A JAX random key.
            process: What amplitudes are drawn from; `SparseProcess` of two features or more, without stack axes.
            n_sequences: Number of sequences.
            horizon: T, more than the settling and the last delay together.

        Raises:
            InvalidInput: If there is no feature besides the cue, settling and delays do not fit in the horizon, or the
                process has stack axes.
        """
        n_values = self.n_outputs(process.n_features)
        first, last = self.delays
        if self.settling + last >= horizon:
            raise InvalidInput("horizon", horizon, f"more than settling + the last delay = {self.settling + last}")
        if getattr(process, "stack", ()):
            raise InvalidInput("p", Shown(f"stack {process.stack}"), "the same for all networks: it does not matter")
        start_key, delay_key, *amplitude_keys = jax.random.split(key, 2 + process.n_features)
        shape = (n_sequences, 1)
        start = jax.random.randint(start_key, shape, self.settling, horizon - last, jnp.int32)
        cue = start + jax.random.randint(delay_key, shape, first, last + 1, jnp.int32)
        time = jnp.arange(horizon, dtype=jnp.int32)
        drawn = [law.sample(each, shape) for law, each in zip(process.amplitudes, amplitude_keys, strict=True)]
        heard = [jnp.where(time == start, each, jnp.float32(0)) for each in drawn[:n_values]]
        wanted = [jnp.where(time == cue, each, jnp.float32(0)) for each in drawn[:n_values]]
        inputs = jnp.stack([*heard, jnp.where(time == cue, drawn[-1], jnp.float32(0))], axis=-1)
        return Batch(inputs, jnp.stack(wanted, axis=-1), jnp.ones((n_sequences, horizon), jnp.float32))
