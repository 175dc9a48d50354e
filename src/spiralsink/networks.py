"""Recurrent networks: one module for the paper's three classes, alone or as a stack, tied or free."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._arrays import as_leak, as_weights, check_key, positions_in
from ._errors import InvalidInput, Shown, check_choice, check_count
from ._initialisers import Clock as Clock
from ._initialisers import Initialiser as Initialiser
from ._initialisers import Normal as Normal
from ._initialisers import Orthogonal as Orthogonal
from ._initialisers import Spiral as Spiral
from ._machine import total_bytes
from ._recurrence import READOUTS, RECURRENCES, activation, directions, run_states


class Tied(eqx.Module):
    """A tied readout: W_y is the network's own feature directions at that lag, so A_lag is a Gram matrix.

    W_h^k W_x for linear recurrence, D_k for ReLU, the Jacobian at rest for tanh.

    Attributes:
        lag: The lag k >= 0: an int, or an array of ints with one lag per network of the stack.
        max_lag: The largest of them.
    """

    lag: Any
    max_lag: int = eqx.field(static=True)

    def __init__(self, lag: Any):
        lags = np.asarray(lag)
        if not lags.size:
            raise InvalidInput("lag", Shown(f"shape {lags.shape}"), "a whole number >= 0 or one per network")
        for each in lags.ravel().tolist():
            check_count("lag", each, 0)
        self.lag = lags.astype(np.int32) if lags.ndim else int(lags)
        self.max_lag = int(lags.max())

    @property
    def stack(self) -> tuple[int, ...]:
        return np.shape(self.lag)


class Trajectory(NamedTuple):
    """What a network did: `outputs` (..., time, n_outputs) and `states` h_t before the nonlinearity."""

    outputs: Any
    states: Any


class RecurrentNetwork(eqx.Module):
    """h_t = W_x x_t + W_h phi_h(h_{t-1}) + b_h,  y_t = phi_y(W_y^T h_t + b_y),  h_0 = 0.

    The paper's three classes are (recurrence, readout) = ("linear", "linear"), ("linear", "relu") and
    ("relu", "relu"). A stack is the same object with leading axes: independent networks, trained together.

    Attributes:
        W_x: Input weights, (*stack, n_hidden, n_features).
        W_h: Recurrent weights, (*stack, n_hidden, n_hidden).
        W_y: Output weights, (*stack, n_hidden, n_outputs), or `Tied(lag)`.
        recurrence: phi_h: "linear", "relu" or "tanh".
        readout: phi_y: "linear" or "relu".
        b_h: Hidden bias, (*stack, n_hidden), or None.
        b_y: Output bias, (*stack, n_outputs), or None.
        leak: alpha in h_t = (1 - alpha) h_{t-1} + alpha (W_x x_t + W_h phi_h(h_{t-1}) + b_h); a number in (0, 1] or
            (*stack,). 1 is no leaky integration.

    Raises:
        InvalidInput: If shapes do not fit, weights are not finite, or a name is not known.

    Source: the paper's Eq. 1 and 2.
    """

    W_x: Any
    W_h: Any
    W_y: Any
    b_h: Any
    b_y: Any
    leak: Any
    recurrence: str = eqx.field(static=True)
    readout: str = eqx.field(static=True)

    def __init__(
        self,
        W_x: Any,
        W_h: Any,
        W_y: Any,
        *,
        recurrence: str = "linear",
        readout: str = "linear",
        b_h: Any = None,
        b_y: Any = None,
        leak: Any = 1.0,
    ):
        self.recurrence = check_choice("recurrence", recurrence, RECURRENCES)
        self.readout = check_choice("readout", readout, READOUTS)
        self.W_x, self.W_h = as_weights("W_x", W_x, 2), as_weights("W_h", W_h, 2)
        self.W_y = W_y if isinstance(W_y, Tied) else as_weights("W_y", W_y, 2)
        self.b_h = None if b_h is None else as_weights("b_h", b_h, 1)
        self.b_y = None if b_y is None else as_weights("b_y", b_y, 1)
        self.leak = as_leak(leak)
        self._check_shapes()

    def _check_shapes(self) -> None:
        n_hidden, n_features = self.W_x.shape[-2:]
        for name, size in (("n_hidden", n_hidden), ("n_features", n_features)):
            if not size:
                raise InvalidInput(
                    "W_x", Shown(f"shape {self.W_x.shape}"), f"of shape (*stack, n_hidden, n_features) with {name} >= 1"
                )
        stack = self.W_x.shape[:-2]
        expected = {"W_h": (*stack, n_hidden, n_hidden)}
        if isinstance(self.W_y, Tied):
            if self.W_y.stack not in ((), stack):
                raise InvalidInput(
                    "W_y", Shown(f"{self.W_y.stack} lags"), f"Tied with one lag, or one for each of the stack {stack}"
                )
        else:
            expected["W_y"] = (*stack, n_hidden, None)  # any number of outputs
        if self.b_h is not None:
            expected["b_h"] = (*stack, n_hidden)
        if self.b_y is not None:
            expected["b_y"] = (*stack, self.n_outputs)
        for name, shape in expected.items():
            given = getattr(self, name).shape
            if len(given) != len(shape) or any(size not in (None, n) for n, size in zip(given, shape, strict=True)):
                wanted = str(shape).replace("None", "n_outputs")
                fit = f"of shape {wanted}, to fit W_x of shape {self.W_x.shape}"
                raise InvalidInput(name, Shown(f"shape {given}"), fit)
        if jnp.ndim(self.leak) and jnp.shape(self.leak) != stack:
            raise InvalidInput("leak", Shown(f"shape {jnp.shape(self.leak)}"), f"a number or of shape {stack}")

    @property
    def stack(self) -> tuple[int, ...]:
        """The leading axes; empty for a single network."""
        return self.W_x.shape[:-2]

    @property
    def n_features(self) -> int:
        return self.W_x.shape[-1]

    @property
    def n_hidden(self) -> int:
        return self.W_x.shape[-2]

    @property
    def n_outputs(self) -> int:
        return self.n_features if isinstance(self.W_y, Tied) else self.W_y.shape[-1]

    @property
    def tied(self) -> bool:
        return isinstance(self.W_y, Tied)

    @property
    def output_weights(self) -> Float[Array | np.ndarray, "*stack hidden outputs"]:
        """W_y as an array; for a tied readout, the feature directions at its lag."""
        if not isinstance(self.W_y, Tied):
            return self.W_y
        n_lags = self.W_y.max_lag + 1
        found = directions(self.W_x, self.W_h, self.b_h, self.leak, n_lags=n_lags, recurrence=self.recurrence)
        if not self.W_y.stack and not isinstance(self.W_y.lag, jax.core.Tracer):
            return found[..., -1, :, :]
        lag = jnp.broadcast_to(jnp.asarray(self.W_y.lag), self.stack)[..., None, None, None]
        return jnp.take_along_axis(found, lag, axis=-3)[..., 0, :, :]

    @property
    def folded_weights(self) -> tuple[Any, Any, Any]:
        """(W_x, W_h, b_h) of the same linear recurrence without leak: W_h becomes (1 - leak) 1 + leak W_h."""
        leak = jnp.asarray(self.leak)[..., None, None] if jnp.ndim(self.leak) else self.leak
        if jnp.ndim(leak) == 0 and not isinstance(leak, jax.core.Tracer) and leak == 1:
            return self.W_x, self.W_h, self.b_h
        b_h = None if self.b_h is None else (leak * self.b_h[..., None])[..., 0]
        return leak * self.W_x, (1 - leak) * np.eye(self.n_hidden) + leak * self.W_h, b_h

    def __call__(self, inputs: Any, *, noise: Any = None) -> Trajectory:
        """Runs the network from h_0 = 0.

        Args:
            inputs: (..., time, features). A stack takes (time, features) or (batch, time, features) for all of its
                networks, or (*stack, batch, time, features) with sequences of their own.
            noise: Added to the state at every step, of the shape of `states`; None for a noiseless network.

        Returns:
            `outputs` and `states` (before the nonlinearity), with the axes of the stack in front.

        Raises:
            InvalidInput: If the last axis is not n_features, the leading axes do not fit the stack, or noise is not of
                the shape of `states`.
        """
        inputs = jnp.asarray(inputs)
        if not jnp.issubdtype(inputs.dtype, jnp.floating):
            inputs = inputs.astype(jnp.result_type(self.W_x))
        lead = self._check_inputs(inputs)
        flat = inputs.reshape((*lead, -1, *inputs.shape[-2:]))
        shape = (*self.stack, *inputs.shape[len(lead) : -1])
        if noise is not None:
            noise = _as_noise(noise, (*shape, self.n_hidden), n_lead=len(self.stack))
        b_h = jnp.zeros(self.W_x.shape[:-1], inputs.dtype) if self.b_h is None else jnp.asarray(self.b_h)
        states = run_states(
            flat, jnp.asarray(self.W_x), jnp.asarray(self.W_h), b_h, self.leak, recurrence=self.recurrence, noise=noise
        )
        drive = states @ jnp.asarray(self.output_weights)[..., None, :, :]
        if self.b_y is not None:
            drive = drive + jnp.asarray(self.b_y)[..., None, None, :]
        outputs = activation(self.readout)(drive)
        return Trajectory(outputs.reshape((*shape, -1)), states.reshape((*shape, -1)))

    def _check_inputs(self, inputs: Any) -> tuple[int, ...]:
        shape = inputs.shape
        if inputs.ndim < 2 or shape[-1] != self.n_features:
            allowed = f"of shape (..., time, features) with {self.n_features} features last"
            hint = "the feature axis must come last" if self.n_features in shape[:-1] else ""
            raise InvalidInput("inputs", Shown(f"shape {shape}"), allowed, hint=hint)
        if not self.stack or inputs.ndim <= 3:
            return ()
        lead = shape[: len(self.stack)]
        if lead != self.stack or inputs.ndim < len(self.stack) + 2:
            allowed = f"(batch, time, features), or with the stack {self.stack} in front"
            raise InvalidInput("inputs", Shown(f"shape {shape}"), allowed)
        return lead

    def __getitem__(self, index: Any) -> "RecurrentNetwork":
        """Networks of the stack, by any NumPy index over its axes; outside of the stack is an `InvalidInput`."""
        if not self.stack:
            raise InvalidInput("network", Shown("a single network"), "a stack, to be indexed")
        positions = positions_in(self.stack, np.asarray(index) if isinstance(index, list) else index)

        def pick(leaf: Any) -> Any:
            if not np.ndim(leaf):
                return leaf
            return leaf.reshape((math.prod(self.stack), *leaf.shape[len(self.stack) :]))[positions]

        W_y = _with_lag(self.W_y, pick(self.W_y.lag)) if isinstance(self.W_y, Tied) else pick(self.W_y)
        return RecurrentNetwork(
            pick(self.W_x),
            pick(self.W_h),
            W_y,
            recurrence=self.recurrence,
            readout=self.readout,
            b_h=pick(self.b_h),
            b_y=pick(self.b_y),
            leak=pick(self.leak),
        )

    def __len__(self) -> int:
        if not self.stack:
            raise TypeError("a single network has no length; a stack has")
        return self.stack[0]

    def __iter__(self) -> Any:
        return (self[index] for index in range(len(self)))

    @classmethod
    def init(
        cls,
        key: Any,
        n_features: int = 1,
        n_hidden: int = 2,
        *,
        recurrence: str = "linear",
        readout: str = "linear",
        tied_lag: Any = None,
        n_outputs: int | None = None,
        stack: int | tuple[int, ...] = (),
        scheme: Initialiser | None = None,
    ) -> "RecurrentNetwork":
        """Networks with random float32 weights.

        The key of each network is derived from `key` and its index, so the first networks of a larger stack are the
        networks of a smaller one.

        Args:
            key: A JAX random key.
            n_features: N_x.
            n_hidden: N_h.
            recurrence: "linear", "relu" or "tanh".
            readout: "linear" or "relu".
            tied_lag: Lag of a tied readout, an int or one per network; None for a free readout.
            n_outputs: N_y of a free readout; N_x if None.
            stack: Number of networks, or the axes of the stack; () for a single network.
            scheme: How weights are drawn; `Normal()` if None.

        Raises:
            InvalidInput: If a size is no whole number >= 1, the key is not a key, or a tied readout has other outputs.
        """
        n_features, n_hidden = check_count("n_features", n_features), check_count("n_hidden", n_hidden)
        shape = stack if isinstance(stack, tuple) else (stack,)
        count = math.prod(check_count("stack", each) for each in shape)
        if tied_lag is not None and n_outputs not in (None, n_features):
            raise InvalidInput("n_outputs", n_outputs, f"n_features = {n_features} with a tied readout")
        sizes = (n_features, n_hidden, n_features if n_outputs is None else check_count("n_outputs", n_outputs))
        check_key(key)
        check_memory(count, *sizes)
        scheme = Normal() if scheme is None else scheme
        keys = jax.vmap(lambda index: jax.random.fold_in(key, index))(jnp.arange(count))
        weights = jax.vmap(lambda each: scheme(each, *sizes))(keys)
        W_x, W_h, W_y = (each.reshape(shape + each.shape[1:]) for each in weights)
        return cls(W_x, W_h, W_y if tied_lag is None else Tied(tied_lag), recurrence=recurrence, readout=readout)


def check_memory(count: int, n_features: int, n_hidden: int, n_outputs: int) -> None:
    """Raises unless the weights of so many networks fit into the memory of the machine."""
    each, memory = 4 * n_hidden * (n_features + n_hidden + n_outputs), total_bytes()
    hint = f"weights need {count * each / 1e9:.3g} GB, the machine has {memory / 1e9:.3g} GB"
    if each > memory:
        raise InvalidInput("n_hidden", n_hidden, "fewer", hint=hint)
    if count * each > memory:
        raise InvalidInput("stack", count, f"at most {memory // each} networks", hint=hint)


def stack_networks(networks: Any) -> RecurrentNetwork:
    """Stacks networks along a new leading axis.

    Args:
        networks: At least one network; all of one kind and one size.

    Raises:
        InvalidInput: If there are none, or kinds, sizes or biases differ.
    """
    networks = list(networks)
    if not networks:
        raise InvalidInput("networks", Shown("none"), "at least one network")
    first = networks[0]
    for other in networks:
        if not isinstance(other, RecurrentNetwork):
            raise InvalidInput("networks", Shown(type(other).__name__), "networks of one kind and one size")
        if _kind(other) != _kind(first):
            raise InvalidInput("networks", Shown("different kinds or sizes"), "networks of one kind and one size")
        for name in ("b_h", "b_y"):
            if (getattr(other, name) is None) != (getattr(first, name) is None):
                given = Shown(f"{name} in some of them only")
                raise InvalidInput(
                    "networks", given, f"all with {name} or all without", hint=f"zeros are the same as no {name}"
                )

    def join(values: list[Any]) -> Any:
        return None if values[0] is None else np.stack([np.asarray(value) for value in values])

    def join_per_network(values: list[Any]) -> Any:
        return join([np.broadcast_to(value, first.stack) for value in values])

    W_y = [network.W_y for network in networks]
    return RecurrentNetwork(
        join([network.W_x for network in networks]),
        join([network.W_h for network in networks]),
        Tied(join_per_network([tied.lag for tied in W_y])) if first.tied else join(W_y),
        recurrence=first.recurrence,
        readout=first.readout,
        b_h=join([network.b_h for network in networks]),
        b_y=join([network.b_y for network in networks]),
        leak=join_per_network([network.leak for network in networks]),
    )


def _kind(network: RecurrentNetwork) -> tuple[Any, ...]:
    return network.recurrence, network.readout, network.tied, network.W_x.shape, network.n_outputs


def _with_lag(tied: Tied, lag: Any) -> Tied:
    if isinstance(lag, jax.core.Tracer):
        return eqx.tree_at(lambda each: each.lag, tied, lag)
    return Tied(lag)


def _as_noise(noise: Any, shape: tuple[int, ...], *, n_lead: int) -> Any:
    """Noise of the shape of the states, with its batch axes in one."""
    if np.shape(noise) != shape:
        raise InvalidInput("noise", Shown(f"shape {np.shape(noise)}"), f"of shape {shape}, that of the states")
    return jnp.asarray(noise).reshape((*shape[:n_lead], math.prod(shape[n_lead:-2]), *shape[-2:]))
