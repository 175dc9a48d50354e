"""The recurrence itself, on bare arrays: nonlinearities, states over time, feature directions.

Arrays may carry leading stack axes; everything broadcasts over them.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Float

from ._types import AnyArray

RECURRENCES = ("linear", "relu", "tanh")
READOUTS = ("linear", "relu")
DIRECTION_KINDS = {"linear": "algebraic", "relu": "unit impulse", "tanh": "jacobian at rest"}

_SETTLING_STEPS = 1000
_MOST_STEPWISE = 512  # lags whose directions are there on the way to responses
_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"linear": lambda h: h, "relu": jax.nn.relu, "tanh": jnp.tanh}


def activation(name: str) -> Callable[[Any], Any]:
    """The nonlinearity of that name: "linear", "relu" or "tanh"."""
    return _ACTIVATIONS[name]


def _column(leak: Any, n_trailing: int) -> Any:
    return jnp.reshape(leak, jnp.shape(leak) + (1,) * n_trailing)


@functools.partial(jax.jit, static_argnames=("recurrence",))
def run_states(
    inputs: Float[AnyArray, "*#stack batch time features"],
    W_x: Float[AnyArray, "*#stack hidden features"],
    W_h: Float[AnyArray, "*#stack hidden hidden"],
    b_h: Float[AnyArray, "*#stack hidden"],
    leak: Any,
    *,
    recurrence: str,
    noise: Float[AnyArray, "*#stack batch time hidden"] | None = None,
) -> Float[AnyArray, "*#stack batch time hidden"]:
    """h_t = (1 - leak) h_{t-1} + leak (W_x x_t + W_h phi_h(h_{t-1}) + b_h) [+ noise], from h_0 = 0."""
    phi = activation(recurrence)
    alpha = _column(leak, 3)
    drive = alpha * (inputs @ jnp.swapaxes(W_x, -1, -2)[..., None, :, :] + b_h[..., None, None, :])
    drive = drive if noise is None else drive + noise
    alpha = _column(leak, 2)
    transposed = jnp.swapaxes(W_h, -1, -2)

    def step(h: Any, driven: Any) -> Any:
        h = (1 - alpha) * h + alpha * (phi(h) @ transposed) + driven
        return h, h

    drive = jnp.moveaxis(drive, -2, 0)
    _, states = jax.lax.scan(step, jnp.zeros_like(drive[0]), drive)
    return jnp.moveaxis(states, 0, -2)


@functools.partial(jax.jit, static_argnames=("recurrence",))
def rest_state(
    W_h: Float[AnyArray, "*#stack hidden hidden"],
    b_h: Float[AnyArray, "*#stack hidden"],
    leak: Any,
    *,
    recurrence: str,
) -> Float[AnyArray, "*#stack hidden"]:
    """The state that the silent network settles into from h = 0 (zero when there is no bias)."""
    phi, alpha = activation(recurrence), _column(leak, 1)

    def step(_: Any, h: Any) -> Any:
        return (1 - alpha) * h + alpha * ((W_h @ phi(h)[..., None])[..., 0] + b_h)

    return jax.lax.fori_loop(0, _SETTLING_STEPS, step, jnp.zeros_like(b_h))


@functools.partial(jax.jit, static_argnames=("n_lags", "recurrence"))
def directions(
    W_x: Float[AnyArray, "*#stack hidden features"],
    W_h: Float[AnyArray, "*#stack hidden hidden"],
    b_h: Float[AnyArray, "*#stack hidden"] | None = None,
    leak: Any = 1.0,
    *,
    n_lags: int,
    recurrence: str,
) -> Float[AnyArray, "*#stack lags hidden features"]:
    """Feature directions: where an input of age s is written in the hidden state, s = 0 .. n_lags - 1.

    - linear recurrence: W_s = W_h^s W_x (for leak < 1 with W_h replaced by (1 - leak) 1 + leak W_h)
    - ReLU: D_0 = W_x, D_{s+1} = W_h relu(D_s), the response to a positive unit impulse
    - tanh: the Jacobian of h_{t+s} with respect to x_t at rest

    With a hidden bias the impulse and the Jacobian are taken on the background of the state at rest. One lag after the
    other, in the memory of the result: by powers of W_h it is no faster.
    """
    alpha = _column(leak, 2)
    if b_h is None or recurrence == "linear":
        rest = jnp.zeros_like(W_x[..., :1])
    else:
        rest = rest_state(W_h, b_h, leak, recurrence=recurrence)[..., None]
    phi = activation(recurrence)

    def step(response: Any, _: Any) -> Any:
        slope_at_rest = recurrence == "tanh"
        carried = (1 - phi(rest) ** 2) * response if slope_at_rest else phi(rest + response) - phi(rest)
        return (1 - alpha) * response + alpha * (W_h @ carried), response

    _, responses = jax.lax.scan(step, alpha * W_x, None, length=n_lags)
    return jnp.moveaxis(responses, 0, -3)


def responses(
    W_x: Float[AnyArray, "*stack hidden features"],
    W_h: Float[AnyArray, "*stack hidden hidden"],
    W_y: Float[AnyArray, "*stack hidden outputs"],
    *,
    n_lags: int,
) -> tuple[Float[AnyArray, "*stack lags outputs features"], Float[AnyArray, "*stack hidden features"]]:
    """(A_s = W_y^T W_h^s W_x for s = 0 .. T - 1, W_h^T W_x) for T = n_lags, a leak folded in.

    Many lags T are split as s = a L + b with L about sqrt(T): A_s = (W_y^T W_h^{aL}) (W_h^b W_x), both factors by
    doubling. Memory, also of a backward pass: T N_x N_y + sqrt(T) N_h (N_x + N_y) + log2(T) N_h^2 numbers. Operations:
    T N_h N_x N_y + sqrt(T) N_h^2 (N_x + N_y) + log2(T) N_h^3 multiplications and additions.
    """
    if n_lags <= _MOST_STEPWISE:
        found = directions(W_x, W_h, n_lags=n_lags, recurrence="linear")
        return jnp.einsum("...hi,...shj->...sij", W_y, found), W_h @ found[..., -1, :, :]
    length = 2 ** round(math.log2(n_lags) / 2)
    written, power = doubled(W_h, W_x, length)
    read, _ = doubled(jnp.swapaxes(power, -1, -2), W_y, -(-n_lags // length))
    found = jnp.einsum("...ahi,...bhj->...abij", read, written)
    found = found.reshape(*found.shape[:-4], -1, *found.shape[-2:])
    return found[..., :n_lags, :, :], jnp.linalg.matrix_power(W_h, n_lags) @ W_x


def doubled(
    matrix: Float[AnyArray, "*#stack hidden hidden"], start: Float[AnyArray, "*#stack hidden columns"], n: int
) -> tuple[Float[AnyArray, "*stack n hidden columns"], Float[AnyArray, "*#stack hidden hidden"]]:
    """M^s S for s = 0 .. n - 1 by doubling, (1, M) S, (1, M, M^2, M^3) S, ..., and M to the first power of two >= n."""
    found, power = start[..., None, :, :], matrix
    while (known := found.shape[-3]) < n:
        more = jnp.einsum("...hg,...sgc->...shc", power, found[..., : n - known, :, :])
        found, power = jnp.concatenate([found, more], axis=-3), power @ power
    return found, power
