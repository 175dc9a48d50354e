"""What most people run: `torch.nn.RNN`, one network after the other."""

import numpy as np
import torch

from ._cases import CLIP, LEARNING_RATE, Case
from ._torch_stacked import draw
from ._trainer import Timing, first_weights, timed

_MOST_TIMED = 4


class OneNetwork(torch.nn.Module):
    """`torch.nn.RNN` with a rectified readout.

    Its readout sees relu(h_t), because `torch.nn.RNN` keeps no other state: a slightly different network, as much work.
    """

    def __init__(self, weights: dict[str, np.ndarray]):
        super().__init__()
        n_hidden = len(weights["W_h"])
        self.recurrent = torch.nn.RNN(1, n_hidden, nonlinearity="relu", bias=False)
        self.readout = torch.nn.Linear(n_hidden, 1, bias=False)
        tensors = {name: torch.from_numpy(value.copy()) for name, value in weights.items()}
        names = {"recurrent.weight_ih_l0": "W_x", "recurrent.weight_hh_l0": "W_h", "readout.weight": "W_y"}
        tensors["W_y"] = tensors["W_y"].T
        self.load_state_dict({place: tensors[name] for place, name in names.items()})

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Outputs from inputs, (time, batch) both."""
        states, _ = self.recurrent(inputs[..., None])
        return torch.relu(self.readout(states))[..., 0]


def loss(network: OneNetwork, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean squared error; inputs and targets (time, batch)."""
    return torch.nn.functional.mse_loss(network(inputs), targets)


class TorchLoop:
    """Training by a loop over networks.

    Of large stacks a few networks are timed: they do not know of each other, so that the cost is proportional.
    """

    compiles = False

    def __init__(self, case: Case):
        self._case = case
        weights = first_weights(case)
        self._networks = [
            OneNetwork({name: each[index] for name, each in weights.items()}) for index in range(case.stack)
        ]
        self._optimizers = [torch.optim.Adam(each.parameters(), lr=LEARNING_RATE) for each in self._networks]
        self._losses = np.zeros(case.stack)
        self._generator = torch.Generator().manual_seed(0)

    def _advance(self, steps: int, count: int) -> None:
        for _ in range(steps):
            for index in range(count):
                inputs, targets = (each[:, 0] for each in draw(self._case, 1, self._generator))
                network, optimizer = self._networks[index], self._optimizers[index]
                optimizer.zero_grad()
                value = loss(network, inputs, targets)
                value.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), CLIP)
                optimizer.step()
                self._losses[index] = value.item()

    def time(self, seconds: float) -> Timing:
        count = min(self._case.stack, _MOST_TIMED)
        return timed(lambda steps: self._advance(steps, count), count, seconds)

    def train(self, steps: int) -> np.ndarray:
        self._advance(steps, self._case.stack)
        return self._losses
