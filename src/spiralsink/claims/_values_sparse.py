"""From the gaps of the sparse expansion to the numbers that its bar judges."""

import numpy as np
from jaxtyping import Float


def slopes(p: Float[np.ndarray, " p"], gap: Float[np.ndarray, "networks p"]) -> Float[np.ndarray, " networks"]:
    """Least-squares slope of log |gap| against log p for every network; NaN where a gap is 0 or changes its sign.

    Args:
        p: Activity probabilities.
        gap: (exact - first order) / exact.
    """
    usable = (np.sign(gap) == np.sign(gap[:, :1])).all(axis=1) & (gap != 0).all(axis=1)
    with np.errstate(divide="ignore"):
        logs = np.log(np.abs(gap))
    centred = np.log(p) - np.log(p).mean()
    return np.where(usable, np.where(np.isfinite(logs), logs, 0.0) @ centred / (centred @ centred), np.nan)


def sparse_limit_values(slope: Float[np.ndarray, " networks"]) -> dict[str, float]:
    """The largest distance of a slope from 1; NaN if any slope is missing."""
    return {"slope": float(np.max(np.abs(slope - 1)))}
