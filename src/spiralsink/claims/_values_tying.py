"""From the losses of tied and free networks to the numbers that the bars of `readout-tying` judge."""

import numpy as np
from jaxtyping import Bool, Complex, Float


def relative_gap(loss: Float[np.ndarray, "rows tying"]) -> Float[np.ndarray, " rows"]:
    """By how much the tied loss, the first column, exceeds the free one, relative to the free one."""
    return loss[:, 0] / loss[:, 1] - 1


def eigenvalue_distance(eigenvalues: Complex[np.ndarray, "rows tying modes"]) -> Float[np.ndarray, " rows"]:
    """Largest distance between the eigenvalues of the tied and the free network, each set in lexicographic order."""
    first, second = (np.sort_complex(eigenvalues[:, column]) for column in (0, 1))
    return np.abs(first - second).max(axis=-1)


def tying_values(
    optimum_gap: Float[np.ndarray, " optima"],
    distance: Float[np.ndarray, " optima"],
    judged_optima: Bool[np.ndarray, " optima"],
    trained_gap: Float[np.ndarray, " settings"],
    judged_settings: Bool[np.ndarray, " settings"],
) -> dict[str, float]:
    """Largest gaps of either sign and largest distance of eigenvalues where there should be none.

    NaN where there is nothing to judge, or where what is judged is missing.

    Args:
        optimum_gap: Relative gap between the optima.
        distance: Distance between their eigenvalues.
        judged_optima: Which of them count.
        trained_gap: Relative gap between the best trained networks.
        judged_settings: Which of them count.
    """

    def largest(values: np.ndarray, judged: np.ndarray) -> float:
        return float(np.max(np.abs(values[judged]))) if judged.any() else float("nan")

    return {
        "optima": largest(optimum_gap, judged_optima),
        "eigenvalues": largest(distance, judged_optima),
        "trained": largest(trained_gap, judged_settings),
    }
