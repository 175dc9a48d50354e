"""What readouts would see of features that still wait: how much of it is negative, and how sharply it ends."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .. import geometry
from ..models import Model
from ._directions import Directions
from ._memory import Memory

_LAGS_AFTER = 3
_RECALLED = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class FreeSpace:
    """The share of what readouts see of waiting features (lag < delay) that is negative, and the forgetting after.

    Attributes:
        free_fraction: sum_{s<k, j} relu(-A_s)^2 / sum_{s<k, j} A_s^2 of every readout, in [0, 1].
        sharpness: max_{s >= k+2} |A_s| / |A_k| over the measured lags, of every readout; NaN where fewer than k + 3
            lags were measured or |A_k| vanishes.
        delay: k of every readout.
        readout: Index of every readout that recalls: the output, or for ridge readouts the feature.
        kind: What the readout is, whether it has a blind half-space, and for which sign of the inputs this holds.
        inferred: Whether k is the lag that the readout reads best, because no delay was given.
    """

    free_fraction: Float[np.ndarray, " readouts"]
    sharpness: Float[np.ndarray, " readouts"]
    delay: Int[np.ndarray, " readouts"]
    readout: Int[np.ndarray, " readouts"]
    kind: str
    inferred: bool

    @property
    def mean(self) -> float:
        """Mean free fraction over the readouts."""
        return float(self.free_fraction.mean())


def readout_kind(model: Model) -> str:
    """The network's own readout in words."""
    nonlinearity = getattr(model.readout, "nonlinearity", None)
    if nonlinearity == "linear":
        return "the network's linear readout, which has no blind half-space"
    return (
        f"the network's {nonlinearity} readout"
        if nonlinearity
        else "the network's readout, a function, by its derivative after any nonlinearity"
    )


def signs_of(codes: Float[np.ndarray, "batch time features"]) -> tuple[Float[np.ndarray, " features"], str]:
    """-1 for features that are never positive, else 1; and what that means for those of both signs, in words."""
    low, high = codes.min(axis=(0, 1)), codes.max(axis=(0, 1))
    mixed = (low < 0) & (high > 0)
    words = "; for positive inputs, of those that take both signs" if mixed.any() else ""
    return np.where((high <= 0) & (low < 0), -1.0, 1.0), words


def free_space(
    model: Model,
    directions: Directions,
    memory: Memory | None,
    codes: Float[np.ndarray, "batch time features"],
    delay: Any,
) -> FreeSpace | str:
    """Free fraction of the network's readout, or of the ridge readouts where it has none.

    What a readout sees of an input has the sign of the input: A_s counts with the sign of a feature that is never
    positive. For a feature of both signs the fraction is that of positive inputs, and `kind` says so.

    Args:
        model: The network.
        directions: Its mean Jacobian directions and their projections.
        memory: Ridge readouts, used when the network has no readout.
        codes: How much of every feature there was; their standard deviation weighs lags when no delay is given.
        delay: k, the age at which the task wants an input; None for the lag of which each output sees most,
            max_s sum_j (A_s[i, j] scale_j)^2, and for ridge readouts their own lag.

    Returns:
        The measurement over readouts with k >= 1 that recall, or why there is none: outputs that see at least half as
        much of their lag k as the best of them, and ridge readouts of readable pairs.
    """
    inferred, scale = delay is None, codes.std(axis=(0, 1))
    signs, words = signs_of(codes)
    if model.n_outputs:
        seen = directions.projections * signs
        size = ((seen * scale) ** 2).sum(axis=-1)
        delays = size.argmax(axis=0) if inferred else np.full(model.n_outputs, delay)
        recall = np.sqrt(size[delays, np.arange(model.n_outputs)])
        names = np.flatnonzero((recall > 0) & (recall >= _RECALLED * recall.max()))
        if not len(names):
            return f"no output sees anything of the inputs{'' if inferred else f' at lag {delay}'}"
        return _measured(seen[:, names], delays[names], names, readout_kind(model) + words, inferred)
    if memory is None:
        return "there is no readout, and no ridge readouts either"
    chosen = memory.readable & (True if inferred else (np.arange(len(memory.r2)) == delay)[:, None])
    delays, names = np.nonzero(chosen)
    if not len(names):
        return f"no feature is readable{'' if inferred else f' at lag {delay}'}"
    seen = np.einsum("hr,shj->srj", memory.weights[:, delays, names], directions.mean) * signs
    kind = f"ridge readouts, which are linear and have no blind half-space{words}"
    return _measured(seen, delays, names, kind, inferred)


def _measured(seen: np.ndarray, delays: np.ndarray, names: np.ndarray, kind: str, inferred: bool) -> FreeSpace | str:
    waits = delays > 0
    if not waits.any():
        return "no readout waits: " + ("the lag that is read best is 0" if inferred else "the delay is 0")
    seen, delays, names = seen[:, waits], delays[waits], names[waits]
    share, sharp = np.full((2, len(delays)), np.nan)
    for i, k in enumerate(delays):
        own = seen[:, i : i + 1]
        share[i] = geometry.free_fraction_per_output(own, int(k))[0]
        if k + _LAGS_AFTER <= len(seen):
            sharp[i] = geometry.sharpness(own, int(k))
    known = np.isfinite(share)
    if not known.any():
        return "waiting features do not reach the readout at all"
    return FreeSpace(share[known], sharp[known], delays[known], names[known], kind, inferred)
