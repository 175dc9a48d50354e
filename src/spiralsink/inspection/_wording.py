"""An inspection in a few lines for a reader."""

from typing import Any

import numpy as np

from ._memory import READABLE


def describe(found: Any) -> str:
    """Ten lines at most: what it is, what it remembers, where and how."""
    lines = [f"Inspection: {found.kind}, {_compared(found)}", f"  measured on    {_data(found)}"]
    lines += [f"  {name:<14} {text}" for name, text in measurements(found)]
    if found.notes:
        lines.append(f"  notes          {'; '.join(found.notes)}")
    shown = {name: text for name, text in found.reasons.items() if name not in _QUIET}
    texts: dict[str, list[str]] = {}
    for name, text in shown.items():
        texts.setdefault(text, []).append(name.replace("_", " "))
    if texts:
        lines.append("  null           " + "; ".join(f"{', '.join(names)}: {text}" for text, names in texts.items()))
    return "\n".join(lines)


_QUIET = ("algebraic", "capacity", "target_r2", "head_interference", "load", "rest_impulses")


def _compared(found: Any) -> str:
    if found.agreement is None:
        consistent = "" if found.compared_with is None else f", only consistent with {found.compared_with}"
        return f"no independent forward pass to compare with{consistent}"
    return f"agrees with {found.compared_with} to {found.agreement:.1e}"


def _data(found: Any) -> str:
    features = _count(found.n_features, "dictionary feature" if found.dictionary else "feature")
    explained = f" (they explain {found.explained:.0%} of the inputs)" if found.dictionary else ""
    sequences = f"{_count(found.n_sequences, 'sequence')} of {found.n_steps} steps"
    state = f"{found.n_hidden} numbers of state, {_count(found.n_outputs, 'output')}"
    return f"{sequences}, {features}{explained}, {state}, lags 0 to {found.n_lags - 1}"


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def measurements(found: Any) -> tuple[tuple[str, str], ...]:
    """One sentence for each part that was measured, by its name."""
    texts = {
        "memory": _memory(found),
        "directions": _directions(found),
        "additivity": _additivity(found),
        "interference": _interference(found),
        "free space": _free_space(found),
        "spectrum": _spectrum(found),
    }
    return tuple((name, text) for name, text in texts.items() if text)


def _memory(found: Any) -> str:
    if found.memory is None:
        return ""
    r2 = found.memory.r2
    lags = np.flatnonzero(found.memory.readable.any(axis=1))
    oldest = f", the oldest at lag {lags[-1]}" if len(lags) else ""
    above = ", and half of what the input of the moment leaves open" if found.input_correlation.found else ""
    text = (
        f"{found.n_readable} of {r2.size} (feature, lag) pairs readable (held-out R^2 >= {READABLE:g}{above}){oldest}"
    )
    if found.load is not None:
        text += f"; {found.load:.2g} per dimension of the states ({found.participation_ratio:.3g})"
    if found.capacity is not None and not found.input_correlation.found:
        text += f"; exact capacity {found.capacity.total} of {found.n_hidden}"
    return text


def _directions(found: Any) -> str:
    weight = found.directions.lengths**2
    cosine = np.average(found.directions.alignment, weights=weight if weight.sum() > 0 else None)
    text = f"Jacobians at {found.directions.n_points} times: mean cosine {cosine:.3g} with their mean"
    times = _count(found.impulses.n_points, "time")
    return f"{text}; impulses at {times} differ from theirs by {_typical(found.impulse_gap, weight)}"


def _typical(gap: np.ndarray, weight: np.ndarray) -> str:
    known = np.isfinite(gap)
    if not weight.sum() > 0 and not np.nan_to_num(gap).any():
        return "nothing: both vanish"
    if not known.any() or not weight[known].sum() > 0:
        return "more than it is long"
    mean = np.average(gap[known], weights=weight[known])
    return f"{mean:.0%}" if mean > 1e-3 else f"{mean:.0e}"


def _additivity(found: Any) -> str:
    if found.additivity is None:
        return ""
    low, middle = found.additivity.quantiles(0.1, 0.5)
    pairs = int((~found.additivity.forgotten).sum())
    return f"median {middle:.3g} over {pairs} pairs of impulses, a tenth below {low:.3g} (1: responses add up)"


def _interference(found: Any) -> str:
    parts = [each for each in (found.interference, found.head_interference) if each is not None]
    return "; ".join(f"{each.mean:.0%} of the variance of {each.of} comes from other pairs" for each in parts)


def _free_space(found: Any) -> str:
    free = found.free_space
    if free is None:
        return ""
    low, high = free.delay.min(), free.delay.max()
    delays = f"{low}" if low == high else f"{low} to {high}"
    whence = "best-read lag" if free.inferred else "delay"
    known = free.sharpness[np.isfinite(free.sharpness)]
    sharp = f"; sharpness {known.mean():.2g}" if known.size else ""
    some = f", {len(free.readout)} of {found.n_outputs} outputs" if 0 < len(free.readout) < found.n_outputs else ""
    return f"{free.mean:.2f} of what waits is seen negative ({whence} {delays}{some}, {free.kind}){sharp}"


def _spectrum(found: Any) -> str:
    if found.spectrum is None:
        return ""
    spectrum = found.spectrum
    text = f"radius {spectrum.radius:.3g} at {spectrum.leading_angles[0]:.3g} degrees"
    if spectrum.n_points == 1:
        return text
    single = f"{spectrum.radii.mean():.3g} +- {spectrum.radii.std():.2g}"
    return f"{text}, mean of {spectrum.n_points} Jacobians; {len(spectrum.radii)} single ones {single}"
