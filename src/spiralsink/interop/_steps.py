"""Any step function `step(x, h) -> h`, in JAX, torch or NumPy, as a model."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from .._errors import InvalidInput, Shown, check_choice, check_count, check_finite, check_number
from .._float64 import float64
from ..models import JaxStep, LinearReadout, Model, NoReadout, Readout
from . import _probe, _speaking, _state
from ._diagnosis import of_runs
from ._spoken import LIBRARIES, Spoken
from ._state import StateLayout, WrongState

_PROBED = 2  # sequences that are run one step at a time


def step_model(
    step: Any,
    *,
    n_features: Any,
    n_hidden: Any = None,
    initial: Any = None,
    weights: Any = None,
    readout: Any = None,
    library: Any = None,
    reference: Any = None,
    tolerance: Any = 1e-5,
    seed: Any = 0,
) -> Model:
    """A step function h_t = step(x_t, h_{t-1}), and a readout y_t = readout(h_t), as a model.

    Which library it speaks is found by trying: JAX first (it must be traceable), torch if torch is imported, then
    NumPy; so is whether it takes single vectors or batches. It is given float64, or float32 where it does not work
    otherwise.

    Derivatives: by JAX for a function that JAX can trace; for torch by forward-mode differentiation where all of its
    operations have it; else by central differences, (f(p + e v) - f(p - e v)) / 2e. Those are right to about 1e-10 of
    the derivative in float64, to about 1e-4 in float32, and between both slopes where a ReLU has its kink within e.
    That a function rounds to float32 inside, whatever it takes and gives, is found by its differences; `kind` says it.

    The function is compared with itself, called with one step of one sequence at a time: this finds functions whose
    rows depend on each other, or that remember something between calls, and no wrong weights. That is no independent
    pass, so `agreement` is None unless `reference` gives one.

    Args:
        step: (x, h) -> h. x is (n_features,) or (batch, n_features); h has the structure of `initial`, with an axis
            for the batch in front of each array if x has one.
        n_features: Size of x.
        n_hidden: Size of h, or a tuple of sizes for a state that is a tuple of vectors.
        initial: The state before the first input, as the function takes it for one sequence: an array, or a tuple or
            table of arrays such as (h, c); zeros of `n_hidden` if None. Its arrays are laid out one after the other, as
            `layout` of the model says; a complex one as its real part, then its imaginary part.
        weights: A tree of arrays for a step (weights, x, h) -> h. JAX compiles such a step once for all weights of
            the same shapes, a step that closes over them once for each.
        readout: A matrix (n_hidden, n_outputs), a function of the state, a readout object, or None for none.
        library: "jax", "torch" or "numpy"; None to try them.
        reference: As for `as_model`: a function of inputs (batch, time, features), or a pair (inputs, what it gave).
        tolerance: Largest difference, as a share of the largest number that was compared.
        seed: Of the random sequences.

    Raises:
        InvalidInput: If the function gives no state in any way of calling it (says what came back), sizes do not fit,
            or the passes disagree.
    """
    check_number("tolerance", tolerance, "a number > 0", lambda value: value > 0)
    check_count("seed", seed, 0)
    n_features = check_count("n_features", n_features)
    if not callable(step):
        raise InvalidInput("step", Shown(type(step).__name__), "a function (x, h) -> h")
    if library is not None:
        check_choice("library", library, LIBRARIES)
    if n_hidden is None and initial is None:
        raise InvalidInput("n_hidden", Shown("nothing"), "given, or initial, the state before the first input")
    layout, start = _state.of_initial(_state.zeros(n_hidden) if initial is None else initial)
    expected = sum(n_hidden) if isinstance(n_hidden, tuple | list) else n_hidden
    if initial is not None and expected not in (None, layout.size):
        raise InvalidInput("n_hidden", n_hidden, f"{layout.size}, the size of initial")
    own = _speaking.understood(
        "step",
        _speaking.in_use(step) if weights is None else functools.partial(step, weights),
        layout,
        lambda found: _same(found, layout),
        n_features,
        library=library,
    )
    if weights is not None:
        own = dataclasses.replace(own, weighted=(step, weights))
    model = Model(
        kind=f"step function in {_NAMES[own.library]}" + ("" if own.precision == "float64" else f", {own.precision}"),
        n_features=n_features,
        n_hidden=layout.size,
        dynamics=own.function_of_arrays(),
        readout=_readout(readout, own),
        initial=start,
        layout=layout.parts,
    )
    evidence = _alone(own, model, seed) if reference is None else _probe.given(reference, model, seed)
    return _probe.check(model, [evidence], tolerance, lambda: of_runs(model))


_NAMES = {"jax": "JAX", "torch": "torch", "numpy": "NumPy"}


def _same(found: Any, layout: StateLayout) -> StateLayout:
    shapes = [getattr(leaf, "shape", None) for leaf in jax.tree.leaves(found)]
    if shapes != list(layout.shapes):
        raise WrongState(_state.described(found))
    return layout


def _alone(own: Spoken, model: Model, seed: int) -> _probe.Evidence:
    """The states that the function gives for one sequence after the other, one step at a time."""
    inputs, state = (
        each[-_PROBED:] for each in (_probe.probe_inputs(model.n_features, seed), _probe.probe_states(model, seed))
    )
    states, h = [], state
    for t in range(inputs.shape[1]):
        h = own.call(inputs[:, t], h)
        states.append(h)
    seen = (("states", np.stack(states, 1)),)
    return _probe.Evidence("itself, called step by step", inputs, state, seen, independent=False)


def _readout(readout: Any, step: Spoken) -> Readout:
    if readout is None:
        return NoReadout()
    if isinstance(readout, Readout):
        return readout
    if not callable(readout):
        return _linear(readout, step)
    function = _speaking.in_use(readout)
    spoken = _speaking.understood(
        "readout", lambda x, h: function(h), step.before, _one_vector, step.n_features, library=step.library
    )
    return FunctionReadout(spoken.out.size, spoken.function_of_arrays())


def _linear(readout: Any, step: Spoken) -> LinearReadout:
    matrix = np.asarray(readout)
    check_finite("readout", matrix)
    if matrix.ndim != 2 or len(matrix) != step.before.size:
        hint = "transpose it" if matrix.ndim == 2 and matrix.shape[1] == step.before.size else ""
        allowed = f"a matrix of shape ({step.before.size}, n_outputs), or a function of the state"
        raise InvalidInput("readout", Shown(f"shape {matrix.shape}"), allowed, hint=hint)
    matrix = matrix.astype(np.float64)
    n_outputs = matrix.shape[1]
    return LinearReadout(matrix, np.zeros(n_outputs), np.zeros((n_outputs, step.n_features)))


def _one_vector(found: Any) -> StateLayout:
    leaves, tree = jax.tree.flatten(found)
    shapes = [getattr(leaf, "shape", None) for leaf in leaves]
    if len(shapes) != 1 or shapes[0] is None or len(shapes[0]) != 1:
        raise WrongState(_state.described(found))
    return StateLayout(tree, (shapes[0],), (False,), ("y",))


@dataclasses.dataclass(frozen=True, eq=False)
class FunctionReadout:
    """y = f(h) for a function of the user; `seen` is its derivative.

    Attributes:
        n_outputs: Size of y.
        function: The function of an input, which it ignores, and a state.
    """

    n_outputs: int
    function: Any

    def outputs(self, states: Any, inputs: Any) -> np.ndarray:
        lead, flat = _points(states, inputs)
        return _values(self.function)(*flat).reshape((*lead, self.n_outputs))

    def seen(self, states: Any, inputs: Any, changes: Any) -> np.ndarray:
        lead, (x, h) = _points(states, inputs)
        changes = np.asarray(changes, np.float64)
        found = self.function.carried(x, h, changes.reshape((len(h), *changes.shape[-2:])))
        return found.reshape((*lead, changes.shape[-2], self.n_outputs))

    def heard(self, states: Any, inputs: Any, changes: Any) -> np.ndarray:
        return np.zeros((*np.shape(changes)[:-1], self.n_outputs))  # it is a function of the state alone


def _points(states: Any, inputs: Any) -> tuple[tuple[int, ...], tuple[np.ndarray, np.ndarray]]:
    states, inputs = np.asarray(states, np.float64), np.asarray(inputs, np.float64)
    lead = states.shape[:-1]
    inputs = np.broadcast_to(inputs, (*lead, inputs.shape[-1]))
    return lead, (inputs.reshape(-1, inputs.shape[-1]), states.reshape(-1, states.shape[-1]))


def _values(function: Any) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    if not isinstance(function, JaxStep):
        return function.values

    def mapped(x: np.ndarray, h: np.ndarray) -> np.ndarray:
        with float64():
            return np.asarray(_mapped(function.step, function.weights, x, h))

    return mapped


@functools.partial(jax.jit, static_argnums=0)
def _mapped(step: Any, weights: Any, x: Any, h: Any) -> Any:
    return jax.vmap(step, (None, 0, 0))(weights, x, h)
