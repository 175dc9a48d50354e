"""Layers of cells as they were stored, and the model that they are under a convention."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from .._conventions import CONVENTIONS
from .._errors import InvalidInput, Shown, check_choice
from ..models import JaxStep, LinearReadout, LinearRecurrence, Model, NoReadout, Readout
from . import _cells
from ._cells import GATES
from ._heads import NO_HEAD, Head, check_rows

NONLINEARITIES = CONVENTIONS["nonlinearity"].choices

_STEPS = {
    "tanh": _cells.rnn_tanh,
    "relu": _cells.rnn_relu,
    "linear": _cells.rnn_linear,
    "after": _cells.gru_reset_after,
    "before": _cells.gru_reset_before,
    "lstm": _cells.lstm,
}


@dataclasses.dataclass(frozen=True)
class Convention:
    """What the arrays of a cell do not say.

    Attributes:
        gates: The order in which the rows of the gates are stored.
        nonlinearity: Of an RNN: "tanh", "relu" or "linear".
        reset: Of a GRU: whether the reset gate acts "after" or "before" the recurrent matrix.
        update: Of a GRU: what the update gate z multiplies, the "old" state (z h + (1 - z) n) or the "new" one.
    """

    gates: tuple[str, ...]
    nonlinearity: str = ""
    reset: str = "after"
    update: str = "old"

    @property
    def torch(self) -> bool:
        """Whether torch has this cell."""
        same = self.gates in GATES.values() and (self.reset, self.update) == ("after", "old")
        return same and self.nonlinearity != "linear"


@dataclasses.dataclass(frozen=True, eq=False)
class Layers:
    """Layers of one kind as they were stored, before any convention.

    Attributes:
        kind: "rnn", "gru" or "lstm".
        layers: For each layer its arrays `W_ih`, `W_hh`, `b_ih`, `b_hh` and, with a projection, `W_hr`.
        title: What they are, in words.
        head: The readout on h of the last layer.
        after: What follows it: "linear" or "relu".
    """

    kind: str
    layers: tuple[Mapping[str, np.ndarray], ...]
    title: str
    head: Head = NO_HEAD
    after: str = "linear"

    @property
    def n_features(self) -> int:
        return self.layers[0]["W_ih"].shape[1]

    @property
    def n_outputs(self) -> int:
        """Size of h of the last layer."""
        return self.layers[-1]["W_hh"].shape[1]

    @property
    def layout(self) -> tuple[tuple[str, int], ...]:
        found = [[*_cells.parts(self.kind, layer)] for layer in self.layers]
        if len(found) == 1:
            return tuple(found[0])
        return tuple((f"layer {k} {name}", size) for k, each in enumerate(found) for name, size in each)


def convention(
    kind: str, *, where: str = "", nonlinearity: Any = None, reset: Any = None, update: Any = None, gates: Any = None
) -> Convention:
    """The convention that the user gave, torch's where nothing was given.

    Raises:
        InvalidInput: If an option is unknown, does not apply to the kind, or is needed and was not given.
    """
    for name, value, belongs in (
        ("nonlinearity", nonlinearity, "rnn"),
        ("reset", reset, "gru"),
        ("update", update, "gru"),
    ):
        if value is not None and kind != belongs:
            raise InvalidInput(name, value, f"absent for {kind}", hint=f"it belongs to {belongs}")
    if kind == "rnn" and nonlinearity is None:
        allowed = "given: " + " or ".join(f"'{name}'" for name in NONLINEARITIES)
        hint = "the weights of an RNN do not say which nonlinearity it has"
        raise InvalidInput(f"{where}nonlinearity", Shown("nothing"), allowed, hint=hint)
    return Convention(
        gates=_order(kind, gates),
        nonlinearity=check_choice("nonlinearity", nonlinearity, NONLINEARITIES) if kind == "rnn" else "",
        reset="after" if reset is None else check_choice("reset", reset, CONVENTIONS["reset"].choices),
        update="old" if update is None else check_choice("update", update, CONVENTIONS["update"].choices),
    )


def _order(kind: str, gates: Any) -> tuple[str, ...]:
    names = GATES[kind]
    if gates is None:
        return names
    given = gates.replace(",", " ").split() if isinstance(gates, str) else gates
    given = tuple(map(str, given)) if isinstance(given, list | tuple) else ()
    if kind == "rnn" or sorted(given) != sorted(names):
        allowed = "absent for rnn" if kind == "rnn" else f"an order of the gates of {kind}, such as '{','.join(names)}'"
        raise InvalidInput("gates", gates, allowed)
    return given


def build(layers: Layers, under: Convention) -> Model:
    """The model that stored layers are under a convention; nothing is compared yet."""
    arranged = tuple(_arranged(layers.kind, layer, under) for layer in layers.layers)
    step = _STEPS[under.nonlinearity or (under.reset if layers.kind == "gru" else "lstm")]
    dynamics, layout = JaxStep(step, arranged), layers.layout
    n_hidden = sum(size for _, size in layout)
    model = Model(
        kind=_title(layers, under),
        n_features=layers.n_features,
        n_hidden=n_hidden,
        dynamics=dynamics,
        readout=_readout(layers, n_hidden),
        initial=np.zeros(n_hidden),
        layout=layout,
    )
    return dataclasses.replace(model, linear=affine(model)) if under.nonlinearity == "linear" else model


def affine(model: Model) -> LinearRecurrence:
    """(W_x, W_h, b) of a model that is known to be linear, from what its step does to unit vectors at zero."""
    x, h = np.zeros((1, model.n_features)), np.zeros((1, model.n_hidden))
    W_x = model.dynamics.written(x, h, np.eye(model.n_features)[None])[0].T
    W_h = model.dynamics.carried(x, h, np.eye(model.n_hidden)[None])[0].T
    return LinearRecurrence(W_x, W_h, model.dynamics.run(x[:, None], h)[0, 0])


def _arranged(kind: str, layer: Mapping[str, np.ndarray], under: Convention) -> dict[str, np.ndarray]:
    """The arrays with their gates in torch's order, and an update gate that multiplies the old state."""
    arranged = dict(layer)
    for name in ("W_ih", "W_hh", "b_ih", "b_hh"):
        blocks = dict(zip(under.gates, np.split(layer[name], len(under.gates)), strict=True))
        if under.update == "new":
            blocks["z"] = -blocks["z"]  # 1 - sigmoid(a) = sigmoid(-a)
        arranged[name] = np.concatenate([blocks[gate] for gate in GATES[kind]])
    return arranged


def _readout(layers: Layers, n_hidden: int) -> Readout:
    readout = layers.head.readout
    if readout is None:
        return NoReadout()
    if isinstance(readout, Readout):
        check_rows(readout, n_hidden)
        return readout
    matrix, bias = readout
    weights = np.zeros((n_hidden, len(matrix)))
    last = _cells.parts(layers.kind, layers.layers[-1])
    start = n_hidden - sum(size for _, size in last)
    weights[start : start + layers.n_outputs] = matrix.T
    return LinearReadout(weights, bias, np.zeros((len(matrix), layers.n_features)), layers.after)


def _title(layers: Layers, under: Convention) -> str:
    words = [layers.title]
    if under.nonlinearity:
        words.append(under.nonlinearity)
    if layers.kind == "gru" and under.reset == "before":
        words.append("reset before the matrix")
    if under.update == "new":
        words.append("update gate on the new state")
    if under.gates != GATES[layers.kind]:
        words.append("gates " + " ".join(under.gates))
    if len(layers.layers) > 1:
        words.append(f"{len(layers.layers)} layers")
    words.append(layers.head.words(layers.after))
    return ", ".join(filter(None, words))
