"""Recurrent modules of torch, what they answer, and a GRU written out in whatever convention."""

import numpy as np
import pytest
import torch

import spiralsink as sk
from spiralsink.interop import as_model

INPUTS = np.random.default_rng(5).standard_normal((3, 9, 3))
N = 5


def make(kind, **options):
    torch.manual_seed(0)
    classes = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
    return classes[kind](3, N, batch_first=True, **options)


def outputs_of(module, inputs=INPUTS):
    with torch.no_grad():
        found = module.double()(torch.from_numpy(inputs))
    return (found[0] if isinstance(found, tuple) else found).numpy()


def h_of(model, inputs=INPUTS):
    """h of the last layer: it stands last in the state, before c of the same layer."""
    end = model.n_hidden - (model.layout[-1][1] if model.layout[-1][0].endswith("c") else 0)
    size = model.layout[-2][1] if model.layout[-1][0].endswith("c") else model.layout[-1][1]
    return model.states(inputs)[..., end - size : end]


def reference_gru(arrays, *, reset="after", update="old", order="rzn"):
    """A GRU written out gate by gate, with the arrays in the order given."""
    arrays = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    W, U, b, c = (
        dict(zip(order, np.split(arrays[f"{name}_l0"], 3), strict=True))
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )

    def sigmoid(a):
        return 1 / (1 + np.exp(-a))

    def run(inputs):
        h, states = np.zeros((len(inputs), N)), []
        for t in range(inputs.shape[1]):
            x = inputs[:, t]
            r, z = (sigmoid(x @ W[g].T + b[g] + h @ U[g].T + c[g]) for g in "rz")
            inner = r * (h @ U["n"].T + c["n"]) if reset == "after" else (r * h) @ U["n"].T + c["n"]
            n = np.tanh(x @ W["n"].T + b["n"] + inner)
            h = (1 - z) * n + z * h if update == "old" else (1 - z) * h + z * n
            states.append(h)
        return np.stack(states, 1)

    return run


def reordered(module, order, of):
    return {
        name: np.concatenate([np.split(array.numpy(), len(of))[of.index(gate)] for gate in order])
        for name, array in module.state_dict().items()
    }


def refusal(source, **options):
    with pytest.raises(sk.InvalidInput, match="agreement must be at most") as caught:
        as_model(source, **options)
    return str(caught.value)
