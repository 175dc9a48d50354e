"""Files of networks: safetensors or npz, with a JSON description beside the tensors. Nothing in them is executed."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors
import safetensors.numpy

from ._atomic import read_file, write_file
from ._errors import InvalidInput, Shown, check_kind
from ._kinds import describe
from ._tensors import Description, describe_network, from_tensors, read_description, to_tensors
from .networks import RecurrentNetwork

SUFFIXES = (".safetensors", ".npz")

_KEY = "spiralsink"


def save(path: Any, network: Any, *, task: Any = None, process: Any = None, note: str = "") -> None:
    """Writes a network or a stack to a file, whole or not at all.

    The file holds the tensors `W_x`, `W_h`, `W_y` (absent when the readout is tied), `b_h` and `b_y` (where there
    are any) in their own dtypes, and one JSON description under the key `spiralsink`: `format`, `kind`,
    `recurrence`, `readout`, `leak`, `tied_lag`, `task`, `process`, `note`.

    Args:
        path: Name of the file; `.safetensors`, or `.npz` for a file that NumPy alone can read.
        network: One network or a stack.
        task: What it was trained on, or None; stored as the table of a spec.
        process: The feature process it was trained with, or None; stored as the table of a spec.
        note: Free text.

    Raises:
        InvalidInput: If the suffix is unknown, the file cannot be written or a weight is not finite.
        NotCovered: If the task or the process is of a class that no spec can name.
    """
    path = _checked(path)
    check_kind("network", network, RecurrentNetwork, "a RecurrentNetwork, alone or a stack")
    tensors = to_tensors(network)
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise InvalidInput(name, Shown("NaN or infinite numbers"), "finite")
    description = describe_network(
        network,
        task=None if task is None else describe("task", task),
        process=None if process is None else describe("process", process),
        note=note,
    )
    text = msgspec.json.encode(description).decode()
    if path.suffix == ".npz":
        stream = io.BytesIO()
        arrays: dict[str, Any] = {_KEY: np.array(text), **tensors}
        np.savez(stream, **arrays)
        content = stream.getvalue()
    else:
        content = safetensors.numpy.save(tensors, metadata={_KEY: text})
    write_file(path, content)


def load(path: Any) -> RecurrentNetwork:
    """Reads a network or a stack that `save` wrote, with NumPy weights in the dtypes of the file.

    Args:
        path: A `.safetensors` or `.npz` file.

    Raises:
        InvalidInput: If the file cannot be read or is damaged, its format is newer than this version knows, or a
            tensor is missing, unknown, of the wrong shape or not finite. The message names the file and the field.
    """
    return _read(path)[0]


def load_description(path: Any) -> dict[str, Any]:
    """What a file says about its networks: the JSON description that `save` wrote, checked.

    Args:
        path: A `.safetensors` or `.npz` file.

    Raises:
        InvalidInput: As `load`.
    """
    return msgspec.to_builtins(_read(path)[1])


def read_tensors(path: Any) -> tuple[Mapping[str, np.ndarray], str | None]:
    """The arrays of any `.safetensors` or `.npz` file, and the description that `save` puts beside them, or None.

    Raises:
        InvalidInput: If the file cannot be read or is damaged.
    """
    path = _checked(path)
    return (_read_npz if path.suffix == ".npz" else _read_safetensors)(path)


def _read(path: Any) -> tuple[RecurrentNetwork, Description]:
    path = _checked(path)
    tensors, text = read_tensors(path)
    try:
        description = read_description(_parse(text))
        return from_tensors(tensors, description), description
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error.field}", error.value, error.allowed, hint=error.hint) from None


def _checked(path: Any) -> Path:
    check_kind("path", path, (str, Path), "the name of a file")
    path = Path(path)
    if path.suffix not in SUFFIXES:
        shown = Shown(f"the suffix {path.suffix!r}" if path.suffix else "no suffix")
        raise InvalidInput(str(path), shown, "a file name that ends in " + " or ".join(SUFFIXES))
    return path


def _parse(text: str | None) -> Any:
    if text is None:
        hint = "the file was not written by spiralsink.save"
        raise InvalidInput(f"the key {_KEY}", Shown("nothing"), "present", hint=hint)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput(f"the key {_KEY}", text, "a JSON object") from None


def _read_safetensors(path: Path) -> tuple[Mapping[str, np.ndarray], str | None]:
    content = read_file(path)
    try:
        tensors = safetensors.numpy.load(content)
        size = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + size]).get("__metadata__") or {}
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error, "a whole safetensors file") from None
    return tensors, metadata.get(_KEY)


def _read_npz(path: Path) -> tuple[Mapping[str, np.ndarray], str | None]:
    try:
        archive = np.load(io.BytesIO(read_file(path)), allow_pickle=False)
        arrays = {name: archive[name] for name in archive.files}
    except InvalidInput:
        raise
    except Exception as error:
        # zipfile, zlib, struct and NumPy each have errors of their own for a damaged archive
        raise _damaged(path, error, "a whole npz file of plain arrays") from None
    text = arrays.pop(_KEY, None)
    if text is not None and (text.ndim or text.dtype.kind != "U"):
        raise InvalidInput(f"{path}: {_KEY}", Shown(f"an array of {text.dtype}"), "a string")
    return arrays, None if text is None else str(text)


def _damaged(path: Path, error: Exception, allowed: str) -> InvalidInput:
    words = " ".join(str(error).split()).removeprefix("Error while deserializing: ")[:120] or type(error).__name__
    if "pickle" in words:
        words = "no plain arrays"  # NumPy would advise to load it unsafely
    return InvalidInput(str(path), Shown(f"a damaged or different one: {words}"), allowed)
