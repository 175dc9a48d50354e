"""The page of an inspection, and its numbers as one record."""

import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._errors import MissingExtra
from .._machine import describe_machine
from .._version import __version__
from ..inspection import Inspection
from ._figures import embed_figures
from ._inspection_figures import FIGURES
from ._wording import number, with_subscripts

_MOST_FEATURES, _MOST_MODES = 12, 10


def inspection_page(found: Inspection, folder: Path, *, about_inputs: str = "") -> str:
    """The page as HTML: how far the network was checked, what it remembers, every figure, tables, what is missing.

    Args:
        found: The inspection.
        folder: Where its figures lie.
        about_inputs: Where the inputs come from.

    Raises:
        MissingExtra: If jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError:
        raise MissingExtra("jinja2", "report") from None
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["maths"] = with_subscripts
    files = importlib.resources.files("spiralsink.report")
    template = environment.from_string(files.joinpath("inspection.html.j2").read_text(encoding="utf-8"))
    pictures = embed_figures([{"figure": f"figures/{each.name}.png"} for each in FIGURES], folder)
    figures = [
        {"name": each.name, "title": each.title, "caption": each.caption, "picture": picture}
        for each, picture in zip(FIGURES, pictures, strict=True)
        if picture is not None
    ]
    return template.render(
        version=__version__,
        found=found,
        checked=_checked(found),
        inputs=about_inputs,
        summary=[(name, _typeset(text)) for name, text in found.summary],
        figures=figures,
        memory=_memory_table(found),
        modes=_modes(found),
        missing=sorted((name.replace("_", " "), text) for name, text in found.reasons.items()),
        facts=_facts(found, about_inputs),
        stylesheet=files.joinpath("page.css").read_text(encoding="utf-8"),
    )


def inspection_record(found: Inspection, *, inputs: str = "") -> dict[str, Any]:
    """The numbers of an inspection as a table that JSON can hold, NaN where there is none; angles in degrees."""
    spectrum, memory, free = found.spectrum, found.memory, found.free_space
    return {
        "kind": found.kind,
        "n_features": found.n_features,
        "n_hidden": found.n_hidden,
        "n_outputs": found.n_outputs,
        "layout": [list(each) for each in found.layout],
        "agreement": found.agreement,
        "compared_with": found.compared_with,
        "inputs": inputs,
        "n_sequences": found.n_sequences,
        "n_steps": found.n_steps,
        "n_lags": found.n_lags,
        "delay": found.delay,
        "spectral_radius": None if spectrum is None else spectrum.radius,
        "eigenvalues": None if spectrum is None else _pairs(spectrum.eigenvalues[:_MOST_MODES]),
        "memory": None if memory is None else memory.r2.tolist(),
        "memory_baseline": None if memory is None else memory.baseline.tolist(),
        "input_correlation": found.input_correlation.strongest.tolist(),
        "n_readable": found.n_readable,
        "capacity": None if found.capacity is None else float(found.capacity.total),
        "participation_ratio": found.participation_ratio,
        "load": found.load,
        "additivity": None if found.additivity is None else _deciles(found.additivity),
        "interference": None if found.interference is None else float(found.interference.mean),
        "head_interference": None if found.head_interference is None else float(found.head_interference.mean),
        "free_fraction": None if free is None else float(free.mean),
        "free_fraction_of": None if free is None else free.kind,
        "n_points": {
            "directions": found.directions.n_points,
            "impulses": found.impulses.n_points,
            "spectrum": None if spectrum is None else spectrum.n_points,
        },
        "direction_lengths": found.directions.lengths.tolist(),
        "direction_alignment": found.directions.alignment.tolist(),
        "projections": found.directions.projections.tolist() if found.n_outputs else None,
        "target_r2": None if found.target_r2 is None else found.target_r2.tolist(),
        "seed": found.seed,
        "notes": list(found.notes),
        "reasons": dict(found.reasons),
        "version": __version__,
    }


def _deciles(found: Any) -> dict[str, float | int]:
    """Of an index without a lower bound: its middle and the ends of its middle eighty per cent."""
    lower, median, upper = found.quantiles(0.1, 0.5, 0.9)
    pairs = int((~found.forgotten).sum())
    return {"lower_decile": lower, "median": median, "upper_decile": upper, "n_pairs": pairs}


def _pairs(values: Any) -> list[list[float]]:
    return [[float(each.real), float(each.imag)] for each in values]


def _checked(found: Inspection) -> str:
    if found.agreement is None:
        text = "Not checked: there was no independent forward pass to compare with, so conventions may be misread."
        return text if found.compared_with is None else f"{text} Only consistent with {found.compared_with}."
    return f"Checked: agrees with {found.compared_with} to {number(found.agreement)}."


def _typeset(text: str) -> str:
    return text.replace("R^2", "R²").replace("+-", "±")


def _memory_table(found: Inspection) -> dict[str, Any] | None:
    if found.memory is None:
        return None
    shown = range(min(found.n_features, _MOST_FEATURES))
    readable = found.memory.readable
    rows = [
        (lag, [(_digits(found.memory.r2[lag, each]), bool(readable[lag, each])) for each in shown])
        for lag in range(found.n_lags)
    ]
    return {"features": list(shown), "rows": rows, "left_out": found.n_features - len(shown)}


def _digits(value: float) -> str:
    return f"{value:.3f}".replace("-", "−") if np.isfinite(value) else "none"


def _modes(found: Inspection) -> list[tuple[str, str]]:
    if found.spectrum is None:
        return []
    upper = [each for each in found.spectrum.eigenvalues if each.imag >= 0][:_MOST_MODES]
    return [(f"{abs(each):.4f}", f"{abs(np.degrees(np.angle(each))):.1f}") for each in upper]


def _facts(found: Inspection, about_inputs: str) -> Sequence[tuple[str, str]]:
    machine = describe_machine()
    parts = ", ".join(f"{name} {size}" for name, size in found.layout) or str(found.n_hidden)
    facts = [
        ("network", found.kind),
        ("state", parts),
        ("inputs", about_inputs or "as given"),
        ("sequences", f"{found.n_sequences} of {found.n_steps} steps"),
        ("ages measured", f"0 to {found.n_lags - 1}"),
        ("delay", "not given" if found.delay is None else str(found.delay)),
        ("times sampled for directions", str(found.directions.n_points)),
        ("times sampled for impulses", str(found.impulses.n_points)),
        *([] if found.spectrum is None else [("times sampled for the spectrum", str(found.spectrum.n_points))]),
        ("seed", str(found.seed)),
        ("machine", f"{machine['cpu']}, {machine['cores']} cores"),
        ("version", f"spiralsink {__version__}"),
    ]
    return [*facts, *(("note", note) for note in found.notes)]
