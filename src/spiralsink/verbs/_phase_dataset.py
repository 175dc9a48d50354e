"""A phase diagram as labelled data."""

from typing import Any

import numpy as np

from .._errors import MissingExtra
from ..theory import TERM_NAMES

_LABELS = {
    "p": ("activity probability", ""),
    "loss_per_p": ("expected loss divided by p", ""),
    "spectral_radius": ("modulus of the leading eigenvalue", ""),
    "eigenangle_span": ("delay times the angle of the leading eigenvalue", "degree"),
    "gain": ("largest projection, in units of max(a_k, 1)", ""),
    "stable": ("whether the point is a local minimum", ""),
    "terms": ("terms of the loss divided by p", ""),
    "error_estimate": ("estimated error of the loss divided by p", ""),
    "coefficients": ("transfer coefficients: numerator, then denominator", ""),
    "end_below": ("how the branch ends towards small p", ""),
    "end_above": ("how the branch ends towards large p", ""),
    "crossing_p": ("activity probability of a crossing", ""),
    "span_jump": ("change of the eigenangle span on the way down in p", "degree"),
    "radius_jump": ("change of the spectral radius on the way down in p", ""),
    "crossing_from": ("best branch above a crossing", ""),
    "crossing_to": ("best branch below a crossing", ""),
    "gaps": ("smallest and largest p between two branches over which none passes", ""),
    "dense_limit_p": ("activity probability at which the dense branch ends below", ""),
    "sparse_limit_p": ("activity probability at which the sparse branch ends above", ""),
    "escape_p": ("no global minimiser below this p", ""),
    "escape_grid": ("activity probability along the escape", ""),
    "escape_infimum": ("limit of the expected loss divided by p along the escape", ""),
}


def as_dataset(diagram: Any) -> Any:
    """An `xarray.Dataset` with dimensions `branch`, `point`, `term`, `coefficient`, `crossing`, `gap` and `escape`.

    `dense_limit_p`, `sparse_limit_p` and `escape_p` are scalars, NaN where the diagram has None.

    Args:
        diagram: A `PhaseDiagram`.

    Raises:
        MissingExtra: If xarray is not installed.
    """
    try:
        import xarray as xr
    except ImportError:
        raise MissingExtra("xarray", "data") from None
    branches, crossings = diagram.branches, diagram.crossings
    longest = max(len(branch.p) for branch in branches)

    def padded(of: Any) -> np.ndarray:
        rows = [np.asarray(of(branch), np.float64) for branch in branches]
        filled = np.full((len(rows), longest, *rows[0].shape[1:]), np.nan)
        for row, values in zip(filled, rows, strict=True):
            row[: len(values)] = values
        return filled

    names = ("p", "loss_per_p", "spectral_radius", "eigenangle_span", "gain", "stable", "error_estimate")
    along: dict[str, Any] = {
        name: (("branch", "point"), padded(lambda branch, name=name: getattr(branch, name))) for name in names
    }
    along["terms"] = (
        ("branch", "point", "term"),
        padded(lambda branch: np.stack([branch.terms[name] for name in TERM_NAMES], axis=-1)),
    )
    along["coefficients"] = (("branch", "point", "coefficient"), padded(lambda branch: branch.coefficients))
    for side, name in enumerate(("end_below", "end_above")):
        along[name] = (("branch",), np.array([branch.ends[side] for branch in branches], dtype=object))
    along["crossing_p"] = (("crossing",), np.array([each.p for each in crossings], np.float64))
    for name in ("span_jump", "radius_jump"):
        along[name] = (("crossing",), np.array([getattr(each, name) for each in crossings], np.float64))
    for name, side in (("crossing_from", "above"), ("crossing_to", "below")):
        along[name] = (("crossing",), np.array([getattr(each, side) for each in crossings], dtype=object))
    along["gaps"] = (("gap", "end"), np.array(diagram.gaps, np.float64).reshape(-1, 2))
    for name in ("dense_limit_p", "sparse_limit_p", "escape_p"):
        value = getattr(diagram, name)
        along[name] = ((), np.nan if value is None else value)
    along["escape_grid"] = (("escape",), diagram.escape_grid)
    along["escape_infimum"] = (("escape",), diagram.escape_infimum)
    attributes = {
        "delay": diagram.delay,
        "n_hidden": diagram.n_hidden,
        "readout": diagram.readout,
        "horizon": str(diagram.horizon),
        "order": diagram.order,
        "status": str(diagram.status),
        "gain_bound": diagram.bound.limit,
    }
    variables = {name: (dims, values, _attributes(name)) for name, (dims, values) in along.items()}
    coordinates = {
        "branch": np.array([branch.name for branch in branches], dtype=object),
        "term": np.array(TERM_NAMES, dtype=object),
        "end": np.array(["low", "high"], dtype=object),
    }
    return xr.Dataset(variables, coords=coordinates, attrs=attributes)


def _attributes(name: str) -> dict[str, str]:
    long_name, units = _LABELS[name]
    return {"long_name": long_name, "units": units} if units else {"long_name": long_name}
