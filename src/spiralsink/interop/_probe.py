"""Comparing a model with an independent forward pass, and refusing it when they disagree."""

import dataclasses
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from .._errors import InvalidInput, Shown
from ..models import Model
from ._tensors import Tensors, as_array

PROBES = (4, 30)  # sequences and steps; different, so that swapped axes are seen
_PLACES = ("outputs", "h", "states")
_LEAST = 0.01  # of what is near zero at first, float32 rounds what it is made of


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """What an independent forward pass gave for some inputs.

    Attributes:
        name: Which pass, in words that follow "agrees with".
        inputs: (batch, time, features).
        state: The state before the first step, (batch, hidden); None for the model's own.
        seen: Pairs of where to look and what was there, (batch, time, size) or, of the last step alone,
            (batch, size). Where is "outputs", "h" (of the last layer), "states" (all of them), or "" for whichever of
            these has the size.
        independent: Whether it is other code than the model's, or other weights.
    """

    name: str
    inputs: Float[np.ndarray, "batch time features"]
    state: Float[np.ndarray, "batch hidden"] | None
    seen: Sequence[tuple[str, np.ndarray]]
    independent: bool = True


@dataclasses.dataclass(frozen=True)
class Untried:
    """A pass that could have seen the readout, and did not.

    Attributes:
        reason: Why.
    """

    reason: str


@dataclasses.dataclass(frozen=True)
class Gap:
    """How far a model is from what was seen.

    Attributes:
        largest: The largest absolute difference; infinite if the model gives no numbers.
        share: The largest difference as a share of the scale of its array at its step: the largest number up to that
            step, and no less than a hundredth of the smaller of 1 and the largest number of all steps.
        there: The difference where `share` is largest.
        scale: The scale there.
        place: Of which part of the model: "outputs", "h" or "states".
    """

    largest: float
    share: float
    there: float
    scale: float
    place: str = ""


@dataclasses.dataclass(frozen=True)
class Alternative:
    """Another reading of the same arrays, to be named if it is the one that agrees.

    Attributes:
        words: Such as "with gates in the order z,r,n".
        option: What selects it, such as "gates='z,r,n'"; "" when nothing does.
        difference: How far it is from an evidence; None where it gives nothing like it.
    """

    words: str
    option: str
    difference: Callable[[Evidence], Gap | None]


def probe_inputs(n_features: int, seed: int = 0) -> Float[np.ndarray, "batch time features"]:
    """Standard normal sequences."""
    return np.random.default_rng([seed, 0]).standard_normal((*PROBES, n_features))


def probe_states(model: Model, seed: int = 0) -> Float[np.ndarray, "batch hidden"]:
    """States to start from: the model's own for half of the sequences, random ones for the others."""
    states = np.tile(model.initial, (PROBES[0], 1))
    half = PROBES[0] // 2
    states[half:] += 0.5 * np.random.default_rng([seed, 1]).standard_normal((PROBES[0] - half, model.n_hidden))
    return states


def visible(model: Model) -> slice:
    """Where h of the last layer stands in the state; all of it when no part is called h."""
    start, found = 0, slice(0, model.n_hidden)
    for name, size in model.layout:
        if name.split()[-1] == "h":
            found = slice(start, start + size)
        start += size
    return found


def difference(model: Model, evidence: Evidence) -> Gap:
    """How far a model is from what was seen."""
    return worst(differences(model, evidence))


def differences(model: Model, evidence: Evidence) -> list[Gap]:
    """How far a model is from each array that was seen, or from the nearest of the parts that have its size."""
    with np.errstate(all="ignore"):
        states = model.states(evidence.inputs, evidence.state)
        found = {
            "outputs": model.readout.outputs(states, evidence.inputs),
            "h": states[..., visible(model)],
            "states": states,
        }
        return [_nearest(found, place, values) for place, values in evidence.seen]


def worst(gaps: Sequence[Gap]) -> Gap:
    """The gap with the largest share."""
    return max(gaps, key=lambda gap: gap.share)


def _nearest(found: dict[str, np.ndarray], place: str, values: np.ndarray) -> Gap:
    places = [each for each in ([place] if place else _PLACES) if found[each].shape[-1] == values.shape[-1]]
    gaps = [gap_of(found[each][:, -1] if values.ndim == 2 else found[each], values, each) for each in places]
    return min(gaps, key=lambda gap: gap.share)


def gap_of(found: np.ndarray, values: np.ndarray, place: str = "") -> Gap:
    """The gap between two arrays, (batch, time, size) or, of one step, (batch, size)."""
    if values.ndim == 2:
        found, values = found[:, None], values[:, None]
    gaps = np.abs(found - values)
    gaps = np.where(np.isfinite(gaps), gaps, np.inf).max(axis=(0, 2), initial=0.0)
    numbers = np.maximum.accumulate(np.abs(values).max(axis=(0, 2), initial=0.0))
    scales = np.maximum(numbers, _LEAST * min(1.0, float(numbers[-1])))
    shares = np.where(gaps == 0, 0.0, gaps / np.where(scales == 0, np.finfo(float).tiny, scales))
    t = int(shares.argmax())
    return Gap(float(gaps.max()), float(shares[t]), float(gaps[t]), float(scales[t]), place)


def check(
    model: Model,
    evidence: Iterable[Evidence | Untried],
    tolerance: float,
    alternatives: Callable[[], Any],
    *,
    head: str = "",
) -> Model:
    """The model with its agreement, or the error that says what is likely wrong.

    Args:
        model: The model.
        evidence: Forward passes; no independent one leaves the agreement unknown. Whether one of them saw the outputs
            of a readout is said in `compared_with`.
        tolerance: Largest difference, as a share of the scale of its array at its step.
        alternatives: Gives other readings of the same arrays.
        head: Name of the linear layer that the outputs were read with, where it is not part of the recurrent one.

    Raises:
        InvalidInput: If a difference is larger; names the reading that agrees, or what was tried.
    """
    found: list[tuple[Evidence, list[Gap]]] = []
    reasons = []
    for each in evidence:
        if isinstance(each, Untried):
            reasons.append(each.reason)
            continue
        for _, values in each.seen:
            if not np.isfinite(values).all():
                raise InvalidInput(each.name, Shown("NaN or infinite numbers"), "finite")
        gaps = differences(model, each)
        gap = worst(gaps)
        if gap.share > tolerance:
            raise InvalidInput(
                "agreement",
                Shown(f"{gap.there:.2g}"),
                f"at most {tolerance * gap.scale:.2g} with {each.name}",
                hint=_cause(each, tolerance, alternatives(), head if gap.place == "outputs" else ""),
            )
        found.append((each, gaps))
    if not found:
        return model
    names = " and ".join(dict.fromkeys(each.name for each, _ in found))
    if model.n_outputs and not any(gap.place == "outputs" for _, gaps in found for gap in gaps):
        names += " (readout not compared" + "".join(f": {reason}" for reason in reasons[:1]) + ")"
    independent = [gap.largest for each, gaps in found for gap in gaps if each.independent]
    return dataclasses.replace(model, agreement=max(independent, default=None), compared_with=names)


def _cause(evidence: Evidence, tolerance: float, alternatives: Iterable[Alternative], head: str) -> str:
    tried = []
    for each in alternatives:
        gap = each.difference(evidence)
        if gap is not None and gap.share <= tolerance:
            return f"{each.words} it is {gap.largest:.1g}" + (f": pass {each.option}" if each.option else "")
        tried.append(each.words)
    among = f", from '{tried[0]}' to '{tried[-1]}'" if tried else ""
    beside = f"; if something stands between the layer and {head}, pass head=NoReadout()" if head else ""
    return f"none of {len(tried)} other readings agrees{among}{beside}"


def given(reference: Any, model: Model, seed: int) -> Evidence:
    """What the user gave to compare with: a function of inputs, or a pair (inputs, outputs or states).

    Raises:
        InvalidInput: If it is neither, fails, or its shapes do not fit.
    """
    if isinstance(reference, tuple | list) and len(reference) == 2:
        inputs, values = (as_array(each) if as_array(each) is not None else np.asarray(each) for each in reference)
        return evidence_of("the pair that was given", inputs, values, model, "reference")
    if not callable(reference):
        shown = Shown(type(reference).__name__)
        raise InvalidInput("reference", shown, "a function of inputs (batch, time, features), or (inputs, outputs)")
    inputs = probe_inputs(model.n_features, seed)
    return evidence_of("the function that was given", inputs, _called(reference, inputs), model, "reference")


def stored(tensors: Tensors, model: Model) -> Evidence | None:
    """Probe inputs and outputs that a file holds, under `probe_inputs` and `probe_outputs` or `probe_states`."""
    if "probe_inputs" not in tensors:
        return None
    name = "probe_outputs" if "probe_outputs" in tensors else "probe_states"
    inputs = tensors.real("probe_inputs", (None, None, model.n_features), "(batch, time, features)")
    if name not in tensors:
        raise tensors.error("probe_outputs", "nothing", "present", "probe_inputs is there")
    return evidence_of("the probes in the file", inputs, tensors.arrays[name], model, tensors.where + name)


def evidence_of(name: str, inputs: Any, values: Any, model: Model, field: str) -> Evidence:
    """Evidence of arrays whose shapes say where to look.

    Raises:
        InvalidInput: If a shape does not fit the model.
    """
    inputs = np.asarray(inputs, np.float64)
    if inputs.ndim == 2:
        inputs, values = inputs[None], np.asarray(values)[None]
    if inputs.ndim != 3 or inputs.shape[-1] != model.n_features:
        allowed = f"inputs of shape (batch, time, features) with {model.n_features} features last"
        raise InvalidInput(field, Shown(f"shape {inputs.shape}"), allowed)
    values = np.asarray(values)
    if values.dtype.kind == "c":
        values = np.concatenate([values.real, values.imag], -1)
    sizes = {model.n_hidden: "states", visible(model).stop - visible(model).start: "h"}
    sizes |= {model.n_outputs: "outputs"} if model.n_outputs else {}
    batch, time = inputs.shape[:2]
    if values.shape[:2] == (time, batch) and batch != time and values.ndim == 3:
        raise InvalidInput(
            field, Shown(f"shape {values.shape}"), "batch first", hint="it gives time first: transpose it"
        )
    if values.shape[:-1] not in ((batch, time), (batch,)) or values.shape[-1] not in sizes:
        last = " or ".join(f"{size} ({word})" for size, word in sizes.items())
        allowed = f"of shape ({batch}, {time}, n), or ({batch}, n) for the last step, with n = {last}"
        raise InvalidInput(field, Shown(f"shape {values.shape}"), allowed)
    return Evidence(name, inputs, None, (("", values.astype(np.float64)),))


def _called(reference: Callable[..., Any], inputs: np.ndarray) -> np.ndarray:
    """What a function gives for NumPy arrays or, where torch is in use, for tensors."""
    attempts: list[Callable[[], Any]] = [lambda: reference(inputs)]
    if (torch := sys.modules.get("torch")) is not None:
        tensors = [torch.as_tensor(inputs, dtype=dtype) for dtype in (torch.float64, torch.float32)]
        attempts += [lambda each=each: reference(each) for each in tensors]
    errors = []
    for attempt in attempts:
        try:
            found = attempt()
            found = found[0] if isinstance(found, tuple | list) else found
            if (array := as_array(found)) is not None:
                return array
            errors.append(f"one that gives {type(found).__name__}")
        except Exception as error:
            errors.append(f"one that raises {type(error).__name__}: {' '.join(str(error).split())[:80]}")
    raise InvalidInput("reference", Shown(errors[0]), "a function of inputs (batch, time, features)")
