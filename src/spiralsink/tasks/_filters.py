"""The filter tasks."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from .._errors import InvalidInput, Shown, check_count, check_finite
from ._checks import check_delays, check_importance, check_lag, check_lags, check_numbers


class Delay(eqx.Module):
    """Recall after a fixed delay: y*_t = x_{t-k}, so G_s = 1[s = k] times the identity.

    Attributes:
        delay: k >= 0; an int, or an array of ints `(*stack,)` with one delay per network.
        importance: Weight I_i of each output in the loss: a number >= 0 or `(n_outputs,)`.
    """

    delay: Any = eqx.field(static=True)
    importance: Any = eqx.field(static=True)

    def __init__(self, delay: Any, importance: Any = 1.0):
        self.delay = check_delays("delay", delay)
        self.importance = check_importance(importance)

    @property
    def recall_lag(self) -> Any:
        """k: an int, or an array with one lag per network."""
        return np.array(self.delay) if isinstance(self.delay, tuple) else self.delay

    @property
    def memory(self) -> int:
        return int(np.max(self.delay)) + 1

    def n_outputs(self, n_features: int) -> int:
        return n_features

    def target_filter(self, n_lags: int, n_features: int) -> Float[np.ndarray, "*stack lags outputs features"]:
        hit = np.arange(n_lags) == np.asarray(self.delay)[..., None]
        return hit[..., None, None] * np.eye(n_features)


class Delays(eqx.Module):
    """Recall after several delays at once: outputs (x_{t-k_1}, x_{t-k_2}, ...), n_features of them for each delay.

    Attributes:
        delays: Different delays k_1, k_2, ... >= 0.
        importance: Weight I_i of each output in the loss: a number >= 0 or `(n_outputs,)`.
    """

    delays: tuple[int, ...] = eqx.field(static=True)
    importance: Any = eqx.field(static=True)
    recall_lag = None

    def __init__(self, delays: Sequence[int], importance: Any = 1.0):
        self.delays = check_lags("delays", delays)
        self.importance = check_importance(importance)

    @property
    def memory(self) -> int:
        return max(self.delays) + 1

    def n_outputs(self, n_features: int) -> int:
        return n_features * len(self.delays)

    def target_filter(self, n_lags: int, n_features: int) -> Float[np.ndarray, "lags outputs features"]:
        blocks = [(np.arange(n_lags) == delay)[:, None, None] * np.eye(n_features) for delay in self.delays]
        return np.concatenate(blocks, axis=1)


class DelayedSum(eqx.Module):
    """A weighted sum of delayed inputs: y*_t = sum_d c_d x_{t-d}. Differences have coefficients of both signs.

    Attributes:
        delays: Different delays d >= 0.
        coefficients: c_d, one for each delay.
        importance: Weight I_i of each output in the loss: a number >= 0 or `(n_outputs,)`.
    """

    delays: tuple[int, ...] = eqx.field(static=True)
    coefficients: tuple[float, ...] = eqx.field(static=True)
    importance: Any = eqx.field(static=True)
    recall_lag = None

    def __init__(self, delays: Sequence[int], coefficients: Sequence[float], importance: Any = 1.0):
        self.delays = check_lags("delays", delays)
        self.coefficients = check_numbers("coefficients", coefficients, len(self.delays))
        self.importance = check_importance(importance)

    @property
    def memory(self) -> int:
        return max(self.delays) + 1

    def n_outputs(self, n_features: int) -> int:
        return n_features

    def target_filter(self, n_lags: int, n_features: int) -> Float[np.ndarray, "lags outputs features"]:
        taps = np.zeros(n_lags)
        for delay, coefficient in zip(self.delays, self.coefficients, strict=True):
            if delay < n_lags:
                taps[delay] += coefficient
        return taps[:, None, None] * np.eye(n_features)


class MovingAverage(eqx.Module):
    """The mean of the last `width` inputs: G_s = 1 / width for s < width.

    Attributes:
        width: Number of inputs averaged, >= 1; the current one is the first of them.
        importance: Weight I_i of each output in the loss: a number >= 0 or `(n_outputs,)`.
    """

    width: int = eqx.field(static=True)
    importance: Any = eqx.field(static=True)
    recall_lag = None

    def __init__(self, width: int, importance: Any = 1.0):
        self.width = check_lag("width", width, 1)
        self.importance = check_importance(importance)

    @property
    def memory(self) -> int:
        return self.width

    def n_outputs(self, n_features: int) -> int:
        return n_features

    def target_filter(self, n_lags: int, n_features: int) -> Float[np.ndarray, "lags outputs features"]:
        return (np.arange(n_lags) < self.width)[:, None, None] / self.width * np.eye(n_features)


class LeakyIntegration(eqx.Module):
    """Leaky integration: y*_t = decay y*_{t-1} + x_t, so G_s = decay^s.

    Attributes:
        decay: Share of the integral that is kept from step to step, in (-1, 1).
        importance: Weight I_i of each output in the loss: a number >= 0 or `(n_outputs,)`.
    """

    decay: float = eqx.field(static=True)
    importance: Any = eqx.field(static=True)
    recall_lag = None

    def __init__(self, decay: float, importance: Any = 1.0):
        (self.decay,) = check_numbers("decay", [decay], 1)
        if not -1 < self.decay < 1:
            raise InvalidInput("decay", decay, "in (-1, 1)")
        self.importance = check_importance(importance)

    @property
    def memory(self) -> int | None:
        return None if self.decay else 1

    def n_outputs(self, n_features: int) -> int:
        return n_features

    def target_filter(self, n_lags: int, n_features: int) -> Float[np.ndarray, "lags outputs features"]:
        return (self.decay ** np.arange(n_lags))[:, None, None] * np.eye(n_features)


class Permutation(eqx.Module):
    """Delayed permutation of the features: y*_{i,t} = x_{order[i], t-k}.

    Attributes:
        delay: k >= 0.
        order: The feature that each output recalls, a permutation of 0 .. n_features - 1.
        importance: Weight I_i of each output in the loss: a number >= 0 or `(n_outputs,)`.
    """

    delay: int = eqx.field(static=True)
    order: tuple[int, ...] = eqx.field(static=True)
    importance: Any = eqx.field(static=True)

    def __init__(self, delay: int, order: Sequence[int], importance: Any = 1.0):
        self.delay = check_lag("delay", delay)
        self.order = tuple(check_count("order", each, 0) for each in order)
        if sorted(self.order) != list(range(len(self.order))) or not self.order:
            raise InvalidInput("order", order, "a permutation of 0 .. n_features - 1")
        self.importance = check_importance(importance)

    @property
    def recall_lag(self) -> int:
        return self.delay

    @property
    def memory(self) -> int:
        return self.delay + 1

    def n_outputs(self, n_features: int) -> int:
        return len(self.order)

    def target_filter(self, n_lags: int, n_features: int) -> Float[np.ndarray, "lags outputs features"]:
        if n_features != len(self.order):
            raise InvalidInput("order", Shown(f"{len(self.order)} of them"), f"n_features = {n_features} indices")
        return (np.arange(n_lags) == self.delay)[:, None, None] * np.eye(n_features)[list(self.order)]


class Mixing(eqx.Module):
    """Delayed linear mixture of the features: y*_t = matrix x_{t-k}.

    Attributes:
        delay: k >= 0.
        matrix: Shape (n_outputs, n_features).
        importance: Weight I_i of each output in the loss: a number >= 0 or `(n_outputs,)`.
    """

    delay: int = eqx.field(static=True)
    matrix: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    importance: Any = eqx.field(static=True)

    def __init__(self, delay: int, matrix: Any, importance: Any = 1.0):
        self.delay = check_lag("delay", delay)
        try:
            values = np.asarray(matrix, dtype=np.float64)
        except (TypeError, ValueError):
            raise InvalidInput("matrix", matrix, "a matrix of numbers (n_outputs, n_features)") from None
        if values.ndim != 2 or 0 in values.shape:
            raise InvalidInput("matrix", Shown(f"shape {values.shape}"), "of shape (n_outputs, n_features)")
        check_finite("matrix", values)
        self.matrix = tuple(tuple(float(each) for each in row) for row in values)
        self.importance = check_importance(importance)

    @property
    def recall_lag(self) -> int:
        return self.delay

    @property
    def memory(self) -> int:
        return self.delay + 1

    def n_outputs(self, n_features: int) -> int:
        return len(self.matrix)

    def target_filter(self, n_lags: int, n_features: int) -> Float[np.ndarray, "lags outputs features"]:
        matrix = np.array(self.matrix)
        if n_features != matrix.shape[1]:
            raise InvalidInput("matrix", Shown(f"{matrix.shape[1]} columns"), f"n_features = {n_features} columns")
        return (np.arange(n_lags) == self.delay)[:, None, None] * matrix
