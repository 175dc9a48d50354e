"""`spiralsink phase-diagram`: branches of optima along p, and where the best one changes."""

from pathlib import Path
from typing import Any

import click

from ._command import SEED, Command, Number, OneOf, Whole, common, emit, progress, writes_into
from ._folders import result_folder
from ._page_beside import write_page_beside

_READOUTS = {"linear": "linear", "ssm": "relu"}

_EXAMPLE = """
spiralsink phase-diagram --delay 4 --hidden 2
spiralsink phase-diagram --delay 5 --hidden 3 --p-min 0.1 --out results/phases --json
"""


@click.command(cls=Command, example=_EXAMPLE)
@click.option("--delay", type=Whole(0), required=True, help="k: how many steps ago the wanted input was.")
@click.option("--hidden", "n_hidden", type=Whole(), default=2, show_default=True, help="N_h: hidden units.")
@click.option("--p-min", type=Number(), default=0.05, show_default=True, help="Smallest activity probability.")
@click.option("--p-max", type=Number(), default=1.0, show_default=True, help="Largest activity probability.")
@click.option("--model", type=OneOf(_READOUTS), default="ssm", show_default=True, help="ssm: linear with ReLU readout.")
@click.option("--restarts", type=Whole(), default=12, show_default=True, help="Random starts at each p searched.")
@click.option("--horizon", type=Whole(), help="Mean over that many steps from rest; the steady state by default.")
@click.option("--seed", type=SEED, default=0, show_default=True, help="Seed of the starts.")
@click.option("--out", help="Folder for phase-diagram.json, phase-diagram.nc, figures/ and a page.")
@common
def command(as_json: bool, quiet: bool, p_min: float, p_max: float, **chosen: Any) -> None:
    """Follow every branch of optima of the exact expected loss along the activity probability p.

    One input with amplitudes uniform on (0, 1). Losses are per step and divided by p; angles are in degrees.
    """
    from .._errors import InvalidInput

    for name, value in (("p_min", p_min), ("p_max", p_max)):
        if not 0 < value <= 1:
            raise InvalidInput(name, value, "in (0, 1]")
    if p_min >= p_max:
        raise InvalidInput("p_min", p_min, f"below --p-max = {p_max:g}")
    result, text = _diagram((p_min, p_max), meter=progress(quiet=quiet), **chosen)
    emit(result, text, as_json=as_json, quiet=quiet)


def _diagram(
    p: tuple[float, float],
    *,
    delay: int,
    model: str,
    horizon: int | None,
    out: str | None,
    meter: Any,
    **options: Any,
) -> tuple[dict[str, Any], str]:
    from ..processes import SparseProcess
    from ..tasks import Delay
    from ..theory import SteadyState
    from ..verbs import phase_diagram

    folder = None if out is None else result_folder(out)
    steps = SteadyState() if horizon is None else horizon
    diagram = phase_diagram(
        Delay(delay), SparseProcess(1), p=p, readout=_READOUTS[model], horizon=steps, progress=meter, **options
    )
    result = _as_json(diagram) | {"model": model, "horizon": horizon, "seed": options["seed"]}
    if folder is not None:
        with writes_into(folder):
            _save(folder, result, diagram)
            result["files"] = ["phase-diagram.json", "phase-diagram.nc", *_draw(folder, diagram)]
        result["page"] = write_page_beside(folder)
        if result["page"]:
            return result, f"{diagram}\nto look at: {folder / result['page']}"
    return result, str(diagram)


def _as_json(diagram: Any) -> dict[str, Any]:
    branches = [
        {
            "name": branch.name,
            "p": branch.p,
            "loss_per_p": branch.loss_per_p,
            "spectral_radius": branch.spectral_radius,
            "eigenangle_span": branch.eigenangle_span,
            "gain": branch.gain,
            "stable": branch.stable,
            "end_below": branch.ends[0],
            "end_above": branch.ends[1],
            "terms": branch.terms,
        }
        for branch in diagram.branches
    ]
    if diagram.escape is not None:
        size = len(diagram.escape_grid)
        branches.append(
            {
                "name": "escape",
                "p": diagram.escape_grid,
                "loss_per_p": diagram.escape_infimum,
                "infimum": diagram.escape_infimum,
                "spectral_radius": [0.0] * size,
                "eigenangle_span": [diagram.escape.eigenangle_span] * size,
                "gain": [None] * size,
                "stable": [False] * size,
                "end_below": "range",
                "end_above": "range",
                "blocked_lags": diagram.escape.blocked,
            }
        )
    crossings = [
        {
            "p": each.p,
            "from": each.above,
            "to": each.below,
            "span_jump": each.span_jump,
            "radius_jump": each.radius_jump,
            "spans": each.spans,
            "radii": each.radii,
            "ended": each.ended,
        }
        for each in diagram.crossings
    ]
    return {
        "branches": branches,
        "crossings": crossings,
        "crossing_p": diagram.crossing_p,
        "dense_limit_p": diagram.dense_limit_p,
        "sparse_limit_p": diagram.sparse_limit_p,
        "escape_p": diagram.escape_p,
        "order": diagram.order,
        "gaps": diagram.gaps,
        "bound": diagram.bound.limit,
        "bound_active": diagram.bound_active,
        "status": str(diagram.status),
        "counts": diagram.counts,
        "delay": diagram.delay,
        "n_hidden": diagram.n_hidden,
        "p_min": diagram.p_range[0],
        "p_max": diagram.p_range[1],
    }


def _save(folder: Path, result: dict[str, Any], diagram: Any) -> None:
    from .._atomic import write_file
    from .._json import json_file

    write_file(folder / "phase-diagram.json", json_file(result))
    write_file(folder / "phase-diagram.nc", bytes(diagram.to_dataset().to_netcdf(engine="h5netcdf")))


def _draw(folder: Path, diagram: Any) -> list[str]:
    from .. import plots

    figure = plots.phase_diagram(diagram)[0].figure
    written = plots.save_figure(figure, folder / "figures" / "phase-diagram")
    return [path.relative_to(folder).as_posix() for path in written]
