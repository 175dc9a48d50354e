"""Networks as torch users write them, and how they are read: a recurrent layer and a linear readout."""

import copy
from typing import Any

import numpy as np

from ..._errors import MissingExtra
from ...interop import as_model
from ...models import Model
from ._tasks import RealTask

ARCHITECTURES = {
    "GRU": "torch.nn.GRU",
    "tanh": "torch.nn.RNN, tanh",
    "ReLU": "torch.nn.RNN, ReLU",
    "LRU": "linear recurrent unit, diagonal and complex",
}


def build(architecture: str, width: int, task: RealTask, *, seed: int) -> Any:
    """A torch module that maps (batch, time, features) to readouts before their nonlinearity, (batch, time, outputs).

    Args:
        architecture: One of `ARCHITECTURES`.
        width: Hidden units; of an LRU, complex poles.
        task: Says how many features and outputs there are.
        seed: Of the first weights, which are torch's own, and for an LRU those of its source. A rectified readout
            starts at the mean of its targets.

    Source of the LRU: Orvieto et al. 2023, Resurrecting recurrent neural networks for long sequences, section 3; radii
    from 0.5 to 0.99, all angles; here one layer without the nonlinear block around it.
    """
    torch = require_torch()
    n_features, n_outputs = task.n_features, task.n_outputs
    # a rectified readout that starts below zero for all inputs would never learn
    mean = torch.as_tensor(task.first_bias, dtype=torch.float32)

    class Recurrent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            if architecture == "GRU":
                self.rnn = torch.nn.GRU(n_features, width, batch_first=True)
            else:
                self.rnn = torch.nn.RNN(n_features, width, nonlinearity=architecture.lower(), batch_first=True)
            self.readout = torch.nn.Linear(width, n_outputs)
            self.readout.bias.data += mean

        def forward(self, inputs: Any) -> Any:
            return self.readout(self.rnn(inputs)[0])

    class LinearRecurrentUnit(torch.nn.Module):
        def __init__(self):
            super().__init__()
            radius = torch.sqrt(0.5**2 + torch.rand(width) * (0.99**2 - 0.5**2))
            self.nu_log = torch.nn.Parameter(torch.log(-torch.log(radius)))
            self.theta_log = torch.nn.Parameter(torch.log(2 * torch.pi * torch.rand(width)))
            self.gamma_log = torch.nn.Parameter(0.5 * torch.log(1 - radius**2))
            # real and imaginary parts along the last axis, so that the network can change its precision
            self.B = torch.nn.Parameter(torch.randn(width, n_features, 2) * (2 * n_features) ** -0.5)
            self.C = torch.nn.Parameter(torch.randn(n_outputs, width, 2) * (2 * width) ** -0.5)
            self.D = torch.nn.Parameter(torch.zeros(n_outputs, n_features))
            self.mean = torch.nn.Parameter(mean.clone())

        def forward(self, inputs: Any) -> Any:
            poles = torch.exp(torch.complex(-torch.exp(self.nu_log), torch.exp(self.theta_log)))
            B, C = torch.view_as_complex(self.B), torch.view_as_complex(self.C)
            written = torch.complex(inputs, torch.zeros_like(inputs)) @ (torch.exp(self.gamma_log)[:, None] * B).T
            state, states = torch.zeros_like(written[:, 0]), []
            for each in written.unbind(1):
                state = poles * state + each
                states.append(state)
            return (torch.stack(states, 1) @ C.T).real + inputs @ self.D.T + self.mean

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LinearRecurrentUnit() if architecture == "LRU" else Recurrent()


def outputs_of(network: Any, inputs: np.ndarray) -> np.ndarray:
    """Readouts before their nonlinearity, in the precision of the network."""
    torch = require_torch()
    dtype = next(network.parameters()).dtype
    with torch.no_grad():
        return network(torch.as_tensor(inputs, dtype=dtype)).double().numpy()


def read(network: Any, architecture: str) -> Model:
    """The network as `sk.inspect` takes it, compared with torch's own forward pass."""
    if architecture != "LRU":
        return as_model(network)
    tensors = {name: each.detach().numpy() for name, each in network.named_parameters()}
    tensors |= {name: tensors[name][..., 0] + 1j * tensors[name][..., 1] for name in ("B", "C")}
    mean = tensors.pop("mean")
    exact = copy.deepcopy(network).double()
    return as_model(tensors, kind="lru", reference=lambda inputs: outputs_of(exact, np.asarray(inputs)) - mean)


def require_torch() -> Any:
    """The torch module; `MissingExtra` names the command that installs it."""
    try:
        import torch
    except ImportError as error:
        raise MissingExtra(error.name or "torch", "realistic") from None
    return torch
