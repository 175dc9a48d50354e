"""Networks of this package as models."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import InvalidInput, Shown
from .._float64 import float64
from .._recurrence import activation
from ..models import JaxStep, LinearReadout, Model
from ..networks import RecurrentNetwork
from ._layers import affine
from ._probe import Evidence, probe_inputs


def linear(weights: Any, x: Any, h: Any) -> Any:
    """Linear: h_t = (1 - leak) h_{t-1} + leak (W_x x_t + W_h h_{t-1} + b_h)."""
    return _leaky("linear", weights, x, h)


def relu(weights: Any, x: Any, h: Any) -> Any:
    """With phi = relu: h_t = (1 - leak) h_{t-1} + leak (W_x x_t + W_h phi(h_{t-1}) + b_h)."""
    return _leaky("relu", weights, x, h)


def tanh(weights: Any, x: Any, h: Any) -> Any:
    """With phi = tanh: h_t = (1 - leak) h_{t-1} + leak (W_x x_t + W_h phi(h_{t-1}) + b_h)."""
    return _leaky("tanh", weights, x, h)


def _leaky(name: str, weights: Any, x: Any, h: Any) -> Any:
    driven = weights["W_x"] @ x + weights["W_h"] @ activation(name)(h) + weights["b_h"]
    return (1 - weights["leak"]) * h + weights["leak"] * driven


_STEPS = {"linear": linear, "relu": relu, "tanh": tanh}


def of_network(network: RecurrentNetwork, where: str = "network") -> Model:
    """A single network as a model; nothing is compared yet.

    Raises:
        InvalidInput: If it is a stack.
    """
    if network.stack:
        allowed = "a single network, such as network[0]"
        raise InvalidInput(where, Shown(f"a stack of shape {network.stack}"), allowed)
    wide = in_float64(network)
    n_hidden, n_features = wide.n_hidden, wide.n_features
    with float64():
        W_y = np.asarray(wide.output_weights, np.float64)
    b_h = np.zeros(n_hidden) if wide.b_h is None else wide.b_h
    weights = {"W_x": wide.W_x, "W_h": wide.W_h, "b_h": b_h, "leak": np.float64(wide.leak)}
    b_y = np.zeros(W_y.shape[-1]) if wide.b_y is None else wide.b_y
    model = Model(
        kind=f"{network.recurrence} RecurrentNetwork",
        n_features=n_features,
        n_hidden=n_hidden,
        dynamics=JaxStep(_STEPS[network.recurrence], weights),
        readout=LinearReadout(W_y, b_y, np.zeros((W_y.shape[-1], n_features)), network.readout),
        initial=np.zeros(n_hidden),
        layout=(("h", n_hidden),),
    )
    if network.recurrence == "linear":
        return Model(**{**vars(model), "linear": affine(model)})
    return model


def own(network: RecurrentNetwork, model: Model, seed: int) -> Evidence:
    """What the network itself gives in float64."""
    inputs = probe_inputs(model.n_features, seed)
    with float64():
        found = in_float64(network)(jnp.asarray(inputs))
        seen = (("states", np.asarray(found.states)), ("outputs", np.asarray(found.outputs)))
    return Evidence("the RecurrentNetwork itself", inputs, None, seen)


def in_float64(network: RecurrentNetwork) -> RecurrentNetwork:
    """The network with float64 NumPy weights."""

    def widen(leaf: Any) -> Any:
        return np.asarray(leaf, np.float64) if np.asarray(leaf).dtype.kind == "f" else leaf

    return jax.tree.map(widen, network)
