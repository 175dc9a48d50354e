"""Feature directions and projections: where an input of each age is written, and what the readout sees of it."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._errors import InvalidInput, Shown, check_count
from .._float64 import computes_in_float64, is_traced
from .._recurrence import DIRECTION_KINDS, directions, responses
from ..networks import RecurrentNetwork


class FeatureDirections(np.ndarray):
    """Feature directions as a NumPy array (*stack, n_lags, n_hidden, n_features) that knows what they are.

    Slices keep `kind`; results of arithmetic are plain arrays.

    Attributes:
        kind: "algebraic" (linear recurrence), "unit impulse" (ReLU) or "jacobian at rest" (tanh).
    """

    kind: str

    def __new__(cls, values: Any, kind: str) -> "FeatureDirections":
        array = np.array(values, dtype=np.float64).view(cls)
        array.kind = kind
        return array

    def __array_finalize__(self, obj: Any) -> None:
        self.kind = getattr(obj, "kind", "")

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else np.asarray(array)

    def __reduce__(self) -> Any:
        return FeatureDirections, (np.asarray(self), self.kind)


def feature_directions(network: RecurrentNetwork, n_lags: int) -> FeatureDirections | Array:
    """Where an input of age s is written in the hidden state.

    - linear recurrence: W_s = W_h^s W_x                       (kind "algebraic")
    - ReLU: D_0 = W_x, D_{s+1} = W_h relu(D_s)                 (kind "unit impulse", for positive amplitudes)
    - tanh: the Jacobian of h_{t+s} with respect to x_t        (kind "jacobian at rest")

    A leak is folded in; with a hidden bias the last two are taken on the background of the state at rest.

    Args:
        network: One network or a stack.
        n_lags: Number of ages, s = 0 .. n_lags - 1.

    Returns:
        (*stack, n_lags, n_hidden, n_features) in float64, in units of hidden state per unit of input: a
        `FeatureDirections` array, whose `.kind` says which of the three it is. With traced weights, a plain JAX
        array in the dtype of the weights.

    Raises:
        InvalidInput: If `n_lags` is not a whole number >= 1.

    Source: the paper's Eq. 3 (linear); for ReLU, positive homogeneity of the response to a single impulse.
    """
    found = _evaluate(network, n_lags=check_count("n_lags", n_lags)).directions
    if isinstance(found, np.ndarray):
        return FeatureDirections(found, DIRECTION_KINDS[network.recurrence])
    return found


def projections(network: RecurrentNetwork, n_lags: int) -> Float[np.ndarray, "*stack lags outputs features"] | Array:
    """A_s = W_y^T W_s: what the readout sees of an input of age s, before its own nonlinearity.

    Args:
        network: One network or a stack, with a tied or a free readout.
        n_lags: Number of ages, s = 0 .. n_lags - 1.

    Returns:
        (*stack, n_lags, n_outputs, n_features), outputs per unit of input; NumPy float64, or with traced weights a
        JAX array in the dtype of the weights. Invariant under every gauge.

    Raises:
        InvalidInput: If `n_lags` is not a whole number >= 1.
    """
    n_lags = check_count("n_lags", n_lags)
    if network.recurrence == "linear":
        return _responses(network, n_lags=n_lags)
    return _evaluate(network, n_lags=n_lags).projections


class Evaluated(NamedTuple):
    """What the weights of a network amount to, in float64; a leak is folded into W_x, W_h and b_h (linear only)."""

    directions: Any
    projections: Any
    W_x: Any
    W_h: Any
    W_y: Any
    b_h: Any


def evaluate(network: RecurrentNetwork, n_lags: int) -> Evaluated:
    """Directions, projections and weights of a network as NumPy arrays.

    Raises:
        InvalidInput: If the weights are traced by JAX.
    """
    if is_traced(network):
        hint = "only feature_directions and projections work inside jit, grad and vmap"
        raise InvalidInput("network", Shown("traced weights"), "a network with concrete weights", hint=hint)
    return _evaluate(network, n_lags=n_lags)


@computes_in_float64
def _responses(network: RecurrentNetwork, *, n_lags: int) -> Any:
    W_x, W_h, _ = network.folded_weights
    return responses(W_x, W_h, jnp.asarray(network.output_weights), n_lags=n_lags)[0]


@computes_in_float64
def _evaluate(network: RecurrentNetwork, *, n_lags: int) -> Evaluated:
    recurrence, W_y = network.recurrence, jnp.asarray(network.output_weights)
    found = directions(network.W_x, network.W_h, network.b_h, network.leak, n_lags=n_lags, recurrence=recurrence)
    W_x, W_h, b_h = network.folded_weights
    seen = jnp.swapaxes(W_y, -1, -2)[..., None, :, :] @ found
    return Evaluated(found, seen, W_x, W_h, W_y, b_h)
