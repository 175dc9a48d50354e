"""Arrays out of files: torch files of tensors only, safetensors, npz. Nothing in a file is ever executed."""

import io
import warnings
from pathlib import Path
from typing import Any

from .._atomic import read_file
from .._errors import InvalidInput, MissingExtra, Shown, check_kind
from ..files import SUFFIXES, load, read_tensors
from ..networks import RecurrentNetwork
from ._tensors import Tensors, flatten

TORCH_SUFFIXES = (".pt", ".pth", ".ckpt", ".bin")


def read(path: Any) -> Tensors | RecurrentNetwork:
    """The arrays of a file, or our own network if it is one of ours.

    Args:
        path: A `.pt`, `.pth`, `.ckpt` or `.bin` file of torch, a `.safetensors` or a `.npz` file.

    Raises:
        InvalidInput: If it cannot be read, is damaged, or holds more than tensors and plain values.
        MissingExtra: If it is a torch file and torch is not installed.
    """
    check_kind("path", path, (str, Path), "the name of a file")
    path = Path(path)
    if path.suffix in TORCH_SUFFIXES:
        return flatten(_torch(path), f"{path}: ")
    if path.suffix not in SUFFIXES:
        shown = Shown(f"the suffix {path.suffix!r}" if path.suffix else "no suffix")
        allowed = "a file name that ends in " + ", ".join((*TORCH_SUFFIXES, *SUFFIXES))
        raise InvalidInput(str(path), shown, allowed)
    tensors, description = read_tensors(path)
    return load(path) if description is not None else flatten(tensors, f"{path}: ")


def _torch(path: Path) -> dict[Any, Any]:
    content = read_file(path)
    try:
        import torch
    except ImportError:
        raise MissingExtra("torch", "torch") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        # zip, pickle and torch's reader have errors of their own for a damaged file, and torch one for a refused class
        raise InvalidInput(str(path), Shown(_reason(content, error)), "a whole torch file of tensors only") from None
    if not hasattr(table, "items"):
        hint = "save module.state_dict()"
        raise InvalidInput(str(path), Shown(type(table).__name__), "a torch file of named tensors", hint=hint)
    return dict(table)


def _reason(content: bytes, error: Exception) -> str:
    """What is wrong with a file that torch did not read, in one line."""
    words, refused = " ".join(str(error).split()), type(error).__name__ == "UnpicklingError"
    if not content:
        return "an empty file"
    if refused and "GLOBAL " in words:
        name = words.split("GLOBAL ", 1)[1].split()[0].rstrip(".,:;`")
        return f"a pickle that asks for {name}; nothing was executed: save module.state_dict() instead"
    if content[:2] == b"PK":
        return "a damaged or different archive" if "TorchScript" not in words else "a TorchScript archive"
    if refused and content[:1] == b"\x80":
        return "a pickle that is damaged or holds more than tensors; nothing was executed"
    return "a file that is no torch file"
