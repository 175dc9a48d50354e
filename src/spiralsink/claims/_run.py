"""Runs claims: each in isolation, resumed where it was left, with all files of a result written before its verdict."""

import dataclasses
import shutil
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .._atomic import make_folder
from .._errors import InvalidInput, MissingExtra, Shown
from .._json import plain
from .._machine import describe_machine
from .._progress import NoProgress, Progress
from .._version import __version__
from ..plots import require_matplotlib, save_figure
from ._claim import Budget, Claim, Condition, Measurement, judge
from ._folder import Folder, claim_key, require_xarray, write_dataset
from ._kept import Kept
from ._registry import all_claims, bar_record, select_claims
from ._workplace import WorkFolder


def run(
    out: Any,
    *,
    scale: str = "quick",
    select: Iterable[str] | None = None,
    fresh: bool = False,
    report_only: bool = False,
    seed: int = 0,
    claims: Iterable[Claim] | None = None,
    progress: Progress = NoProgress(),  # noqa: B008 (stateless)
    after_each: Callable[[dict[str, Any]], None] = lambda document: None,
) -> dict[str, Any]:
    """Measures claims and writes OUT/claims.json, OUT/figures, OUT/data and OUT/networks.

    A claim that was finished in OUT with the same settings, scale, seed and code is not computed again, and stays in
    the summary when others are selected. A claim that raises is recorded with its error and verdict "inconclusive",
    its traceback in OUT/errors, and tried again by the next run.

    Args:
        out: Folder; made if it is missing.
        scale: "quick" or "full".
        select: Ids and groups of claims; None for all of them.
        fresh: Compute again what is finished.
        report_only: Compute nothing: draw the figures again from OUT/data and return the earlier summary.
        seed: The seed from which every random key is derived, >= 0.
        claims: The claims to choose from; those of the paper if None.
        progress: Told about every claim.
        after_each: Called with the summary so far after every claim.

    Returns:
        What claims.json holds: `claims`, one entry each in the order of the paper, `version`, `scale`, `seed`,
        `seconds` (computing time of all entries), `machine`, `selected`, the ids that were asked for, and `reused`,
        those of them that were finished before.

    Raises:
        InvalidInput: If a name, the scale, the seed or the folder cannot be used.
        MissingExtra: If xarray, h5netcdf, matplotlib or what a claim needs is not installed.
    """
    budget = Budget.of(scale, seed)
    known = list(all_claims() if claims is None else claims)
    chosen = select_claims(select, claims=known)
    folder = Folder(out)
    require_xarray()
    require_matplotlib()
    if report_only:
        return _redraw(folder, known)
    if not fresh:
        for claim in known:
            folder.check_replaceable(claim, budget)
    make_folder(folder.path)
    document = _empty_document(budget, chosen)
    entries = _finished(folder, known, budget)
    for name in [claim.id for claim in known if claim.id in entries and not _is_drawn(claim, folder)]:
        del entries[name]
    if fresh:
        entries = {name: entry for name, entry in entries.items() if name not in document["selected"]}
        for group in {claim.group for claim in chosen}:
            shutil.rmtree(folder.work(group), ignore_errors=True)
    progress.start("claims", len(chosen), "claims")
    try:
        for claim in chosen:
            progress.advance(0, note=claim.id)
            if claim.id in entries:
                document["reused"].append(claim.id)
            else:
                working = dataclasses.replace(budget, workplace=_workplace(claim, folder, progress))
                entries[claim.id] = measure_claim(claim, working, folder)
                folder.save_record(claim, claim_key(claim, budget), budget, entries[claim.id])
            outcome = entries[claim.id]
            document["claims"] = [entries[each.id] for each in known if each.id in entries]
            document["seconds"] = round(sum(each["seconds"] for each in document["claims"]), 3)
            folder.save_summary(document)
            after_each(document)
            progress.advance(1, note=f"{claim.id}: {outcome['verdict']}")
    finally:
        progress.close()
    return document


def _workplace(claim: Claim, folder: Folder, progress: Progress) -> WorkFolder:
    return WorkFolder(folder.work(claim.group), lambda note: progress.advance(0, note=f"{claim.id}: {note}"))


def measure_claim(claim: Claim, budget: Budget, folder: Folder) -> dict[str, Any]:
    """Runs one claim, writes its files and returns its entry in claims.json; an exception becomes its `error`."""
    started = time.perf_counter()
    settings = claim.settings(budget)
    entry = _empty_entry(claim, settings)
    try:
        measurement = claim.measure(budget, **settings)
        _record_verdict(entry, claim, measurement)
        entry["seconds"] = round(time.perf_counter() - started, 3)
        entry["networks"], lost = _save_networks(claim, measurement, folder)
        folder.save_data(claim, measurement.data)
        entry["data"] = folder.relative(folder.data(claim.id))
        entry["figure"] = folder.relative(_draw(claim, folder))
        folder.remove_traceback(claim)
        if lost:
            # no error of the claim: its numbers do not depend on what is kept of its networks
            entry["networks_error"] = lost.rstrip().splitlines()[-1]
            folder.save_traceback(claim, lost)
    except MissingExtra:
        # nothing about the claim: what to install is one line
        raise
    except Exception as error:
        entry["error"] = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
        folder.save_traceback(claim, traceback.format_exc())
        if not entry["conditions"]:
            entry["reason"] = "it stopped with an error"
    entry["seconds"] = round(time.perf_counter() - started, 3)
    return entry


def unsettled(document: dict[str, Any]) -> list[str]:
    """Ids of the selected claims that failed or stopped with an error."""
    selected = document.get("selected", [each["id"] for each in document["claims"]])
    bad = [each["id"] for each in document["claims"] if each["verdict"] == "fails" or each["error"]]
    return [each for each in bad if each in selected]


def _is_drawn(claim: Claim, folder: Folder) -> bool:
    """Whether the figure of a finished claim is there, drawn again if need be; not so where its data is damaged."""
    if folder.has_figure(claim.id):
        return True
    try:
        _draw(claim, folder)
    except Exception:
        return False
    return True


def _finished(folder: Folder, known: list[Claim], budget: Budget) -> dict[str, Any]:
    """The entries of all claims that are finished in the folder, selected or not."""
    records = {claim.id: folder.load_record(claim, claim_key(claim, budget)) for claim in known}
    return {claim_id: record for claim_id, record in records.items() if record is not None}


def _empty_document(budget: Budget, chosen: list[Claim]) -> dict[str, Any]:
    return {
        "claims": [],
        "version": __version__,
        "scale": budget.scale,
        "seed": budget.seed,
        "seconds": 0.0,
        "machine": describe_machine(),
        "selected": [claim.id for claim in chosen],
        "reused": [],
    }


def _empty_entry(claim: Claim, settings: dict[str, Any]) -> dict[str, Any]:
    headline = next(iter(claim.bars.values()))
    return {
        "id": claim.id,
        "group": claim.group,
        "statement": claim.statement,
        "expected": claim.expected,
        "measured": "",
        "value": None,
        "interval": None,
        "bar": bar_record(headline),
        "verdict": "inconclusive",
        "reason": "",
        "caveat": claim.caveat,
        "n_networks": 0,
        "horizon": "",
        "seconds": 0.0,
        "figure": None,
        "code": claim.code,
        "error": None,
        "decided_by": None,
        "conditions": [],
        "settings": settings,
        "data": None,
        "networks": [],
    }


def _record_verdict(entry: dict[str, Any], claim: Claim, measurement: Measurement) -> None:
    deciding, conditions = judge(claim, measurement)
    entry.update(
        measured=measurement.measured,
        value=plain(deciding.value),
        interval=_interval(deciding),
        bar=bar_record(deciding.bar),
        verdict=deciding.verdict,
        reason=deciding.reason,
        decided_by=deciding.name,
        n_networks=measurement.n_networks,
        horizon=measurement.horizon,
        conditions=[
            {
                "name": each.name,
                "about": each.bar.about,
                "value": plain(each.value),
                "interval": _interval(each),
                "bar": bar_record(each.bar),
                "verdict": each.verdict,
            }
            for each in conditions
        ],
    )


def _interval(condition: Condition) -> list[float | None] | None:
    return None if condition.interval is None else plain([float(each) for each in condition.interval])


def _save_networks(claim: Claim, measurement: Measurement, folder: Folder) -> tuple[list[str], str]:
    """Names of the files, and the tracebacks of what could not be measured of networks or saved."""
    place = folder.networks(claim.id)
    if place.exists():
        shutil.rmtree(place)
    saved, lost = [], []
    for name, network in measurement.networks.items():
        path = place / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            saved += [folder.relative(each) for each in _save_file(path, name, claim, network)]
        except Exception:
            # a dataset without its networks, or networks without theirs, would be read as something else
            for each in (path, path.with_suffix(".nc"), _along(path)):
                each.unlink(missing_ok=True)
            lost.append(traceback.format_exc())
    return saved, "\n".join(lost)


def _along(path: Path) -> Path:
    return path.with_name(f"{path.stem}-along-training.safetensors")


def _save_file(path: Path, name: str, claim: Claim, network: Any) -> list[Path]:
    """Saves networks, and what is known of them beside; the files."""
    from ..files import save

    note = f"{claim.id}: {name}"
    if not isinstance(network, Kept):
        save(path, network, note=note)
        return [path]
    said = {"task": network.task, "process": network.process}
    save(path, network.finite_networks, **said, note=note)
    files = [path.with_suffix(".nc")]
    write_dataset(files[0], network.to_dataset().assign_attrs(claim=claim.id, name=name))
    if network.along is not None:
        files.append(_along(path))
        save(files[1], network.along, **said, note=f"{note} along training")
    return [*files, path]


def _draw(claim: Claim, folder: Folder) -> Path:
    png, _ = save_figure(claim.draw(folder.load_data(claim.id)), folder.figure(claim.id))
    return png


def _check_summary(document: dict[str, Any], known: list[Claim], folder: Folder) -> None:
    """Raises unless a summary has what a run writes, whoever edited it since."""
    whole = _empty_document(Budget(), []).keys() - {"machine", "selected", "reused"} <= document.keys()
    entry = _empty_entry(known[0], {}).keys()
    if not whole or not all(isinstance(each, dict) and entry <= each.keys() for each in document["claims"]):
        raise InvalidInput("out", Shown(f"{folder.summary}, which is something else"), "the folder of an earlier run")


def _redraw(folder: Folder, known: list[Claim]) -> dict[str, Any]:
    document = folder.load_summary()
    drawn = {claim.id: claim for claim in known}
    _check_summary(document, known, folder)
    for entry in document["claims"]:
        claim = drawn.get(entry["id"])
        if claim is None or not entry["data"]:
            continue
        try:
            _draw(claim, folder)
        except Exception as error:
            reason = " ".join(str(error).split())
            raise InvalidInput("out", entry["data"], f"a folder whose data can be drawn ({reason})") from None
    return document
