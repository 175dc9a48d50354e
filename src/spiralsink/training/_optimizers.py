"""First-order optimizers: our Adam, and any optax transformation, applied to every network by itself."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .._errors import InvalidInput, Shown, check_choice, check_count
from ..optimisation import BFGS, LevenbergMarquardt
from ._objectives import MOST_COUNTED

SecondOrder = BFGS | LevenbergMarquardt


@dataclasses.dataclass(frozen=True)
class Adam:
    """Adam with a learning-rate schedule, after clipping the gradient of each network to a largest norm.

    Attributes:
        learning_rate: First learning rate, > 0: a number, or one per network of the stack, (*stack,).
        schedule: "cosine" (to zero over the steps of the training) or "constant".
        clip: Largest Euclidean norm of one network's gradient, > 0; infinity for no clipping. Networks of a stack
            are clipped independently.

    Source: Kingma and Ba, arXiv 1412.6980, Algorithm 1; Loshchilov and Hutter, arXiv 1608.03983, Eq. 5.
    """

    learning_rate: Any = 1e-2
    schedule: str = "cosine"
    clip: Any = 1.0

    def __post_init__(self) -> None:
        rates = _checked_rates(self.learning_rate)
        object.__setattr__(self, "learning_rate", _as_tuples(rates.tolist()))
        if isinstance(self.clip, np.floating | np.integer):
            object.__setattr__(self, "clip", self.clip.item())
        if not isinstance(self.clip, int | float) or isinstance(self.clip, bool) or not self.clip > 0:
            raise InvalidInput("clip", self.clip, "a number > 0")
        check_choice("schedule", self.schedule, ["cosine", "constant"])

    @property
    def citations(self) -> tuple[str, ...]:
        """What to cite for it."""
        return ("adam", "cosine_schedule") if self.schedule == "cosine" else ("adam",)

    def transformation(self, steps: int) -> optax.GradientTransformation:
        """The optax transformation of one network for a training of that many steps.

        Raises:
            InvalidInput: If there is a learning rate for each network.
        """
        if np.ndim(self.learning_rate):
            given = Shown(f"shape {np.shape(self.learning_rate)}")
            raise InvalidInput("learning_rate", given, "one number in the transformation of one network")
        total = max(check_steps(steps), 1)
        return self._chain(optax.cosine_decay_schedule(self.learning_rate, total))

    def _chain(self, cosine: Any) -> optax.GradientTransformation:
        schedule = cosine if self.schedule == "cosine" else self.learning_rate
        clip = optax.clip_by_global_norm(self.clip) if math.isfinite(self.clip) else optax.identity()
        return optax.chain(clip, optax.adam(schedule))


def cosine_decay(rate: Any, steps: Any) -> Any:
    """`optax.cosine_decay_schedule` where the number of steps may be traced, so that another is no other program.

    Times 1 / steps, which is what XLA makes of a division by a constant, so that bits are the same (on a CPU, but for a
    single network, where it fuses otherwise).
    """

    def at(count: Any) -> Any:
        total = jnp.maximum(steps, 1)
        return rate * (0.5 * (1 + jnp.cos(jnp.pi * jnp.minimum(count, total) * (1.0 / total))))

    return at


def _checked_rates(given: Any) -> np.ndarray:
    allowed = "a finite number > 0, or one per network"
    try:
        rates = np.asarray(given)
    except ValueError:  # ragged
        raise InvalidInput("learning_rate", given, allowed) from None
    if rates.dtype.kind not in "iuf" or not rates.size:
        raise InvalidInput("learning_rate", given, allowed)
    with np.errstate(over="ignore", under="ignore"):
        single = rates.astype(np.float32)
    for each, allowed in ((rates, "a finite number > 0"), (single, "a finite number > 0 also in float32")):
        wrong = rates[~((each > 0) & np.isfinite(each))]
        if wrong.size:
            raise InvalidInput("learning_rate", wrong.flat[0].item(), allowed)
    return rates.astype(np.float64)


def _as_tuples(values: Any) -> Any:
    # hashable, as what compiled programs are chosen by must be
    return tuple(map(_as_tuples, values)) if isinstance(values, list) else values


def check_rates(optimizer: Any, stack: tuple[int, ...]) -> None:
    """Raises unless the learning rates of our Adam are one number or one per network."""
    shape = np.shape(optimizer.learning_rate) if isinstance(optimizer, Adam) else ()
    if shape not in ((), stack):
        raise InvalidInput("learning_rate", Shown(f"shape {shape}"), f"a number, or of the shape {stack} of the stack")


def per_network(optimizer: Any, count: int) -> tuple[Any, Any]:
    """(the optimizer that makes the program, what each network's updates are multiplied by, (networks,)).

    Updates of Adam are proportional to its learning rate, so other rates need no other program.
    """
    rates = optimizer.learning_rate if isinstance(optimizer, Adam) else 1.0
    rates = np.array(np.broadcast_to(np.ravel(rates), (count,)), np.float32)
    return dataclasses.replace(optimizer, learning_rate=1.0) if isinstance(optimizer, Adam) else optimizer, rates


def check_optimizer(optimizer: Any) -> Any:
    """Returns one of our optimizers or an optax transformation."""
    optax_like = isinstance(optimizer, tuple) and hasattr(optimizer, "init") and hasattr(optimizer, "update")
    if isinstance(optimizer, Adam | BFGS | LevenbergMarquardt) or optax_like:
        return optimizer
    given = Shown(optimizer.__name__ if isinstance(optimizer, type) else type(optimizer).__name__)
    raise InvalidInput("optimizer", given, "Adam, BFGS, LevenbergMarquardt or an optax GradientTransformation")


def transformation_of(optimizer: Any, steps: Any) -> optax.GradientTransformationExtraArgs:
    """The optax transformation of one network; `steps` may be traced."""
    if isinstance(optimizer, Adam):
        optimizer = optimizer._chain(cosine_decay(optimizer.learning_rate, steps))
    return optax.with_extra_args_support(optimizer)


def check_steps(steps: Any) -> int:
    """Returns the number of steps, from 0 to 2^31 - 1: random words differ for that many."""
    if check_count("steps", steps, 0) > MOST_COUNTED:
        raise InvalidInput("steps", steps, f"a whole number from 0 to {MOST_COUNTED}")
    return int(steps)


def apply_per_network(
    optimizer: Any, rates: Any, steps: Any, gradients: Any, state: Any, parameters: Any, losses: Any
) -> Any:
    """New parameters and optimizer state, every network by itself; all trees have a leading axis of networks."""
    transformation = transformation_of(optimizer, steps)

    def one(rate: Any, gradient: Any, state: Any, parameters: Any, loss: Any) -> Any:
        # optax mixes dtypes inside; the extra arguments are those that its plateau schedules ask for
        with jax.numpy_dtype_promotion("standard"):
            updates, state = transformation.update(gradient, state, parameters, value=loss, grad=gradient)
        moved = jax.tree.map(lambda p, u: p + rate.astype(p.dtype) * jnp.asarray(u, p.dtype), parameters, updates)
        return moved, state

    return jax.vmap(one)(rates, gradients, state, parameters, losses)
