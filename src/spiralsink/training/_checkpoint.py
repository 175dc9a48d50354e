"""Where a training is, kept in a file, so that one that was killed goes on from there."""

import contextlib
import dataclasses
import glob
import json
import os
import time
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import safetensors
import safetensors.numpy

from .._atomic import read_file, write_file
from .._errors import InvalidInput, Shown, check_kind, check_number
from ._fingerprint import fingerprint

FORMAT = 1

_KEY = "spiralsink"
_ABANDONED_AFTER = 3600.0
_HINT = "delete it to begin anew, or name another path"


@dataclasses.dataclass(frozen=True)
class NoCheckpoint:
    """Keeps nothing: a training that is killed begins anew."""


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Keeps a training in a file while it lasts; the same call of `fit` goes on from there.

    The file is whole at every moment: what was there before, or what is there now. It is written between two chunks of
    steps, and on Ctrl-C, and is gone when the training has ended: save the result then. It holds arrays only; nothing
    in it is executed.

    A training that went on ends with the same bytes as one that was never disturbed, on the same machine with the same
    versions. The file belongs to its training: networks, task, process, key, steps, objective, optimizer, record,
    stopping, engine and versions must be what they were; the number of threads need not.

    Attributes:
        path: Name of the file, in a folder that exists. Two trainings need two files.
        every: Least seconds from the end of one write to the next, > 0.
        best_effort: Whether the file is only there to save time: one that cannot be used, because it is damaged or
            of another training, is replaced, and training goes on where it cannot be written. By default both are
            errors.

    Example:
        >>> import jax, spiralsink as sk, tempfile
        >>> stack = sk.RecurrentNetwork.init(jax.random.key(0), stack=8)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     kept = sk.Checkpoint(folder + "/training.safetensors", every=30)
        ...     result = sk.fit(
        ...         stack, sk.Delay(1), sk.SparseProcess(p=0.5), key=jax.random.key(1), steps=200, checkpoint=kept
        ...     )
        >>> result.steps
        200
    """

    path: Any
    every: Any = 60.0
    best_effort: bool = False

    def __post_init__(self) -> None:
        check_kind("checkpoint.path", self.path, (str, os.PathLike), "the name of a file")
        check_number("checkpoint.every", self.every, "a finite number > 0", lambda every: every > 0)


@runtime_checkable
class Kept(Protocol):
    """Where a training is kept, or is not."""

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        ...

    def read(self) -> dict[str, np.ndarray] | None:
        """What was written last; None if nothing was."""
        ...

    def write(self, tensors: dict[str, np.ndarray]) -> None:
        """Replaces what was written before."""
        ...

    def remove(self) -> None:
        """Keeps it no longer."""
        ...


class _KeptNowhere:
    due = False

    def read(self) -> None:
        return None

    def write(self, tensors: dict[str, np.ndarray]) -> None:
        pass

    def remove(self) -> None:
        pass


class _KeptInFile:
    def __init__(self, checkpoint: Checkpoint, training: str):
        self._path, self._every, self._training = Path(checkpoint.path), checkpoint.every, training
        self._best_effort = checkpoint.best_effort
        self._written = time.monotonic()

    @property
    def due(self) -> bool:
        return time.monotonic() - self._written >= self._every

    def read(self) -> dict[str, np.ndarray] | None:
        # of a process that was killed while it wrote; younger ones may be those of one that still does
        for leftover in self._path.parent.glob(f".{glob.escape(self._path.name)}.*.tmp"):
            with contextlib.suppress(OSError):
                if time.time() - leftover.stat().st_mtime > _ABANDONED_AFTER:
                    leftover.unlink()
        if not os.path.exists(self._path):
            return None
        with self._forgiving():
            return read_checkpoint(self._path, self._training)
        return None

    def write(self, tensors: dict[str, np.ndarray]) -> None:
        with self._forgiving():
            write_checkpoint(self._path, self._training, tensors)
        self._written = time.monotonic()

    def _forgiving(self) -> contextlib.AbstractContextManager[Any]:
        return contextlib.suppress(InvalidInput) if self._best_effort else contextlib.nullcontext()

    def remove(self) -> None:
        # a file that stays does no harm: the same call goes on from it to the same end
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def check_checkpoint(checkpoint: Any) -> None:
    """Raises unless it is one of the two, in a folder that can be written.

    Raises:
        InvalidInput: Names the path.
    """
    check_kind("checkpoint", checkpoint, (NoCheckpoint, Checkpoint), "NoCheckpoint() or Checkpoint(path)")
    if isinstance(checkpoint, Checkpoint) and not checkpoint.best_effort:
        path = Path(checkpoint.path)
        # of os.path, which are false where pathlib raises
        if os.path.isdir(path) or not os.path.isdir(path.parent) or not os.access(path.parent, os.W_OK):
            raise InvalidInput("checkpoint.path", str(path), "a file in a folder that exists and can be written")


def kept(checkpoint: NoCheckpoint | Checkpoint, training: str) -> Kept:
    """Where the training of that fingerprint is kept."""
    return _KeptInFile(checkpoint, training) if isinstance(checkpoint, Checkpoint) else _KeptNowhere()


def write_checkpoint(path: Path, training: str, tensors: dict[str, np.ndarray]) -> None:
    """Writes arrays of the training of that fingerprint, whole or not at all.

    Raises:
        InvalidInput: If the file cannot be written; says why.
    """
    arrays = {name: np.array(tensor, order="C") for name, tensor in tensors.items()}
    metadata = {_KEY: json.dumps(_describe(training, arrays))}
    write_file(path, safetensors.numpy.save(arrays, metadata=metadata))


def read_checkpoint(path: Path, training: str) -> dict[str, np.ndarray]:
    """Reads what `write_checkpoint` wrote of that training.

    Raises:
        InvalidInput: If the file cannot be read, is damaged, or is that of another training.
    """
    content = read_file(path)
    try:
        tensors = safetensors.numpy.load(content)
        size = int.from_bytes(content[:8], "little")
        description = json.loads(json.loads(content[8 : 8 + size])["__metadata__"][_KEY])
        version, written_by = description["format"], description["training"]
        intact = version != FORMAT or description == _describe(written_by, tensors)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        intact, version, written_by, tensors = False, FORMAT, "", {}
    if not intact:
        raise InvalidInput("checkpoint", Shown(f"{path}, which is damaged"), "a whole file", hint=_HINT)
    if version != FORMAT:
        shown = Shown(f"{path} of format {str(version)[:20]}")
        raise InvalidInput("checkpoint", shown, f"a file of format {FORMAT}", hint=_HINT)
    if written_by != training:
        shown = Shown(f"{path} of another one, with other arguments, engine or versions")
        raise InvalidInput("checkpoint", shown, "a file of this very training", hint=_HINT)
    return {name: np.array(tensor) for name, tensor in tensors.items()}


def _describe(training: str, tensors: dict[str, np.ndarray]) -> dict[str, Any]:
    """The metadata of a file; `digest` is over everything in it."""
    digest = fingerprint(format=FORMAT, training=training, tensors=tensors)
    return {"format": FORMAT, "kind": "checkpoint", "training": training, "digest": digest}
