"""Whether a measure falls or rises with width: rank correlations with bootstrap intervals."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata

_RESAMPLED = 2000
_SEED = 0
_FEWEST = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Trend:
    """Spearman's correlation of a measure with width, of every task and architecture, and their mean.

    Attributes:
        each: NaN where the measure does not exist or does not vary.
        low: Lower ends of 95 % intervals.
        high: Upper ends.
        mean: Mean over tasks and architectures that have one.
        interval: 95 % interval of the mean.
        resampled: The mean of every resample, (resamples,).
    """

    each: Float[np.ndarray, "tasks architectures"]
    low: Float[np.ndarray, "tasks architectures"]
    high: Float[np.ndarray, "tasks architectures"]
    mean: float
    interval: tuple[float, float]
    resampled: Float[np.ndarray, " resamples"]


def trend(values: Any) -> Trend:
    """Spearman's correlation with width, with bootstrap intervals over networks, resampled within each width.

    A resample holds networks twice, whose ranks are then equal, and has a correlation that is too large; resamples
    are shifted so that their mean is the estimate. They also vary less than samples, by the root of (n - 1) / n for n
    networks of a width, and are spread by that, n being the smallest of all widths. No interval where a width has one
    network only, or half of the widths have no more than two. Intervals are those of the same tasks and architectures
    with other seeds.

    Args:
        values: A measure over (task, architecture, width, network); NaN where it does not exist.
    """
    values = values.transpose("task", "architecture", "width", "network")
    shape, all_widths = values.shape[:2], values["width"].values.astype(np.float64)
    rng = np.random.default_rng(_SEED)
    each, drawn = np.full(shape, np.nan), np.full((*shape, _RESAMPLED), np.nan)
    for at in np.ndindex(shape):
        # drawn for all kinds, so that the controls of a network are drawn together
        chosen = rng.random((len(all_widths), _RESAMPLED, values.shape[3]))
        kept = [row[np.isfinite(row)] for row in values.values[at]]
        widths = np.repeat(all_widths, [len(row) for row in kept])
        if len(set(widths)) < 2:
            continue
        each[at] = spearman(widths, np.concatenate(kept)[None])[0]
        counts = [len(row) for row in kept if len(row)]
        fewest = min(counts)
        if fewest < _FEWEST or np.median(counts) <= _FEWEST or np.isnan(each[at]):
            continue
        again = [
            row[(draws[:, : len(row)] * len(row)).astype(int)]
            for row, draws in zip(kept, chosen, strict=True)
            if len(row)
        ]
        found = spearman(widths, np.concatenate(again, axis=1))
        drawn[at] = np.clip(_spread(found - np.nanmean(found), fewest) + each[at], -1, 1)
    low, high = _quantiles(drawn)
    known = np.isfinite(each)
    if not known.any():
        return Trend(each, low, high, np.nan, (np.nan, np.nan), np.full(_RESAMPLED, np.nan))
    resampled = drawn[known].mean(axis=0)
    return Trend(each, low, high, float(each[known].mean()), _ends(resampled), resampled)


def difference(one: Trend, other: Trend) -> tuple[float, tuple[float, float]]:
    """Mean correlation of one minus that of the other, and its 95 % interval; networks are resampled in pairs."""
    return one.mean - other.mean, _ends(one.resampled - other.resampled)


def _spread(deviations: np.ndarray, n_networks: int) -> np.ndarray:
    return deviations * (n_networks / (n_networks - 1)) ** 0.5


def _ends(resampled: np.ndarray) -> tuple[float, float]:
    """A 95 % interval; NaN where a resample has no number."""
    low, high = np.quantile(resampled, (0.025, 0.975))
    return float(low), float(high)


def spearman(
    x: Float[np.ndarray, " points"], values: Float[np.ndarray, "resamples points"]
) -> Float[np.ndarray, " resamples"]:
    """Pearson's correlation of ranks, ties sharing their mean rank; NaN where one of the two does not vary."""
    of_x = rankdata(x) - (len(x) + 1) / 2
    ranks = rankdata(values, axis=1) - (len(x) + 1) / 2
    size = np.sqrt((of_x**2).sum() * (ranks**2).sum(axis=1))
    return np.where(size > 0, ranks @ of_x / np.where(size > 0, size, 1.0), np.nan)


def _quantiles(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.full((2, *drawn.shape[:2]), np.nan)
    for at in np.ndindex(drawn.shape[:2]):
        finite = drawn[at][np.isfinite(drawn[at])]
        if len(finite):
            low[at], high[at] = np.quantile(finite, (0.025, 0.975))
    return low, high


def mean_interval(
    values: Float[np.ndarray, "kinds networks"], of: Callable[[np.ndarray], float], *, among_kinds: bool = False
) -> tuple[float, tuple[float, float]]:
    """Mean over kinds of a statistic over networks, and its 95 % bootstrap interval.

    Args:
        values: NaN where a number does not exist.
        of: The statistic of the networks of a kind, such as `np.median`.
        among_kinds: Whether kinds are resampled too, and not only networks within each.
    """
    rng = np.random.default_rng(_SEED)
    kept = [row[np.isfinite(row)] for row in values]
    kept = [row for row in kept if len(row)]
    if not kept:
        return np.nan, (np.nan, np.nan)
    drawn = np.array(
        [[of(row[rng.integers(len(row), size=len(row))]) for _ in range(_RESAMPLED)] for row in kept],
    )
    estimate, n_drawn = float(np.mean([of(row) for row in kept])), min(len(row) for row in kept)
    if among_kinds:
        n_drawn = len(kept)
        drawn = np.take_along_axis(drawn, rng.integers(n_drawn, size=drawn.shape), axis=0)
    if n_drawn < _FEWEST:
        return estimate, (np.nan, np.nan)
    return estimate, _ends(estimate + _spread(drawn.mean(axis=0) - estimate, n_drawn))
