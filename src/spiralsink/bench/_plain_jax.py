"""What one writes first in JAX: the training of one network with a scan over time, under `jax.vmap`."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ._cases import CLIP, DELAY, LEARNING_RATE, Case, P
from ._trainer import Timing, first_weights, timed

_SEED = 1
_OPTIMIZER = optax.chain(optax.clip_by_global_norm(CLIP), optax.adam(LEARNING_RATE))


def draw(key: Any, case: Case) -> tuple[Any, Any]:
    """Inputs and targets, (time, batch) each, from two random numbers per input: gate and amplitude."""
    shape = (case.horizon, case.batch)
    gate, amplitude = jax.random.split(key)
    inputs = jnp.where(jax.random.bernoulli(gate, P, shape), jax.random.uniform(amplitude, shape), 0.0)
    return inputs, jnp.pad(inputs, ((DELAY, 0), (0, 0)))[: case.horizon]


def loss(weights: dict[str, Any], inputs: Any, targets: Any) -> Any:
    """Mean squared error of one network; inputs and targets (time, batch)."""

    def step(state: Any, x: Any) -> tuple[Any, Any]:
        state = x[:, None] @ weights["W_x"].T + jax.nn.relu(state) @ weights["W_h"].T
        return state, jax.nn.relu(state @ weights["W_y"])[:, 0]

    start = jnp.zeros((inputs.shape[1], len(weights["W_h"])))
    return jnp.mean((jax.lax.scan(step, start, inputs)[1] - targets) ** 2)


class PlainJax:
    """Training by `jax.vmap` of one network's step, many steps in one compiled call."""

    compiles = True

    def __init__(self, case: Case):
        self._case = case
        weights = {name: jnp.asarray(each) for name, each in first_weights(case).items()}
        keys = jax.random.split(jax.random.key(_SEED), case.stack)
        self._state = (weights, jax.vmap(_OPTIMIZER.init)(weights), keys, jnp.zeros(case.stack))
        self._run = jax.jit(self._steps, donate_argnums=0)

    def _one(self, state: Any) -> Any:
        weights, moments, key, _ = state
        key, now = jax.random.split(key)
        value, gradient = jax.value_and_grad(loss)(weights, *draw(now, self._case))
        updates, moments = _OPTIMIZER.update(gradient, moments)
        return optax.apply_updates(weights, updates), moments, key, value

    def _steps(self, state: Any, steps: Any) -> Any:
        return jax.lax.fori_loop(0, steps, lambda _, state: jax.vmap(self._one)(state), state)

    def _advance(self, steps: int) -> None:
        self._state = jax.block_until_ready(self._run(self._state, steps))

    def time(self, seconds: float) -> Timing:
        return timed(self._advance, self._case.stack, seconds)

    def train(self, steps: int) -> np.ndarray:
        self._advance(steps)
        return np.asarray(self._state[-1])
