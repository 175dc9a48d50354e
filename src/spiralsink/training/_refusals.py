"""What cannot fit in memory is refused before anything is made, in one line that says what would fit."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.core

from .._errors import InvalidInput, Shown
from ..networks import RecurrentNetwork
from ..tasks import FilterTask
from ._memory import available_bytes, exact_lane_bytes, left_bytes, weights_bytes

_OBJECTS = 4000  # bytes of Python and JAX for what is kept of one evaluation


class Way(NamedTuple):
    """One way to compute something.

    `needed`: bytes for one network, of (sequences of a batch, steps). `most`: how many there may be.
    """

    needed: Callable[[int, int], int | float]
    most: int | float

    def fits(self, batch_size: int, horizon: int) -> bool:
        """Whether it can be gone."""
        return self.needed(batch_size, horizon) <= self.most


def check_stack_fits(network: RecurrentNetwork) -> None:
    """Raises unless the weights of a stack and their moments fit.

    Raises:
        InvalidInput: Names the size of the stack, and what is needed and there.
    """
    left = left_bytes(network)
    if left < 0:
        count, weights = math.prod(network.stack), weights_bytes(network)
        available = left + count * weights
        hint = f"weights and moments need {_shown(count * weights)}, {_shown(available)} are available"
        allowed = f"a stack of at most {available // weights}"
        raise InvalidInput("networks", Shown(f"a stack of {count}"), allowed, hint=hint)


def check_history_fits(network: RecurrentNetwork, *, steps: int, records: int, checks: int) -> None:
    """Raises unless what is kept along a training fits: the networks of every record, the losses of every evaluation.

    Raises:
        InvalidInput: Names how often is recorded or checked, and what is needed and there.
    """
    count, available = math.prod(network.stack), available_bytes()
    losses = _OBJECTS + 8 * count * (5 + 2 * network.n_outputs)
    record = losses + 2 * count * weights_bytes(network) // 7  # and once more when they are put together
    for field, times, each in (("record", records, record), ("stopping.check_every", checks, losses)):
        if times * each > available:
            hint = f"what {times} times are kept needs {_shown(times * each)}, {_shown(available)} are available"
            least = math.ceil(steps / max(available // each - 2, 1))
            raise InvalidInput(field, Shown(f"every {math.ceil(steps / times)}"), f"every {least} or more", hint=hint)


def check_concrete(**given: Any) -> None:
    """Raises where numbers are those of a program that JAX is tracing.

    Raises:
        InvalidInput: Names what was given.
    """
    for field, tree in given.items():
        if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree)):
            hint = "training compiles for itself: call it outside of jax.jit, jax.vmap and jax.grad"
            raise InvalidInput(field, Shown("arrays that are being traced"), "arrays of numbers", hint=hint)


def check_search_fits(count: int, each: int, beside: int) -> None:
    """Raises unless the curvatures of a stack in second-order training fit, and beside them the loss of one network.

    Raises:
        InvalidInput: Names the size of the stack, and what is needed and there.
    """
    available = available_bytes()
    needed = count * each + beside
    if needed > available:
        hint = f"second-order steps need {_shown(needed)}, {_shown(available)} are available"
        most = max((available - beside) // each, 0)
        raise InvalidInput("networks", Shown(f"a stack of {count}"), f"a stack of at most {most}", hint=hint)


def check_training_fits(
    training: list[Way], evaluation: list[Way], *, n_hidden: int, batch_size: int, horizon: int
) -> None:
    """Raises unless one network can be trained on a sampled loss, and evaluated, in one of the ways for each.

    Raises:
        InvalidInput: Names the horizon, or the batch size where one sequence would fit, and says how much is needed and
            how much is there.
    """

    def fit(batch_size: int, horizon: int) -> bool:
        return _some_fits(training, batch_size, horizon) and _some_fits(evaluation, batch_size, horizon)

    if fit(batch_size, horizon):
        return
    short = [ways for ways in (training, evaluation) if not _some_fits(ways, batch_size, horizon)]
    hint = _shortage([way for ways in short for way in ways], batch_size, horizon)
    if fit(1, horizon):
        most = _most(lambda size: fit(size, horizon), batch_size)
        raise InvalidInput("objective.batch_size", batch_size, f"<= {most} at this horizon", hint=hint)
    most = _most(lambda steps: fit(batch_size, steps), horizon)
    if most:
        raise InvalidInput("objective.horizon", horizon, f"<= {most} with this batch size", hint=hint)
    raise InvalidInput("n_hidden", n_hidden, "fewer", hint=hint)


def check_evaluation_fits(ways: list[Way], *, horizon: int) -> None:
    """Raises unless one network can be evaluated on sequences of that length in one of the ways.

    Raises:
        InvalidInput: Names the horizon, and what is needed and there.
    """
    if not _some_fits(ways, 1, horizon):
        most = _most(lambda steps: _some_fits(ways, 1, steps), horizon)
        raise InvalidInput("horizon", horizon, f"<= {most}", hint=_shortage(ways, 1, horizon))


def check_exact_fits(network: RecurrentNetwork, *, horizon: int, quadrature: Any) -> None:
    """Raises unless one network can be trained on the exact loss of a finite horizon.

    Raises:
        InvalidInput: Names the horizon, and what is needed and there.
    """

    def needed(_: int, horizon: int) -> int:
        return exact_lane_bytes(network, n_lags=horizon, steady=False, quadrature=quadrature)

    way = Way(needed, available_bytes())
    if not way.fits(1, horizon):
        most = _most(lambda steps: way.fits(1, steps), horizon)
        raise InvalidInput("objective.horizon", horizon, f"<= {most}", hint=_shortage([way], 1, horizon))


def check_filter_fits(task: Any, n_features: int, *, horizon: int, field: str) -> None:
    """Raises unless the target filter fits, of a task that does not say after how many lags it ends.

    Raises:
        InvalidInput: Names the horizon by `field`.
    """
    if isinstance(task, FilterTask) and not isinstance(getattr(task, "memory", None), int):
        each = 3 * 8 * n_features * task.n_outputs(n_features)  # in float64, and copies
        most = available_bytes() // each
        if horizon > most:
            hint = f"the target filter needs {_shown(each * horizon)}, {_shown(available_bytes())} are available"
            raise InvalidInput(field, horizon, f"<= {most} for this task", hint=hint)


def _some_fits(ways: list[Way], batch_size: int, horizon: int) -> bool:
    return any(way.fits(batch_size, horizon) for way in ways)


def _shortage(ways: list[Way], batch_size: int, horizon: int) -> str:
    """What the way that comes closest needs, and may take."""
    nearest = min(ways, key=lambda way: way.needed(batch_size, horizon) / max(way.most, 1))
    return f"one network needs {_shown(nearest.needed(batch_size, horizon))}, {_shown(nearest.most)} are available"


def _most(fits: Callable[[int], bool], above: int) -> int:
    """The largest whole number below `above` that fits; 0 if none does."""
    low, high = 0, above
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _shown(size: int | float) -> str:
    return f"{size / 1e9:.3g} GB" if size >= 1e8 else f"{size / 1e6:.3g} MB"
