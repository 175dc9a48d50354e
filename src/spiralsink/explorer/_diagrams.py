"""Phase diagrams from labelled data: those of `phase-diagram --out`, and the curves of claims."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import InvalidInput, Shown
from ._assemble import number, numbers
from ._payload import Branch, Diagram


def diagram_of_dataset(path: Path, data: Any, collections: Sequence[str]) -> Diagram:
    """The diagram of a phase-diagram.nc.

    Raises:
        InvalidInput: If the dataset is another.
    """
    return _whole(path, "what phase-diagram writes", _of_dataset, data, collections)


def diagram_of_curves(path: Path, data: Any, n_hidden: Any, collections: Sequence[str]) -> Diagram:
    """The diagram of the curves that a claim drew its networks on.

    Raises:
        InvalidInput: If the dataset is another.
    """
    return _whole(path, "the data of the claim", _of_curves, data, n_hidden, collections)


def _whole(path: Path, allowed: str, read: Any, *arguments: Any) -> Diagram:
    """What `read` makes of a dataset, with one line that names the file where it lacks something."""
    try:
        return read(*arguments)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        words = " ".join(str(error).split())[:60]
        raise InvalidInput(str(path), Shown(f"a dataset that lacks something ({words})"), allowed) from None


def _of_dataset(data: Any, collections: Sequence[str]) -> Diagram:
    delay, horizon = int(data.attrs["delay"]), str(data.attrs["horizon"])
    branches = [
        _branch(str(name), *(data[each].values[row] for each in _CURVES), stable=data["stable"].values[row])
        for row, name in enumerate(data["branch"].values)
    ]
    if data.sizes.get("escape", 0) and np.isfinite(data["escape_infimum"].values).any():
        grid = data["escape_grid"].values
        span = np.full(grid.shape, 180.0 * delay / (delay - 1) if delay > 1 else np.nan)
        columns = (data["escape_infimum"].values, span, np.zeros(grid.shape))
        branches.append(_branch("escape", grid, *columns, stable=np.zeros(grid.shape)))
    crossings = [
        {
            **_ends(branches, float(p), str(above), str(below)),
            "span_jump": number(span),
            "radius_jump": number(radius),
        }
        for p, above, below, span, radius in zip(
            *(data[f"{name}"].values for name in ("crossing_p", "crossing_from", "crossing_to")),
            *(data[name].values for name in ("span_jump", "radius_jump")),
            strict=True,
        )
    ]
    return Diagram(
        label=_label(delay, int(data.attrs["n_hidden"]), data.attrs["readout"], horizon),
        delay=delay,
        n_hidden=int(data.attrs["n_hidden"]),
        readout=str(data.attrs["readout"]),
        horizon=horizon,
        branches=branches,
        crossings=crossings,
        collections=list(collections),
    )


def _of_curves(data: Any, n_hidden: Any, collections: Sequence[str]) -> Diagram:
    n_hidden = int(n_hidden)
    delay, horizon = int(data.attrs["delay"]), str(data.attrs["horizon"])
    branches = [
        _branch(str(name), *(data[f"curve_{each}"].values[row] for each in _CURVES))
        for row, name in enumerate(data["curve_name"].values)
    ]
    crossings = []
    if np.isfinite(data.attrs.get("crossing", np.nan)):
        found = _ends(branches, float(data.attrs["crossing"]), "dense", "sparse")
        jumps = {f"{name}_jump": _difference(found[each]) for name, each in (("span", "spans"), ("radius", "radii"))}
        crossings.append(found | jumps)
    return Diagram(
        label=_label(delay, n_hidden, data.attrs["readout"], horizon),
        delay=delay,
        n_hidden=n_hidden,
        readout=str(data.attrs["readout"]),
        horizon=horizon,
        branches=branches,
        crossings=crossings,
        collections=list(collections),
    )


_CURVES = ("p", "loss_per_p", "eigenangle_span", "spectral_radius")


def _label(delay: int, n_hidden: int, readout: str, horizon: str) -> str:
    at = f"horizon {horizon}" if horizon.isdigit() else horizon
    return f"delay {delay}, {n_hidden} hidden units, {readout} readout, {at}"


def _branch(name: str, p: Any, loss: Any, span: Any, radius: Any, *, stable: Any = None) -> Branch:
    order = np.argsort(np.where(np.isnan(p), np.inf, p), kind="stable")[: int(np.isfinite(p).sum())]
    holds = np.ones(len(p)) if stable is None else np.asarray(stable)
    return Branch(
        name=name,
        p=numbers(p[order]),  # pyright: ignore[reportArgumentType]
        loss_per_p=numbers(loss[order]),
        eigenangle_span=numbers(span[order]),
        spectral_radius=numbers(radius[order]),
        stable=[bool(each > 0.5) for each in holds[order]],
    )


def _ends(branches: Sequence[Branch], p: float, above: str, below: str) -> dict[str, Any]:
    """A crossing, with spans and radii read off the curves of the two branches."""
    return {
        "p": number(p),
        "from": above,
        "to": below,
        "spans": [_read_off(branches, name, "eigenangle_span", p) for name in (above, below)],
        "radii": [_read_off(branches, name, "spectral_radius", p) for name in (above, below)],
    }


def _read_off(branches: Sequence[Branch], name: str, column: str, p: float) -> float | None:
    for branch in branches:
        if branch.name == name and branch.p:
            known = [(x, y) for x, y in zip(branch.p, getattr(branch, column), strict=True) if y is not None]
            if known and known[0][0] <= p <= known[-1][0]:
                return number(np.interp(p, *np.array(known).T))
    return None


def _difference(ends: Sequence[float | None]) -> float | None:
    before, after = ends
    return None if before is None or after is None else number(after - before)
