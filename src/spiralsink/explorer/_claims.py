"""The folder of `reproduce` as groups of networks, diagrams and a table of claims."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from .._atomic import read_file
from .._errors import InvalidInput, Shown
from .._kinds import build
from ..files import load, load_description
from ..networks import stack_networks
from ._assemble import assemble
from ._datasets import read_dataset
from ._diagrams import diagram_of_curves
from ._group import COLUMNS, Group, Track, model_of, shown_lags, size_of, task_words
from ._payload import ClaimRow, Diagram, Payload
from ._sampling import MOST_NETWORKS, MOST_NUMBERS, best_of_points, choose
from ._words import object_code

# paths are below the folder of the page
_CODE = """import spiralsink as sk
import xarray as xr

data = xr.open_dataset("{path}.nc", engine="h5netcdf").isel(network={place})
network = sk.load("{path}.safetensors"){index}
task = {task}
process = {process}
print(data.loss.item(), data.status.item())
print(sk.measure(network, task, process, horizon={horizon}))
print(sk.projections(network, {n_lags}))
"""
_DIAGRAMS = ("phase-transition", "transition-is-first-order")


def payload_of_claims(folder: Path) -> Payload:
    """The page of a run of claims.

    Raises:
        InvalidInput: If claims.json is something else, or a file that it names is damaged.
    """
    document = _summary(folder / "claims.json")
    groups = [group for path in sorted((folder / "networks").glob("*/*.nc")) for group in _groups(folder, path)]
    groups.sort(key=lambda group: -group.total)
    collections = {
        entry["id"]: [each.key for each in groups if each.key.startswith(f"{entry['id']}-")]
        for entry in document["claims"]
    }
    return assemble(
        title="Claims, measured",
        about=f"Written by spiralsink reproduce at scale {document['scale']} with seed {document['seed']}: "
        f"{len(document['claims'])} claims.",
        groups=groups,
        diagrams=list(_diagrams(folder, document["claims"], groups)),
        claims=[_row(entry, collections[entry["id"]]) for entry in document["claims"]],
    )


def _summary(path: Path) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(read_file(path))
        known = {"id", "group", "statement", "expected", "measured", "verdict", "reason", "figure", "code"}
        whole = {"version", "scale", "seed"} <= document.keys()
        if whole and all(known <= entry.keys() for entry in document["claims"]):
            return document
    except (msgspec.DecodeError, KeyError, AttributeError, TypeError):
        pass
    raise InvalidInput(str(path), Shown("something else"), "what reproduce writes")


def _row(entry: Mapping[str, Any], collections: list[str]) -> ClaimRow:
    words = {name: str(entry[name] or "") for name in ("id", "group", "statement", "expected", "measured", "verdict")}
    return ClaimRow(
        **words,
        reason=str(entry.get("error") or entry["reason"]),
        figure=str(entry["figure"] or ""),
        page=f"report.html#claim-{_anchor(words['id'])}",
        code=str(entry["code"]),
        collections=collections,
    )


def _anchor(text: str) -> str:
    return "".join(each if each.isalnum() else "-" for each in text)


def _diagrams(folder: Path, entries: Any, groups: list[Group]) -> Iterator[Diagram]:
    for entry in entries:
        if entry["id"] not in _DIAGRAMS or not entry.get("data"):
            continue
        data = read_dataset(folder / "data" / f"{entry['id']}.nc")
        n_hidden = int(entry["settings"]["n_hidden"])
        matching = [
            each.key
            for each in groups
            if model_of(each.networks)[0] == "ssm"
            and (each.delay, each.networks.n_hidden) == (int(data.attrs["delay"]), n_hidden)
            and str(each.horizon) == str(data.attrs["horizon"])
        ]
        yield diagram_of_curves(data, n_hidden, matching)
        return


def _groups(folder: Path, path: Path) -> Iterator[Group]:
    """One group for every delay of a file of networks with a dataset beside it."""
    data, file = read_dataset(path), path.with_suffix(".safetensors")
    said, networks = load_description(file), load(file)
    single = not networks.stack
    networks = stack_networks([networks]) if single else networks
    count = networks.stack[0]
    if said["task"] is None or said["process"] is None or data.sizes.get("network") != count:
        raise InvalidInput(str(path), Shown("a dataset of other networks"), f"that of {file.name}")
    claim, name = path.parent.name, path.stem
    process = build("process", said["process"], f"{file}: process")
    p = np.asarray(process.p, np.float64)
    p = np.broadcast_to(p if p.ndim else np.full(process.n_features, float(p)), (count, process.n_features))
    p = np.where(np.ptp(p, axis=1) == 0, p[:, 0], np.nan)
    loss = np.asarray(data["loss"].values, np.float64)
    horizon = None if data.attrs["horizon"] == "steady state" else int(data.attrs["horizon"])
    delays = np.broadcast_to(said["task"].get("delay", 0), (count,))
    for delay in np.unique(delays):
        rows = np.flatnonzero(delays == delay)
        table = {**said["task"], "delay": int(delay)}
        task = build("task", table, f"{file}: task")
        point = np.unique(p[rows], return_inverse=True)[1]
        best = np.asarray(data["best"].values[rows], bool) if "best" in data else best_of_points(point, loss[rows])
        lags = shown_lags(task.recall_lag)
        room = max(1, min(MOST_NETWORKS, MOST_NUMBERS // size_of(networks, lags)))
        chosen, sampling = choose(point, best, room)
        shown = rows[chosen]
        of_it = networks[shown]
        model, word = model_of(of_it)
        units = f"{of_it.n_hidden} hidden unit{'s' if of_it.n_hidden > 1 else ''}"
        features = "" if of_it.n_features == 1 else f", {of_it.n_features} features"
        yield Group(
            key=f"{_anchor(claim)}-{_anchor(name)}" + (f"-{delay}" if len(np.unique(delays)) > 1 else ""),
            label=f"{word}, {task_words(task)}{features}, {units} ({claim})",
            about=f"Kept by the claim {claim}: {name.replace('-', ' ')}.",
            networks=of_it,
            task=task,
            process=process,
            horizon=horizon,
            p=p[shown],
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
                path=path.relative_to(folder).with_suffix("").as_posix(),
                place="0" if single else "{index}",
                index="" if single else "[{index}]",
                task=object_code("task", table),
                process=_process_code(said["process"], p),
                horizon="sk.SteadyState()" if horizon is None else horizon,
                n_lags=lags,
            ),
            tracks=_tracks(folder, path, data, shown),
        )


def _process_code(table: Mapping[str, Any], p: np.ndarray) -> str:
    """The process of the network shown; none where networks differ in the p of each of their features."""
    if np.isfinite(p).all():
        return object_code("process", table, p="data.p.item()")
    return "None" if np.ndim(table["p"]) > 1 else object_code("process", table)


def _tracks(folder: Path, path: Path, data: Any, shown: np.ndarray) -> tuple[Track, ...]:
    if "history_loss" not in data:
        return ()
    beside = path.with_name(f"{path.stem}-along-training.safetensors")
    along = load(beside) if beside.is_file() else None
    terms = data["history_terms"].values if "history_terms" in data else None
    tracks = []
    for row, place in enumerate(shown):
        step, loss = data["step"].values, data["history_loss"].values[place]
        tracks.append(Track(row, step, loss, None if terms is None else terms[place], along))
    return tuple(tracks)
