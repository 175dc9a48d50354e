"""One random word per input: a keyed counter hash, the same in every engine that trains.

The 32-bit word of a counter c and two key words a, b is, modulo 2^32 and with >> a shift that brings in zeros,

    z = c + a;  z ^= z >> 17;  z *= 0xed5ad4bb;  z ^= b;
    z ^= z >> 11;  z *= 0xac4c1b51;  z ^= z >> 15;  z *= 0x31848bab;  z ^= z >> 14:

the mixing steps of the hash `triple32`, with the second key word in between. There is no state and no sequence: for
given key words the map from counters to words is one to one, so of 2^32 counters each word comes once. That alone is
guaranteed (and makes the words of one batch distinct where independent ones would now and then collide); that words of
near counters, of other key words and of other bits are as good as independent is tested, not proved. Every network has
64 bits of key words from JAX's counter-based generator; those of its step s are the words of the counters 2 s and
2 s + 1, so that no two of its batches overlap before step 2^31. Two of N batches of M words of different networks
overlap, as shifted copies, with a chance of N^2 M 2^-64 at most.

An input is active where its word lies below p 2^32, and then v = word / (p 2^32) is uniform on [0, 1]: one word decides
both. What is left of the word has p 2^31 values, so that p must not be too small.

Source: C. Wellons, Hash function prospector (2018), `triple32`.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray, UInt32

from ._types import AnyArray

LEAST_P = 1e-5  # v then still has more than 2^14 values
MOST_WORDS = 2**32  # of one batch


def mixed_words(counter: UInt32[AnyArray, "..."], keys: UInt32[AnyArray, "*stack 2"]) -> UInt32[AnyArray, "..."]:
    """The words of counters.

    Args:
        counter: c; broadcasts against `keys[..., 0]`.
        keys: The key words (a, b) along the last axis.
    """
    first, second = keys[..., 0], keys[..., 1]
    z = counter + first
    z = z ^ (z >> np.uint32(17))
    z = z * np.uint32(0xED5AD4BB)
    z = z ^ second
    z = z ^ (z >> np.uint32(11))
    z = z * np.uint32(0xAC4C1B51)
    z = z ^ (z >> np.uint32(15))
    z = z * np.uint32(0x31848BAB)
    return z ^ (z >> np.uint32(14))


def key_words(key: PRNGKeyArray) -> UInt32[AnyArray, "2"]:
    """The key words of a JAX random key."""
    return jax.random.bits(key, (2,), jnp.uint32)


def step_words(keys: UInt32[AnyArray, "*stack 2"], step: Any) -> UInt32[AnyArray, "*stack 2"]:
    """The key words of a step from those of a network."""
    counter = np.uint32(2) * jnp.asarray(step).astype(jnp.uint32)
    return jnp.stack([mixed_words(counter, keys), mixed_words(counter + np.uint32(1), keys)], axis=-1)


def word_counters(n_sequences: int, horizon: int, n_features: int) -> UInt32[AnyArray, "batch time features"]:
    """The counter (f T + t) B + b of feature f at step t = 0 .. T - 1 of sequence b of B."""
    shape = (n_sequences, horizon, n_features)
    sequence, time, feature = (jax.lax.broadcasted_iota(jnp.uint32, shape, axis) for axis in range(3))
    return (feature * np.uint32(horizon) + time) * np.uint32(n_sequences) + sequence


def word_threshold(p: Any) -> UInt32[np.ndarray, "*p"]:
    """An input is active where its word is not above round(p 2^32) - 1; computed in float64."""
    return np.asarray(np.clip(np.round(np.asarray(p, np.float64) * 2**32) - 1, 0, 2**32 - 1), np.uint32)


def word_scale(p: Any) -> Float[np.ndarray, "*p"]:
    """What makes v of the word halved: 2 / (p 2^32), rounded to float32."""
    return np.asarray(2 / (np.asarray(p, np.float64) * 2**32), np.float32)


def inputs_from_words(words: Any, threshold: Any, scale: Any, law: Any) -> Any:
    """Inputs in float32: law.quantile(v), v = (word >> 1) scale, where the word is not above the threshold; else 0.

    Args:
        words: uint32; everything else broadcasts against it.
        threshold: From `word_threshold`.
        scale: From `word_scale`.
        law: An amplitude law that has `quantile`.
    """
    v = (words >> np.uint32(1)).astype(jnp.int32).astype(jnp.float32) * scale
    v = jnp.minimum(v, jnp.float32(1))  # rounding may lift the last of them
    return jnp.where(words <= threshold, jnp.asarray(law.quantile(v), jnp.float32), jnp.float32(0))
