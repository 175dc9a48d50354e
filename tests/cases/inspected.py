"""Networks to inspect, written in NumPy, so that no test waits for a compiler."""

import dataclasses

import numpy as np

from spiralsink.models import LinearReadout, LinearRecurrence, Model, NoReadout

SLOPES = {
    "linear": (lambda z: z, lambda z: np.ones_like(z)),
    "relu": (lambda z: np.maximum(z, 0.0), lambda z: (z > 0).astype(float)),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Elman:
    """h_t = phi(W_x x_t + W_h h_{t-1} + b), states after the nonlinearity."""

    W_x: np.ndarray
    W_h: np.ndarray
    bias: np.ndarray
    phi: str

    def _drive(self, inputs, states):
        with np.errstate(over="ignore", invalid="ignore"):
            return inputs @ self.W_x.T + states @ self.W_h.T + self.bias

    def run(self, inputs, state):
        states = np.empty((*inputs.shape[:2], len(self.W_h)))
        for t in range(inputs.shape[1]):
            state = SLOPES[self.phi][0](self._drive(inputs[:, t], state))
            states[:, t] = state
        return states

    def carried(self, inputs, states, changes):
        return SLOPES[self.phi][1](self._drive(inputs, states))[:, None] * (changes @ self.W_h.T)

    def written(self, inputs, states, changes):
        return SLOPES[self.phi][1](self._drive(inputs, states))[:, None] * (changes @ self.W_x.T)


def elman(phi="linear", n_features=2, n_hidden=6, n_outputs=2, radius=0.8, bias=0.0, seed=0, readout="linear"):
    """A random network of a spectral radius; without a readout for n_outputs = 0."""
    rng = np.random.default_rng(seed)
    W_h = rng.normal(size=(n_hidden, n_hidden))
    W_h *= radius / np.abs(np.linalg.eigvals(W_h)).max()
    W_x, b = rng.normal(size=(n_hidden, n_features)) / np.sqrt(n_features), bias * rng.normal(size=n_hidden)
    W_y, b_y = rng.normal(size=(n_hidden, n_outputs)), rng.normal(size=n_outputs)
    head = LinearReadout(W_y, b_y, np.zeros((n_outputs, n_features)), readout) if n_outputs else NoReadout()
    return Model(
        kind=f"{phi} network",
        n_features=n_features,
        n_hidden=n_hidden,
        dynamics=Elman(W_x, W_h, b, phi),
        readout=head,
        initial=np.zeros(n_hidden),
        linear=LinearRecurrence(W_x, W_h, b) if phi == "linear" else None,
        layout=(("h", n_hidden),),
    )


def sparse_inputs(batch=12, time=120, n_features=2, p=0.5, seed=1):
    """Independent inputs, each active with probability p."""
    rng = np.random.default_rng(seed)
    shape = (batch, time, n_features)
    return rng.uniform(size=shape) * (rng.uniform(size=shape) < p)
