"""The native kernel from Python: one library for each shape, networks shared out to threads."""

import contextlib
import ctypes
import dataclasses
import functools
import itertools
from pathlib import Path
from typing import Any

import numpy as np

from ..networks import RecurrentNetwork
from ._compiler import NoKernel, build
from ._interrupts import signals_held
from ._pieces import run_all

_COUNTS = (
    *("lanes", "horizon", "burn_in", "batch", "sequences"),
    *("taps", "deepest_tap", "deepest_tie", "first_step", "steps", "total_steps"),
)
_ARRAYS = {
    "parameters": np.float32,
    "momentum": np.float32,
    "scale": np.float32,
    "gradient": np.float32,
    "loss": np.float32,
    "alive": np.uint8,
    "sums": np.float64,
    "keys": np.uint32,
    "threshold": np.uint32,
    "low": np.float32,
    "slope": np.float32,
    "tap_ends": np.int32,
    "tap_lag": np.int32,
    "tap_feature": np.int32,
    "tap_value": np.float32,
    "importance": np.float32,
    "leak": np.float32,
    "tied_lag": np.int32,
    "learning_rate": np.float32,
}
_RECURRENCES = {"linear": 0, "relu": 1, "tanh": 2}
_READOUTS = {"linear": 0, "relu": 1}
_PIECES_PER_THREAD = 4


class _Job(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in _COUNTS),
        *((name, ctypes.c_void_p) for name in _ARRAYS),
        ("clip", ctypes.c_double),
    )


@dataclasses.dataclass(frozen=True)
class Kernel:
    """The compiled kernel of one shape.

    Attributes:
        library: The loaded shared library.
        names: The weights that are trained, in the order of the parameters.
        shapes: Their shapes for one network.
    """

    library: Any
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    def train(self, job: dict[str, Any], threads: int) -> None:
        """Takes steps; changes `parameters`, `momentum`, `scale`, `loss` and `alive` of the job.

        Raises:
            NoKernel: If there is no memory for the states. Some networks may have taken the steps, others not.
        """
        self._share_out(self.library.train, job, threads)

    def evaluate(self, job: dict[str, Any], threads: int) -> None:
        """Adds to `sums` of the job what the sequences of its `steps` batches say; `keys` has a row for each."""
        self._share_out(self.library.evaluate, job, threads)

    def draw_inputs(self, job: dict[str, Any], lane: int) -> np.ndarray:
        """Inputs that a network hears at `first_step` of the job, (batch, horizon, features)."""
        inputs = np.zeros((job["batch"], job["horizon"], job["threshold"].shape[-1]), np.float32)
        _check(self.library.draw_inputs(ctypes.byref(_as_struct(job)), lane, inputs.ctypes.data))
        return inputs

    def scratch_bytes(self, job: dict[str, Any]) -> int:
        """Memory that one thread works in."""
        return self.library.scratch_bytes(ctypes.byref(_as_struct(job)))

    def pack(self, network: RecurrentNetwork) -> np.ndarray:
        """The parameters of lanes, (lanes, parameters) in float32."""
        parts = [np.asarray(getattr(network, name), np.float32) for name in self.names]
        return np.ascontiguousarray(np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1))

    def unpack(self, parameters: np.ndarray) -> dict[str, np.ndarray]:
        """The weights by name, (lanes, *shape) each, from parameters (lanes, parameters)."""
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])
        parts = np.split(parameters, ends[:-1], axis=1)
        return {
            name: part.reshape(len(part), *shape)
            for name, part, shape in zip(self.names, parts, self.shapes, strict=True)
        }

    def _share_out(self, work: Any, job: dict[str, Any], threads: int) -> None:
        given, lanes = _as_struct(job), job["lanes"]
        pieces = min(lanes, 1 if threads == 1 else _PIECES_PER_THREAD * threads)
        cuts = np.linspace(0, lanes, pieces + 1).astype(int).tolist()

        def on_piece(span: tuple[int, int]) -> int:
            return work(ctypes.byref(given), *span)

        with signals_held():
            codes = run_all(on_piece, list(itertools.pairwise(cuts)), threads)
            # without memory beside the others, perhaps with it alone
            again = [span for span, code in zip(itertools.pairwise(cuts), codes, strict=True) if code]
            codes = run_all(on_piece, again, threads=1)
        for code in codes:
            _check(code)


def _check(code: int) -> None:
    if code:
        raise NoKernel("the native kernel found no memory for its states: use a shorter horizon, or engine=Batched()")


def _as_struct(job: dict[str, Any]) -> _Job:
    """The job as the kernel reads it; its arrays must live as long."""
    given = _Job(**{name: int(job[name]) for name in _COUNTS}, clip=float(job["clip"]))
    for name, dtype in _ARRAYS.items():
        array = job.get(name)
        if array is not None:
            if array.dtype != dtype or not array.flags.c_contiguous:
                raise TypeError(f"{name} must be a contiguous array of {np.dtype(dtype)}, got {array.dtype}")
            setattr(given, name, array.ctypes.data)
    return given


def load_kernel(network: RecurrentNetwork) -> Kernel:
    """The kernel for networks of this kind and shape, built if it is not there.

    Raises:
        NoKernel: If it cannot be built here.
    """
    sizes = {"W_x": (network.n_hidden, network.n_features), "W_h": (network.n_hidden, network.n_hidden)}
    sizes |= {} if network.tied else {"W_y": (network.n_hidden, network.n_outputs)}
    sizes |= {} if network.b_h is None else {"b_h": (network.n_hidden,)}
    sizes |= {} if network.b_y is None else {"b_y": (network.n_outputs,)}
    macros = {
        "N_FEATURES": network.n_features,
        "N_HIDDEN": network.n_hidden,
        "N_OUTPUTS": network.n_outputs,
        "RECURRENCE": _RECURRENCES[network.recurrence],
        "READOUT": _READOUTS[network.readout],
        "TIED": int(network.tied),
        "LEAKY": int(np.any(np.asarray(network.leak) != 1)),
        "BIAS_H": int(network.b_h is not None),
        "BIAS_Y": int(network.b_y is not None),
    }
    library = _load(tuple(macros.items()))
    if isinstance(library, str):
        raise NoKernel(library)
    return Kernel(library, tuple(sizes), tuple(sizes.values()))


@functools.lru_cache(maxsize=256)
def _load(macros: tuple[tuple[str, int], ...]) -> ctypes.CDLL | str:
    """The library; or why there is none, so that a compiler that fails is asked once.

    In words: an exception that is kept holds on to all that was there when it was raised.
    """
    try:
        library = _opened(dict(macros))
    except NoKernel as error:
        return str(error)
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    library.train.argtypes = library.evaluate.argtypes = (pointer, integer, integer)
    library.draw_inputs.argtypes = (pointer, integer, pointer)
    library.scratch_bytes.argtypes = (pointer,)
    library.scratch_bytes.restype = integer
    return library


def _opened(macros: dict[str, int]) -> ctypes.CDLL:
    path = build(macros)
    try:
        return _loaded(path)
    except OSError:  # cut short when the machine went down, or made for another system
        with contextlib.suppress(OSError):
            path.unlink()
    path = build(macros)
    try:
        return _loaded(path)
    except OSError as error:
        raise NoKernel(f"what was compiled cannot be loaded: {error}") from error


def _loaded(path: Path) -> ctypes.CDLL:
    library = ctypes.CDLL(str(path))
    try:
        library.job_size.restype = ctypes.c_int64
        size = library.job_size()
        wrong = f"its jobs have {size} bytes, ours {ctypes.sizeof(_Job)}" if size != ctypes.sizeof(_Job) else ""
    except AttributeError:
        wrong = f"{path.name} is no kernel"
    if wrong:
        _unload(library)
        raise OSError(wrong)
    return library


def _unload(library: ctypes.CDLL) -> None:
    """Lets go of a library, because another of that path would not be loaded beside it."""
    close = getattr(ctypes.CDLL(None), "dlclose", None)
    if close is not None:
        close.argtypes = (ctypes.c_void_p,)
        close(library._handle)
