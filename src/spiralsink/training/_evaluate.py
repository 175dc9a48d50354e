"""Sampled losses of given networks, on sequences that all of them share."""

import dataclasses
import functools
import math
import time
from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._arrays import check_key
from .._errors import check_count
from .._float64 import float64
from .._machine import usable_cores
from .._words import key_words
from ..networks import RecurrentNetwork
from ..tasks import Batch
from ._devices import in_full_float32
from ._lanes import to_lanes
from ._memory import evaluation_bytes, left_bytes
from ._native_job import TOO_LONG, TOO_MANY, native_way, threads_that_fit, why_not_native
from ._native_sums import NativeSums
from ._objectives import check_burn_in, check_sequences
from ._pace import Pace
from ._refusals import Way, check_evaluation_fits, check_filter_fits
from ._rollout import Whole, choose_rollout, is_faster_by_powers
from ._sequences import Sequences, check_fit, make_sequences

_BLOCK = 256  # sequences drawn from one key: part of what a key means
_MOST_NUMBERS = 2**25  # held at once for one block


@dataclasses.dataclass(frozen=True)
class SampledValue:
    """A loss estimated from sequences.

    Attributes:
        mean: Loss per step, summed over outputs weighted by importance, (*stack,).
        standard_error: Standard deviation of `mean` over independent sets of sequences, (*stack,).
        per_output: Loss of each output before importance, (*stack, n_outputs).
        silent: `mean` of a network whose outputs are zero, on the very same sequences, (*stack,).
        silent_per_output: `per_output` of that network, (*stack, n_outputs).
    """

    mean: Any
    standard_error: Any
    per_output: Float[np.ndarray, "*stack outputs"]
    silent: Any
    silent_per_output: Float[np.ndarray, "*stack outputs"]

    def __str__(self) -> str:
        if np.ndim(self.mean) and not np.isfinite(self.mean).any():
            return f"{np.size(self.mean)} sampled losses, none of them finite"
        if np.ndim(self.mean):
            best = int(np.nanargmin(np.ravel(self.mean)))
            mean, error = np.ravel(self.mean)[best], np.ravel(self.standard_error)[best]
            return f"{np.size(self.mean)} sampled losses; the lowest, at index {best}: {mean:.6g} +- {error:.2g}"
        return f"sampled loss per step: {self.mean:.6g} +- {self.standard_error:.2g}"


def sampled_loss(
    network: Any,
    task: Any,
    process: Any,
    *,
    key: Any,
    n_sequences: Any,
    horizon: Any,
    burn_in: Any = 0,
) -> SampledValue:
    """(1 / (N (T - b))) sum_n sum_{t = b+1}^{T} w_t sum_i I_i (y_{i,t} - y*_{i,t})^2 over fresh sequences, h_0 = 0.

    Networks run in float32, sums are taken in float64. All networks of a stack hear the same sequences (the same
    random numbers, where their processes differ). Memory does not grow with the number of sequences, and beyond 512
    steps it grows with horizon (N_x + N_y) alone: states are not kept.

    Args:
        network: One network or a stack.
        task: A filter task (w_t = 1) or a sampled task. Stacks are equal to that of the network or absent.
        process: The feature process.
        key: A JAX random key.
        n_sequences: N, 2 to 2^31 - 1.
        horizon: T, steps of each sequence.
        burn_in: b < T, steps at the start that do not count.

    Returns:
        `SampledValue`, in NumPy float64 (Python floats for a single network).

    Raises:
        InvalidInput: If sizes or stacks do not fit, a delay lies beyond the horizon, or the key is not a key.
    """
    check_key(key)
    check_sequences("n_sequences", n_sequences)
    check_burn_in(burn_in, check_count("horizon", horizon))
    stack = check_fit(network, task, process)
    check_filter_fits(task, network.n_features, horizon=horizon, field="horizon")
    sequences = make_sequences(task, process, n_outputs=network.n_outputs, horizon=horizon)
    lanes, threads = to_lanes(network, stack, jnp.float32), usable_cores()
    check_evaluation_fits(evaluation_ways(lanes, sequences, threads), horizon=horizon)
    measured = measure_sampled(lanes, sequences, key=key, n_sequences=n_sequences, burn_in=burn_in, threads=threads)

    def shaped(values: np.ndarray) -> Any:
        return values.reshape(stack) if stack else values.item()

    return SampledValue(
        mean=shaped(measured.loss),
        standard_error=shaped(measured.standard_error),
        per_output=measured.per_output.reshape((*stack, -1)),
        silent=shaped(measured.silent_loss),
        silent_per_output=measured.silent_per_output.reshape((*stack, -1)),
    )


class Measured(NamedTuple):
    """Losses of lanes, NumPy float64.

    `loss`, `standard_error`, `silent_loss` (lanes,); `per_output`, `silent_per_output` (lanes, outputs); `terms` is
    None or the `LossTerms` of an exact loss, (lanes,) each.
    """

    loss: Any
    standard_error: Any
    per_output: Any
    silent_loss: Any
    silent_per_output: Any
    terms: Any = None


class _Sums(NamedTuple):
    """Over sequences, in float64: per-sequence loss, its square, per output, and the same of a silent network."""

    loss: Any
    square: Any
    per_output: Any
    silent: Any


def measure_sampled(
    lanes: RecurrentNetwork, sequences: Sequences, *, key: Any, n_sequences: int, burn_in: int, threads: int
) -> Measured:
    """Losses of lanes on shared sequences, as `SampledMeasurement` finds them."""
    given = {"key": key, "n_sequences": n_sequences, "burn_in": burn_in, "threads": threads}
    measurement = SampledMeasurement(lanes, sequences, **given)
    while not measurement.finished:
        measurement.advance()
    return measurement.measured


@runtime_checkable
class Measurement(Protocol):
    """Losses of lanes that are being computed. What an interrupted measurement has found is kept."""

    @property
    def finished(self) -> bool:
        """Whether all is computed."""
        ...

    def advance(self) -> None:
        """Goes on, by a piece of less than about a second where it can be cut."""
        ...

    @property
    def measured(self) -> Measured:
        """The losses, of a measurement that is finished."""
        ...


class SampledMeasurement:
    """Losses of lanes on shared sequences, and those of a silent network on the same ones, in progress.

    By the native kernel on that many threads where it can; by XLA elsewhere, where powers of a long linear recurrence
    are faster, and for `threads` 0.
    """

    def __init__(
        self, lanes: RecurrentNetwork, sequences: Sequences, *, key: Any, n_sequences: int, burn_in: int, threads: int
    ):
        self._importance = np.asarray(sequences.importance, np.float64)
        self._n_sequences = n_sequences
        given = {"n_sequences": n_sequences, "burn_in": burn_in}
        if threads := _native_threads(lanes, sequences, threads):
            words = np.asarray(_block_words(key, math.ceil(n_sequences / _BLOCK)))
            self._sums = NativeSums(lanes, sequences, words, block=_BLOCK, threads=threads, **given)
        else:
            self._sums = _XlaSums(lanes, sequences, key, **given)

    @property
    def finished(self) -> bool:
        """Whether all sequences are counted."""
        return self._sums.finished

    def advance(self) -> None:
        """Goes on, for less than about a second where that is more than one block of sequences."""
        self._sums.advance()

    @property
    def measured(self) -> Measured:
        """The losses, of a measurement that is finished."""
        found = self._sums.sums
        sums = (
            found
            if isinstance(found, _Sums)
            else _Sums(found[0][:, 0], found[0][:, 1], found[0][:, 2:], found[1][:, 2:])
        )
        n_sequences = self._n_sequences
        loss, per_output = sums.loss / n_sequences, sums.per_output / n_sequences
        with np.errstate(invalid="ignore", over="ignore"):
            variance = np.maximum(sums.square - n_sequences * loss**2, 0) / (n_sequences - 1)
            error = np.sqrt(variance / n_sequences)
        silent = np.broadcast_to(sums.silent / n_sequences, per_output.shape)
        return Measured(loss, error, per_output, silent @ self._importance, silent)


def _native_threads(lanes: RecurrentNetwork, sequences: Sequences, threads: int) -> int:
    """How many of so many threads of the native kernel measure; 0 where XLA does."""
    if not threads or why_not_native(lanes, sequences, _BLOCK):
        return 0
    if is_faster_by_powers(lanes, sequences.horizon) and _xla_way(lanes).fits(_BLOCK, sequences.horizon):
        return 0
    return threads_that_fit(lanes, sequences, threads)


def evaluation_ways(lanes: RecurrentNetwork, sequences: Sequences, threads: int) -> list[Way]:
    """The ways to measure lanes; batches of a training do not count."""
    if not threads or why_not_native(lanes, sequences, _BLOCK) not in ("", TOO_LONG, TOO_MANY):
        return [_xla_way(lanes)]
    kernel = native_way(lanes, sequences)
    return [Way(lambda _, horizon: kernel.needed(_BLOCK, horizon), kernel.most), _xla_way(lanes)]


def _xla_way(lanes: RecurrentNetwork) -> Way:
    return Way(lambda _, horizon: evaluation_bytes(lanes, horizon=horizon), left_bytes(lanes))


@functools.partial(jax.jit, static_argnums=1)
def _block_words(key: Any, blocks: int) -> Any:
    return jax.vmap(lambda block: key_words(jax.random.fold_in(key, block)))(jnp.arange(blocks, dtype=jnp.uint32))


class _XlaSums:
    """`_Sums` by XLA, in progress; the counterpart of `NativeSums`."""

    def __init__(self, lanes: RecurrentNetwork, sequences: Sequences, key: Any, *, n_sequences: int, burn_in: int):
        states = lanes.n_hidden if isinstance(choose_rollout(lanes, sequences.horizon), Whole) else 0
        numbers = _BLOCK * sequences.horizon * (lanes.n_features + states + 2 * lanes.n_outputs)
        together = max(1, _MOST_NUMBERS // numbers)
        self._blocks, self._pace = math.ceil(n_sequences / _BLOCK), Pace()
        self._given, self._sizes = (lanes, sequences, key), (np.int32(n_sequences), burn_in, together)
        count, n_outputs = lanes.W_x.shape[0], sequences.importance.shape[0]
        silent = np.zeros((count, n_outputs) if sequences.differs else n_outputs)
        zeros = _Sums(np.zeros(count), np.zeros(count), np.zeros((count, n_outputs)), silent)
        self._now = (0, zeros)  # replaced whole, so that Ctrl-C finds it before or after

    @property
    def finished(self) -> bool:
        return self._now[0] == self._blocks

    def advance(self) -> None:
        began = time.monotonic()
        done, sums = self._now
        until = self._pace.target(done, self._blocks)
        with float64(), in_full_float32():
            found = _sum_blocks(*self._given, np.int32(done), np.int32(until), sums, *self._sizes)
            self._now = (until, jax.tree.map(np.asarray, found))
        self._pace.tell(until - done, time.monotonic() - began)

    @property
    def sums(self) -> _Sums:
        return self._now[1]


@eqx.filter_jit
def _sum_blocks(
    lanes: RecurrentNetwork,
    sequences: Sequences,
    key: Any,
    first: Any,
    end: Any,
    start: _Sums,
    n_sequences: Any,
    burn_in: int,
    together: int,
) -> _Sums:
    count = lanes.W_x.shape[0]
    arrays, rest = eqx.partition(lanes, eqx.is_array)
    rollout = choose_rollout(lanes, sequences.horizon)
    parts = _parts(count, together)

    def add_block(block: Any, sums: _Sums) -> _Sums:
        block_key = jax.random.fold_in(key, block)
        shared = None if sequences.differs else _draw(sequences, block_key, count)
        counted = (block * _BLOCK + jnp.arange(_BLOCK, dtype=jnp.int32) < n_sequences)[:, None]

        def silent_of(batch: Batch) -> Any:
            errors = _per_sequence(jnp.zeros((), jnp.float32), batch, burn_in)
            return jnp.where(counted, errors, 0.0).sum(axis=-2)

        def one_lane(arrays: Any, batch: Batch) -> _Sums:
            network = eqx.combine(arrays, rest)
            errors = rollout(network, batch, burn_in=burn_in, noise=None, dtype=jnp.float64)
            errors = jnp.where(counted, errors, 0.0)
            total = errors @ sequences.importance.astype(jnp.float64)
            return _Sums(total.sum(), (total**2).sum(), errors.sum(axis=0), jnp.zeros((), jnp.float64))

        def one_part(which: Any) -> _Sums:
            some = jax.tree.map(lambda leaf: leaf[which], arrays)
            if shared is not None:
                return jax.vmap(one_lane, in_axes=(0, None))(some, shared)
            batch = _draw(sequences.take(which), block_key, which.size)
            return jax.vmap(one_lane)(some, batch)._replace(silent=silent_of(batch))

        found = one_part(parts[0]) if len(parts) == 1 else jax.lax.map(one_part, jnp.asarray(parts))
        if len(parts) > 1:
            found = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:count], found)
        found = found if shared is None else found._replace(silent=silent_of(shared))
        return jax.tree.map(jnp.add, sums, found)

    return jax.lax.fori_loop(first, end, add_block, start)


def _parts(count: int, most: int) -> np.ndarray:
    """Positions of lanes, (parts, lanes of a part); the last lane fills up the last part."""
    parts = math.ceil(count / most)
    size = math.ceil(count / parts)
    return np.minimum(np.arange(parts * size), count - 1).reshape(parts, size)


def _draw(sequences: Sequences, key: Any, count: int) -> Batch:
    """A block of sequences for all lanes; with a leading axis of lanes where process or target filter differ."""
    if not sequences.from_words(_BLOCK):
        return sequences.shared(key, _BLOCK)
    batch = sequences.spelt(key_words(key), _BLOCK)
    if not sequences.differs:
        return batch
    axes = Batch(inputs=3, targets=3, weights=2)
    return jax.tree.map(lambda each, n: jnp.broadcast_to(each, (count, *each.shape[each.ndim - n :])), batch, axes)


def _per_sequence(outputs: Any, batch: Any, burn_in: int) -> Any:
    """Mean over the counted steps of w_t (y_i - y*_i)^2, (..., batch, outputs) in float64."""
    errors = (outputs - batch.targets).astype(jnp.float64) ** 2 * batch.weights[..., None].astype(jnp.float64)
    return errors[..., burn_in:, :].mean(axis=-2)
