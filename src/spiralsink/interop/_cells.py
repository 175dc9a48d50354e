"""One step of the cells that frameworks ship, for one layer or several, as functions that JAX compiles once per shape.

A layer is a table of arrays `W_ih` (rows, inputs), `W_hh` (rows, outputs), `b_ih` and `b_hh` (rows,) and, for an LSTM
with a projection, `W_hr` (outputs, hidden). The gates stand in torch's order. The state is one vector: h of the first
layer (then c of it), h of the second, and so on; a layer hears the new h of the layer below.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

GATES = {"rnn": ("h",), "gru": ("r", "z", "n"), "lstm": ("i", "f", "g", "o")}
"""The gates of each kind in the order in which torch stores their rows."""


def rnn_tanh(layers: Any, x: Any, state: Any) -> Any:
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)."""
    return _through(lambda *args: _rnn(jnp.tanh, *args), layers, x, state)


def rnn_relu(layers: Any, x: Any, state: Any) -> Any:
    """h_t = relu(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)."""
    return _through(lambda *args: _rnn(jax.nn.relu, *args), layers, x, state)


def rnn_linear(layers: Any, x: Any, state: Any) -> Any:
    """h_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh."""
    return _through(lambda *args: _rnn(lambda h: h, *args), layers, x, state)


def gru_reset_after(layers: Any, x: Any, state: Any) -> Any:
    """n_t = tanh(W_in x_t + b_in + r_t * (W_hn h_{t-1} + b_hn)): torch, cuDNN, Equinox, Keras since version 2.

    r_t and z_t are sigmoids of W_i x_t + b_i + W_h h_{t-1} + b_h, and h_t = (1 - z_t) * n_t + z_t * h_{t-1}.
    """

    def new(layer: Any, driven: Any, h: Any, r: Any) -> Any:
        n = len(h)
        return jnp.tanh(driven + r * (layer["W_hh"][2 * n :] @ h + layer["b_hh"][2 * n :]))

    return _through(lambda *args: _gru(new, *args), layers, x, state)


def gru_reset_before(layers: Any, x: Any, state: Any) -> Any:
    """n_t = tanh(W_in x_t + b_in + W_hn (r_t * h_{t-1}) + b_hn): the original GRU, the default of ONNX.

    The rest is as in `gru_reset_after`.
    """

    def new(layer: Any, driven: Any, h: Any, r: Any) -> Any:
        n = len(h)
        return jnp.tanh(driven + layer["W_hh"][2 * n :] @ (r * h) + layer["b_hh"][2 * n :])

    return _through(lambda *args: _gru(new, *args), layers, x, state)


def lstm(layers: Any, x: Any, state: Any) -> Any:
    """c_t = f_t * c_{t-1} + i_t * g_t,  h_t = W_hr (o_t * tanh(c_t)); W_hr is the identity without a projection.

    i_t, f_t and o_t are sigmoids and g_t a tanh of W_i x_t + b_i + W_h h_{t-1} + b_h.
    """
    return _through(_lstm, layers, x, state)


def parts(kind: str, layer: Any) -> tuple[tuple[str, int], ...]:
    """Names and sizes of the state of one layer: h, and c for an LSTM."""
    rows, n_outputs = layer["W_hh"].shape
    return (("h", n_outputs), ("c", rows // 4)) if kind == "lstm" else (("h", n_outputs),)


def _through(cell: Callable[..., Any], layers: Any, x: Any, state: Any) -> Any:
    found, start = [], 0
    for layer in layers:
        size = sum(size for _, size in parts("lstm" if cell is _lstm else "", layer))
        found.append(cell(layer, x, state[start : start + size]))
        x, start = found[-1][: layer["W_hh"].shape[1]], start + size
    return jnp.concatenate(found)


def _rnn(phi: Callable[[Any], Any], layer: Any, x: Any, h: Any) -> Any:
    return phi(layer["W_ih"] @ x + layer["b_ih"] + layer["W_hh"] @ h + layer["b_hh"])


def _gru(new: Callable[..., Any], layer: Any, x: Any, h: Any) -> Any:
    n = len(h)
    driven = layer["W_ih"] @ x + layer["b_ih"]
    gates = jax.nn.sigmoid(driven[: 2 * n] + layer["W_hh"][: 2 * n] @ h + layer["b_hh"][: 2 * n])
    r, z = gates[:n], gates[n:]
    return (1 - z) * new(layer, driven[2 * n :], h, r) + z * h


def _lstm(layer: Any, x: Any, state: Any) -> Any:
    n_outputs = layer["W_hh"].shape[1]
    h, c = state[:n_outputs], state[n_outputs:]
    i, f, g, o = jnp.split(layer["W_ih"] @ x + layer["b_ih"] + layer["W_hh"] @ h + layer["b_hh"], 4)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    h = jax.nn.sigmoid(o) * jnp.tanh(c)
    return jnp.concatenate([layer["W_hr"] @ h if "W_hr" in layer else h, c])
