"""E[(z_+)^2] and E[y z_+] of sparse uniform inputs, with all first derivatives in one pass over the nodes."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from ._contour import Fourier, fourier_contour, log_of_pairs
from ._moments import RectifiedMoments
from ._pairs import pair_square
from ._ramp import ramp_at_nodes
from ._split import Split, split_exp, split_product
from ._tail import rectified_normal, with_tail

_EPSILON = float(np.finfo(np.float64).eps)
# a variable is resolved at a level when its factor has decayed this far at the end of the window
_RESOLVED = 50.0


class _Inputs(NamedTuple):
    """z = sum_n a_n B_n V_n + tail, V uniform on (0, 1); y = sum_n g_n B_n V_n.

    The tail is what many small variables add: normal with that mean and variance.
    """

    a: Any
    p: Any
    g: Any
    tail_mean: Any
    tail_variance: Any


class _Pass(NamedTuple):
    """Values and derivatives: `square` and `cross` as `_Inputs` of derivatives (that of g is not filled in)."""

    moments: RectifiedMoments
    square: _Inputs
    cross: _Inputs


@partial(jax.custom_jvp, nondiff_argnums=(5, 6))
def uniform_sum(
    a: Any, p: Any, g: Any, tail_mean: Any, tail_variance: Any, n_nodes: int, n_levels: int
) -> RectifiedMoments:
    """E[(z_+)^2] and E[y z_+] for z = sum_n a_n x_n + tail and y = sum_n g_n x_n, x_n = B_n V_n.

    E[(z_+)^2] = (1 / 2 pi) Int 2 / lambda^3 prod_n M_n(lambda) d omega, M_n = 1 - p_n + p_n E_0(a_n lambda), and
    E[y z_+] is half its derivative along g. What one and two active inputs contribute is known in closed form and
    taken out of the integrand, which then decays fast. Where projections differ in size by orders of magnitude no one
    set of nodes resolves all of them: at each level the inputs too small for its nodes (the *tiny* ones) are left
    to the next level, whose scale is theirs.

    Args:
        a: Projections, (n,).
        p: Activity probabilities, (n,).
        g: Target filter at the same inputs, (n,).
        tail_mean: Mean of the normal tail.
        tail_variance: Its variance.
        n_nodes: Nodes at each level.
        n_levels: Levels; each covers about two orders of magnitude.
    """
    return _run(_Inputs(a, p, g, tail_mean, tail_variance), n_nodes, n_levels).moments


def _uniform_sum_jvp(n_nodes: int, n_levels: int, primals: Any, tangents: Any) -> Any:
    changed = _Inputs(*(None if isinstance(each, SymbolicZero) else each for each in tangents))
    inputs = _Inputs(*primals)
    out = _run(inputs, n_nodes, n_levels, with_p=changed.p is not None)

    def change(derivatives: _Inputs) -> Any:
        moved = [(by, by_how_much) for by, by_how_much in zip(derivatives, changed, strict=True)]
        terms = [jnp.vdot(by, by_how_much) for by, by_how_much in moved if by_how_much is not None]
        return sum(terms, jnp.zeros_like(out.moments.square))

    still = jax.tree.map(jnp.zeros_like, out.moments)
    return out.moments, still._replace(square=change(out.square), cross=change(out.cross))


uniform_sum.defjvp(_uniform_sum_jvp, symbolic_zeros=True)


def _run(inputs: _Inputs, n_nodes: int, n_levels: int, *, with_p: bool = False) -> _Pass:
    present = jnp.ones(inputs.a.shape, bool)
    if n_levels == 1:
        total, _, _ = _level(inputs, present, n_nodes, last=True, with_p=with_p)
    else:

        def level(carry: Any, last: Any) -> tuple[Any, None]:
            total, present, weight = carry
            part, tiny, absent = _level(inputs, present, n_nodes, last=last, with_p=with_p)
            total = jax.tree.map(lambda sum_so_far, leaf: sum_so_far + weight * leaf, total, part)
            return (total, tiny, weight * absent), None

        zero = jnp.zeros((), inputs.a.dtype)
        checks = jnp.zeros(2, inputs.a.dtype)
        moments = RectifiedMoments(zero, zero, checks, checks, zero)
        nothing = _Pass(moments, *(jax.tree.map(jnp.zeros_like, inputs) for _ in range(2)))
        # one body for all levels: a third of the compilation
        is_last = np.arange(n_levels) == n_levels - 1
        (total, _, _), _ = jax.lax.scan(level, (nothing, present, zero + 1.0), is_last)
    # half the derivative along g is linear in g
    return total._replace(cross=total.cross._replace(g=0.5 * total.square.a))


def _level(inputs: _Inputs, present: Any, n_nodes: int, *, last: Any, with_p: bool) -> tuple[_Pass, Any, Any]:
    """One level: its part of the result, the inputs left to the next level, and the weight of that level.

    `last` is True where there is one level only, and a traced boolean otherwise.
    """
    only = last is True
    a, p, g = (jnp.where(present, each, 0.0) for each in inputs[:3])
    inputs = inputs._replace(a=a, p=p, g=g)
    contour = _contour(jax.lax.stop_gradient(inputs))
    resolved = jnp.abs(a) * contour.highest(n_nodes) > _RESOLVED
    big = present & (resolved | last)
    tiny = present & ~big
    # any constants do: what is subtracted from the integrand is added in closed form
    still_p = jax.lax.stop_gradient(p)
    absent = jnp.prod(jnp.where(big, 1 - still_p, 1.0))
    odds = jnp.where(big, still_p / jnp.maximum(1 - still_p, 0.01), 0.0)
    tiny_p = jnp.where(tiny, p, 0.0)

    E0, E1, E2 = ramp_at_nodes(a, contour.c, contour.spacing, n_nodes)
    frequency = contour.spacing * jnp.arange(n_nodes, dtype=a.dtype)
    node = Split(jnp.broadcast_to(contour.c, frequency.shape), frequency)
    square_node = node * node
    slope, curve, risen = E1 * node, E2 * square_node, E0 - 1.0
    tail = split_exp(node * inputs.tail_mean + square_node * (0.5 * inputs.tail_variance))
    p_column, g_column = p[:, None], g[:, None]
    factor = risen * p_column + 1.0
    inverse = factor.inverse()
    # first and second derivative of log M
    first = slope * inverse * p_column
    second = curve * inverse * p_column - first * first

    # what stands under the integral is whole - absent * known; `along` marks derivatives along g
    whole = split_product(factor) * tail
    whole_along = whole * _weigh(g, first)
    single, single_along = _weigh(odds, E0), _weigh(odds * g, slope)
    own, own_along = _weigh(odds**2, E0 * E0), _weigh(odds**2 * g, E0 * slope)
    if only:
        rest, rest_along = tail, tail * 0.0
        ramp, ramp_along = single + 1.0, single_along
    else:
        one = Split(jnp.ones_like(p_column), jnp.zeros_like(p_column))
        rest = split_product(factor.where(tiny[:, None], one)) * tail
        rest_along = rest * _weigh(jnp.where(tiny, g, 0.0), first)
        ramp, ramp_along = single + _weigh(tiny_p, risen) + 1.0, single_along + _weigh(tiny_p * g, slope)
    known = rest + single * ramp - (single * single + own) * 0.5
    known_along = rest_along + single_along * ramp + single * (ramp_along - single_along) - own_along
    inner, inner_along = whole - absent * known, whole_along - absent * known_along

    few, floor = _floor(contour, inputs)
    full, narrow = contour.weights(n_nodes)
    kernel = (square_node * node).inverse() * jnp.where(few, 0.0, 2.0)
    W, W_narrow = kernel * full, kernel * narrow

    def integrate(values: Split, weights: Split) -> Any:
        return weights.real_of_product(values).sum()

    # the same integrals, differentiated: node weights by which each factor of each input enters
    absent_W = absent * W
    to_factor, to_factor_along = (W * whole)[None], (W * whole_along)[None]
    to_ramp, to_ramp_along = (absent_W * ramp)[None] * odds[:, None], (absent_W * ramp_along)[None] * odds[:, None]
    only_tiny = tiny[:, None].astype(a.dtype)
    if not only:
        to_factor -= (absent_W * rest)[None] * only_tiny
        to_factor_along -= (absent_W * rest_along)[None] * only_tiny
        to_ramp += (absent_W * single)[None] * tiny_p[:, None]
        to_ramp_along += (absent_W * single_along)[None] * tiny_p[:, None]
    to_own = absent_W[None] * (odds**2)[:, None]
    by_a = (
        first.real_of_product(to_factor) - slope.real_of_product(to_ramp) + (E0 * slope).real_of_product(to_own)
    ).sum(axis=1)
    along_by_a = first.real_of_product(to_factor_along) - slope.real_of_product(to_ramp_along)
    along_by_a += g_column * (
        second.real_of_product(to_factor)
        - curve.real_of_product(to_ramp)
        + (slope * slope + E0 * curve).real_of_product(to_own)
    )
    by_p = along_by_p = jnp.zeros_like(a)
    if with_p:
        ratio = risen * inverse
        by_p = ratio.real_of_product(to_factor)
        along_by_p = ratio.real_of_product(to_factor_along)
        along_by_p += g_column * (slope * inverse - first * ratio).real_of_product(to_factor)
        if not only:
            to_drift, to_drift_along = (absent_W * single)[None], (absent_W * single_along)[None]
            by_p -= only_tiny * risen.real_of_product(to_drift)
            along_by_p -= only_tiny * (
                risen.real_of_product(to_drift_along) + g_column * slope.real_of_product(to_drift)
            )
        by_p, along_by_p = by_p.sum(axis=1), along_by_p.sum(axis=1)
    by_tail, by_tail_along = whole - absent * rest, whole_along - absent * rest_along

    moments = RectifiedMoments(
        square=integrate(inner, W),
        cross=0.5 * integrate(inner_along, W),
        square_check=W_narrow.real_of_product(inner).sum(axis=-1),
        cross_check=0.5 * W_narrow.real_of_product(inner_along).sum(axis=-1),
        floor=floor,
    )
    zero = jnp.zeros_like(g)
    square = _Inputs(by_a, by_p, zero, integrate(by_tail, W * node), 0.5 * integrate(by_tail, W * square_node))
    cross = _Inputs(
        0.5 * along_by_a.sum(axis=1),
        0.5 * along_by_p,
        zero,
        0.5 * integrate(by_tail_along, W * node),
        0.25 * integrate(by_tail_along, W * square_node),
    )
    integrals = _Pass(moments, square, cross)
    return jax.tree.map(jnp.add, integrals, _closed(inputs, odds, tiny_p, absent, last=last)), tiny, absent


def _weigh(weights: Any, values: Split) -> Split:
    return Split(weights @ values.re, weights @ values.im)


def _contour(inputs: _Inputs) -> Fourier:
    a, p = inputs.a, inputs.p
    positive = jnp.maximum(a, 0.0)

    def average(tried: Any) -> Any:
        v = tried[:, None] * a
        small = jnp.abs(v) < 1e-3
        return jnp.where(small, 1 + v / 2, jnp.expm1(v) / jnp.where(small, 1.0, v))

    def log_transform(tried: Any) -> Any:
        tail = tried * inputs.tail_mean + tried**2 * (0.5 * inputs.tail_variance)
        return jnp.sum(jnp.log1p(p * (average(tried) - 1)), axis=1) + tail

    def log_subtracted(tried: Any) -> Any:
        return log_of_pairs(p, average(tried))

    highest, largest = with_tail(jnp.sum(positive), jnp.max(positive), inputs.tail_mean, inputs.tail_variance)
    return fourier_contour(log_transform, log_subtracted, highest, largest)


def _floor(contour: Fourier, inputs: _Inputs) -> tuple[Any, Any]:
    """Whether the integral adds less than its rounding errors, and the error that no finer window would remove."""
    a, p, _, tail_mean, tail_variance = map(jax.lax.stop_gradient, inputs)
    # up to a factor, the chance that three inputs are active: only they are left under the integral
    three = jnp.sum(p) ** 3
    silent = jnp.maximum(tail_mean, 0.0) + jnp.sqrt(tail_variance)
    together = three / 2 * (silent + jnp.max(jnp.maximum(a, 0.0))) ** 2
    rounding = _EPSILON * jnp.exp(contour.growth) / contour.c**2
    positive = jnp.maximum(a, 0.0)
    beyond = 2 * np.pi / contour.spacing + 0.5 * jnp.vdot(p, positive)
    folded = contour.folded * (beyond**2 + jnp.vdot(p, positive**2) / 3) + contour.wrapped
    folded = folded * jnp.minimum(three, 1.0)
    # what is never positive is zero, and not the rounding error of an integral
    unseen = (jnp.max(a) <= 0) & (tail_mean <= 0) & (tail_variance <= 0)
    few = (together < rounding) | unseen
    return few, jnp.where(few, together, rounding + folded)


def _closed(inputs: _Inputs, odds: Any, tiny_p: Any, absent: Any, *, last: Any) -> _Pass:
    """What was subtracted from the integrand, in closed form: one and two active inputs, and the tail by itself."""
    a, _, g, tail_mean, tail_variance = inputs
    rows, columns = a[:, None], a[None, :]
    pair = pair_square(rows, columns)
    by_row, by_both, twice_by_row = _pair_derivatives(rows, columns)
    seen = jnp.maximum(a, 0.0)
    both = odds[:, None] * odds * (1 - jnp.eye(a.shape[0], dtype=a.dtype)) / 2 + odds[:, None] * tiny_p
    joint = both + both.T
    single = odds * (1 - jnp.sum(tiny_p))
    square = jnp.sum(single * seen**2) / 3 + 0.5 * jnp.sum(joint * pair)
    by_a = 2 / 3 * single * seen + jnp.sum(joint * by_row, axis=1)
    along_by_a = 2 / 3 * single * jnp.where(a > 0, g, 0.0) + jnp.sum(
        joint * (twice_by_row * g[:, None] + by_both * g[None, :]), axis=1
    )
    by_p = odds @ (pair - seen[:, None] ** 2 / 3)
    along_by_p = (odds * g) @ (by_row - 2 / 3 * seen[:, None]) + g * (odds @ by_row.T)
    is_tiny = tiny_p > 0
    by_p, along_by_p = jnp.where(is_tiny, by_p, 0.0), jnp.where(is_tiny, along_by_p, 0.0)
    zero = jnp.zeros_like(square)
    normal = rectified_normal(tail_mean, tail_variance)
    alone, alone_by_mean, alone_by_variance = (jnp.where(last, each, zero) for each in normal)
    moments = RectifiedMoments(square + alone, 0.5 * by_a @ g, square + alone, 0.5 * by_a @ g, zero)
    derivatives = _Inputs(by_a, by_p, jnp.zeros_like(g), alone_by_mean, alone_by_variance)
    cross = _Inputs(0.5 * along_by_a, 0.5 * along_by_p, jnp.zeros_like(g), zero, zero)
    closed = jax.tree.map(lambda leaf: absent * leaf, _Pass(moments, derivatives, cross))
    return closed


def _pair_derivatives(a: Any, b: Any) -> tuple[Any, Any, Any]:
    """d/da, d^2/da db and d^2/da^2 of E[(a U + b V)_+^2]."""
    short, long = jnp.minimum(jnp.abs(a), jnp.abs(b)), jnp.maximum(jnp.abs(a), jnp.abs(b))
    ratio = short / jnp.where(long > 0, long, 1.0)
    a_longer = jnp.abs(a) >= jnp.abs(b)
    mostly_seen = a + b >= 0
    # what the negative one cuts off, or, where it is the longer, what it leaves
    corner = short * jnp.where(a_longer, ratio**2 / 12, ratio / 4)
    corner_twice = jnp.where(a_longer, ratio**3 / 6, ratio / 2)
    whole = 2 / 3 * a + b / 2
    first = jnp.where(mostly_seen, whole + corner, corner)
    mixed = jnp.where(mostly_seen, 0.5 - ratio**2 / 4, ratio**2 / 4)
    twice = jnp.where(mostly_seen, 2 / 3 - corner_twice, corner_twice)
    both, neither = jnp.minimum(a, b) >= 0, jnp.maximum(a, b) <= 0
    values = zip((first, mixed, twice), (whole, 0.5, 2 / 3), strict=True)
    return tuple(  # pyright: ignore[reportReturnType]
        jnp.where(neither, 0.0, jnp.where(both, same, mixed_signs)) for mixed_signs, same in values
    )
