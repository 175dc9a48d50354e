"""How much memory a training needs, and how much there is.

In numbers of 4 bytes, for batches of B sequences of T steps and networks of N weights and biases: 7 N for every network
of a stack, and

- native: the states of 16 sequences, 16 T (2 N_h + N_x + N_y), for every thread; the kernel itself says how much
- XLA, unrolled: 512 T (2 N_h + 1.5 (N_x + N_y)) (3 N_h with tanh), for 32 networks and 8 sequences at a time
- XLA, batched: for each network that is trained beside others (all of them, or as many as fit), 2 N, and below 512
  steps B T (5 N_h + 2.5 (N_x + N_y)) (6 N_h with tanh, 8 N_h with noise on states). Above that 2 B T (N_x + N_y) and
  B N_h (T / L + 4 L) with L about sqrt(T) / 2, or, for linear recurrences, B N_h T / L + 3 L (N_x + N_y) N_h +
  2 L^2 N_x N_y + 2 log2(L) N_h^2 with L about N_h / sqrt(N_x N_y)

Beside that stand what Python and JAX are (some 400 MB) and what a compilation takes for the time being (some 100 MB).
"""

import math
from pathlib import Path
from typing import Any

import jax

from .._machine import total_bytes as total_bytes
from ..networks import RecurrentNetwork
from ._rollout import Powers, Segments, choose_rollout

_NUMBER = 4  # bytes
_SHARE = 0.5  # of the memory, for what is trained side by side
_EVALUATED = 256  # sequences of an evaluation that are there at once


def available_bytes() -> int:
    """Memory that arrays can still be made in: of the device, or free and not forbidden to this process.

    On a GPU what its allocator has left; otherwise from `/proc/meminfo` and the limits of control groups, or, where
    there are none, all physical memory.
    """
    stats = None if jax.default_backend() == "cpu" else jax.local_devices()[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return stats["bytes_limit"] - stats.get("bytes_in_use", 0)
    return min([_free_bytes(), *_group_bytes()])


def _free_bytes() -> int:
    listing = Path("/proc/meminfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return total_bytes()


def _group_bytes(root: Path = Path("/sys/fs/cgroup"), listing: Path = Path("/proc/self/cgroup")) -> list[int]:
    """What the control groups of this process, and those around them, still allow."""
    if not listing.exists():
        return []
    found = []
    for line in listing.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            names = (
                ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
            )
            top = root / controllers
            group = top / path.lstrip("/")
            groups = [each for each in (group, *group.parents) if each.is_relative_to(top)]
            found += [_left(each, *names) for each in groups]
    return [left for left in found if left is not None]


def _left(group: Path, limit: str, usage: str) -> int | None:
    try:
        return max(int((group / limit).read_text()) - int((group / usage).read_text()), 0)
    except (OSError, ValueError):  # no such group here, or "max"
        return None


def lane_bytes(network: RecurrentNetwork, *, batch_size: int, horizon: int, state_noise: float = 0.0) -> int:
    """What `Batched` needs, beside weights, for each network that is trained beside others on a sampled loss.

    Args:
        network: A network or a stack.
        batch_size: B.
        horizon: T.
        state_noise: Standard deviation of the noise on its states.
    """
    n_hidden, n_features, n_outputs = network.n_hidden, network.n_features, network.n_outputs
    ends, joint = n_features + n_outputs, n_features * n_outputs
    rollout = choose_rollout(network, horizon, state_noise)
    steps = batch_size * horizon
    if isinstance(rollout, Powers):
        length = rollout.length
        powers = 3 * length * ends * n_hidden + 2 * length**2 * joint + 2 * math.log2(length) * n_hidden**2
        numbers = 2 * steps * ends + steps / length * n_hidden + powers
    elif isinstance(rollout, Segments):
        length = rollout.length
        inside = (7 if state_noise else 4) * length
        numbers = 2 * steps * ends + batch_size * n_hidden * (horizon / length + inside)
    else:
        states = 5 + (network.recurrence == "tanh") + 3 * (state_noise > 0)
        numbers = steps * (states * n_hidden + 2.5 * ends)
    return int(_NUMBER * (numbers + 2 * _weights(network)))


def weights_bytes(network: RecurrentNetwork) -> int:
    """What the weights of each network of a stack, their moments, and copies of both take."""
    return _NUMBER * 7 * _weights(network)


def _weights(network: RecurrentNetwork) -> int:
    outputs = 0 if network.tied else network.n_outputs * (network.n_hidden + 1)
    return network.n_hidden * (network.n_hidden + network.n_features + 1) + outputs


def exact_lane_bytes(network: RecurrentNetwork, *, n_lags: int, steady: bool, quadrature: Any) -> int:
    """What each network takes beside others in the gradient of an exact loss.

    Args:
        network: A network or a stack.
        n_lags: Lags of the target filter that are worked with.
        steady: Whether the loss is that of the steady state.
        quadrature: Of a ReLU readout.
    """
    n_features = network.n_features
    if network.readout == "relu":
        per_lag = 28 if steady else 520
        return 8 * per_lag * quadrature.n_nodes * n_features * (max(n_lags, quadrature.n_lags) if steady else n_lags)
    stepwise = 4 * network.n_hidden * n_features if n_lags <= 512 else 0
    return 8 * n_lags * (stepwise + 14 * n_features * network.n_outputs)


def search_bytes(n_parameters: int) -> int:
    """What each network of a second-order search takes in any case: its curvature, the next one, and a copy."""
    return 8 * (3 * n_parameters**2 + 12 * n_parameters)


def unrolled_bytes(network: RecurrentNetwork, *, horizon: int, deepest_tap: int = 0, at_once: int = 256) -> int:
    """What `Unrolled` needs beside the weights, for stacks of any size.

    Args:
        network: A network or a stack.
        horizon: T.
        deepest_tap: Largest lag of the target filter.
        at_once: Networks times sequences of a block.
    """
    states = (3 if network.recurrence == "tanh" else 2) * network.n_hidden
    ends = 1.5 * (network.n_features + network.n_outputs)
    return int(_NUMBER * 2 * at_once * (horizon * (states + ends) + deepest_tap * network.n_features))


def native_bytes(kernel: Any, *, horizon: int, deepest_tap: int, deepest_tie: int, threads: int) -> int:
    """What `Native` needs beside the weights, for stacks of any size.

    Args:
        kernel: The compiled kernel.
        horizon: T.
        deepest_tap: Largest lag of the target filter.
        deepest_tie: Largest lag of a tied readout.
        threads: How many of them.
    """
    counts = dict.fromkeys(("lanes", "burn_in", "batch", "sequences", "taps", "first_step", "steps", "total_steps"), 1)
    job = counts | {"horizon": horizon, "deepest_tap": deepest_tap, "deepest_tie": deepest_tie, "clip": 1.0}
    return threads * kernel.scratch_bytes(job)


def lanes_together(count: int, each: int, weights: int = 0) -> int:
    """How many of `count` lanes are worked on side by side: all, or equal parts that fit.

    Args:
        count: Number of lanes.
        each: Bytes that each takes beside others.
        weights: Bytes that each takes in any case.
    """
    fit = max(1, int((working_bytes() - count * weights) // max(each, 1)))
    return math.ceil(count / math.ceil(count / fit))


def working_bytes() -> int | float:
    """What work may take: half of the machine's memory, the same whatever else runs; or what is left, if less."""
    limits = [0.8 * available_bytes()]
    if jax.default_backend() == "cpu":
        limits.append(_SHARE * total_bytes())
    return min(limits)


def left_bytes(network: RecurrentNetwork) -> int:
    """What is available beside the weights of a stack and their moments; negative where these do not fit."""
    return available_bytes() - math.prod(network.stack) * weights_bytes(network)


def evaluation_bytes(network: RecurrentNetwork, *, horizon: int) -> int:
    """What XLA needs to evaluate one network: 256 sequences are there at once."""
    ends = network.n_features + network.n_outputs
    states = 2 * network.n_hidden if horizon < 512 else network.n_hidden / 64
    return int(_NUMBER * _EVALUATED * horizon * (4 * ends + states))
