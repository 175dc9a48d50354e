"""The folder of `reproduce` as groups of networks, diagrams and a table of claims."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from .._atomic import read_file
from .._errors import InvalidInput, Shown
from .._kinds import build
from ..files import load, load_description
from ..networks import RecurrentNetwork, stack_networks
from ..processes import SparseProcess
from ._assemble import assemble
from ._code import measuring_code, object_code
from ._datasets import horizon_of, read_dataset
from ._diagrams import diagram_of_curves
from ._group import COLUMNS, Group, Track, is_given, model_of, shown_lags, size_of, task_words
from ._payload import ClaimRow, Diagram, Payload
from ._sampling import best_of_points, choose, rooms

# paths are below the folder of the page
_CODE = """import spiralsink as sk
import xarray as xr

data = xr.open_dataset({data!r}, engine="h5netcdf").isel(network={place})
network = sk.load({file!r}){index}
"""
_ZEROS = "# a network that diverged is stored as zeros: its weights are not numbers\n"
# what a page may link to, as `explore --serve` hands it out
_FIGURE = re.compile(r"figures/[A-Za-z0-9][A-Za-z0-9._-]*\.(png|svg)")
_DIAGRAMS = ("phase-transition", "transition-is-first-order")
_NO_NETWORKS = (
    " There are no networks to look at: they are gone, or an earlier version made the folder. "
    "Running spiralsink reproduce --fresh into it makes them."
)
_NONE_KEPT = " These claims keep no networks that this page can show; report.html has their figures and numbers."
_COLUMNS = ("loss", "status", "regime", *COLUMNS)


class File(NamedTuple):
    """A file of networks that a claim kept, with the dataset beside it.

    Attributes:
        path: Of both, without suffix.
        networks: A stack with one axis, even where the file holds a single network.
        single: Whether it does.
        data: The dataset.
        task: The table of the task.
        process: The table of the process.
        p: Activity probability of every network; NaN where features differ.
        delays: Delay of every network.
    """

    path: Path
    networks: RecurrentNetwork
    single: bool
    data: Any
    task: dict[str, Any]
    process: dict[str, Any]
    p: np.ndarray
    delays: np.ndarray

    @property
    def claim(self) -> str:
        return self.path.parent.name


def payload_of_claims(folder: Path) -> Payload:
    """The page of a run of claims.

    Raises:
        InvalidInput: If claims.json is something else, or a file that it names is damaged.
    """
    document = _summary(folder / "claims.json")
    listed = {str(entry["id"]) for entry in document["claims"]}
    paths = sorted(path for path in (folder / "networks").glob("*/*.nc") if path.parent.name in listed)
    files = [_read(path) for path in paths]
    parts = [(file, rows) for file in files for rows in _by_delay(file)]
    room = rooms(
        [len(rows) for _, rows in parts],
        [_size(file.networks, int(file.delays[rows[0]])) for file, rows in parts],
        [len(np.unique(file.p[rows])) for file, rows in parts],
    )
    groups = [_group(folder, file, rows, space) for (file, rows), space in zip(parts, room, strict=True) if space]
    groups.sort(key=lambda group: -group.total)
    kept, shown = sum(len(rows) for _, rows in parts), sum(group.total for group in groups)
    about = (
        f"Written by spiralsink reproduce at scale {document['scale']} with seed {document['seed']}: "
        f"{len(document['claims'])} claims, {kept} networks kept."
    )
    if shown < kept:
        about += f" {kept - shown} of them are not shown: they do not fit into a page of 10 MB."
    if not files:
        none_kept = all(entry.get("networks") == [] for entry in document["claims"])
        about += _NONE_KEPT if none_kept else _NO_NETWORKS
    return assemble(
        title="How recurrent networks remember",
        about=about,
        groups=groups,
        diagrams=_diagrams(folder, document["claims"], groups),
        claims=[_row(entry, groups) for entry in document["claims"]],
    )


def _size(networks: RecurrentNetwork, delay: int) -> int:
    sizes = networks.n_features, networks.n_hidden, networks.n_outputs
    return size_of(sizes, shown_lags(delay), given=is_given(networks))


def _summary(path: Path) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(read_file(path))
        known = {"id", "group", "statement", "expected", "measured", "verdict", "reason", "figure", "code", "settings"}
        whole = {"version", "scale", "seed"} <= document.keys()
        if whole and all(known <= entry.keys() for entry in document["claims"]):
            return document
    except (msgspec.DecodeError, KeyError, AttributeError, TypeError, RecursionError):
        pass
    raise InvalidInput(str(path), Shown("something else"), "what reproduce writes")


def _row(entry: Mapping[str, Any], groups: Sequence[Group]) -> ClaimRow:
    words = {name: str(entry[name] or "") for name in ("id", "group", "statement", "expected", "measured", "verdict")}
    return ClaimRow(
        **words,
        reason=str(entry.get("error") or entry["reason"] or ""),
        figure=_address(str(entry["figure"] or "")),
        page=f"report.html#claim-{_letters(words['id'])}",
        code=str(entry["code"] or ""),
        code_page=f"report.html#claim-{_letters(words['id'])}-measurement" if entry["code"] else "",
        collections=[group.key for group in groups if group.key.startswith(f"{_letters(words['id'])}--")],
    )


def _address(text: str) -> str:
    """A figure of the folder by its address, or nothing for whatever else stands there."""
    return text if _FIGURE.fullmatch(text) else ""


def _letters(text: str) -> str:
    return "".join(each if each.isascii() and each.isalnum() else "-" for each in text)


def _diagrams(folder: Path, entries: Any, groups: Sequence[Group]) -> list[Diagram]:
    """The exact curves of the first claim that has some, with the networks that belong on them."""
    for entry in entries:
        path = folder / "data" / f"{entry['id']}.nc"
        if entry["id"] in _DIAGRAMS and entry.get("data") and path.is_file():
            n_hidden = entry["settings"].get("n_hidden") if isinstance(entry["settings"], dict) else None
            diagram = diagram_of_curves(path, read_dataset(path), n_hidden, [])
            keys = [each.key for each in groups if _is_on(each, diagram)]
            return [msgspec.structs.replace(diagram, collections=keys)]
    return []


def _is_on(group: Group, diagram: Diagram) -> bool:
    networks = group.networks
    horizon = "steady state" if group.horizon is None else str(group.horizon)
    same = (group.delay, networks.n_hidden, networks.readout) == (diagram.delay, diagram.n_hidden, diagram.readout)
    return same and horizon == diagram.horizon and networks.recurrence == "linear" and networks.n_features == 1


def _read(path: Path) -> File:
    data, file = read_dataset(path), path.with_suffix(".safetensors")
    said, networks = load_description(file), load(file)
    single = not networks.stack
    networks = stack_networks([networks]) if single else networks
    count = networks.stack[0]
    whole = data.sizes.get("network") == count and all(name in data for name in _COLUMNS) and "horizon" in data.attrs
    if not whole or said["task"] is None or said["process"] is None:
        raise InvalidInput(str(path), Shown("a dataset of something else"), f"that of the networks in {file.name}")
    try:
        horizon_of(data)
    except ValueError:
        horizon = str(data.attrs["horizon"])[:40]
        raise InvalidInput(f"{path}: horizon", horizon, "steady state or a number of steps") from None
    process = build("process", said["process"], f"{file}: process")
    p = np.asarray(process.p, np.float64)
    p = np.broadcast_to(p if p.ndim else np.full(process.n_features, float(p)), (count, process.n_features))
    p = np.where(np.ptp(p, axis=1) == 0, p[:, 0], np.nan)
    task = build("task", said["task"], f"{file}: task")
    lag = getattr(task, "recall_lag", None)
    delays = np.broadcast_to(-1 if lag is None else lag, (count,))
    return File(path.with_suffix(""), networks, single, data, said["task"], said["process"], p, delays)


def _by_delay(file: File) -> Iterator[np.ndarray]:
    for delay in np.unique(file.delays):
        yield np.flatnonzero(file.delays == delay)


def _group(folder: Path, file: File, rows: np.ndarray, room: int) -> Group:
    """One group of the networks of a file that have the same delay."""
    data = file.data
    table = {**file.task, "delay": int(file.delays[rows[0]])} if "delay" in file.task else file.task
    task = build("task", table, f"{file.path}: task")
    process: SparseProcess = build("process", file.process, f"{file.path}: process")
    horizon = horizon_of(data)
    loss = np.asarray(data["loss"].values, np.float64)
    point = np.unique(file.p[rows], return_inverse=True)[1]
    best = np.asarray(data["best"].values[rows], bool) if "best" in data else best_of_points(point, loss[rows])
    chosen, sampling = choose(point, best, room)
    shown = rows[chosen]
    networks = file.networks[shown]
    features = "" if networks.n_features == 1 else f", {networks.n_features} features"
    units = f"{networks.n_hidden} hidden unit{'s' if networks.n_hidden > 1 else ''}"
    several = f"-{table['delay']}" if len(np.unique(file.delays)) > 1 else ""
    lags = shown_lags(task.recall_lag)
    path = file.path.relative_to(folder).as_posix()
    diverged = int((data["status"].values[rows] == "diverged").sum())
    zeros = f" {diverged} diverged: zeros stand for weights that are not numbers." if diverged else ""
    return Group(
        key=f"{_letters(file.claim)}--{_letters(file.path.name)}{several}",
        label=f"{model_of(networks)[1]}, {task_words(task)}{features}, {units} ({file.claim})",
        about=f"Kept by the claim {file.claim}: {file.path.name.replace('-', ' ')}.{zeros}",
        networks=networks,
        task=task,
        process=process,
        horizon=horizon,
        p=file.p[shown],
        seed=np.full(len(shown), -1),
        source=shown,
        best=best[chosen],
        status=data["status"].values[shown],
        regime=data["regime"].values[shown],
        loss=loss[shown],
        columns={each: np.asarray(data[each].values[shown], np.float64) for each in COLUMNS},
        total=len(rows),
        sampling=sampling,
        code=_CODE.format(
            data=f"{path}.nc",
            file=f"{path}.safetensors",
            place="0" if file.single else "{index}",
            index="" if file.single else "[{index}]",
        )
        + (_ZEROS if diverged else "")
        + measuring_code(
            task=object_code("task", table), process=_process_code(path, file), horizon=horizon, n_lags=lags
        ),
        tracks=_tracks(file, shown),
        recorded=len(rows) if "history_loss" in data else 0,
    )


def _process_code(path: str, file: File) -> str:
    """Code for the process of the network shown."""
    if "p" in file.data.variables and file.data["p"].dims == ("network",):
        return f"process = {object_code('process', file.process, p='data.p.item()')}"
    if np.ndim(file.process["p"]) < 2:
        return f"process = {object_code('process', file.process)}"
    row = f"load_description({path + '.safetensors'!r})['process']['p'][{{index}}]"
    return f"from spiralsink.files import load_description\n\nprocess = {object_code('process', file.process, p=row)}"


def _tracks(file: File, shown: np.ndarray) -> tuple[Track, ...]:
    data = file.data
    if "history_loss" not in data:
        return ()
    beside = file.path.with_name(f"{file.path.name}-along-training.safetensors")
    along = load(beside) if file.single and beside.is_file() else None
    if along is not None and along.stack != (data.sizes["record"],):
        raise InvalidInput(str(beside), Shown(f"{along.stack} networks"), f"one for each record of {file.path.name}.nc")
    step, terms = data["step"].values, data["history_terms"].values if "history_terms" in data else None
    return tuple(
        Track(row, step, data["history_loss"].values[place], None if terms is None else terms[place], along)
        for row, place in enumerate(shown)
    )
