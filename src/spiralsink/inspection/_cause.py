"""Cause: what changes when an input of one age is taken out, or a state is replaced."""

import dataclasses
from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown, check_count, check_kind
from ..models import LinearReadout, Model, carried_along
from ._directions import jacobian_directions
from ._effect import Effect
from ._recording import MOST_NUMBERS, Recording, record, run_batches, sample_points
from ._replacements import Replacement, Zero
from ._sources import as_inputs, as_measurable, as_numbers

_LATER = 20
_POINTS = 64


def ablate(
    model: Any,
    inputs: Any,
    feature: Any,
    lag: Any,
    *,
    by: Any = Zero(),  # noqa: B008
    at: Any = None,
    n_later: Any = None,
    features: Any = None,
    codes: Any = None,
    seed: Any = 0,
    check_order: bool = True,
) -> Effect:
    """Takes out what one input of a given age wrote: the input c_{j,t-s} of feature j is replaced, the rest is kept.

    For every read-out time t, the network is run again from t - s. change_{t,l} = y'_{t+l} - y_{t+l}; what the readout
    sees of it is A_{s+l} dx with dx = c'_{j,t-s} - c_{j,t-s} exactly when the recurrence is linear, dx = -c for
    `Zero()`. Elsewhere A_s is the mean Jacobian projection, and `gap` how far the effect is from it.

    Args:
        model: A `Model`, or anything that `interop.as_model` turns into one.
        inputs: (batch, time, features); see `spiralsink.inspect`.
        feature: j, from 0: an input channel, or a row of `features`.
        lag: s >= 0, the age of the input at time t.
        by: What it is replaced by: `Zero()`, `Mean()`, `Resample(seed)` or an object of your own with `replaced`.
        at: Times t, from 0, as an int or a list, s <= t <= time - n_later; None for all of them.
        n_later: Later steps l = 0 .. n_later - 1; None for all that follow the last of `at`, and for 20 without `at`.
        features: Input directions to use instead of channels, (n_dictionary, channels): the component along one of
            them is replaced.
        codes: How much of every direction there is, (batch, time, n_dictionary); None for least squares.
        seed: Draws the times of the mean Jacobian.
        check_order: Whether to look for inputs in the order (time, batch, features).

    Raises:
        InvalidInput: If there is no such feature, time or lag, or inputs do not fit.
    """
    model = as_measurable(model)
    check_kind("by", by, Replacement, "Zero(), Mean(), Resample() or an object with `replaced`")
    data, notes = as_inputs(model, inputs, check_order=check_order)
    recording = record(model, _affordable_steps(model, data), features=features, codes=codes)
    n_sequences, time = data.shape[:2]
    if check_count("feature", feature, 0) >= recording.n_features:
        raise InvalidInput("feature", feature, f"below the number of features, {recording.n_features}")
    if check_count("lag", lag, 0) >= time:
        raise InvalidInput("lag", lag, f"below the number of steps, {time}")
    times, n_later = _times(at, n_later, lag, time)
    n_outputs = model.n_outputs or model.n_hidden
    times, more = _affordable(times, n_sequences * n_later * max(n_outputs, 1), spread=at is None)
    recording = dataclasses.replace(
        recording,
        basis=recording.basis[feature : feature + 1],
        codes=recording.codes[..., feature : feature + 1],
    )
    amount = _replaced(by, recording.codes[..., 0])[:, times - lag] - recording.codes[:, times - lag, 0]
    change, seen, state_change = _run_again(recording, times, lag, n_later, amount)
    projections = _projections(recording, lag + n_later, seed)[lag:, :, 0]
    name = "dictionary feature" if recording.dictionary else "feature"
    return Effect(
        cause=f"{name} {feature} of age {lag} replaced by {by!r}",
        at=times,
        change=change,
        seen=seen,
        state_change=state_change,
        expected=amount[:, :, None, None] * projections,
        basis="A_s dx by the mean Jacobian",
        amount=amount,
        of="outputs" if model.n_outputs else "states",
        notes=(*notes, *more),
    )


def patch(
    model: Any,
    inputs: Any,
    state: Any = None,
    *,
    at: Any,
    inputs_from: Any = None,
    n_later: Any = None,
    check_order: bool = True,
) -> Effect:
    """Replaces the state at time t: h'_t = state, and the network goes on from there with the same inputs.

    change_l = y'_{t+l} - y_{t+l}. What the readout sees of it is W_y^T W_h^l dh exactly when the recurrence is linear;
    elsewhere the change is expected to be carried by the Jacobians along the network's own way, and `gap` is how far
    the effect is from it.

    Args:
        model: A `Model`, or anything that `interop.as_model` turns into one.
        inputs: (batch, time, features); see `spiralsink.inspect`.
        state: The state after step t, (hidden,) or (batch, hidden).
        at: t, from 0.
        inputs_from: Other inputs, (batch or 1, time > t, features), whose state at t is put in; instead of `state`.
        n_later: Later steps l = 0 .. n_later - 1; None for all that follow.
        check_order: Whether to look for inputs in the order (time, batch, features).

    Raises:
        InvalidInput: If not exactly one of `state` and `inputs_from` is given, or shapes or the time do not fit.
    """
    model = as_measurable(model)
    if (state is None) == (inputs_from is None):
        raise InvalidInput("state", Shown("both" if state is not None else "neither"), "given, or else inputs_from")
    data, notes = as_inputs(model, inputs, check_order=check_order)
    n_sequences, time = data.shape[:2]
    at = _time("at", at, 0, time - 1)
    new = _state_from(model, inputs_from, at, check_order) if state is None else as_numbers("state", state)
    if new.shape not in ((model.n_hidden,), (1, model.n_hidden), (n_sequences, model.n_hidden)):
        allowed = f"of shape ({model.n_hidden},) or ({n_sequences}, {model.n_hidden}) (batch, hidden)"
        raise InvalidInput("state", Shown(f"shape {new.shape}"), allowed)
    new = np.broadcast_to(new, (n_sequences, model.n_hidden))
    n_later = time - at if n_later is None else _time("n_later", n_later, 1, time - at)
    data = _affordable_steps(model, data[:, : at + n_later])
    states, after = record(model, data).states[:, at:], data[:, at:]
    changed = new[:, None]
    if n_later > 1:
        changed = np.concatenate([changed, model.dynamics.run(after[:, 1:], new)], axis=1)
    change, seen, length = _compared(model, states, changed, after, after)
    carried = np.empty_like(states)
    carried[:, 0] = new - states[:, 0]
    carried[:, 1:] = carried_along(model.dynamics, after[:, 1:], states[:, :-1], carried[:, 0])
    return Effect(
        cause=f"state at time {at} replaced by {'another' if state is None else 'the given one'}",
        at=np.array([at]),
        change=change[:, None],
        seen=seen[:, None],
        state_change=length[:, None],
        expected=_seen(model, states, after, carried)[:, None],
        basis="dh by the Jacobians of the way",
        amount=length[:, :1],
        of="outputs" if model.n_outputs else "states",
        notes=notes,
    )


def _run_again(recording: Recording, times: np.ndarray, lag: int, n_later: int, amount: np.ndarray) -> Any:
    model, n_steps = recording.model, lag + n_later
    shape = amount.shape
    sequences, starts = (each.ravel() for each in np.meshgrid(np.arange(shape[0]), times - lag, indexing="ij"))
    dx = amount.ravel()[:, None] * recording.basis[0]

    def build(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inputs = recording.windows(sequences[runs], starts[runs], n_steps)
        inputs[:, 0] += dx[runs]
        return inputs, recording.before(sequences[runs], starts[runs])

    change, seen = np.empty((2, len(dx), n_later, model.n_outputs or model.n_hidden))
    length = np.empty((len(dx), n_later))
    for runs, changed in run_batches(model, len(dx), n_steps, build):
        where = sequences[runs, None], starts[runs, None] + np.arange(lag, n_steps)
        before, after = recording.inputs[where], build(runs)[0][:, lag:]
        states = recording.states[where]
        change[runs], seen[runs], length[runs] = _compared(model, states, changed[:, lag:], before, after)
    return tuple(each.reshape(*shape, *each.shape[1:]) for each in (change, seen, length))


def _compared(model: Model, states: np.ndarray, changed: np.ndarray, before: np.ndarray, after: np.ndarray) -> Any:
    """Changes of outputs, what the readout sees of them, and lengths of changes of states."""
    dh = changed - states
    if not np.isfinite(dh).all():
        raise InvalidInput("model", Shown("states that are not finite"), "a network that stays finite after the change")
    length = np.linalg.norm(dh, axis=-1)
    if not model.n_outputs:
        return dh, dh, length
    change = model.readout.outputs(changed, after) - model.readout.outputs(states, before)
    seen, dx = _seen(model, states, before, dh), after - before
    if dx.any():
        seen = seen + model.readout.heard(states, before, dx[..., None, :])[..., 0, :]
    return change, seen, length


def _seen(model: Model, states: np.ndarray, inputs: np.ndarray, dh: np.ndarray) -> np.ndarray:
    if not model.n_outputs:
        return dh
    return model.readout.seen(states, inputs, dh[..., None, :])[..., 0, :]


def _projections(recording: Recording, n_lags: int, seed: int) -> np.ndarray:
    """A_s of the one feature, or its directions where there is no readout: (lags, outputs, 1)."""
    model = recording.model
    exact = model.linear is not None and (not model.n_outputs or isinstance(model.readout, LinearReadout))
    rng = np.random.default_rng(seed)
    n_points = 1 if exact else int(np.clip(MOST_NUMBERS // (n_lags * model.n_hidden), 1, _POINTS))
    found = jacobian_directions(recording, sample_points(recording, n_points, n_lags, rng), n_lags)
    return found.projections if model.n_outputs else found.mean


def _replaced(by: Replacement, codes: np.ndarray) -> np.ndarray:
    replaced = as_numbers("by", by.replaced(codes))
    if replaced.shape != codes.shape:
        raise InvalidInput("by", Shown(f"shape {replaced.shape}"), f"such that it gives shape {codes.shape}")
    return replaced


def _times(at: Any, n_later: Any, lag: int, time: int) -> tuple[np.ndarray, int]:
    if at is None:
        n_later = min(_LATER, time - lag) if n_later is None else _time("n_later", n_later, 1, time - lag)
        return np.arange(lag, time - n_later + 1), n_later
    values = as_numbers("at", at)
    if values.ndim > 1 or not values.size or (values != np.round(values)).any():
        raise InvalidInput("at", at, "a time or a list of times, whole numbers from 0")
    times = np.atleast_1d(values).astype(np.int64)
    low, high = int(times.min()), int(times.max())
    if low < lag or high >= time:
        wrong = low if low < lag else high
        raise InvalidInput("at", wrong, f"from {lag}, the lag, to {time - 1}, the last step")
    return times, time - high if n_later is None else _time("n_later", n_later, 1, time - high)


def _time(field: str, value: Any, low: int, high: int) -> int:
    if not low <= check_count(field, value, low) <= high:
        raise InvalidInput(field, value, f"from {low} to {high}")
    return int(value)


def _affordable(times: np.ndarray, numbers_each: int, *, spread: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    most = max(MOST_NUMBERS // numbers_each, 1)
    if len(times) <= most:
        return times, ()
    if not spread:
        raise InvalidInput("at", Shown(f"{len(times)} times"), f"at most {most} times for the memory of the changes")
    kept = times[np.linspace(0, len(times) - 1, most).astype(int)]
    return kept, (f"{most} of {len(times)} times, evenly spread, for the memory of the changes",)


def _affordable_steps(model: Model, inputs: np.ndarray) -> np.ndarray:
    n_sequences, time = inputs.shape[:2]
    most = MOST_NUMBERS // model.n_hidden
    if n_sequences * time > most:
        shown = Shown(f"{n_sequences} sequences of {time} steps")
        raise InvalidInput("inputs", shown, f"at most {most} steps in all, for the memory of {model.n_hidden} units")
    return inputs


def _state_from(model: Model, inputs_from: Any, at: int, check_order: bool) -> np.ndarray:
    other, _ = as_inputs(model, inputs_from, check_order=check_order, field="inputs_from")
    if other.shape[1] <= at:
        raise InvalidInput("inputs_from", Shown(f"{other.shape[1]} steps"), f"at least {at + 1} steps long")
    return model.states(other[:, : at + 1])[:, at]
