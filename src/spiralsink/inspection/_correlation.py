"""How far inputs are from independent of one another, which decides what may be said of readouts of them."""

import dataclasses

import numpy as np
from jaxtyping import Float

from ._recording import Recording

CORRELATED = 0.3
"""Correlation of inputs from which what is read of one may be said by another."""

_WORK = 2 * 10**9
_FEWEST_STEPS = 200


@dataclasses.dataclass(frozen=True, eq=False)
class Correlation:
    """Correlation of inputs c_{i,t} with c_{j,t-s}, over everything but an input with itself.

    Attributes:
        strongest: Largest |correlation| at every lag s; at s = 0 between different features.
        by_chance: The largest that independent inputs reach in so little data.
    """

    strongest: Float[np.ndarray, " lags"]
    by_chance: float

    @property
    def lag(self) -> int:
        """The lag of the largest."""
        return int(self.strongest.argmax())

    @property
    def found(self) -> bool:
        """Whether it is above 0.3, and above what chance gives."""
        return bool(self.strongest.max() > max(CORRELATED, self.by_chance))

    def __str__(self) -> str:
        return f"inputs are correlated ({self.strongest.max():.2f} at lag {self.lag})"


def correlation(recording: Recording, n_lags: int) -> Correlation:
    """max_{i,j} |corr(c_{i,t}, c_{j,t-s})| for lags s = 0 .. n_lags - 1, sequences pooled; i != j at s = 0.

    `by_chance` is sqrt(3 log(2 m) / n) for m correlations over n steps: independent inputs stay below it. For many
    features only as many sequences as are affordable are looked at.

    Args:
        recording: Data with their codes.
        n_lags: How many lags.
    """
    n_sequences, time, n_features = recording.codes.shape
    steps = max(_WORK // (n_features**2 * n_lags), _FEWEST_STEPS)
    kept = min(max(steps // time, 1), n_sequences)
    codes = recording.codes[:kept, : max(steps, n_lags + 1)]
    scale = codes.std(axis=(0, 1))
    unit = (codes - codes.mean(axis=(0, 1))) / np.where(scale > 0, scale, 1.0)
    n_lags = min(n_lags, unit.shape[1])
    strongest = np.zeros(n_lags)
    for lag in range(n_lags):
        now, then = (each.reshape(-1, n_features) for each in (unit[:, lag:], unit[:, : unit.shape[1] - lag]))
        found = np.abs(now.T @ then) / len(now)
        if lag == 0:
            np.fill_diagonal(found, 0.0)
        strongest[lag] = found.max()
    fewest = kept * (unit.shape[1] - n_lags + 1)
    return Correlation(strongest, float(np.sqrt(3 * np.log(2 * n_lags * n_features**2) / fewest)))
