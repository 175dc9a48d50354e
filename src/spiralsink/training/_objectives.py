"""What training minimises, as users write it."""

import dataclasses
import math
from typing import Any

from .._errors import InvalidInput, Shown, check_choice, check_count
from ..theory import Horizon, Quadrature, SteadyState, check_horizon

MOST_COUNTED = 2**31 - 1  # what a whole number of 32 bits holds, with its sign


def check_burn_in(burn_in: Any, horizon: int) -> int:
    """Returns the burn-in if it is a whole number in [0, horizon)."""
    if check_count("burn_in", burn_in, 0) >= horizon:
        raise InvalidInput("burn_in", burn_in, f"less than the horizon {horizon}")
    return int(burn_in)


def check_sequences(field: str, value: Any) -> int:
    """Returns the number of sequences of an evaluation, from 2 to 2^31 - 1."""
    if check_count(field, value, 2) > MOST_COUNTED:
        raise InvalidInput(field, value, f"a whole number from 2 to {MOST_COUNTED}")
    return int(value)


def show_horizon(horizon: Horizon) -> str:
    """The horizon in words."""
    return f"horizon {horizon}" if isinstance(horizon, int) else str(horizon)


def _check_non_negative(field: str, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not (0 <= value < math.inf):
        raise InvalidInput(field, value, "a finite number >= 0")


@dataclasses.dataclass(frozen=True)
class ExpectedLoss:
    """The exact expected loss per step, E[L] = sum_i I_i E[(y_i - y*_i)^2], computed in float64.

    Known for linear recurrence with linear or ReLU readout.

    Attributes:
        horizon: `SteadyState()`, where a network of spectral radius >= 1 has an infinite loss and cannot be trained
            (`Orthogonal(0.9)` draws none), or T for the mean over t = 1 .. T with h_0 = 0.
        quadrature: How finely the integrals of a ReLU readout are resolved.
    """

    horizon: Horizon = SteadyState()  # noqa: RUF009 (frozen)
    quadrature: Quadrature = Quadrature()  # noqa: RUF009 (frozen)

    def __post_init__(self) -> None:
        check_horizon(self.horizon)
        if not isinstance(self.quadrature, Quadrature):
            raise InvalidInput("quadrature", self.quadrature, "a Quadrature")

    def __str__(self) -> str:
        return f"expected loss, {show_horizon(self.horizon)}"


@dataclasses.dataclass(frozen=True)
class SampledLoss:
    """The loss on fresh random sequences at every step, for any network and any task.

    (1 / (B (T - b))) sum_n sum_{t = b+1}^{T} w_t sum_i I_i (y_{i,t} - y*_{i,t})^2, with h_0 = 0; w_t = 1 for filter
    tasks.

    Attributes:
        batch_size: B, sequences per network and step.
        horizon: T, steps of each sequence.
        burn_in: b < T, steps at the start that do not count.
        state_noise: Standard deviation of independent normal noise added to every hidden state in training (not in
            the evaluation).
        batches: "own": every network hears a fresh batch of its own at every step. "shared": at every step all
            networks of the stack hear one fresh batch (the same random numbers, where p or delays differ), so that
            the noise of their gradients is common to them: differences between networks become sharper, but averages
            over seeds no longer average that noise out. Given one key per network, shared batches are the same for
            any keys.
        n_evaluation: Sequences of the evaluation batch, 2 to 2^31 - 1, which all networks share and which stays the
            same.
    """

    batch_size: int = 256
    horizon: int = 18
    burn_in: int = 0
    state_noise: float = 0.0
    n_evaluation: int = 4096
    batches: str = "own"

    def __post_init__(self) -> None:
        check_count("batch_size", self.batch_size)
        check_count("horizon", self.horizon)
        check_burn_in(self.burn_in, self.horizon)
        _check_non_negative("state_noise", self.state_noise)
        check_sequences("n_evaluation", self.n_evaluation)
        check_choice("batches", self.batches, ["own", "shared"])

    def __str__(self) -> str:
        burn_in = f", burn-in {self.burn_in}" if self.burn_in else ""
        noise = f", state noise {self.state_noise:g}" if self.state_noise else ""
        shared = ", shared" if self.batches == "shared" else ""
        return f"sampled loss, {show_horizon(self.horizon)}{burn_in}, batch {self.batch_size}{shared}{noise}"


@dataclasses.dataclass(frozen=True)
class LengthPenalty:
    """strength * sum_{s=0}^{k} sum_j |w_{s,j}|^2: the squared lengths of the feature directions up to the recall.

    w_{s,j} is the column of the feature directions at lag s for feature j (W_h^s W_x for linear recurrence, the
    response to a unit impulse for ReLU, the Jacobian at rest for tanh), in the gauge in which the network is trained.

    Attributes:
        strength: >= 0.
        last_lag: k; None for the recall lag of the task (the last lag of its filter where it has no single one).
    """

    strength: float = 1e-4
    last_lag: int | None = None

    def __post_init__(self) -> None:
        _check_non_negative("strength", self.strength)
        if self.last_lag is not None:
            check_count("last_lag", self.last_lag, 0)


@dataclasses.dataclass(frozen=True)
class Penalised:
    """The sum of an objective and a penalty. Losses are reported without the penalty.

    Attributes:
        objective: `ExpectedLoss` or `SampledLoss`.
        penalty: `LengthPenalty`.
    """

    objective: Any
    penalty: Any = LengthPenalty()

    def __post_init__(self) -> None:
        if not isinstance(self.objective, ExpectedLoss | SampledLoss):
            raise InvalidInput("objective", Shown(type(self.objective).__name__), "ExpectedLoss or SampledLoss")
        if not isinstance(self.penalty, LengthPenalty):
            raise InvalidInput("penalty", Shown(type(self.penalty).__name__), "LengthPenalty")

    def __str__(self) -> str:
        return f"{self.objective}; length penalty {self.penalty.strength:g}"

    @property
    def horizon(self) -> Horizon:
        return self.objective.horizon
