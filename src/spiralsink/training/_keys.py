"""The random keys of a training: of each lane, of what all lanes hear, of the evaluation."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._arrays import key_shape
from .._errors import InvalidInput, Shown

_EVALUATION_SEED = 20260422
_SHARED_SEED = 20260423


class Keys(NamedTuple):
    """`lanes`: one key per lane; `shared`: of batches that all lanes hear; `evaluation`: of the evaluation batch."""

    lanes: Any
    shared: Any
    evaluation: Any


def split_keys(key: Any, stack: tuple[int, ...]) -> Keys:
    """The keys of a training from one key, or from one key per network.

    The first keys of a larger stack are those of a smaller one. Given one key per network, networks may be in any
    order and company: then shared batches and the evaluation batch are always the same, whatever the keys.

    Raises:
        InvalidInput: If `key` is no key, or neither one key nor one per network.
    """
    shape = check_keys(key, stack)
    if shape:
        own = key.reshape(-1, *key.shape[len(shape) :])
        return Keys(own, jax.random.key(_SHARED_SEED), jax.random.key(_EVALUATION_SEED))
    lanes = jnp.arange(math.prod(stack), dtype=jnp.uint32)
    train_key, evaluation_key = jax.random.split(key)
    own = jax.vmap(lambda lane: jax.random.fold_in(train_key, lane))(lanes)
    return Keys(own, jax.random.fold_in(key, _SHARED_SEED), evaluation_key)


def check_keys(key: Any, stack: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the axes of the keys: none, or those of the stack."""
    shape = key_shape(key)
    if shape not in ((), stack):
        raise InvalidInput("key", Shown(f"keys of shape {shape}"), f"one key, or one per network of the stack {stack}")
    return shape
