"""Ridge readouts: fitted on one part, strength chosen on a second, measured on a third."""

import dataclasses

import numpy as np
from jaxtyping import Float

STRENGTHS = np.logspace(-12, 2, 15)
"""Strengths that are tried, in units of the mean variance of a hidden unit."""


@dataclasses.dataclass(frozen=True, eq=False)
class Readouts:
    """Linear readouts of states, one for every target: w^T h + b.

    Attributes:
        weights: w of every target.
        bias: b of every target.
        strength: The ridge strength of every target, in units of the mean variance of a hidden unit.
    """

    weights: Float[np.ndarray, "hidden targets"]
    bias: Float[np.ndarray, " targets"]
    strength: Float[np.ndarray, " targets"]

    def outputs(self, states: Float[np.ndarray, "steps hidden"]) -> Float[np.ndarray, "steps targets"]:
        return states @ self.weights + self.bias


def fit_ridge(
    states: Float[np.ndarray, "train hidden"],
    targets: Float[np.ndarray, "train targets"],
    chosen_on: tuple[Float[np.ndarray, "validation hidden"], Float[np.ndarray, "validation targets"]],
) -> Readouts:
    """Fits w = (C + alpha c 1)^-1 cov(h, y), C = cov(h), c = tr C / N_h, for the alpha of least validation error.

    One eigendecomposition of C serves all strengths and targets; every target has a strength of its own. The
    readouts are those of the training part: they are not fitted again with the validation part.

    Args:
        states: States of the training part.
        targets: Targets of the training part.
        chosen_on: States and targets of the validation part.
    """
    mean, target_mean = states.mean(axis=0), targets.mean(axis=0)
    centred = states - mean
    covariance = centred.T @ centred / len(states)
    scale = np.trace(covariance) / len(covariance)
    if not scale > 0:
        nothing = np.zeros((states.shape[1], targets.shape[1]))
        return Readouts(nothing, target_mean, np.full(targets.shape[1], STRENGTHS[-1]))
    variance, axes = np.linalg.eigh(covariance / scale)
    variance = np.maximum(variance, 0.0)
    onto = axes.T @ (centred.T @ (targets - target_mean)) / (len(states) * scale)
    held_out, wanted = (chosen_on[0] - mean) @ axes, chosen_on[1] - target_mean
    errors = np.stack(
        [((held_out @ (onto / (variance + alpha)[:, None]) - wanted) ** 2).mean(axis=0) for alpha in STRENGTHS]
    )
    strength = STRENGTHS[errors.argmin(axis=0)]
    weights = axes @ (onto / (variance[:, None] + strength))
    return Readouts(weights, target_mean - mean @ weights, strength)


def held_out_r2(
    outputs: Float[np.ndarray, "steps targets"],
    targets: Float[np.ndarray, "steps targets"],
    blocks: np.ndarray,
    reference: Float[np.ndarray, " targets"],
) -> tuple[Float[np.ndarray, " targets"], Float[np.ndarray, " targets"]]:
    """R^2 = 1 - sum (y - output)^2 / sum (y - mean)^2 and its standard error.

    Args:
        outputs: What the readouts say.
        targets: What they should say.
        blocks: Block of every step; the standard error is the jackknife over blocks.
        reference: The mean of the training part, which is what one would say without the states.

    Returns:
        Both (targets,); NaN for targets that do not vary, standard errors NaN with a single block.
    """
    names, block = np.unique(blocks, return_inverse=True)
    error, whole = np.zeros((2, len(names), targets.shape[1]))
    np.add.at(error, block, (outputs - targets) ** 2)
    np.add.at(whole, block, (targets - reference) ** 2)
    r2 = _r2(error.sum(axis=0), whole.sum(axis=0))
    if len(names) < 2:
        return r2, np.full_like(r2, np.nan)
    without = _r2(error.sum(axis=0) - error, whole.sum(axis=0) - whole)
    off = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return r2, np.sqrt((len(names) - 1) / len(names) * off)


def _r2(error: np.ndarray, whole: np.ndarray) -> np.ndarray:
    varies = whole > 0
    return np.where(varies, 1 - error / np.where(varies, whole, 1.0), np.nan)
