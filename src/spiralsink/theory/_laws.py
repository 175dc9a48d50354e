"""What the exact theory of a ReLU readout needs to know about amplitude laws."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import InvalidInput, NotCovered, Shown
from ..processes import Constant, Exponential, HalfNormal, Uniform

_MEMBERS = ("transform", "transform_derivative", "abscissa")
_N_DEVIATIONS = 6.0


def check_laws(laws: tuple[Any, ...]) -> None:
    """Raises unless every law has a transform, and amplitudes of one sign or a known support.

    Args:
        laws: One amplitude law per feature.

    Raises:
        NotCovered: Names the law and what is missing.
        InvalidInput: If a law is not hashable.
    """
    for law in laws:
        missing = [name for name in _MEMBERS if not hasattr(law, name)]
        if missing:
            shown = Shown(type(law).__name__)
            raise NotCovered(
                "amplitude", shown, f"a law with {', '.join(missing)} for a ReLU readout", hint="use sampled_loss"
            )
        signed_second_moments(law)
        try:
            hash(law)
        except TypeError:
            raise InvalidInput("amplitude", law, "a hashable law, such as a frozen dataclass") from None


def support(law: Any) -> tuple[float, float]:
    """The lowest and highest amplitude; infinite where a law does not say."""
    if isinstance(law, Uniform):
        return law.low, law.high
    if isinstance(law, Constant):
        return law.value, law.value
    low, high = getattr(law, "support", (-math.inf, math.inf))
    return low, high


def is_bounded(law: Any) -> bool:
    """Whether no amplitude is larger than some number."""
    low, high = support(law)
    return math.isfinite(low) and math.isfinite(high)


def size_seen(law: Any, a: Any) -> Any:
    """The size of what is seen of one input: at most, or the root of its mean square where there is no largest."""
    if not is_bounded(law):
        return jnp.abs(a) * np.sqrt(law.second_moment)
    low, high = support(law)
    return jnp.maximum(jnp.maximum(a * low, a * high), 0.0)


def continued_transform(law: Any, v: Any) -> Any:
    """E[exp(v U)], continued analytically to where the integral does not exist."""
    return law.rate / (law.rate - v) if isinstance(law, Exponential) else law.transform(v)


def can_bend(law: Any) -> bool:
    """Whether the transform is known to decay along contours that bend away from the imaginary axis."""
    return isinstance(law, Exponential | HalfNormal)


def steepest(law: Any) -> float:
    """The largest Re v at which the transform of an unbounded law exists and can be trusted."""
    return min(0.95 * law.abscissa, _N_DEVIATIONS / math.sqrt(law.second_moment))


def signed_second_moments(law: Any) -> tuple[float, float]:
    """(E[U_+^2], E[U_-^2]).

    Args:
        law: A law of amplitudes.

    Raises:
        NotCovered: For a law of both signs that is not uniform.
    """
    low, high = support(law)
    if isinstance(law, Uniform):
        cube = (max(high, 0.0) ** 3 - max(low, 0.0) ** 3) / (3 * (high - low))
        return cube, law.second_moment - cube
    if low >= 0 or isinstance(law, Exponential | HalfNormal):
        return law.second_moment, 0.0
    if high <= 0 and math.isfinite(low):
        return 0.0, law.second_moment
    if _is_positive(law):
        return law.second_moment, 0.0
    raise NotCovered("amplitude", law, "uniform, or of one sign, for a ReLU readout", hint="use sampled_loss")


def _is_positive(law: Any) -> bool:
    """Whether E[exp(-t U)] stays below 1 for large t."""
    scale = math.sqrt(law.second_moment)
    with jax.ensure_compile_time_eval():
        return all(abs(complex(law.transform(-t / scale))) <= 1 for t in (1.0, 10.0, 60.0))
