"""The linear layer that reads the state: named by the user, or the only one that can be it by its shape and name."""

import dataclasses
import re
from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown
from ..models import LinearReadout, Readout
from ._keys import Found
from ._tensors import Tensors
from ._torch import Stored

# words in the name of a matrix that makes inputs, and in those of one that makes outputs
_BEFORE = frozenset(
    (
        "emb",
        "tok",
        "token",
        "tokens",
        "wpe",
        "wte",
        "embed",
        "embedder",
        "embedding",
        "embeddings",
        "enc",
        "encoder",
        "in",
        "input",
        "inputs",
    )
)
_AFTER = frozenset(
    (
        "out",
        "output",
        "outputs",
        "proj",
        "readout",
        "classifier",
        "dec",
        "decoder",
        "dense",
        "fc",
        "head",
        "lin",
        "linear",
        "logits",
    )
)

_SHOWN = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Head:
    """A readout of h of the last layer, as it was stored.

    Attributes:
        readout: (W, b) with W (outputs, h); a readout of the user; or None.
        name: Of the linear layer, or "".
        others: Names of the layers that could be it, where none was named and there is more than one, or a doubtful
            one.
    """

    readout: Any = None
    name: str = ""
    others: tuple[str, ...] = ()

    def words(self, after: str) -> str:
        """What it is, with what follows it; "" for none."""
        if self.name:
            return f"head {self.name}" + (" and ReLU" if after == "relu" else "")
        return f"no head (it could be {' or '.join(self.others[:_SHOWN])})" if self.others else ""


NO_HEAD = Head()


def find_head(tensors: Tensors, found: Found, stored: Stored, head: Any) -> Head:
    """The readout of a recurrent layer in the same table.

    Without a name it is the one matrix that has as many columns as h has numbers. It needs a bias or the name of a
    readout, must not have the name of an embedding or an encoder, and no other matrix may read what it gives: that
    would be a readout of several layers. The order in the table says nothing. Of one direction of two, and of a layer
    that another one hears, none is taken.

    Args:
        tensors: The table.
        found: The recurrent layer.
        stored: Its arrays.
        head: Name of a linear layer ("fc" or "fc.weight"), a readout object, or None.

    Raises:
        InvalidInput: If there is no such layer, it does not fit, or what it reads was not chosen; lists those that fit.
    """
    if isinstance(head, Readout):
        return Head(head)
    n_state = stored.n_outputs
    if head is None:
        return _only(tensors, found, n_state) if stored.is_last and not stored.is_half else NO_HEAD
    if not stored.is_last:
        hint = "linear layers beside the recurrent ones read the last of them"
        raise InvalidInput(f"{tensors.where}head", head, "absent for a layer that another one hears", hint=hint)
    return named_head(tensors, n_state, head, is_half=stored.is_half)


def named_head(tensors: Tensors, n_state: int, head: Any, *, is_half: bool = False) -> Head:
    """The linear layer of that name.

    Raises:
        InvalidInput: If there is none, or it does not read `n_state` numbers; lists those that do.
    """
    linear = _linear_layers(tensors)
    fitting = [name for name in linear if tensors.arrays[name + "weight"].shape[1] == n_state]
    wanted = str(head).removesuffix("weight").rstrip(".")
    matching = [name for name in linear if name.rstrip(".") == wanted or name.rstrip(".").endswith("." + wanted)]
    if len(matching) != 1 or matching[0] not in fitting:
        allowed = "a linear layer that reads " + f"{n_state} numbers: " + (_listed(fitting) or "there is none")
        shape = tensors.arrays[matching[0] + "weight"].shape if len(matching) == 1 else (0, 0)
        hint = f"that one has the shape {shape}" if shape[0] else ""
        if is_half and shape[1] == 2 * n_state:
            hint += " and reads both directions, of which a model has one"
        raise InvalidInput(f"{tensors.where}head", head, allowed, hint=hint)
    return _read(tensors, matching[0], n_state)


def check_rows(readout: Readout, n_hidden: int) -> None:
    """Raises unless a readout of the user, if it is a matrix, has a row for every number of state."""
    if isinstance(readout, LinearReadout) and len(readout.weights) != n_hidden:
        shown = Shown(f"{len(readout.weights)} rows of weights")
        raise InvalidInput("head", shown, f"a readout of {n_hidden} numbers of state")


def _only(tensors: Tensors, found: Found, n_state: int) -> Head:
    """The one layer that is a readout by its shape and name, or none and those that could be."""
    linear = _linear_layers(tensors)
    fitting = [name for name in linear if tensors.arrays[name + "weight"].shape[1] == n_state]
    root = found.prefix.rstrip(".").rpartition(".")[0]
    words = {name: _words(name.removeprefix(root)) for name in linear}
    possible = [name for name in fitting if not words[name] & _BEFORE]
    sure = [name for name in possible if words[name] & _AFTER or name + "bias" in tensors]
    if len(possible) != 1 or not sure:
        return Head(others=tuple(sorted(name.rstrip(".") or "weight" for name in possible)))
    n_outputs = len(tensors.arrays[sure[0] + "weight"])
    further = [
        name
        for name in linear
        if name != sure[0] and not words[name] & _BEFORE and tensors.arrays[name + "weight"].shape[1] == n_outputs
    ]
    if further:
        return Head(others=(sure[0].rstrip("."),))
    return _read(tensors, sure[0], n_state)


def _words(name: str) -> frozenset[str]:
    return frozenset(re.split(r"[._\d]+", name.lower()))


def _read(tensors: Tensors, name: str, n_state: int) -> Head:
    matrix = tensors.real(name + "weight", (None, n_state), "(outputs, state)")
    bias = tensors.real(name + "bias", (len(matrix),)) if name + "bias" in tensors else np.zeros(len(matrix))
    return Head((matrix, bias), name.rstrip(".") or "weight")


def _linear_layers(tensors: Tensors) -> list[str]:
    """What stands before `weight` of every matrix of that name."""
    names = [name.removesuffix("weight") for name in tensors.arrays if name == "weight" or name.endswith(".weight")]
    return [name for name in names if tensors.arrays[name + "weight"].ndim == 2]


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name.rstrip('.')}'" for name in names)
