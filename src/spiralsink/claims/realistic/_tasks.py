"""Three tasks on recorded data that is installed with a package: recall, classification, forecasting.

Together with `_networks` and `_training` this file decides what is trained: with any change of it, networks that were
kept are trained again. What is measured of them is elsewhere.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from ..._errors import MissingExtra

_DELAY = 3
_IMAGES = 3
ROWS = 8
_COLUMNS = slice(1, 7)
_CLASSES = 10
_WEEKS = 2
_YEAR = 26
_AHEAD = 4
_TRAINED_SHARE = 0.7
_PROBED = 150


@dataclasses.dataclass(frozen=True, eq=False)
class Sequences:
    """Inputs with what is wanted of them.

    Attributes:
        inputs: x_t.
        targets: Numbers that are wanted, or one-hot classes.
        weights: How much every step counts in the loss.
        scored: Whether a step counts in the score.
        clock: Time of every step: its place in the sequence, or where sequences are parts of one record, in that.
    """

    inputs: Float[np.ndarray, "batch time features"]
    targets: Float[np.ndarray, "batch time outputs"]
    weights: Float[np.ndarray, "batch time"]
    scored: Bool[np.ndarray, "batch time"]
    clock: Int[np.ndarray, "batch time"]


@dataclasses.dataclass(frozen=True, eq=False)
class RealTask:
    """A task on recorded data.

    Attributes:
        name: "recall", "classification" or "forecast".
        readout: What follows the linear readout: "relu", "softmax" or "linear".
        draw: Draws a batch of training sequences: `draw(rng, n_sequences)`.
        train: Training sequences, each once, to fit linear readouts of the inputs to.
        first_bias: Where readouts start: a rectified one at the mean of its training targets, the others at 0.
        test: Sequences that no network was trained on, to score networks.
        probe: Sequences on which memory is measured.
        n_lags: Ages that are measured.
        asked: Of an input at a row's time, the times at which it is wanted, (inputs, time); no rows where that is not
            known. The inputs are those of `heard_at`.
        heard_at: Times of the inputs whose impulses are followed, (inputs,).
    """

    name: str
    readout: str
    draw: Callable[[np.random.Generator, int], Sequences]
    train: Sequences
    first_bias: Float[np.ndarray, " outputs"]
    test: Sequences
    probe: Float[np.ndarray, "sequences steps features"]
    n_lags: int
    asked: Bool[np.ndarray, "inputs time"]
    heard_at: Int[np.ndarray, " inputs"]

    @property
    def n_features(self) -> int:
        return self.probe.shape[-1]

    @property
    def n_outputs(self) -> int:
        return self.test.targets.shape[-1]


def make_task(name: str) -> RealTask:
    """The task of that name: "recall", "classification" or "forecast".

    Raises:
        MissingExtra: If scikit-learn or statsmodels is not installed.
    """
    return {"recall": recall, "classification": classification, "forecast": forecast}[name]()


def recall() -> RealTask:
    """Rows of handwritten digits, one a step; the row of three steps ago is wanted, y*_t = x_{t-3}.

    Inputs are the six inner pixels of a row, in [0, 1], as the outer two are nearly always blank; three images follow
    one another. The readout is rectified, as pixels are never negative. The score is R^2 over all pixels and steps from
    the fourth.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (UCI, 1998), 1797 images.
    """
    images, _, half = _digits()
    time = np.arange(_IMAGES * ROWS)

    def sequences(chosen: np.ndarray) -> Sequences:
        inputs = images[chosen].reshape(-1, len(time), images.shape[-1])
        targets = np.zeros_like(inputs)
        targets[:, _DELAY:] = inputs[:, :-_DELAY]
        clock = np.broadcast_to(time, inputs.shape[:2])
        return Sequences(inputs, targets, np.ones(inputs.shape[:2]), clock >= _DELAY, clock)

    def draw(rng: np.random.Generator, n_sequences: int) -> Sequences:
        return sequences(rng.integers(half, size=n_sequences * _IMAGES))

    test = sequences(np.arange(half, len(images)))
    train = sequences(np.arange(half))
    heard = np.arange(ROWS, 2 * ROWS)
    return RealTask(
        name="recall",
        readout="relu",
        draw=draw,
        train=train,
        first_bias=train.targets.mean(axis=(0, 1)),
        test=test,
        probe=test.inputs[:_PROBED],
        n_lags=8,
        asked=time == heard[:, None] + _DELAY,
        heard_at=heard,
    )


def classification() -> RealTask:
    """Rows of a digit, then three blank steps; at the last of them its class is wanted, before that "wait".

    There are eleven classes, ten digits and "wait". Two images follow one another. The score is the share of images
    that are classified rightly at the step of the answer, among all eleven classes.

    Source: as `recall`.
    """
    images, classes, half = _digits()
    length = ROWS + _DELAY

    def sequences(chosen: np.ndarray) -> Sequences:
        blank = np.zeros((len(chosen), _DELAY, images.shape[-1]))
        inputs = np.concatenate([images[chosen], blank], axis=1).reshape(-1, 2 * length, images.shape[-1])
        wanted = np.full((len(chosen), length), _CLASSES)
        wanted[:, -1] = classes[chosen]
        wanted = wanted.reshape(-1, 2 * length)
        answers = wanted < _CLASSES
        # the answer counts as much as all the waiting
        weights = np.where(answers, length / 2, length / (2 * (length - 1)))
        clock = np.broadcast_to(np.arange(2 * length), wanted.shape)
        return Sequences(inputs, np.eye(_CLASSES + 1)[wanted], weights, answers, clock)

    def draw(rng: np.random.Generator, n_sequences: int) -> Sequences:
        return sequences(rng.integers(half, size=2 * n_sequences))

    test = sequences(np.arange(half, half + (len(images) - half) // 2 * 2))
    return RealTask(
        name="classification",
        readout="softmax",
        draw=draw,
        train=sequences(np.arange(half // 2 * 2)),
        first_bias=np.zeros(_CLASSES + 1),
        test=test,
        probe=test.inputs[:_PROBED],
        n_lags=length + 3,
        asked=np.broadcast_to(np.arange(2 * length) == length - 1, (ROWS, 2 * length)),
        heard_at=np.arange(ROWS),
    )


def forecast() -> RealTask:
    """Carbon dioxide at Mauna Loa: from changes over two weeks, the change over the eight weeks to come.

    x_t is the change in units of its standard deviation, and so is the target; 26 steps are a year. Networks are
    trained on windows of two years of the first 70 %, and scored by R^2 in the second years of windows of the rest.
    Which lags are wanted is not known: a forecast can use all of them.

    Source: C. D. Keeling and T. P. Whorf, weekly means 1958 to 2001 (in statsmodels); 59 missing weeks lie on
    the line between their neighbours.
    """
    weekly = _carbon_dioxide()
    level = weekly[: len(weekly) // _WEEKS * _WEEKS].reshape(-1, _WEEKS).mean(axis=1)
    change = np.diff(level)
    ahead = level[1 + _AHEAD :] - level[1:-_AHEAD]
    change = change[: len(ahead)]
    n_train, length = int(_TRAINED_SHARE * len(change)), 2 * _YEAR
    change, ahead = ((each - each[:n_train].mean()) / each[:n_train].std() for each in (change, ahead))

    def windows(starts: np.ndarray) -> Sequences:
        at = starts[:, None] + np.arange(length)
        late = np.broadcast_to(np.arange(length) >= _YEAR, at.shape)
        return Sequences(change[at][..., None], ahead[at][..., None], np.where(late, 2.0, 0.0), late, at)

    def draw(rng: np.random.Generator, n_sequences: int) -> Sequences:
        return windows(rng.integers(n_train - length - _AHEAD, size=n_sequences))

    # the second years of windows that start a year apart are each year once
    train = windows(np.arange(0, n_train - length - _AHEAD, _YEAR))
    test = windows(np.arange(n_train, len(change) - length, _YEAR))
    return RealTask(
        name="forecast",
        readout="linear",
        draw=draw,
        train=train,
        first_bias=np.zeros(1),
        test=test,
        # in one piece, or there are too few steps to fit a readout of 512 units to
        probe=change[None, :, None],
        n_lags=_YEAR,
        asked=np.zeros((0, length), bool),
        heard_at=np.zeros(0, np.int64),
    )


def r_squared(outputs: np.ndarray, sequences: Sequences) -> float:
    """1 - sum (y - y*)^2 / sum (y* - mean y*)^2 over scored steps and all outputs, means of each output."""
    outputs, targets = outputs[sequences.scored], sequences.targets[sequences.scored]
    return float(1 - ((outputs - targets) ** 2).sum() / ((targets - targets.mean(axis=0)) ** 2).sum())


def accuracy(outputs: np.ndarray, sequences: Sequences) -> float:
    """Share of scored steps at which the largest output is that of the class."""
    right = outputs.argmax(axis=-1) == sequences.targets.argmax(axis=-1)
    return float(right[sequences.scored].mean())


def _digits() -> tuple[np.ndarray, np.ndarray, int]:
    """Images in [0, 1], their classes, and how many of the first are for training: half.

    Images of a hand lie together, and the record is cut in the middle: few hands can be in both parts. In each part the
    order is random, as digits of the record follow one another.
    """
    digits = require_sklearn("datasets").load_digits()
    kept = len(digits.target) // _IMAGES * _IMAGES
    half = kept // 2 // _IMAGES * _IMAGES
    rng = np.random.default_rng(0)
    order = np.concatenate([rng.permutation(half), half + rng.permutation(kept - half)])
    return digits.images[order][..., _COLUMNS] / 16, digits.target[order], half


def _carbon_dioxide() -> np.ndarray:
    try:
        from statsmodels.datasets import co2
    except ImportError as error:
        raise MissingExtra(error.name or "statsmodels", "realistic") from None
    table: Any = co2.load_pandas().data
    return table["co2"].interpolate().to_numpy()


def require_sklearn(name: str) -> Any:
    """A module of scikit-learn, "datasets" or "linear_model"."""
    try:
        from sklearn import datasets, linear_model
    except ImportError as error:
        raise MissingExtra(error.name or "sklearn", "realistic") from None
    return {"datasets": datasets, "linear_model": linear_model}[name]
