"""What the native kernel is told: networks and what they hear, lane by lane."""

import math
from typing import Any

import numpy as np

from .._words import MOST_WORDS
from ..networks import RecurrentNetwork, Tied
from ..processes import Constant, Uniform
from ._compiler import NoKernel
from ._kernel import load_kernel
from ._memory import native_bytes, working_bytes
from ._refusals import Way
from ._sequences import Sequences

_MOST_HIDDEN = 1024
_MOST_OUTPUTS = 1024  # a thread keeps 192 bytes for each on its stack
_MOST_FEATURES = 2**16
TOO_LONG = "the states of all steps are too much for the memory"
TOO_MANY = "a batch has more inputs than there are random words"


def why_not_native(lanes: RecurrentNetwork, sequences: Sequences, n_sequences: int) -> str:
    """Why the native kernel cannot run these lanes on batches of that many sequences; empty if it can."""
    if lanes.n_hidden > _MOST_HIDDEN:
        return f"more than {_MOST_HIDDEN} hidden units"
    if lanes.n_outputs > _MOST_OUTPUTS:
        return f"more than {_MOST_OUTPUTS} outputs"
    if lanes.n_features > _MOST_FEATURES:
        return f"more than {_MOST_FEATURES} features"
    if lanes.tied and lanes.recurrence != "linear" and lanes.b_h is not None:
        return "the readout of a nonlinear network with hidden biases is tied"
    if sequences.threshold is None:
        return "inputs do not come from one random word each"
    if not all(isinstance(law, Uniform | Constant) for law in sequences.process.amplitudes):
        return "an amplitude is neither uniform nor constant"
    try:
        load_kernel(lanes)
    except NoKernel as error:
        return str(error)
    if not sequences.from_words(n_sequences):
        return TOO_MANY
    return "" if native_way(lanes, sequences).fits(n_sequences, sequences.horizon) else TOO_LONG


def native_way(lanes: RecurrentNetwork, sequences: Sequences) -> Way:
    """What one thread of the native kernel works in, for lanes that it can run; batches are limited by their words."""
    kernel = load_kernel(lanes)
    deepest = {"deepest_tap": max(sequences.lags, default=0), "deepest_tie": lanes.W_y.max_lag if lanes.tied else 0}

    def needed(n_sequences: int, horizon: int) -> int | float:
        if n_sequences * horizon * lanes.n_features > MOST_WORDS:
            return math.inf
        return native_bytes(kernel, horizon=horizon, **deepest, threads=1)

    return Way(needed, working_bytes())


def threads_that_fit(lanes: RecurrentNetwork, sequences: Sequences, threads: int) -> int:
    """How many of so many threads have room for the states of all steps; at least one."""
    way = native_way(lanes, sequences)
    return int(max(1, min(threads, way.most // way.needed(1, sequences.horizon))))


def common_job(sequences: Sequences, lanes: RecurrentNetwork, count: int, burn_in: int) -> dict[str, Any]:
    """What training and evaluation have in common."""
    laws = sequences.process.amplitudes
    low = np.array([law.low if isinstance(law, Uniform) else law.value for law in laws])
    width = np.array([law.high - law.low if isinstance(law, Uniform) else 0.0 for law in laws])
    lags = lanes.W_y.lag if isinstance(lanes.W_y, Tied) else 0
    taps = _taps(sequences, count)
    return taps | {
        "lanes": count,
        "horizon": sequences.horizon,
        "burn_in": burn_in,
        "sequences": 0,
        "first_step": 0,
        "steps": 1,
        "total_steps": 0,
        "clip": 0.0,
        "deepest_tie": int(np.max(lags)),
        "threshold": rows(sequences.threshold, count, np.uint32),
        "low": rows(low, count, np.float32),
        "slope": rows(np.asarray(sequences.scale) * width.astype(np.float32), count, np.float32),
        "importance": np.array(sequences.importance, np.float32),
        "leak": column(lanes.leak, count, np.float32),
        "tied_lag": column(lags, count, np.int32),
    }


def _taps(sequences: Sequences, count: int) -> dict[str, Any]:
    """The entries of the target filter that are not zero, for every lane by output, padded behind the last output."""
    filters = np.asarray(sequences.taps, np.float32)
    filters = filters.reshape(-1, *filters.shape[-3:])  # one for all, or one per lane
    n_outputs = filters.shape[2]
    found = [[np.argwhere(each[:, output].T) for output in range(n_outputs)] for each in filters]
    ends = np.array([np.cumsum([len(part) for part in parts]) for parts in found]).reshape(len(filters), n_outputs)
    most = int(max(ends[:, -1].max(initial=0), 1))
    lag, feature = np.zeros((len(filters), most), np.int32), np.zeros((len(filters), most), np.int32)
    value = np.zeros((len(filters), most), np.float32)
    for row, parts in enumerate(found):
        outputs = np.repeat(np.arange(n_outputs), [len(part) for part in parts])
        features, places = np.concatenate(parts).T
        used = slice(len(outputs))
        lag[row, used], feature[row, used] = np.asarray(sequences.lags, np.int32)[places], features
        value[row, used] = filters[row, places, outputs, features]
    return {
        "taps": most,
        "deepest_tap": int(max(sequences.lags, default=0)),
        "tap_ends": rows(ends, count, np.int32),
        "tap_lag": rows(lag, count, np.int32),
        "tap_feature": rows(feature, count, np.int32),
        "tap_value": rows(value, count, np.float32),
    }


def rows(values: Any, count: int, dtype: Any) -> np.ndarray:
    """One row per lane, from one row or as many, contiguous."""
    array = np.asarray(values)
    return np.array(np.broadcast_to(array, (count, array.shape[-1])), dtype, order="C")


def column(values: Any, count: int, dtype: Any) -> np.ndarray:
    """One number per lane, from one number or as many, contiguous."""
    return np.array(np.broadcast_to(np.asarray(values), (count,)), dtype)
