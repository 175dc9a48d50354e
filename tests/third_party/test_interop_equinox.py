"""Readers of Equinox cells against the cells."""

import equinox as eqx
import jax
import numpy as np
import pytest

import spiralsink as sk
from spiralsink.interop import as_model

INPUTS = np.random.default_rng(0).standard_normal((2, 7, 3)).astype(np.float32)
N = 5


def states_of(cell, inputs=INPUTS):
    """In float32, as the cell computes, one step after the other."""
    pair, found = isinstance(cell, eqx.nn.LSTMCell), []
    for sequence in inputs:
        h = np.zeros(N, np.float32)
        state, states = ((h, h) if pair else h), []
        for x in sequence:
            state = cell(x, state)
            states.append(np.concatenate(state) if pair else np.asarray(state))
        found.append(states)
    return np.asarray(found)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("kind", [eqx.nn.GRUCell, eqx.nn.LSTMCell])
def test_cells_and_their_arrays(kind, use_bias):
    cell = kind(3, N, use_bias=use_bias, key=jax.random.key(1))
    model = as_model(cell)
    assert model.kind == f"equinox {kind.__name__}"
    assert model.compared_with == f"the eqx.nn.{kind.__name__} itself"
    assert model.agreement < 1e-12
    assert np.abs(model.states(INPUTS) - states_of(cell)).max() < 1e-5
    names = [name for name in ("weight_ih", "weight_hh", "bias", "bias_n") if getattr(cell, name, None) is not None]
    again = as_model({f"cell.{name}": np.asarray(getattr(cell, name)) for name in names})
    assert np.array_equal(again.states(INPUTS), model.states(INPUTS))
    assert again.kind == (model.kind if use_bias else model.kind.replace("equinox", "torch"))


class Network(eqx.Module):
    out: eqx.nn.Linear
    cell: eqx.nn.GRUCell

    def __init__(self, key):
        self.cell, self.out = eqx.nn.GRUCell(3, N, key=key), eqx.nn.Linear(N, 2, key=key)


def test_the_cell_inside_of_a_module(key):
    network = Network(key)
    model = as_model(network)  # that the linear layer stands before the cell says nothing
    assert as_model(network, head="out").kind == model.kind
    expected = states_of(network.cell) @ np.asarray(network.out.weight).T + np.asarray(network.out.bias)
    assert np.abs(model.outputs(INPUTS) - expected).max() < 1e-5
    assert model.kind == "equinox GRUCell, head out"


def test_no_cell_and_several(key):
    with pytest.raises(sk.InvalidInput, match=r"source must be one with an eqx.nn.GRUCell .*, got Linear .*step_model"):
        as_model(eqx.nn.Linear(2, 2, key=key))
    two = [Network(key), Network(key)]
    module = eqx.nn.Sequential([eqx.nn.Lambda(lambda x: x)])
    module = eqx.tree_at(lambda each: each.layers, module, two)
    with pytest.raises(sk.InvalidInput, match=r"prefix must be one of 'layers.0.cell', 'layers.1.cell', got nothing"):
        as_model(module)
    assert as_model(module, prefix="layers.1.cell").n_hidden == N


def test_a_bias_in_the_wrong_place_is_diagnosed(key):
    cell = eqx.nn.GRUCell(3, N, key=key)
    outside = {"weight_ih": cell.weight_ih, "weight_hh": cell.weight_hh, "bias": cell.bias, "bias_n": cell.bias_n * 0}
    outside["bias"] = outside["bias"].at[2 * N :].add(cell.bias_n)
    other = as_model(outside)
    with pytest.raises(sk.InvalidInput, match="with no bias inside of the reset gate it is"):
        as_model(cell, reference=other.states)
