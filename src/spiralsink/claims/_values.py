"""From the data of an experiment to the numbers that its bars judge. A missing number is never passed over."""

import numpy as np
from jaxtyping import Float
from scipy.stats import binomtest

_AS_GOOD = -1e-6


def four_terms_values(z: Float[np.ndarray, "*shape"], gap: Float[np.ndarray, "*shape"]) -> dict[str, float]:
    """The largest |z|, and the largest relative gap between the total and the sum of its terms; NaN if any is."""
    return {"z": float(np.max(np.abs(z))), "sum": float(np.max(np.abs(gap)))}


def spiral_sink_values(
    gap_to_table: Float[np.ndarray, " rows"],
    excess: Float[np.ndarray, " rows"],
    angle_off_axis: Float[np.ndarray, "*shape"],
    radius: Float[np.ndarray, "*shape"],
) -> dict[str, float]:
    """What `spiral-sink` is judged by.

    Args:
        gap_to_table: Relative difference between the best exact loss and the stored optimum, of either sign.
        excess: Loss of the best trained network over the optimum at its T, minus one. Where it is negative by more
            than rounding, the search for the optimum failed, and there is nothing to compare with: NaN.
        angle_off_axis: Angle of leading eigenvalues to the real axis, degrees.
        radius: Spectral radii.
    """
    comparable = np.min(excess) >= _AS_GOOD
    return {
        "table": float(np.max(np.abs(gap_to_table))),
        "trained": float(np.max(excess)) if comparable else float("nan"),
        "complex": float(np.min(angle_off_axis)),
        "radius": float(np.max(radius)),
    }


def polygon_values(
    gaps: Float[np.ndarray, "*stack features"], dimensionality: Float[np.ndarray, "*stack features"], n_hidden: int
) -> dict[str, float]:
    """Largest distances of neighbouring angles from 360 / n degrees and of D_i from n_hidden / n.

    Args:
        gaps: Angles between neighbouring features, degrees.
        dimensionality: D_i.
        n_hidden: N_h.
    """
    n_features = gaps.shape[-1]
    return {
        "angle": float(np.max(np.abs(gaps - 360 / n_features))),
        "dimensionality": float(np.max(np.abs(dimensionality - n_hidden / n_features))),
    }


def wilson(count: int, total: int) -> tuple[float, tuple[float, float]]:
    """A share with its 95 % Wilson interval.

    Args:
        count: How often something occurred.
        total: Number of networks.
    """
    interval = binomtest(int(count), total).proportion_ci(method="wilson")
    return int(count) / total, (float(interval.low), float(interval.high))
