"""The claim that nonlinear networks hide what waits and then erase it at once."""

from typing import Any

import numpy as np

from ..networks import stack_networks
from ..processes import SparseProcess
from ..tasks import Delay
from ..verbs import measure
from ._claim import Bar, Budget, Claim, Measurement
from ._draw_forgetting import draw_sharp_forgetting
from ._experiments import exact_optima, experiment_key, training_horizon
from ._folder import require_xarray
from ._kept import Kept, kept_population
from ._population import planes, population_settings, seen, train_population
from ._values_regimes import sharp_values


def sharp_forgetting(
    budget: Budget,
    *,
    delay: int,
    p: float,
    schemes: dict[str, Any],
    n_seeds: int,
    n_starts: int,
    **training: Any,
) -> Measurement:
    """Trains sparse nonlinear networks and compares how fast the best of them and the linear optimum forget."""
    xr = require_xarray()
    horizon = training_horizon(delay)
    trained = train_population(
        delay,
        [p],
        model="nonlinear",
        schemes=schemes,
        n_seeds=n_seeds,
        key=experiment_key(budget, "sharp-forgetting"),
        **training,
    )
    linear = exact_optima(
        [(delay, p)],
        n_hidden=2,
        n_starts=n_starts,
        horizon=horizon,
        key=experiment_key(budget, "sharp-forgetting", "linear"),
    )[0]
    # clocks start in the geometry: whether training finds it is for plain weights to show
    index = trained.best_from("plain")
    best = stack_networks([trained.networks[0, index]])
    held = seen(best, horizon)[0]
    geometry, loss = trained.geometry, trained.loss_per_p[0]
    sharpness, linear_sharpness = geometry.sharpness[0], measure(linear.network, Delay(delay)).sharpness
    alive = geometry.regime[0] != "unrepresented"
    represented = [np.mean(alive[trained.scheme == name]) for name in schemes]
    values = sharp_values(held, delay, sharpness[index], linear_sharpness)
    data = xr.Dataset(
        {
            **{name: (dims[1:], array[0]) for name, (dims, array) in planes(best, horizon).items()},
            "projections": ("lag", held),
            "linear_projections": ("lag", seen(stack_networks([linear.network]), horizon)[0]),
            "population_projections": (("network", "lag"), seen(trained.networks, horizon)[0]),
            "loss_per_p": ("network", loss),
            "sharpness": ("network", sharpness),
            "free_fraction": ("network", geometry.free_fraction[0]),
            "represented": ("network", alive),
            "status": ("network", trained.status[0]),
            "linear_sharpness": linear_sharpness,
            "linear_loss_per_p": linear.loss_per_p,
            "share_represented": ("scheme_name", represented),
        },
        coords={"scheme": ("network", trained.scheme), "scheme_name": list(schemes)},
        attrs={
            "delay": delay,
            "p": p,
            "horizon": horizon,
            "best": index,
            "gauge": "as_trained",
            "kind": "unit impulse",
            "readout": "relu",
        },
    )
    shares = ", ".join(f"{share:.0%} from {name}" for name, share in zip(schemes, represented, strict=True))
    return Measurement(
        values=values,
        measured=f"a_{delay} = {values['recall']:.2f}, every other projection at most {values['others']:.3f}, "
        f"sharpness {values['sharpness']:.3f} (linear optimum {values['linear']:.2f}): the best of {n_seeds} from "
        f"plain weights, E[L]/p {loss[index]:.4f} (from a clock {loss[trained.best_from('clock')]:.4f}); share of "
        f"networks that represent the feature: {shares}",
        data=data,
        n_networks=trained.status.size + n_starts,
        horizon=str(horizon),
        networks={
            "best": best[0],
            "linear": Kept(linear.network, Delay(delay), SparseProcess(1, p=p), horizon, loss=linear.loss_per_p * p),
            "population": kept_population(trained, Delay(delay), horizon),
        },
    )


def _settings(budget: Budget) -> dict[str, Any]:
    delay = 3
    return {
        "delay": delay,
        "p": 0.03,
        "schemes": {"plain": {"kind": "normal"}, "clock": {"kind": "clock", "delay": delay}},
        "n_seeds": 256,
        "n_starts": budget.n_seeds,
        **population_settings(budget),
    }


CLAIMS = (
    Claim(
        id="sharp-forgetting",
        group="nonlinear",
        statement="Sparse nonlinear networks hide every feature of intermediate age from the readout and erase it at "
        "once when it has been recalled.",
        expected="the readout sees inputs of age k and of no other age; a linear network forgets smoothly",
        bars={
            "recall": Bar(">=", 0.9, "projection a_k of the best network"),
            "others": Bar("<=", 0.05, "largest other projection"),
            "sharpness": Bar("<=", 0.02, "largest |a_s| at s >= k + 2 over |a_k|"),
            "linear": Bar(">=", 0.3, "the same for the linear optimum"),
        },
        measure=sharp_forgetting,
        draw=draw_sharp_forgetting,
        settings=_settings,
    ),
)
