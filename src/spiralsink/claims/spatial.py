"""Claims about several features at once: superposition in space."""

from typing import Any

import numpy as np

from ..geometry import feature_directions, fractional_dimensionality
from ..networks import RecurrentNetwork, stack_networks
from ..processes import SparseProcess
from ..tasks import Delay
from ..training import Adam, Every, SampledLoss, fit, sampled_loss
from ._claim import Bar, Budget, Claim, Measurement
from ._draw_spatial import draw_pentagon
from ._experiments import experiment_key, training_horizon
from ._folder import require_xarray
from ._kept import Kept
from ._values import polygon_values


def pentagon(
    budget: Budget,
    *,
    n_features: int,
    n_hidden: int,
    p: list[float],
    n_seeds: int,
    steps: int,
    batch_size: int,
    learning_rate: float,
    n_sequences: int,
) -> Measurement:
    """Trains tied networks without memory demand and measures the angles between the features of the best one."""
    xr = require_xarray()
    task, horizon = Delay(0), training_horizon(0)
    init_key, train_key, key = (experiment_key(budget, "pentagon", use) for use in ("init", "train", "evaluate"))
    shape = (len(p), n_seeds)
    process = SparseProcess(n_features, p=np.broadcast_to(np.array(p)[:, None, None], (*shape, n_features)))
    result = fit(
        RecurrentNetwork.init(init_key, n_features, n_hidden, readout="relu", tied_lag=0, stack=shape),
        task,
        process,
        key=train_key,
        steps=steps,
        objective=SampledLoss(batch_size, horizon),
        optimizer=Adam(learning_rate),
        record=Every(0),
    )
    losses = sampled_loss(result.networks, task, process, key=key, n_sequences=n_sequences, horizon=horizon).mean
    best = [int(np.nanargmin(each)) for each in losses]
    networks = stack_networks([result.networks[row, seed] for row, seed in enumerate(best)])
    directions = feature_directions(networks, 1)[:, 0]
    gaps, order = neighbour_angles(directions)
    dimensionality = fractional_dimensionality(directions)
    data = xr.Dataset(
        {
            "feature_directions": (("p", "lag", "hidden", "feature"), directions[:, None]),
            "output_weights": (("p", "hidden", "output"), directions),
            "neighbour_angle": (("p", "gap"), gaps),
            "order": (("p", "gap"), order),
            "fractional_dimensionality": (("p", "feature"), dimensionality),
            "loss": (("p", "network"), losses),
        },
        coords={"p": p},
        attrs={"gauge": "as_trained", "kind": "algebraic", "readout": "relu", "horizon": horizon},
    )
    return Measurement(
        values=polygon_values(gaps, dimensionality, n_hidden),
        measured=f"neighbouring angles {gaps.min():.1f} to {gaps.max():.1f} degrees, D_i "
        f"{dimensionality.min():.3f} to {dimensionality.max():.3f}",
        data=data,
        n_networks=losses.size,
        horizon=str(horizon),
        networks={
            "best": Kept(
                networks,
                task,
                SparseProcess(n_features, p=np.repeat(np.array(p)[:, None], n_features, axis=1)),
                horizon,
                loss=losses[np.arange(len(p)), best],
                status=result.status[np.arange(len(p)), best],
            )
        },
    )


def neighbour_angles(directions: Any) -> tuple[np.ndarray, np.ndarray]:
    """Angles between neighbouring directions in the plane, all the way round.

    Args:
        directions: (*stack, 2, n).

    Returns:
        The n angles in degrees, which sum to 360, (*stack, n), and the index of the direction at which each starts.
    """
    x, y = np.moveaxis(np.asarray(directions), -2, 0)
    turned = np.degrees(np.arctan2(y, x)) % 360
    order = np.argsort(turned, axis=-1)
    placed = np.take_along_axis(turned, order, axis=-1)
    return np.diff(placed, axis=-1, append=placed[..., :1] + 360), order


def _pentagon_settings(budget: Budget) -> dict[str, Any]:
    return {
        "n_features": 5,
        "n_hidden": 2,
        "p": [0.01, 0.05],
        "n_seeds": budget.n_seeds,
        "steps": budget.steps,
        "batch_size": 64 if budget.scale == "quick" else 256,
        "learning_rate": 0.01,
        "n_sequences": budget.n_sequences,
    }


CLAIMS = (
    Claim(
        id="pentagon",
        group="spatial",
        statement="Without memory demand (k = 0), five sparse features of equal importance share two hidden units as a "
        "regular pentagon.",
        expected="neighbouring angles of 72 degrees and D_i = 0.40 for every feature",
        bars={
            "angle": Bar("<=", 3.0, "largest distance of a neighbouring angle from 72 degrees (degrees)"),
            "dimensionality": Bar("<=", 0.02, "largest distance of a fractional dimensionality D_i from 0.40"),
        },
        measure=pentagon,
        draw=draw_pentagon,
        settings=_pentagon_settings,
    ),
)
