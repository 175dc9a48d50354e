"""An inspection as a labelled dataset."""

from typing import Any

import numpy as np

from .._errors import MissingExtra
from .._version import __version__
from ._memory import READABLE

_STATE, _UNIT = "state / feature", "1"


def inspection_dataset(found: Any) -> Any:
    """Every measurement as an xarray dataset; parts that are null are left out, their reasons are an attribute.

    Args:
        found: An `Inspection`.
    """
    try:
        import xarray as xr
    except ImportError:
        raise MissingExtra("xarray", "data") from None
    variables: dict[str, Any] = {}
    for name, dims, values, long_name, units in [*_directions(found), *_memory(found), *_rest(found)]:
        if values is not None:
            variables[name] = (dims, np.asarray(values), {"long_name": long_name, "units": units})
    coordinates = {
        "lag": ("lag", np.arange(found.n_lags), {"long_name": "age of an input", "units": "steps"}),
        "feature": ("feature", np.arange(found.n_features), {"long_name": _features(found)}),
        "hidden": ("hidden", np.arange(found.n_hidden), {"long_name": "number of the state"}),
    }
    attributes = {
        "kind": found.kind,
        "agreement": "none" if found.agreement is None else found.agreement,
        "compared_with": found.compared_with or "none",
        "delay": "none" if found.delay is None else found.delay,
        "explained": found.explained,
        "n_points": [
            f"directions: {found.directions.n_points}",
            f"impulses: {found.impulses.n_points}",
            *([] if found.spectrum is None else [f"spectrum: {found.spectrum.n_points}"]),
        ],
        "readable_r2": READABLE,
        "readout": found.readout,
        "seed": found.seed,
        "layout": [f"{name} {size}" for name, size in found.layout],
        "notes": list(found.notes),
        "reasons": [f"{name}: {text}" for name, text in found.reasons.items()],
        "spiralsink_version": __version__,
    }
    return xr.Dataset(variables, coordinates, attributes)


def _features(found: Any) -> str:
    return "direction of the dictionary" if found.dictionary else "input channel"


def _directions(found: Any) -> list[tuple[str, Any, Any, str, str]]:
    at, impulses, cell = found.directions, found.impulses, ("lag", "feature")
    where = ("lag", "hidden", "feature")
    rows = [
        ("directions", where, at.mean, "mean Jacobian of the state by the input", _STATE),
        ("direction_length", cell, at.lengths, "length of the mean Jacobian direction", _STATE),
        ("direction_alignment", cell, at.alignment, "mean cosine between directions and their mean", _UNIT),
        ("direction_spread", cell, at.spread, "root mean square distance from the mean over its length", _UNIT),
        ("impulse_directions", ("size", *where), impulses.responses, "mean response to an impulse", _STATE),
        ("impulse_size", ("size", "feature"), impulses.sizes, "size of the impulse", "feature"),
        ("impulse_difference", cell, impulses.difference, "difference between two sizes of impulse", _UNIT),
        ("impulse_gap", cell, found.impulse_gap, "difference between impulses and Jacobians", _UNIT),
        ("algebraic_directions", where, found.algebraic, "W_h^s W_x", _STATE),
    ]
    if found.readout_weights is not None:
        rows.append(
            ("readout_weights", ("hidden", "output"), found.readout_weights, "weights of the readout", "output / state")
        )
    if found.n_outputs:
        dims = ("lag", "output", "feature")
        rows.append(("projections", dims, at.projections, "what the readout sees of an input", "output / feature"))
    return rows


def _memory(found: Any) -> list[tuple[str, Any, Any, str, str]]:
    cell = ("lag", "feature")
    strongest = found.input_correlation.strongest
    rows: list[tuple[str, Any, Any, str, str]] = [
        ("input_correlation", ("lag",), strongest, "largest correlation between two inputs that far apart", _UNIT),
    ]
    if found.memory is not None:
        rows += [
            ("memory", cell, found.memory.r2, "held-out R^2 of a ridge readout", _UNIT),
            ("memory_baseline", cell, found.memory.baseline, "held-out R^2 of a readout of the input alone", _UNIT),
            ("memory_standard_error", cell, found.memory.standard_error, "standard error of the held-out R^2", _UNIT),
            (
                "readable",
                cell,
                found.memory.readable,
                f"held-out R^2 of at least {READABLE:g}, also of what the input leaves open",
                _UNIT,
            ),
        ]
    if found.capacity is not None:
        rows.append(("capacity", cell, found.capacity.curve, "exact memory capacity for white inputs", _UNIT))
        rows.append(("capacity_total", (), found.capacity.total, "exact memory capacity over all lags", _UNIT))
    for part, name in ((found.interference, "pair"), (found.head_interference, "head")):
        if part is not None:
            prefix = "interference" if name == "pair" else "head_interference"
            rows += [
                (f"{prefix}_shares", (name, *cell), part.shares, f"share of the variance of {part.of}", _UNIT),
                (prefix, (name,), part.others, "share of the variance from other pairs", _UNIT),
                (f"{prefix}_own", (name,), part.own, "share of the variance from the pair itself", _UNIT),
                (f"{prefix}_unexplained", (name,), part.unexplained, "share not linear in the lagged inputs", _UNIT),
                (f"{name}_lag", (name,), part.lag, "lag that the readout is for", "steps"),
                (f"{name}_feature", (name,), part.feature, "feature that the readout is for", _UNIT),
            ]
    return rows


def _rest(found: Any) -> list[tuple[str, Any, Any, str, str]]:
    where = ("lag", "hidden", "feature")
    rows: list[tuple[str, Any, Any, str, str]] = [
        ("rest_directions", where, found.rest_jacobian, "Jacobian of the state by the input at rest", _STATE),
        ("participation_ratio", (), found.participation_ratio, "dimensions that the states fill", _UNIT),
        ("load", (), found.load, "readable pairs per dimension of the states", _UNIT),
        ("target_r2", ("output",), found.target_r2, "R^2 of the outputs for the targets", _UNIT),
        (
            "readout_at_rest",
            ("output",),
            found.readout_at_rest,
            "what the readout sees at rest, with its bias",
            "output",
        ),
    ]
    if found.rest_impulses is not None:
        responses, difference = found.rest_impulses.responses, found.rest_impulses.difference
        rows += [
            ("rest_impulse_directions", ("size", *where), responses, "response to an impulse at rest", _STATE),
            ("rest_impulse_difference", ("lag", "feature"), difference, "difference between two sizes", _UNIT),
        ]
    if found.additivity is not None:
        part = found.additivity
        rows += [
            ("additivity", ("impulse_pair",), part.values, "additivity index of a pair of impulses", _UNIT),
            ("additivity_lags", ("impulse_pair", "two"), part.lags, "ages of the impulses", "steps"),
            ("additivity_features", ("impulse_pair", "two"), part.features, "features of the impulses", _UNIT),
            ("additivity_median", (), part.quantiles(0.5)[0], "median additivity index", _UNIT),
            ("additivity_mean", (), part.mean, "mean additivity index, which has no lower bound", _UNIT),
            ("additivity_by_lags", ("lag", "other_lag"), part.by_lag_pair, "mean additivity index", _UNIT),
            ("additivity_by_difference", ("lag",), part.by_lag_difference, "mean index by difference of age", _UNIT),
        ]
    if found.free_space is not None:
        free = found.free_space
        label = f"share of what waits that is seen negative by {free.kind}"
        rows += [
            ("free_fraction", ("waiting_readout",), free.free_fraction, label, _UNIT),
            ("sharpness", ("waiting_readout",), free.sharpness, "largest projection after the recall", _UNIT),
            ("waiting_readout_delay", ("waiting_readout",), free.delay, "delay of the readout", "steps"),
            ("waiting_readout_index", ("waiting_readout",), free.readout, "output or feature of the readout", _UNIT),
        ]
    if found.spectrum is not None:
        values = found.spectrum.eigenvalues
        rows += [
            ("eigenvalue_real", ("mode",), values.real, "eigenvalues of the mean Jacobian, real part", _UNIT),
            ("eigenvalue_imag", ("mode",), values.imag, "eigenvalues of the mean Jacobian, imaginary part", _UNIT),
            ("jacobian_radius", ("sampled_time",), found.spectrum.radii, "spectral radius of one Jacobian", _UNIT),
        ]
    return rows
