"""The store of a sweep as groups of networks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from .._atomic import read_file
from .._errors import InvalidInput, Shown, SpiralsinkError
from .._kinds import build
from ..data import BlockHeader, load_headers, load_stacks, open_store
from ..networks import RecurrentNetwork
from ..specs import parse
from ..sweeps import make_plan
from ._code import measuring_code, object_code
from ._group import COLUMNS, Group, Track, model_of, needs_directions, shown_lags, size_of, task_words
from ._sampling import best_of_points, choose, rooms
from ._words import seeded

_MOST_HISTORIES = 400

_CODE = """import spiralsink as sk

store = "."  # the folder of this page
data = sk.open_store(store).isel(network={index})
network = sk.load_networks(store, {index})
"""


def groups_of_store(folder: Path) -> tuple[list[Group], str]:
    """One group for every class, size and task of a store, and a sentence on where they come from."""
    data = open_store(folder)
    headers = load_headers(folder)
    owner = np.repeat(np.arange(len(headers)), [len(header.seeds) for header in headers])
    if len(owner) != data.sizes["network"]:
        given = Shown("a store that another program is filling")
        raise InvalidInput(str(folder), given, "a store that is left alone for some seconds", hint="try again")
    kinds: dict[bytes, list[int]] = {}
    points: dict[bytes, int] = {}
    point_of = np.zeros(len(headers), int)
    for place, header in enumerate(headers):
        kinds.setdefault(_kind(header), []).append(place)
        point_of[place] = points.setdefault(msgspec.json.encode(header.coordinates, order="sorted"), len(points))
    point = point_of[owner]
    rows = [np.flatnonzero(np.isin(owner, places)) for places in kinds.values()]
    rooms_of = rooms(
        [len(each) for each in rows],
        [_size(headers[places[0]]) for places in kinds.values()],
        [len(np.unique(point[each])) for each in rows],
    )
    parts, hidden = [], 0
    for number, (places, members, room) in enumerate(zip(kinds.values(), rows, rooms_of, strict=True), start=1):
        if room:
            parts.append(_part(data, headers[places[0]], members, point[members], room, number))
        else:
            hidden += len(members)
    stacks = load_stacks(folder, [part.shown for part in parts])
    groups = [_group(data, part, networks) for part, networks in zip(parts, stacks, strict=True)]
    steps = sorted({int(header.spec["training"]["steps"]) for header in headers})
    length = f"{steps[0]} steps each" if len(steps) == 1 else f"{steps[0]} to {steps[-1]} steps"
    about = (
        f"Store of {len(owner)} networks at {len(points)} points, trained for {length}{seeded(data['seed'].values)}."
    )
    if hidden:
        about += f" {hidden} of them are not shown: they do not fit into a page of 10 MB."
    if (planned := _planned(folder)) > len(owner):
        about += f" Of the {planned} networks of its plan {planned - len(owner)} are missing: not trained yet, or lost."
    return groups, about


def _planned(folder: Path) -> int:
    """Networks of the plan of a store; 0 where it has none that can be read."""
    try:
        return make_plan(parse(read_file(folder / "plan.toml").decode())).n_networks
    except (SpiralsinkError, UnicodeDecodeError):
        return 0


def _kind(header: BlockHeader) -> bytes:
    """What decides to which group a block belongs: class, size, task, horizon, and the process but for its p."""
    process = {name: value for name, value in header.spec["process"].items() if name != "p"}
    network = {name: value for name, value in header.spec["network"].items() if name != "init"}
    parts = (network, process, header.spec["task"], _horizon(header.spec))
    return msgspec.json.encode(parts, order="sorted")


def _horizon(spec: Mapping[str, Any]) -> int | None:
    """T of the objective, also of one with a penalty; None for the steady state."""
    objective = spec["training"]["objective"]
    return (objective.get("objective") or objective).get("horizon")


def _size(header: BlockHeader) -> int:
    """Numbers that a network of a block takes, from what the header says of it."""
    task, process, said = _task(header), build("process", header.spec["process"], "process"), header.description
    sizes = process.n_features, int(header.spec["network"]["n_hidden"]), task.n_outputs(process.n_features)
    return size_of(sizes, shown_lags(task.recall_lag), given=needs_directions(said.recurrence, said.leak))


class _Part(NamedTuple):
    """The networks of a store that become one group.

    Attributes:
        header: Of one of their blocks.
        number: Of the group, from 1.
        total: How many there are.
        shown: Places in the store of those on the page.
        best: Of these, which have the lowest loss of their p.
        first: Of these, which have the lowest loss of their point, p and whatever else the plan varies.
        sampling: How they were chosen.
    """

    header: BlockHeader
    number: int
    total: int
    shown: np.ndarray
    best: np.ndarray
    first: np.ndarray
    sampling: str


def _part(data: Any, header: BlockHeader, rows: np.ndarray, point: np.ndarray, room: int, number: int) -> _Part:
    loss = np.asarray(data["loss"].values[rows], np.float64)
    first = best_of_points(point, loss)
    chosen, sampling = choose(point, first, room)
    p = np.asarray(data["p"].values[rows], np.float64) if "p" in data.coords else np.full(len(rows), np.nan)
    best = first if np.isnan(p).any() else best_of_points(np.unique(p, return_inverse=True)[1], loss)
    return _Part(header, number, len(rows), rows[chosen], best[chosen], first[chosen], sampling)


def _group(data: Any, part: _Part, networks: RecurrentNetwork) -> Group:
    spec, shown = part.header.spec, part.shown
    task, process = build("task", spec["task"], "task"), build("process", spec["process"], "process")
    horizon, lags = _horizon(spec), shown_lags(task.recall_lag)
    loss = np.asarray(data["loss"].values[shown], np.float64)
    p = np.asarray(data["p"].values[shown], np.float64) if "p" in data.coords else np.full(len(shown), np.nan)
    columns = {name: _column(data, name, shown) for name in COLUMNS}
    seed = np.asarray(data["seed"].values[shown])
    model, _ = model_of(networks)
    heard = object_code("process", spec["process"], **({"p": "data.p.item()"} if "p" in data.coords else {}))
    code = _CODE + measuring_code(
        task=object_code("task", spec["task"]), process=f"process = {heard}", horizon=horizon, n_lags=lags
    )
    key = f"{model}-{task_words(task).replace(' ', '-')}-h{networks.n_hidden}-{part.number}"
    return Group(
        key="".join(each for each in key if each.isalnum() or each == "-"),
        label="",
        about=f"Trained by a sweep on {task_words(task)}.",
        networks=networks,
        task=task,
        process=process,
        horizon=horizon,
        p=p,
        seed=seed,
        source=shown,
        best=part.best,
        status=data["status"].values[shown],
        regime=data["regime"].values[shown],
        loss=loss,
        columns=columns,
        total=part.total,
        sampling=part.sampling,
        code=code,
        extra=_varied(data, shown),
        tracks=_tracks(data, shown, part.first),
        recorded=part.total if "history_loss" in data else 0,
    )


def _varied(data: Any, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Coordinates that the plan varies within a group, beside p and the seed."""
    found = {}
    for name, values in data.coords.items():
        if values.dims == ("network",) and name not in ("p", "seed") and values.dtype.kind in "if":
            column = np.asarray(values.values[rows], np.float64)
            if len(np.unique(column)) > 1:
                found[str(name)] = column
    return found


def _task(header: BlockHeader) -> Any:
    return build("task", header.spec["task"], "task")


def _column(data: Any, name: str, rows: np.ndarray) -> np.ndarray:
    return np.asarray(data[name].values[rows], np.float64) if name in data else np.full(len(rows), np.nan)


def _tracks(data: Any, shown: np.ndarray, best: np.ndarray) -> tuple[Track, ...]:
    """Histories of the best networks, evenly spaced where there are many."""
    if "history_loss" not in data:
        return ()
    wanted = np.flatnonzero(best)
    if len(wanted) > _MOST_HISTORIES:
        wanted = wanted[np.unique(np.linspace(0, len(wanted) - 1, _MOST_HISTORIES).astype(int))]
    loss = np.asarray(data["history_loss"][shown[wanted]].values, np.float64)
    terms = np.asarray(data["history_terms"][shown[wanted]].values) if "history_terms" in data else None
    step = np.asarray(data["step"].values)
    tracks = []
    for place, row in enumerate(wanted):
        steps = step[shown[row]] if step.ndim == 2 else step
        known = np.isfinite(steps) & np.isfinite(loss[place])
        of_it = None if terms is None or not np.isfinite(terms[place][known]).all() else terms[place][known]
        if known.any():
            tracks.append(Track(int(row), steps[known], loss[place][known], of_it))
    return tuple(tracks)
