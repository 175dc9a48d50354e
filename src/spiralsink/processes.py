"""Feature processes: what the network hears. Sampling, moments and transforms of sparse inputs."""

import dataclasses
import math
from typing import Any, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ._errors import InvalidInput, Shown, check_count, check_finite, check_number

_BELOW_ONE = np.float32(1 - 2**-24)


@runtime_checkable
class Amplitude(Protocol):
    """The law of the amplitude U of an active feature. Anything with these members can be used.

    Laws must be hashable (a frozen dataclass is), because they are compiled into the programs that use them. A law of
    bounded amplitudes says so by an attribute `support`, (lowest, highest); the exact loss of a ReLU readout needs it.
    A law with a method `quantile(v)`, the u with P(U <= u) = v, elementwise and finite for float32 v in [0, 1], is
    drawn from one random word per input in training; one without it through `sample`.
    """

    @property
    def mean(self) -> float:
        """Mu = E[U]."""
        ...

    @property
    def second_moment(self) -> float:
        """Nu = E[U^2] (not the variance)."""
        ...

    @property
    def abscissa(self) -> float:
        """The transform exists for Re v < abscissa; infinity if it exists everywhere."""
        ...

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[Array, "..."]:
        """Independent float32 draws."""
        ...

    def transform(self, v: Any) -> Any:
        """E[exp(v U)], elementwise, for real or complex v."""
        ...

    def transform_derivative(self, v: Any) -> Any:
        """E[U exp(v U)], elementwise, for real or complex v."""
        ...


@dataclasses.dataclass(frozen=True)
class Uniform:
    """U uniform on (low, high): mu = (low + high) / 2, nu = (low^2 + low high + high^2) / 3.

    Attributes:
        low: Lower end, any finite number.
        high: Upper end, above `low`.
    """

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        check_number("amplitude.low", self.low, "a finite number")
        check_number("amplitude.high", self.high, f"a finite number above low = {self.low}", lambda h: h > self.low)

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    @property
    def second_moment(self) -> float:
        return (self.low**2 + self.low * self.high + self.high**2) / 3

    @property
    def abscissa(self) -> float:
        return math.inf

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[Array, "..."]:
        return jax.random.uniform(key, shape, jnp.float32, self.low, self.high)

    def quantile(self, v: Any) -> Any:
        """The u with P(U <= u) = v, elementwise in float32."""
        return jnp.float32(self.low) + jnp.float32(self.high - self.low) * v

    def transform(self, v: Any) -> Any:
        return jnp.exp(self.low * v) * _ramp_moments(v * (self.high - self.low))[0]

    def transform_derivative(self, v: Any) -> Any:
        width = self.high - self.low
        zeroth, first = _ramp_moments(v * width)
        return jnp.exp(self.low * v) * (self.low * zeroth + width * first)


@dataclasses.dataclass(frozen=True)
class Exponential:
    """U exponential: density rate exp(-rate u), mu = 1 / rate, nu = 2 / rate^2.

    Attributes:
        rate: One over the mean, > 0. The transform exists for Re v < rate only.
    """

    rate: float = 1.0

    def __post_init__(self) -> None:
        check_number("amplitude.rate", self.rate, "a finite number > 0", lambda rate: rate > 0)

    @property
    def mean(self) -> float:
        return 1 / self.rate

    @property
    def second_moment(self) -> float:
        return 2 / self.rate**2

    @property
    def abscissa(self) -> float:
        return self.rate

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[Array, "..."]:
        return jax.random.exponential(key, shape, jnp.float32) / self.rate

    def quantile(self, v: Any) -> Any:
        """The u with P(U <= u) = v, elementwise in float32; at v = 1 that of the float32 below."""
        return -jnp.log1p(-jnp.minimum(v, _BELOW_ONE)) / jnp.float32(self.rate)

    def transform(self, v: Any) -> Any:
        return jnp.where(jnp.real(v) < self.rate, self.rate / (self.rate - v), jnp.nan)

    def transform_derivative(self, v: Any) -> Any:
        return jnp.where(jnp.real(v) < self.rate, self.rate / (self.rate - v) ** 2, jnp.nan)


@dataclasses.dataclass(frozen=True)
class HalfNormal:
    """U = |Z|, Z normal with standard deviation `scale`: mu = scale sqrt(2 / pi), nu = scale^2.

    Attributes:
        scale: Standard deviation of Z, > 0.
    """

    scale: float = 1.0

    def __post_init__(self) -> None:
        check_number("amplitude.scale", self.scale, "a finite number > 0", lambda scale: scale > 0)

    @property
    def mean(self) -> float:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def second_moment(self) -> float:
        return self.scale**2

    @property
    def abscissa(self) -> float:
        return math.inf

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[Array, "..."]:
        return self.scale * jnp.abs(jax.random.normal(key, shape, jnp.float32))

    def quantile(self, v: Any) -> Any:
        """The u with P(U <= u) = v, elementwise in float32; at v = 1 that of the float32 below."""
        return jnp.float32(self.scale * math.sqrt(2)) * jax.scipy.special.erfinv(jnp.minimum(v, _BELOW_ONE))

    def transform(self, v: Any) -> Any:
        values = jax.scipy.special.wofz(-1j * v * (self.scale / math.sqrt(2)))
        return values if jnp.iscomplexobj(v) else jnp.real(values)

    def transform_derivative(self, v: Any) -> Any:
        return self.scale**2 * v * self.transform(v) + self.mean


@dataclasses.dataclass(frozen=True)
class Constant:
    """U = value: mu = value, nu = value^2.

    Attributes:
        value: The amplitude of every active feature, not 0.
    """

    value: float = 1.0

    def __post_init__(self) -> None:
        check_number("amplitude.value", self.value, "a finite number other than 0", lambda value: value != 0)

    @property
    def mean(self) -> float:
        return float(self.value)

    @property
    def second_moment(self) -> float:
        return float(self.value) ** 2

    @property
    def abscissa(self) -> float:
        return math.inf

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[Array, "..."]:
        return jnp.full(shape, self.value, jnp.float32)

    def quantile(self, v: Any) -> Any:
        """`value` for every v."""
        return jnp.full_like(v, self.value)

    def transform(self, v: Any) -> Any:
        return jnp.exp(self.value * v)

    def transform_derivative(self, v: Any) -> Any:
        return self.value * jnp.exp(self.value * v)


class SparseProcess(eqx.Module):
    """Sparse inputs: x_{j,t} = B_{j,t} U_{j,t}, B ~ Bernoulli(p_j), U i.i.d., independent over j and t.

    Attributes:
        n_features: Number of features N_x.
        p: Activity probability, in (0, 1]: a number, one per feature `(n_features,)`, or `(*stack, n_features)`
            with one row per network. Sparsity is 1 - p.
        amplitude: Law of the amplitude U of an active feature, or a tuple with one law per feature.

    Raises:
        InvalidInput: If a probability lies outside (0, 1] or the shapes do not fit.
    """

    n_features: int = eqx.field(static=True)
    p: Any
    amplitude: Any = eqx.field(static=True)

    def __init__(self, n_features: int = 1, p: Any = 0.1, amplitude: Any = None):
        self.n_features = check_count("n_features", n_features)
        self.p = _check_probability(p, self.n_features)
        self.amplitude = _check_amplitude(Uniform() if amplitude is None else amplitude, self.n_features)

    @property
    def stack(self) -> tuple[int, ...]:
        """The stack axes of p; empty when all networks of a stack share it."""
        return jnp.shape(self.p)[:-1]

    @property
    def amplitudes(self) -> tuple[Any, ...]:
        """One law per feature."""
        return self.amplitude if isinstance(self.amplitude, tuple) else (self.amplitude,) * self.n_features

    @property
    def mean(self) -> Any:
        """m_j = E[x_j] = p_j mu_j, shape (*stack, n_features)."""
        return self._per_feature * np.array([law.mean for law in self.amplitudes])

    @property
    def second_moment(self) -> Any:
        """q_j = E[x_j^2] = p_j nu_j, shape (*stack, n_features)."""
        return self._per_feature * np.array([law.second_moment for law in self.amplitudes])

    @property
    def _per_feature(self) -> Any:
        return self.p if jnp.ndim(self.p) else self.p * np.ones(self.n_features)

    def replace(self, **changes: Any) -> "SparseProcess":
        """The same process with some fields changed, as in `process.replace(p=0.5)`."""
        fields = {"n_features": self.n_features, "p": self.p, "amplitude": self.amplitude}
        for name in changes:
            if name not in fields:
                raise InvalidInput("field", name, "one of " + ", ".join(fields))
        return SparseProcess(**(fields | changes))

    def sample(self, key: PRNGKeyArray, n_sequences: int, horizon: int) -> Float[Array, "*stack batch time features"]:
        """Independent float32 sequences; with stack axes in `p`, every network gets its own."""
        shape = (*self.stack, n_sequences, horizon)
        gate_key, amplitude_key = jax.random.split(key)
        p = jnp.asarray(self.p, jnp.float32)
        p = p[..., None, None, :] if p.ndim else p
        active = jax.random.uniform(gate_key, (*shape, self.n_features), jnp.float32) < p
        if isinstance(self.amplitude, tuple):
            keys = jax.random.split(amplitude_key, self.n_features)
            drawn = [law.sample(key, shape) for law, key in zip(self.amplitude, keys, strict=True)]
            values = jnp.stack(drawn, axis=-1)
        else:
            values = self.amplitude.sample(amplitude_key, (*shape, self.n_features))
        return jnp.where(active, values, jnp.float32(0))


def _check_probability(p: Any, n_features: int) -> Any:
    if isinstance(p, jax.core.Tracer):
        return p
    try:
        given = np.asarray(p)
    except ValueError:  # ragged
        given = np.asarray(None)
    if given.dtype.kind not in "iuf":  # True is no probability either
        raise InvalidInput("p", p, "a number or an array of numbers in (0, 1]")
    values = given.astype(np.float64)
    if values.ndim and values.shape[-1] != n_features:
        allowed = f"a number, or an array whose last axis is n_features = {n_features}"
        raise InvalidInput("p", Shown(f"shape {values.shape}"), allowed)
    check_finite("p", values)
    outside = values[(values <= 0) | (values > 1)]
    if outside.size:
        raise InvalidInput("p", float(outside.flat[0]), "in (0, 1]")
    return values if values.ndim else float(values)


def _check_amplitude(amplitude: Any, n_features: int) -> Any:
    if isinstance(amplitude, list):
        amplitude = tuple(amplitude)
    laws = amplitude if isinstance(amplitude, tuple) else (amplitude,)
    if isinstance(amplitude, tuple) and len(laws) != n_features:
        raise InvalidInput("amplitude", Shown(f"{len(laws)} laws"), f"one law or a tuple of n_features = {n_features}")
    for law in laws:
        missing = [name for name in ("mean", "second_moment", "sample") if not hasattr(law, name)]
        if missing or isinstance(law, type):
            raise InvalidInput("amplitude", law, "an amplitude law such as Uniform(0.0, 1.0)")
        if not (math.isfinite(law.mean) and math.isfinite(law.second_moment) and law.second_moment > 0):
            raise InvalidInput("amplitude", law, "a law with finite mean and a positive, finite second moment")
        if law.second_moment < law.mean**2 * (1 - 1e-12):
            raise InvalidInput("amplitude", law, "a law whose second moment E[U^2] is at least its squared mean")
    return amplitude


def _ramp_moments(w: Any) -> tuple[Any, Any]:
    """E[exp(w V)] and E[V exp(w V)] for V uniform on (0, 1), accurate at every w."""
    w = jnp.asarray(w)
    small = jnp.abs(w) < 0.9
    inside, outside = jnp.where(small, w, 0), jnp.where(small, 1, w)
    zeroth = sum(inside**n * (1 / math.factorial(n + 1)) for n in range(18))
    first = sum(inside**n * (1 / (math.factorial(n) * (n + 2))) for n in range(18))
    grown = jnp.exp(outside)
    recursed = (grown - 1) / outside
    return jnp.where(small, zeroth, recursed), jnp.where(small, first, (grown - recursed) / outside)
