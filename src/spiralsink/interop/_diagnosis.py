"""Other readings of the arrays of a cell: the conventions that are mixed up in practice."""

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..models import Model
from ._cells import GATES
from ._layers import NONLINEARITIES, Convention, Layers, build
from ._probe import Alternative, Evidence, Gap, difference, gap_of, visible, worst


def of_layers(layers: Layers, under: Convention, model: Model) -> Iterator[Alternative]:
    """Other conventions first, those with the fewest changes first of all; then other arrays, readouts and runs."""
    for other in _conventions(layers.kind, under):
        yield _alternative(*_named(under, other), lambda other=other: build(layers, other))
    for words, changed in _arrays(layers):
        yield _alternative(words, "", lambda changed=changed: build(changed, under))
    yield from of_runs(model, has_head=bool(layers.head.name))


def of_runs(model: Model, *, has_head: bool = False) -> Iterator[Alternative]:
    """The same arrays, read out or run in another way; with a named head there are options for its readout."""
    for words, (option, change) in _READOUTS.items():
        yield Alternative(
            words, option if has_head else "", lambda evidence, change=change: _readout_gap(model, evidence, change)
        )
    yield Alternative("with the time axis first", "", lambda evidence: _time_first_gap(model, evidence))
    yield Alternative("from its own first state on", "initial=", lambda evidence: _later_gap(model, evidence))


def _alternative(words: str, option: str, read: Any) -> Alternative:
    return Alternative(words, option, lambda evidence: difference(read(), evidence))


def _conventions(kind: str, under: Convention) -> list[Convention]:
    orders = list(itertools.permutations(GATES[kind]))
    if kind == "rnn":
        found = [dataclasses.replace(under, nonlinearity=each) for each in NONLINEARITIES]
    elif kind == "lstm":
        found = [dataclasses.replace(under, gates=order) for order in orders]
    else:
        choices = itertools.product(orders, ("after", "before"), ("old", "new"))
        found = [Convention(gates=gates, reset=reset, update=update) for gates, reset, update in choices]
    return sorted((each for each in found if each != under), key=lambda each: len(_changes(under, each)))


def _changes(under: Convention, other: Convention) -> list[tuple[str, str]]:
    fields = {
        "gates": ("gates in the order {}", ",".join(other.gates)),
        "reset": ("the reset gate {} the matrix", other.reset),
        "update": ("the update gate on the {} state", other.update),
        "nonlinearity": ("nonlinearity {}", other.nonlinearity),
    }
    changed = [name for name in fields if getattr(under, name) != getattr(other, name)]
    return [(fields[name][0].format(fields[name][1]), f"{name}='{fields[name][1]}'") for name in changed]


def _named(under: Convention, other: Convention) -> tuple[str, str]:
    changes = _changes(under, other)
    return "with " + " and ".join(words for words, _ in changes), ", ".join(option for _, option in changes)


def _arrays(layers: Layers) -> Iterator[tuple[str, Layers]]:
    def changed(change: Any) -> Layers:
        return dataclasses.replace(layers, layers=tuple({**layer, **change(layer)} for layer in layers.layers))

    def scaled(*names: str, by: float) -> Any:
        return lambda layer: {name: by * layer[name] for name in names}

    n_gates = len(GATES[layers.kind])
    if any(layer[name].any() for layer in layers.layers for name in ("b_ih", "b_hh")):
        yield "without both biases", changed(scaled("b_ih", "b_hh", by=0.0))
        yield "without the bias of the inputs", changed(scaled("b_ih", by=0.0))
        yield "without the recurrent bias", changed(scaled("b_hh", by=0.0))
        yield "with both biases doubled", changed(scaled("b_ih", "b_hh", by=2.0))
    if layers.kind == "gru" and any(layer["b_hh"].any() for layer in layers.layers):
        yield "with no bias inside of the reset gate", changed(_outside)
    if all("W_hr" not in layer for layer in layers.layers):
        yield (
            "with each recurrent matrix transposed",
            changed(lambda layer: {"W_hh": _transposed(layer["W_hh"], n_gates)}),
        )
    if all(layer["W_ih"].shape[0] == n_gates * layer["W_ih"].shape[1] for layer in layers.layers):
        yield "with each input matrix transposed", changed(lambda layer: {"W_ih": _transposed(layer["W_ih"], n_gates)})


def _outside(layer: Any) -> dict[str, np.ndarray]:
    start = 2 * len(layer["b_hh"]) // 3
    moved = np.where(np.arange(len(layer["b_hh"])) < start, 0, layer["b_hh"])
    return {"b_ih": layer["b_ih"] + moved, "b_hh": layer["b_hh"] - moved}


def _transposed(matrix: np.ndarray, n_gates: int) -> np.ndarray:
    return np.concatenate([block.T for block in np.split(matrix, n_gates)])


# what is compared then is the recurrent part alone
_LEFT_OUT = "head=NoReadout()"


def _softmax(y: np.ndarray) -> np.ndarray:
    weights = np.exp(y - y.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


_READOUTS = {
    "with a relu on the outputs": ("readout='relu'", lambda y: np.maximum(y, 0)),
    "with a tanh on the outputs": (_LEFT_OUT, np.tanh),
    "with a sigmoid on the outputs": (_LEFT_OUT, lambda y: 1 / (1 + np.exp(-y))),
    "with a softmax on the outputs": (_LEFT_OUT, _softmax),
    "with a log-softmax on the outputs": (_LEFT_OUT, lambda y: np.log(_softmax(y))),
    "with the mean of the outputs over time": (_LEFT_OUT, lambda y: y.mean(1, keepdims=True)),
}


def _readout_gap(model: Model, evidence: Evidence, change: Any) -> Gap | None:
    found = change(model.outputs(evidence.inputs, evidence.state)) if model.n_outputs else None
    if found is None or any(found.shape[-1] != values.shape[-1] for _, values in evidence.seen):
        return None
    return worst([gap_of(found[:, -1] if values.ndim == 2 else found, values) for _, values in evidence.seen])


def _time_first_gap(model: Model, evidence: Evidence) -> Gap | None:
    if evidence.state is not None or any(values.ndim != 3 for _, values in evidence.seen):
        return None
    swapped = [(place, np.swapaxes(values, 0, 1)) for place, values in evidence.seen]
    return difference(model, dataclasses.replace(evidence, inputs=np.swapaxes(evidence.inputs, 0, 1), seen=swapped))


def _later_gap(model: Model, evidence: Evidence) -> Gap | None:
    """The difference when the model starts from the first state that was seen."""
    part = visible(model)
    whole = part == slice(0, model.n_hidden)
    for place, values in evidence.seen:
        if (
            whole
            and values.ndim == 3
            and values.shape[-1] == model.n_hidden
            and values.shape[1] > 1
            and place != "outputs"
        ):
            later = Evidence(evidence.name, evidence.inputs[:, 1:], values[:, 0], (("states", values[:, 1:]),))
            return difference(model, later)
    return None
