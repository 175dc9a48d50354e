"""Functions of an input and a state that NumPy or torch compute, for many points at once, with their derivatives."""

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

_ROWS = 8192  # points that are computed at once


@dataclasses.dataclass(frozen=True, eq=False)
class Differences:
    """A function (x, h) -> values whose derivatives are central differences.

    A derivative along v is (f(p + e v) - f(p - e v)) / 2e with e |v| = `step` * max(1, |p|) in the maximum norm. In
    float64, with `step` = 6e-6, it is right to about 1e-10 for smooth functions; in float32, with 5e-3, to about 1e-4.
    Where a ReLU has its kink within e |v|, it is between the slopes of both sides.

    Attributes:
        call: (x (points, features), h (points, hidden)) -> (points, values), NumPy float64.
        step: Relative size of the differences.
    """

    call: Callable[[np.ndarray, np.ndarray], np.ndarray]
    step: float

    def run(self, inputs: Any, state: Any) -> np.ndarray:
        inputs, state = np.asarray(inputs, np.float64), np.asarray(state, np.float64)
        states = np.empty((*inputs.shape[:2], state.shape[-1]))
        for t in range(inputs.shape[1]):
            states[:, t] = self.call(inputs[:, t], states[:, t - 1] if t else state)
        return states

    def values(self, inputs: Any, states: Any) -> np.ndarray:
        return np.concatenate([self.call(inputs[rows], states[rows]) for rows in _chunks(len(inputs))])

    def carried(self, inputs: Any, states: Any, changes: Any) -> np.ndarray:
        return self._along(inputs, states, changes, of_state=True)

    def written(self, inputs: Any, states: Any, changes: Any) -> np.ndarray:
        return self._along(inputs, states, changes, of_state=False)

    def _along(self, inputs: Any, states: Any, changes: Any, *, of_state: bool) -> np.ndarray:
        inputs, states, changes = (np.asarray(each, np.float64) for each in (inputs, states, changes))
        points, n_changes, size = changes.shape
        each = np.repeat(np.arange(points), n_changes)
        flat = changes.reshape(-1, size)
        found = [
            self._slopes(inputs[each[rows]], states[each[rows]], flat[rows], of_state) for rows in _chunks(len(flat))
        ]
        return np.concatenate(found).reshape(points, n_changes, -1) if found else np.zeros((points, n_changes, 0))

    def _slopes(self, x: np.ndarray, h: np.ndarray, v: np.ndarray, of_state: bool) -> np.ndarray:
        size = np.abs(v).max(-1, keepdims=True)
        point = h if of_state else x
        e = self.step * np.maximum(1, np.abs(point).max(-1, keepdims=True, initial=0)) / np.where(size == 0, 1, size)
        up, down = ((x, h + s * e * v) if of_state else (x + s * e * v, h) for s in (1, -1))
        return (self.call(*up) - self.call(*down)) / (2 * e)


@dataclasses.dataclass(frozen=True, eq=False)
class TorchFunction(Differences):
    """A function that torch differentiates, in forward mode.

    Attributes:
        tensors: The same function on tensors.
        dtype: Their dtype.
    """

    tensors: Callable[[Any, Any], Any]
    dtype: Any

    def _slopes(self, x: np.ndarray, h: np.ndarray, v: np.ndarray, of_state: bool) -> np.ndarray:
        import torch

        inputs, states, along = (torch.from_numpy(np.ascontiguousarray(each)).to(self.dtype) for each in (x, h, v))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # torch's own code warns when first asked for it
            if of_state:
                slopes = torch.func.jvp(lambda states: self.tensors(inputs, states), (states,), (along,))[1]
            else:
                slopes = torch.func.jvp(lambda inputs: self.tensors(inputs, states), (inputs,), (along,))[1]
        return slopes.detach().numpy().astype(np.float64)


def _chunks(n: int) -> list[slice]:
    return [slice(start, start + _ROWS) for start in range(0, n, _ROWS)]
