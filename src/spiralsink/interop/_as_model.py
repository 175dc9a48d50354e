"""Anything that is a recurrent network, as a model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._errors import InvalidInput, Shown, check_count, check_number
from ..models import Model
from ..networks import RecurrentNetwork
from . import _equinox, _files, _read, _torch_modules
from ._options import Options
from ._tensors import flatten

_SOURCES = (
    "the name of a file (.pt, .safetensors, .npz), a state dict, a torch module, an Equinox cell or a RecurrentNetwork"
)


def as_model(
    source: Any,
    *,
    kind: Any = None,
    prefix: Any = None,
    head: Any = None,
    readout: Any = None,
    nonlinearity: Any = None,
    reset: Any = None,
    update: Any = None,
    gates: Any = None,
    layer: Any = None,
    direction: Any = None,
    conjugates: Any = None,
    discretization: Any = None,
    initial: Any = None,
    reference: Any = None,
    tolerance: Any = 1e-5,
    seed: Any = 0,
) -> Model:
    """A recurrent network of any kind as a model, in float64, compared with an independent forward pass.

    What is read, with weights under the names that the libraries give them:

    - RNN: h_t = phi(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)
    - GRU: n_t = tanh(W_in x_t + b_in + r_t * (W_hn h_{t-1} + b_hn)), h_t = (1 - z_t) * n_t + z_t * h_{t-1}; with
      `reset="before"` W_hn (r_t * h_{t-1}) instead; with `update="new"` h_t = (1 - z_t) * h_{t-1} + z_t * n_t
    - LSTM: c_t = f_t * c_{t-1} + i_t * g_t, h_t = W_hr (o_t * tanh(c_t))
    - diagonal layers (LRU, S4D, S5): h_t = lambda * h_{t-1} + B x_t with complex h, y_t = Re(C h_t) + D x_t; the state
      of the model is [Re h; Im h], and its recurrence is linear

    The pass to compare with is, in this order: `reference`; `probe_inputs` with `probe_outputs` or `probe_states` in
    the same file; the module itself, or for arrays torch's own module made of their shapes. Four random sequences of 30
    steps, standard normal, start from the model's initial state and, where the other pass takes a state, half of them
    from random ones. Without such a pass `agreement` of the model is None. A state dict that torch did not write agrees
    with torch whatever its conventions are: give a `reference` where you are not sure of them.

    Args:
        source: The name of a file (.pt, .pth, .ckpt, .bin, .safetensors, .npz), a mapping of names to arrays (nested
            as it may be), a torch module with one recurrent module inside, an Equinox cell or a module with one inside,
            a single `RecurrentNetwork`, or a `Model`, which is returned (after a comparison if `reference` is given).
            For any other cell see `step_model`.
        kind: "rnn", "gru", "lstm", "lru", "s4d" or "s5", where there are several.
        prefix: What the names of the layer begin with, where there are several: "encoder.rnn", or the end of it.
        head: The readout: name of a linear layer beside the recurrent one ("fc", "fc.weight"), a readout object, or
            `NoReadout()`. By default the one linear layer that reads as many numbers as h of the last layer has, by
            shape and name (the model's `kind` names it, or those that it could be); else none. For an LSTM it acts on
            h, for a diagonal layer, where it has to be named, on its output y.
        readout: What follows that linear layer, "linear" (nothing, the default) or "relu"; a module that does something
            else with it is refused, unless `head=NoReadout()` leaves the readout out.
        nonlinearity: Of an RNN given as arrays, which do not say it: "tanh", "relu" or "linear".
        reset: Whether the reset gate of a GRU acts "after" (torch) or "before" the recurrent matrix.
        update: Whether the update gate of a GRU multiplies the "old" (torch) or the "new" state.
        gates: The order of the stored gates, such as "r,z,n" (torch) or "i,f,g,o" (torch).
        layer: The number of one layer of several, which becomes a network of its own: its inputs are those of the
            layer. All of them by default, with one state, `layout` names the parts.
        direction: "forward" or "backward" of a bidirectional layer, which has to be chosen. A backward model takes
            sequences with time reversed, last step first.
        conjugates: Of a diagonal layer: whether all poles are "stored", or half of each pair is "implied", which
            doubles the output. By default as the code does that the names come from; for S5, where there are both, it
            is found in the poles or by comparing, or has to be given.
        discretization: Of S4D and S5, with step d: "zoh" (default), "bilinear", "euler" (lambda = 1 + d A, B = d B~) or
            "mamba" (lambda = exp(d A), B = d B~).
        initial: The state before the first input, (n_hidden,); zero by default.
        reference: An independent forward pass: a function of inputs (batch, time, features) that gives outputs, h of
            the last layer or the whole state, of all steps or of the last one; or a pair (inputs, what it gave).
        tolerance: Largest difference, as a share of the largest number that was compared.
        seed: Of the random sequences.

    Returns:
        The model, with `agreement` and `compared_with`.

    Raises:
        InvalidInput: If the source cannot be read, an array does not fit or is not finite, what the arrays do not say
            was not given (lists the choices), or the passes disagree (names the convention that agrees, if one does).
        MissingExtra: If the file is one of torch, and torch is not installed.
    """
    options = Options(
        kind=kind,
        prefix=prefix,
        nonlinearity=nonlinearity,
        reset=reset,
        update=update,
        gates=gates,
        head=head,
        readout=readout,
        layer=layer,
        direction=direction,
        conjugates=conjugates,
        discretization=discretization,
        initial=initial,
        reference=reference,
        tolerance=tolerance,
        seed=seed,
    )
    check_number("tolerance", tolerance, "a number > 0", lambda value: value > 0)
    check_count("seed", seed, 0)
    if isinstance(source, Model):
        return _read.of_model(source, options)
    if isinstance(source, str | Path):
        found = _files.read(source)
        if isinstance(found, RecurrentNetwork):
            return _read.of_network(found, options, str(source))
        return _read.of_tensors(found, options)
    if isinstance(source, RecurrentNetwork):
        return _read.of_network(source, options)
    if _torch_modules.is_module(source):
        return _read.of_torch_module(source, options)
    if _equinox.is_module(source):
        return _read.of_equinox(source, options)
    if isinstance(source, Mapping):
        return _read.of_tensors(flatten(source), options)
    hint = "for a step function: step_model" if callable(source) else ""
    raise InvalidInput("source", Shown(type(source).__name__), _SOURCES, hint=hint)
