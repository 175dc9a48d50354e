"""From groups of networks, diagrams and claims to the payload of the page."""

import base64
import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np

from .._version import __version__
from ._group import COLUMNS, Group, Track, weights_of
from ._loss_terms import Terms, exact_terms
from ._payload import FORMAT, ClaimRow, Collection, Diagram, History, Networks, Payload
from ._sampling import thinned, tracked
from ._words import told_apart

_DIGITS = 6
_SPARSE = 0.12, 0.2


def assemble(
    *,
    title: str,
    about: str,
    groups: Sequence[Group],
    diagrams: Sequence[Diagram] = (),
    claims: Sequence[ClaimRow] = (),
) -> Payload:
    """The payload; networks of a group stand together, in the order of p, the best of a point first."""
    columns: dict[str, list[Any]] = {name: [] for name in Networks.__struct_fields__ if name != "extra"}
    names = sorted({name for group in groups for name in group.extra})
    extra: dict[str, list[Any]] = {name: [] for name in names}
    parts: list[np.ndarray] = []
    used = 0
    tracks: list[tuple[int, Group, Track]] = []
    known_terms = exact_terms(groups)
    for place, group in enumerate(groups):
        count = len(group.source)
        order = np.lexsort((np.asarray(group.source), ~np.asarray(group.best), _last(group.p)))
        weights = weights_of(group.networks[order], group.n_lags)
        first = len(columns["collection"])
        columns["collection"] += [place] * count
        columns["offset"] += (used + weights.shape[1] * np.arange(count)).tolist()
        parts.append(weights.ravel())
        used += weights.size
        for name, values in _values(group, known_terms[place]).items():
            columns[name] += [values[each] for each in order]
        for name in names:
            values = numbers(group.extra[name]) if name in group.extra else [None] * count
            extra[name] += [values[each] for each in order]
        at = {int(row): first + new for new, row in enumerate(order)}
        tracks += sorted(((at[track.row], group, track) for track in group.tracks), key=lambda each: each[0])
    histories: list[History] = []
    for each in tracked([len(track.step) for _, _, track in tracks], [columns["best"][row] for row, *_ in tracks]):
        row, group, track = tracks[each]
        kept, offset = thinned(len(track.step)), None
        if track.networks is not None:
            along = weights_of(track.networks[kept], group.n_lags)
            offset, used = used, used + along.size
            parts.append(along.ravel())
        histories.append(_history(row, track, kept, offset))
    shown = [0] * len(groups)
    for history in histories:
        shown[columns["collection"][history.network]] += 1
    collections = told_apart([_with_histories(group, shown[place]) for place, group in enumerate(groups)])
    networks = Networks(**columns, extra=extra)
    start, second = _first_two(networks, collections)
    whole = np.concatenate(parts) if parts else np.zeros(0)
    return Payload(
        format=FORMAT,
        version=__version__,
        title=title,
        about=about,
        collections=collections,
        networks=networks,
        histories=histories,
        diagrams=list(diagrams),
        claims=list(claims),
        first=start,
        second=second,
        weights=base64.b64encode(whole.astype("<f4").tobytes()).decode(),
    )


def _history(row: int, track: Track, kept: np.ndarray, offset: int | None) -> History:
    terms = None if track.terms is None else [_four(each) for each in np.asarray(track.terms)[kept]]
    known = None if terms is None or not all(terms) else terms
    steps = [int(each) for each in np.asarray(track.step)[kept]]
    return History(row, steps, numbers(np.asarray(track.loss)[kept]), known, offset)  # pyright: ignore[reportArgumentType]


def _with_histories(group: Group, shown: int) -> Collection:
    """What the page says about a group, with how much of its training is on it."""
    collection = group.collection()
    if shown >= group.recorded:
        return collection
    words = f"Training was recorded for {group.recorded} networks; that of {shown or 'none'} of them is here."
    return msgspec.structs.replace(collection, sampling=f"{collection.sampling} {words}".strip())


def number(value: Any) -> float | None:
    """A number as the page has it: six digits, None where it is not finite."""
    value = float(value)
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def numbers(values: Iterable[Any]) -> list[float | None]:
    """A column."""
    return [number(each) for each in np.asarray(values, np.float64).tolist()]


def _values(group: Group, terms: Terms) -> dict[str, list[Any]]:
    with np.errstate(divide="ignore", invalid="ignore"):
        per_p = np.asarray(group.loss) / np.asarray(group.p)
    return {
        "p": numbers(group.p),
        "seed": [None if each < 0 else int(each) for each in np.asarray(group.seed)],
        "source": [int(each) for each in np.asarray(group.source)],
        "best": [bool(each) for each in np.asarray(group.best)],
        "status": [str(each) for each in group.status],
        "regime": [str(each) for each in group.regime],
        "loss": numbers(group.loss),
        "loss_per_p": numbers(per_p),
        "terms": [_four(each) for each in terms.values],
        "terms_reason": [str(each) for each in terms.reason],
        **{name: numbers(group.columns[name]) for name in COLUMNS},
    }


def _four(values: Any) -> tuple[float, float, float, float] | None:
    found = [number(each) for each in values]
    return None if None in found else tuple(found)  # pyright: ignore[reportReturnType]


def _last(p: Any) -> np.ndarray:
    return np.where(np.isnan(p), np.inf, p)


def _first_two(networks: Networks, collections: Sequence[Collection]) -> tuple[int | None, int | None]:
    """The best SSM of delay 4 well inside the sparse regime, and the best of its kind at the largest p.

    On the page of a phase diagram they are of the branches of these names.
    """
    rows = [row for row, best in enumerate(networks.best) if best and networks.loss[row] is not None]
    if not rows:
        return (0, None) if networks.best else (None, None)

    def is_of(row: int, regime: str) -> tuple[bool, bool]:
        return collections[networks.collection[row]].branch == regime, networks.regime[row] == regime

    def wanted(row: int) -> tuple[Any, ...]:
        of = collections[networks.collection[row]]
        return (*is_of(row, "sparse"), of.model == "ssm", of.delay == 4, -_from_sparse(networks.p[row]))

    start = max(rows, key=wanted)
    own = networks.collection[start]
    alike = {own} | {place for place, each in enumerate(collections) if each.branch and collections[own].branch}
    others = [row for row in rows if networks.collection[row] in alike]
    other = max(others, key=lambda row: (*is_of(row, "dense"), networks.p[row] or 0.0))
    return start, None if other == start else other


def _from_sparse(p: float | None) -> float:
    """How far p is from the stretch in which networks are shown first, in log p."""
    low, high = _SPARSE
    return math.inf if not p else max(math.log(low / p), math.log(p / high), 0.0)
