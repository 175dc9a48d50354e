"""Anyone's recurrent network as a step that carries a state: what measuring, ablating and patching need of it."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float

from ._errors import InvalidInput, Shown, check_choice
from ._float64 import float64
from ._recurrence import READOUTS, activation


@runtime_checkable
class Dynamics(Protocol):
    """h_t = f(x_t, h_{t-1}) for many sequences or points at once, in NumPy float64.

    A point is an input x_t, (features,), with the state before its step, h_{t-1}, (hidden,). Points are the first axis;
    the axis before the last of `changes` counts the changes at one point.
    """

    def run(
        self, inputs: Float[np.ndarray, "batch time features"], state: Float[np.ndarray, "batch hidden"]
    ) -> Float[np.ndarray, "batch time hidden"]:
        """h_t after every step.

        Args:
            inputs: x_t, (batch, time, features).
            state: h before the first step, (batch, hidden).
        """
        ...

    def carried(
        self,
        inputs: Float[np.ndarray, "points features"],
        states: Float[np.ndarray, "points hidden"],
        changes: Float[np.ndarray, "points changes hidden"],
    ) -> Float[np.ndarray, "points changes hidden"]:
        """What a step makes of a change of the state: (df/dh) dh.

        Args:
            inputs: x_t, (points, features).
            states: h_{t-1}, (points, hidden).
            changes: dh_{t-1}, (points, changes, hidden).
        """
        ...

    def written(
        self,
        inputs: Float[np.ndarray, "points features"],
        states: Float[np.ndarray, "points hidden"],
        changes: Float[np.ndarray, "points changes features"],
    ) -> Float[np.ndarray, "points changes hidden"]:
        """What a step makes of a change of its input: (df/dx) dx.

        Args:
            inputs: x_t, (points, features).
            states: h_{t-1}, (points, hidden).
            changes: dx_t, (points, changes, features).
        """
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class JaxStep:
    """The dynamics of a step function that JAX can differentiate.

    Attributes:
        step: (weights, x (features,), h (hidden,)) -> h (hidden,), on single vectors.
        weights: A tree of arrays, taken as float64.
    """

    step: Callable[[Any, Any, Any], Any]
    weights: Any

    def run(self, inputs: Any, state: Any) -> np.ndarray:
        with float64():
            return np.asarray(_run(self.step, *_wide((self.weights, inputs, state))))

    def carried(self, inputs: Any, states: Any, changes: Any) -> np.ndarray:
        with float64():
            return np.asarray(_carried(self.step, *_wide((self.weights, inputs, states, changes))))

    def written(self, inputs: Any, states: Any, changes: Any) -> np.ndarray:
        with float64():
            return np.asarray(_written(self.step, *_wide((self.weights, inputs, states, changes))))

    def carried_along(self, inputs: Any, states: Any, change: Any) -> np.ndarray:
        with float64():
            return np.asarray(_along(self.step, *_wide((self.weights, inputs, states, change))))


def carried_along(
    dynamics: Dynamics,
    inputs: Float[np.ndarray, "batch time features"],
    states: Float[np.ndarray, "batch time hidden"],
    change: Float[np.ndarray, "batch hidden"],
) -> Float[np.ndarray, "batch time hidden"]:
    """A change of the state carried along a way: dh_t = (df/dh)(x_t, h_{t-1}) dh_{t-1}.

    Args:
        dynamics: The step.
        inputs: x_t.
        states: h_{t-1}, the state before each step.
        change: dh before the first step.
    """
    if isinstance(dynamics, JaxStep):
        return dynamics.carried_along(inputs, states, change)
    found = np.empty_like(states)
    for t in range(inputs.shape[1]):
        found[:, t] = change = dynamics.carried(inputs[:, t], states[:, t], change[:, None])[:, 0]
    return found


@runtime_checkable
class Readout(Protocol):
    """y_t = g(h_t, x_t) at many points at once, in NumPy float64.

    A point is an input x_t, (features,), with the state after its step, h_t, (hidden,). Points are all axes before
    those named here, such as (batch, time); the axis before the last of `changes` counts the changes at one point.

    Attributes:
        n_outputs: Size of y_t.
    """

    @property
    def n_outputs(self) -> int: ...

    def outputs(
        self, states: Float[np.ndarray, "*points hidden"], inputs: Float[np.ndarray, "*points features"]
    ) -> Float[np.ndarray, "*points outputs"]:
        """y_t.

        Args:
            states: h_t, (*points, hidden).
            inputs: x_t, (*points, features).
        """
        ...

    def seen(
        self,
        states: Float[np.ndarray, "*points hidden"],
        inputs: Float[np.ndarray, "*points features"],
        changes: Float[np.ndarray, "*points changes hidden"],
    ) -> Float[np.ndarray, "*points changes outputs"]:
        """What the readout sees of a change of the state: W_y^T dh.

        Before the nonlinearity of a `LinearReadout`; elsewhere the derivative of the whole readout.

        Args:
            states: h_t, (*points, hidden).
            inputs: x_t, (*points, features).
            changes: dh_t, (*points, changes, hidden).
        """
        ...

    def heard(
        self,
        states: Float[np.ndarray, "*points hidden"],
        inputs: Float[np.ndarray, "*points features"],
        changes: Float[np.ndarray, "*points changes features"],
    ) -> Float[np.ndarray, "*points changes outputs"]:
        """What it sees of a change of the input past the state, at the same step: D dx, where `seen` is W_y^T dh.

        Args:
            states: h_t, (*points, hidden).
            inputs: x_t, (*points, features).
            changes: dx_t, (*points, changes, features).
        """
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class LinearReadout:
    """y = phi(W_y^T h + b + D x).

    Attributes:
        weights: W_y, (hidden, outputs).
        bias: b, (outputs,).
        feedthrough: D, (outputs, features); zero for most.
        nonlinearity: phi: "linear" or "relu".

    Raises:
        InvalidInput: If the nonlinearity is another one.
    """

    weights: Float[np.ndarray, "hidden outputs"]
    bias: Float[np.ndarray, " outputs"]
    feedthrough: Float[np.ndarray, "outputs features"]
    nonlinearity: str = "linear"

    def __post_init__(self) -> None:
        check_choice("nonlinearity", self.nonlinearity, READOUTS)

    @property
    def n_outputs(self) -> int:
        return self.weights.shape[-1]

    def outputs(self, states: Any, inputs: Any) -> np.ndarray:
        drive = states @ self.weights + self.bias + inputs @ self.feedthrough.T
        with float64():
            return np.asarray(activation(self.nonlinearity)(jnp.asarray(drive)))

    def seen(self, states: Any, inputs: Any, changes: Any) -> np.ndarray:
        return changes @ self.weights

    def heard(self, states: Any, inputs: Any, changes: Any) -> np.ndarray:
        return changes @ self.feedthrough.T


@dataclasses.dataclass(frozen=True)
class NoReadout:
    """A network of which only the states are known.

    Attributes:
        n_outputs: None of them: 0.
    """

    n_outputs: int = 0

    def outputs(self, states: Any, inputs: Any) -> np.ndarray:
        return np.zeros((*np.shape(states)[:-1], 0))

    def seen(self, states: Any, inputs: Any, changes: Any) -> np.ndarray:
        return np.zeros((*np.shape(changes)[:-1], 0))

    def heard(self, states: Any, inputs: Any, changes: Any) -> np.ndarray:
        return np.zeros((*np.shape(changes)[:-1], 0))


@dataclasses.dataclass(frozen=True, eq=False)
class LinearRecurrence:
    """h_t = W_h h_{t-1} + W_x x_t + b: the algebra of a network whose recurrence is linear."""

    W_x: Float[np.ndarray, "hidden features"]
    W_h: Float[np.ndarray, "hidden hidden"]
    bias: Float[np.ndarray, " hidden"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A recurrent network of any kind, as far as it can be measured: a step, a readout, a state to start from.

    Attributes:
        kind: What it was read from, in words: "torch GRU", "equinox LSTMCell", "step function".
        n_features: Size of the input.
        n_hidden: Size of the state that one step hands to the next; for an LSTM h and c, for layers all of them.
        dynamics: The step.
        readout: How outputs are made; `NoReadout()` when only states are known.
        initial: The state before the first input, (n_hidden,).
        linear: The algebra of a linear recurrence, or None; also None for one with more than 4096 numbers of state.
        poles: The eigenvalues of a linear recurrence, (n_hidden,), where they were stored; also of one whose `linear`
            is None because its matrix is too large to be written out.
        layout: Names and sizes of the parts of the state, in order, such as (("h", 64), ("c", 64)).
        agreement: Largest difference between this forward pass and an independent one over random sequences; None
            when there was nothing to compare with.
        compared_with: What it was compared with, in words; with no agreement, what it is consistent with, which is not
            independent; or None.
    """

    kind: str
    n_features: int
    n_hidden: int
    dynamics: Dynamics
    readout: Readout
    initial: Float[np.ndarray, " hidden"]
    linear: LinearRecurrence | None = None
    poles: Complex[np.ndarray, " hidden"] | None = None
    layout: tuple[tuple[str, int], ...] = ()
    agreement: float | None = None
    compared_with: str | None = None

    @property
    def n_outputs(self) -> int:
        return self.readout.n_outputs

    def states(self, inputs: Any, state: Any = None) -> Float[np.ndarray, "batch time hidden"]:
        """States after every step.

        Args:
            inputs: (batch, time, features).
            state: The state before the first step, (hidden,) or (batch, hidden); `initial` if None.

        Raises:
            InvalidInput: If the features do not come last, or their number is not `n_features`.
        """
        inputs = np.asarray(inputs, np.float64)
        if inputs.ndim != 3 or inputs.shape[-1] != self.n_features:
            shape = inputs.shape
            allowed = f"of shape (batch, time, features) with {self.n_features} features last"
            hint = "the feature axis must come last" if self.n_features in shape[:-1] else ""
            raise InvalidInput("inputs", Shown(f"shape {shape}"), allowed, hint=hint)
        state = self.initial if state is None else np.asarray(state, np.float64)
        return self.dynamics.run(inputs, np.broadcast_to(state, (len(inputs), self.n_hidden)))

    def outputs(self, inputs: Any, state: Any = None) -> Float[np.ndarray, "batch time outputs"]:
        """Outputs at every step; see `states`."""
        inputs = np.asarray(inputs, np.float64)
        return self.readout.outputs(self.states(inputs, state), inputs)

    @property
    def checked(self) -> str:
        """What the forward pass was compared with, in words."""
        if self.agreement is not None:
            return f"agrees with {self.compared_with} to {self.agreement:.1e}"
        consistent = "" if self.compared_with is None else f", only consistent with {self.compared_with}"
        return f"not compared with an independent forward pass{consistent}"

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {size}" for name, size in self.layout)
        state = f"{self.n_hidden} numbers of state" + (f" ({parts})" if len(self.layout) > 1 else "")
        return f"Model: {self.kind}, {self.n_features} features, {state}, {self.n_outputs} outputs; {self.checked}"


def _wide(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.complex128 if np.iscomplexobj(leaf) else jnp.float64), tree)


@functools.partial(jax.jit, static_argnums=0)
def _run(step: Any, weights: Any, inputs: Any, state: Any) -> Any:
    def advance(h: Any, x: Any) -> Any:
        h = jax.vmap(step, (None, 0, 0))(weights, x, h)
        return h, h

    _, states = jax.lax.scan(advance, state, jnp.swapaxes(inputs, 0, 1))
    return jnp.swapaxes(states, 0, 1)


@functools.partial(jax.jit, static_argnums=0)
def _carried(step: Any, weights: Any, inputs: Any, states: Any, changes: Any) -> Any:
    def at_point(x: Any, h: Any, dh: Any) -> Any:
        return jax.vmap(jax.linearize(lambda h: step(weights, x, h), h)[1])(dh)

    return jax.vmap(at_point)(inputs, states, changes)


@functools.partial(jax.jit, static_argnums=0)
def _along(step: Any, weights: Any, inputs: Any, states: Any, change: Any) -> Any:
    def carry(x: Any, h: Any, dh: Any) -> Any:
        return jax.jvp(lambda h: step(weights, x, h), (h,), (dh,))[1]

    def advance(dh: Any, at: Any) -> Any:
        x, h = at
        dh = jax.vmap(carry)(x, h, dh)
        return dh, dh

    _, found = jax.lax.scan(advance, change, (jnp.swapaxes(inputs, 0, 1), jnp.swapaxes(states, 0, 1)))
    return jnp.swapaxes(found, 0, 1)


@functools.partial(jax.jit, static_argnums=0)
def _written(step: Any, weights: Any, inputs: Any, states: Any, changes: Any) -> Any:
    def at_point(x: Any, h: Any, dx: Any) -> Any:
        return jax.vmap(jax.linearize(lambda x: step(weights, x, h), x)[1])(dx)

    return jax.vmap(at_point)(inputs, states, changes)
