"""Three tasks on recorded data that is installed with a package: recall, classification, forecasting."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from ..._errors import MissingExtra

_DELAY = 3
_IMAGES = 3
_ROWS = 8
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
    """

    inputs: Float[np.ndarray, "batch time features"]
    targets: Float[np.ndarray, "batch time outputs"]
    weights: Float[np.ndarray, "batch time"]
    scored: Bool[np.ndarray, "batch time"]


@dataclasses.dataclass(frozen=True, eq=False)
class RealTask:
    """A task on recorded data.

    Attributes:
        name: "recall", "classification" or "forecast".
        readout: What follows the linear readout: "relu", "softmax" or "linear".
        draw: Draws a batch of training sequences: `draw(rng, n_sequences)`.
        first_bias: Where readouts start: a rectified one at the mean of its training targets, the others at 0.
        test: Sequences that no network was trained on, to score networks.
        probe: Sequences on which memory is measured.
        n_lags: Ages that are measured.
        asked: Of an input at a row's time, the times at which it is wanted, (inputs, time); no rows where that is not
            known. The inputs are those of `heard_at`.
        heard_at: Times of the inputs whose impulses are followed, (inputs,).
        baselines: Scores that need no memory, and one that has all of it, by name.
    """

    name: str
    readout: str
    draw: Callable[[np.random.Generator, int], Sequences]
    first_bias: Float[np.ndarray, " outputs"]
    test: Sequences
    probe: Float[np.ndarray, "sequences steps features"]
    n_lags: int
    asked: Bool[np.ndarray, "inputs time"]
    heard_at: Int[np.ndarray, " inputs"]
    baselines: dict[str, float]

    @property
    def n_features(self) -> int:
        return self.probe.shape[-1]

    @property
    def n_outputs(self) -> int:
        return self.test.targets.shape[-1]

    @property
    def history_load(self) -> float:
        """The load of a state that is the last `n_lags` inputs themselves: all pairs, over their participation ratio.

        1 for independent inputs of equal variance, more where inputs tell of one another.
        """
        time, n_lags = self.probe.shape[1], self.n_lags
        lagged = [self.probe[:, n_lags - 1 - lag : time - lag] for lag in range(n_lags)]
        history = np.concatenate(lagged, axis=-1).reshape(-1, n_lags * self.n_features)
        spread = np.linalg.eigvalsh(np.cov(history, rowvar=False))
        return float(np.ptp(history, axis=0).astype(bool).sum() * (spread**2).sum() / spread.sum() ** 2)


def make_task(name: str) -> RealTask:
    """The task of that name: "recall", "classification" or "forecast".

    Raises:
        MissingExtra: If scikit-learn or statsmodels is not installed.
    """
    return {"recall": recall, "classification": classification, "forecast": forecast}[name]()


def recall() -> RealTask:
    """Rows of handwritten digits, one a step; the row of three steps ago is wanted, y*_t = x_{t-3}.

    Inputs are the eight pixels of a row, in [0, 1]; three images follow one another. The readout is rectified, as
    pixels are never negative. The score is R^2 over all pixels and steps from the fourth.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (UCI, 1998), 1797 images.
    """
    images, _, half = _digits()

    def sequences(chosen: np.ndarray) -> Sequences:
        inputs = images[chosen].reshape(-1, _IMAGES * _ROWS, images.shape[-1])
        targets = np.zeros_like(inputs)
        targets[:, _DELAY:] = inputs[:, :-_DELAY]
        late = np.broadcast_to(np.arange(inputs.shape[1]) >= _DELAY, inputs.shape[:2])
        return Sequences(inputs, targets, np.ones(inputs.shape[:2]), late)

    def draw(rng: np.random.Generator, n_sequences: int) -> Sequences:
        return sequences(rng.integers(half, size=n_sequences * _IMAGES))

    test = sequences(np.arange(half, len(images)))
    train = sequences(np.arange(half))
    heard = np.arange(_ROWS, 2 * _ROWS)
    time = np.arange(_IMAGES * _ROWS)
    return RealTask(
        name="recall",
        readout="relu",
        draw=draw,
        first_bias=train.targets.mean(axis=(0, 1)),
        test=test,
        probe=test.inputs[:_PROBED],
        n_lags=8,
        asked=time == heard[:, None] + _DELAY,
        heard_at=heard,
        # images begin at known times, and what to make of a row depends on which one it is
        baselines={"memoryless": _ridge_score(train, test, n_steps=1, by_time=True), "all": 1.0},
    )


def classification() -> RealTask:
    """Rows of a digit, then three blank steps; at the last of them its class is wanted, before that "wait".

    There are eleven classes, ten digits and "wait". Two images follow one another. The score is the share of images
    that are classified rightly at the step of the answer, among all eleven classes.

    Source: as `recall`.
    """
    images, classes, half = _digits()
    length = _ROWS + _DELAY

    def sequences(chosen: np.ndarray) -> Sequences:
        blank = np.zeros((len(chosen), _DELAY, images.shape[-1]))
        inputs = np.concatenate([images[chosen], blank], axis=1).reshape(-1, 2 * length, images.shape[-1])
        wanted = np.full((len(chosen), length), _CLASSES)
        wanted[:, -1] = classes[chosen]
        wanted = wanted.reshape(-1, 2 * length)
        answers = wanted < _CLASSES
        # the answer counts as much as all the waiting
        weights = np.where(answers, length / 2, length / (2 * (length - 1)))
        return Sequences(inputs, np.eye(_CLASSES + 1)[wanted], weights, answers)

    def draw(rng: np.random.Generator, n_sequences: int) -> Sequences:
        return sequences(rng.integers(half, size=2 * n_sequences))

    held_out = np.arange(half, half + (len(images) - half) // 2 * 2)
    test = sequences(held_out)
    return RealTask(
        name="classification",
        readout="softmax",
        draw=draw,
        first_bias=np.zeros(_CLASSES + 1),
        test=test,
        probe=test.inputs[:_PROBED],
        n_lags=length + 3,
        asked=np.broadcast_to(np.arange(2 * length) == length - 1, (_ROWS, 2 * length)),
        heard_at=np.arange(_ROWS),
        baselines={
            # all blank steps look alike
            "memoryless": float(np.bincount(classes[held_out]).max() / len(held_out)),
            "all": _logistic_score(images, classes, half, held_out),
        },
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
        return Sequences(change[at][..., None], ahead[at][..., None], np.where(late, 2.0, 0.0), late)

    def draw(rng: np.random.Generator, n_sequences: int) -> Sequences:
        return windows(rng.integers(n_train - length - _AHEAD, size=n_sequences))

    # the second years of windows that start a year apart are each year once
    train = windows(np.arange(0, n_train - length - _AHEAD, _YEAR))
    test = windows(np.arange(n_train, len(change) - length, _YEAR))
    return RealTask(
        name="forecast",
        readout="linear",
        draw=draw,
        first_bias=np.zeros(1),
        test=test,
        # in one piece, or there are too few steps to fit a readout of 512 units to
        probe=change[None, :, None],
        n_lags=_YEAR,
        asked=np.zeros((0, length), bool),
        heard_at=np.zeros(0, np.int64),
        baselines={
            "memoryless": _ridge_score(train, test, n_steps=1),
            "all": _ridge_score(train, test, n_steps=_YEAR),
        },
    )


def r_squared(outputs: np.ndarray, sequences: Sequences) -> float:
    """1 - sum (y - y*)^2 / sum (y* - mean y*)^2 over scored steps and all outputs, means of each output."""
    outputs, targets = outputs[sequences.scored], sequences.targets[sequences.scored]
    return float(1 - ((outputs - targets) ** 2).sum() / ((targets - targets.mean(axis=0)) ** 2).sum())


def accuracy(outputs: np.ndarray, sequences: Sequences) -> float:
    """Share of scored steps at which the largest output is that of the class."""
    right = outputs.argmax(axis=-1) == sequences.targets.argmax(axis=-1)
    return float(right[sequences.scored].mean())


def _ridge_score(train: Sequences, test: Sequences, *, n_steps: int, by_time: bool = False) -> float:
    """R^2 of a linear readout of the last inputs; with weights and a bias of its own at every time, if so wanted."""
    linear_model = _sklearn("linear_model")

    def table(sequences: Sequences) -> np.ndarray:
        inputs = np.pad(sequences.inputs, [(0, 0), (n_steps - 1, 0), (0, 0)])
        time = sequences.inputs.shape[1]
        parts = [inputs[:, lag : lag + time] for lag in range(n_steps)]
        if by_time:
            seen = np.concatenate([*parts, np.ones_like(inputs[:, :time, :1])], axis=-1)
            return (np.eye(time)[:, :, None] * seen[:, :, None]).reshape(len(seen), time, -1)
        return np.concatenate(parts, axis=-1)

    ridge = linear_model.RidgeCV(np.logspace(-3, 3, 13))
    ridge.fit(table(train)[train.scored], train.targets[train.scored])
    outputs = np.zeros_like(test.targets)
    outputs[test.scored] = ridge.predict(table(test)[test.scored]).reshape(-1, test.targets.shape[-1])
    return r_squared(outputs, test)


def _logistic_score(images: np.ndarray, classes: np.ndarray, half: int, held_out: np.ndarray) -> float:
    """Accuracy of a linear classifier of whole images."""
    classifier = _sklearn("linear_model").LogisticRegression(max_iter=1000)
    flat = images.reshape(len(images), -1)
    return float(classifier.fit(flat[:half], classes[:half]).score(flat[held_out], classes[held_out]))


def _digits() -> tuple[np.ndarray, np.ndarray, int]:
    """Images in [0, 1] in a fixed random order, their classes, and how many of the first are for training: half.

    Who wrote an image is not known: a hand may be in both parts.
    """
    digits = _sklearn("datasets").load_digits()
    order = np.random.default_rng(0).permutation(len(digits.target))
    half = len(order) // 2 // _IMAGES * _IMAGES
    kept = order[: len(order) // _IMAGES * _IMAGES]
    return digits.images[kept] / 16, digits.target[kept], half


def _carbon_dioxide() -> np.ndarray:
    try:
        from statsmodels.datasets import co2
    except ImportError as error:
        raise MissingExtra(error.name or "statsmodels", "realistic") from None
    table: Any = co2.load_pandas().data
    return table["co2"].interpolate().to_numpy()


def _sklearn(name: str) -> Any:
    try:
        from sklearn import datasets, linear_model
    except ImportError as error:
        raise MissingExtra(error.name or "sklearn", "realistic") from None
    return {"datasets": datasets, "linear_model": linear_model}[name]
