"""Other readings of a diagonal layer: factors of two, discretisations, scales."""

import dataclasses
import itertools
from collections.abc import Iterator

from ..models import Model
from . import _diagonal
from ._diagnosis import of_runs
from ._diagonal import CONJUGATES, DISCRETIZATIONS, Diagonal, Reading
from ._probe import Alternative, Evidence, Gap, difference

_WORDS = {
    "conjugates": "with conjugates {}",
    "discretization": "with {} discretization",
    "scale": "with a scale of {} on the inputs",
}


def of_diagonal(layer: Diagonal, under: Reading, model: Model) -> Iterator[Alternative]:
    """Readings by the number of changes, then other ways to run the same one."""
    choices = itertools.product(
        CONJUGATES,
        (under.discretization,) if layer.kind == "lru" else DISCRETIZATIONS,
        ("stored", "one", "unit") if layer.kind == "lru" else ("stored",),
        (True, False),
    )
    others = [Reading(*choice) for choice in choices]
    for other in sorted((each for each in others if each != under), key=lambda each: len(_changes(under, each))):
        changes = _changes(under, other)
        options = [f"{name}='{getattr(other, name)}'" for name in changes if name in ("conjugates", "discretization")]
        words = " and ".join(_words(name, other) for name in changes)
        option = ", ".join(options) if len(options) == len(changes) else ""
        yield Alternative(words, option, lambda evidence, other=other: _gap(layer, other, evidence))
    yield from of_runs(model)


def _words(name: str, other: Reading) -> str:
    return "without D" if name == "feedthrough" else _WORDS[name].format(getattr(other, name))


def _gap(layer: Diagonal, other: Reading, evidence: Evidence) -> Gap:
    return difference(_diagonal.build(layer, other), evidence)


def _changes(under: Reading, other: Reading) -> list[str]:
    names = [field.name for field in dataclasses.fields(Reading)]
    return [name for name in names if getattr(under, name) != getattr(other, name)]
