"""Feature directions by Jacobians: along real trajectories, at rest, and by algebra where the recurrence is linear."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .._errors import InvalidInput
from ..models import LinearRecurrence, Model
from ._recording import MOST_NUMBERS, Recording

_STEPS_TO_REST, _STEPS_AT_ONCE = 2000, 100
_SETTLED = 1e-10


@dataclasses.dataclass(frozen=True, eq=False)
class Directions:
    """Where inputs of every age are written: D_{t,s} = dh_t / dx_{t-s}, over times t of real trajectories.

    Attributes:
        mean: Mean of D_{t,s} over the sampled times.
        alignment: Mean cosine between D_{t,s} and its mean, in [-1, 1]; 1 where all point the same way, 0 where a
            direction vanishes.
        spread: Root mean square of |D_{t,s} - mean| over |mean|; 0 where nothing depends on time. Infinite where
            the mean vanishes and the directions do not.
        projections: A_s: mean over the sampled times of what the readout sees of D_{t,s}; at s = 0 with what it hears
            of the input past the state, D of y = W_y^T h + D x.
        n_points: How many times were sampled.
    """

    mean: Float[np.ndarray, "lags hidden features"]
    alignment: Float[np.ndarray, "lags features"]
    spread: Float[np.ndarray, "lags features"]
    projections: Float[np.ndarray, "lags outputs features"]
    n_points: int

    @property
    def lengths(self) -> Float[np.ndarray, "lags features"]:
        """|mean| of every lag and feature."""
        return np.linalg.norm(self.mean, axis=1)


def jacobian_directions(
    recording: Recording,
    points: tuple[Int[np.ndarray, " points"], Int[np.ndarray, " points"]],
    n_lags: int,
) -> Directions:
    """D_{t,s} = (df/dh)_t ... (df/dh)_{t-s+1} (df/dx)_{t-s}, carried forwards along real trajectories.

    Args:
        recording: The network's run over data.
        points: Sequences and times at which inputs are written; `n_lags` steps must follow.
        n_lags: Ages s = 0 .. n_lags - 1.

    Returns:
        `Directions`, in states per unit of the feature.

    Raises:
        InvalidInput: If they grow beyond what floating point holds.
    """
    model, n_points = recording.model, len(points[0])
    sizes = n_points * n_lags * model.n_hidden
    chunk = int(np.clip(MOST_NUMBERS // sizes, 1, recording.n_features))
    parts = []
    for start in range(0, recording.n_features, chunk):
        kept = min(chunk, recording.n_features - start)
        features = np.arange(start, start + chunk) % recording.n_features
        carried, seen = _carry(recording, points, n_lags, recording.basis[features])
        if not np.isfinite(carried[:, -1]).all():
            hint = "what is written grows without bound"
            raise InvalidInput("n_lags", n_lags, "so small that directions stay finite", hint=hint)
        parts.append(_summary(carried[:, :, :kept], seen[:, :, :kept]))
    mean, alignment, spread, projections = (np.concatenate(part, axis=-1) for part in zip(*parts, strict=True))
    return Directions(mean, alignment, spread, projections, n_points)


def algebraic_directions(
    linear: LinearRecurrence, basis: Float[np.ndarray, "features channels"], n_lags: int
) -> Float[np.ndarray, "lags hidden features"]:
    """W_s = W_h^s W_x, for input channels or for the directions of a dictionary.

    Args:
        linear: The recurrence.
        basis: Input directions in rows.
        n_lags: How many lags.
    """
    found = np.empty((n_lags, len(linear.W_h), len(basis)))
    written = linear.W_x @ basis.T
    for lag in range(n_lags):
        found[lag] = written
        written = linear.W_h @ written
    return found


def settle(model: Model) -> tuple[Float[np.ndarray, " hidden"] | None, str]:
    """The state that the silent network (inputs zero) settles into, or None and the reason.

    It has settled when no unit moves by more than 1e-10 of the state's largest entry (of 1 for small states) from one
    step to the next.
    """
    silence = np.zeros((1, _STEPS_AT_ONCE, model.n_features))
    state, moved = np.asarray(model.initial, np.float64), np.inf
    for _ in range(_STEPS_TO_REST // _STEPS_AT_ONCE):
        states = model.dynamics.run(silence, state[None])[0]
        if not np.isfinite(states).all():
            return None, "the silent network grows without bound"
        state = states[-1]
        moved = np.abs(states[-1] - states[-2]).max()
        if moved <= _SETTLED * max(1.0, np.abs(state).max()):
            return state, ""
    return None, f"the silent network has not settled after {_STEPS_TO_REST} steps (it still moves by {moved:.1e})"


def rest_directions(
    model: Model, basis: Float[np.ndarray, "features channels"], rest: Float[np.ndarray, " hidden"], n_lags: int
) -> Float[np.ndarray, "lags hidden features"]:
    """(df/dh)^s (df/dx) at the state at rest with inputs zero."""
    silence, states = np.zeros((1, model.n_features)), rest[None]
    change = model.dynamics.written(silence, states, basis[None])
    found = [change]
    for _ in range(n_lags - 1):
        change = model.dynamics.carried(silence, states, change)
        found.append(change)
    return np.moveaxis(np.concatenate(found), 1, 2)


def _carry(
    recording: Recording, points: tuple[np.ndarray, np.ndarray], n_lags: int, basis: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Directions (points, lags, features, hidden) and what is seen of them (points, lags, features, outputs)."""
    model, (sequences, times) = recording.model, points
    shape = (len(times), len(basis))
    carried = np.empty((len(times), n_lags, len(basis), model.n_hidden))
    seen = np.empty((len(times), n_lags, len(basis), model.n_outputs))
    change = np.broadcast_to(basis, (*shape, model.n_features))
    for lag in range(n_lags):
        now = times + lag
        inputs, before = recording.inputs[sequences, now], recording.before(sequences, now)
        states = recording.states[sequences, now]
        if lag == 0:
            seen[:, 0] = model.readout.heard(states, inputs, change)
            change = model.dynamics.written(inputs, before, change)
            seen[:, 0] += model.readout.seen(states, inputs, change)
        else:
            change = model.dynamics.carried(inputs, before, change)
            seen[:, lag] = model.readout.seen(states, inputs, change)
        carried[:, lag] = change
    return carried, seen


def _summary(carried: np.ndarray, seen: np.ndarray) -> Any:
    mean = carried.mean(axis=0)
    length, mean_length = np.linalg.norm(carried, axis=-1), np.linalg.norm(mean, axis=-1)
    along = (carried * mean).sum(axis=-1)
    product = length * mean_length
    alignment = np.where(product > 0, along / np.where(product > 0, product, 1.0), 0.0).mean(axis=0)
    off = np.sqrt(((carried - mean) ** 2).sum(axis=-1).mean(axis=0))
    spread = np.where(mean_length > 0, off / np.where(mean_length > 0, mean_length, 1.0), np.where(off > 0, np.inf, 0))
    return np.swapaxes(mean, 1, 2), alignment, spread, np.swapaxes(seen.mean(axis=0), 1, 2)
