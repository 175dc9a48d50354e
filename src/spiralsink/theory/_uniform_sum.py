"""E[(z_+)^2] and E[y z_+] of sparse uniform inputs, with all first derivatives in one pass over the nodes."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from ._contour import Fourier, fourier_contour, log_of_pairs
from ._moments import RectifiedMoments
from ._tail import with_tail
from ._uniform_closed import Inputs, Pass, few_in_closed_form
from ._uniform_integrand import Level, derivatives, integral, integrand, nodes_of

_EPSILON = float(np.finfo(np.float64).eps)
# a variable is resolved at a level when its factor has decayed this far at the end of the window
_RESOLVED = 50.0


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
    return _run(Inputs(a, p, g, tail_mean, tail_variance), n_nodes, n_levels).moments


def _uniform_sum_jvp(n_nodes: int, n_levels: int, primals: Any, tangents: Any) -> Any:
    changed = Inputs(*(None if isinstance(each, SymbolicZero) else each for each in tangents))
    inputs = Inputs(*primals)
    out = _run(inputs, n_nodes, n_levels, with_p=changed.p is not None)

    def change(derivatives: Inputs) -> Any:
        moved = [(by, by_how_much) for by, by_how_much in zip(derivatives, changed, strict=True)]
        terms = [jnp.vdot(by, by_how_much) for by, by_how_much in moved if by_how_much is not None]
        return sum(terms, jnp.zeros_like(out.moments.square))

    still = jax.tree.map(jnp.zeros_like, out.moments)
    return out.moments, still._replace(square=change(out.square), cross=change(out.cross))


uniform_sum.defjvp(_uniform_sum_jvp, symbolic_zeros=True)


def _run(inputs: Inputs, n_nodes: int, n_levels: int, *, with_p: bool = False) -> Pass:
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
        nothing = Pass(moments, *(jax.tree.map(jnp.zeros_like, inputs) for _ in range(2)))
        # one body for all levels: a third of the compilation
        is_last = np.arange(n_levels) == n_levels - 1
        (total, _, _), _ = jax.lax.scan(level, (nothing, present, zero + 1.0), is_last)
    # half the derivative along g is linear in g
    return total._replace(cross=total.cross._replace(g=0.5 * total.square.a))


def _level(inputs: Inputs, present: Any, n_nodes: int, *, last: Any, with_p: bool) -> tuple[Pass, Any, Any]:
    """One level: its part of the result, the inputs left to the next level, and the weight of that level.

    `last` is True where there is one level only, and a traced boolean otherwise.
    """
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
    level = Level(odds, tiny, jnp.where(tiny, p, 0.0), absent, only=last is True)

    node = nodes_of(contour, n_nodes, a.dtype)
    factors, parts = integrand(inputs, level, contour, node)
    few, floor = _floor(contour, inputs)
    full, narrower = contour.weights(n_nodes)
    kernel = (node * node * node).inverse() * jnp.where(few, 0.0, 2.0)
    moments = RectifiedMoments(
        square=integral(parts.inner, kernel * full),
        cross=0.5 * integral(parts.inner_along, kernel * full),
        square_check=integral(parts.inner, kernel * narrower),
        cross_check=0.5 * integral(parts.inner_along, kernel * narrower),
        floor=floor,
    )
    square, along = derivatives(inputs, level, factors, parts, node, kernel * full, with_p=with_p)
    integrals = Pass(moments, square, jax.tree.map(lambda leaf: 0.5 * leaf, along))
    closed = few_in_closed_form(inputs, odds, level.tiny_p, absent, last=last)
    return jax.tree.map(jnp.add, integrals, closed), tiny, absent


def _contour(inputs: Inputs) -> Fourier:
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


def _floor(contour: Fourier, inputs: Inputs) -> tuple[Any, Any]:
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
