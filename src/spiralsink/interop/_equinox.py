"""Equinox cells: `eqx.nn.GRUCell` and `eqx.nn.LSTMCell`, alone or as the only one inside of a module.

Their gates stand in torch's order and their reset gate acts after the matrix, but there is one bias, and for a GRU a
second one, `bias_n`, that the reset gate multiplies: torch's b_ih is `bias`, its b_hh is (0, 0, `bias_n`).
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._errors import InvalidInput, Shown
from .._float64 import float64
from ..models import Model
from ._probe import Evidence, probe_inputs, probe_states
from ._tensors import Tensors, flatten

_CELLS = (eqx.nn.GRUCell, eqx.nn.LSTMCell)
_ARRAYS = ("weight_ih", "weight_hh", "bias", "bias_n", "weight")


def is_module(source: Any) -> bool:
    """Whether something is an Equinox module."""
    return isinstance(source, eqx.Module)


def cell_inside(module: Any, prefix: Any = None) -> tuple[str, Any]:
    """Name and object of the one cell in a module.

    Raises:
        InvalidInput: If there is none, or there are several and `prefix` does not say which.
    """
    found = {name: each for name, each in _parts(module) if isinstance(each, _CELLS)}
    if not found:
        allowed = "one with an eqx.nn.GRUCell or eqx.nn.LSTMCell inside"
        raise InvalidInput("source", Shown(type(module).__name__), allowed, hint="for another cell: step_model")
    if prefix is None and len(found) == 1:
        return next(iter(found.items()))
    if prefix in found:
        return prefix, found[prefix]
    given = Shown("nothing") if prefix is None else prefix
    raise InvalidInput("prefix", given, "one of " + ", ".join(f"'{name}'" for name in found))


def arrays_of(module: Any) -> Tensors:
    """The arrays of the cells and linear layers of a module."""
    table = {}
    for name, each in _parts(module):
        for field in _ARRAYS:
            if getattr(each, field, None) is not None:
                table[f"{name}.{field}" if name else field] = getattr(each, field)
    return flatten(table)


def own(cell: Any, model: Model, seed: int) -> Evidence:
    """The states that the cell itself gives, with its weights as float64."""
    inputs, state = probe_inputs(model.n_features, seed), probe_states(model, seed)
    with float64():
        wide = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float64) if eqx.is_array(leaf) else leaf, cell)
        states = np.asarray(_run(wide, jnp.asarray(inputs), jnp.asarray(state)))
    return Evidence(f"the eqx.nn.{type(cell).__name__} itself", inputs, state, (("states", states),))


@eqx.filter_jit
def _run(cell: Any, inputs: Any, state: Any) -> Any:
    pair = isinstance(cell, eqx.nn.LSTMCell)

    def advance(state: Any, x: Any) -> Any:
        carried = tuple(jnp.split(state, 2)) if pair else state
        new = cell(x, carried)
        new = jnp.concatenate(new) if pair else new
        return new, new

    return jax.vmap(lambda state, sequence: jax.lax.scan(advance, state, sequence)[1])(state, inputs)


def _parts(module: Any) -> list[tuple[str, Any]]:
    kinds = (*_CELLS, eqx.nn.Linear)
    leaves = jax.tree_util.tree_flatten_with_path(module, is_leaf=lambda each: isinstance(each, kinds))[0]
    return [(_dotted(path), each) for path, each in leaves if isinstance(each, kinds)]


def _dotted(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")
