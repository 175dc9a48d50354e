"""The compiled part of a continuation: from a guess near a curve of critical points to the curve, for many lanes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

_TOLERANCE = 1e-9
_MOST_CORRECTIONS = 12


class Request(NamedTuple):
    """What one lane wants to know next; y = (x, lambda) throughout.

    Attributes:
        guess: A point near the curve.
        row: Corrections stay on the plane row . (y - guess) = 0.
        jacobian: Derivative of grad_x f by y, from the last point of the lane.
        scale: Size that a change of each entry of y is measured by.
        corrections: Largest number of corrections; 0 to evaluate the guess as it is.
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


class _Correction(NamedTuple):
    y: Any
    residual: Any
    inverse: Any
    size: Any
    count: Any


@eqx.filter_jit
def correct(function: Callable[..., Any], boundary: Callable[..., Any], requests: Request, args: Any) -> Found:
    """Solves grad_x f = 0, row . (y - guess) = 0 from each lane's guess and differentiates there.

    Broyden's method from the Jacobian of the lane's last point: one gradient per correction, one Hessian in all. It
    needs no second derivatives on the way, so it passes points where they jump.

    Args:
        function: f(x, lambda, *args) of one lane.
        boundary: Positive outside of the region in which curves are followed; arguments as `function`.
        requests: One per lane, leading axis of every field.
        args: Further arguments, leading axis of every leaf.
    """
    return jax.vmap(lambda request, args: _correct(function, boundary, request, args))(requests, args)


def _correct(function: Any, boundary: Any, request: Request, args: Any) -> Found:
    def slopes(y: Any) -> Any:
        value, gradient = jax.value_and_grad(lambda y: function(y[:-1], y[-1], *args))(y)
        return gradient, value

    def residual(y: Any) -> Any:
        return jnp.append(slopes(y)[0][:-1], request.row @ (y - request.guess))

    def unfinished(now: _Correction) -> Any:
        going = (now.count < request.corrections) & (now.size > _TOLERANCE)
        return going & jnp.isfinite(now.residual).all() & jnp.isfinite(now.inverse).all()

    def advance(now: _Correction) -> _Correction:
        step = -(now.inverse @ now.residual)
        y = now.y + step
        after = residual(y)
        shift = now.inverse @ (after - now.residual)
        along = step @ shift
        update = jnp.outer(step - shift, step @ now.inverse) / jnp.where(along == 0, 1.0, along)
        inverse = now.inverse + jnp.where(along == 0, 0.0, update)
        size = jnp.linalg.norm(step / request.scale)
        return _Correction(y, after, inverse, size, now.count + 1)

    inverse = jnp.linalg.inv(jnp.concatenate([request.jacobian, request.row[None]]))
    infinite = jnp.full((), jnp.inf, request.guess.dtype)
    start = _Correction(request.guess, residual(request.guess), inverse, infinite, jnp.zeros((), jnp.int32))
    end = jax.lax.while_loop(unfinished, advance, start)
    gradient, derivative, value = jax.linearize(slopes, end.y, has_aux=True)
    hessian = jax.vmap(derivative)(jnp.eye(end.y.size, dtype=end.y.dtype))
    finite = jnp.isfinite(value) & jnp.isfinite(gradient).all() & jnp.isfinite(hessian).all()
    settled = (end.size <= _TOLERANCE) | (request.corrections == 0)
    return Found(
        y=end.y,
        converged=finite & settled,
        value=value,
        slope=gradient[-1],
        jacobian=hessian[:, :-1].T,
        excess=boundary(end.y[:-1], end.y[-1], *args),
    )
