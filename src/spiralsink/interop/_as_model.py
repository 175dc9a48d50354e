"""Anything that is a recurrent network, as a model."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown, check_finite
from ..models import Model
from ..networks import RecurrentNetwork
from . import _files, _keys, _probe, _torch, _torch_modules
from ._diagnosis import of_layers
from ._heads import find_head
from ._layers import Convention, Layers, build, convention
from ._options import Options
from ._tensors import Tensors, flatten


def as_model(
    source: Any,
    *,
    kind: Any = None,
    prefix: Any = None,
    nonlinearity: Any = None,
    reset: Any = None,
    update: Any = None,
    gates: Any = None,
    head: Any = None,
    layer: Any = None,
    direction: Any = None,
    initial: Any = None,
    reference: Any = None,
    tolerance: float = 1e-5,
    seed: int = 0,
) -> Model:
    """Placeholder."""
    options = Options(
        kind, prefix, nonlinearity, reset, update, gates, head, layer, direction, initial, reference, tolerance, seed
    )
    if isinstance(source, Model):
        return source
    if isinstance(source, str | Path):
        source = _files.read(source)
    if isinstance(source, Mapping):
        source = flatten(source)
    if isinstance(source, Tensors):
        return _of_tensors(source, options)
    if _torch_modules.is_module(source):
        return _of_module(source, options)
    raise InvalidInput("source", Shown(type(source).__name__), "a network")


def _of_tensors(tensors: Tensors, options: Options) -> Model:
    found = _keys.find(tensors, kind=options.kind, prefix=options.prefix)
    under = convention(found.kind, where=tensors.where, **options.convention)
    layers = _layers(tensors, found, options)
    return _checked(
        layers, under, options, tensors, lambda model: [_torch_modules.rebuilt(layers, under, model, options.seed)]
    )


def _of_module(module: Any, options: Options) -> Model:
    inside = _torch_modules.recurrent_inside(module, options.prefix)
    if inside is None:
        return _of_tensors(flatten(module.state_dict()), options)
    name, recurrent = inside
    tensors = _torch_modules.arrays_of(module, name, recurrent)
    found = _keys.find(tensors, prefix=name)
    given = options.convention
    if found.kind == "rnn" and given["nonlinearity"] is None:
        given["nonlinearity"] = recurrent.nonlinearity
    under = convention(found.kind, **given)
    layers = _layers(tensors, found, options)

    def evidence(model: Model) -> list[Any]:
        if options.layer is not None and getattr(recurrent, "num_layers", 1) > 1:
            return [_torch_modules.rebuilt(layers, under, model, options.seed)]
        passes = [_torch_modules.own(recurrent, layers, model, options.seed, direction=options.direction)]
        if layers.head and module is not recurrent:
            passes.append(_torch_modules.whole(module, recurrent, model, options.seed))
        return passes

    return _checked(layers, under, options, tensors, evidence)


def _layers(tensors: Tensors, found: _keys.Found, options: Options) -> Layers:
    arrays, title = _torch.stored_layers(tensors, found, layer=options.layer, direction=options.direction)
    readout, name = find_head(tensors, found, arrays[-1]["W_hh"].shape[1], options.head)
    return Layers(found.kind, arrays, title, readout, name)


def _checked(
    layers: Layers,
    under: Convention,
    options: Options,
    tensors: Tensors,
    independent: Callable[[Model], list[Any]],
) -> Model:
    """The model of layers, compared with what the user gave, else with what the file holds, else with another pass."""
    model = started(build(layers, under), options.initial)
    if options.reference is not None:
        evidence = [_probe.given(options.reference, model, options.seed)]
    else:
        evidence = [_probe.stored(tensors, model) or independent(model)]
        evidence = evidence[0] if isinstance(evidence[0], list) else evidence
    passes = [each for each in evidence if each is not None]
    return _probe.check(model, passes, options.tolerance, lambda: of_layers(layers, under, model))


def started(model: Model, initial: Any) -> Model:
    """The model with another state before the first input."""
    if initial is None:
        return model
    state = np.asarray(initial, np.float64)
    check_finite("initial", state)
    if state.shape != (model.n_hidden,):
        raise InvalidInput("initial", Shown(f"shape {state.shape}"), f"of shape ({model.n_hidden},)")
    return dataclasses.replace(model, initial=state)
