"""Inspecting a network of any kind: every measurement, on one run over data."""

from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown, check_count
from ..models import LinearReadout, Model
from ._additivity import Additivity, additivity
from ._capacity import Capacity, exact_capacity
from ._correlation import Correlation, correlation
from ._directions import algebraic_directions, jacobian_directions, rest_directions, settle
from ._free_space import free_space
from ._impulses import Impulses, impulse_directions, impulse_sizes, rest_impulses
from ._interference import Interference, interferences
from ._memory import Memory, memory_curve
from ._recording import MOST_NUMBERS, Recording, record, sample_points
from ._result import Inspection
from ._sources import as_inputs, as_measurable, as_numbers, check_steps
from ._spectrum import Spectrum, mean_spectrum, participation_ratio
from ._split import split_steps

_WORK = 2 * 10**10  # multiplications that sampling one kind of direction may cost
_POINTS = (8, 64)
_POINTS_OF_LINEAR = 8  # where all times are alike
_PAIRS = (100, 600)
_JACOBIANS = {64: 32}
_FEWEST_JACOBIANS = 16
_MOST_STATE = 2000  # numbers of state up to which matrices of that size are decomposed, within minutes
_MOST_WRITTEN = 2 * MOST_NUMBERS  # numbers that all directions together may be
_NOT_LINEAR = "the recurrence is not known to be linear"


def inspect_model(
    model: Any,
    inputs: Any,
    *,
    features: Any = None,
    codes: Any = None,
    n_lags: Any = 20,
    delay: Any = None,
    targets: Any = None,
    seed: Any = 0,
    check_order: bool = True,
) -> Inspection:
    """Measures what a network remembers of its inputs, where it writes it, and what its readout sees of it.

    - directions: D_{t,s} = dh_t / dx_{t-s} at sampled times of real trajectories (mean, alignment, spread), responses
      to finite impulses of two sizes, both also at rest; W_h^s W_x where the recurrence is linear
    - additivity: 1 - |R_12 - (R_1 + R_2)|^2 / |R_1 + R_2|^2 over pairs of impulses
    - memory: held-out R^2 of ridge readouts of every (feature, lag), and the exact capacity of a linear recurrence
    - interference: the share of a readout's variance that comes from other (feature, lag) pairs
    - free fraction: the share of what readouts see of waiting features that is negative
    - spectrum of the mean Jacobian, dimensions of the states, readable pairs per dimension

    The cost is bounded: times and pairs are sampled, fewer for larger networks.

    Args:
        model: A `Model`, or anything that `interop.as_model` turns into one.
        inputs: (batch, time, features), NumPy, JAX, torch or lists; (time, features) is taken as one sequence.
        features: Input directions to use instead of channels, (n_dictionary, channels), such as the decoder rows of
            a sparse autoencoder.
        codes: How much of every direction there is, (batch, time, n_dictionary); None for least squares.
        n_lags: Ages s = 0 .. n_lags - 1.
        delay: k, the age at which the task wants an input; None where it is not known.
        targets: What the outputs should be, (batch, time, outputs), for `target_r2`.
        seed: Draws times, pairs and the sequences of every part.
        check_order: Whether to look for inputs in the order (time, batch, features).

    Returns:
        An `Inspection`, in which parts that could not be measured are None with a reason.

    Raises:
        InvalidInput: If inputs are in a wrong order, too short for n_lags or not finite, or other shapes do not fit.
    """
    model = as_measurable(model)
    n_lags, seed = check_count("n_lags", n_lags), check_count("seed", seed, 0)
    if delay is not None and check_count("delay", delay, 0) >= n_lags:
        raise InvalidInput("delay", delay, f"below n_lags = {n_lags}")
    data, notes = as_inputs(model, inputs, check_order=check_order)
    check_steps(data, n_lags, f"for n_lags = {n_lags}")
    wanted = None if targets is None else _check_targets(model, targets, data)
    data, codes, wanted, more = _bounded(model, data, codes, wanted)
    recording = record(model, data, features=features, codes=codes)
    _check_size(recording, n_lags)
    notes += (*more, *_dependent_codes(recording, codes is not None), *_silent_features(recording))
    rng = np.random.default_rng(seed)
    reasons: dict[str, str] = {}

    points = sample_points(recording, _n_points(recording, n_lags), n_lags, rng)
    directions = jacobian_directions(recording, points, n_lags)
    sizes = impulse_sizes(recording.codes)
    some = rng.permutation(len(points[0]))[: max(len(points[0]) // 4, 1)]
    impulses = impulse_directions(recording, (points[0][some], points[1][some]), sizes, n_lags)
    rest, rest_jacobian, rest_response = _at_rest(recording, sizes, n_lags, reasons)
    added = _keep("additivity", _additivity(recording, sizes[0], n_lags, rng), reasons)
    memory = _keep("memory", _memory(recording, n_lags, rng), reasons)
    scale = recording.codes.std(axis=(0, 1))
    free = _keep("free_space", free_space(model, directions, memory, recording.codes, delay), reasons)
    algebraic, capacity = _algebra(recording, scale, n_lags, reasons)
    notes += _rounding(recording, directions, scale)
    inputs_correlation = correlation(recording, n_lags)
    if inputs_correlation.found:
        notes += (f"{inputs_correlation}: what the input of the moment tells of its past is not counted as memory",)
    of_ridge, of_head = _interference(recording, memory, delay, inputs_correlation, reasons)
    ridge, head = _keep("interference", of_ridge, reasons), _keep("head_interference", of_head, reasons)
    spectrum = _keep("spectrum", _spectrum(recording, rng), reasons)
    dimensions, load = _load(recording, memory, inputs_correlation, reasons)
    if wanted is None:
        reasons["target_r2"] = "no targets were given"
    return Inspection(
        kind=model.kind,
        n_features=recording.n_features,
        n_hidden=model.n_hidden,
        n_outputs=model.n_outputs,
        layout=model.layout,
        agreement=model.agreement,
        compared_with=model.compared_with,
        n_sequences=data.shape[0],
        n_steps=data.shape[1],
        n_lags=n_lags,
        delay=delay,
        dictionary=recording.dictionary,
        explained=recording.explained,
        directions=directions,
        impulses=impulses,
        rest_jacobian=rest_jacobian,
        rest_impulses=rest_response,
        algebraic=algebraic,
        additivity=added,
        memory=memory,
        capacity=capacity,
        input_correlation=inputs_correlation,
        interference=ridge,
        head_interference=head,
        free_space=free,
        spectrum=spectrum,
        participation_ratio=dimensions,
        load=load,
        target_r2=None if wanted is None else _target_r2(recording, wanted),
        readout=_readout_words(model),
        readout_weights=model.readout.weights if isinstance(model.readout, LinearReadout) else None,
        readout_at_rest=_readout_at_rest(model, rest),
        seed=seed,
        notes=notes,
        reasons=reasons,
    )


def _rounding(recording: Recording, directions: Any, scale: np.ndarray) -> tuple[str, ...]:
    """A note when the states are so large that what an input writes is lost in their rounding."""
    largest, written = np.abs(recording.states).max(), (directions.lengths.max(axis=0) * scale).max()
    if not 0 < 1e-3 * written < np.finfo(np.float64).eps * largest:
        return ()
    return (f"states grow to {largest:.1g}: impulses, additivity and readouts measure their rounding",)


def _keep(name: str, found: Any, reasons: dict[str, str]) -> Any:
    """The part, or None with the reason that stands in its place."""
    if not isinstance(found, str):
        return found
    reasons[name] = found
    return None


def _affordable(model: Model, runs: int, bounds: tuple[int, int]) -> int:
    low, high = bounds
    return int(np.clip(_WORK // (2 * runs * model.n_hidden**2), low, high))


def _n_points(recording: Recording, n_lags: int) -> int:
    found = _affordable(recording.model, recording.n_features * n_lags, _POINTS)
    return min(found, _POINTS_OF_LINEAR) if recording.model.linear else found


def _too_large(model: Model) -> str:
    """Why nothing that takes n_hidden^3 operations is measured, or ""."""
    if model.n_hidden <= _MOST_STATE:
        return ""
    size = f"{model.n_hidden} numbers of state are too many"
    return f"{size} to decompose their covariance or Jacobian: at most {_MOST_STATE}"


def _check_size(recording: Recording, n_lags: int) -> None:
    n_features, n_hidden = recording.n_features, recording.model.n_hidden
    if n_lags * n_features * n_hidden > _MOST_WRITTEN:
        most = _MOST_WRITTEN // (n_features * n_hidden)
        allowed = f"at most {most} for directions of {n_features} features in {n_hidden} numbers of state"
        raise InvalidInput("n_lags", n_lags, allowed, hint="or give fewer input directions as features")


def _spectrum(recording: Recording, rng: np.random.Generator) -> Spectrum | str:
    too_large = "" if recording.model.poles is not None else _too_large(recording.model)
    return too_large or mean_spectrum(recording, _n_jacobians(recording.model), rng)


def _n_jacobians(model: Model) -> int:
    return next((n for size, n in _JACOBIANS.items() if model.n_hidden <= size), _FEWEST_JACOBIANS)


def _bounded(model: Model, inputs: np.ndarray, codes: Any, targets: Any) -> tuple[Any, Any, Any, tuple[str, ...]]:
    """As many sequences, and as much of them, as there is memory for their states."""
    n_sequences, time = inputs.shape[:2]
    steps = max(MOST_NUMBERS // model.n_hidden, 1)
    kept_steps = min(time, steps)
    kept = max(min(n_sequences, steps // kept_steps), 1)
    if (kept, kept_steps) == (n_sequences, time):
        return inputs, codes, targets, ()
    note = f"measured on the first {kept} of {n_sequences} sequences and {kept_steps} of {time} steps, for their memory"
    cut = slice(kept), slice(kept_steps)
    if codes is not None:
        codes = as_numbers("codes", codes)
        codes = (codes[None] if codes.ndim == 2 else codes)[cut]
    return inputs[cut], codes, None if targets is None else targets[cut], (note,)


def _dependent_codes(recording: Recording, given: bool) -> tuple[str, ...]:
    n_features, n_channels = recording.basis.shape
    if given or not recording.dictionary or n_features <= n_channels:
        return ()
    return (
        f"{n_features} least-squares codes of {n_channels} channels depend on one another: give codes for your own",
    )


def _silent_features(recording: Recording) -> tuple[str, ...]:
    still = np.flatnonzero(np.ptp(recording.codes, axis=(0, 1)) == 0)
    if not len(still):
        return ()
    listed = ", ".join(str(each) for each in still[:8]) + (", ..." if len(still) > 8 else "")
    one = len(still) == 1
    return (f"feature{'' if one else 's'} {listed} {'does' if one else 'do'} not vary in the data",)


def _memory(recording: Recording, n_lags: int, rng: np.random.Generator) -> Memory | str:
    if not np.ptp(recording.codes, axis=(0, 1)).any():
        return "no feature varies in the data"
    if too_large := _too_large(recording.model):
        return too_large
    n_sequences, time = recording.inputs.shape[:2]
    split = split_steps(n_sequences, time, n_lags, rng, n_hidden=recording.model.n_hidden)
    return split if isinstance(split, str) else memory_curve(recording, split, n_lags)


def _at_rest(
    recording: Recording, sizes: np.ndarray, n_lags: int, reasons: dict[str, str]
) -> tuple[np.ndarray | None, np.ndarray | None, Impulses | None]:
    """The state, the directions and the responses."""
    rest, why = settle(recording.model)
    if rest is None:
        reasons.update(dict.fromkeys(("rest_jacobian", "rest_impulses"), why))
        return None, None, None
    jacobian = rest_directions(recording.model, recording.basis, rest, n_lags)
    return rest, jacobian, rest_impulses(recording, rest, sizes, jacobian)


def _readout_words(model: Model) -> str:
    if not model.n_outputs:
        return "none"
    return model.readout.nonlinearity if isinstance(model.readout, LinearReadout) else "other"


def _readout_at_rest(model: Model, rest: np.ndarray | None) -> np.ndarray | None:
    if rest is None or not isinstance(model.readout, LinearReadout):
        return None
    return rest @ model.readout.weights + model.readout.bias


def _algebra(
    recording: Recording, scale: np.ndarray, n_lags: int, reasons: dict[str, str]
) -> tuple[np.ndarray | None, Capacity | None]:
    linear, names, too_large = recording.model.linear, ("algebraic", "capacity"), _too_large(recording.model)
    if linear is None or too_large:
        reasons.update(dict.fromkeys(names, too_large or _NOT_LINEAR))
        return None, None
    capacity = exact_capacity(linear, recording.basis, scale**2, n_lags)
    if capacity is None:
        reasons["capacity"] = "the recurrence is not stable: its memory has no end"
    return algebraic_directions(linear, recording.basis, n_lags), capacity


def _interference(
    recording: Recording, memory: Memory | None, delay: int | None, between: Correlation, reasons: dict[str, str]
) -> tuple[Interference | str, Interference | str]:
    if memory is None:
        return reasons["memory"], reasons["memory"]
    if between.found:
        why = f"{between}: a variance cannot be told apart by where it comes from"
        return why, why
    return interferences(recording, memory, delay)


def _load(
    recording: Recording, memory: Memory | None, between: Correlation, reasons: dict[str, str]
) -> tuple[float | None, float | None]:
    too_large = _too_large(recording.model)
    dimensions = None if too_large else participation_ratio(recording.states)
    if dimensions is None:
        reasons["participation_ratio"] = too_large or "the states do not vary"
    if dimensions is None or memory is None:
        reasons["load"] = reasons.get("participation_ratio") or reasons["memory"]
        return dimensions, None
    if between.found:
        reasons["load"] = f"{between}: one number of the state tells of several"
        return dimensions, None
    return dimensions, float(memory.readable.sum() / dimensions)


def _additivity(recording: Recording, sizes: np.ndarray, n_lags: int, rng: np.random.Generator) -> Additivity | str:
    if n_lags == 1 and recording.n_features == 1:
        return "one feature at one lag makes no pair"
    found = additivity(recording, sizes, n_lags, _affordable(recording.model, 3 * n_lags, _PAIRS), rng)
    if isinstance(found, str):
        return found
    return "impulses leave no trace in the states" if found.forgotten.all() else found


def _check_targets(model: Model, targets: Any, inputs: np.ndarray) -> np.ndarray:
    wanted = as_numbers("targets", targets)
    wanted = wanted[None] if wanted.ndim == 2 and len(inputs) == 1 else wanted
    shape = (*inputs.shape[:2], model.n_outputs)
    if not model.n_outputs:
        raise InvalidInput("targets", Shown("targets"), "left out for a network without a readout")
    if wanted.shape != shape:
        raise InvalidInput("targets", Shown(f"shape {wanted.shape}"), f"of shape {shape} (batch, time, outputs)")
    return wanted


def _target_r2(recording: Recording, targets: np.ndarray) -> np.ndarray:
    said = recording.model.readout.outputs(recording.states, recording.inputs)
    whole = ((targets - targets.mean(axis=(0, 1))) ** 2).sum(axis=(0, 1))
    error = ((said - targets) ** 2).sum(axis=(0, 1))
    return np.where(whole > 0, 1 - error / np.where(whole > 0, whole, 1.0), np.nan)
