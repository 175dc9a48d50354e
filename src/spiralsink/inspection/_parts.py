"""The parts of an inspection, each measured or with the reason why it is not."""

import numpy as np

from ._additivity import Additivity, additivity
from ._bounds import n_jacobians, n_pairs, too_large
from ._capacity import Capacity, exact_capacity
from ._correlation import Correlation
from ._directions import algebraic_directions, rest_directions, settle
from ._impulses import Impulses, rest_impulses
from ._interference import Interference, interferences
from ._memory import Memory, memory_curve
from ._recording import Recording
from ._spectrum import Spectrum, mean_spectrum, participation_ratio
from ._split import split_steps

_NOT_LINEAR = "the recurrence is not known to be linear"


def at_rest(
    recording: Recording, sizes: np.ndarray, n_lags: int, reasons: dict[str, str]
) -> tuple[np.ndarray | None, np.ndarray | None, Impulses | None]:
    """The state, the directions and the responses."""
    rest, why = settle(recording.model)
    if rest is None:
        reasons.update(dict.fromkeys(("rest_jacobian", "rest_impulses"), why))
        return None, None, None
    jacobian = rest_directions(recording.model, recording.basis, rest, n_lags)
    return rest, jacobian, rest_impulses(recording, rest, sizes, jacobian)


def additivity_of(recording: Recording, sizes: np.ndarray, n_lags: int, rng: np.random.Generator) -> Additivity | str:
    """Whether impulses add up, or why that is not known."""
    if n_lags == 1 and recording.n_features == 1:
        return "one feature at one lag makes no pair"
    found = additivity(recording, sizes, n_lags, n_pairs(recording.model, n_lags), rng)
    if isinstance(found, str):
        return found
    return "impulses leave no trace in the states" if found.forgotten.all() else found


def memory_of(recording: Recording, n_lags: int, rng: np.random.Generator) -> Memory | str:
    """What ridge readouts read, or why there are none."""
    if not np.ptp(recording.codes, axis=(0, 1)).any():
        return "no feature varies in the data"
    if why := too_large(recording.model):
        return why
    n_sequences, time = recording.inputs.shape[:2]
    split = split_steps(n_sequences, time, n_lags, rng, n_hidden=recording.model.n_hidden)
    return split if isinstance(split, str) else memory_curve(recording, split, n_lags)


def algebra_of(
    recording: Recording, scale: np.ndarray, n_lags: int, reasons: dict[str, str]
) -> tuple[np.ndarray | None, Capacity | None]:
    """W_h^s W_x and the exact capacity of a linear recurrence."""
    linear, why = recording.model.linear, too_large(recording.model)
    if linear is None or why:
        reasons.update(dict.fromkeys(("algebraic", "capacity"), why or _NOT_LINEAR))
        return None, None
    capacity = exact_capacity(linear, recording.basis, scale**2, n_lags)
    if capacity is None:
        reasons["capacity"] = "the recurrence is not stable: its memory has no end"
    return algebraic_directions(linear, recording.basis, n_lags), capacity


def interference_of(
    recording: Recording, memory: Memory | None, delay: int | None, between: Correlation, reasons: dict[str, str]
) -> tuple[Interference | str, Interference | str]:
    """Of the ridge readouts and of the network's own, or why not."""
    if memory is None:
        return reasons["memory"], reasons["memory"]
    if between.found:
        why = f"{between}: a variance cannot be told apart by where it comes from"
        return why, why
    return interferences(recording, memory, delay)


def spectrum_of(recording: Recording, rng: np.random.Generator) -> Spectrum | str:
    """Of the mean Jacobian, or why not."""
    why = "" if recording.model.poles is not None else too_large(recording.model)
    return why or mean_spectrum(recording, n_jacobians(recording.model), rng)


def load_of(
    recording: Recording, memory: Memory | None, between: Correlation, reasons: dict[str, str]
) -> tuple[float | None, float | None]:
    """Dimensions of the states, and readable pairs per dimension."""
    why = too_large(recording.model)
    dimensions = None if why else participation_ratio(recording.states)
    if dimensions is None:
        reasons["participation_ratio"] = why or "the states do not vary"
    if dimensions is None or memory is None:
        reasons["load"] = reasons.get("participation_ratio") or reasons["memory"]
        return dimensions, None
    if between.found:
        reasons["load"] = f"{between}: one number of the state tells of several"
        return dimensions, None
    return dimensions, float(memory.readable.sum() / dimensions)
