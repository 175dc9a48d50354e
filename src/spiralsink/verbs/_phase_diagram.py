"""The phase diagram: every branch of local optima along the activity probability, and where the best one changes."""

import dataclasses
import functools
from typing import Any

import numpy as np
from jaxtyping import Float

from .._errors import InvalidInput, NotCovered, Shown, check_choice, check_count, check_kind
from .._progress import NoProgress, Progress
from .._recurrence import READOUTS
from .._status import Status
from ..optimisation import BFGS
from ..processes import SparseProcess
from ..theory import (
    EscapeFamily,
    Horizon,
    Quadrature,
    SteadyState,
    check_laws,
    escape_family,
    problem_arrays,
    signed_second_moments,
)
from ._branch_search import search
from ._branch_segments import follow_all
from ._branches import PhaseBranch, assemble, cut, measured, named
from ._crossings import Crossing, find_crossings, find_escape_p
from ._filter_loss import FilterLoss
from ._optimum import GainBound
from ._phase_dataset import as_dataset

_MOST_HIDDEN = 8
_STATIONS_PER_DECADE = 3
_SEARCH_NODES, _NODES, _LAGS = 64, 128, 64
_REPORTED = Quadrature(n_nodes=192, n_levels=2, n_lags=96)
_TOLERANCE = 1e-5


@dataclasses.dataclass(frozen=True)
class PhaseDiagram:
    """Branches of local optima along p, crossings of the best one, and the escape.

    Attributes:
        branches: Every branch found, best at its best first.
        crossings: Changes of the global optimum among the branches, descending in p.
        dense_limit_p: Where the dense branch ends below; None if it does not within the range.
        sparse_limit_p: Where the sparse branch ends above; None if it does not, or is not there.
        escape: The networks that fall below every bound of their size, or None where there are none.
        escape_grid: Activity probabilities of `escape_infimum`, (m,).
        escape_infimum: Limit of E[L] / p along the escape, (m,); empty without one.
        escape_p: Below it the infimum of the escape is lower than every branch, so that the loss has no global
            minimiser; None if that happens nowhere in the range.
        order: "first" if the global optimum changes between branches; "continuous" if it is one branch whose leading
            eigenvalue changes between real and complex, or turns by 90 degrees or more; else "none".
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
    citations = BFGS.citations

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
        """An `xarray.Dataset` with dimensions `branch`, `point` and `term`, NaN-padded, and `crossing`.

        Raises:
            MissingExtra: If xarray is not installed.
        """
        return as_dataset(self)

    def __str__(self) -> str:
        horizon = self.horizon if isinstance(self.horizon, SteadyState) else f"horizon {self.horizon}"
        low, high = self.p_range
        shown = ", ".join(
            f"{each.name} [{each.p[0]:.4g}, {each.p[-1]:.4g}]" for each in sorted(self.branches, key=_loss_at_best)[:6]
        )
        more = f" and {len(self.branches) - 6} more" if len(self.branches) > 6 else ""
        crossings = "; ".join(
            f"p = {each.p:.4f} {each.above} -> {each.below} ({each.spans[0]:.1f} -> {each.spans[1]:.1f} degrees, "
            f"radius {each.radii[0]:.4f} -> {each.radii[1]:.4f})"
            for each in self.crossings
        )
        limits = [("dense", "below", self.dense_limit_p), ("sparse", "above", self.sparse_limit_p)]
        ended = ", ".join(f"{name} {side} at p = {p:.4f}" for name, side, p in limits if p is not None) or "none"
        lines = [
            f"phase diagram of a linear recurrence with {self.n_hidden} hidden units and {self.readout} readout, "
            f"delay {self.delay}, p from {low:g} to {high:g} ({horizon}): {self.status}",
            f"  branches          {shown}{more}",
            f"  best branch       {crossings or 'does not change'}",
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
        return f"infimum nu (1 - (1 - p)^{self.escape.blocked}), {below}"


def phase_diagram(
    task: Any,
    process: Any,
    *,
    p: Any = (0.05, 1.0),
    n_hidden: Any = 2,
    readout: Any = "relu",
    horizon: Any = SteadyState(),  # noqa: B008 (frozen)
    restarts: Any = 12,
    seed: Any = 0,
    bound: Any = GainBound(),  # noqa: B008 (frozen)
    progress: Progress = NoProgress(),  # noqa: B008 (stateless)
) -> PhaseDiagram:
    """All branches of local optima of the exact expected loss along p, followed through p by continuation.

    Optima are searched from many starts at several p between the smallest and 1. Each is followed both ways, in the
    coefficients of the filter's transfer function, in which minima are isolated, until it ends at a fold, at the bound
    or at the end of the range. The loss of a linear recurrence with one input is the same for a tied readout
    and a free one, so the diagram is that of both.

    Args:
        task: A task with one wanted lag, such as `Delay(k)`.
        process: A `SparseProcess` of one feature; its p is replaced.
        p: Smallest and largest activity probability, in (0, 1].
        n_hidden: N_h, up to 8.
        readout: "relu" or "linear".
        horizon: `SteadyState()`, or T for the mean over t = 1 .. T.
        restarts: Random starts at each p that is searched.
        seed: Seed of the starts.
        bound: Largest gain allowed.
        progress: Told about starts and branches that ended.

    Returns:
        `PhaseDiagram`.

    Raises:
        NotCovered: If the task has no single wanted lag, or there is more than one input or output.
        InvalidInput: If a number is out of its range.

    Source: the transition is the paper's section 5; that it is of first order, and the numbers, are in the docs.
    """
    low, high = _check_range(p)
    n_hidden, restarts = check_count("n_hidden", n_hidden), check_count("restarts", restarts)
    if n_hidden > _MOST_HIDDEN:
        raise InvalidInput("n_hidden", n_hidden, f"at most {_MOST_HIDDEN} for transfer coefficients")
    check_count("seed", seed, 0)
    check_kind("bound", bound, GainBound, "a GainBound")
    check_choice("readout", readout, READOUTS)
    loss, delay = _filter_loss(task, process, readout=readout, horizon=horizon, limit=float(bound.limit))
    where = _stations(low, high)
    coarse = dataclasses.replace(loss, quadrature=Quadrature(_SEARCH_NODES, 1, max(8 * (delay + 1), 24)))
    stations = search(coarse, delay, n_hidden, where, restarts=restarts, seed=seed, progress=progress)
    nodes = follow_all(loss, stations, progress=progress)
    whole = assemble(nodes, where)
    dense = _holding_the_dense_optimum(whole)
    shown = [(cut(*each, float(np.log(high))), each is dense) for each in whole]
    curves = [(curve, is_dense) for curve, is_dense in shown if curve is not None]
    if not curves:
        raise InvalidInput("restarts", restarts, "more", hint="none of the starts led to an optimum")
    reported = dataclasses.replace(loss, quadrature=_REPORTED)
    measure = functools.partial(measured, reported, delay=delay, readout=readout)
    branches = named(measure([curve for curve, _ in curves]), [is_dense for _, is_dense in curves])
    branches = sorted(branches, key=_loss_at_best)
    crossings = find_crossings(loss, branches, measure)
    nu = float(loss.amplitude.second_moment)
    family = _escape(delay, n_hidden, loss)
    grid = np.geomspace(low, high, 101)
    counts = {name: sum(station.counts[name] for station in stations) for name in stations[0].counts}
    counts["lost"] = sum("lost" in branch.ends for branch in branches)
    accurate = all((each.error_estimate <= _TOLERANCE * each.loss_per_p + 1e-9).all() for each in branches)
    ends = {each.name: each for each in branches}
    return PhaseDiagram(
        branches=tuple(branches),
        crossings=crossings,
        dense_limit_p=_end_p(ends.get("dense"), 0),
        sparse_limit_p=_end_p(ends.get("sparse"), -1),
        escape=family,
        escape_grid=grid if family else grid[:0],
        escape_infimum=np.asarray(loss.importance * family.infimum(grid, nu)) if family else grid[:0],
        escape_p=find_escape_p(branches, family, loss.importance * nu),
        order=_order(branches, crossings),
        bound=bound,
        bound_active=any("bound" in branch.ends for branch in branches),
        status=Status.UNCONVERGED if counts["lost"] else Status.CONVERGED if accurate else Status.INACCURATE,
        counts=counts,
        delay=delay,
        n_hidden=n_hidden,
        readout=readout,
        p_range=(low, high),
        horizon=horizon,
    )


def _check_range(p: Any) -> tuple[float, float]:
    try:
        low, high = (float(each) for each in p)
    except (TypeError, ValueError):
        raise InvalidInput("p", p, "a pair (smallest, largest)") from None
    if not 0 < low < high <= 1:
        raise InvalidInput("p", (low, high), "a pair with 0 < smallest < largest <= 1")
    return low, high


def _filter_loss(task: Any, process: Any, *, readout: str, horizon: Any, limit: float) -> tuple[FilterLoss, int]:
    check_kind("process", process, SparseProcess, "a SparseProcess of one feature")
    problem = problem_arrays(task, process.replace(p=1.0), horizon=horizon)
    if any(problem.stacks.values()):
        raise InvalidInput("process", Shown("a stack"), "without stack axes: one diagram at a time")
    if process.n_features != 1 or problem.taps.shape[-2] != 1:
        given = Shown(f"{process.n_features} features, {problem.taps.shape[-2]} outputs")
        raise NotCovered("process", given, "one feature and one output for a phase diagram")
    if readout == "relu":
        check_laws(process.amplitudes)
    taps = problem.taps[:, 0, 0]
    if not isinstance(task.recall_lag, int) or np.count_nonzero(taps) != 1:
        name = Shown(type(task).__name__)
        raise NotCovered("task", name, "a task with one wanted lag for a phase diagram, such as Delay(4)")
    loss = FilterLoss(
        taps=tuple(taps.tolist()),
        amplitude=process.amplitudes[0],
        readout=readout,
        importance=float(problem.importance[0]),
        horizon=horizon,
        limit=limit,
        quadrature=Quadrature(_NODES, 1, max(_LAGS, 8 * (task.recall_lag + 1))),
    )
    return loss, task.recall_lag


def _stations(low: float, high: float) -> list[float]:
    """Where the searches are, log p: over the range, and on to p = 1, where the dense branch gets its name."""
    count = max(2, 1 + round(_STATIONS_PER_DECADE * np.log10(high / low)))
    return [float(each) for each in np.log(np.geomspace(low, high, count))] + ([0.0] if high < 1 else [])


def _escape(delay: int, n_hidden: int, loss: FilterLoss) -> EscapeFamily | None:
    """There is an escape where inputs are never negative, so that a negative projection always silences."""
    if loss.readout != "relu" or not isinstance(loss.horizon, SteadyState):
        return None
    return escape_family(delay, n_hidden) if signed_second_moments(loss.amplitude)[1] == 0 else None


def _holding_the_dense_optimum(whole: Any) -> Any:
    """The branch with the lowest loss at p = 1, if one reaches it."""
    reaching = [each for each in whole if each[0].parameter[-1] >= -1e-12]
    return min(reaching, key=lambda each: each[0].value[-1], default=None)


def _order(branches: Any, crossings: Any) -> str:
    """How the global optimum changes along p."""
    if crossings:
        return "first"
    best = branches[0]
    span = best.eigenangle_span[~np.isnan(best.eigenangle_span)]
    if not span.size:
        return "none"
    real = np.isclose(span, 0, atol=1e-3) | np.isclose(span, 180 * best.delay, atol=1e-3)
    return "continuous" if real.any() != real.all() or np.ptp(span) >= 90 else "none"


def _loss_at_best(branch: PhaseBranch) -> float:
    return float(np.min(branch.loss_per_p))


def _end_p(branch: PhaseBranch | None, side: int) -> float | None:
    if branch is None or branch.ends[side] == "range":
        return None
    return float(branch.p[side])
