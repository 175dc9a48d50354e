"""A network's run over data: inputs, states, and how much of every feature there is at every step."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from .._errors import InvalidInput, Shown
from ..models import Model
from ._sources import as_numbers

MOST_NUMBERS = 3 * 10**7
"""Numbers that one array may hold: 240 MB."""

_ROWS = (8, 256)
_ROW_NUMBERS = 4 * 10**6


@dataclasses.dataclass(frozen=True, eq=False)
class Recording:
    """A network's run over data.

    Attributes:
        model: The network.
        inputs: x_t.
        states: h_t after every step.
        basis: Input directions of the features: a row each; the unit vectors for input channels.
        codes: How much of every feature there is at every step: x_t = sum_j codes_j basis_j (+ what no feature
            explains).
        dictionary: Whether the features are a dictionary that was given.
        explained: Share of the inputs' second moment that codes and basis explain; 1 for channels.
    """

    model: Model
    inputs: Float[np.ndarray, "batch time channels"]
    states: Float[np.ndarray, "batch time hidden"]
    basis: Float[np.ndarray, "features channels"]
    codes: Float[np.ndarray, "batch time features"]
    dictionary: bool
    explained: float

    @property
    def n_features(self) -> int:
        return len(self.basis)

    def before(
        self, sequences: Int[np.ndarray, "*points"], times: Int[np.ndarray, "*points"]
    ) -> Float[np.ndarray, "*points hidden"]:
        """h_{t-1}, the state before the first input for t = 0."""
        states = self.states[sequences, np.maximum(times - 1, 0)]
        return np.where((times == 0)[..., None], self.model.initial, states)

    def windows(
        self, sequences: Int[np.ndarray, " points"], times: Int[np.ndarray, " points"], n_steps: int
    ) -> Float[np.ndarray, "points steps channels"]:
        """x_t .. x_{t + n_steps - 1}, a copy."""
        return self.inputs[sequences[:, None], times[:, None] + np.arange(n_steps)]


def record(
    model: Model, inputs: Float[np.ndarray, "batch time channels"], *, features: Any = None, codes: Any = None
) -> Recording:
    """Runs the network over its inputs.

    Args:
        model: The network.
        inputs: (batch, time, channels).
        features: Input directions, (n_dictionary, channels); None for the channels themselves.
        codes: (batch, time, n_dictionary), how much of every direction there is; None for the least-squares solution
            of smallest norm at every step, which for more directions than channels spreads an input over similar ones.

    Raises:
        InvalidInput: If shapes do not fit, or the states that the network runs into are not finite.
    """
    basis, codes, explained = _features(model, inputs, features, codes)
    states = model.states(inputs)
    if not np.isfinite(states).all():
        step = int(np.argwhere(~np.isfinite(states).all(axis=(0, 2)))[0, 0])
        raise InvalidInput(
            "inputs", Shown(f"states that are not finite from step {step} on"), "such that states stay finite"
        )
    return Recording(model, inputs, states, basis, codes, features is not None, explained)


def _features(model: Model, inputs: np.ndarray, features: Any, codes: Any) -> tuple[np.ndarray, np.ndarray, float]:
    if features is None:
        if codes is not None:
            raise InvalidInput("codes", Shown("codes without features"), "given together with features")
        return np.eye(model.n_features), inputs, 1.0
    basis = as_numbers("features", features)
    if basis.ndim != 2 or basis.shape[1] != model.n_features or not len(basis):
        hint = "transpose them" if basis.ndim == 2 and basis.shape[0] == model.n_features else ""
        allowed = f"of shape (n_dictionary, {model.n_features}), an input direction in each row"
        raise InvalidInput("features", Shown(f"shape {basis.shape}"), allowed, hint=hint)
    lengths = np.linalg.norm(basis, axis=1)
    if not lengths.all():
        raise InvalidInput("features", Shown(f"zeros in row {int(np.argmin(lengths))}"), "directions other than zero")
    if codes is None:
        codes = inputs @ np.linalg.pinv(basis)
    codes = as_numbers("codes", codes)
    if codes.ndim == 2 and len(inputs) == 1:
        codes = codes[None]
    if codes.shape != (*inputs.shape[:2], len(basis)):
        allowed = f"of shape {(*inputs.shape[:2], len(basis))} (batch, time, n_dictionary)"
        raise InvalidInput("codes", Shown(f"shape {codes.shape}"), allowed)
    power = (inputs**2).sum()
    rest = ((inputs - codes @ basis) ** 2).sum()
    return basis, codes, float(1 - rest / power) if power else 1.0


def sample_points(
    recording: Recording, n_points: int, n_steps: int, rng: np.random.Generator
) -> tuple[Int[np.ndarray, " points"], Int[np.ndarray, " points"]]:
    """Sequences and times t, drawn without replacement, from which `n_steps` steps t .. t + n_steps - 1 exist."""
    n_sequences, time = recording.inputs.shape[:2]
    starts = time - n_steps + 1
    chosen = rng.choice(n_sequences * starts, min(n_points, n_sequences * starts), replace=False)
    return np.divmod(np.sort(chosen), starts)


def run_batches(
    model: Model,
    n_runs: int,
    n_steps: int,
    build: Callable[[Int[np.ndarray, " runs"]], tuple[np.ndarray, np.ndarray]],
) -> Iterator[tuple[Int[np.ndarray, " runs"], Float[np.ndarray, "runs steps hidden"]]]:
    """States of many short runs, in batches of one shape, because every new shape is compiled.

    Args:
        model: The network.
        n_runs: How many runs.
        n_steps: How many steps each.
        build: Indices of runs -> (inputs (runs, steps, channels), states before (runs, hidden)).
    """
    low, high = _ROWS
    rows = int(np.clip(_ROW_NUMBERS // (n_steps * model.n_hidden), low, high))
    for start in range(0, n_runs, rows):
        kept = min(rows, n_runs - start)
        indices = np.minimum(np.arange(start, start + rows), n_runs - 1)
        inputs, before = build(indices)
        yield indices[:kept], model.dynamics.run(inputs, before)[:kept]
