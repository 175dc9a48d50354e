"""Inputs of constant amplitude: what a ReLU sees of them, by enumerating which of them are active."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from .._errors import NotCovered, Shown
from .._types import AnyArray

# up to here all patterns are one compiled array, beyond two halves meet on the host: both take 1 ms at 18
_MAX_DIRECT = 16
_MAX_MET = 40
_NEGLIGIBLE = 1e-13
_ROUNDING = 1e-11  # of running sums of a million terms; measured: 1e-12


def enumerated_moments(
    a: Float[AnyArray, " inputs"],
    p: Float[AnyArray, " inputs"],
    direction: Float[AnyArray, " inputs"],
    bias: Float[AnyArray, ""],
) -> tuple[Float[AnyArray, ""], Float[AnyArray, ""]]:
    """E[z_+^2] and E[(sum_n g_n B_n) z_+] for z = bias + sum_n a_n B_n with independent B_n ~ Bernoulli(p_n).

    n inputs of constant amplitude have 2^n patterns. Up to 16 inputs all of them are summed. Beyond, z is cut into
    two halves of 2^(n/2) patterns each: one is sorted, with running sums of its probabilities and moments, and every
    pattern of the other finds by bisection where z becomes positive. That is exact for up to 40 inputs, which take
    about half a second; 32 take 20 ms.

    Of more inputs the 40 with the largest a^2 p are enumerated. The others enter by their mean and, away from the
    kink of z_+, by their variance v = sum a^2 p (1 - p): E[z_+^2] gains v P(z > 0). So do inputs whose a^2 p sum to
    less than 1e-13 of sum p a_+^2. `enumeration_error` bounds what that leaves.

    Float64. Both moments are piecewise quadratic in a and bias, with kinks where z = 0 for some pattern: there the
    derivative is that of one side. First derivatives with respect to every argument work under `jit`, `vmap`, `grad`
    and `jvp`, second derivatives up to 16 inputs.

    Args:
        a: Projection times amplitude, of any sign.
        p: Activity probabilities in (0, 1].
        direction: g, target filter times amplitude.
        bias: Output bias.

    Returns:
        The two moments.

    Raises:
        NotCovered: If a second derivative is asked of more than 16 inputs.
    """
    moments = _direct if a.shape[0] <= _MAX_DIRECT else _on_host
    return moments(a, p, direction, bias)


def enumeration_error(a: Float[AnyArray, " inputs"], p: Float[AnyArray, " inputs"]) -> Float[AnyArray, ""]:
    """Bound of the error of E[z_+^2] by `enumerated_moments`: sum of a^2 p (1 - p) over what is not enumerated.

    z_+^2 has second derivatives between 0 and 2, so an independent summand with mean 0 and variance v adds between
    0 and v. To this 1e-11 sum p a_+^2 is added for what is negligible and for rounding.

    Args:
        a: Projection times amplitude.
        p: Activity probabilities.
    """
    if a.shape[0] <= _MAX_DIRECT:
        return jnp.zeros((), a.dtype)
    beyond = jnp.argsort(a**2 * p)[: max(a.shape[0] - _MAX_MET, 0)]
    return jnp.sum((a**2 * p * (1 - p))[beyond]) + _ROUNDING * jnp.sum(p * jnp.maximum(a, 0) ** 2)


def _direct(a: Any, p: Any, direction: Any, bias: Any) -> tuple[Any, Any]:
    def patterns(inputs: slice) -> tuple[Any, Any, Any]:
        n = len(range(*inputs.indices(a.shape[0])))
        active = (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1
        chance = jnp.prod(jnp.where(active, p[inputs], 1 - p[inputs]), axis=1)
        return active.astype(a.dtype) @ a[inputs], active.astype(a.dtype) @ direction[inputs], chance

    middle = a.shape[0] // 2
    (z_1, wanted_1, chance_1), (z_2, wanted_2, chance_2) = patterns(slice(middle)), patterns(slice(middle, None))
    z = bias + z_1[:, None] + z_2
    seen = jnp.where(z > 0, z, 0)
    cross = (chance_1 * wanted_1) @ seen @ chance_2 + chance_1 @ seen @ (chance_2 * wanted_2)
    return chance_1 @ seen**2 @ chance_2, cross


@jax.custom_jvp
def _on_host(a: Any, p: Any, direction: Any, bias: Any) -> tuple[Any, ...]:
    return _call(_values, (a, p, direction, bias), [(), ()])


@_on_host.defjvp
def _on_host_jvp(primals: Any, tangents: Any) -> Any:
    square, cross, *slopes = _with_slopes(*primals)
    n_arguments = len(primals)

    def along(parts: Sequence[Any]) -> Any:
        return sum(jnp.sum(slope * tangent) for slope, tangent in zip(parts, tangents, strict=True))

    return (square, cross), (along(slopes[:n_arguments]), along(slopes[n_arguments:]))


@jax.custom_jvp
def _with_slopes(*arguments: Any) -> tuple[Any, ...]:
    shapes = [each.shape for each in arguments]
    return _call(_values_and_slopes, arguments, [(), (), *shapes, *shapes])


@_with_slopes.defjvp
def _no_second_derivatives(primals: Any, _tangents: Any) -> Any:
    given = Shown(f"a second derivative for {primals[0].shape[0]} inputs of constant amplitude")
    raise NotCovered("derivative", given, f"the first (second derivatives up to {_MAX_DIRECT} inputs)")


def _call(function: Any, arguments: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> tuple[Any, ...]:
    """Calls a NumPy function of vectors, once for each lane when vmapped."""
    core = "(n),(n),(n),()->" + ",".join("(n)" if shape else "()" for shape in shapes)
    lanes = np.vectorize(function, signature=core, otypes=[np.float64] * len(shapes))
    results = tuple(jax.ShapeDtypeStruct(shape, jnp.float64) for shape in shapes)
    return jax.pure_callback(
        lambda *given: lanes(*(np.asarray(each, np.float64) for each in given)),
        results,
        *arguments,
        vmap_method="broadcast_all",
    )


class _Half(NamedTuple):
    """All patterns of some of the inputs, the first one varying fastest."""

    z: np.ndarray  # their part of z
    wanted: np.ndarray  # their part of sum g B
    order: np.ndarray  # patterns by z, ascending
    chances: list[np.ndarray]  # chances[k]: of the patterns of the first k inputs
    p: np.ndarray


class _Split(NamedTuple):
    """What is enumerated, in two halves, and what counts by mean and variance only."""

    halves: tuple[_Half, _Half]
    order: np.ndarray  # inputs of the first half, of the second, and the rest
    n_kept: int
    variance: float  # of the rest
    covariance: float  # of the rest of z with the rest of what is wanted


class _Given(NamedTuple):
    """Expectations over one half for every pattern of the other."""

    square: np.ndarray  # z_+^2
    wanted: np.ndarray  # (sum g B) z_+
    seen: np.ndarray  # z_+
    positive: np.ndarray  # 1(z > 0)
    wanted_positive: np.ndarray  # (sum g B) 1(z > 0)


def _split(a: Any, p: Any, direction: Any, bias: float) -> _Split:
    powers = a**2 * p
    by_power = np.argsort(-powers, kind="stable")
    remaining = np.cumsum(powers[by_power][::-1])[::-1]
    scale = np.sum(p * np.maximum(a, 0) ** 2) or np.sum(powers)
    n_kept = min(int(np.sum(remaining > _NEGLIGIBLE * scale)), _MAX_MET)
    kept, rest = by_power[:n_kept], by_power[n_kept:]
    parts = kept[::2], kept[1::2]
    starts = (bias + a[rest] @ p[rest], direction[rest] @ p[rest]), (0.0, 0.0)
    halves = [_half(a[part], p[part], direction[part], *start) for part, start in zip(parts, starts, strict=True)]
    spread = (p * (1 - p))[rest]
    variance, covariance = a[rest] ** 2 @ spread, (direction * a)[rest] @ spread
    return _Split((halves[0], halves[1]), np.concatenate([*parts, rest]), n_kept, variance, covariance)


def _half(a: Any, p: Any, direction: Any, z: float, wanted: float) -> _Half:
    sums, marks, chances = np.array([z]), np.array([wanted]), [np.ones(1)]
    for a_n, p_n, g_n in zip(a, p, direction, strict=True):
        sums = np.concatenate([sums, sums + a_n])
        marks = np.concatenate([marks, marks + g_n])
        chances.append(np.concatenate([chances[-1] * (1 - p_n), chances[-1] * p_n]))
    return _Half(sums, marks, np.argsort(sums), chances, p)


def _given(here: _Half, other: _Half) -> _Given:
    """Running sums over the other half, sorted, from its largest value down to where z becomes positive."""
    z, wanted, chance = (each[other.order] for each in (other.z, other.wanted, other.chances[-1]))
    rows = [chance, chance * z, chance * z**2, chance * wanted, chance * wanted * z]
    above = np.zeros((len(rows), len(z) + 1))
    np.cumsum(np.array(rows)[:, ::-1], axis=1, out=above[:, 1:])
    n_above = np.empty(len(here.z), np.int64)
    # bisection in the order of the thresholds is several times faster than in any other, for the cache
    n_above[here.order] = len(z) - np.searchsorted(z, -here.z[here.order], side="right")
    zeroth, first, second, wanted_zeroth, wanted_first = above[:, n_above]
    seen = here.z * zeroth + first
    return _Given(
        square=here.z * (seen + first) + second,
        wanted=here.wanted * seen + here.z * wanted_zeroth + wanted_first,
        seen=seen,
        positive=zeroth,
        wanted_positive=here.wanted * zeroth + wanted_zeroth,
    )


def _values(a: Any, p: Any, direction: Any, bias: Any) -> tuple[Any, Any]:
    split = _split(a, p, direction, bias)
    given, chance = _given(*split.halves), split.halves[0].chances[-1]
    positive = chance @ given.positive
    return chance @ given.square + split.variance * positive, chance @ given.wanted + split.covariance * positive


def _values_and_slopes(a: Any, p: Any, direction: Any, bias: Any) -> tuple[Any, ...]:
    """Square and cross moment, and the derivatives of each with respect to a, p, direction and bias."""
    split = _split(a, p, direction, bias)
    one, two = split.halves
    given = (_given(one, two), _given(two, one))
    square, wanted, seen, positive, wanted_positive = (float(one.chances[-1] @ each) for each in given[0])

    rest = split.order[split.n_kept :]
    sides = [
        [_without_and_with(half, each) for each in moments] for half, moments in zip(split.halves, given, strict=True)
    ]
    absent, present = np.concatenate(sides, axis=-1).swapaxes(0, 1)  # (moments, kept inputs)
    on, change = _Given(*present), _Given(*(present - absent))

    kept_p, p_rest, a_rest, g_rest = p[split.order[: split.n_kept]], p[rest], a[rest], direction[rest]
    spread = p_rest * (1 - p_rest)
    square_a = 2 * kept_p * on.seen, 2 * (p_rest * seen + a_rest * spread * positive)
    square_p = (
        change.square + split.variance * change.positive,
        2 * a_rest * seen + a_rest**2 * (1 - 2 * p_rest) * positive,
    )
    cross_a = kept_p * on.wanted_positive, p_rest * wanted_positive + g_rest * spread * positive
    cross_p = (
        change.wanted + split.covariance * change.positive,
        a_rest * wanted_positive + g_rest * seen + g_rest * a_rest * (1 - 2 * p_rest) * positive,
    )
    cross_g = kept_p * on.seen, p_rest * seen + a_rest * spread * positive

    def in_place(parts: tuple[Any, Any]) -> np.ndarray:
        slopes = np.empty(len(a))
        slopes[split.order] = np.concatenate(parts)
        return slopes

    values = square + split.variance * positive, wanted + split.covariance * positive
    slopes_of_square = in_place(square_a), in_place(square_p), np.zeros(len(a)), 2 * seen
    return *values, *slopes_of_square, in_place(cross_a), in_place(cross_p), in_place(cross_g), wanted_positive


def _without_and_with(half: _Half, values: np.ndarray) -> np.ndarray:
    """The expectation of `values` given that an input is off and that it is on, (2, inputs)."""
    conditional = np.empty((2, len(half.p)))
    for n in range(len(half.p) - 1, -1, -1):
        off, on = values.reshape(2, -1)
        conditional[:, n] = half.chances[n] @ off, half.chances[n] @ on
        values = (1 - half.p[n]) * off + half.p[n] * on
    return conditional
