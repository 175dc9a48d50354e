"""From which features networks keep, and what else their readouts see, to the numbers that bars judge."""

import numpy as np
from jaxtyping import Bool, Float, Real

from ..geometry import represented_strict

_SURE = 2.0  # standard errors


def is_plausible(losses: Float[np.ndarray, "networks chunks"]) -> Bool[np.ndarray, " networks"]:
    """Which networks may be the best: those whose loss exceeds the lowest one by no more than 2 standard errors.

    Args:
        losses: Losses on independent sets of sequences, each set shared by all networks; NaN never is the best.

    Returns:
        (networks,); the standard error is that of the mean difference from the network of the lowest mean.
    """
    mean = losses.mean(axis=1)
    if np.isnan(mean).all():
        return np.zeros(len(mean), bool)
    difference = losses - losses[np.nanargmin(mean)]
    error = difference.std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    return difference.mean(axis=1) <= _SURE * error


def all_or_none_values(
    gain: Float[np.ndarray, "delays networks features"],
    plausible: Bool[np.ndarray, "delays networks"],
    delays: list[int],
    expected_at_one: list[int],
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """What `all-or-none` is judged by: the best networks, and an interval where the best is not certain.

    Args:
        gain: A_k[i, i] of the finalists, the best one first; features in the order of their importance.
        plausible: Which of them may be the best.
        delays: k, rising, with 1 among them.
        expected_at_one: The features that should be kept at k = 1.

    Returns:
        Values and intervals by bar: `rise`, the largest change in the number of kept features from one delay to the
        next; `most_important`, the smallest gain of the first feature; `one_step`, the number of features kept at
        k = 1 that should not be, or the reverse. NaN where the gain of a best network is.
    """
    kept = represented_strict(gain)
    number = kept.sum(axis=-1).astype(float)
    wanted = np.isin(np.arange(gain.shape[-1]), expected_at_one)
    second = delays.index(1)
    wrong = (kept[second] != wanted).sum(axis=-1).astype(float)
    first = gain[..., 0]
    fewest, most = _range(number, plausible)
    least, largest = _range(first, plausible)
    values = {
        "rise": float(np.max(np.diff(number[:, 0]))),
        "most_important": float(np.min(first[:, 0])),
        "one_step": float(wrong[0]),
    }
    intervals = {
        "rise": (float(np.max(fewest[1:] - most[:-1])), float(np.max(most[1:] - fewest[:-1]))),
        "most_important": (float(np.min(least)), float(np.min(largest))),
        "one_step": tuple(float(each[0]) for each in _range(wrong[None], plausible[second][None])),
    }
    if np.isnan(gain[:, 0]).any():
        return dict.fromkeys(values, float("nan")), {}
    return values, {name: ends for name, ends in intervals.items() if ends[0] < ends[1]}


def _range(numbers: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest of the chosen numbers and the first, along the last axis."""
    chosen = chosen | (np.arange(numbers.shape[-1]) == 0)
    return np.where(chosen, numbers, np.inf).min(axis=-1), np.where(chosen, numbers, -np.inf).max(axis=-1)


def diagonal_and_rest(
    projections: Float[np.ndarray, "*stack lags outputs features"], delay: int
) -> tuple[Float[np.ndarray, "*stack features"], Float[np.ndarray, "*stack lags"]]:
    """The diagonal of A_k, and the mean of the remaining entries of every A_s.

    Args:
        projections: A_s of at least k + 1 lags, as many outputs as features, at least 2.
        delay: k.

    Returns:
        A_k[i, i], and by lag the mean of all entries of A_s; for s = k, of those off the diagonal.
    """
    seen = np.asarray(projections, np.float64)
    n_features = seen.shape[-1]
    diagonal = np.diagonal(seen[..., delay, :, :], axis1=-2, axis2=-1)
    rest = seen.mean(axis=(-2, -1))
    rest[..., delay] = (rest[..., delay] * n_features - diagonal.mean(axis=-1)) / (n_features - 1)
    return diagonal, rest


def excess_over_zero(rest: Float[np.ndarray, "*cases networks lags"]) -> Float[np.ndarray, "*cases lags"]:
    """The mean over networks in units of its standard error; 0 where all are zero, infinite where none differs."""
    mean = rest.mean(axis=-2)
    error = rest.std(axis=-2, ddof=1) / np.sqrt(rest.shape[-2])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(mean == 0, 0.0, mean / error)


def interference_values(
    diagonal: Float[np.ndarray, "*cases networks features"], rest: Float[np.ndarray, "*cases networks lags"]
) -> dict[str, float]:
    """What `wider` and `hundred-units` are judged by, whatever the number of hidden units.

    Args:
        diagonal: A_k[i, i] of the best quarter of networks of each case, the best one first.
        rest: Their means of the remaining entries by lag.

    Returns:
        `diagonal`, the smallest mean diagonal of a network; `best`, the largest mean of the remaining entries of a
        best network at any lag; `quarter`, the largest mean over the quarter in standard errors. NaN if any is.
    """
    return {
        "diagonal": float(np.min(diagonal.mean(axis=-1))),
        "best": float(np.max(rest[..., 0, :])),
        "quarter": float(np.max(excess_over_zero(rest))),
    }


def smallest_rise(number: Real[np.ndarray, "*cases widths"]) -> float:
    """The smallest change in the number of kept features from one number of hidden units to the next."""
    return float(np.min(np.diff(number, axis=-1)))
