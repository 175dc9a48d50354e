"""How weights are drawn."""

import dataclasses
import math
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from ._errors import InvalidInput, check_count, check_number

_LOST = 1e-3  # of the length that the modulus leaves: an impulse that is shorter at the delay did not arrive
_DECADES = 20  # float32 has 38


@runtime_checkable
class Initialiser(Protocol):
    """How weights are drawn: (key, n_features, n_hidden, n_outputs) -> float32 (W_x, W_h, W_y) of one network."""

    def __call__(self, key: PRNGKeyArray, n_features: int, n_hidden: int, n_outputs: int) -> Any:
        """Draws the weights of one network."""
        ...


@dataclasses.dataclass(frozen=True)
class Normal:
    """Independent normal weights with standard deviation gain / sqrt(fan in).

    Attributes:
        gain: 1 keeps the size of what a unit receives independent of their number.
    """

    gain: float = 1.0

    def __call__(self, key: PRNGKeyArray, n_features: int, n_hidden: int, n_outputs: int) -> Any:
        key_x, key_h, key_y = jax.random.split(key, 3)
        W_x = jax.random.normal(key_x, (n_hidden, n_features), jnp.float32) * (self.gain / n_features**0.5)
        W_h = jax.random.normal(key_h, (n_hidden, n_hidden), jnp.float32) * (self.gain / n_hidden**0.5)
        W_y = jax.random.normal(key_y, (n_hidden, n_outputs), jnp.float32) * (self.gain / n_hidden**0.5)
        return W_x, W_h, W_y


@dataclasses.dataclass(frozen=True)
class Orthogonal:
    """Normal input and output weights of gain 1; W_h is `gain` times a random orthogonal matrix.

    Attributes:
        gain: Modulus of every eigenvalue of W_h.
    """

    gain: float = 0.9

    def __call__(self, key: PRNGKeyArray, n_features: int, n_hidden: int, n_outputs: int) -> Any:
        key_rest, key_h = jax.random.split(key)
        W_x, _, W_y = Normal()(key_rest, n_features, n_hidden, n_outputs)
        return W_x, self.gain * jax.random.orthogonal(key_h, n_hidden, dtype=jnp.float32), W_y


@dataclasses.dataclass(frozen=True)
class Spiral:
    """W_h = modulus R(turn / delay) in every pair of hidden units: an input turns away from where it was written.

    A linear network that starts anywhere ends in one of many local optima, which differ in how often an input turns
    round within the delay. This one starts in the basin of the span that is asked for: a quarter turn, where dense
    inputs have their optimum, or three quarters, where sparse ones with a ReLU readout have it. Every feature is
    written in a random direction, with the length at which a readout at lag `delay` returns it unchanged, and W_y is
    that readout. A unit without partner, and all weights, have normal noise.

    Attributes:
        delay: Age at which inputs are read, >= 1.
        turn: Degrees by which a direction turns within the delay, in (0, 180 delay).
        modulus: Modulus of every eigenvalue of W_h without noise, > 0.
        noise: Size of the normal noise on all weights, >= 0: its standard deviation is noise / delay, so that what adds
            up within a delay does not depend on it, and in W_h sqrt(2 / N_h) times that.

    Raises:
        InvalidInput: If a field is outside of its range, there is one hidden unit only, or W_y is for other outputs.
    """

    delay: int
    turn: float = 90.0
    modulus: float = 0.8
    noise: float = 0.08

    def __post_init__(self) -> None:
        check_count("delay", self.delay, 1)
        most = 180 * self.delay
        check_number("turn", self.turn, f"in (0, {most}) degrees, 180 per step", lambda turn: 0 < turn < most)
        _check_size_and_noise(self)

    def __call__(self, key: PRNGKeyArray, n_features: int, n_hidden: int, n_outputs: int) -> Any:
        _check_pairs(n_hidden, n_features, n_outputs)
        key_x, key_noise = jax.random.split(key)
        angle = math.radians(self.turn / self.delay)
        cos, sin = self.modulus * math.cos(angle), self.modulus * math.sin(angle)
        W_x = jax.random.normal(key_x, (n_hidden, n_features), jnp.float32)
        return _with_unit_recall(W_x, ((cos, -sin), (sin, cos)), self, key_noise, jnp.asarray)


@dataclasses.dataclass(frozen=True)
class Clock:
    """W_h = ((a, -b), (c, -d)) in every pair of hidden units: a ReLU recurrence that holds for a delay, then erases.

    An impulse is written along the axis of the first unit, with a part below zero that the ReLU stops. The state then
    turns in the positive quadrant, in the coordinates of the eigenvectors by somewhat less than half a turn within
    delay - 1 steps, until the first unit falls silent. The second one alone drives both below zero: at lag `delay` the
    state lies in the negative quadrant, which the next step erases. A readout along that direction cannot see the
    positive quadrant, where every waiting input lies. So the network starts alive, without interference to first order
    in p, and returns one input as it was; plainly drawn weights mostly lose the impulse on its way, and then have no
    gradient.

    Feature j is written to pair j; features beyond the last pair start with noise only. Every feature that arrives is
    scaled so that a readout at lag `delay` returns it unchanged; W_y is that readout.

    Attributes:
        delay: Age at which inputs are read, >= 1.
        modulus: Modulus of the eigenvalues of W_h, > 0. Above 1 an impulse grows while it waits, so that it disturbs
            less while it does, and is erased all the same: 1.5 trains to lower losses from delay 4 on.
        shortfall: What is missing to half a turn at lag delay - 1, in steps, > 0.
        margin: How much earlier than that lag the first unit falls silent, in steps, > 0; with `shortfall` below 1.
        lean: sqrt(c / b) > 0: how much more the first unit drives the second than the other way round.
        noise: Size of the normal noise on all weights, >= 0: its standard deviation is noise / delay, so that what adds
            up within a delay does not depend on it, and in W_h sqrt(2 / N_h) times that.

    Raises:
        InvalidInput: If a field is outside of its range, there is one hidden unit only, or W_y is for other outputs.
    """

    delay: int
    modulus: float = 0.85
    shortfall: float = 0.5
    margin: float = 0.2
    lean: float = 1.75
    noise: float = 0.15

    def __post_init__(self) -> None:
        check_count("delay", self.delay, 1)
        check_number("shortfall", self.shortfall, "in (0, 1) steps", lambda shortfall: 0 < shortfall < 1)
        rest = 1 - self.shortfall
        check_number("margin", self.margin, f"in (0, 1 - shortfall = {rest:g}) steps", lambda margin: 0 < margin < rest)
        check_number("lean", self.lean, "> 0", lambda lean: lean > 0)
        _check_size_and_noise(self)

    def __call__(self, key: PRNGKeyArray, n_features: int, n_hidden: int, n_outputs: int) -> Any:
        _check_pairs(n_hidden, n_features, n_outputs)
        pair = self._pair()
        (_, b), (_, d) = pair
        feature = jnp.arange(n_features)
        written = jnp.zeros((n_hidden, n_features), jnp.float32)
        # features without a pair of their own fall off the end of the array
        written = written.at[2 * feature, feature].set(1.0).at[2 * feature + 1, feature].set(-min(1.0, b / d))
        return _with_unit_recall(written, pair, self, key, jax.nn.relu)

    def _pair(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """((a, -b), (c, -d)): eigenvalues modulus exp(+-i angle); (W^s)_11 changes sign at s = delay - 1 - margin."""
        if self.delay == 1:
            return (-self.modulus, -self.modulus), (-self.modulus, -self.modulus)
        angle = math.pi / (self.delay - 1 + self.shortfall)
        silent = angle * (self.delay - 1 - self.margin)
        middle, half = self.modulus * math.cos(angle), -self.modulus * math.sin(angle) / math.tan(silent)
        a, d = half + middle, half - middle
        product = math.sqrt(self.modulus**2 + a * d)
        return (a, -product / self.lean), (product * self.lean, -d)


def _check_size_and_noise(scheme: Any) -> None:
    check_number(
        "modulus",
        scheme.modulus,
        f"> 0, with modulus^{scheme.delay} from 1e-20 to 1e20",
        lambda modulus: modulus > 0 and abs(scheme.delay * math.log10(modulus)) <= _DECADES,
    )
    check_number("noise", scheme.noise, ">= 0", lambda noise: noise >= 0)


def _check_pairs(n_hidden: int, n_features: int, n_outputs: int) -> None:
    if n_hidden < 2:
        raise InvalidInput("n_hidden", n_hidden, "at least 2 for a scheme that turns in a plane")
    if n_outputs != n_features:
        raise InvalidInput("n_outputs", n_outputs, f"n_features = {n_features} for a scheme that recalls every feature")


def _with_unit_recall(written: Any, pair: Any, scheme: Any, key: PRNGKeyArray, passes: Any) -> Any:
    """W_x, W_h, W_y from a block for every pair of units, so that features read at lag `delay` come back unchanged."""
    n_hidden, noise = len(written), scheme.noise / scheme.delay
    key_x, key_h = jax.random.split(key)
    W_x = written + noise * jax.random.normal(key_x, written.shape, jnp.float32)
    blocks = jnp.kron(jnp.eye(n_hidden // 2, dtype=jnp.float32), jnp.asarray(pair, jnp.float32))
    W_h = jnp.zeros((n_hidden, n_hidden), jnp.float32).at[: len(blocks), : len(blocks)].set(blocks)
    W_h = W_h + noise * (2 / n_hidden) ** 0.5 * jax.random.normal(key_h, W_h.shape, jnp.float32)
    direction = W_x
    for _ in range(scheme.delay):
        direction = W_h @ passes(direction)
    length = jnp.linalg.norm(direction, axis=0)
    arrives = length > _LOST * scheme.modulus**scheme.delay * jnp.linalg.norm(W_x, axis=0)
    scale = jnp.where(arrives, 1 / jnp.where(arrives, length, 1.0), 1.0)
    return W_x * scale, W_h, direction * scale
