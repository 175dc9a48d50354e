"""Training against networks written in torch: same weights, same sequences, gradients by torch's autograd."""

import functools

import jax
import numpy as np
import optax
import torch

import spiralsink as sk
from spiralsink.training._goals import prepare

STEPS = 10
OBJECTIVE = sk.SampledLoss(batch_size=64, horizon=10, n_evaluation=256)
TASK = sk.Delay(2, importance=[1.0, 0.5])
PROCESS = sk.SparseProcess(2, p=0.4)
KEY = jax.random.key(7)


def make_stack(tied):
    rng = np.random.default_rng(0)

    def draw(*shape):
        return rng.normal(size=(3, *shape)).astype(np.float32) * 0.6

    return sk.RecurrentNetwork(
        draw(4, 2),
        draw(4, 4),
        sk.Tied(2) if tied else draw(4, 2),
        recurrence="relu",
        readout="relu",
        b_h=None if tied else draw(4) * 0.1,
        b_y=draw(2) * 0.1,
        leak=1.0 if tied else 0.7,
    )


def torch_weights(network, lane):
    names = [name for name in ("W_x", "W_h", "W_y", "b_h", "b_y") if isinstance(getattr(network, name), np.ndarray)]
    return {name: torch.tensor(getattr(network, name)[lane], requires_grad=True) for name in names}


def torch_loss(weights, batch, leak):
    inputs, targets = (torch.tensor(np.asarray(each)) for each in (batch.inputs, batch.targets))
    W_x, W_h = weights["W_x"], weights["W_h"]
    # tied: the response to a unit impulse, two steps later
    W_y = weights["W_y"] if "W_y" in weights else W_h @ torch.relu(W_h @ torch.relu(W_x))
    b_h = weights.get("b_h", torch.zeros(4))
    state, loss = torch.zeros(len(inputs), 4), torch.zeros(())
    for t in range(inputs.shape[1]):
        driven = inputs[:, t] @ W_x.T + torch.relu(state) @ W_h.T + b_h
        state = (1 - leak) * state + leak * driven
        output = torch.relu(state @ W_y + weights["b_y"])
        loss = loss + ((output - targets[:, t]) ** 2 @ torch.tensor([1.0, 0.5])).mean()
    return loss / inputs.shape[1]


@functools.cache
def batches():
    """The sequences of every step, as `fit` draws them."""
    goal = prepare(OBJECTIVE, make_stack(True), TASK, PROCESS, key=KEY, threads=0).goal
    draw = jax.jit(lambda step: goal.data(step, 3)[0])
    return [jax.tree.map(np.asarray, draw(np.int32(step))) for step in range(STEPS)]


def of_lane(batch, lane):
    return type(batch)(*(each[lane] for each in batch))


def test_gradient_through_a_tied_readout():
    network = make_stack(True)
    result = sk.fit(
        network, TASK, PROCESS, key=KEY, steps=1, objective=OBJECTIVE, optimizer=optax.sgd(1.0), record=sk.Every(0)
    )
    (batch, *_) = batches()
    for lane in range(3):
        weights = torch_weights(network, lane)
        torch_loss(weights, of_lane(batch, lane), network.leak).backward()
        for name, weight in weights.items():
            gradient = getattr(network, name)[lane] - getattr(result.networks, name)[lane]
            np.testing.assert_allclose(gradient, weight.grad.numpy(), rtol=1e-5, atol=1e-6, err_msg=name)


def test_ten_adam_steps():
    """A free readout, biases and leak, with per-network clipping that acts and the cosine schedule."""
    network, rate, clip = make_stack(False), 0.02, 0.05
    result = sk.fit(
        network,
        TASK,
        PROCESS,
        key=KEY,
        steps=STEPS,
        objective=OBJECTIVE,
        optimizer=sk.Adam(rate, schedule="cosine", clip=clip),
        record=sk.Every(0),
    )
    drawn = batches()
    clipped = 0
    for lane in range(3):
        weights = torch_weights(network, lane)
        adam = torch.optim.Adam(weights.values(), lr=rate)
        for step, batch in enumerate(drawn):
            adam.zero_grad()
            torch_loss(weights, of_lane(batch, lane), network.leak).backward()
            norm = torch.sqrt(sum((weight.grad**2).sum() for weight in weights.values()))
            if norm > clip:
                clipped += 1
                for weight in weights.values():
                    weight.grad *= clip / norm
            adam.param_groups[0]["lr"] = rate * 0.5 * (1 + np.cos(np.pi * step / STEPS))
            adam.step()
        for name, weight in weights.items():
            ours = getattr(result.networks, name)[lane]
            np.testing.assert_allclose(ours, weight.detach().numpy(), rtol=1e-5, atol=1e-5, err_msg=name)
    assert clipped > STEPS
