"""Plain NumPy sampling with standard errors: a filter of lags, and whole networks with linear recurrence."""

from typing import Any, NamedTuple

import numpy as np

import spiralsink as sk

from .moments import per_lag


class Estimate(NamedTuple):
    """A mean and its standard error."""

    mean: float
    standard_error: float


class _Running:
    """Mean and standard error of values that come in chunks, by the update of Chan, Golub and LeVeque."""

    def __init__(self):
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, values: np.ndarray) -> None:
        mean, count = float(values.mean()), values.size
        total, apart = self.count + count, mean - self.mean
        self.squares += float(((values - mean) ** 2).sum()) + apart**2 * self.count * count / total
        self.mean += apart * count / total
        self.count = total

    def estimate(self) -> Estimate:
        return Estimate(self.mean, float(np.sqrt(self.squares / (self.count - 1) / self.count)))


def draw(rng: np.random.Generator, law: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Amplitudes U of active features."""
    if isinstance(law, sk.Uniform):
        return law.low + (law.high - law.low) * rng.random(shape)
    if isinstance(law, sk.Exponential):
        return rng.standard_exponential(shape) / law.rate
    if isinstance(law, sk.HalfNormal):
        return law.scale * np.abs(rng.standard_normal(shape))
    if isinstance(law, sk.Constant):
        return np.full(shape, float(law.value))
    raise TypeError(f"no sampler for {law}")


def draw_inputs(rng: np.random.Generator, law: Any, p: float, shape: tuple[int, ...]) -> np.ndarray:
    """x = B U; amplitudes are drawn only where something is active."""
    active = rng.random(shape) < p
    x = np.zeros(shape)
    x[active] = draw(rng, law, (int(active.sum()),))
    return x


def filter_loss(
    a: Any, p: Any, law: Any, *, delay: int, n_samples: int, seed: int, bias: float = 0.0, chunk: int = 2**19
) -> Estimate:
    """E[(relu(b + sum_n a_n x_n) - x_k)^2] from independent windows of inputs."""
    rng, running, n_lags = np.random.default_rng(seed), _Running(), len(a)
    p, laws = per_lag(p, n_lags), per_lag(law, n_lags)
    for start in range(0, n_samples, chunk):
        count = min(chunk, n_samples - start)
        z, wanted = np.full(count, float(bias)), np.zeros(count)
        for n in range(n_lags):
            x = draw_inputs(rng, laws[n], p[n], (count,))
            z += a[n] * x
            wanted = x if n == delay else wanted
        running.add((np.maximum(z, 0) - wanted) ** 2)
    return running.estimate()


def network_loss(
    W_x: Any,
    W_h: Any,
    W_y: Any,
    target_filter: Any,
    *,
    p: Any,
    law: Any,
    horizon: int,
    n_sequences: int,
    seed: int,
    burn_in: int = 0,
    bias: Any = 0.0,
    importance: Any = 1.0,
    readout: str = "relu",
    chunk: int = 2**16,
) -> Estimate:
    """The mean over steps burn_in + 1 .. horizon of sum_i I_i (phi(W_y^T h_t + b)_i - y*_t,i)^2, with h_0 = 0.

    `W_x` (hidden, features), `W_h` (hidden, hidden), `W_y` (hidden, outputs); `target_filter` (lags, outputs,
    features); `p` and `law` for all features or one per feature. The error is that of independent sequences.
    """
    W_x, W_h, W_y, G = (np.asarray(each, dtype=np.float64) for each in (W_x, W_h, W_y, target_filter))
    n_features = W_x.shape[1]
    p, laws = per_lag(p, n_features), per_lag(law, n_features)
    asked = [(s, G[s]) for s in range(min(len(G), horizon)) if np.any(G[s])]
    rng, running = np.random.default_rng(seed), _Running()
    for start in range(0, n_sequences, chunk):
        count = min(chunk, n_sequences - start)
        h, total = np.zeros((count, W_h.shape[0])), np.zeros(count)
        past: list[np.ndarray] = []
        for t in range(1, horizon + 1):
            x = np.stack([draw_inputs(rng, laws[j], p[j], (count,)) for j in range(n_features)], axis=1)
            past = [x, *past][: len(G)]
            h = x @ W_x.T + h @ W_h.T
            if t > burn_in:
                y = h @ W_y + bias
                y = np.maximum(y, 0) if readout == "relu" else y
                wanted = sum((past[s] @ each.T for s, each in asked if s < len(past)), np.zeros_like(y))
                total += (y - wanted) ** 2 @ np.broadcast_to(importance, y.shape[1:])
        running.add(total / (horizon - burn_in))
    return running.estimate()
