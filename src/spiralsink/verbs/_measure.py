"""The geometry of a network on a task."""

import contextlib
from typing import Any

import jax
import numpy as np

from .._errors import NotCovered, Shown, check_kind
from ..geometry import Geometry, measure_network
from ..networks import RecurrentNetwork
from ..tasks import FilterTask, filter_memory, task_importance
from ..theory import SteadyState, joint_stack, problem_arrays
from ..training import check_fit, sampled_loss
from ._loss import exact_silent_loss, expected_loss

_SETTLING_LAGS, _LONGEST_BURN_IN = 32, 1000
_MOST_FEATURES = 8


def measure(
    network: Any,
    task: Any,
    process: Any = None,
    *,
    horizon: Any = SteadyState(),  # noqa: B008 (frozen)
    gauge: str = "as_trained",
    key: Any = None,
    n_sequences: int = 4096,
) -> Geometry:
    """The metrics of a network or of every network of a stack: modes, readout, free space, regime, lengths, angles.

    Everything follows from the weights except what depends on the loss (`regime`, which outputs are represented):
    that needs `process`. The loss is exact for a linear recurrence (with a ReLU readout: of up to eight features, if no
    `key` is given); otherwise it is sampled.

    Args:
        network: A network or a stack.
        task: A filter task; metrics of recall are null, with a reason, where it has no single recall lag.
        process: A `SparseProcess`, or None to leave out what depends on the loss.
        horizon: `SteadyState()` or a finite horizon T, at which the loss is taken. A sampled loss stands for the
            steady state after a burn-in of the filter's span and 32 more steps.
        gauge: "as_trained", "modal" or "balanced": the basis of lengths, angles and dimensionalities.
        key: A JAX random key for a sampled loss; `jax.random.key(0)` if None.
        n_sequences: Number of sequences of a sampled loss.

    Returns:
        `Geometry`; angles in degrees.

    Raises:
        NotCovered: If the task is not a filter task, or the gauge does not exist for the network.
        InvalidInput: If sizes or stacks do not fit.
    """
    check_kind("network", network, RecurrentNetwork, "a RecurrentNetwork, alone or a stack")
    if not isinstance(task, FilterTask):
        raise NotCovered("task", Shown(type(task).__name__), "a filter task (with target_filter)")
    n_features = network.n_features
    if process is not None:
        check_fit(network, task, process)
    lag = task.recall_lag
    importance = task_importance(task, network.n_outputs)
    losses = {} if process is None else _losses(network, task, process, horizon, key, n_sequences)
    target = None
    if lag is not None:
        taps = np.asarray(task.target_filter(int(np.max(lag)) + 1, n_features), dtype=np.float64)
        target = np.take_along_axis(taps, np.reshape(lag, (*np.shape(lag), 1, 1, 1)), axis=-3)[..., 0, :, :]
    return measure_network(network, recall_lag=lag, importance=importance, target=target, gauge=gauge, **losses)


def _is_soon_known(network: Any, key: Any) -> bool:
    """Whether the exact loss of a ReLU readout is soon computed; a key asks for samples."""
    return key is None and network.n_features <= _MOST_FEATURES


def _losses(network: Any, task: Any, process: Any, horizon: Any, key: Any, n_sequences: int) -> dict[str, Any]:
    """Losses of the network and of a silent one, total and per output, as `measure_network` takes them."""
    terms = None
    if network.recurrence == "linear" and (network.readout == "linear" or _is_soon_known(network, key)):
        # no transform, or too many lags: then it is sampled
        with contextlib.nullcontext() if network.readout == "linear" else contextlib.suppress(NotCovered):
            terms = expected_loss(network, task, process, horizon=horizon)
    if terms is not None:
        problem = problem_arrays(task, process, horizon=horizon)
        stack = joint_stack(network=network.stack, **problem.stacks)
        silent = exact_silent_loss(*problem[:3], horizon=horizon)
        return {
            "loss": terms.total,
            "loss_per_output": terms.per_output,
            "silent_loss": np.broadcast_to(silent @ problem.importance, stack),
            "silent_per_output": np.broadcast_to(silent, (*stack, silent.shape[-1])),
        }
    burn_in, steps = 0, horizon
    if isinstance(horizon, SteadyState):
        burn_in = min(filter_memory(task, process.n_features), _LONGEST_BURN_IN) + _SETTLING_LAGS
        steps = burn_in + _SETTLING_LAGS
    key = jax.random.key(0) if key is None else key
    sample = sampled_loss(network, task, process, key=key, n_sequences=n_sequences, horizon=steps, burn_in=burn_in)
    # silence is judged on the same sequences: their noise must not decide which networks are dead
    return {
        "loss": sample.mean,
        "loss_per_output": sample.per_output,
        "silent_loss": sample.silent,
        "silent_per_output": sample.silent_per_output,
    }
