"""E[(z_+)^2] and E[y z_+] from the transforms of any amplitude laws, with a bias, and at every step of a horizon."""

import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import NotCovered
from ..processes import Uniform
from ._contour import Fourier, HalfLine, fourier_contour, half_line_contour, log_of_pairs
from ._few_active import FewActive, few_active
from ._laws import can_bend, continued_transform, is_bounded, size_seen, steepest, support
from ._moments import RectifiedMoments
from ._tail import rectified_normal, with_tail

_EPSILON = float(np.finfo(np.float64).eps)
# a variable is resolved at a level when its factor has decayed this far at the end of the window
_RESOLVED = 50.0


@dataclasses.dataclass(frozen=True)
class TransformSum:
    """How to integrate; hashable, so that it is compiled in.

    Attributes:
        laws: One amplitude law per feature.
        n_nodes: Nodes at each level.
        n_levels: Levels of projections that differ by orders of magnitude.
        running: Whether the moments of every partial sum over lags are wanted, (lags,), or those of the whole, ().
        biased: Whether there is a bias. Unbounded amplitudes take one bias for all partial sums.
    """

    laws: tuple[Any, ...]
    n_nodes: int
    n_levels: int
    running: bool
    biased: bool

    def __call__(self, a: Any, p: Any, g: Any, bias: Any, tail_mean: Any, tail_variance: Any) -> RectifiedMoments:
        """The moments of z = bias + sum_{s,j} a_sj x_sj + tail and y = sum_{s,j} g_sj x_sj.

        Args:
            a: Projections, (lags, features).
            p: Activity probabilities, (features,).
            g: Target filter at the same lags, (lags, features).
            bias: A number, or (lags,) if running.
            tail_mean: Mean of a normal tail.
            tail_variance: Its variance.
        """

        def square(a: Any) -> tuple[Any, Any, Any]:
            return self._square(a, p, bias, tail_mean, tail_variance)

        (value, check, floor), (along, along_check, _) = jax.jvp(square, (a,), (g,))
        return RectifiedMoments(value, 0.5 * along, check, 0.5 * along_check, floor)

    def _square(self, a: Any, p: Any, bias: Any, tail_mean: Any, tail_variance: Any) -> tuple[Any, Any, Any]:
        present = jnp.ones(a.shape, bool)
        p = jnp.broadcast_to(p, a.shape)
        tail = (bias, tail_mean, tail_variance)
        if self.n_levels == 1 or not all(isinstance(law, Uniform) for law in self.laws):
            return self._level(a, p, *tail, last=True)[0]

        def level(carry: Any, last: Any) -> tuple[Any, None]:
            total, present, weight = carry
            part, tiny, absent = self._level(jnp.where(present, a, 0.0), jnp.where(present, p, 0.0), *tail, last=last)
            total = tuple(old + weight * new for old, new in zip(total, part, strict=True))
            return (total, tiny, weight * absent), None

        zero = jnp.zeros(a.shape[:1] if self.running else (), a.dtype)
        is_last = np.arange(self.n_levels) == self.n_levels - 1
        nothing = (zero, jnp.stack([zero, zero]), zero)
        (total, _, _), _ = jax.lax.scan(level, (nothing, present, zero + 1.0), is_last)
        return total

    @property
    def _few(self) -> FewActive | None:
        """The closed forms of one and two active inputs, where there are any."""
        try:
            few = few_active(self.laws, "relu")
        except NotCovered:
            return None
        return few if few.takes_bias or not self.biased else None

    def _level(
        self, a: Any, p: Any, bias: Any, tail_mean: Any, tail_variance: Any, *, last: Any
    ) -> tuple[Any, Any, Any]:
        """One level: value, value by the coarser rule and floor; the inputs left over; the weight of the next level."""
        still_a, still_p = jax.lax.stop_gradient((a, p))
        contour = self._contour(*jax.lax.stop_gradient((a, p, bias, tail_mean, tail_variance)))
        present = still_p > 0
        big = present
        if isinstance(contour, Fourier):
            frequency = contour.spacing * jnp.arange(self.n_nodes, dtype=a.dtype)
            node = jax.lax.complex(jnp.broadcast_to(contour.c, frequency.shape), frequency)
            fine, coarse = contour.weights(self.n_nodes)
            if last is not True:
                width = np.array([high - low for low, high in map(support, self.laws)])
                big = present & (last | (jnp.abs(still_a) * width * contour.highest(self.n_nodes) > _RESOLVED))
        else:
            node, fine, coarse = contour.nodes(self.n_nodes)
        # what is subtracted from the integrand is added in closed form, so any constants do
        off = jnp.where(big, 1 - still_p, 1.0)
        absent = jnp.cumprod(off.prod(axis=1)) if self.running else off.prod()
        few = self._few
        odds = jnp.zeros_like(p) if few is None else jnp.where(big, still_p / jnp.maximum(1 - still_p, 0.01), 0.0)
        tiny_p = jnp.where(present & ~big, p, 0.0)

        active = [continued_transform(law, a[:, j, None] * node) for j, law in enumerate(self.laws)]
        active = jnp.stack(active, axis=1)
        factor = 1 + p[..., None] * (active - 1)
        tail = jnp.exp(node * tail_mean + node**2 * (0.5 * tail_variance))
        whole = _product(self.running, factor) * tail
        rest = tail if last is True else _product(self.running, jnp.where(tiny_p[..., None] > 0, factor, 1.0)) * tail
        single, own = self._sum(odds[..., None] * active), self._sum((odds[..., None] * active) ** 2)
        drift = self._sum(tiny_p[..., None] * (active - 1))
        known = rest + single * (1 + drift) + 0.5 * (single**2 - own)
        shift = jnp.exp(node * jnp.asarray(bias)[..., None]) * 2 / node**3
        inner = (whole - absent[..., None] * known) * shift

        alone = jnp.where(last, rectified_normal(bias + tail_mean, tail_variance)[0], 0.0)
        value = absent * (alone if few is None else alone + self._closed(few, a, bias, odds, tiny_p))
        few_only, floor = self._floor(contour, still_a, still_p, bias, tail_mean, tail_variance)
        inner = jnp.where(few_only, 0.0, inner)
        integral = jnp.real(jnp.sum(inner * fine, axis=-1))
        checks = jnp.stack([jnp.real(jnp.sum(inner * weights, axis=-1)) for weights in coarse])
        part = (value + integral, value + checks, jnp.broadcast_to(floor, absent.shape))
        return part, present & ~big, absent

    def _contour(self, a: Any, p: Any, bias: Any, tail_mean: Any, tail_variance: Any) -> Fourier | HalfLine:
        positive = jnp.maximum(jnp.max(bias), 0.0)
        highest, largest, limit = positive, positive, jnp.inf
        for j, law in enumerate(self.laws):
            low, high = support(law)
            if is_bounded(law):
                top = jnp.maximum(jnp.maximum(a[:, j] * low, a[:, j] * high), 0.0)
                highest, largest = highest + jnp.sum(top), jnp.maximum(largest, jnp.max(top))
            else:
                top = jnp.max(jnp.maximum(a[:, j] if low >= 0 or high > 0 else -a[:, j], 0.0))
                highest = highest + jnp.where(top > 0, jnp.inf, 0.0)
                largest = jnp.maximum(largest, top * np.sqrt(law.second_moment))
                limit = jnp.minimum(limit, jnp.where(top > 0, steepest(law) / jnp.where(top > 0, top, 1.0), jnp.inf))

        def log_transform(tried: Any) -> Any:
            logs = tried * (positive + tail_mean) + tried**2 * (0.5 * tail_variance)
            for j, law in enumerate(self.laws):
                grown = law.transform(jnp.clip(tried[:, None] * a[:, j], -700.0, 700.0))
                each = jnp.log(1 + p[:, j] * (grown - 1))
                # a partial sum may grow more than the whole
                logs = logs + jnp.sum(jnp.maximum(each, 0.0) if self.running else each, axis=1)
            return logs

        highest, largest = with_tail(highest, largest, tail_mean, tail_variance)

        def log_subtracted(tried: Any) -> Any:
            grown = [
                law.transform(jnp.clip(tried[:, None] * a[:, j], -700.0, 700.0)) for j, law in enumerate(self.laws)
            ]
            pairs = log_of_pairs(p.ravel(), jnp.stack(grown, axis=-1).reshape(tried.size, -1))
            return pairs + tried * positive if self._few is not None else jnp.full(tried.shape, -jnp.inf)

        if any(is_bounded(law) for law in self.laws):
            return fourier_contour(log_transform, log_subtracted, highest, largest, steepest=limit)
        side = bias if self.biased and all(map(can_bend, self.laws)) else 0.0
        return half_line_contour(log_transform, highest, largest, steepest=limit, bias=side)

    def _floor(
        self, contour: Fourier | HalfLine, a: Any, p: Any, bias: Any, tail_mean: Any, tail_variance: Any
    ) -> tuple[Any, Any]:
        """Whether the integral adds less than its rounding errors, and the error that no finer rule would remove."""
        seen = jnp.stack([size_seen(law, a[:, j]) for j, law in enumerate(self.laws)], axis=1)
        bias = jnp.max(bias)
        # what is never positive is zero, and not the rounding error of an integral
        unseen = (jnp.max(seen) <= 0) & (bias + tail_mean <= 0) & (tail_variance <= 0)
        # with closed forms for two, only three active inputs are left under the integral
        n_left = 1 if self._few is None else 3
        together = jnp.sum(p) ** n_left
        rounding = _EPSILON * jnp.exp(contour.growth) / contour.c**2
        silent = jnp.maximum(bias + tail_mean, 0.0) + jnp.sqrt(tail_variance)
        left_out = together / 2 * (silent + jnp.max(seen)) ** 2
        few_only = (left_out < rounding) | unseen
        error = rounding
        if isinstance(contour, Fourier):
            beyond = 2 * np.pi / contour.spacing + jnp.vdot(p, seen) + jnp.maximum(bias, 0.0)
            folded = contour.folded * (beyond**2 + jnp.vdot(p, seen**2)) + contour.wrapped
            error = rounding + folded * jnp.minimum(together, 1.0)
        return few_only, jax.lax.stop_gradient(jnp.where(few_only, left_out, error))

    def _closed(self, few: FewActive, a: Any, bias: Any, odds: Any, tiny_p: Any) -> Any:
        """What one and two active inputs contribute: () or (lags,)."""
        n_lags, n_features = a.shape
        laws = np.tile(few.laws, (n_lags, 1))
        a, odds, tiny_p = (each.reshape(-1) for each in (a, odds, tiny_p))
        at = jnp.asarray(bias)[..., None] if self.biased else jnp.zeros((1,), a.dtype)
        alone = few.one(at, a, laws)
        pair = few.two(at[..., None], a[:, None], laws[:, None], a, laws)
        both = odds[:, None] * odds * np.triu(np.ones((a.size, a.size)), 1)
        mixed = odds[:, None] * tiny_p
        joint = (both + mixed) * pair - mixed * alone[..., None]
        single = odds * alone
        if not self.running:
            return single.sum() + joint.sum()
        by_lag = (*single.shape[:-1], n_lags, n_features)
        single = single.reshape(by_lag).sum(axis=-1)
        joint = joint.reshape(*joint.shape[:-2], n_lags, n_features, n_lags, n_features).sum(axis=(-3, -1))
        if self.biased:
            known = np.tril(np.ones((n_lags, n_lags)))
            return jnp.sum(single * known, axis=-1) + jnp.einsum("tsr,ts,tr->t", joint, known, known)
        return jnp.cumsum(single) + jnp.diagonal(jnp.cumsum(jnp.cumsum(joint, axis=0), axis=1))

    def _sum(self, values: Any) -> Any:
        """Over features, and over lags or as partial sums along them."""
        by_lag = values.sum(axis=1)
        return jnp.cumsum(by_lag, axis=0) if self.running else by_lag.sum(axis=0)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _product(running: bool, values: Any) -> Any:
    """The product over features and lags, or the partial products along lags, of (lags, features, nodes)."""
    by_lag = values.prod(axis=1)
    return jnp.cumprod(by_lag, axis=0) if running else by_lag.prod(axis=0)


@_product.defjvp
def _product_jvp(running: bool, primals: Any, tangents: Any) -> Any:
    (values,), (change,) = primals, tangents
    product = _product(running, values)
    by_lag = (change / values).sum(axis=1)
    return product, product * (jnp.cumsum(by_lag, axis=0) if running else by_lag.sum(axis=0))
