"""What can be had without a recurrent network: scores of what sees one input, the time, or all inputs."""

import numpy as np
from jaxtyping import Float

from ._tasks import ROWS, RealTask, Sequences, accuracy, r_squared, require_sklearn

_HARMONICS = 3
# two-week steps
_YEAR = 365.25 / 14

BASELINES = ("memoryless", "clock", "everything")


def baselines(task: RealTask) -> dict[str, float]:
    """Scores on the test sequences.

    - `memoryless`: a linear readout of the input of the moment, with weights of its own at every time of a sequence in
      recall; the most frequent class in classification, where inputs are blank when the class is wanted
    - `clock`: what the time alone tells: the mean row of every time, the most frequent class, or for the forecast three
      harmonics of the year
    - `everything`: all inputs at hand: 1 in recall, a linear classifier of whole images, a linear readout of a year
    """
    if task.name == "recall":
        found = _ridge_score(task, n_steps=1, by_time=True), _mean_score(task), 1.0
    elif task.name == "classification":
        most = _most_frequent_score(task)
        found = most, most, _logistic_score(task)
    else:
        found = _ridge_score(task, n_steps=1), _harmonic_score(task), _ridge_score(task, n_steps=task.n_lags)
    return dict(zip(BASELINES, found, strict=True))


def history_load(task: RealTask) -> float:
    """The load of a state that is the last `n_lags` inputs themselves: all pairs, over their participation ratio.

    1 for independent inputs of equal variance, more where inputs tell of one another.
    """
    time, n_lags = task.probe.shape[1], task.n_lags
    lagged = [task.probe[:, n_lags - 1 - lag : time - lag] for lag in range(n_lags)]
    history = np.concatenate(lagged, axis=-1).reshape(-1, n_lags * task.n_features)
    spread = np.linalg.eigvalsh(np.cov(history, rowvar=False))
    return float(np.ptp(history, axis=0).astype(bool).sum() * (spread**2).sum() / spread.sum() ** 2)


def _ridge_score(task: RealTask, *, n_steps: int, by_time: bool = False) -> float:
    """R^2 of a linear readout of the last inputs; with weights and a bias of its own at every time, if so wanted."""

    def table(sequences: Sequences) -> Float[np.ndarray, "scored predictors"]:
        inputs = np.pad(sequences.inputs, [(0, 0), (n_steps - 1, 0), (0, 0)])
        time = sequences.inputs.shape[1]
        parts = [inputs[:, lag : lag + time] for lag in range(n_steps)]
        if by_time:
            seen = np.concatenate([*parts, np.ones_like(inputs[:, :time, :1])], axis=-1)
            of_time = np.eye(time)[sequences.clock]
            return (of_time[..., None] * seen[:, :, None]).reshape(len(seen), time, -1)[sequences.scored]
        return np.concatenate(parts, axis=-1)[sequences.scored]

    return _linear_score(task, table(task.train), table(task.test))


def _harmonic_score(task: RealTask) -> float:
    """R^2 of sines and cosines of the time of the year."""

    def table(sequences: Sequences) -> Float[np.ndarray, "scored predictors"]:
        angles = 2 * np.pi / _YEAR * sequences.clock[sequences.scored][:, None] * np.arange(1, _HARMONICS + 1)
        return np.concatenate([np.cos(angles), np.sin(angles)], axis=1)

    return _linear_score(task, table(task.train), table(task.test))


def _linear_score(task: RealTask, of_train: np.ndarray, of_test: np.ndarray) -> float:
    ridge = require_sklearn("linear_model").RidgeCV(np.logspace(-3, 3, 13))
    ridge.fit(of_train, task.train.targets[task.train.scored])
    outputs = np.zeros_like(task.test.targets)
    outputs[task.test.scored] = ridge.predict(of_test).reshape(-1, task.n_outputs)
    return r_squared(outputs, task.test)


def _mean_score(task: RealTask) -> float:
    means = task.train.targets.mean(axis=0)
    return r_squared(np.broadcast_to(means, task.test.targets.shape), task.test)


def _most_frequent_score(task: RealTask) -> float:
    most = task.train.targets[task.train.scored].sum(axis=0)
    return accuracy(np.broadcast_to(most, task.test.targets.shape), task.test)


def _logistic_score(task: RealTask) -> float:
    """Accuracy of a linear classifier of whole images, the rows before each answer."""

    def table(sequences: Sequences) -> tuple[np.ndarray, np.ndarray]:
        time = sequences.inputs.shape[1] // 2
        images = sequences.inputs.reshape(-1, time, task.n_features)[:, :ROWS]
        return images.reshape(len(images), -1), sequences.targets[sequences.scored].argmax(axis=-1)

    classifier = require_sklearn("linear_model").LogisticRegression(max_iter=1000)
    return float(classifier.fit(*table(task.train)).score(*table(task.test)))
