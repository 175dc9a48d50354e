"""Layers under torch's names: `weight_ih_l0` of `nn.RNN`, `nn.GRU` and `nn.LSTM`, `weight_ih` of their cells."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from .._conventions import CONVENTIONS
from .._errors import InvalidInput, Shown, check_choice
from ._cells import GATES
from ._keys import Found
from ._tensors import Tensors

_TITLES = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
DIRECTIONS = CONVENTIONS["direction"].choices


@dataclasses.dataclass(frozen=True, eq=False)
class Stored:
    """The layers that were chosen of those under one prefix.

    Attributes:
        layers: Their arrays.
        title: What they are, in words.
        is_last: Whether no other layer hears the last of them.
        is_half: Whether they are one direction of two.
    """

    layers: tuple[dict[str, np.ndarray], ...]
    title: str
    is_last: bool = True
    is_half: bool = False

    @property
    def n_outputs(self) -> int:
        """Size of h of the last of them."""
        return self.layers[-1]["W_hh"].shape[1]


def stored_layers(tensors: Tensors, found: Found, *, layer: Any = None, direction: Any = None) -> Stored:
    """The layers under one prefix, those that were chosen.

    Args:
        tensors: The table.
        found: Which of its layers.
        layer: The number of one layer, which then hears the inputs of that layer; None for all.
        direction: "forward", or "backward" for the half of a bidirectional network that reads from the end: a model of
            it takes sequences with time reversed.

    Raises:
        InvalidInput: If a choice is missing or not there, or an array does not fit.
    """
    suffixes = _suffixes(tensors, found)
    numbers = list(dict.fromkeys(number for number, _ in suffixes))
    both = any(backward for _, backward in suffixes)
    if direction is not None:
        check_choice("direction", direction, DIRECTIONS if both else DIRECTIONS[:1])
    elif both:
        hint = "the layer reads its inputs in both directions, and a step that reads forward knows only one"
        raise InvalidInput(f"{tensors.where}direction", Shown("nothing"), "'forward' or 'backward'", hint=hint)
    if layer is not None and (isinstance(layer, bool) or layer not in numbers):
        raise InvalidInput("layer", layer, "one of " + ", ".join(map(str, numbers)))
    if both and layer is None and len(numbers) > 1:
        hint = "layers above the first hear both directions of the layer below"
        raise InvalidInput(
            f"{tensors.where}layer", Shown("nothing"), "one of " + ", ".join(map(str, numbers)), hint=hint
        )
    chosen = numbers if layer is None else [layer]
    arrays = []
    for number in chosen:
        n_inputs = len(_outputs(arrays[-1])) if arrays else None
        arrays.append(_layer(tensors, found, suffixes[number, direction == "backward"], n_inputs))
    library = "equinox" if is_equinox(tensors, found) else "torch"
    title = f"{library} {_TITLES[found.kind]}" + ("" if found.numbered else "Cell")
    if layer is not None and len(numbers) > 1:
        title += f" layer {layer}"
    title += f" {direction}" if both else ""
    return Stored(tuple(arrays), title, is_last=chosen[-1] == numbers[-1], is_half=both)


def _outputs(layer: dict[str, np.ndarray]) -> np.ndarray:
    return layer["W_hh"].T


def _suffixes(tensors: Tensors, found: Found) -> dict[tuple[int, bool], str]:
    """(number, whether backward) -> what follows `weight_ih`."""
    if not found.numbered:
        return {(0, False): ""}
    suffixes = {}
    for name in tensors.arrays:
        begin = f"{found.prefix}weight_ih_l"
        number, _, end = name.removeprefix(begin).partition("_")
        if name.startswith(begin) and number.isdigit() and end in ("", "reverse"):
            suffixes[int(number), end == "reverse"] = name.removeprefix(f"{found.prefix}weight_ih")
    numbers = sorted({number for number, _ in suffixes})
    for number in range(numbers[-1] + 1):
        for backward in {backward for _, backward in suffixes}:
            if (number, backward) not in suffixes:
                name = f"{found.prefix}weight_ih_l{number}" + ("_reverse" if backward else "")
                raise tensors.error(name, "nothing", "present", f"there are layers up to {numbers[-1]}")
    return dict(sorted(suffixes.items()))


def _layer(tensors: Tensors, found: Found, suffix: str, n_inputs: int | None) -> dict[str, np.ndarray]:
    def name(field: str) -> str:
        return f"{found.prefix}{field}{suffix}"

    n_gates = len(GATES[found.kind])
    W_ih = tensors.real(name("weight_ih"), (None, n_inputs), "the inputs are the outputs of the layer below")
    rows = len(W_ih)
    if rows % n_gates:
        raise tensors.error(name("weight_ih"), f"{rows} rows", f"{n_gates} gates of equally many rows")
    layer = {"W_ih": W_ih}
    if name("weight_hr") in tensors:
        layer["W_hr"] = tensors.real(name("weight_hr"), (None, rows // n_gates), "(projection, hidden)")
    n_outputs = len(layer["W_hr"]) if "W_hr" in layer else rows // n_gates
    layer["W_hh"] = tensors.real(name("weight_hh"), (rows, n_outputs), f"{n_gates} gates times the state")
    if is_equinox(tensors, found):
        return layer | _equinox_biases(tensors, name, rows)
    biased = any(tensors.names(name(f"bias_{field}")) for field in ("ih", "hh"))  # torch writes both or none
    for field in ("ih", "hh"):
        layer[f"b_{field}"] = tensors.real(name(f"bias_{field}"), (rows,)) if biased else np.zeros(rows)
    return layer


def is_equinox(tensors: Tensors, found: Found) -> bool:
    """Whether the biases have the names that Equinox gives them."""
    return not found.numbered and f"{found.prefix}bias" in tensors and f"{found.prefix}bias_ih" not in tensors


def _equinox_biases(tensors: Tensors, name: Callable[[str], str], rows: int) -> dict[str, np.ndarray]:
    """One bias, and for a GRU the part of the candidate that the reset gate multiplies."""
    recurrent = np.zeros(rows)
    if name("bias_n") in tensors:
        recurrent[2 * rows // 3 :] = tensors.real(name("bias_n"), (rows // 3,))
    return {"b_ih": tensors.real(name("bias"), (rows,)), "b_hh": recurrent}
