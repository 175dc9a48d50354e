"""The branches of a phase diagram as groups of networks: how feature directions move along p."""

from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown, SpiralsinkError
from .._float64 import computes_in_float64
from ..geometry import measure_network
from ..networks import RecurrentNetwork
from ..plots import phase_data
from ..processes import SparseProcess
from ..tasks import Delay
from ..theory import TERM_NAMES, SteadyState, problem_arrays, silent_loss
from ._code import horizon_code, projections_code
from ._datasets import horizon_of
from ._group import COLUMNS, Group, shown_lags

POINTS = 61
"""Networks of every branch, evenly spaced in log p."""

_CODE = """import numpy as np
import spiralsink as sk
import xarray as xr

data = xr.open_dataset("phase-diagram.nc", engine="h5netcdf")
diagram = sk.plots.phase_data(data)
branch = diagram.branch({name})
p = np.geomspace(branch.p[0], branch.p[-1], {points})[{{index}}]
network = diagram.network(branch.name, p)
task, process = sk.Delay({delay}), sk.SparseProcess(1, p=p)
print(sk.expected_loss(network, task, process, horizon={horizon}))
"""

_silent_loss = computes_in_float64(silent_loss)


def groups_of_branches(path: Path, data: Any) -> list[Group]:
    """One group for every branch: its networks, with the terms of the loss, between its points by interpolation.

    The best are those of the branch that has the lowest loss at their p.

    Args:
        path: The file, for errors.
        data: Its dataset.

    Raises:
        InvalidInput: If the dataset is not that of a phase diagram.
    """
    try:
        diagram, horizon = phase_data(data), horizon_of(data)
        return [_group(diagram, place, horizon) for place in range(len(diagram.branches))]
    except (SpiralsinkError, KeyError, TypeError, ValueError, IndexError) as error:
        words = Shown(f"something else: {' '.join(str(error).split())[:60]}")
        raise InvalidInput(str(path), words, "what phase-diagram writes") from None


def _group(diagram: Any, place: int, horizon: int | None) -> Group:
    branch, delay = diagram.branches[place], diagram.delay
    p = np.geomspace(branch.p[0], branch.p[-1], POINTS)
    networks: RecurrentNetwork = diagram.network(branch.name, p)
    task, process = Delay(delay), SparseProcess(1, p=p[:, None])
    loss = branch.at(branch.loss_per_p, p) * p
    steps = SteadyState() if horizon is None else horizon
    problem = problem_arrays(task, process, horizon=steps)
    taps = np.broadcast_to(problem.taps, (POINTS, *np.shape(problem.taps)[-3:]))
    silent = _silent_loss(taps, problem.mean, problem.second_moment, horizon=steps)
    found = measure_network(networks, recall_lag=delay, loss=loss, silent_loss=silent[..., 0])
    measured = {name: getattr(found, name, None) for name in COLUMNS}
    columns = {
        name: np.full(POINTS, np.nan) if values is None else np.asarray(values, np.float64)
        for name, values in measured.items()
    }
    for name in ("eigenangle_span", "spectral_radius"):
        columns[name] = branch.at(getattr(branch, name), p)
    return Group(
        key=f"branch-{place + 1}",
        label=f"{branch.name} branch",
        about=f"Optima of the exact loss with {diagram.n_hidden} hidden units, followed along p: no training.",
        networks=networks,
        task=task,
        process=process,
        horizon=horizon,
        p=p,
        seed=np.full(POINTS, -1),
        source=np.arange(POINTS),
        best=diagram.best(p) == place,
        status=["converged"] * POINTS,
        regime=np.full(POINTS, "") if found.regime is None else found.regime,
        loss=loss,
        columns=columns,
        total=POINTS,
        sampling="",
        code=_CODE.format(name=repr(branch.name), points=POINTS, delay=delay, horizon=horizon_code(horizon))
        + projections_code(shown_lags(delay)),
        terms=np.stack([branch.at(branch.terms[name], p) * p for name in TERM_NAMES], axis=-1),
        branch=branch.name,
    )
