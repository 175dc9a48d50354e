"""What a readout makes of one and of two co-active inputs, for every amplitude law with closed forms."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from .._errors import NotCovered, Shown
from ..processes import Amplitude, Constant, Exponential, HalfNormal, Uniform
from ._laws import signed_second_moments
from ._pairs import one_active, two_active


class FewActive(NamedTuple):
    """Second moments of phi for one and two active inputs, phi the readout.

    Attributes:
        one: E[phi(bias + a U)^2] from bias, a and the law of U.
        two: E[phi(bias + a U + b V)^2] from bias, a, the law of U, b and the law of V.
        laws: (features, parameters): a row of it is what `one` and `two` call a law; they broadcast over the others.
        upper: E[U_+^2], (features,).
        lower: E[U_-^2], (features,).
        mean: E[U], (features,).
        takes_bias: Whether bias may be other than 0.
    """

    one: Callable[[Any, Any, Any], Any]
    two: Callable[[Any, Any, Any, Any, Any], Any]
    laws: np.ndarray
    upper: np.ndarray
    lower: np.ndarray
    mean: np.ndarray
    takes_bias: bool


def few_active(amplitudes: tuple[Amplitude, ...], readout: str) -> FewActive:
    """The closed forms for one law per feature: of one family if the readout is ReLU, any laws if it is linear.

    Args:
        amplitudes: One law per feature.
        readout: "linear" or "relu".

    Raises:
        NotCovered: If a ReLU readout hears laws of several families, or one without closed forms.
    """
    mean = np.array([law.mean for law in amplitudes])
    second_moment = np.array([law.second_moment for law in amplitudes])
    if readout == "linear":  # both signs are seen alike: how they share the second moment makes no difference
        laws = np.stack([mean, second_moment - mean**2], axis=-1)
        return FewActive(_linear_one, _linear_two, laws, second_moment, np.zeros_like(mean), mean, True)
    families = {type(law) for law in amplitudes}
    family = families.pop()
    if families:
        raise NotCovered("amplitude", Shown("laws of several families"), "of one family for pairs of inputs")
    if family not in _FAMILIES:
        allowed = "uniform, exponential, half-normal or constant for a closed form of two active inputs"
        raise NotCovered("amplitude", Shown(family.__name__), allowed)
    parameters, one, two, takes_bias = _FAMILIES[family]
    laws = np.array([[getattr(law, name) for name in parameters] for law in amplitudes], np.float64)
    upper, lower = np.array([signed_second_moments(law) for law in amplitudes]).T
    return FewActive(one, two, laws, upper, lower, mean, takes_bias)


def _linear_one(bias: Any, a: Any, law: Any) -> Any:
    return (bias + a * law[..., 0]) ** 2 + a**2 * law[..., 1]


def _linear_two(bias: Any, a: Any, law: Any, b: Any, law_b: Any) -> Any:
    return (bias + a * law[..., 0] + b * law_b[..., 0]) ** 2 + a**2 * law[..., 1] + b**2 * law_b[..., 1]


def _uniform_one(bias: Any, a: Any, law: Any) -> Any:
    return one_active(bias, a, low=law[..., 0], high=law[..., 1])


def _uniform_two(bias: Any, a: Any, law: Any, b: Any, law_b: Any) -> Any:
    ends = {"low": law[..., 0], "high": law[..., 1], "low_b": law_b[..., 0], "high_b": law_b[..., 1]}
    return two_active(bias, a, b, **ends)


def _constant_one(bias: Any, a: Any, law: Any) -> Any:
    return jnp.maximum(bias + a * law[..., 0], 0) ** 2


def _constant_two(bias: Any, a: Any, law: Any, b: Any, law_b: Any) -> Any:
    return jnp.maximum(bias + a * law[..., 0] + b * law_b[..., 0], 0) ** 2


def _exponential_one(_bias: Any, a: Any, law: Any) -> Any:
    return 2 * jnp.maximum(a / law[..., 0], 0) ** 2


def _exponential_two(_bias: Any, a: Any, law: Any, b: Any, law_b: Any) -> Any:
    """2 (a^2 + a b + b^2) if none is negative, 2 a^3 / (a + l) if b = -l < 0: what exceeds is exponential again."""
    a, b = a / law[..., 0], b / law_b[..., 0]
    top, bottom = jnp.maximum(a, b), jnp.minimum(a, b)
    crossing = (top > 0) & (bottom < 0)
    share = jnp.where(crossing, top, 0) / jnp.where(crossing, top - bottom, 1)
    return 2 * jnp.where(bottom >= 0, a**2 + a * b + b**2, top**2 * share)


def _half_normal_one(_bias: Any, a: Any, law: Any) -> Any:
    return jnp.maximum(a * law[..., 0], 0) ** 2


_ANGLES, _WEIGHTS = (np.array(each) for each in np.polynomial.legendre.leggauss(12))


def _half_normal_two(_bias: Any, a: Any, law: Any, b: Any, law_b: Any) -> Any:
    """a^2 + b^2 + (4 / pi) a b if none is negative, (4 / pi) (a^2 + l^2) Int_0^atan(a / l) sin^2 if b = -l < 0.

    (U, V) points into the quadrant at a uniform angle. Twelve Gauss nodes are exact to rounding for sin^2 and, unlike
    its closed form, lose no digits where the angle is small.
    """
    a, b = a * law[..., 0], b * law_b[..., 0]
    top, bottom = jnp.maximum(a, b), jnp.minimum(a, b)
    crossing = (top > 0) & (bottom < 0)
    angle = jnp.arctan2(jnp.where(crossing, top, 0), jnp.where(crossing, -bottom, 1))
    integral = angle / 2 * jnp.sum(_WEIGHTS * jnp.sin(angle[..., None] * (_ANGLES + 1) / 2) ** 2, axis=-1)
    both = a**2 + b**2 + (4 / math.pi) * a * b
    return jnp.where(bottom >= 0, both, (4 / math.pi) * (a**2 + b**2) * integral)


_FAMILIES: dict[type, tuple[tuple[str, ...], Any, Any, bool]] = {
    Uniform: (("low", "high"), _uniform_one, _uniform_two, True),
    Constant: (("value",), _constant_one, _constant_two, True),
    Exponential: (("rate",), _exponential_one, _exponential_two, False),
    HalfNormal: (("scale",), _half_normal_one, _half_normal_two, False),
}
