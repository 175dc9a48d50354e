"""The claim about the limit of sparse inputs: the loss to first order in p."""

from typing import Any

import jax
import numpy as np

from .._float64 import float64
from ..geometry import projections
from ..networks import RecurrentNetwork
from ..processes import SparseProcess
from ..tasks import Delay
from ..theory import SteadyState, first_order_loss, problem_arrays
from ..verbs import expected_loss
from ._claim import Bar, Budget, Claim, Measurement
from ._draw_sparse import draw_sparse_limit
from ._experiments import experiment_key
from ._folder import require_xarray
from ._values_sparse import slopes, sparse_limit_values

_LAGS = 128  # 0.8^128 is 4e-13


def sparse_limit(
    budget: Budget, *, n_hidden: int, delay: int, p: list[float], n_networks: int, radius: list[float]
) -> Measurement:
    """Compares the exact loss of random stable networks, each fixed, with its first order as p goes to zero."""
    xr = require_xarray()
    grid, task = np.array(p), Delay(delay)
    networks = random_networks(
        experiment_key(budget, "sparse-limit"), n_networks, n_hidden=n_hidden, delay=delay, radius=radius
    )
    at = np.repeat(np.arange(n_networks), len(grid)).reshape(n_networks, len(grid))
    process = SparseProcess(1, p=np.broadcast_to(grid[:, None], (*at.shape, 1)))
    exact = expected_loss(networks[at], task, process)
    taps, _, _, importance, _ = problem_arrays(task, SparseProcess(1, p=1.0), horizon=_LAGS)
    with float64():
        seen = projections(networks, _LAGS)
        nu = np.array([float(process.amplitudes[0].second_moment)])
        first_per_p = np.asarray(first_order_loss(seen, taps, nu, importance))
    gap = 1 - first_per_p[:, None] * grid / exact.total
    slope = slopes(grid, gap)
    data = xr.Dataset(
        {
            "loss": (("network", "p"), exact.total),
            "error_estimate": (("network", "p"), exact.error_estimate),
            "first_order_per_p": ("network", first_per_p),
            "gap": (("network", "p"), gap),
            "slope": ("network", slope),
            "spectral_radius": ("network", np.abs(np.linalg.eigvals(networks.W_h)).max(axis=-1)),
            "projections": (("network", "lag"), np.asarray(seen)[:, : 2 * delay + 1, 0, 0]),
        },
        coords={"p": grid},
        attrs={"delay": delay, "readout": "relu", "horizon": str(SteadyState())},
    )
    return Measurement(
        values=sparse_limit_values(slope),
        measured=f"slopes {np.min(slope):.3f} to {np.max(slope):.3f} for {n_networks} networks; the gap at p = "
        f"{grid[0]:g} is {np.min(np.abs(gap[:, 0])):.1g} to {np.max(np.abs(gap[:, 0])):.1g} of the loss",
        data=data,
        n_networks=n_networks,
        horizon="steady state",
        networks={"random": networks},
    )


def random_networks(key: Any, count: int, *, n_hidden: int, delay: int, radius: list[float]) -> RecurrentNetwork:
    """Networks with normal weights, their spectral radii uniform in a range, whose largest projection is 1.

    Sign and scale of the readout are chosen, a_k > 0 and max_s a_s = 1: a network whose projections are all negative
    is silent, its loss is of first order at every p, and one that hardly speaks comes close to that.

    Args:
        key: A JAX random key.
        count: Number of networks.
        n_hidden: N_h.
        delay: k.
        radius: Smallest and largest spectral radius, below 1.
    """
    draw_key, radius_key = jax.random.split(key)
    drawn = RecurrentNetwork.init(draw_key, n_hidden=n_hidden, stack=count)
    W_x, W_h, W_y = (np.asarray(each, np.float64) for each in (drawn.W_x, drawn.W_h, drawn.W_y))
    wanted = np.asarray(jax.random.uniform(radius_key, (count,), minval=radius[0], maxval=radius[1]), np.float64)
    W_h = W_h * (wanted / np.abs(np.linalg.eigvals(W_h)).max(axis=-1))[:, None, None]
    drawn = RecurrentNetwork(W_x, W_h, W_y, readout="relu")
    with float64():
        seen = np.asarray(projections(drawn, _LAGS))[..., 0, 0]
    sign = np.where(seen[:, delay] < 0, -1.0, 1.0)
    largest = (sign[:, None] * seen).max(axis=1)
    return RecurrentNetwork(W_x, W_h, W_y * (sign / largest)[:, None, None], readout="relu")


def _sparse_limit_settings(budget: Budget) -> dict[str, Any]:
    return {
        "n_hidden": 2,
        "delay": 4,
        "p": [0.001, 0.003, 0.01, 0.03],
        "n_networks": 20,
        "radius": [0.5, 0.8],
    }


CLAIMS = (
    Claim(
        id="sparse-limit",
        group="sparse",
        statement="For sparse inputs the loss of a network with a ReLU readout is its first order in p: positive "
        "projections interfere, negative ones cost nothing.",
        expected="a relative gap between the exact loss and its first order that falls like p, for every network",
        bars={"slope": Bar("<=", 0.15, "largest distance from 1 of a network's log-log slope of the gap against p")},
        measure=sparse_limit,
        draw=draw_sparse_limit,
        settings=_sparse_limit_settings,
    ),
)
