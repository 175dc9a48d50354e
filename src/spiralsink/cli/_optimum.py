"""`spiralsink optimum`: the global optimum of the exact loss."""

from typing import Any

import click

from ._command import SEED, Command, Number, OneOf, Whole, common, emit, progress

_READOUTS = {"linear": "linear", "ssm": "relu"}


_EXAMPLE = """
spiralsink optimum --delay 4 --hidden 2 --p 0.5
spiralsink optimum --delay 4 --hidden 3 --p 0.1 --tying free --json
"""


@click.command(cls=Command, example=_EXAMPLE)
@click.option("--delay", type=Whole(0), required=True, help="k: how many steps ago the wanted input was.")
@click.option("--hidden", "n_hidden", type=Whole(), default=2, show_default=True, help="N_h: hidden units.")
@click.option("--p", type=Number(), required=True, help="Activity probability, in (0, 1]; sparsity is 1 - p.")
@click.option(
    "--model", type=OneOf(_READOUTS), default="linear", show_default=True, help="ssm: linear with ReLU readout."
)
@click.option("--tying", type=OneOf(["tied", "free"]), default="tied", show_default=True, help="Kind of readout.")
@click.option("--restarts", type=Whole(), default=32, show_default=True, help="Random starts of the search.")
@click.option("--features", "n_features", type=Whole(), default=1, show_default=True, help="N_x: features.")
@click.option("--horizon", type=Whole(), help="Mean over that many steps from rest; the steady state by default.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the starts.")
@common
def command(model: str, tying: str, as_json: bool, quiet: bool, **chosen: Any) -> None:
    """Find the best network for recall after a delay, by its exact expected loss.

    Amplitudes are uniform on (0, 1). Losses are per step and divided by p; angles are in degrees; projections start
    at lag 0.
    """
    from .._errors import InvalidInput, NotCovered

    try:
        result, text = _search(model, tied=tying == "tied", progress=progress(quiet=quiet), **chosen)
    except NotCovered as error:
        option, value = {"readout": ("model", model), "tied": ("tying", tying)}.get(
            error.field, (error.field, error.value)
        )
        raise InvalidInput(option, value, error.allowed, hint=error.hint) from None
    emit(result, text, as_json=as_json, quiet=quiet)


def _search(
    model: str,
    *,
    delay: int,
    p: float,
    n_features: int,
    horizon: int | None,
    **options: Any,
) -> tuple[dict[str, Any], str]:
    from ..processes import SparseProcess
    from ..tasks import Delay, check_reach
    from ..theory import SteadyState
    from ..verbs import measure, optimum

    task, process = Delay(delay), SparseProcess(n_features, p)
    if horizon is not None:
        check_reach(task, n_features, horizon)
    steps = SteadyState() if horizon is None else horizon
    best = optimum(task, process, recurrence="linear", readout=_READOUTS[model], horizon=steps, **options)
    geometry = measure(best.network, task, process, horizon=steps)
    n_lags = 3 * delay + 6
    projections = geometry.projections[: n_lags if horizon is None else min(n_lags, horizon)]
    result = {
        "loss_per_p": best.loss_per_p,
        "spectral_radius": geometry.spectral_radius,
        "eigenangle_span": geometry.eigenangle_span,
        "eigenvalues": [] if geometry.eigenvalues is None else geometry.eigenvalues.tolist(),
        "projections": projections[:, 0, 0] if n_features == 1 else projections,
        "fraction_at_best": best.fraction_at_best,
        "local_optima": [
            {"loss_per_p": each.loss_per_p, "share": each.share, "gain": each.gain} for each in best.optima
        ],
        "bound_active": best.bound_active,
        "regime": geometry.regime,
        "free_fraction": geometry.free_fraction,
        "sharpness": geometry.sharpness,
        "status": str(best.status),
        "delay": delay,
        "n_hidden": best.network.n_hidden,
        "n_features": n_features,
        "p": p,
        "model": model,
        "tying": "tied" if best.network.tied else "free",
        "horizon": horizon,
        "restarts": best.restarts,
    }
    return result, f"{best}\n{geometry}"
