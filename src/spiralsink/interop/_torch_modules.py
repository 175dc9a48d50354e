"""torch modules: the recurrent one inside of a user's own, and forward passes by torch to compare with."""

import contextlib
import copy
import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown
from ..models import Model
from ._layers import Convention, Layers
from ._probe import Evidence, Untried, difference, evidence_of, probe_inputs, probe_states
from ._tensors import Tensors, flatten

_WORDS = 60
_CELL_ARRAYS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def is_module(source: Any) -> bool:
    """Whether something is a torch module; does not import torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.nn.Module)


def recurrent_inside(module: Any, prefix: Any = None) -> tuple[str, Any] | None:
    """Name and object of the one `nn.RNN`, `nn.GRU`, `nn.LSTM` or cell of them inside of a module; None without any.

    Raises:
        InvalidInput: If there are several and `prefix` does not say which.
    """
    from torch.nn.modules.rnn import RNNBase, RNNCellBase

    found = [(name, each) for name, each in module.named_modules() if isinstance(each, RNNBase | RNNCellBase)]
    if prefix is not None:
        wanted = str(prefix).rstrip(".")
        found_there = [(name, each) for name, each in found if name == wanted or name.endswith("." + wanted)]
        if found and len(found_there) != 1:
            raise InvalidInput("prefix", prefix, "one of " + ", ".join(f"'{name}'" for name, _ in found))
        found = found_there
    if len(found) > 1:
        allowed = "one of " + ", ".join(f"'{name}'" for name, _ in found)
        raise InvalidInput("prefix", Shown("nothing"), allowed, hint="the module holds several recurrent modules")
    return found[0] if found else None


def arrays_of(module: Any, name: str, recurrent: Any) -> Tensors:
    """The arrays of a module; those of its recurrent one as it uses them, also where they are parametrised."""
    table = dict(module.state_dict())
    for each in getattr(recurrent, "_flat_weights_names", _CELL_ARRAYS):
        if (value := getattr(recurrent, each, None)) is not None:
            table[f"{name}.{each}" if name else each] = value
    return flatten(table)


def in_float64(module: Any) -> Any:
    """A copy of a module on the CPU, in evaluation mode, with float64 and complex128 parameters."""
    import torch

    def widen(tensor: Any) -> Any:
        tensor = tensor.cpu()
        wide = tensor.double() if tensor.is_floating_point() else tensor
        return wide.to(torch.complex128) if tensor.is_complex() else wide

    return copy.deepcopy(module)._apply(widen).eval()


def rebuilt(layers: Layers, under: Convention, model: Model, seed: int) -> Evidence | None:
    """The module of torch made of the shapes and the stored arrays; None where torch is absent or has no such cell."""
    if not under.torch or importlib.util.find_spec("torch") is None:
        return None
    sizes = {(layer["W_ih"].shape[0], layer["W_hh"].shape[1]) for layer in layers.layers}
    projected = ["W_hr" in layer for layer in layers.layers]
    if len(sizes) > 1 or len(set(projected)) > 1:
        return None
    import torch

    classes = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
    more: dict[str, Any] = {"nonlinearity": under.nonlinearity} if layers.kind == "rnn" else {}
    n_hidden = layers.layers[0]["W_ih"].shape[0] // len(under.gates)
    if projected[0]:
        more["proj_size"] = layers.n_outputs
    more |= {"batch_first": True, "dtype": torch.float64, "device": "meta"}
    # no first weights are drawn on that device, so that torch's generator stays as it is
    module = classes[layers.kind](layers.n_features, n_hidden, len(layers.layers), **more).to_empty(device="cpu")
    names = {"W_ih": "weight_ih", "W_hh": "weight_hh", "b_ih": "bias_ih", "b_hh": "bias_hh", "W_hr": "weight_hr"}
    table = {
        f"{names[name]}_l{k}": torch.from_numpy(np.ascontiguousarray(array))
        for k, layer in enumerate(layers.layers)
        for name, array in layer.items()
    }
    module.load_state_dict(table)
    inputs, state = probe_inputs(model.n_features, seed), probe_states(model, seed)
    seen = _run(module, model, inputs, state)
    return Evidence(f"torch's nn.{classes[layers.kind].__name__}", inputs, state, seen)


def own(recurrent: Any, layers: Layers, model: Model, seed: int, *, direction: str | None) -> Evidence | None:
    """The user's recurrent module itself, in float64; None if it cannot be copied."""
    import torch

    try:
        module = in_float64(recurrent)
    except Exception:  # modules of any kind, with hooks and parts that cannot be copied
        return None
    inputs, state = probe_inputs(model.n_features, seed), probe_states(model, seed)
    library = "nn." if type(recurrent).__module__ == "torch.nn.modules.rnn" else ""
    name = f"the {library}{type(recurrent).__name__} itself"
    if isinstance(recurrent, torch.nn.modules.rnn.RNNCellBase):
        return Evidence(name, inputs, state, _run_cell(module, model, inputs, state))
    if not recurrent.bidirectional:
        return Evidence(name, inputs, state, _run(module, model, inputs, state))
    backward = direction == "backward"
    with torch.no_grad():
        heard = torch.from_numpy(np.flip(inputs, 1).copy() if backward else inputs)
        outputs = module(heard if module.batch_first else heard.transpose(0, 1))[0]
        outputs = (outputs if module.batch_first else outputs.transpose(0, 1)).numpy()
    n = layers.n_outputs
    seen = np.flip(outputs[..., n:], 1) if backward else outputs[..., :n]
    return Evidence(name, inputs, None, (("h", seen.copy()),))


def whole(module: Any, recurrent: Any, model: Model, seed: int) -> Evidence | Untried:
    """The outputs of the user's whole module, or why they are not to be had: such as inputs that it embeds first."""
    import torch

    inputs = probe_inputs(model.n_features, seed)
    time_first = not getattr(recurrent, "batch_first", True)
    heard = np.swapaxes(inputs, 0, 1) if time_first else inputs
    name = f"the whole {type(module).__name__}"
    try:
        with torch.no_grad():
            found = in_float64(module)(torch.from_numpy(np.ascontiguousarray(heard)))
            outputs = next(_tensors(found)).numpy().astype(np.float64)
    except Exception as error:  # a module of the user, with any signature
        words = " ".join(str(error).split())[:_WORDS]
        return Untried(f"{name} does not take the inputs of its recurrent part, {type(error).__name__}: {words}")
    if time_first and outputs.ndim == 3:
        outputs = np.swapaxes(outputs, 0, 1)
    if outputs.shape[-1:] != (model.n_outputs,) or outputs.shape[:-1] not in (inputs.shape[:2], inputs.shape[:1]):
        return Untried(f"{name} gives shape {outputs.shape}, not {(*inputs.shape[:2], model.n_outputs)}")
    return Evidence(name, inputs, None, (("outputs", outputs),))


def layer_itself(module: Any, prefix: str, model: Model, seed: int) -> Evidence | None:
    """What the part of a module gives whose names begin with `prefix`, or the part around it.

    It is called with sequences (batch, time, features), then as a cell, with one step (batch, features) and a state.
    None if neither gives outputs, h or states of the model's size.
    """
    inputs = probe_inputs(model.n_features, seed)
    path = prefix.rstrip(".")
    for name in dict.fromkeys([path, path.rpartition(".")[0]]):
        part, found = module.get_submodule(name), []
        for prepare in (in_float64, lambda part: copy.deepcopy(part).cpu().eval()):
            for call in (_called_with_sequences, _called_as_a_cell):
                with contextlib.suppress(Exception):  # a module of the user, with any signature
                    values = call(prepare(part), model, inputs)
                    found.append(evidence_of(f"the {type(part).__name__} itself", inputs, values, model, "source"))
            if found:  # some take both and mean one of them
                return min(found, key=lambda each: difference(model, each).share)
    return None


def _called_with_sequences(part: Any, model: Model, inputs: np.ndarray) -> np.ndarray:
    import torch

    with torch.no_grad():
        values = next(_tensors(part(torch.from_numpy(inputs).to(_dtype(part))))).numpy()
    if values.shape[:-1] != inputs.shape[:2]:
        raise ValueError("not one output per step")
    return values


def _called_as_a_cell(part: Any, model: Model, inputs: np.ndarray) -> np.ndarray:
    import torch

    dtype = _dtype(part)
    with torch.no_grad():
        parts = [torch.zeros(len(inputs), size, dtype=dtype) for _, size in model.layout]
        carried: Any = tuple(parts) if len(parts) > 1 else parts[0]
        found = []
        for t in range(inputs.shape[1]):
            carried = part(torch.from_numpy(inputs[:, t].copy()).to(dtype), carried)
            found.append(torch.cat(list(_tensors(carried)), -1).numpy())
    return np.stack(found, 1)


def _dtype(part: Any) -> Any:
    return next(each.dtype for each in part.parameters() if not each.is_complex())


def _tensors(found: Any) -> Iterator[Any]:
    if hasattr(found, "detach"):
        yield found.detach()
    elif isinstance(found, tuple | list):
        for each in found:
            yield from _tensors(each)
    elif isinstance(found, dict):
        yield from _tensors(list(found.values()))


def _run(module: Any, model: Model, inputs: np.ndarray, state: np.ndarray) -> tuple[tuple[str, np.ndarray], ...]:
    import torch

    with torch.no_grad():
        parts = np.split(state, np.cumsum([size for _, size in model.layout])[:-1], axis=1)
        of = {
            letter: [each for (name, _), each in zip(model.layout, parts, strict=True) if name[-1] == letter]
            for letter in "hc"
        }
        start = [torch.from_numpy(np.stack(each)) for each in of.values() if each]
        heard = torch.from_numpy(inputs)
        outputs, final = module(
            heard if module.batch_first else heard.transpose(0, 1), tuple(start) if len(start) == 2 else start[0]
        )
        outputs = outputs if module.batch_first else outputs.transpose(0, 1)
        finals = final if isinstance(final, tuple) else (final,)
        ends = np.concatenate([part.numpy() for layer in zip(*finals, strict=True) for part in layer], axis=-1)
    return ("h", outputs.numpy()), ("states", ends)


def _run_cell(cell: Any, model: Model, inputs: np.ndarray, state: np.ndarray) -> tuple[tuple[str, np.ndarray], ...]:
    import torch

    with torch.no_grad():
        parts = np.split(state, np.cumsum([size for _, size in model.layout])[:-1], axis=1)
        carried: Any = tuple(torch.from_numpy(each.copy()) for each in parts)
        carried, found = carried if len(carried) == 2 else carried[0], []
        for t in range(inputs.shape[1]):
            carried = cell(torch.from_numpy(inputs[:, t].copy()), carried)
            found.append(
                np.concatenate([each.numpy() for each in (carried if isinstance(carried, tuple) else (carried,))], -1)
            )
    return (("states", np.stack(found, 1)),)
