"""From arrays or modules to models that were compared."""

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .._conventions import CONVENTIONS, names_of
from .._errors import InvalidInput, Shown, check_choice, check_finite
from ..models import Model, Readout
from ..networks import RecurrentNetwork
from . import _diagonal, _equinox, _keys, _ours, _probe, _torch, _torch_modules
from ._diagnosis import of_layers, of_runs
from ._diagnosis_diagonal import of_diagonal
from ._heads import NO_HEAD, Head, find_head, named_head
from ._keys import Found
from ._layers import Convention, Layers, build, convention
from ._options import Options
from ._probe import Evidence, Untried
from ._tensors import Tensors, as_array, flatten

Pass = Evidence | Untried | None
Passes = Callable[[Model], Iterable[Pass]]


def of_tensors(tensors: Tensors, options: Options) -> Model:
    """The one recurrent layer in a table of arrays."""
    found = _keys.find(tensors, kind=options.kind, prefix=options.prefix)
    if found.kind in _diagonal.KINDS:
        return _of_diagonal(tensors, found, options, lambda model: [])
    layers, under = _layers(tensors, found, options)

    def passes(model: Model) -> Iterable[Pass]:
        yield _torch_modules.rebuilt(layers, under, model, options.seed)

    return _of_layers(layers, under, tensors, options, passes)


def of_torch_module(module: Any, options: Options) -> Model:
    """The one recurrent module inside of a torch module."""
    inside = _torch_modules.recurrent_inside(module, options.prefix)
    if inside is None:
        return _of_torch_parameters(module, options)
    name, recurrent = inside
    tensors = _torch_modules.arrays_of(module, name, recurrent)
    found = _keys.find(tensors, kind=options.kind, prefix=name)
    if found.kind == "rnn" and options.nonlinearity is None:
        options = dataclasses.replace(options, nonlinearity=recurrent.nonlinearity)
    layers, under = _layers(tensors, found, options)

    def passes(model: Model) -> Iterable[Pass]:
        if options.layer is not None and getattr(recurrent, "num_layers", 1) > 1:
            yield _torch_modules.rebuilt(layers, under, model, options.seed)
            yield Untried("it is one layer of several")
            return
        own = _torch_modules.own(recurrent, layers, model, options.seed, direction=options.direction)
        yield own or _torch_modules.rebuilt(layers, under, model, options.seed)
        if layers.head.name and module is not recurrent:
            yield _torch_modules.whole(module, recurrent, model, options.seed)

    return _of_layers(layers, under, tensors, options, passes)


def of_equinox(module: Any, options: Options) -> Model:
    """The one cell inside of an Equinox module."""
    name, cell = _equinox.cell_inside(module, options.prefix)
    tensors = _equinox.arrays_of(module)
    found = _keys.find(tensors, kind=options.kind, prefix=name)
    layers, under = _layers(tensors, found, options)
    layers = dataclasses.replace(layers, title=f"equinox {type(cell).__name__}")
    return _of_layers(layers, under, tensors, options, lambda model: [_equinox.own(cell, model, options.seed)])


def of_model(model: Model, options: Options) -> Model:
    """A model that there is already: the same, or another start, or compared with what the user gave."""
    options.refuse(CONVENTIONS, "a Model")
    model = started(model, options.initial)
    if options.reference is None:
        return model
    return _compared(model, Tensors({}), options, lambda model: [], of_runs)


def of_network(network: RecurrentNetwork, options: Options, where: str = "source") -> Model:
    """A single network of this package."""
    options.refuse(CONVENTIONS, "a RecurrentNetwork")
    model = started(_ours.of_network(network, where), options.initial)
    other = options.reference is not None or options.initial is not None
    return _compared(
        model, Tensors({}), options, lambda model: [] if other else [_ours.own(network, model, options.seed)], of_runs
    )


def _of_torch_parameters(module: Any, options: Options) -> Model:
    """A torch module without a recurrent one of torch inside, by the names of its parameters.

    A cell that somebody wrote may have torch's names and another convention, so it is compared with itself or nothing.
    """
    tensors = flatten(module.state_dict())
    found = _keys.find(tensors, kind=options.kind, prefix=options.prefix)

    def passes(model: Model) -> Iterable[Pass]:
        if found.kind != "s4d":  # its module ends with an activation and a mixing layer
            yield _torch_modules.layer_itself(module, found.prefix, model, options.seed)

    if found.kind in _diagonal.KINDS:
        return _of_diagonal(tensors, found, options, passes)
    layers, under = _layers(tensors, found, options)
    layers = dataclasses.replace(layers, title=layers.title.replace("torch", "own", 1))
    return _of_layers(layers, under, tensors, options, passes)


def _layers(tensors: Tensors, found: Found, options: Options) -> tuple[Layers, Convention]:
    options.refuse(names_of("diagonal"), found.kind)
    under = convention(found.kind, where=tensors.where, **options.convention)
    stored = _torch.stored_layers(tensors, found, layer=options.layer, direction=options.direction)
    head = find_head(tensors, found, stored, options.head)
    return Layers(found.kind, stored.layers, stored.title, head, _after(options, head.name)), under


def _after(options: Options, head: str) -> str:
    """What follows the linear layer of the readout."""
    if options.readout is None:
        return "linear"
    after = check_choice("readout", options.readout, CONVENTIONS["readout"].choices)
    if not head:
        raise InvalidInput(
            "readout", after, "absent for a network without a linear readout", hint="name that layer: head='fc'"
        )
    return after


def _of_layers(layers: Layers, under: Convention, tensors: Tensors, options: Options, passes: Passes) -> Model:
    model = started(build(layers, under), options.initial)
    return _compared(
        model, tensors, options, passes, lambda model: of_layers(layers, under, model), head=layers.head.name
    )


def _of_diagonal(tensors: Tensors, found: Found, options: Options, passes: Passes) -> Model:
    """A diagonal layer; a head is compared where the user or the file says what the outputs are, not by the layer."""
    options.refuse(names_of("cells"), found.kind)
    layer = _diagonal.stored_layer(tensors, found)
    under = _diagonal.reading(layer, **options.diagonal)
    head = _diagonal_head(tensors, len(layer.C), options.head)
    after = _after(options, head.name)
    seen = options.reference is not None or "probe_inputs" in tensors

    def headed(model: Model) -> Model:
        return model if head is NO_HEAD else _diagonal.with_head(model, head, after)

    def read(under: _diagonal.Reading) -> Model:
        model = started(_diagonal.build(layer, under), options.initial)
        return headed(model) if seen else model

    if not under.conjugates:
        under = _decided(layer, under, read, lambda model: _evidence(model, tensors, options, passes), tensors.where)
    has_head = seen and bool(head.name)
    model = _compared(
        read(under),
        tensors,
        options,
        passes,
        lambda model: of_diagonal(under, model, read, has_head=has_head),
        head=head.name if seen else "",
    )
    if seen or head is NO_HEAD:
        return model
    unseen = " (readout not compared)" if model.compared_with and head.name else ""
    return dataclasses.replace(headed(model), compared_with=model.compared_with and model.compared_with + unseen)


def _diagonal_head(tensors: Tensors, n_outputs: int, head: Any) -> Head:
    if head is None or isinstance(head, Readout):
        return NO_HEAD if head is None else Head(head)
    return named_head(tensors, n_outputs, head)


def _decided(
    layer: _diagonal.Diagonal,
    under: _diagonal.Reading,
    read: Callable[[_diagonal.Reading], Model],
    evidence: Callable[[Model], list[Evidence | Untried]],
    where: str,
) -> _diagonal.Reading:
    """The reading of the conjugates that is nearer to the other pass.

    Raises:
        InvalidInput: If there is no other pass.
    """
    gaps = {}
    for conjugates in _diagonal.CONJUGATES:
        reading = dataclasses.replace(under, conjugates=conjugates)
        model = read(reading)
        found = [each for each in evidence(model) if isinstance(each, Evidence)]
        if not found:
            raise _diagonal.undecided(where, layer)
        gaps[reading] = max(_probe.difference(model, each).share for each in found)
    return min(gaps, key=lambda reading: gaps[reading])


def _evidence(model: Model, tensors: Tensors, options: Options, passes: Passes) -> list[Evidence | Untried]:
    """What the user gave, else what the file holds, else other passes."""
    if options.reference is not None:
        return [_probe.given(options.reference, model, options.seed)]
    stored = _probe.stored(tensors, model)
    return [each for each in ([stored] if stored else passes(model)) if each is not None]


def _compared(
    model: Model, tensors: Tensors, options: Options, passes: Passes, alternatives: Any, *, head: str = ""
) -> Model:
    evidence = _evidence(model, tensors, options, passes)
    return _probe.check(model, evidence, options.tolerance, lambda: alternatives(model), head=head)


def started(model: Model, initial: Any) -> Model:
    """The model with another state before the first input."""
    if initial is None:
        return model
    state = np.asarray(initial if (array := as_array(initial)) is None else array)
    check_finite("initial", state)
    if state.shape != (model.n_hidden,):
        raise InvalidInput("initial", Shown(f"shape {state.shape}"), f"of shape ({model.n_hidden},)")
    return dataclasses.replace(model, initial=state.astype(np.float64))
