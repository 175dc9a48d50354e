"""Exact losses of many networks at once: in lanes, as finely as the tolerance asks for."""

import dataclasses
import math
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._errors import NotCovered, Shown
from .._float64 import computes_in_float64, float64, to_numpy
from .._status import Status
from ..networks import RecurrentNetwork
from ..theory import (
    PROBLEM_AXES,
    LossTerms,
    Problem,
    Quadrature,
    SteadyState,
    exact_terms,
    is_stable,
    silent_loss,
    tail_cumulants,
)

_NODES = (256, 512, 1024, 4096)
_LAGS = (16, 64, 256, 1024, 2048)
# more lanes than that are worth a second compilation
_BLOCK, _MOST_ALONE = 16, 8
# finer nodes that leave more of the error than that are the last
_WORTHWHILE = 0.7
_MOST_INPUTS = 4096
# nodes x lags x features: some thirty arrays of that size are in memory at once
_MOST_EVALUATIONS = 2**22
# lags x outputs x features x networks of a linear readout: some twelve arrays of that size
_MOST_HELD = 2**25
# a loss below that share of a silent network's need not be known to more digits than that share is
_SMALL_SHARE = 0.01


class Lanes(NamedTuple):
    """Networks and problems with one leading axis."""

    weights: Any
    problem: Problem
    biases: Any


@dataclasses.dataclass(frozen=True)
class ExactLoss:
    """`exact_terms` of stacks; hashable, so that it is compiled in.

    Attributes:
        readout: "linear" or "relu".
        laws: One amplitude law per feature.
        horizon: `SteadyState()`, or T.
    """

    readout: str
    laws: tuple[Any, ...]
    horizon: Any

    @computes_in_float64
    def of_stack(
        self, network: RecurrentNetwork, problem: Problem, stack: tuple[int, ...], tolerance: float
    ) -> LossTerms:
        """The terms of traced networks, (*stack,): at the default fineness, because a tracer has no error yet."""
        lanes = self._lanes(network, problem, stack)
        terms = self.terms(lanes, Quadrature())
        inaccurate = self.is_inaccurate(lanes, terms, tolerance)
        status = jnp.where(inaccurate, jnp.int8(Status.INACCURATE), terms.status)
        terms = eqx.tree_at(lambda each: each.status, terms, status)
        return jax.tree.map(lambda leaf: leaf.reshape(stack + leaf.shape[1:]), terms)

    def lanes(self, network: RecurrentNetwork, problem: Problem, stack: tuple[int, ...]) -> Lanes:
        """Concrete networks as lanes, in float64 before anything is computed from them."""
        with float64():
            network, problem = jax.tree.map(_widen, (network, problem))
            return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), self._lanes(network, problem, stack))

    def of_lanes(self, lanes: Lanes, quadrature: Quadrature = Quadrature()) -> LossTerms:  # noqa: B008 (frozen)
        """The terms of all lanes in NumPy, block by block."""
        count = len(lanes.weights[0])
        if self.readout == "linear":
            block = min(count, max(1, _MOST_HELD // lanes.problem.taps[0].size))
        else:
            block = _BLOCK if count > _MOST_ALONE else 1
        blocks = []
        for first in range(0, count, block):
            # the last lane fills up the last block: one compiled program for all of them
            index = np.minimum(np.arange(first, first + block), count - 1)
            with float64():
                part = to_numpy(_compiled(self, jax.tree.map(lambda leaf, index=index: leaf[index], lanes), quadrature))
            blocks.append(jax.tree.map(lambda leaf, first=first: leaf[: count - first], part))
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *blocks)

    def is_inaccurate(self, lanes: Lanes, terms: LossTerms, tolerance: float) -> Any:
        """Where the error is above `tolerance` times the loss, or times 1 % of a silent network's if that is more."""
        problem = lanes.problem
        silent = silent_loss(problem.taps, problem.mean, problem.second_moment, horizon=self.horizon)
        scale = jnp.maximum(jnp.abs(terms.total), _SMALL_SHARE * jnp.sum(silent * problem.importance, axis=-1))
        # what is not a number is not accurate either
        return (terms.status == int(Status.CONVERGED)) & ~(terms.error_estimate <= tolerance * scale)

    def to_tolerance(self, lanes: Lanes, tolerance: float) -> LossTerms:
        """The terms of all lanes, those that need it with more lags and more nodes; `readout` is "relu".

        Args:
            lanes: Networks and problems.
            tolerance: Relative error of the total.

        Raises:
            NotCovered: If there are more lags times features than an exact loss is computed for.
        """
        lanes = self._without_forgotten(lanes, tolerance)
        n_taps, _, n_features = lanes.problem.taps.shape[1:]
        if n_taps * n_features > _MOST_INPUTS:
            given, most = Shown(f"{n_taps * n_features} lags x features"), f"at most {_MOST_INPUTS} lags x features"
            raise NotCovered("task", given, f"{most} for an exact loss of a ReLU readout", hint="use sampled_loss")
        choices = [each for each in _LAGS if each * n_features <= _MOST_INPUTS] or [n_taps]
        n_lags = self._lags_needed(lanes, tolerance, choices)
        terms: Any = None
        for needed in np.unique(n_lags):
            of_these = np.flatnonzero(n_lags == needed)
            some = jax.tree.map(lambda leaf, at=of_these: leaf[at], lanes)
            found = self._refined(some, [each for each in choices if each >= needed], tolerance)
            if terms is None:
                terms = jax.tree.map(lambda leaf: np.zeros((len(n_lags), *leaf.shape[1:]), leaf.dtype), found)
            for leaf, new in zip(jax.tree.leaves(terms), jax.tree.leaves(found), strict=True):
                leaf[of_these] = new
        return terms

    def _without_forgotten(self, lanes: Lanes, tolerance: float) -> Lanes:
        """A horizon of too many lags without those that the filter does not span and that all networks forget."""
        taps = lanes.problem.taps
        most = _MOST_INPUTS // taps.shape[-1]
        span = 1 + int(np.flatnonzero(np.abs(taps).max(axis=(0, 2, 3)))[-1])
        if isinstance(self.horizon, SteadyState) or taps.shape[1] <= most or span > most:
            return lanes
        choices = [each for each in _LAGS if span <= each <= most] or [span]
        needed = span + 2 * _lags_of_decay(lanes.weights[1], tolerance).max()  # what decays, not its square
        kept = choices[min(int(np.searchsorted(choices, needed)), len(choices) - 1)]
        return lanes._replace(problem=lanes.problem._replace(taps=taps[:, :kept]))

    def _refined(self, lanes: Lanes, lags: list[int], tolerance: float) -> LossTerms:
        """The terms with the fewest of these lags, then with more of them or of nodes, by what the error comes from."""
        lags, nodes = list(lags), list(_NODES)
        terms = self.of_lanes(lanes, Quadrature(nodes[0], n_lags=lags[0]))
        while True:
            with float64():
                coarse = np.flatnonzero(np.asarray(self.is_inaccurate(lanes, terms, tolerance)))
            if not coarse.size:
                return terms
            some = jax.tree.map(lambda leaf, at=coarse: leaf[at], lanes)
            error = terms.error_estimate[coarse]
            of_tail = self._tail_error(some, lags[0]) > 0.5 * error
            if of_tail.any() and len(lags) > 1:
                lags.pop(0)
            elif len(nodes) > 1 and nodes[1] * lags[0] * lanes.problem.taps.shape[-1] <= _MOST_EVALUATIONS:
                nodes.pop(0)
            else:
                return terms
            finer = self.of_lanes(some, Quadrature(nodes[0], n_lags=lags[0]))
            better = ~(finer.error_estimate >= error)
            for leaf, new in zip(jax.tree.leaves(terms), jax.tree.leaves(finer), strict=True):
                leaf[coarse[better]] = new[better]
            if not of_tail.any() and not (finer.error_estimate < _WORTHWHILE * error).any():
                return terms

    def _lags_needed(self, lanes: Lanes, tolerance: float, choices: list[int]) -> np.ndarray:
        """How many lags to start with: the squares of those behind decay to less than the tolerance."""
        _, W_h, _ = lanes.weights
        if not isinstance(self.horizon, SteadyState):
            return np.full(len(W_h), choices[0])
        decayed = _lags_of_decay(W_h, tolerance)
        needed = np.where(decayed, lanes.problem.taps.shape[1] + decayed, 0)
        return np.array(choices)[np.minimum(np.searchsorted(choices, needed), len(choices) - 1)]

    def _tail_error(self, lanes: Lanes, n_lags: int) -> np.ndarray:
        """The part of the error that comes from the lags behind the last one, (lanes,)."""
        W_x, W_h, W_y = lanes.weights
        if not isinstance(self.horizon, SteadyState):
            return np.zeros(len(W_h))
        with float64():
            return np.asarray(
                _tail_energy(W_x, W_h, W_y, lanes.problem, np.int32(max(n_lags, lanes.problem.taps.shape[1])))
            )

    def _lanes(self, network: RecurrentNetwork, problem: Problem, stack: tuple[int, ...]) -> Lanes:
        count = math.prod(stack)

        def lanes(array: Any, n_axes: int) -> Any:
            shape = array.shape[array.ndim - n_axes :]
            return jnp.broadcast_to(array, (*stack, *shape)).reshape((count, *shape))

        W_x, W_h, b_h = network.folded_weights
        biases = {name: lanes(each, 1) for name, each in (("b_h", b_h), ("b_y", network.b_y)) if each is not None}
        weights = tuple(lanes(each, 2) for each in (W_x, W_h, network.output_weights))
        return Lanes(weights, Problem(*map(lanes, problem, PROBLEM_AXES)), biases)

    def terms(self, lanes: Lanes, quadrature: Quadrature) -> LossTerms:
        """The terms of all lanes, in JAX."""

        def one(weights: Any, problem: Problem, biases: Any) -> LossTerms:
            W_x, W_h, W_y = weights
            how = {"readout": self.readout, "laws": self.laws, "horizon": self.horizon, "quadrature": quadrature}
            return exact_terms(W_x, W_h, W_y, problem, **how, **biases)

        if self.readout == "linear":
            return jax.vmap(one)(lanes.weights, lanes.problem, lanes.biases)
        # one integral fills the cache: lanes beside each other would take twice as long
        return jax.lax.map(lambda lane: one(lane.weights, lane.problem, lane.biases), lanes)


def _lags_of_decay(W_h: np.ndarray, tolerance: float) -> np.ndarray:
    """After how many lags the squares of what is left are below the tolerance, (lanes,)."""
    radius = np.abs(np.linalg.eigvals(W_h)).max(axis=-1)
    # an unstable recurrence has no loss, however many lags are followed
    return np.where(radius < 1, np.log(0.03 * tolerance) / (2 * np.log(np.clip(radius, 1e-3, 0.99999))), 0)


@jax.jit
def _tail_energy(W_x: Any, W_h: Any, W_y: Any, problem: Problem, n_lags: Any) -> Any:
    """sum_i I_i sum_n q_n A_n^2 over the lags from `n_lags` on, for every lane."""

    def one(W_x: Any, W_h: Any, W_y: Any, problem: Problem) -> Any:
        stable = is_stable(W_h)
        W_h = jnp.where(stable, W_h, 0.0)
        written = jax.lax.fori_loop(0, n_lags, lambda _, written: W_h @ written, W_x)
        still = jnp.zeros_like(problem.mean)
        return jnp.sum(problem.importance * tail_cumulants(W_h, W_y, written, still, problem.second_moment)[1])

    return jax.vmap(one)(W_x, W_h, W_y, problem)


@partial(jax.jit, static_argnums=(0, 2))
def _compiled(loss: ExactLoss, lanes: Lanes, quadrature: Quadrature) -> LossTerms:
    return loss.terms(lanes, quadrature)


def _widen(leaf: Any) -> Any:
    floating = hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)
    return jnp.asarray(leaf, jnp.float64) if floating else leaf
