"""One block: its networks are drawn, trained and measured."""

import re
import time
from typing import Any

import jax
import jax.numpy as jnp
import msgspec
import numpy as np

from .._errors import InvalidInput
from .._machine import usable_cores
from .._progress import NoProgress, Progress
from .._tensors import describe_network
from ..data import FORMAT, SECONDS, BlockHeader, encode_block
from ..specs import resolve
from ..training import Checkpoint, Every, NoCheckpoint, Variable, fit, result_variables
from ._messages import Trained
from ._plan import ENGINE_VERSION, BlockPlan

_THREADS = re.compile(r", \d+ threads?")


def train_block(
    block: BlockPlan,
    *,
    axes: list[list[str]],
    environment: dict[str, Any],
    checkpoint: Checkpoint | NoCheckpoint = NoCheckpoint(),  # noqa: B008 (frozen)
    progress: Progress = NoProgress(),  # noqa: B008 (stateless)
) -> Trained:
    """Trains and measures the networks of a block.

    The random numbers of each network, for its first weights and for its sequences, derive from the settings of its
    point and its own seed, so it does not matter which block or lane it is in.

    Args:
        block: The block.
        axes: The dotted fields of each axis of the plan.
        environment: Versions and machine; the engine is added.
        checkpoint: Where training goes on after it was cut short.
        progress: Told about training steps.

    Raises:
        InvalidInput: If the settings cannot be trained.
        KeyboardInterrupt: If training was interrupted; a part of a block is not kept.
    """
    began = time.perf_counter()
    problem = resolve(block.spec)
    seeds = np.uint32(block.seeds[0]) + np.arange(block.n_lanes, dtype=np.uint32)
    weight_keys, data_keys = _network_keys(block.point_number, seeds)
    training = block.spec.training
    try:
        result = fit(
            problem.networks(weight_keys),
            problem.task,
            problem.process,
            key=data_keys,
            steps=training.steps,
            objective=problem.objective,
            optimizer=problem.optimizer,
            record=Every(training.record_every),
            checkpoint=checkpoint,
            progress=progress,
        )
    except InvalidInput as error:
        raise error.within("training") if error.field.startswith("objective.") else error from None
    if result.interrupted:
        raise KeyboardInterrupt
    kept = slice(len(block.seeds))
    trained = time.perf_counter()
    variables = {
        name: Variable(dims, values[kept] if dims[0] == "network" else values)
        for name, (dims, values) in result_variables(result).items()
    }
    spent = (trained - began, time.perf_counter() - trained)
    seconds = {name: each / len(block.seeds) for name, each in zip(SECONDS, spent, strict=True)}
    seconds["cores"] = usable_cores()
    networks = result.networks[kept]
    header = BlockHeader(
        format=FORMAT,
        kind="block",
        key=block.key,
        engine_version=ENGINE_VERSION,
        network=msgspec.to_builtins(describe_network(networks)),
        spec=block.table,
        coordinates=block.coordinates,
        axes=axes,
        seeds=list(block.seeds),
        environment=environment | {"engine": _engine(result.engine)},
        dims={name: list(variable.dims) for name, variable in variables.items()},
    )
    return Trained(
        content=encode_block(header, networks, variables),
        seconds=seconds,
        losses=np.asarray(result.loss, np.float64)[kept].tobytes(),
        statuses=np.asarray(result.status, np.int8)[kept].tobytes(),
    )


def _engine(described: str) -> str:
    """What did the arithmetic, with the number of threads only where numbers depend on it."""
    native = _THREADS.sub("", described)
    cores = usable_cores()
    return native if native != described else f"{described}; {cores} thread{'s' if cores > 1 else ''}"


def _network_keys(point_number: int, seeds: np.ndarray) -> tuple[jax.Array, jax.Array]:
    """Two keys for each network: for its weights and for its sequences."""
    base = jax.random.key(point_number)
    keys = jax.vmap(lambda seed: jax.random.split(jax.random.fold_in(base, seed)))(jnp.asarray(seeds))
    return keys[:, 0], keys[:, 1]
