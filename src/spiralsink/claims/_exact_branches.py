"""The exact branches that trained networks are drawn on: those of the horizon they were trained at."""

import dataclasses
import functools
from typing import Any

import numpy as np

from ..processes import SparseProcess
from ..tasks import Delay
from ..theory import escape_family
from ..verbs import PhaseDiagram, phase_diagram

_NAMES = ("dense", "sparse")
_RESTARTS = 8  # with seed 0 both branches are found, as they are with more
_COLUMNS = ("p", "loss_per_p", "eigenangle_span", "spectral_radius")


@dataclasses.dataclass(frozen=True)
class Branches:
    """The dense and the sparse branch of networks with a ReLU readout at a finite horizon.

    Attributes:
        diagram: The phase diagram that they are taken from.
        horizon: T.
    """

    diagram: PhaseDiagram
    horizon: int

    @property
    def crossing(self) -> float:
        """The p at which both have the same loss; NaN where they do not cross."""
        pairs = [each.p for each in self.diagram.crossings if (each.above, each.below) == _NAMES and not each.ended]
        return pairs[0] if pairs else float("nan")

    @property
    def radius_drop(self) -> float:
        """By how much the spectral radius is smaller on the sparse branch at the crossing; NaN without one."""
        pairs = [each for each in self.diagram.crossings if each.p == self.crossing]
        return -pairs[0].radius_jump if pairs else float("nan")

    @property
    def dense_limit(self) -> float:
        """The p at which the dense branch ends; NaN where it does not."""
        limit = self.diagram.dense_limit_p
        return float("nan") if limit is None else limit

    @property
    def sparse_limit(self) -> float:
        """The p at which the sparse branch ends above; NaN where it does not."""
        limit = self.diagram.sparse_limit_p
        return float("nan") if limit is None else limit

    @property
    def between(self) -> float:
        """The eigenangle span halfway between the largest of the dense and the smallest of the sparse branch."""
        dense, sparse = (self.diagram.branch(name).eigenangle_span for name in _NAMES)
        return float((np.max(dense) + np.min(sparse)) / 2)

    def loss_per_p(self, name: str, p: Any) -> np.ndarray:
        """E[L]/p of a branch, NaN where it does not pass."""
        return self.diagram.branch(name).loss_at(p)

    def escape_infimum(self, p: Any) -> np.ndarray:
        """The limit of E[L]/p along the escape at T."""
        return escape_infimum(self.diagram.delay, self.diagram.n_hidden, self.horizon, p)

    def variables(self) -> dict[str, Any]:
        """Variables of all branches along `curve` and `point`, NaN-padded, with their names."""
        branches = self.diagram.branches
        longest = max(len(each.p) for each in branches)
        found: dict[str, Any] = {"curve_name": ("curve", [each.name for each in branches])}
        for column in _COLUMNS:
            rows = np.full((len(branches), longest), np.nan)
            for row, branch in zip(rows, branches, strict=True):
                row[: len(branch.p)] = getattr(branch, column)
            found[f"curve_{column}"] = ("curve", "point"), rows
        return found

    def attributes(self) -> dict[str, float]:
        """The numbers that a figure marks, for the attributes of a dataset."""
        limits = {"dense_limit": self.dense_limit, "sparse_limit": self.sparse_limit}
        return {"crossing": self.crossing, "radius_drop": self.radius_drop, "between": self.between, **limits}


def escape_infimum(delay: int, n_hidden: int, horizon: int, p: Any) -> np.ndarray:
    """The limit of E[L]/p along the escape at horizon T: (T - k) / T of that in steady state; NaN without an escape.

    A step t <= k has no target and hears only lags whose projections are not positive, so it costs nothing. Every
    other step hears all lags that block.

    Args:
        delay: k.
        n_hidden: N_h.
        horizon: T > k.
        p: Activity probabilities.
    """
    family = escape_family(delay, n_hidden)
    p = np.asarray(p, np.float64)
    if family is None:
        return np.full(p.shape, np.nan)
    return np.asarray((horizon - delay) / horizon * family.infimum(p))


@functools.lru_cache(maxsize=2)  # two claims draw the same curves
def exact_branches(delay: int, n_hidden: int, lowest_p: float, horizon: int) -> Branches:
    """The branches from `lowest_p` to 1, with amplitudes uniform on (0, 1).

    Args:
        delay: k.
        n_hidden: N_h <= k.
        lowest_p: Smallest p.
        horizon: T.

    Raises:
        InvalidInput: If one of the two branches was not found.
    """
    diagram = phase_diagram(
        Delay(delay), SparseProcess(1), p=(lowest_p, 1.0), n_hidden=n_hidden, horizon=horizon, restarts=_RESTARTS
    )
    for name in _NAMES:
        diagram.branch(name)
    return Branches(diagram, horizon)
