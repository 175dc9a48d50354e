"""The effect of an intervention: the change of every output at every later step, and what was expected of it."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .._errors import MissingExtra


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Effect:
    """Changes of outputs after an intervention: with it minus without it.

    For a network without a readout, outputs are the numbers of its state.

    Attributes:
        cause: What was done, in words.
        at: Times t of the intervention's first effect that is looked at: later step l is time t + l.
        change: Change of every output at t + l.
        seen: What the readout sees of the change: the same before a nonlinearity of a `LinearReadout`; for a readout
            that is a function, its derivative along the change.
        state_change: |dh_{t+l}|.
        expected: What `seen` would be if responses were additive: `basis` says by what.
        basis: What is expected: "A_s dx by the mean Jacobian" or "dh by the Jacobians of the way".
        amount: Size of the intervention: change of the feature, or length of the change of the state.
        of: "outputs" or "states".
        notes: What was left out.
    """

    cause: str
    at: Int[np.ndarray, " at"]
    change: Float[np.ndarray, "batch at later outputs"]
    seen: Float[np.ndarray, "batch at later outputs"]
    state_change: Float[np.ndarray, "batch at later"]
    expected: Float[np.ndarray, "batch at later outputs"]
    basis: str
    amount: Float[np.ndarray, "batch at"]
    of: str
    notes: tuple[str, ...] = ()

    @property
    def mean_change(self) -> Float[np.ndarray, "later outputs"]:
        """Mean of |change| over sequences and times."""
        return np.abs(self.change).mean(axis=(0, 1))

    @property
    def gap(self) -> float:
        """|seen - expected| / |expected| over everything: 0 for linear recurrences; 0 where both vanish."""
        return float(_relative(self.seen - self.expected, self.expected, (0, 1, 2, 3)))

    @property
    def gap_by_step(self) -> Float[np.ndarray, " later"]:
        """The same for every later step."""
        return _relative(self.seen - self.expected, self.expected, (0, 1, 3))

    def to_dataset(self) -> Any:
        """As an xarray dataset over sequence, at, later and output."""
        try:
            import xarray as xr
        except ImportError:
            raise MissingExtra("xarray", "data") from None
        dims = ("sequence", "at", "later", "output")
        unit = {"units": self.of.removesuffix("s")}
        variables = {
            "change": (dims, self.change, {"long_name": f"change of the {self.of}", **unit}),
            "seen": (
                dims,
                self.seen,
                {"long_name": "what the readout sees of the change, before a nonlinearity", **unit},
            ),
            "expected": (dims, self.expected, {"long_name": f"expected change: {self.basis}", **unit}),
            "state_change": (dims[:3], self.state_change, {"long_name": "length of the change", "units": "state"}),
            "amount": (dims[:2], self.amount, {"long_name": "size of the intervention", "units": "1"}),
            "gap": (("later",), self.gap_by_step, {"long_name": "|seen - expected| / |expected|", "units": "1"}),
        }
        later = np.arange(self.change.shape[2])
        coordinates = {"at": ("at", self.at, {"units": "steps"}), "later": ("later", later, {"units": "steps"})}
        return xr.Dataset(variables, coordinates, {"cause": self.cause, "of": self.of, "notes": list(self.notes)})

    def __repr__(self) -> str:
        n_sequences, n_at, n_later, _ = self.change.shape
        mean = self.mean_change
        largest = np.unravel_index(mean.argmax(), mean.shape)
        unit = self.of.removesuffix("s")
        lines = [
            f"Effect: {self.cause}",
            f"  measured on    {n_sequences} sequences, {n_at} times, {n_later} later steps",
            f"  mean |change|  {mean.max():.3g} at most, of {unit} {largest[1]} after {largest[0]} steps; "
            f"{mean[-1].max():.3g} at most in the last step",
            f"  gap            {self.gap:.2g} of what is expected ({self.basis})",
        ]
        return "\n".join([*lines, *(f"  note           {each}" for each in self.notes)])


def _relative(error: np.ndarray, size: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    error, size = (np.sqrt((each**2).sum(axis=axes)) for each in (error, size))
    inside = np.where(size > 0, error / np.where(size > 0, size, 1.0), np.inf)
    return np.where(error == 0, 0.0, inside)
