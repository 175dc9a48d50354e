"""The linear layer that reads the state: named by the user, or the only one that can be it."""

from typing import Any

import numpy as np

from .._errors import InvalidInput
from ..models import Readout
from ._keys import Found
from ._tensors import Tensors


def find_head(tensors: Tensors, found: Found, n_state: int, head: Any) -> tuple[Any, str]:
    """The readout of a recurrent layer in the same table, and its name.

    Args:
        tensors: The table.
        found: The recurrent layer.
        n_state: Size of what the readout reads, h of the last layer.
        head: Name of a linear layer ("fc" or "fc.weight"), a readout object, or None. With None, the linear layer
            after the recurrent one is the readout if there is only one there and it fits; otherwise there is none.

    Returns:
        (W, b) with W (outputs, n_state), or the object, or None; and the name, or "".

    Raises:
        InvalidInput: If there is no such layer or it does not fit; lists those that do.
    """
    if isinstance(head, Readout):
        return head, ""
    linear = _linear_layers(tensors)
    fitting = [name for name in linear if tensors.arrays[name + "weight"].shape[1] == n_state]
    if head is None:
        names = list(tensors.arrays)
        last = max(index for index, name in enumerate(names) if name.startswith(f"{found.prefix}weight_"))
        after = [name for name in linear if names.index(name + "weight") > last]
        return _read(tensors, after[0], n_state) if len(after) == 1 and after[0] in fitting else (None, "")
    wanted = str(head).removesuffix("weight").rstrip(".")
    matching = [name for name in linear if name.rstrip(".") == wanted or name.rstrip(".").endswith("." + wanted)]
    if len(matching) != 1 or matching[0] not in fitting:
        allowed = "a linear layer that reads " + f"{n_state} numbers: " + (_listed(fitting) or "there is none")
        shape = tensors.arrays[matching[0] + "weight"].shape if len(matching) == 1 else None
        raise InvalidInput(
            f"{tensors.where}head", head, allowed, hint=f"that one has the shape {shape}" if shape else ""
        )
    return _read(tensors, matching[0], n_state)


def _read(tensors: Tensors, name: str, n_state: int) -> tuple[tuple[np.ndarray, np.ndarray], str]:
    matrix = tensors.real(name + "weight", (None, n_state), "(outputs, state)")
    bias = tensors.real(name + "bias", (len(matrix),)) if name + "bias" in tensors else np.zeros(len(matrix))
    return (matrix, bias), name.rstrip(".") or "weight"


def _linear_layers(tensors: Tensors) -> list[str]:
    """What stands before `weight` of every matrix of that name."""
    names = [name.removesuffix("weight") for name in tensors.arrays if name == "weight" or name.endswith(".weight")]
    return [name for name in names if tensors.arrays[name + "weight"].ndim == 2]


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name.rstrip('.')}'" for name in names)
