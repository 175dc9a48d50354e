"""Whether responses add up: the response to two impulses against the sum of the responses to each."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Int

from ._recording import Recording, run_batches

_FORGOTTEN = 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class Additivity:
    """1 - |R_12 - (R_1 + R_2)|^2 / |R_1 + R_2|^2 over random pairs of impulses on real backgrounds.

    R_1, R_2 and R_12 are changes of one state h_t by an impulse of feature j_1 at t - s_1, of j_2 at t - s_2, and by
    both. 1 is linear; 0 is an error as large as the response itself; there is no lower bound.

    Attributes:
        values: The index of every pair; NaN for pairs that are forgotten.
        lags: s_1 <= s_2 of every pair.
        features: j_1 and j_2 of every pair.
        forgotten: Pairs whose summed response is below 1e-6 of the largest, of which the index says nothing.
        n_lags: Ages that were drawn: 0 .. n_lags - 1.
    """

    values: Float[np.ndarray, " pairs"]
    lags: Int[np.ndarray, "pairs two"]
    features: Int[np.ndarray, "pairs two"]
    forgotten: Bool[np.ndarray, " pairs"]
    n_lags: int

    @property
    def mean(self) -> float:
        """Mean over pairs that are not forgotten."""
        return float(self.values[~self.forgotten].mean())

    def quantiles(self, *levels: float) -> tuple[float, ...]:
        """Quantiles over pairs that are not forgotten."""
        return tuple(float(each) for each in np.quantile(self.values[~self.forgotten], levels))

    @property
    def by_lag_pair(self) -> Float[np.ndarray, "lags lags"]:
        """Mean index of every (s_1, s_2), symmetric; NaN where no pair was drawn."""
        total, count = np.zeros((2, self.n_lags, self.n_lags))
        kept = ~self.forgotten
        first, second = self.lags[kept].T
        for one, other in ((first, second), (second, first)):
            np.add.at(total, (one, other), self.values[kept])
            np.add.at(count, (one, other), 1)
        return _mean(total, count)

    @property
    def by_lag_difference(self) -> Float[np.ndarray, " lags"]:
        """Mean index by |s_1 - s_2|; NaN where no pair was drawn."""
        total, count = np.zeros((2, self.n_lags))
        apart = np.abs(self.lags[:, 1] - self.lags[:, 0])[~self.forgotten]
        np.add.at(total, apart, self.values[~self.forgotten])
        np.add.at(count, apart, 1)
        return _mean(total, count)


def additivity(
    recording: Recording,
    sizes: Float[np.ndarray, " features"],
    n_lags: int,
    n_pairs: int,
    rng: np.random.Generator,
) -> Additivity | str:
    """Measures the additivity of random pairs of impulses.

    Args:
        recording: The network's run over data; sequences must have `n_lags` steps.
        sizes: Size of the impulse of every feature, in units of the feature.
        n_lags: Ages 0 .. n_lags - 1 are drawn; pairs of lags in turn, so that all are covered evenly.
        n_pairs: How many pairs.
        rng: Draws backgrounds, order and features.

    Returns:
        The measurement, or why there is none.

    Source: the index is the share of variance explained by superposition, as in Volterra analysis.
    """
    pairs = _lag_pairs(n_lags, recording.n_features)
    lags = pairs[np.concatenate([rng.permutation(len(pairs)) for _ in range(-(-n_pairs // len(pairs)))])[:n_pairs]]
    features = _feature_pairs(lags, recording.n_features, rng)
    n_sequences, time = recording.inputs.shape[:2]
    sequences, times = rng.integers(n_sequences, size=n_pairs), rng.integers(time - n_lags + 1, size=n_pairs)
    before = recording.before(sequences, times)
    intact = recording.states[sequences, times + n_lags - 1]

    def build(runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pair, which = np.divmod(runs, 3)
        driven = recording.windows(sequences[pair], times[pair], n_lags)
        for one in (0, 1):
            hit = np.flatnonzero((which == one) | (which == 2))
            feature, step = features[pair[hit], one], n_lags - 1 - lags[pair[hit], one]
            driven[hit, step] += sizes[feature][:, None] * recording.basis[feature]
        return driven, before[pair]

    reached = np.empty((3 * n_pairs, recording.model.n_hidden))
    for runs, states in run_batches(recording.model, 3 * n_pairs, n_lags, build):
        reached[runs] = states[:, -1]
    if not np.isfinite(reached).all():
        return "the network does not stay finite after an impulse"
    first, second, both = np.moveaxis(reached.reshape(n_pairs, 3, -1) - intact[:, None], 1, 0)
    size = ((first + second) ** 2).sum(axis=1)
    forgotten = size <= _FORGOTTEN**2 * size.max()
    error = ((both - (first + second)) ** 2).sum(axis=1)
    values = np.where(forgotten, np.nan, 1 - error / np.where(forgotten, 1.0, size))
    return Additivity(values, lags, features, forgotten, n_lags)


def _lag_pairs(n_lags: int, n_features: int) -> np.ndarray:
    """Pairs s_1 <= s_2; the same lag twice needs two features."""
    return np.stack(np.triu_indices(n_lags, k=0 if n_features > 1 else 1), axis=1)


def _feature_pairs(lags: np.ndarray, n_features: int, rng: np.random.Generator) -> np.ndarray:
    first, second = rng.integers(n_features, size=(2, len(lags)))
    another = (first + rng.integers(1, max(n_features, 2), size=len(lags))) % n_features
    return np.stack([first, np.where(lags[:, 0] == lags[:, 1], another, second)], axis=1)


def _mean(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
