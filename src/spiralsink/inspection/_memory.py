"""What a network remembers: held-out R^2 of ridge readouts of every feature at every lag."""

import dataclasses

import numpy as np
from jaxtyping import Float

from ._recording import MOST_NUMBERS, Recording
from ._ridge import Readouts, fit_ridge, held_out_r2
from ._split import Part, Split, thinned

_FEWEST_STEPS = 500

READABLE = 0.5
"""R^2 from which a (feature, lag) counts as readable, also of what the input of the moment leaves open."""


@dataclasses.dataclass(frozen=True, eq=False)
class Memory:
    """The memory curve: how well a linear readout of h_t tells how much of a feature there was at t - s.

    Attributes:
        r2: Held-out R^2 of every lag and feature; NaN for a feature that does not vary.
        baseline: What the input of the moment tells of its own past: held-out R^2, for the same steps, of a readout of
            all c_{i,t} in place of h_t, at least 0. Zero at lag 0, where the input is what is to be remembered, and
            about zero at all lags for inputs that are independent over time.
        standard_error: Of r2, by the jackknife over blocks of the test part.
        readouts: The ridge readouts, targets in the order (lag, feature).
        split: Which steps they were fitted, chosen and measured on.
    """

    r2: Float[np.ndarray, "lags features"]
    baseline: Float[np.ndarray, "lags features"]
    standard_error: Float[np.ndarray, "lags features"]
    readouts: Readouts
    split: Split

    @property
    def readable(self) -> np.ndarray:
        """Which (lag, feature) have R^2 >= `READABLE`, also of what the input of the moment leaves open."""
        r2, open_ = np.nan_to_num(self.r2), np.nan_to_num(1 - self.baseline)
        return (r2 >= READABLE) & (1 - r2 <= (1 - READABLE) * open_)

    @property
    def weights(self) -> Float[np.ndarray, "hidden lags features"]:
        """Weights of the ridge readout of every lag and feature."""
        return self.readouts.weights.reshape(-1, *self.r2.shape)


def memory_curve(recording: Recording, split: Split, n_lags: int) -> Memory:
    """R^2_{s,j} = 1 - E[(c_{j,t-s} - w^T h_t - b)^2] / Var(c_{j,t-s}) on steps that were not fitted.

    Args:
        recording: The network's run over data, with codes c of its features (the input channels themselves unless a
            dictionary was given).
        split: Steps to fit, choose and measure on (`split_steps`).
        n_lags: Lags s = 0 .. n_lags - 1.

    Source: Jaeger 2001, Definition 2 (as a squared correlation); here with held-out data.
    """
    most = max(_FEWEST_STEPS, MOST_NUMBERS // (recording.model.n_hidden + n_lags * recording.n_features))
    train, validation, test = (thinned(each, most) for each in (split.train, split.validation, split.test))
    states, targets = states_of(recording, train), lagged(recording, train, n_lags)
    chosen_on = states_of(recording, validation), lagged(recording, validation, n_lags)
    readouts = fit_ridge(states, targets, chosen_on)
    outputs, wanted = readouts.outputs(states_of(recording, test)), lagged(recording, test, n_lags)
    r2, error = held_out_r2(outputs, wanted, test.blocks, targets.mean(axis=0))
    now = [recording.codes[part.sequences, part.times] for part in (train, validation, test)]
    of_input = fit_ridge(now[0], targets, (now[1], chosen_on[1])).outputs(now[2])
    baseline = np.maximum(held_out_r2(of_input, wanted, test.blocks, targets.mean(axis=0))[0], 0.0)
    baseline[: recording.n_features] *= 0.0  # stays NaN where a feature does not vary
    r2, baseline, error = (each.reshape(n_lags, recording.n_features) for each in (r2, baseline, error))
    return Memory(r2, baseline, error, readouts, Split(train, validation, test, split.how))


def states_of(recording: Recording, part: Part) -> Float[np.ndarray, "steps hidden"]:
    """h_t of the steps of a part."""
    return recording.states[part.sequences, part.times]


def lagged(recording: Recording, part: Part, n_lags: int) -> Float[np.ndarray, "steps pairs"]:
    """c_{j,t-s} of the steps of a part, pairs in the order (lag, feature)."""
    earlier = part.times[:, None] - np.arange(n_lags)
    return recording.codes[part.sequences[:, None], earlier].reshape(len(part), -1)
