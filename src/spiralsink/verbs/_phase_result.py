"""What a phase diagram is: branches, crossings, the escape, and how the search for them went."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

from .._errors import check_choice
from .._status import Status
from ..optimisation import BFGS
from ..theory import EscapeFamily, Horizon, SteadyState
from ._branches import PhaseBranch
from ._crossings import Crossing
from ._gain import GainBound
from ._phase_dataset import as_dataset


@dataclasses.dataclass(frozen=True)
class PhaseDiagram:
    """Branches of local optima along p, crossings of the lowest one, and the escape.

    Attributes:
        branches: Every branch found, best at its best first.
        crossings: Changes of the lowest branch, descending in p.
        gaps: Intervals (low, high) of p between two branches over which no branch was found, descending in p; what
            the optimum is there, and how it changes, is not known.
        dense_limit_p: Where the dense branch ends below; None if it does not within the range.
        sparse_limit_p: Where the sparse branch ends above; None if it does not, or is not there.
        escape: The networks that fall below every bound of their size, or None where there are none.
        escape_grid: Activity probabilities of `escape_infimum`, (m,).
        escape_infimum: Limit of E[L] / p along the escape, (m,); empty without one.
        escape_p: Below it the infimum of the escape is lower than every branch, so that the loss has no global
            minimiser; None if that happens nowhere in the range.
        order: "first" if the lowest branch changes; "continuous" if it is one branch whose leading eigenvalue changes
            between real and complex, or turns by 90 degrees or more; "unknown" if branches do not cross but have a gap
            between them; else "none".
        bound: The bound in force.
        bound_active: Whether a branch ends at the bound.
        status: CONVERGED if every branch was followed to its end and every loss is within 1e-5 of itself.
        counts: How many starts ended in which way, and how many branches were lost.
        delay: k.
        n_hidden: N_h.
        readout: "linear" or "relu".
        p_range: Smallest and largest p.
        horizon: `SteadyState()` or the finite horizon T.
    """

    branches: tuple[PhaseBranch, ...]
    crossings: tuple[Crossing, ...]
    gaps: tuple[tuple[float, float], ...]
    dense_limit_p: float | None
    sparse_limit_p: float | None
    escape: EscapeFamily | None
    escape_grid: Float[np.ndarray, " m"]
    escape_infimum: Float[np.ndarray, " m"]
    escape_p: float | None
    order: str
    bound: GainBound
    bound_active: bool
    status: Status
    counts: dict[str, int]
    delay: int
    n_hidden: int
    readout: str
    p_range: tuple[float, float]
    horizon: Horizon
    citations = (*BFGS.citations, "pseudo_arclength")

    @property
    def crossing_p(self) -> float | None:
        """The first crossing on the way down in p, or None."""
        return self.crossings[0].p if self.crossings else None

    def branch(self, name: str) -> PhaseBranch:
        """The branch of that name.

        Args:
            name: One of the names of `branches`.

        Raises:
            InvalidInput: If there is none; lists them.
        """
        check_choice("name", name, [branch.name for branch in self.branches])
        return next(branch for branch in self.branches if branch.name == name)

    def to_dataset(self) -> Any:
        """An `xarray.Dataset` with dimensions `branch`, `point` and `term`, NaN-padded, `crossing`, `gap` and `escape`.

        `dense_limit_p`, `sparse_limit_p` and `escape_p` are scalars, NaN where they are None here.

        Raises:
            MissingExtra: If xarray is not installed.
        """
        return as_dataset(self)

    def __str__(self) -> str:
        horizon = self.horizon if isinstance(self.horizon, SteadyState) else f"horizon {self.horizon}"
        low, high = self.p_range
        shown = ", ".join(f"{each.name} [{each.p[0]:.4g}, {each.p[-1]:.4g}]" for each in self.branches[:6])
        more = f" and {len(self.branches) - 6} more" if len(self.branches) > 6 else ""
        crossings = "; ".join(
            f"p = {each.p:.4f} {each.above} -> {each.below} ({each.spans[0]:.1f} -> {each.spans[1]:.1f} degrees, "
            f"radius {each.radii[0]:.4f} -> {each.radii[1]:.4f})" + (", where one of them ends" if each.ended else "")
            for each in self.crossings
        )
        gaps = ", ".join(f"({low:.4f}, {high:.4f})" for low, high in self.gaps)
        changes = [crossings, f"no branch for p in {gaps}" if gaps else ""]
        limits = [("dense", "below", self.dense_limit_p), ("sparse", "above", self.sparse_limit_p)]
        ended = ", ".join(f"{name} {side} at p = {p:.4f}" for name, side, p in limits if p is not None) or "none"
        lines = [
            f"phase diagram of a linear recurrence with {self.n_hidden} hidden units and {self.readout} readout, "
            f"delay {self.delay}, p from {low:g} to {high:g} ({horizon}): {self.status}",
            f"  branches          {shown}{more}",
            f"  best branch       {'; '.join(filter(None, changes)) or 'does not change'}",
            f"  transition        {self.order}",
            f"  ends              {ended}",
            f"  escape            {self._escape_text}",
            f"  gain bound        {self.bound.limit:g}, {'active' if self.bound_active else 'not active'}",
            f"  starts            {', '.join(f'{count} {name}' for name, count in self.counts.items() if count)}",
        ]
        return "\n".join(lines)

    @property
    def _escape_text(self) -> str:
        if self.escape is None:
            return "none"
        below = f"the lowest for p < {self.escape_p:.4f}" if self.escape_p else "above the best branch everywhere"
        scale = self.escape_infimum[-1] / self.escape.infimum(self.escape_grid[-1], 1.0)
        return f"infimum {scale:.4g} (1 - (1 - p)^{self.escape.blocked}), {below}"
