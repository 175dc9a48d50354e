"""Curves of critical points of f(x, lambda), followed through folds by pseudo-arclength: many lanes, one program."""

import functools
import itertools
from collections.abc import Callable, Generator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import InvalidInput, Shown, check_count, check_finite
from .._float64 import float64
from .._progress import NoProgress, Progress
from ._branch import Branch
from ._corrector import Curvature, ExactCurvature, Found, Request, correct
from ._follow import Settings, follow

_WIDTH = 8


def no_boundary(point: Any, parameter: Any, *args: Any) -> Any:
    """Nowhere positive: curves are followed everywhere.

    Args:
        point: x.
        parameter: lambda.
        *args: Further arguments of the function.
    """
    del point, args
    return -jnp.ones_like(parameter)


def continue_branches(
    function: Callable[..., Any],
    start: Any,
    parameter: Any,
    *,
    direction: Any,
    limits: Any,
    args: tuple[Any, ...] = (),
    boundary: Callable[..., Any] = no_boundary,
    curvature: Curvature = ExactCurvature(),  # noqa: B008 (frozen)
    folds: int = 0,
    longest_step: float = 0.2,
    max_points: int = 400,
    width: int = _WIDTH,
    progress: Progress = NoProgress(),  # noqa: B008 (stateless)
) -> tuple[Branch, ...]:
    """Follows curves of solutions of grad_x f(x, lambda) = 0, each from a known solution.

    A step goes along the tangent t of the curve, [H, d grad_x f / d lambda] t = 0, and is corrected on the plane
    across it, so that the curve may turn back in lambda. Lanes are independent; `width` of them are corrected by one
    compiled program at a time, one Hessian for each point. Gradients must be continuous; Hessians may jump, and then
    the curve has a kink, which is crossed by short steps.

    Args:
        function: f: x (d,), lambda and the lane's `args` to a scalar, in JAX, in the range of lambda and a little
            beyond. Define it once, not anew for each call: the program is compiled once for each function and shape.
        start: Solutions, (n, d); corrected at their lambda first.
        parameter: Their lambda, (n,) or one number for all.
        direction: +1 or -1, (n,) or one for all: whether lambda first grows or falls.
        limits: (low, high), each a number or (n,): where a curve ends by `range`, at that lambda exactly.
        args: Further arguments: a tuple of trees of arrays with a leading axis n, one entry per lane.
        boundary: Same arguments as `function`; a curve ends by `bound` where it turns positive.
        curvature: `ExactCurvature()`, or `DifferencedCurvature()` where compilation costs more than evaluation.
        folds: How many folds a curve passes; it ends at the next one, by `fold`.
        longest_step: Longest step, in units of 1 + |x_i| for entries of x and of 1 for lambda; scale lambda to fit.
        max_points: Largest number of points of a curve.
        width: How many lanes are corrected at once, the shape of the program.
        progress: Told about the lanes that ended.

    Returns:
        A `Branch` for each lane. One that cannot be followed to its end is UNCONVERGED; that is no exception.

    Raises:
        InvalidInput: If shapes do not fit, numbers are not finite, or a parameter lies outside of its limits.

    Source: Keller 1977, "Numerical solution of bifurcation and nonlinear eigenvalue problems" (pseudo-arclength).
    """
    points, parameters, directions, low, high = _check(start, parameter, direction, limits)
    for name, count, least in (("folds", folds, 0), ("max_points", max_points, 2), ("width", width, 1)):
        check_count(name, count, least)
    if not (isinstance(longest_step, float | int) and 0 < longest_step < np.inf):
        raise InvalidInput("longest_step", longest_step, "a finite number > 0")
    settings = [
        Settings(float(sign), (float(low[lane]), float(high[lane])), folds, float(longest_step), max_points)
        for lane, sign in enumerate(directions)
    ]
    lanes = [follow(np.append(points[lane], parameters[lane]), settings=settings[lane]) for lane in range(len(points))]
    progress.start("following branches", len(lanes), "branches")
    try:
        with float64():
            program = functools.partial(correct, function, boundary, curvature)
            return _run(program, lanes, args, width, progress)
    finally:
        progress.close()


def _run(
    program: Callable[[Request, Any], Found],
    lanes: list[Generator[Request, Found, Branch]],
    args: Any,
    width: int,
    progress: Progress,
) -> tuple[Branch, ...]:
    """Gives every slot of the program a lane, and the next lane when that one has ended."""
    waiting = iter(range(len(lanes)))
    active = {lane: next(lanes[lane]) for lane in itertools.islice(waiting, width)}
    branches: dict[int, Branch] = {}
    while active:
        order = list(active)
        slots = np.resize(order, width)
        asked = [active[lane] for lane in order]
        idle = asked[0]._replace(corrections=np.int32(-1))
        asked += [idle] * (width - len(order))
        requests = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *asked)
        rows = jax.tree.map(lambda leaf, slots=slots: jnp.asarray(np.asarray(leaf)[slots]), args)
        found = jax.tree.map(np.asarray, program(requests, rows))
        for slot, lane in enumerate(order):
            try:
                active[lane] = lanes[lane].send(jax.tree.map(lambda leaf, at=slot: leaf[at], found))
            except StopIteration as ended:
                branches[lane] = ended.value
                progress.advance(1, f"{len(ended.value.parameter)} points, {ended.value.end}")
                del active[lane]
                for following in itertools.islice(waiting, 1):
                    active[following] = next(lanes[following])
    return tuple(branches[lane] for lane in range(len(lanes)))


def _check(start: Any, parameter: Any, direction: Any, limits: Any) -> tuple[np.ndarray, ...]:
    points = np.asarray(start, dtype=np.float64)
    if points.ndim != 2 or 0 in points.shape:
        raise InvalidInput("start", Shown(f"shape {points.shape}"), "of shape (n, d), one row per lane")
    check_finite("start", points)
    if np.shape(limits)[:1] != (2,):
        raise InvalidInput("limits", limits, "a pair (low, high)")
    given = {"parameter": parameter, "direction": direction, "low": limits[0], "high": limits[1]}
    lanes = []
    for name, each in given.items():
        if np.shape(each) not in ((), (len(points),)):
            raise InvalidInput(
                name, Shown(f"shape {np.shape(each)}"), f"a number or one for each of {len(points)} lanes"
            )
        lanes.append(np.broadcast_to(np.asarray(each, np.float64), len(points)))
        check_finite(name, lanes[-1])
    parameters, directions, low, high = lanes
    if not np.isin(directions, (-1, 1)).all():
        raise InvalidInput("direction", direction, "+1 or -1")
    outside = (parameters < low) | (parameters > high)
    if outside.any():
        lane = int(np.argmax(outside))
        allowed = f"within its limits [{low[lane]:g}, {high[lane]:g}]"
        raise InvalidInput("parameter", float(parameters[lane]), allowed)
    return points, parameters, directions, low, high
