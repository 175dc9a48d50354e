"""From the data of the claims about the transition to the numbers that their bars judge."""

import numpy as np
from jaxtyping import Bool, Float

_SPARSE_P, _DENSE_P = 0.25, 0.7


def phase_transition_values(
    p: Float[np.ndarray, " rows"], span: Float[np.ndarray, " rows"], radius: Float[np.ndarray, " rows"]
) -> tuple[dict[str, float], int]:
    """What `phase-transition` is judged by, and the row below the jump.

    Args:
        p: Activity probabilities, ascending.
        span: Eigenangle spans of the best networks, degrees.
        radius: Their spectral radii.

    Returns:
        "jump", the largest rise of the span from one p to the next smaller one, and "radius", the mean radius over
        p >= 0.7 less that over p <= 0.25; NaN where a number is missing. The index of the smaller p of the jump.
    """
    rises = span[:-1] - span[1:]
    drop = np.mean(radius[p >= _DENSE_P]) - np.mean(radius[p <= _SPARSE_P])
    return {"jump": float(np.max(rises)), "radius": float(drop)}, int(np.argmax(rises))


def jump_p(
    p: Float[np.ndarray, " stations"],
    span: Float[np.ndarray, "stations networks"],
    *,
    low: float,
    high: float,
) -> Float[np.ndarray, " networks"]:
    """The p at which each network first leaves the branch that it starts on.

    Args:
        p: Activity probabilities in the order of the sweep.
        span: Eigenangle spans, degrees.
        low: Smallest span of the branch.
        high: Smallest span that is none of it.

    Returns:
        The geometric mean of the p before and the p after. One that never leaves counts as leaving one step behind
        the end of the sweep; NaN for one that is not on the branch at the first station, or that diverged.
    """
    gone = ~((span >= low) & (span < high))
    edges = np.append(p, p[-1] ** 2 / p[-2])
    first = np.where(gone.any(axis=0), gone.argmax(axis=0), len(p))
    lost = np.isnan(span).any(axis=0)
    return np.where((first == 0) | lost, np.nan, np.sqrt(edges[first] * edges[first - 1]))


def loop_values(
    down: Float[np.ndarray, " networks"],
    up: Float[np.ndarray, " networks"],
    *,
    dense_limit: float,
    sparse_limit: float,
    station: float,
) -> dict[str, float]:
    """How the jumps of a slow sweep lie in the exact bistable window.

    Args:
        down: p at which networks leave the dense branch while p falls.
        up: p at which networks leave the sparse branch while p rises.
        dense_limit: Where the dense branch ends.
        sparse_limit: Where the sparse branch ends above.
        station: Distance of stations in log p.

    Returns:
        "width", log(median up / median down) as a share of the window: 0 if networks followed the global optimum, 1
        if they jumped where branches end. "outside", the stations by which the median that is further out lies
        outside the window; 0 or less if both lie within.
    """
    left, right = np.log(np.median(down)), np.log(np.median(up))
    low, high = np.log(dense_limit), np.log(sparse_limit)
    return {
        "width": float((right - left) / (high - low)),
        "outside": float(np.maximum(low - left, right - high) / station),
    }


def span_difference(
    p: Float[np.ndarray, " stations"],
    down: Float[np.ndarray, " stations"],
    up: Float[np.ndarray, " stations"],
    at: float,
) -> float:
    """Span of the networks that come from below less that of those from above at one p, degrees.

    Args:
        p: Activity probabilities, ascending.
        down: Median span while p falls, at those p.
        up: Median span while p rises.
        at: The p, between two stations, of which the smaller difference counts.
    """
    above = int(np.searchsorted(p, at))
    if not 0 < above < len(p):
        return float("nan")
    return float(np.min((up - down)[above - 1 : above + 1]))


def best_jump_distance(p: Float[np.ndarray, " rows"], span: Float[np.ndarray, " rows"], crossing: float) -> float:
    """Distance in grid steps between the jump of the best networks and the exact crossing, in log p.

    Args:
        p: Activity probabilities on a grid that is even in log p, ascending.
        span: Eigenangle spans of the best networks, degrees.
        crossing: The p at which the exact branches have the same loss.
    """
    _, row = phase_transition_values(p, span, np.zeros_like(span))
    at = np.log(p[row] * p[row + 1]) / 2
    found = np.abs(at - np.log(crossing)) / np.log(p[1] / p[0])
    return float(found) if np.isfinite(span).all() else float("nan")


def on_branch(
    span: Float[np.ndarray, "*shape"],
    loss: Float[np.ndarray, "*shape"],
    exact: Float[np.ndarray, "*shape"],
    *,
    low: float,
    high: float,
    tolerance: float = 0.05,
) -> Bool[np.ndarray, "*shape"]:
    """Whether networks are on a branch: their span lies in [low, high), their loss within 5 % of the exact one.

    Args:
        span: Eigenangle spans, degrees.
        loss: Losses of the networks.
        exact: Losses of the branch; NaN where it does not pass, and no network is on it.
        low: Smallest span of the branch.
        high: Smallest span that is none of it.
        tolerance: Relative.
    """
    with np.errstate(invalid="ignore"):
        return (span >= low) & (span < high) & (np.abs(loss / exact - 1) <= tolerance)
