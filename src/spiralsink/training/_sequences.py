"""Random sequences with their targets: for every network its own, or the same for all."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._errors import InvalidInput, Shown
from .._words import (
    LEAST_P,
    MOST_WORDS,
    inputs_from_words,
    mixed_words,
    word_counters,
    word_scale,
    word_threshold,
)
from ..processes import SparseProcess
from ..tasks import Batch, FilterTask, SampledTask, check_reach, filter_at_lags, task_importance, used_lags
from ..theory import joint_stack


class Sequences(eqx.Module):
    """Draws batches for the lanes of a stack, in float32.

    Filter tasks hear inputs of one random word each, as `_words` says, where the process allows it; sampled tasks,
    which draw for themselves, and all other processes draw by `process.sample`.

    Attributes:
        process: The process; if `stacked`, its arrays have one leading axis of lanes.
        task: A sampled task, or None for a filter task.
        taps: Target filter at `lags`, (lags, outputs, features) or (lanes, lags, outputs, features); None for a
            sampled task.
        threshold: An input is active where its word is not above it, (features,) or (lanes, features), uint32; None
            where inputs do not come from words.
        scale: What makes the quantile of an active input of its word halved, of the shape of `threshold`.
        importance: I_i, (outputs,).
        lags: The lags at which the target filter is not zero.
        entries: Where it is not zero in any lane, as (place in `lags`, output, feature).
        horizon: T.
        stacked: Whether the process differs between lanes.
    """

    process: Any
    task: Any
    taps: Any
    threshold: Any
    scale: Any
    importance: Any
    lags: tuple[int, ...] = eqx.field(static=True)
    entries: tuple[tuple[int, int, int], ...] = eqx.field(static=True)
    horizon: int = eqx.field(static=True)
    stacked: bool = eqx.field(static=True)

    def own(self, keys: Any, n_sequences: int) -> Batch:
        """A batch for every lane from its own key, drawn by the process: `inputs` (lanes, batch, time, features)."""
        return self._over_lanes(keys, 0, n_sequences)

    def spelt(self, words: Any, n_sequences: int) -> Batch:
        """A batch from key words, (lanes, 2) or (2,) for all lanes.

        What differs between lanes has a leading axis of lanes; targets and inputs may differ in that.
        """
        return self._batch(self.inputs(words, n_sequences), self.taps)

    def from_words(self, n_sequences: int) -> bool:
        """Whether training draws one random word per input, in batches of that many sequences."""
        return self.threshold is not None and n_sequences * self.horizon * self.process.n_features <= MOST_WORDS

    def inputs(self, words: Any, n_sequences: int) -> Any:
        """The inputs that key words, (2,) or (lanes, 2), stand for: ([lanes,] batch, time, features)."""
        counters = word_counters(n_sequences, self.horizon, self.process.n_features)
        words = mixed_words(counters, words[..., None, None, None, :])
        threshold, scale = self.threshold[..., None, None, :], self.scale[..., None, None, :]
        if not isinstance(self.process.amplitude, tuple):
            return inputs_from_words(words, threshold, scale, self.process.amplitude)
        drawn = [
            inputs_from_words(words[..., index], threshold[..., index], scale[..., index], law)
            for index, law in enumerate(self.process.amplitude)
        ]
        return jnp.stack(drawn, axis=-1)

    def shared(self, key: Any, n_sequences: int) -> Batch:
        """The same random numbers for all lanes, drawn by the process, for evaluations.

        With a leading axis of lanes where process or target filter differ between them, without it elsewhere.
        """
        if self.differs:
            return self._over_lanes(key, None, n_sequences)
        return self._draw(self.process, key, self.taps, n_sequences)

    def take(self, lanes: Any) -> "Sequences":
        """The sequences of some of the lanes, by their positions."""
        taken = self
        if self.stacked:
            arrays, rest = eqx.partition(self.process, eqx.is_array)
            process = eqx.combine(jax.tree.map(lambda array: array[lanes], arrays), rest)
            taken = eqx.tree_at(lambda each: each.process, taken, process)
        for name, n_axes in {"taps": 3, "threshold": 1, "scale": 1}.items():
            array = getattr(self, name)
            if array is not None and array.ndim > n_axes:
                taken = eqx.tree_at(lambda each, name=name: getattr(each, name), taken, array[lanes])
        return taken

    @property
    def differs(self) -> bool:
        """Whether lanes differ in process or target filter."""
        return self.stacked or self._tapped

    @property
    def _tapped(self) -> bool:
        return self.taps is not None and self.taps.ndim == 4

    def _over_lanes(self, keys: Any, key_axis: int | None, n_sequences: int) -> Batch:
        arrays, rest = eqx.partition(self.process, eqx.is_array)

        def one(arrays: Any, key: Any, taps: Any) -> Batch:
            return self._draw(eqx.combine(arrays, rest), key, taps, n_sequences)

        axes = (0 if self.stacked else None, key_axis, 0 if self._tapped else None)
        return jax.vmap(one, in_axes=axes)(arrays, keys, self.taps)

    def _draw(self, process: Any, key: Any, taps: Any, n_sequences: int) -> Batch:
        if self.task is None:
            return self._batch(process.sample(key, n_sequences, self.horizon), taps)
        batch = self.task.sample(key, process, n_sequences, self.horizon)
        if not isinstance(batch, tuple) or len(batch) != len(Batch._fields):
            raise InvalidInput(
                "samples of the task", Shown(type(batch).__name__), "a Batch of inputs, targets and weights"
            )
        return Batch(*(jnp.asarray(each, jnp.float32) for each in batch))

    def _batch(self, inputs: Any, taps: Any) -> Batch:
        targets = filter_at_lags(self.lags, taps, inputs)
        return Batch(inputs, targets, jnp.ones(targets.shape[:-1], jnp.float32))


def task_stacks(task: Any, process: Any) -> dict[str, tuple[int, ...]]:
    """The stack axes of the process and, for a filter task, of its target filter."""
    stacks = {"process": tuple(getattr(process, "stack", ()))}
    if isinstance(task, FilterTask):
        stacks["task"] = np.shape(task.target_filter(1, process.n_features))[:-3]
    return stacks


def make_sequences(task: Any, process: Any, *, n_outputs: int, horizon: int) -> Sequences:
    """Prepares the sequences of a task whose stacks have been checked.

    Raises:
        InvalidInput: If the task is neither kind of task, a delay lies beyond the horizon, or the samples of a task
            are not of the shapes of a `Batch`.
    """
    check_task(task)
    lags, entries, taps = (), (), None
    if isinstance(task, FilterTask):
        check_reach(task, process.n_features, horizon)
        memory = getattr(task, "memory", None)
        n_lags = min(horizon, memory) if isinstance(memory, int) else horizon
        filters = np.asarray(task.target_filter(n_lags, process.n_features), np.float64)
        lags = used_lags(filters)
        filters = filters[..., list(lags), :, :]
        used = np.abs(filters).reshape(-1, *filters.shape[-3:]).max(axis=0) > 0
        entries = tuple((place, output, feature) for place, output, feature in np.argwhere(used).tolist())
        taps = jnp.asarray(filters.reshape(-1, *filters.shape[-3:]) if filters.ndim > 3 else filters, jnp.float32)
    stack = tuple(getattr(process, "stack", ()))
    importance = task_importance(task, n_outputs) if hasattr(task, "importance") else np.ones(n_outputs)

    def as_array(leaf: Any) -> Any:
        # numbers become arrays too, so that another value of p is no other program
        if not isinstance(leaf, np.ndarray | jax.Array) and (stack or not isinstance(leaf, float)):
            return leaf
        array = np.asarray(leaf)
        array = array.reshape(-1, *array.shape[len(stack) :]) if stack else array
        return jnp.asarray(array, jnp.float32 if array.dtype.kind == "f" else None)

    threshold, scale = (None, None) if taps is None else _word_numbers(process)
    sequences = Sequences(
        process=jax.tree.map(as_array, process),
        task=None if taps is not None else task,
        taps=taps,
        threshold=threshold,
        scale=scale,
        importance=jnp.asarray(importance, jnp.float32),
        lags=lags,
        entries=entries,
        horizon=horizon,
        stacked=bool(stack),
    )
    if taps is None:
        _check_samples(sequences, process.n_features, n_outputs)
    return sequences


def _word_numbers(process: Any) -> tuple[Any, Any]:
    """`threshold` and `scale` of `Sequences`; None where a process of its own, a law or a small p stands against."""
    if type(process) is not SparseProcess or not all(hasattr(law, "quantile") for law in process.amplitudes):
        return None, None
    p = np.asarray(process.p, np.float64)
    if p.min() < LEAST_P:
        return None, None
    p = p.reshape(-1, process.n_features) if p.ndim > 1 else np.broadcast_to(p, process.n_features)
    return jnp.asarray(word_threshold(p)), jnp.asarray(word_scale(p))


def _check_samples(sequences: Sequences, n_features: int, n_outputs: int) -> None:
    """Raises unless a batch of a sampled task has the shapes that losses rely on; draws nothing."""
    n_sequences, horizon = sequences.horizon + 1, sequences.horizon  # that differ, so that exchanged axes show
    batch = jax.eval_shape(lambda key: sequences.shared(key, n_sequences), jax.random.key(0))
    for name, last in (("inputs", {"n_features": n_features}), ("targets", {"n_outputs": n_outputs}), ("weights", {})):
        axes = {"n_sequences": n_sequences, "horizon": horizon, **last}
        shape = getattr(batch, name).shape[1 if sequences.differs else 0 :]
        if shape != tuple(axes.values()):
            allowed = f"of shape ({', '.join(axes)}) = {tuple(axes.values())} in the samples of the task"
            raise InvalidInput(name, Shown(f"shape {shape}"), allowed)


def check_task(task: Any) -> None:
    """Raises unless the task is a filter task or a sampled task."""
    if not isinstance(task, FilterTask | SampledTask) or isinstance(task, type):
        raise InvalidInput("task", Shown(type(task).__name__), "a filter task such as Delay(4), or a sampled task")


def check_fit(network: Any, task: Any, process: Any) -> tuple[int, ...]:
    """Raises unless network, task and process fit together; returns their common stack."""
    check_task(task)
    if network.n_features != process.n_features:
        raise InvalidInput("network", Shown(f"{network.n_features} inputs"), f"of n_features = {process.n_features}")
    if isinstance(task, FilterTask):
        n_outputs = task.n_outputs(process.n_features)
        if network.n_outputs != n_outputs:
            given = Shown(f"{network.n_outputs} outputs")
            raise InvalidInput("network", given, f"of n_outputs = {n_outputs} for this task")
    return joint_stack(network=network.stack, **task_stacks(task, process))
