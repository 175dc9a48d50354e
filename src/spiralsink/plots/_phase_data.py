"""What the figures of phase diagrams draw: branches along p as labelled records, and what lies between their points."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy.interpolate import CubicSpline, PchipInterpolator

from .._errors import InvalidInput, Shown, check_choice
from .._float64 import computes_in_float64
from ..networks import RecurrentNetwork
from ..theory import escape_family, transfer_weights
from ._style import TERMS

_DRAWN = 400
_NEEDED = ("p", "loss_per_p", "eigenangle_span", "spectral_radius", "stable", "terms", "coefficients")


@dataclasses.dataclass(frozen=True)
class BranchData:
    """One branch of local optima, along p upwards.

    Attributes:
        name: "dense", "sparse", ...
        p: Activity probabilities.
        loss_per_p: E[L] / p.
        eigenangle_span: k |arg| of the leading eigenvalue, degrees.
        spectral_radius: Modulus of the leading eigenvalue.
        stable: Whether the point is a local minimum.
        terms: The four terms divided by p, by name.
        coefficients: Transfer coefficients.
        ends: How the branch ends below and above.
    """

    name: str
    p: Float[np.ndarray, " m"]
    loss_per_p: Float[np.ndarray, " m"]
    eigenangle_span: Float[np.ndarray, " m"]
    spectral_radius: Float[np.ndarray, " m"]
    stable: Bool[np.ndarray, " m"]
    terms: dict[str, Float[np.ndarray, " m"]]
    coefficients: Float[np.ndarray, "m two_hidden"]
    ends: tuple[str, str]

    @property
    def along(self) -> Float[np.ndarray, " m"]:
        """Length along the curve (coefficients, log p), in which everything is smooth, also at a fold."""
        steps = np.diff(np.column_stack([self.coefficients, np.log(self.p)]), axis=0)
        return np.concatenate([[0.0], np.cumsum(np.linalg.norm(steps, axis=1))])

    def curve(self, name: str) -> tuple[Float[np.ndarray, " drawn"], Float[np.ndarray, " drawn"]]:
        """P and one of the numbers along the branch, on many points, without overshoot between the known ones.

        Args:
            name: "loss_per_p", "eigenangle_span" or "spectral_radius".
        """
        if len(self.p) < 3:
            return self.p, getattr(self, name)
        t = self.along
        fine = np.unique(np.concatenate([t, np.linspace(t[0], t[-1], _DRAWN)]))
        columns = np.column_stack([np.log(self.p), getattr(self, name)])
        log_p, values = PchipInterpolator(t, columns)(fine).T
        return np.exp(log_p), values

    def at(self, values: Float[np.ndarray, "m *rest"], p: Any) -> Float[np.ndarray, "*grid_and_rest"]:
        """Numbers given at the points of the branch, at any p; NaN outside. Linear in the numbers, so sums stay sums.

        Args:
            values: One row for each point.
            p: Activity probabilities, any shape.
        """
        p = np.asarray(p, np.float64)
        shape = (*p.shape, *np.shape(values)[1:])
        inside = (p >= self.p[0] * (1 - 1e-12)) & (p <= self.p[-1] * (1 + 1e-12))
        if len(self.p) < 3:
            found = np.stack(
                [np.interp(np.log(p), np.log(self.p), each) for each in np.reshape(values, (len(p), -1)).T]
            )
            return np.where(inside, found.T.reshape(shape), np.nan)
        t = self.along
        spline = CubicSpline(t, np.log(self.p))
        fine = np.linspace(t[0], t[-1], 40 * _DRAWN)
        where = np.interp(np.log(p), np.maximum.accumulate(spline(fine)), fine)
        found = CubicSpline(t, values)(where)
        return np.where(inside.reshape(inside.shape + (1,) * (np.ndim(values) - 1)), found, np.nan)


@dataclasses.dataclass(frozen=True)
class PhaseData:
    """A phase diagram, ready to be drawn.

    Attributes:
        branches: "dense" first, then "sparse", then the others, best first.
        crossings: (p, best branch above, best branch below), descending in p.
        escape: p and the limit of E[L] / p along the escape; empty without one.
        escape_span: Eigenangle span of the escape in degrees; None where it has no single one, or there is no escape.
        escape_p: Below it the loss has no global minimiser; None if that happens nowhere in the range.
        delay: k.
        n_hidden: N_h.
        readout: "linear" or "relu".
    """

    branches: tuple[BranchData, ...]
    crossings: tuple[tuple[float, str, str], ...]
    escape: tuple[Float[np.ndarray, " e"], Float[np.ndarray, " e"]]
    escape_span: float | None
    escape_p: float | None
    delay: int
    n_hidden: int
    readout: str

    @property
    def range(self) -> tuple[float, float]:
        """Smallest and largest p of all branches."""
        return min(each.p[0] for each in self.branches), max(each.p[-1] for each in self.branches)

    def branch(self, name: str) -> BranchData:
        """The branch of that name.

        Raises:
            InvalidInput: If there is none; lists them.
        """
        check_choice("branch", name, [each.name for each in self.branches])
        return next(each for each in self.branches if each.name == name)

    def best(self, p: Any) -> np.ndarray:
        """Indices of the branch with the lowest loss at every p, -1 where none passes."""
        losses = np.stack([each.at(each.loss_per_p, p) for each in self.branches])
        found = np.argmin(np.where(np.isnan(losses), np.inf, losses), axis=0)
        return np.where(np.isnan(losses).all(axis=0), -1, found)

    def network(self, name: str, p: Any) -> RecurrentNetwork:
        """The network of a branch at one p, between its points by interpolation, with a free readout; a stack for many.

        Raises:
            InvalidInput: If the branch does not pass there.
        """
        branch = self.branch(name)
        coefficients = branch.at(branch.coefficients, p)
        if np.isnan(coefficients).any():
            raise InvalidInput("at", p, f"in [{branch.p[0]:.4g}, {branch.p[-1]:.4g}] for the branch {name}")
        return RecurrentNetwork(*computes_in_float64(transfer_weights)(coefficients), readout=self.readout)


def phase_data(source: Any) -> PhaseData:
    """The branches, crossings and escape of a phase diagram.

    Args:
        source: What `phase_diagram` returned, or its dataset.

    Raises:
        InvalidInput: If it is neither.
        MissingExtra: If xarray is not installed.
    """
    if isinstance(source, PhaseData):
        return source
    dataset = source.to_dataset() if hasattr(source, "branches") and hasattr(source, "to_dataset") else source
    missing = [name for name in (*_NEEDED, "escape_grid", "escape_p") if name not in getattr(dataset, "variables", ())]
    if missing or "branch" not in dataset.sizes:
        raise InvalidInput("diagram", Shown(type(source).__name__), "a phase diagram or its dataset")
    branches = [_branch(dataset.isel(branch=i)) for i in range(dataset.sizes["branch"])]
    order = {"dense": 0, "sparse": 1}
    branches.sort(key=lambda each: (order.get(each.name, 2), each.loss_per_p.min()))
    rows = zip(*(dataset[f"crossing_{name}"].values for name in ("p", "from", "to")), strict=True)
    grid = np.asarray(dataset["escape_grid"].values, np.float64)
    escape_p = float(dataset["escape_p"].values)
    delay, n_hidden = int(dataset.attrs["delay"]), int(dataset.attrs["n_hidden"])
    return PhaseData(
        branches=tuple(branches),
        crossings=tuple((float(p), str(above), str(below)) for p, above, below in rows),
        escape=(grid, np.asarray(dataset["escape_infimum"].values, np.float64)),
        escape_span=_escape_span(delay, n_hidden) if grid.size else None,
        escape_p=None if np.isnan(escape_p) else escape_p,
        delay=delay,
        n_hidden=n_hidden,
        readout=str(dataset.attrs["readout"]),
    )


def _branch(row: Any) -> BranchData:
    p = np.asarray(row["p"].values, np.float64)
    known = np.isfinite(p)
    along: dict[str, Any] = {
        name: np.asarray(row[name].values, np.float64)[known] for name in _NEEDED if name != "terms"
    }
    names = [str(each) for each in row["term"].values]
    terms = np.asarray(row["terms"].transpose("point", "term").values, np.float64)[known]
    return BranchData(
        name=str(row["branch"].values),
        stable=along.pop("stable") > 0,
        terms={name: terms[:, names.index(name)] for name in TERMS},
        ends=(str(row["end_below"].values), str(row["end_above"].values)),
        **along,
    )


def _escape_span(delay: int, n_hidden: int) -> float | None:
    family = escape_family(delay, n_hidden)
    return family.eigenangle_span if family is not None and np.isfinite(family.eigenangle_span) else None
