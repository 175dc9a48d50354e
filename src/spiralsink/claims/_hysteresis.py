"""Training while p is slowly changed: every network goes on from where it was at the last p."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from ..geometry import eigenmodes
from ..networks import RecurrentNetwork
from ..processes import SparseProcess
from ..tasks import Delay
from ..training import Every, SampledLoss, fit


class Sweep(NamedTuple):
    """What the networks were after training at every p.

    Attributes:
        loss: Sampled loss on sequences shared by all networks, (stations, directions, networks); NaN where diverged.
        eigenangle_span: Degrees, the same shape.
        spectral_radius: The same shape.
        networks: The networks after the last station, (directions, networks).
    """

    loss: np.ndarray
    eigenangle_span: np.ndarray
    spectral_radius: np.ndarray
    networks: RecurrentNetwork


def sweep(
    networks: RecurrentNetwork,
    delay: int,
    p: Float[np.ndarray, "stations directions"],
    *,
    key: Any,
    steps: int,
    objective: SampledLoss,
    optimizer: Any,
) -> Sweep:
    """Trains networks at one p after the other.

    Args:
        networks: Where they start, (directions, networks).
        delay: k.
        p: Activity probabilities in the order in which they come, one column for each direction.
        key: A JAX random key; every network hears sequences of its own at every station.
        steps: Training steps at each station, after which p changes. Adam's averages start anew.
        objective: What is minimised.
        optimizer: With a constant learning rate, so that no station is special.
    """
    parts = []
    for station, here in enumerate(p):
        process = SparseProcess(1, p=np.broadcast_to(here[:, None, None], (*networks.stack, 1)))
        result = fit(
            networks,
            Delay(delay),
            process,
            key=jax.random.fold_in(key, station),
            steps=steps,
            objective=objective,
            optimizer=optimizer,
            record=Every(0),
        )
        networks = result.networks
        parts.append((result.loss, *span_and_radius(networks, delay)))
    return Sweep(*(np.stack(each) for each in zip(*parts, strict=True)), networks=networks)


def span_and_radius(networks: RecurrentNetwork, delay: int) -> tuple[np.ndarray, np.ndarray]:
    """Eigenangle spans in degrees and spectral radii of the leading eigenvalues of a stack."""
    W_x, W_h, _ = networks.folded_weights
    modes = eigenmodes(W_x, W_h, networks.output_weights, recall_lag=delay)
    return modes.eigenangle_span, modes.spectral_radius
