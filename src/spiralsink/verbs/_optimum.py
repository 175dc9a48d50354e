"""The best linear recurrence for a task: many starts, quasi-Newton, every distinct local optimum."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import InvalidInput, NotCovered, Shown, check_choice, check_count, check_kind
from .._float64 import computes_in_float64, float64
from .._progress import NoProgress, Progress
from .._recurrence import READOUTS, RECURRENCES, directions
from .._status import Status
from ..networks import RecurrentNetwork, Tied
from ..optimisation import BFGS, Minima, minimise
from ..tasks import filter_memory
from ..theory import Horizon, Problem, Quadrature, SteadyState, best_readout, check_laws, exact_terms, problem_arrays
from ._exact import ExactLoss, Lanes
from ._gain import GainBound, bounded_lags, gain
from ._loss import exact_silent_loss
from ._starts import random_modes, shift_register

_MOST_HIDDEN = 32  # an approximate Hessian of (N_h^2)^2 entries for every start
_SEARCH = Quadrature(160, 2, 48)
_TOLERANCE = 1e-6
_SAME_LOSS, _SAME_AS_ZERO, _SAME_PROJECTIONS = 1e-6, 1e-8, 1e-3


@dataclasses.dataclass(frozen=True)
class LocalOptimum:
    """One distinct local optimum.

    Attributes:
        network: The network.
        loss_per_p: E[L] / p.
        share: Share of the random starts that ended here.
        gain: max_s |a_s| / max(a_k, 1), the quantity that a `GainBound` limits.
    """

    network: RecurrentNetwork
    loss_per_p: float
    share: float
    gain: float


@dataclasses.dataclass(frozen=True)
class Optimum:
    """The best network for a task, and what else the search found.

    Attributes:
        network: The best network found, float64.
        loss_per_p: Its E[L] / p, per step (for features of different p divided by their mean p).
        optima: Every distinct local optimum, best first; the first is the best network.
        fraction_at_best: Share of the random starts whose loss is within 1e-4 relative of the best.
        status: CONVERGED if the best network's search ended at a stationary point; INACCURATE if it did and the loss
            is not known to six digits.
        bound: The bound in force.
        bound_active: Whether the best network lies at the bound.
        restarts: Number of random starts.
        horizon: `SteadyState()` or the finite horizon T.
    """

    network: RecurrentNetwork
    loss_per_p: float
    optima: tuple[LocalOptimum, ...]
    fraction_at_best: float
    status: Status
    bound: GainBound
    bound_active: bool
    restarts: int
    horizon: Horizon
    citations = BFGS.citations

    def __str__(self) -> str:
        eigenvalues = np.linalg.eigvals(np.asarray(self.network.folded_weights[1]))
        moduli = ", ".join(f"{each:.4f}" for each in sorted(np.abs(eigenvalues), reverse=True))
        horizon = self.horizon if isinstance(self.horizon, SteadyState) else f"horizon {self.horizon}"
        others = ", ".join(f"{each.loss_per_p:.5f}" for each in self.optima[1:5]) or "none"
        return (
            f"optimum of a {'tied' if self.network.tied else 'free'} linear recurrence with {self.network.readout} "
            f"readout and {self.network.n_hidden} hidden units ({horizon}): {self.status}\n"
            f"  E[L]/p            {self.loss_per_p:.6f}\n"
            f"  reached by        {self.fraction_at_best:.0%} of {self.restarts} starts\n"
            f"  eigenvalues       moduli {moduli}\n"
            f"  other optima      {others}\n"
            f"  gain bound        {self.bound.limit:g}, {'active' if self.bound_active else 'not active'}"
        )


def optimum(
    task: Any,
    process: Any,
    *,
    n_hidden: int = 2,
    recurrence: str = "linear",
    readout: str = "relu",
    tied: bool = True,
    restarts: int = 32,
    seed: int = 0,
    horizon: Any = SteadyState(),  # noqa: B008 (frozen)
    bound: Any = GainBound(),  # noqa: B008 (frozen)
    progress: Progress = NoProgress(),  # noqa: B008 (stateless)
) -> Optimum:
    """Min over W_x, W_h [, W_y] of the exact expected loss, from many starts by a quasi-Newton method.

    A ReLU readout has several local optima, and at small p none at all that is global: the loss falls forever as some
    directions grow. What is found there is the best within `bound`, and the result says whether the bound holds it.

    Args:
        task: A filter task; with a tied readout one that has a single recall lag and as many outputs as features.
        process: A `SparseProcess` without stack axes.
        n_hidden: N_h.
        recurrence: "linear".
        readout: "relu" or "linear".
        tied: Whether the readout is the network's own feature directions at the recall lag. For one scalar input a
            free readout reaches the same loss; both searches are run as they are, in their own parameters.
        restarts: Number of random starts. Where a shift register fits, it is one more start, not counted.
        seed: Seed of the starts.
        horizon: `SteadyState()`, or T for the mean over t = 1 .. T.
        bound: Largest gain allowed.
        progress: Told about the starts that ended.

    Returns:
        `Optimum`, with every distinct local optimum and the share of starts that reached it.

    Raises:
        NotCovered: If no exact theory covers the recurrence or readout, or the task cannot be tied.

    Source: the paper's Eq. 5; numbers in the docs.
    """
    n_hidden, restarts = check_count("n_hidden", n_hidden), check_count("restarts", restarts)
    if n_hidden > _MOST_HIDDEN:
        raise InvalidInput("n_hidden", n_hidden, f"at most {_MOST_HIDDEN} for a search by second-order methods")
    check_count("seed", seed, 0)
    check_kind("bound", bound, GainBound, "a GainBound")
    if check_choice("recurrence", recurrence, RECURRENCES) != "linear":
        raise NotCovered("recurrence", recurrence, "linear for an exact optimum", hint="use fit with SampledLoss")
    check_choice("readout", readout, READOUTS)
    problem = problem_arrays(task, process, horizon=horizon)
    if readout == "relu":
        check_laws(process.amplitudes)
    if any(problem.stacks.values()):
        raise InvalidInput("process", Shown("a stack"), "without stack axes: one optimum at a time")
    point_loss = _PointLoss(
        n_features=process.n_features,
        n_hidden=n_hidden,
        n_outputs=problem.taps.shape[-2],
        tied_lag=_tied_lag(task, process.n_features) if tied else None,
        readout=readout,
        laws=process.amplitudes if readout == "relu" else (),
        horizon=horizon,
        limit=float(bound.limit),
        quadrature=_SEARCH,
    )
    mean_p = float(np.mean(process.p))
    starts, n_extra = _starting_points(point_loss, problem, task, restarts=restarts, seed=seed)
    silent = float(problem.importance @ exact_silent_loss(*problem[:3], horizon=horizon))
    lanes = jax.tree.map(lambda each: np.broadcast_to(each, (len(starts), *np.shape(each))), problem)
    # the importance is scaled so that a silent network has loss one, and so are all values below
    lanes = lanes._replace(importance=lanes.importance / silent)
    minima = minimise(point_loss, starts, args=(lanes,), in_turn=readout == "relu", progress=progress)
    if readout == "relu":
        minima = _reevaluated(point_loss, minima, lanes)
    order = np.argsort(minima.value, kind="stable")
    allowed = minima.value[order[0]] * (1 + 1e-4) + _SAME_AS_ZERO
    found = _distinct(point_loss, minima, order, unit=silent / mean_p, taps=problem.taps, n_extra=n_extra)
    return Optimum(
        network=found[0].network,
        loss_per_p=found[0].loss_per_p,
        optima=tuple(found),
        fraction_at_best=float(np.mean(minima.value[n_extra:] <= allowed)),
        status=Status(int(minima.status[order[0]])),
        bound=bound,
        bound_active=found[0].gain >= bound.limit * (1 - 1e-3),
        restarts=restarts,
        horizon=horizon,
    )


@dataclasses.dataclass(frozen=True)
class _PointLoss:
    """The expected loss as a function of all weights in one vector; hashable, so that it is compiled once a shape."""

    n_features: int
    n_hidden: int
    n_outputs: int
    tied_lag: int | None
    readout: str
    laws: tuple[Any, ...]
    horizon: Any
    limit: float
    quadrature: Quadrature

    def weights(self, point: Any) -> tuple[Any, Any, Any]:
        n_x, n_h = self.n_hidden * self.n_features, self.n_hidden**2
        W_x = point[:n_x].reshape(self.n_hidden, self.n_features)
        W_h = point[n_x : n_x + n_h].reshape(self.n_hidden, self.n_hidden)
        if self.tied_lag is not None:
            W_y = W_x
            for _ in range(self.tied_lag):
                W_y = W_h @ W_y
            return W_x, W_h, W_y
        return W_x, W_h, point[n_x + n_h :].reshape(self.n_hidden, self.n_outputs)

    def point(self, *weights: Any) -> np.ndarray:
        return np.concatenate([np.ravel(each) for each in weights[: 3 if self.tied_lag is None else 2]])

    def network(self, W_x: np.ndarray, W_h: np.ndarray, W_y: np.ndarray) -> RecurrentNetwork:
        given = W_y if self.tied_lag is None else Tied(self.tied_lag)
        return RecurrentNetwork(W_x, W_h, given, recurrence="linear", readout=self.readout)

    def seen(self, point: Any, n_taps: int) -> Any:
        """Projections at the lags that the bound holds for, (lags, outputs, features)."""
        W_x, W_h, W_y = self.weights(point)
        written = directions(W_x, W_h, n_lags=bounded_lags(n_taps, self.horizon), recurrence="linear")
        return jnp.einsum("hi,shj->sij", W_y, written)

    def __call__(self, point: Any, problem: Problem) -> Any:
        how = {"readout": self.readout, "laws": self.laws, "horizon": self.horizon, "quadrature": self.quadrature}
        W_x, W_h, W_y = self.weights(point)
        loss = exact_terms(W_x, W_h, W_y, problem, **how).total
        A = self.seen(jax.lax.stop_gradient(point), problem.taps.shape[0])
        return jnp.where(gain(A, problem.taps) <= self.limit, loss, jnp.inf)


def _tied_lag(task: Any, n_features: int) -> int:
    lag = task.recall_lag
    if not isinstance(lag, int) or task.n_outputs(n_features) != n_features:
        name = type(task).__name__
        raise NotCovered("tied", True, f"False for {name}, which has no single recall lag with N_y = N_x")
    return lag


def _starting_points(
    point_loss: _PointLoss, problem: Problem, task: Any, *, restarts: int, seed: int
) -> tuple[np.ndarray, int]:
    """Starting points (n, d), the shift register first where it fits, and how many of them are not random."""
    rng = np.random.default_rng(seed)
    size = (point_loss.n_features, point_loss.n_hidden)
    memory = filter_memory(task, point_loss.n_features)
    register = shift_register(*size, memory)
    drawn = [random_modes(rng, *size, min(memory, 1000)) for _ in range(restarts)]
    pairs = ([] if register is None else [register]) + drawn
    W_x, W_h = (np.stack(each) for each in zip(*pairs, strict=True))
    if point_loss.tied_lag is None:
        W_y = _best_readouts((W_x, W_h), problem, horizon=point_loss.horizon)
        # equal sizes on both sides: the gauge in which gradients are best scaled
        scale = np.sqrt(np.linalg.norm(W_y, axis=(1, 2)) / np.linalg.norm(W_x, axis=(1, 2)))[:, None, None]
        scale = np.where(scale > 1e-3, scale, 1.0)
        points = [point_loss.point(*each) for each in zip(W_x * scale, W_h, W_y / scale, strict=True)]
    else:
        points = [point_loss.point(*each) for each in zip(W_x, W_h, strict=True)]
    return np.stack(points), len(pairs) - restarts


@computes_in_float64
def _best_readouts(recurrences: Any, problem: Problem, *, horizon: Any) -> Any:
    def one(W_x: Any, W_h: Any) -> Any:
        return best_readout(W_x, W_h, problem.taps, problem.mean, problem.second_moment, horizon=horizon)

    return jax.vmap(one)(*recurrences)


def _reevaluated(point_loss: _PointLoss, minima: Minima, lanes: Problem) -> Minima:
    """The same points with their losses to six digits.

    An error of the search's rule moves a minimum to first order, and what is lost by that is of second.
    """
    A, _ = _seen(point_loss, minima.point, np.asarray(lanes.taps[0]))
    usable = np.isfinite(minima.value)
    if not usable.any():
        return minima
    alike = _alike(minima, A, usable, loss=1e-5, projections=1e-2)
    first = np.unique(alike[usable])
    weights = zip(*(point_loss.weights(point) for point in minima.point[first]), strict=True)
    of_first = Lanes(tuple(map(np.stack, weights)), jax.tree.map(lambda leaf: leaf[first], lanes), {})
    exact = ExactLoss(point_loss.readout, point_loss.laws, point_loss.horizon)
    terms = exact.to_tolerance(of_first, _TOLERANCE)
    with float64():
        inaccurate = np.asarray(exact.is_inaccurate(of_first, terms, _TOLERANCE))
    status = np.where(inaccurate, int(Status.INACCURATE), minima.status[first])
    at = np.minimum(np.searchsorted(first, alike), len(first) - 1)
    return dataclasses.replace(
        minima,
        value=np.where(usable, terms.total[at], minima.value),
        status=np.where(minima.status == Status.CONVERGED, status[at], minima.status).astype(np.int8),
    )


def _alike(minima: Minima, A: np.ndarray, usable: np.ndarray, *, loss: float, projections: float) -> np.ndarray:
    """For every lane the lowest one with the same loss and the same projections; lanes not usable stand alone."""
    alike = np.arange(len(minima.value))
    first: list[int] = []
    for lane in (each for each in np.argsort(minima.value, kind="stable") if usable[each]):
        value, size = minima.value[lane], max(1.0, float(np.abs(A[lane]).max()))
        for known in reversed(first):
            as_good = value - minima.value[known] <= loss * minima.value[known] + _SAME_AS_ZERO
            if as_good and np.abs(A[lane] - A[known]).max() <= projections * size:
                alike[lane] = known
                break
        else:
            first.append(lane)
    return alike


def _distinct(
    point_loss: _PointLoss, minima: Minima, order: Any, *, unit: float, taps: Any, n_extra: int
) -> list[LocalOptimum]:
    """The distinct optima, best first: equal ones have the same loss and the same projections."""
    A, gains = _seen(point_loss, minima.point, taps)
    stationary = np.isfinite(minima.value) & np.isin(minima.status, (Status.CONVERGED, Status.INACCURATE))
    stationary[order[0]] = True
    alike = _alike(minima, A, stationary, loss=_SAME_LOSS, projections=_SAME_PROJECTIONS)
    kept = [lane for lane in order if stationary[lane] and alike[lane] == lane]
    count = {lane: int(np.sum(alike[n_extra:][stationary[n_extra:]] == lane)) for lane in kept}
    return [
        LocalOptimum(
            network=point_loss.network(*point_loss.weights(minima.point[lane])),
            loss_per_p=float(minima.value[lane]) * unit,
            share=count[lane] / (len(minima.value) - n_extra),
            gain=float(gains[lane]),
        )
        for lane in kept
    ]


def _seen(point_loss: _PointLoss, points: np.ndarray, taps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Projections (n, lags, outputs, features) and gain (n,) of every point."""

    def one(point: Any) -> tuple[Any, Any]:
        A = point_loss.seen(point, len(taps))
        return A, gain(A, jnp.asarray(taps))

    return computes_in_float64(jax.vmap(one))(points)
