"""Exact memory capacity of a linear recurrence."""

import dataclasses

import numpy as np
from jaxtyping import Float

from ..models import LinearRecurrence
from ._directions import algebraic_directions

_CUT = 1e-12
_DOUBLINGS = 64
_ROUNDING = 1e-16


@dataclasses.dataclass(frozen=True, eq=False)
class Capacity:
    """How much of every feature at every lag the best linear readout with a bias could tell, for white inputs.

    Attributes:
        curve: MC_{s,j}, in [0, 1].
        total: sum over all lags, also those not shown, and features: the numerical rank of G, <= n_hidden.
        cut: Eigenvalues of G below this share of the largest count as zero.
    """

    curve: Float[np.ndarray, "lags features"]
    total: int
    cut: float = _CUT


def exact_capacity(
    linear: LinearRecurrence,
    basis: Float[np.ndarray, "features channels"],
    variances: Float[np.ndarray, " features"],
    n_lags: int,
) -> Capacity | None:
    """MC_{s,j} = v_j w_{s,j}^T G^+ w_{s,j},  G = sum_{s,j} v_j w_{s,j} w_{s,j}^T = W_h G W_h^T + W_x V W_x^T.

    The share of the variance of c_{j,t-s} that the best readout of h_t explains when features are independent of one
    another and over time. sum_{s,j} MC_{s,j} = rank G <= n_hidden. G is summed by doubling, and its pseudo-inverse
    taken by eigenvalues above 1e-12 of the largest.

    Args:
        linear: The recurrence.
        basis: Input directions of the features, in rows.
        variances: v_j >= 0 of the features.
        n_lags: Lags s = 0 .. n_lags - 1.

    Returns:
        The capacity, or None where the sum does not converge (an unstable recurrence).

    Source: Jaeger 2001, Proposition 2 (the bound); Dambre et al. 2012 (the total); the exact form follows from the
    normal equations.
    """
    written = (linear.W_x @ basis.T) * np.sqrt(variances)
    G = _gramian(linear.W_h, written @ written.T)
    if G is None:
        return None
    size, axes = np.linalg.eigh(G)
    kept = size > _CUT * max(float(size[-1]), 0.0)
    directions = algebraic_directions(linear, basis * np.sqrt(variances)[:, None], n_lags)
    onto = np.einsum("hk,shj->skj", axes[:, kept] / np.sqrt(size[kept]), directions)
    return Capacity((onto**2).sum(axis=1), int(kept.sum()))


def _gramian(W_h: np.ndarray, first: np.ndarray) -> np.ndarray | None:
    """sum_s W_h^s first W_h^s^T: terms double with each pass."""
    total, power = first, W_h
    with np.errstate(all="ignore"):
        for _ in range(_DOUBLINGS):
            more = power @ total @ power.T
            total, power = total + more, power @ power
            if not np.isfinite(np.linalg.norm(total)):
                return None
            if np.linalg.norm(more) <= _ROUNDING * np.linalg.norm(total):
                return (total + total.T) / 2
    return None
