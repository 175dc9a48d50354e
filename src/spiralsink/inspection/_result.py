"""The result of inspecting a network, printed for a reader."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

from ._additivity import Additivity
from ._capacity import Capacity
from ._correlation import Correlation
from ._directions import Directions
from ._free_space import FreeSpace
from ._impulses import Impulses
from ._interference import Interference
from ._memory import Memory
from ._spectrum import Spectrum


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Inspection:
    """What a network remembers, where it writes it, and what its readout sees of it.

    Parts that could not be measured are None, and `reasons` says why.

    Attributes:
        kind: What the network is: "torch GRU", "step function".
        n_features: Number of features: input channels, or directions of the dictionary.
        n_hidden: Size of the state.
        n_outputs: Number of outputs; 0 without a readout.
        layout: Names and sizes of the parts of the state.
        agreement: Largest difference from an independent forward pass; None when there was none.
        compared_with: What it was compared with; with no agreement, what it is consistent with, which is not
            independent; or None.
        n_sequences: Sequences that were measured.
        n_steps: Their length.
        n_lags: Ages 0 .. n_lags - 1 were measured.
        delay: k as it was given, or None.
        dictionary: Whether features are directions of a dictionary.
        explained: Share of the inputs' second moment that the dictionary explains; 1 for channels.
        directions: Jacobian directions along real trajectories.
        impulses: Responses to impulses on real backgrounds.
        rest_jacobian: Jacobian directions at rest, (lags, hidden, features).
        rest_impulses: Responses to impulses at rest.
        algebraic: W_h^s W_x for a linear recurrence, (lags, hidden, features).
        additivity: Whether responses add up.
        memory: Held-out R^2 of ridge readouts by lag and feature.
        capacity: Exact capacity of a linear recurrence.
        input_correlation: How far the inputs are from independent of one another.
        interference: Where the variance of the ridge readouts of readable pairs comes from.
        head_interference: The same for the network's own readout.
        free_space: What readouts see of waiting features, and how sharply they forget.
        spectrum: Of the mean Jacobian.
        participation_ratio: Dimensions that the states fill.
        load: Readable (feature, lag) pairs per dimension that the states fill.
        target_r2: R^2 of the network's outputs for the targets that were given, (outputs,).
        readout: Nonlinearity of a readout that is linear in the state: "linear" or "relu"; "other" or "none".
        readout_weights: W_y of a readout that is linear in the state (a nonlinearity may follow), (hidden, outputs).
        readout_at_rest: W_y^T h + b in the state that the silent network settles into, where it does, (outputs,).
        seed: What times, pairs and sequences were drawn with.
        notes: How inputs were taken, and what was left out.
        reasons: Why a part is None, by name.
    """

    kind: str
    n_features: int
    n_hidden: int
    n_outputs: int
    layout: tuple[tuple[str, int], ...]
    agreement: float | None
    compared_with: str | None
    n_sequences: int
    n_steps: int
    n_lags: int
    delay: int | None
    dictionary: bool
    explained: float
    directions: Directions
    impulses: Impulses
    rest_jacobian: Float[np.ndarray, "lags hidden features"] | None
    rest_impulses: Impulses | None
    algebraic: Float[np.ndarray, "lags hidden features"] | None
    additivity: Additivity | None
    memory: Memory | None
    capacity: Capacity | None
    input_correlation: Correlation
    interference: Interference | None
    head_interference: Interference | None
    free_space: FreeSpace | None
    spectrum: Spectrum | None
    participation_ratio: float | None
    load: float | None
    target_r2: Float[np.ndarray, " outputs"] | None
    readout: str
    readout_weights: Float[np.ndarray, "hidden outputs"] | None
    readout_at_rest: Float[np.ndarray, " outputs"] | None
    seed: int
    notes: tuple[str, ...]
    reasons: dict[str, str]

    @property
    def status(self) -> dict[str, str]:
        """Of every part, whether it is "measured" or "null"."""
        return {name: "null" if getattr(self, name) is None else "measured" for name in PARTS}

    @property
    def impulse_gap(self) -> Float[np.ndarray, "lags features"]:
        """|impulse response - Jacobian direction| / |Jacobian direction| over the same times; see `Impulses.gap`."""
        return self.impulses.gap

    @property
    def n_readable(self) -> int | None:
        """(feature, lag) pairs with held-out R^2 >= 0.5."""
        return None if self.memory is None else int(self.memory.readable.sum())

    @property
    def summary(self) -> tuple[tuple[str, str], ...]:
        """What was found, one sentence for each part that was measured."""
        from ._wording import measurements

        return measurements(self)

    @property
    def citations(self) -> tuple[str, ...]:
        """Sources of the parts that it holds, for `cite`."""
        return () if self.memory is None and self.capacity is None else ("memory_curve",)

    def to_dataset(self) -> Any:
        """All measurements as an xarray dataset over lag, hidden, feature, output, size, mode and pair."""
        from ._dataset import inspection_dataset

        return inspection_dataset(self)

    def __repr__(self) -> str:
        from ._wording import describe

        return describe(self)


PARTS = (
    *("directions", "impulses", "rest_jacobian", "rest_impulses", "algebraic", "additivity", "memory", "capacity"),
    *("interference", "head_interference", "free_space", "spectrum", "participation_ratio", "load", "target_r2"),
)
