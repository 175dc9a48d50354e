"""Exact losses of many networks at once: in lanes, as finely as the tolerance asks for."""

import dataclasses
import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import NotCovered, Shown
from .._float64 import computes_in_float64, float64, to_numpy
from .._status import Status
from ..networks import RecurrentNetwork
from ..theory import PROBLEM_AXES, LossTerms, Problem, Quadrature, SteadyState, exact_terms, silent_loss

_NODES = (256, 512, 1024, 4096)
_LAGS = (64, 256, 1024, 2048)
# more lanes than that are worth a second compilation
_BLOCK, _MOST_ALONE = 16, 8
# finer nodes that leave more of the error than that are the last
_WORTHWHILE = 0.7
_MOST_INPUTS = 4096
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
    def of_stack(self, network: RecurrentNetwork, problem: Problem, stack: tuple[int, ...]) -> LossTerms:
        """The terms of traced networks, (*stack,): at the default fineness, because a tracer has no error yet."""
        terms = self.terms(self._lanes(network, problem, stack), Quadrature())
        return jax.tree.map(lambda leaf: leaf.reshape(stack + leaf.shape[1:]), terms)

    def lanes(self, network: RecurrentNetwork, problem: Problem, stack: tuple[int, ...]) -> Lanes:
        """Concrete networks as lanes, in float64 before anything is computed from them."""
        with float64():
            network, problem = jax.tree.map(_widen, (network, problem))
            return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), self._lanes(network, problem, stack))

    def of_lanes(self, lanes: Lanes, quadrature: Quadrature = Quadrature()) -> LossTerms:  # noqa: B008 (frozen)
        """The terms of all lanes in NumPy, block by block."""
        count = len(lanes.weights[0])
        block = count if self.readout == "linear" else _BLOCK if count > _MOST_ALONE else 1
        blocks = []
        for first in range(0, count, block):
            # the last lane fills up the last block: one compiled program for all of them
            index = np.minimum(np.arange(first, first + block), count - 1)
            with float64():
                part = to_numpy(_compiled(self, jax.tree.map(lambda leaf, index=index: leaf[index], lanes), quadrature))
            blocks.append(jax.tree.map(lambda leaf, first=first: leaf[: count - first], part))
        return jax.tree.map(lambda *leaves: np.concatenate(leaves), *blocks)

    def is_inaccurate(self, lanes: Lanes, terms: LossTerms, tolerance: float) -> np.ndarray:
        """Where the error is above `tolerance` times the loss, or times 1 % of a silent network's if that is more."""
        problem = lanes.problem
        with float64():
            silent = np.asarray(silent_loss(problem.taps, problem.mean, problem.second_moment, horizon=self.horizon))
        scale = np.maximum(np.abs(terms.total), _SMALL_SHARE * np.sum(silent * problem.importance, axis=-1))
        return (terms.status == Status.CONVERGED) & (terms.error_estimate > tolerance * scale)

    def to_tolerance(self, lanes: Lanes, tolerance: float) -> LossTerms:
        """The terms of all lanes, those that need it with more lags and more nodes; `readout` is "relu".

        Args:
            lanes: Networks and problems.
            tolerance: Relative error of the total.
        """
        n_lags = self._lags_needed(lanes, tolerance)
        n_inputs = max(n_lags.max(), lanes.problem.taps.shape[1]) * lanes.problem.taps.shape[-1]
        if n_inputs > _MOST_INPUTS:
            allowed_inputs = f"at most {_MOST_INPUTS} inputs (lags x features) for an exact loss of a ReLU readout"
            raise NotCovered("network", Shown(f"{n_inputs} that matter"), allowed_inputs, hint="use sampled_loss")
        terms: Any = None
        for needed in np.unique(n_lags):
            of_these = np.flatnonzero(n_lags == needed)
            found = self._refined(jax.tree.map(lambda leaf, at=of_these: leaf[at], lanes), int(needed), tolerance)
            if terms is None:
                terms = jax.tree.map(lambda leaf: np.zeros((len(n_lags), *leaf.shape[1:]), leaf.dtype), found)
            for leaf, new in zip(jax.tree.leaves(terms), jax.tree.leaves(found), strict=True):
                leaf[of_these] = new
        return terms

    def _refined(self, lanes: Lanes, n_lags: int, tolerance: float) -> LossTerms:
        terms = self.of_lanes(lanes, Quadrature(_NODES[0], n_lags=n_lags))
        for n_nodes in _NODES[1:]:
            coarse = np.flatnonzero(self.is_inaccurate(lanes, terms, tolerance))
            if not coarse.size:
                break
            some = jax.tree.map(lambda leaf, at=coarse: leaf[at], lanes)
            finer = self.of_lanes(some, Quadrature(n_nodes, n_lags=n_lags))
            gain = finer.error_estimate / terms.error_estimate[coarse]
            for leaf, new in zip(jax.tree.leaves(terms), jax.tree.leaves(finer), strict=True):
                leaf[coarse[gain < 1]] = new[gain < 1]
            if (gain > _WORTHWHILE).all():
                break
        return terms

    def _lags_needed(self, lanes: Lanes, tolerance: float) -> np.ndarray:
        """How many lags to follow, so that the squares of those behind add up to less than the tolerance."""
        _, W_h, _ = lanes.weights
        if not isinstance(self.horizon, SteadyState):
            return np.full(len(W_h), _LAGS[0])
        radius = np.clip(np.abs(np.linalg.eigvals(W_h)).max(axis=-1), 1e-3, 0.99999)
        needed = lanes.problem.taps.shape[1] + np.log(0.03 * tolerance) / (2 * np.log(radius))
        return np.array(_LAGS)[np.minimum(np.searchsorted(_LAGS, needed), len(_LAGS) - 1)]

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


@partial(jax.jit, static_argnums=(0, 2))
def _compiled(loss: ExactLoss, lanes: Lanes, quadrature: Quadrature) -> LossTerms:
    return loss.terms(lanes, quadrature)


def _widen(leaf: Any) -> Any:
    floating = hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)
    return jnp.asarray(leaf, jnp.float64) if floating else leaf
