"""The folder of `inspect` as one network whose directions are given."""

from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown
from ._datasets import read_dataset
from ._group import COLUMNS, Given, Group
from ._sampling import MOST_NUMBERS

# {index} is 0: there is one network
_CODE = """import numpy as np
import xarray as xr

data = xr.open_dataset("inspection.nc", engine="h5netcdf")
directions = data.directions.values  # (lag, hidden, feature)
W_y = {readout}
print(W_y.T @ directions)  # what the readout sees, by lag
rows = directions.transpose(0, 2, 1).reshape(-1, data.sizes["hidden"])
plane = np.linalg.svd(rows, full_matrices=False)[2][:2]
print(plane @ directions)  # in the plane that holds most
"""
_OF_WEIGHTS = "data.readout_weights.values"
_OF_DIRECTIONS = "directions[{lag}]"
_LEAST = """np.linalg.lstsq(
    directions.transpose(0, 2, 1).reshape(-1, data.sizes["hidden"]),
    data.projections.transpose("lag", "feature", "output").values.reshape(-1, data.sizes["output"]),
    rcond=None,
)[0]"""


def group_of_inspection(path: Path) -> Group:
    """The network that an inspection.nc is of.

    The readout is that of the network; where it has no weights, the one of least norm that sees the projections that
    were measured; without a readout, features are seen along their own directions at the age of the delay.

    Raises:
        InvalidInput: If the file is damaged or is something else.
    """
    data = read_dataset(path)
    if "directions" not in data or data["directions"].dims != ("lag", "hidden", "feature") or "kind" not in data.attrs:
        raise InvalidInput(str(path), Shown("a dataset without directions"), "what inspect writes")
    directions = np.asarray(data["directions"].values, np.float64)
    delay = _delay(path, data)
    kind = str(data.attrs["kind"])
    kept = _longest(directions)
    sampling = "" if len(kept) == directions.shape[2] else f"The {len(kept)} longest of {directions.shape[2]} features."
    W_y, seen = _readout(data, directions, delay, kept)
    directions = directions[:, :, kept]
    unknown = np.full(1, np.nan)
    n_lags, n_hidden, n_features = directions.shape
    return Group(
        key="inspected",
        label=f"{kind}, {n_features} features, {n_hidden} hidden units",
        about=f"Inspected by spiralsink: mean directions of {n_lags} ages. {seen}".rstrip(),
        networks=Given(
            directions[None],
            W_y[None],
            _at_rest(data, W_y)[None],
            readout=_nonlinearity(data),
            tied="projections" not in data,
        ),
        task=delay,
        process=None,
        horizon=None,
        p=unknown,
        seed=np.full(1, -1),
        source=np.zeros(1, int),
        best=np.ones(1, bool),
        status=[""],
        regime=[""],
        loss=unknown,
        columns=dict.fromkeys(COLUMNS, unknown),
        total=1,
        sampling=sampling,
        code=_CODE.format(readout=_readout_code(data, delay)),
    )


def _delay(path: Path, data: Any) -> int | None:
    delay = data.attrs.get("delay", "none")
    try:
        return None if isinstance(delay, str) and delay == "none" else int(delay)
    except (TypeError, ValueError):
        raise InvalidInput(f"{path}: delay", str(delay), "a whole number, or none") from None


def _nonlinearity(data: Any) -> str:
    """Of the readout; linear where a readout is not linear in the state, because its directions are derivatives."""
    return "relu" if data.attrs.get("readout") == "relu" else "linear"


def _at_rest(data: Any, W_y: np.ndarray) -> np.ndarray:
    """What the readout sees without inputs; zero where the silent network does not settle."""
    found = np.asarray(data["readout_at_rest"].values, np.float64) if "readout_at_rest" in data else np.zeros(0)
    return found if found.shape == W_y.shape[1:] and np.isfinite(found).all() else np.zeros(W_y.shape[1])


def _longest(directions: np.ndarray) -> np.ndarray:
    """The features whose directions are the longest, as many as a page holds, in their order."""
    n_lags, n_hidden, n_features = directions.shape
    room = max(1, MOST_NUMBERS // (n_hidden * (n_lags + 1)))
    if n_features <= room:
        return np.arange(n_features)
    length = np.sqrt((np.nan_to_num(directions) ** 2).sum(axis=(0, 1)))
    return np.sort(np.argsort(-length, kind="stable")[:room])


def _readout_code(data: Any, delay: int | None) -> str:
    if "projections" not in data:
        return _OF_DIRECTIONS.format(lag=_seen_lag(data, delay))
    return _OF_WEIGHTS if "readout_weights" in data else _LEAST


def _seen_lag(data: Any, delay: int | None) -> int:
    return min(delay or 0, data.sizes["lag"] - 1)


def _readout(data: Any, directions: np.ndarray, delay: int | None, kept: np.ndarray) -> tuple[np.ndarray, str]:
    """W_y, (hidden, outputs), and what it is in words."""
    if "projections" not in data:
        lag = _seen_lag(data, delay)
        return directions[lag][:, kept], f"Features are seen along their own directions of age {lag}."
    if "readout_weights" in data:
        return np.asarray(data["readout_weights"].values, np.float64), ""
    n_lags, n_hidden, n_features = directions.shape
    rows = directions.transpose(0, 2, 1).reshape(n_lags * n_features, n_hidden)
    seen = data["projections"].transpose("lag", "feature", "output").values.reshape(n_lags * n_features, -1)
    whole = np.isfinite(rows).all(axis=1) & np.isfinite(seen).all(axis=1)
    W_y = np.linalg.lstsq(rows[whole], seen[whole], rcond=None)[0]
    left = np.sqrt(np.sum((rows[whole] @ W_y - seen[whole]) ** 2) / max(np.sum(seen[whole] ** 2), 1e-300))
    words = "The readout is the one of least norm that sees the measured projections"
    return W_y, words + ("." if left < 1e-3 else f", up to {left:.2g} of their size.")
