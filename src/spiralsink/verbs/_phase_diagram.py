"""The phase diagram: searches every branch of local optima along p, and finds where the best one changes."""

import dataclasses
import functools
from typing import Any

import numpy as np

from .._errors import InvalidInput, NotCovered, Shown, check_choice, check_count, check_kind
from .._progress import NoProgress, Progress
from .._recurrence import READOUTS
from .._status import Status
from ..processes import SparseProcess
from ..theory import (
    EscapeFamily,
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
from ._crossings import find_crossings, find_escape_p, find_gaps
from ._filter_loss import FilterLoss
from ._gain import GainBound
from ._phase_result import PhaseDiagram

_MOST_HIDDEN = 8
_STATIONS_PER_DECADE = 3
_SEARCH_NODES, _NODES, _LAGS = 64, 128, 64
_REPORTED_NODES, _REPORTED_LEVELS, _REPORTED_LAGS = 256, 2, 128
_TOLERANCE = 1e-5


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
        NotCovered: If the task has no single wanted lag, there is more than one input or output, or n_hidden > k, where
            a shift register recalls without loss at every p.
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
    if n_hidden > delay:
        allowed = f"at most the delay {delay} for a phase diagram"
        raise NotCovered("n_hidden", n_hidden, allowed, hint="a shift register recalls without loss at every p")
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
    fine = Quadrature(_REPORTED_NODES, _REPORTED_LEVELS, max(_REPORTED_LAGS, 16 * (delay + 1)))
    reported = dataclasses.replace(loss, quadrature=fine)
    measure = functools.partial(measured, reported, delay=delay, readout=readout)
    branches = named(measure([curve for curve, _ in curves]), [is_dense for _, is_dense in curves])
    branches = sorted(branches, key=_loss_at_best)
    crossings = find_crossings(loss, branches, measure)
    nu = float(loss.amplitude.second_moment)
    family = _escape(delay, n_hidden, loss)
    grid = np.geomspace(low, high, 101)
    counts = {name: sum(station.counts[name] for station in stations) for name in stations[0].counts}
    counts["lost"] = sum("lost" in branch.ends for branch in branches)
    gaps = find_gaps(branches)
    ends = {each.name: each for each in branches}
    return PhaseDiagram(
        branches=tuple(branches),
        crossings=crossings,
        gaps=gaps,
        dense_limit_p=_end_p(ends.get("dense"), 0),
        sparse_limit_p=_end_p(ends.get("sparse"), -1),
        escape=family,
        escape_grid=grid if family else grid[:0],
        escape_infimum=np.asarray(loss.importance * family.infimum(grid, nu)) if family else grid[:0],
        escape_p=find_escape_p(branches, family, loss.importance * nu),
        order=_order(branches, crossings, gaps),
        bound=bound,
        bound_active=any("bound" in branch.ends for branch in branches),
        status=_status(branches, counts["lost"]),
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


def _status(branches: list[PhaseBranch], n_lost: int) -> Status:
    if n_lost:
        return Status.UNCONVERGED
    return Status.CONVERGED if all(_is_accurate(branch) for branch in branches) else Status.INACCURATE


def _is_accurate(branch: PhaseBranch) -> bool:
    """Whether every loss is known and within the tolerance; a NaN or an infinity is not."""
    loss, error = branch.loss_per_p, branch.error_estimate
    return bool((np.isfinite(loss) & (error <= _TOLERANCE * loss + 1e-9)).all())


def _order(branches: Any, crossings: Any, gaps: Any) -> str:
    """How the lowest branch changes along p."""
    if crossings:
        return "first"
    if gaps:
        return "unknown"
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
