"""What does a GRU of your own remember, and how does that change with its width?

    pip install 'spiralsink[realistic,data,plots]'
    python examples/realistic/widths.py --widths 2 8 32 128 --seeds 3 --out widths.png

Handwritten digits are read row by row, and the row of three steps ago is wanted. Put your own data into `sequences`,
your own network into `Recall` and your own loss into `train`. The study in full, with four architectures, three tasks
and controls: `spiralsink reproduce --claims realistic`.
"""

import argparse
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

import spiralsink as sk

DELAY = 3


class Recall(torch.nn.Module):
    """A recurrent layer and a readout; pixels are never negative, so the readout is rectified."""

    def __init__(self, width: int):
        super().__init__()
        self.rnn = torch.nn.GRU(6, width, batch_first=True)
        self.readout = torch.nn.Linear(width, 6)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.readout(self.rnn(inputs)[0]))


def sequences(images: np.ndarray, n_sequences: int, rng: np.random.Generator) -> torch.Tensor:
    """Three images one after the other, a row a step: (batch, 24, 6)."""
    chosen = rng.integers(len(images), size=(n_sequences, 3))
    return torch.as_tensor(images[chosen].reshape(n_sequences, 24, 6), dtype=torch.float32)


def train(network: torch.nn.Module, images: np.ndarray, *, steps: int, seed: int) -> None:
    """Adam on the squared error of the row of `DELAY` steps ago."""
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        inputs = sequences(images, 32, rng)
        loss = ((network(inputs)[:, DELAY:] - inputs[:, :-DELAY]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def main(arguments: list[str] | None = None) -> None:
    """Trains, inspects, prints a table, draws the memory curves."""
    parser = argparse.ArgumentParser(description="What GRUs of several widths remember of handwritten digits.")
    parser.add_argument("--widths", type=int, nargs="+", default=[2, 8, 32, 128])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--out", default="widths.png")
    options = parser.parse_args(arguments)

    digits: Any = load_digits()
    # the outer columns are nearly always blank
    images = digits.images[..., 1:7] / 16
    half = len(images) // 2
    unseen = sequences(images[half:], 150, np.random.default_rng(0))
    figure, axes = sk.plots.new_panels(1, len(options.widths), width=sk.plots.PAGE_WIDTH, height=2.4, sharey=True)
    print("width  seed    R^2  readable pairs  dimensions  load  additivity  negative share")
    for panel, width in zip(axes[0], options.widths, strict=True):
        for seed in range(options.seeds):
            torch.manual_seed(seed)
            network = Recall(width)
            train(network, images[:half], steps=options.steps, seed=seed)
            with torch.no_grad():
                error = (network(unseen)[:, DELAY:] - unseen[:, :-DELAY]) ** 2
            r2 = 1 - float(error.mean() / unseen[:, :-DELAY].var(dim=(0, 1)).mean())
            found: Any = sk.inspect(sk.as_model(network, readout="relu"), unseen, delay=DELAY, n_lags=8)
            # pixels of neighbouring rows are correlated: `found.load` is withheld, and this counts what the row of the
            # moment tells of earlier ones
            pairs = int((np.nan_to_num(found.memory.r2) >= 0.5).sum())
            row = (pairs, found.participation_ratio, pairs / found.participation_ratio, found.additivity.mean)
            print(f"{width:5d}  {seed:4d}  {r2:5.2f}  {row[0]:14d}  {row[1]:10.1f}  {row[2]:4.1f}", end="")
            print(f"  {row[3]:10.2f}  {found.free_space.mean:14.2f}")
            # a readout can be worse than the mean
            panel.plot(
                np.maximum(np.nan_to_num(found.memory.r2), 0).mean(axis=1),
                color=sk.plots.age_colors(options.seeds + 1)[seed],
            )
        panel.axvline(DELAY, color=sk.plots.MUTED, linestyle=":", linewidth=0.8)
        panel.set(title=f"{width} units", xlabel="age of a row (steps)", ylim=(-0.05, 1.05))
    axes[0, 0].set_ylabel("held-out $R^2$, mean over pixels")
    figure.savefig(options.out, dpi=200)
    print(f"memory curves: {options.out}")


if __name__ == "__main__":
    main()
