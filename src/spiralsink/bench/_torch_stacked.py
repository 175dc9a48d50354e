"""The best that we can write in torch: all networks in one tensor, in three ways, and Adam on all of them at once."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ._cases import CLIP, DELAY, LEARNING_RATE, Case, P
from ._trainer import Absent, Timing, first_weights, timed

_MOST_SCALARS = 10
_DECAY = (0.9, 0.999)


def draw(case: Case, stack: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets, (time, stack, batch) each, from one random number per input."""
    uniform = torch.rand((case.horizon, stack, case.batch), generator=generator)
    inputs = torch.where(uniform < P, uniform * (1 / P), 0.0)
    targets = torch.zeros_like(inputs)
    targets[DELAY:] = inputs[:-DELAY]
    return inputs, targets


def einsum_outputs(W_x: torch.Tensor, W_h: torch.Tensor, W_y: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Outputs (time, stack, batch) by einsum; weights (stack, N_h, .), states (stack, batch, N_h)."""
    driven = torch.einsum("tsb,si->tsbi", inputs, W_x[..., 0])
    states = [driven[0]]
    for now in driven[1:]:
        states.append(now + torch.einsum("sij,sbj->sbi", W_h, torch.relu(states[-1])))
    return torch.relu(torch.einsum("tsbi,si->tsb", torch.stack(states), W_y[..., 0]))


def bmm_outputs(W_x: torch.Tensor, W_h: torch.Tensor, W_y: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Outputs (time, stack, batch) by batched matrix products; states (stack, N_h, batch)."""
    driven = inputs[:, :, None, :] * W_x
    states = [driven[0]]
    for now in driven[1:]:
        states.append(torch.baddbmm(now, W_h, torch.relu(states[-1])))
    return torch.relu(torch.matmul(W_y.mT, torch.stack(states))[:, :, 0])


def scalar_outputs(W_x: torch.Tensor, W_h: torch.Tensor, W_y: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Outputs (time, stack, batch), every hidden unit a tensor (stack, batch) of its own."""
    n_hidden = W_h.shape[1]
    to_state = [W_x[:, i] for i in range(n_hidden)]
    between = [[W_h[:, i, j, None] for j in range(n_hidden)] for i in range(n_hidden)]
    to_output = [W_y[:, i] for i in range(n_hidden)]
    states: list[torch.Tensor] = []
    outputs = []
    for now in inputs:
        active = [torch.relu(each) for each in states]
        states = [weight * now for weight in to_state]
        for i, row in enumerate(between):
            for weight, source in zip(row, active, strict=False):  # none at the first step
                states[i] = torch.addcmul(states[i], weight, source)
        output = to_output[0] * states[0]
        for weight, source in zip(to_output[1:], states[1:], strict=True):
            output = torch.addcmul(output, weight, source)
        outputs.append(torch.relu(output))
    return torch.stack(outputs)


OUTPUTS: dict[str, Callable[..., torch.Tensor]] = {
    "einsum": einsum_outputs,
    "bmm": bmm_outputs,
    "scalars": scalar_outputs,
}


def losses(way: str, parameters: torch.Tensor, n_hidden: int, inputs: Any, targets: Any) -> torch.Tensor:
    """Mean squared errors, (stack,), from all weights of a network in one row: W_x, W_h, W_y."""
    W_x, W_h, W_y = parameters.split((n_hidden, n_hidden**2, n_hidden), dim=1)
    weights = (W_x[..., None], W_h.unflatten(1, (n_hidden, n_hidden)), W_y[..., None])
    return (OUTPUTS[way](*weights, inputs) - targets).square().mean(dim=(0, 2))


class TorchStacked:
    """Training of all networks at once by one of the three ways."""

    compiles = False

    def __init__(self, case: Case, way: str):
        if way == "scalars" and case.n_hidden > _MOST_SCALARS:
            raise Absent(f"more than {_MOST_SCALARS} hidden units written out")
        self._case, self._way, self._count = case, way, 0
        rows = [each.reshape(case.stack, -1) for each in first_weights(case).values()]
        self.parameters = torch.from_numpy(np.concatenate(rows, axis=1)).requires_grad_()
        self._momentum, self._scale = torch.zeros_like(self.parameters), torch.zeros_like(self.parameters)
        self._losses = torch.zeros(case.stack)
        self._generator = torch.Generator().manual_seed(0)

    def _advance(self, steps: int) -> None:
        for _ in range(steps):
            data = draw(self._case, self._case.stack, self._generator)
            self.parameters.grad = None
            self._losses = losses(self._way, self.parameters, self._case.n_hidden, *data)
            self._losses.sum().backward()
            self._descend()

    @torch.no_grad()
    def _descend(self) -> None:
        self._count += 1
        gradient = self.parameters.grad
        assert gradient is not None
        gradient *= (CLIP / gradient.norm(dim=1, keepdim=True)).clamp(max=1.0)
        self._momentum.lerp_(gradient, 1 - _DECAY[0])
        self._scale.mul_(_DECAY[1]).addcmul_(gradient, gradient, value=1 - _DECAY[1])
        first, second = (1 - decay**self._count for decay in _DECAY)
        self.parameters.addcdiv_(
            self._momentum, (self._scale / second).sqrt_().add_(1e-8), value=-LEARNING_RATE / first
        )

    def time(self, seconds: float) -> Timing:
        return timed(self._advance, self._case.stack, seconds)

    def train(self, steps: int) -> np.ndarray:
        self._advance(steps)
        return self._losses.detach().numpy()
