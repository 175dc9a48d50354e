"""From a task to what it asks of sequences: memory, importance, targets, batches."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from .._errors import InvalidInput, Shown, check_finite
from ..processes import SparseProcess
from ._checks import MOST_LAGS
from ._protocols import Batch, FilterTask, SampledTask

_LONGEST_SEARCH = 4096
_LONGEST_INFINITE = 1 << 17
_MOST_TAPS = 1 << 26  # half a gigabyte


def filter_memory(task: FilterTask, n_features: int) -> int:
    """Number of lags that the target filter spans, for infinite filters until it is below 1e-17 of its largest value.

    Raises:
        InvalidInput: If the filter is empty, not finite, does not decay, or is too long to be held.
    """
    unknown = object()
    memory = getattr(task, "memory", unknown)
    if isinstance(memory, int):
        most = most_lags(task, n_features)
        if memory > most:
            field, largest = _extent(task)
            allowed = f"below {most}" if field.startswith("delay") else f"<= {most}"
            raise InvalidInput(field, largest, allowed, hint="" if most == MOST_LAGS else f"{n_features} features")
        n_lags, limit = memory, memory
    else:
        n_lags, limit = _LONGEST_SEARCH, _LONGEST_SEARCH if memory is unknown else _LONGEST_INFINITE
    while True:
        taps = np.abs(np.asarray(task.target_filter(n_lags, n_features), dtype=np.float64))
        check_finite("target_filter", taps)
        if taps.ndim < 3 or taps.shape[-3] != n_lags or not taps.size:
            allowed = f"of shape (*stack, {n_lags}, n_outputs, n_features) for {n_lags} lags"
            raise InvalidInput("target_filter", Shown(f"shape {taps.shape}"), allowed)
        size = np.moveaxis(taps, -3, 0).reshape(n_lags, -1).max(axis=1)
        (lags,) = np.nonzero(size > 1e-17 * size.max())
        if not lags.size:
            raise InvalidInput("target_filter", Shown("zeros only"), "a filter with at least one tap that is not zero")
        if lags[-1] < n_lags - 1 or isinstance(memory, int):
            return int(lags[-1]) + 1
        if n_lags >= limit:
            raise InvalidInput("target_filter", Shown(f"a tap at lag {n_lags - 1}"), f"decayed by lag {limit}")
        n_lags *= 2


def most_lags(task: FilterTask, n_features: int) -> int:
    """How many lags of the target filter are worked with at most, so that it fits in memory."""
    return min(MOST_LAGS, _MOST_TAPS // max(task.n_outputs(n_features) * n_features, 1))


def check_reach(task: FilterTask, n_features: int, horizon: int) -> None:
    """Raises unless every finite target filter fits in the horizon, so that each delay occurs within a sequence.

    Where the task does not tell its memory, the recall lag counts, or, without one, the filter itself.
    """
    if not hasattr(task, "memory"):
        _check_own_filter(task, n_features, horizon)
        return
    memory = getattr(task, "memory", None)
    if memory is None or memory <= horizon:
        return
    field, largest = _extent(task)
    allowed = f"less than the horizon {horizon}" if field.startswith("delay") else f"<= {horizon}"
    raise InvalidInput(field, largest, allowed)


def _extent(task: FilterTask) -> tuple[str, int]:
    """The field that says how many lags a task with `memory` spans, and its largest value."""
    field = next((name for name in ("delay", "delays", "width") if hasattr(task, name)), "memory")
    return field, int(np.max(getattr(task, field)))


def _check_own_filter(task: FilterTask, n_features: int, horizon: int) -> None:
    if task.recall_lag is not None:
        largest = int(np.max(task.recall_lag))
        if largest >= horizon:
            raise InvalidInput("recall_lag", largest, f"less than the horizon {horizon}")
        return
    last = filter_memory(task, n_features) - 1
    if last >= horizon:
        hint = "a task with memory = None may have a filter without end"
        raise InvalidInput(
            "target_filter", Shown(f"a tap at lag {last}"), f"zero from the horizon {horizon} on", hint=hint
        )


def task_importance(task: Any, n_outputs: int) -> Float[np.ndarray, " outputs"]:
    """I_i for every output, shape (n_outputs,)."""
    importance = np.asarray(task.importance, dtype=np.float64)
    if importance.ndim and importance.shape != (n_outputs,):
        allowed = f"a number or one per output, shape ({n_outputs},)"
        raise InvalidInput("importance", Shown(f"shape {importance.shape}"), allowed)
    return np.broadcast_to(importance, (n_outputs,))


def filter_targets(taps: np.ndarray, inputs: Any) -> Any:
    """y*_t = sum_s G_s x_{t-s} with x = 0 before the start.

    Args:
        taps: G, shape (*stack, n_lags, n_outputs, n_features); lags beyond the horizon are ignored.
        inputs: Shape (*stack, batch, time, features) or (batch, time, features) for all networks.

    Returns:
        Targets of shape (*stack, batch, time, outputs), in the dtype of the inputs.
    """
    taps = taps[..., : inputs.shape[-2], :, :]
    lags = used_lags(taps)
    return filter_at_lags(lags, taps[..., list(lags), :, :], inputs)


def used_lags(taps: np.ndarray) -> tuple[int, ...]:
    """The lags at which the target filter of any network is not zero; `taps` as in `filter_targets`."""
    size = np.moveaxis(np.abs(taps), -3, 0).reshape(taps.shape[-3], -1).max(axis=1)
    return tuple(np.nonzero(size)[0].tolist())


def filter_at_lags(lags: Sequence[int], taps: Any, inputs: Any) -> Any:
    """`filter_targets` for a filter that is given at some lags only: taps (*stack, len(lags), outputs, features)."""
    horizon = inputs.shape[-2]
    shape = np.broadcast_shapes(taps.shape[:-3], inputs.shape[:-3])
    targets = jnp.zeros((*shape, *inputs.shape[-3:-1], taps.shape[-2]), inputs.dtype)
    for index, lag in enumerate(lags):
        mixing = jnp.asarray(taps[..., index, :, :], inputs.dtype)
        past = inputs[..., : horizon - lag, :] @ jnp.swapaxes(mixing, -1, -2)[..., None, :, :]
        targets = targets.at[..., lag:, :].add(past)
    return targets


def sample_batch(task: Any, key: PRNGKeyArray, process: SparseProcess, n_sequences: int, horizon: int) -> Batch:
    """Sequences of either kind of task; a filter task has weight one at every step."""
    if isinstance(task, SampledTask):
        return task.sample(key, process, n_sequences, horizon)
    inputs = process.sample(key, n_sequences, horizon)
    targets = filter_targets(np.asarray(task.target_filter(horizon, process.n_features)), inputs)
    return Batch(inputs, targets, jnp.ones(targets.shape[:-1], inputs.dtype))
