"""The claim about the readout: tied to the feature directions or free, it reaches the same loss."""

from typing import Any, NamedTuple

import jax
import numpy as np

from ..networks import Orthogonal, RecurrentNetwork
from ..processes import SparseProcess
from ..tasks import Delay
from ..theory import escape_family
from ..training import Adam, Every, SampledLoss, fit
from ..verbs import optimum
from ._best import best_of_rows
from ._claim import Bar, Budget, Claim, Measurement
from ._draw_tying import draw_readout_tying
from ._experiments import experiment_key, percent, training_horizon
from ._folder import require_xarray
from ._values_tying import eigenvalue_distance, relative_gap, tying_values

_TYING = ("tied", "free")


class _Trained(NamedTuple):
    """The best networks of one class at every p, tied and free."""

    model: str
    delay: int
    p: np.ndarray
    loss_per_p: np.ndarray
    networks: dict[str, Any]
    losses: np.ndarray


def readout_tying(
    budget: Budget,
    *,
    n_hidden: int,
    delay: int,
    p: dict[str, list[float]],
    others: list[dict[str, Any]],
    restarts: int,
    n_seeds: int,
    steps: int,
    batch_size: int,
    learning_rate: float,
    n_sequences: int,
) -> Measurement:
    """Searches the optima of tied and free networks and trains both, where theory says they agree and elsewhere."""
    xr = require_xarray()
    optima = {
        (model, each): [
            optimum(
                Delay(delay),
                SparseProcess(1, p=each),
                n_hidden=n_hidden,
                readout="linear" if model == "linear" else "relu",
                tied=tying == "tied",
                restarts=restarts,
                seed=budget.seed,
            )
            for tying in _TYING
        ]
        for model in ("linear", "ssm")
        for each in p[f"{model} optimum"]
    }
    how = {"steps": steps, "n_seeds": n_seeds, "learning_rate": learning_rate, "n_hidden": n_hidden}
    settings = [
        {"model": "linear", "readout": "linear", "delay": delay, "p": p["linear"]},
        {"model": "ssm", "readout": "relu", "delay": delay, "p": p["ssm"]},
        *others,
    ]
    trained = [
        _train(
            key=experiment_key(budget, "readout-tying", each["model"]),
            objective=SampledLoss(batch_size, training_horizon(each["delay"]), n_evaluation=n_sequences),
            **{"recurrence": "linear", "n_features": 1, **how, **each},
        )
        for each in settings
    ]
    losses = np.array([[each.loss_per_p for each in pair] for pair in optima.values()])
    eigenvalues = np.array([[np.linalg.eigvals(each.network.W_h) for each in pair] for pair in optima.values()])
    optimum_p = np.array([each for _, each in optima])
    infimum = _escape_infimum(delay, n_hidden, optimum_p)
    # where both stay above the escape there is no optimum to compare; one that does not, or is unknown, counts
    judged_optima = np.array([model == "linear" for model, _ in optima]) | ~(losses.min(axis=1) >= infimum)
    names = np.repeat([each.model for each in trained], [len(each.p) for each in trained])
    trained_p = np.concatenate([each.p for each in trained])
    trained_losses = np.concatenate([each.loss_per_p for each in trained])
    # above the p at which the optimum was found to lie below the escape it does so too
    attained = optimum_p[judged_optima & np.array([model == "ssm" for model, _ in optima])]
    judged = (names == "linear") | ((names == "ssm") & (trained_p >= attained.min(initial=np.inf)))
    gap, trained_gap = relative_gap(losses), relative_gap(trained_losses)
    if not attained.size:
        trained_gap = np.full_like(trained_gap, np.nan)
    values = tying_values(gap, eigenvalue_distance(eigenvalues), judged_optima, trained_gap, judged)
    data = xr.Dataset(
        {
            "optimum_loss_per_p": (("optimum", "tying"), losses),
            "optimum_gap": ("optimum", gap),
            "optimum_judged": ("optimum", judged_optima),
            "escape_infimum": ("optimum", infimum),
            "eigenvalue_real": (("optimum", "tying", "mode"), np.real(eigenvalues)),
            "eigenvalue_imag": (("optimum", "tying", "mode"), np.imag(eigenvalues)),
            "fraction_at_best": (
                ("optimum", "tying"),
                [[each.fraction_at_best for each in pair] for pair in optima.values()],
            ),
            "trained_loss_per_p": (("setting", "tying"), trained_losses),
            "trained_gap": ("setting", trained_gap),
            "trained_judged": ("setting", judged),
            "loss": (("setting", "tying", "network"), np.concatenate([each.losses for each in trained])),
        },
        coords={
            "tying": list(_TYING),
            "optimum_model": ("optimum", [model for model, _ in optima]),
            "optimum_p": ("optimum", optimum_p),
            "model": ("setting", names),
            "p": ("setting", trained_p),
            "delay": ("setting", np.repeat([each.delay for each in trained], [len(each.p) for each in trained])),
        },
        attrs={"n_hidden": n_hidden},
    )
    elsewhere = "; ".join(
        f"{name} p = {each:g}: {percent(found)}"
        for name, each, found, is_judged in zip(names, trained_p, trained_gap, judged, strict=True)
        if not is_judged
    )
    return Measurement(
        values=values,
        measured=f"optima agree to {values['optima']:.0e}, eigenvalues to {values['eigenvalues']:.0e}, the "
        f"best of {n_seeds} trained networks to {percent(values['trained'])}; elsewhere the tied loss exceeds the "
        f"free one by: {elsewhere}",
        data=data,
        n_networks=int(data["loss"].size) + 2 * restarts * len(optima),
        horizon=f"steady state (optima); {', '.join(str(training_horizon(each.delay)) for each in trained)} (trained)",
        networks={name: network for each in trained for name, network in each.networks.items()},
    )


def _train(
    *,
    model: str,
    readout: str,
    recurrence: str,
    delay: int,
    n_features: int,
    n_hidden: int,
    p: list[float],
    n_seeds: int,
    steps: int,
    objective: SampledLoss,
    learning_rate: float,
    key: Any,
) -> _Trained:
    """Trains tied and free networks from the same weights on the same sequences."""
    init_key, key = jax.random.split(key)
    grid = np.array(p)
    process = SparseProcess(n_features, p=np.repeat(grid, n_seeds)[:, None] * np.ones(n_features))
    found, losses, networks = [], [], {}
    for tying in _TYING:
        start = RecurrentNetwork.init(
            init_key,
            n_features,
            n_hidden,
            recurrence=recurrence,
            readout=readout,
            tied_lag=delay if tying == "tied" else None,
            stack=len(grid) * n_seeds,
            scheme=Orthogonal(),
        )
        result = fit(
            start,
            Delay(delay),
            process,
            key=key,
            steps=steps,
            objective=objective,
            optimizer=Adam(learning_rate),
            record=Every(0),
        )
        if recurrence == "linear" and n_features == 1:
            best, loss_per_p = best_of_rows(result, grid, n_seeds, delay, objective.horizon)
        else:
            table = result.loss.reshape(len(grid), n_seeds)
            best = np.nanargmin(table, axis=1) + n_seeds * np.arange(len(grid))
            loss_per_p = result.loss[best] / grid
        found.append(loss_per_p)
        losses.append(result.loss.reshape(len(grid), n_seeds))
        networks[f"{model}-{tying}"] = result.networks[best]
    return _Trained(model, delay, grid, np.stack(found, axis=1), networks, np.stack(losses, axis=1))


def _escape_infimum(delay: int, n_hidden: int, p: np.ndarray) -> np.ndarray:
    """What the loss of networks with a ReLU readout approaches along the escape, E[L]/p in steady state."""
    family = escape_family(delay, n_hidden)
    return np.full(p.shape, np.inf) if family is None else np.asarray(family.infimum(p))


def _readout_tying_settings(budget: Budget) -> dict[str, Any]:
    return {
        "n_hidden": 2,
        "delay": 4,
        "p": {
            "linear optimum": [0.02, 0.1, 0.3, 1.0],
            "ssm optimum": [0.4, 0.7],
            "linear": [0.1, 0.3, 1.0],
            "ssm": [0.1, 0.2, 0.4, 0.6, 1.0],
        },
        "others": [
            {"model": "nonlinear", "recurrence": "relu", "readout": "relu", "delay": 3, "p": [0.03, 0.7]},
            {"model": "five features", "readout": "relu", "delay": 2, "n_features": 5, "p": [0.05, 0.3]},
        ],
        "restarts": 16 if budget.scale == "quick" else 64,
        "n_seeds": 64,
        "steps": budget.steps,
        "batch_size": 64 if budget.scale == "quick" else 256,
        "learning_rate": 0.01,
        "n_sequences": 20_000 if budget.scale == "quick" else 100_000,
    }


CLAIMS = (
    Claim(
        id="readout-tying",
        group="robustness",
        statement="For one scalar input and linear recurrence nothing is lost by tying the readout to the network's "
        "own feature directions, wherever there is a best network.",
        expected="the same loss and the same eigenvalues, tied or free",
        bars={
            "optima": Bar("<=", 1e-6, "largest relative gap between the losses of the tied and the free optimum"),
            "eigenvalues": Bar("<=", 1e-3, "largest distance between their eigenvalues"),
            "trained": Bar("<=", 0.005, "largest relative gap between the best trained tied and free networks"),
        },
        measure=readout_tying,
        draw=draw_readout_tying,
        settings=_readout_tying_settings,
    ),
)
