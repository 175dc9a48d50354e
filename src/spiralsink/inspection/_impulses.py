"""Feature directions by finite impulses: on real backgrounds and at rest, of two sizes."""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from ._directions import jacobian_directions
from ._recording import Recording, run_batches

_RELATIVE_SIZES = (1.0, 0.5)
_RARE = 0.1


@dataclasses.dataclass(frozen=True, eq=False)
class Impulses:
    """Responses to impulses, per unit of impulse: (h_t(x + u d_j at t - s) - h_t(x)) / u, mean over backgrounds.

    Attributes:
        responses: For both sizes u.
        sizes: u of every feature (`impulse_sizes`), and half of it.
        difference: |response of one size - of the other| / |response of the first|: 0 for linear recurrences
            anywhere, and for ReLU without bias at rest. 0 where both vanish.
        jacobian: Mean Jacobian direction over the same backgrounds, which smaller and smaller impulses come to.
        n_points: How many backgrounds.
    """

    responses: Float[np.ndarray, "sizes lags hidden features"]
    sizes: Float[np.ndarray, "sizes features"]
    difference: Float[np.ndarray, "lags features"]
    jacobian: Float[np.ndarray, "lags hidden features"]
    n_points: int

    @property
    def gap(self) -> Float[np.ndarray, "lags features"]:
        """|response - Jacobian direction| / |Jacobian direction| over the same backgrounds, for the larger size."""
        return relative_difference(self.responses[0], self.jacobian)


def impulse_sizes(codes: Float[np.ndarray, "batch time features"]) -> Float[np.ndarray, "sizes features"]:
    """How much of a feature comes or goes in the data, and half of it.

    - a feature that is zero at a tenth of the steps or more: the root mean square of its other values, negative if it
      is never positive
    - a feature that is rarely zero: its standard deviation, so that an impulse stays where the data are
    - 1 for a feature that does not vary

    Args:
        codes: How much of every feature there is at every step.
    """
    there, spread = (codes != 0).sum(axis=(0, 1)), codes.std(axis=(0, 1))
    active = np.sqrt((codes**2).sum(axis=(0, 1)) / np.maximum(there, 1))
    comes = there <= (1 - _RARE) * codes[..., 0].size
    size = np.where(comes, active * np.where(codes.max(axis=(0, 1)) <= 0, -1.0, 1.0), spread)
    return np.multiply.outer(_RELATIVE_SIZES, np.where(spread > 0, size, 1.0))


def impulse_directions(
    recording: Recording,
    points: tuple[Int[np.ndarray, " points"], Int[np.ndarray, " points"]],
    sizes: Float[np.ndarray, "sizes features"],
    n_lags: int,
) -> Impulses:
    """Responses to impulses on backgrounds of the data.

    Args:
        recording: The network's run over data.
        points: Sequences and times of the impulses; `n_lags` steps must follow.
        sizes: u (`impulse_sizes`).
        n_lags: Ages s = 0 .. n_lags - 1.
    """
    sequences, times = points
    inputs, before = recording.windows(sequences, times, n_lags), recording.before(sequences, times)
    after = recording.states[sequences[:, None], times[:, None] + np.arange(n_lags)]
    jacobian = jacobian_directions(recording, points, n_lags).mean
    return _responses(recording, inputs, before, after, sizes, jacobian)


def rest_impulses(
    recording: Recording,
    rest: Float[np.ndarray, " hidden"],
    sizes: Float[np.ndarray, "sizes features"],
    jacobian: Float[np.ndarray, "lags hidden features"],
) -> Impulses:
    """Responses to impulses of the silent network at rest.

    Args:
        recording: The network's run over data, for the network and its features.
        rest: The state at rest (`settle`).
        sizes: u (`impulse_sizes`).
        jacobian: Jacobian directions at rest (`rest_directions`), for ages s = 0 .. n_lags - 1.
    """
    n_lags = len(jacobian)
    silence = np.zeros((1, n_lags, recording.model.n_features))
    after = np.broadcast_to(rest, (1, n_lags, len(rest)))
    return _responses(recording, silence, rest[None], after, sizes, jacobian)


def _responses(
    recording: Recording,
    inputs: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    sizes: np.ndarray,
    jacobian: np.ndarray,
) -> Impulses:
    n_points, n_lags = after.shape[:2]
    shape = (*sizes.shape, n_points)

    def build(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size, feature, point = np.unravel_index(runs, shape)
        driven = inputs[point]
        driven[:, 0] += sizes[size, feature][:, None] * recording.basis[feature]
        return driven, before[point]

    total = np.zeros((*sizes.shape, n_lags, recording.model.n_hidden))
    for runs, states in run_batches(recording.model, int(np.prod(shape)), n_lags, build):
        for run, reached in zip(runs, states, strict=True):
            size, feature, point = np.unravel_index(run, shape)
            total[size, feature] += (reached - after[point]) / sizes[size, feature]
    responses = np.moveaxis(total / n_points, 1, -1)
    return Impulses(responses, sizes, relative_difference(responses[1], responses[0]), jacobian, n_points)


def relative_difference(
    one: Float[np.ndarray, "lags hidden features"], other: Float[np.ndarray, "lags hidden features"]
) -> Float[np.ndarray, "lags features"]:
    """|one - other| / |other| over the hidden units; 0 where both are below 1e-9 of the longest at any lag."""
    apart, length = np.linalg.norm(one - other, axis=1), np.linalg.norm(other, axis=1)
    longest = np.maximum(length, np.linalg.norm(one, axis=1)).max(axis=0)
    forgotten = np.maximum(apart, length) <= 1e-9 * longest
    relative = np.where(length > 0, apart / np.where(length > 0, length, 1.0), np.inf)
    return np.where(forgotten, 0.0, relative)
