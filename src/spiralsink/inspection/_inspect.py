"""Inspecting a network of any kind: every measurement, on one run over data."""

from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown, check_count
from ..models import LinearReadout, Model
from ._bounds import bounded, check_size, n_points
from ._correlation import correlation
from ._directions import jacobian_directions
from ._free_space import free_space
from ._impulses import impulse_directions, impulse_sizes
from ._parts import additivity_of, algebra_of, at_rest, interference_of, load_of, memory_of, spectrum_of
from ._recording import Recording, record, sample_points
from ._result import Inspection
from ._sources import as_inputs, as_measurable, as_numbers, check_steps


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
        inputs: (batch, time, features); this and all others as in `spiralsink.inspect`, which can also write what was
            found into a folder.
        features: (n_dictionary, channels).
        codes: (batch, time, n_dictionary).
        n_lags: At least 1.
        delay: k < n_lags, or None.
        targets: (batch, time, outputs), or None.
        seed: A whole number >= 0.
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
    data, codes, wanted, more = bounded(model, data, codes, wanted)
    recording = record(model, data, features=features, codes=codes)
    check_size(recording, n_lags)
    notes += (*more, *_dependent_codes(recording, codes is not None), *_silent_features(recording))
    rng = np.random.default_rng(seed)
    reasons: dict[str, str] = {}

    points = sample_points(recording, n_points(recording, n_lags), n_lags, rng)
    directions = jacobian_directions(recording, points, n_lags)
    sizes = impulse_sizes(recording.codes)
    some = rng.permutation(len(points[0]))[: max(len(points[0]) // 4, 1)]
    impulses = impulse_directions(recording, (points[0][some], points[1][some]), sizes, n_lags)
    rest, rest_jacobian, rest_response = at_rest(recording, sizes, n_lags, reasons)
    added = _keep("additivity", additivity_of(recording, sizes[0], n_lags, rng), reasons)
    memory = _keep("memory", memory_of(recording, n_lags, rng), reasons)
    scale = recording.codes.std(axis=(0, 1))
    free = _keep("free_space", free_space(model, directions, memory, recording.codes, delay), reasons)
    algebraic, capacity = algebra_of(recording, scale, n_lags, reasons)
    notes += _rounding(recording, directions, scale)
    inputs_correlation = correlation(recording, n_lags)
    if inputs_correlation.found:
        notes += (f"{inputs_correlation}: what the input of the moment tells of its past is not counted as memory",)
    of_ridge, of_head = interference_of(recording, memory, delay, inputs_correlation, reasons)
    ridge, head = _keep("interference", of_ridge, reasons), _keep("head_interference", of_head, reasons)
    spectrum = _keep("spectrum", spectrum_of(recording, rng), reasons)
    dimensions, load = load_of(recording, memory, inputs_correlation, reasons)
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


def _readout_words(model: Model) -> str:
    if not model.n_outputs:
        return "none"
    return model.readout.nonlinearity if isinstance(model.readout, LinearReadout) else "other"


def _check_targets(model: Model, targets: Any, inputs: np.ndarray) -> np.ndarray:
    wanted = as_numbers("targets", targets)
    wanted = wanted[None] if wanted.ndim == 2 and len(inputs) == 1 else wanted
    shape = (*inputs.shape[:2], model.n_outputs)
    if not model.n_outputs:
        raise InvalidInput("targets", Shown("targets"), "left out for a network without a readout")
    if wanted.shape != shape:
        raise InvalidInput("targets", Shown(f"shape {wanted.shape}"), f"of shape {shape} (batch, time, outputs)")
    return wanted


def _keep(name: str, found: Any, reasons: dict[str, str]) -> Any:
    """The part, or None with the reason that stands in its place."""
    if not isinstance(found, str):
        return found
    reasons[name] = found
    return None


def _readout_at_rest(model: Model, rest: np.ndarray | None) -> np.ndarray | None:
    if rest is None or not isinstance(model.readout, LinearReadout):
        return None
    return rest @ model.readout.weights + model.readout.bias


def _target_r2(recording: Recording, targets: np.ndarray) -> np.ndarray:
    said = recording.model.readout.outputs(recording.states, recording.inputs)
    whole = ((targets - targets.mean(axis=(0, 1))) ** 2).sum(axis=(0, 1))
    error = ((said - targets) ** 2).sum(axis=(0, 1))
    return np.where(whole > 0, 1 - error / np.where(whole > 0, whole, 1.0), np.nan)
