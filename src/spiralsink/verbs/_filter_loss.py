"""The expected loss of a scalar filter as a function of its transfer coefficients and the activity probability."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._float64 import computes_in_float64
from ..theory import (
    Horizon,
    Problem,
    Quadrature,
    SteadyState,
    exact_terms,
    is_stable,
    rectified_moments,
    silent_loss,
    transfer_projections,
    transfer_weights,
)
from ._gain import bounded_lags, gain

_silent_loss = computes_in_float64(silent_loss)
_TAIL = 4  # how many times as many lags are followed for the variance of the tail


@dataclasses.dataclass(frozen=True)
class FilterLoss:
    """E[L] / p of a network with one input and one output; hashable, so that it is compiled once a shape.

    Attributes:
        taps: Target filter g_s, as many lags as the theory takes.
        amplitude: The law of the amplitudes.
        readout: "linear" or "relu".
        importance: Weight of the output.
        horizon: `SteadyState()`, or T.
        limit: Largest gain, max_s |a_s| / max(a_k, 1).
        quadrature: How finely a ReLU readout is resolved.
    """

    taps: tuple[float, ...]
    amplitude: Any
    readout: str
    importance: float
    horizon: Horizon
    limit: float
    quadrature: Quadrature

    def terms(self, coefficients: Any, p: Any) -> Any:
        """`LossTerms` at activity probability p.

        Args:
            coefficients: Transfer coefficients, (2 N_h,).
            p: Activity probability.
        """
        p = jnp.reshape(p, (1,))
        problem = Problem(
            taps=jnp.asarray(self.taps)[:, None, None],
            mean=p * self.amplitude.mean,
            second_moment=p * self.amplitude.second_moment,
            importance=jnp.asarray([self.importance]),
            p=p,
        )
        return exact_terms(
            *transfer_weights(coefficients),
            problem,
            readout=self.readout,
            laws=(self.amplitude,),
            horizon=self.horizon,
            quadrature=self.quadrature,
        )

    @property
    def silent(self) -> float:
        """E[L] / p of a silent network; for a target of a single lag it is the same at every p."""
        taps = np.asarray(self.taps)[:, None, None]
        mean, second_moment = (np.asarray([each]) for each in (self.amplitude.mean, self.amplitude.second_moment))
        return self.importance * _silent_loss(taps, mean, second_moment, horizon=self.horizon).item()

    def gain(self, coefficients: Any) -> Any:
        """max_s |a_s| / max(a_k, 1), the quantity that is bounded.

        Args:
            coefficients: Transfer coefficients, (2 N_h,).
        """
        n_lags = bounded_lags(len(self.taps), self.horizon)
        return gain(transfer_projections(coefficients, n_lags), np.asarray(self.taps))

    def __call__(self, coefficients: Any, log_p: Any) -> Any:
        """E[L] / p.

        Args:
            coefficients: Transfer coefficients, (2 N_h,).
            log_p: log p, the parameter along which branches are followed.
        """
        p = jnp.exp(log_p)
        if self.readout == "linear" or not isinstance(self.horizon, SteadyState):
            return self.terms(coefficients, p).total / p
        return self._rectified(coefficients, p) / p

    def _rectified(self, coefficients: Any, p: Any) -> Any:
        """The total of `terms` for a ReLU readout in steady state, by half the program: it is compiled twice."""
        stable = is_stable(transfer_weights(coefficients)[1])
        order = coefficients.shape[-1] // 2
        # poles at zero, before anything is computed
        coefficients = jnp.where(stable | (jnp.arange(2 * order) < order), coefficients, 0.0)
        n_lags = max(self.quadrature.n_lags, len(self.taps))
        a = transfer_projections(coefficients, _TAIL * n_lags)
        near, far = a[:n_lags], a[n_lags:]
        mean, second_moment = p * self.amplitude.mean, p * self.amplitude.second_moment
        whole = jnp.sum(coefficients[:order]) / (1 + jnp.sum(coefficients[order:]))
        taps = np.append(self.taps, np.zeros(n_lags - len(self.taps)))
        moments = rectified_moments(
            near[:, None],
            p[None],
            jnp.asarray(taps)[:, None],
            laws=(self.amplitude,),
            tail=(mean * (whole - jnp.sum(near)), (second_moment - mean**2) * jnp.sum(far**2)),
            quadrature=self.quadrature,
        )
        wanted = second_moment * np.sum(taps**2) + mean**2 * (np.sum(taps) ** 2 - np.sum(taps**2))
        return self.importance * jnp.where(stable, moments.square - 2 * moments.cross + wanted, jnp.inf)


@dataclasses.dataclass(frozen=True)
class GainExcess:
    """Positive where the gain is beyond its limit: the boundary of a continuation.

    Attributes:
        loss: The loss, with its limit.
    """

    loss: FilterLoss

    def __call__(self, coefficients: Any, log_p: Any) -> Any:
        """log(gain / limit); arguments as `FilterLoss`."""
        del log_p
        return jnp.log(self.loss.gain(coefficients) / self.loss.limit)


@dataclasses.dataclass(frozen=True)
class BoundedLoss:
    """The loss within the bound on the gain, infinite beyond: what a search minimises.

    Attributes:
        loss: The loss.
    """

    loss: FilterLoss

    def __call__(self, coefficients: Any, log_p: Any) -> Any:
        """E[L] / p or infinity; arguments as `FilterLoss`."""
        inside = self.loss.gain(jax.lax.stop_gradient(coefficients)) <= self.loss.limit
        return jnp.where(inside, self.loss(coefficients, log_p), jnp.inf)
