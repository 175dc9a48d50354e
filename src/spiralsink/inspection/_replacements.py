"""What an ablated input is replaced by."""

import dataclasses
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float


@runtime_checkable
class Replacement(Protocol):
    """What stands in the place of a feature that is ablated."""

    def replaced(self, codes: Float[np.ndarray, "batch time"]) -> Float[np.ndarray, "batch time"]:
        """How much of the feature there is instead, at every step."""
        ...


@dataclasses.dataclass(frozen=True)
class Zero:
    """Nothing."""

    def replaced(self, codes: Float[np.ndarray, "batch time"]) -> Float[np.ndarray, "batch time"]:
        return np.zeros_like(codes)


@dataclasses.dataclass(frozen=True)
class Mean:
    """The feature's mean over the data, so that the network stays near what it knows."""

    def replaced(self, codes: Float[np.ndarray, "batch time"]) -> Float[np.ndarray, "batch time"]:
        return np.full_like(codes, codes.mean())


@dataclasses.dataclass(frozen=True)
class Resample:
    """The feature at another step of the data, drawn with replacement.

    Attributes:
        seed: Draws the steps.
    """

    seed: int = 0

    def replaced(self, codes: Float[np.ndarray, "batch time"]) -> Float[np.ndarray, "batch time"]:
        return np.random.default_rng(self.seed).choice(codes.ravel(), codes.shape)
