"""The compiled part of a continuation: from a guess near a curve of critical points to the curve, for many lanes."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .._errors import InvalidInput

_TOLERANCE = 1e-9
_MOST_CORRECTIONS = 12


class Request(NamedTuple):
    """What one lane wants to know next; y = (x, lambda) throughout.

    Attributes:
        guess: A point near the curve.
        row: Corrections stay on the plane row . (y - guess) = 0.
        jacobian: Derivative of grad_x f by y, from the last point of the lane.
        scale: Size that a change of each entry of y is measured by.
        corrections: Largest number of corrections; 0 to evaluate the guess as it is, -1 for a slot without a lane.
    """

    guess: Float[Any, " d+1"]
    row: Float[Any, " d+1"]
    jacobian: Float[Any, "d d+1"]
    scale: Float[Any, " d+1"]
    corrections: Any = np.int32(_MOST_CORRECTIONS)


class Found(NamedTuple):
    """What one lane is told.

    Attributes:
        y: The corrected point.
        converged: Whether the last correction was below tolerance and all numbers are finite.
        value: f there.
        slope: df/dlambda at fixed x, which is also its derivative along the curve.
        jacobian: Derivative of grad_x f by y.
        excess: The boundary function there.
    """

    y: Float[Array, " d+1"]
    converged: Bool[Array, ""]
    value: Float[Array, ""]
    slope: Float[Array, ""]
    jacobian: Float[Array, "d d+1"]
    excess: Float[Array, ""]


@dataclasses.dataclass(frozen=True)
class ExactCurvature:
    """The Hessian by forward over reverse differentiation: no error, but a large program to compile."""


@dataclasses.dataclass(frozen=True)
class DifferencedCurvature:
    """The Hessian from central differences of the gradient: 2 (d + 1) more gradients, nothing more to compile.

    Attributes:
        step: Half of the difference, in units of 1 + |x_i| for x and of 1 for lambda.
    """

    step: float = 1e-4

    def __post_init__(self) -> None:
        if not (isinstance(self.step, float | int) and 0 < self.step < 0.1):
            raise InvalidInput("step", self.step, "in (0, 0.1)")


Curvature = ExactCurvature | DifferencedCurvature


class _Search(NamedTuple):
    """One lane on its way; every turn of the loop costs one gradient."""

    stage: Any
    y: Any
    value: Any
    gradient: Any
    residual: Any
    inverse: Any
    size: Any
    count: Any
    hessian: Any


_FIRST, _CORRECTING, _DIFFERENCING, _ENDED = range(4)


@eqx.filter_jit
def correct(
    function: Callable[..., Any], boundary: Callable[..., Any], curvature: Curvature, requests: Request, args: Any
) -> Found:
    """Solves grad_x f = 0, row . (y - guess) = 0 from each lane's guess and differentiates there.

    Broyden's method from the Jacobian of the lane's last point: one gradient per correction, one Hessian in all. It
    needs no second derivatives on the way, so it passes points where they jump.

    Args:
        function: f(x, lambda, *args) of one lane.
        boundary: Positive outside of the region in which curves are followed; arguments as `function`.
        curvature: How the Hessian is had.
        requests: One per lane, leading axis of every field.
        args: Further arguments, leading axis of every leaf.
    """
    # one lane after the other: each stops when it has what it needs
    return jax.lax.map(lambda lane: _correct(function, boundary, curvature, *lane), (requests, args))


def _correct(function: Any, boundary: Any, curvature: Curvature, request: Request, args: Any) -> Found:
    size, dtype = request.guess.size, request.guess.dtype
    differenced = isinstance(curvature, DifferencedCurvature)
    width = request.scale * (curvature.step if differenced else 0.0)

    def slopes(y: Any) -> Any:
        value, gradient = jax.value_and_grad(lambda y: function(y[:-1], y[-1], *args))(y)
        return gradient, value

    def advance(now: _Search) -> _Search:
        side = 1.0 - 2.0 * (now.count % 2).astype(dtype)
        aside = jnp.zeros(size, dtype).at[now.count // 2].set(side) * width
        step = jnp.select(
            [now.stage == _CORRECTING, now.stage == _DIFFERENCING], [-(now.inverse @ now.residual), aside], 0.0
        )
        trial = now.y + step
        gradient, value = slopes(trial)
        residual = jnp.append(gradient[:-1], request.row @ (trial - request.guess))
        moved = _moved(now, step, value, gradient, residual, request, differenced)
        column = now.hessian.at[:, now.count // 2].add(
            side * gradient / (2 * jnp.where(width > 0, width, 1.0))[now.count // 2]
        )
        last = now.count == 2 * size - 1
        measured = now._replace(
            hessian=column, count=now.count + 1, stage=jnp.where(last, _ENDED, now.stage).astype(jnp.int32)
        )
        return jax.tree.map(lambda a, b: jnp.where(now.stage == _DIFFERENCING, a, b), measured, moved)

    zero, vector = jnp.zeros((), dtype), jnp.zeros(size, dtype)
    start = _Search(
        stage=jnp.where(request.corrections < 0, _ENDED, _FIRST).astype(jnp.int32),
        y=request.guess,
        value=zero,
        gradient=vector,
        residual=vector,
        inverse=jnp.linalg.inv(jnp.concatenate([request.jacobian, request.row[None]])),
        size=zero + jnp.inf,
        count=jnp.int32(0),
        hessian=jnp.zeros((size, size), dtype),
    )
    end = jax.lax.while_loop(lambda now: now.stage != _ENDED, advance, start)
    hessian = end.hessian
    if not differenced:
        _, derivative, _ = jax.linearize(slopes, end.y, has_aux=True)
        hessian = jax.vmap(derivative)(jnp.eye(size, dtype=dtype)).T
    finite = jnp.isfinite(end.value) & jnp.isfinite(end.gradient).all() & jnp.isfinite(hessian).all()
    settled = (end.size <= _TOLERANCE) | (request.corrections == 0)
    return Found(
        y=end.y,
        converged=finite & settled,
        value=end.value,
        slope=end.gradient[-1],
        jacobian=hessian[:-1],
        excess=boundary(end.y[:-1], end.y[-1], *args),
    )


def _moved(
    now: _Search, step: Any, value: Any, gradient: Any, residual: Any, request: Request, differenced: bool
) -> _Search:
    """After the first evaluation, or a correction: Broyden's update of the inverse, and what comes next."""
    first = now.stage == _FIRST
    shift = now.inverse @ (residual - now.residual)
    along = step @ shift
    usable = ~first & (along != 0)
    update = jnp.outer(step - shift, step @ now.inverse) / jnp.where(usable, along, 1.0)
    size = jnp.where(first, jnp.inf, jnp.linalg.norm(step / request.scale))
    count = now.count + jnp.where(first, 0, 1)
    healthy = jnp.isfinite(residual).all() & jnp.isfinite(value)
    arrived = healthy & ((size <= _TOLERANCE) | (request.corrections == 0))
    going_on = healthy & (count < request.corrections) & jnp.isfinite(now.inverse).all()
    ended = _DIFFERENCING if differenced else _ENDED
    return _Search(
        stage=jnp.select([arrived, going_on], [ended, _CORRECTING], _ENDED).astype(jnp.int32),
        y=now.y + step,
        value=value,
        gradient=gradient,
        residual=residual,
        inverse=now.inverse + jnp.where(usable, update, 0.0),
        size=size,
        count=jnp.where(arrived, 0, count).astype(jnp.int32),
        hessian=now.hessian,
    )
