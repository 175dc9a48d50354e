"""Eigenvalues of the mean Jacobian of the step, and how much the spectral radius varies along the way."""

import contextlib
import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Complex, Float

from ._recording import MOST_NUMBERS, Recording, sample_points

_LARGE, _MOST_ALONE = 256, 4
_MOST_RESTARTS = 100
_TOLERANCE: Any = 1e-4


@dataclasses.dataclass(frozen=True, eq=False)
class Spectrum:
    """Spectrum of J = mean over times of df/dh, with the Jacobians of single times beside it.

    Attributes:
        eigenvalues: Of J, largest modulus first.
        radii: Spectral radius of the Jacobian of single times: all that were sampled, or four of them for more than 256
            hidden units.
        n_points: How many times were sampled; 1 for a linear recurrence, where the Jacobian is always W_h.
    """

    eigenvalues: Complex[np.ndarray, " hidden"]
    radii: Float[np.ndarray, " points"]
    n_points: int

    @property
    def radius(self) -> float:
        """Spectral radius of the mean Jacobian."""
        return float(np.abs(self.eigenvalues[0]))

    @property
    def leading_angles(self) -> Float[np.ndarray, " modes"]:
        """|arg lambda| of the ten largest eigenvalues in degrees, a conjugate pair once."""
        upper = self.eigenvalues[np.imag(self.eigenvalues) >= 0]
        return np.degrees(np.abs(np.angle(upper)))[:10]


def mean_spectrum(recording: Recording, n_points: int, rng: np.random.Generator) -> Spectrum | str:
    """Measures the spectrum of the mean Jacobian; the poles of a layer that stores them are taken as they are.

    Args:
        recording: The network's run over data.
        n_points: How many times to sample; one for a linear recurrence.
        rng: Draws the times.

    Returns:
        The spectrum, or why there is none.
    """
    linear, poles = recording.model.linear, recording.model.poles
    if poles is not None:
        values = _sorted(poles)
        return Spectrum(values, np.abs(values[:1]), 1)
    if linear is not None:
        mean, alone, n_points = linear.W_h, [], 1
    else:
        sequences, times = sample_points(recording, n_points, 1, rng)
        mean, alone, n_points = np.zeros((recording.model.n_hidden,) * 2), [], len(times)
        for sequence, time in zip(sequences, times, strict=True):
            jacobian = _jacobian(recording, int(sequence), int(time))
            mean += jacobian / n_points
            if len(mean) <= _LARGE or len(alone) < _MOST_ALONE:
                alone.append(jacobian)
    if not np.isfinite(mean).all():
        return "the Jacobian is not finite"
    values = _sorted(np.linalg.eigvals(mean))
    radii = [_radius(each) for each in alone] or [float(np.abs(values[0]))]
    return Spectrum(values, np.array(radii, np.float64), n_points)


def _sorted(values: Any) -> Complex[np.ndarray, " hidden"]:
    values = np.asarray(values, np.complex128)
    return values[np.lexsort((-values.imag, -np.abs(values)))]


def _radius(jacobian: Float[np.ndarray, "hidden hidden"]) -> float:
    """Spectral radius; of large matrices by Arnoldi iteration to 1e-4, which a full decomposition backs up."""
    if len(jacobian) > _LARGE:
        from scipy.sparse.linalg import ArpackError, eigs

        # the start is fixed, so that two runs give the same digits
        start = np.random.default_rng(0).normal(size=len(jacobian))
        with contextlib.suppress(ArpackError):
            found = eigs(
                jacobian, k=4, ncv=60, tol=_TOLERANCE, maxiter=_MOST_RESTARTS, v0=start, return_eigenvectors=False
            )
            return float(np.abs(found).max())
    return float(np.abs(np.linalg.eigvals(jacobian)).max())


def _jacobian(recording: Recording, sequence: int, time: int) -> Float[np.ndarray, "hidden hidden"]:
    model = recording.model
    where = np.array([sequence]), np.array([time])
    inputs, before = recording.inputs[where], recording.before(*where)
    units = np.eye(model.n_hidden)
    chunk = max(1, MOST_NUMBERS // model.n_hidden)
    columns = [
        model.dynamics.carried(inputs, before, units[None, start : start + chunk])[0]
        for start in range(0, model.n_hidden, chunk)
    ]
    return np.concatenate(columns).T


def participation_ratio(states: Float[np.ndarray, "batch time hidden"]) -> float | None:
    """(sum_i l_i)^2 / sum_i l_i^2 for the eigenvalues l_i of the covariance of the states; None where none varies.

    Args:
        states: h_t; sequences and times are pooled.

    Source: Gao et al. 2017, "A theory of multineuronal dimensionality, dynamics and measurement".
    """
    pooled = states.reshape(-1, states.shape[-1])
    pooled = pooled - pooled.mean(axis=0)
    wide = pooled.shape[1] > pooled.shape[0]
    covariance = pooled @ pooled.T if wide else pooled.T @ pooled
    squares = (covariance**2).sum()
    return float(np.trace(covariance) ** 2 / squares) if squares > 0 else None
