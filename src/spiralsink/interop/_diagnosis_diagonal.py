"""Other readings of a diagonal layer: factors of two, discretisations, scales."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator

from ..models import Model
from ._diagnosis import of_runs
from ._diagonal import CONJUGATES, DISCRETIZATIONS, Reading
from ._probe import Alternative, difference

_WORDS = {
    "conjugates": "with conjugates {}",
    "discretization": "with {} discretization",
    "scale": "with a scale of {} on the inputs",
}


def of_diagonal(
    under: Reading, model: Model, read: Callable[[Reading], Model], *, has_head: bool = False
) -> Iterator[Alternative]:
    """Readings by the number of changes, then other ways to run the same one; `read` makes models of them."""
    is_lru = model.kind.startswith("LRU")
    choices = itertools.product(
        CONJUGATES,
        (under.discretization,) if is_lru else DISCRETIZATIONS,
        ("stored", "one", "unit") if is_lru else ("stored",),
        (True, False),
    )
    others = [Reading(*choice) for choice in choices]
    for other in sorted((each for each in others if each != under), key=lambda each: len(_changes(under, each))):
        changes = _changes(under, other)
        options = [f"{name}='{getattr(other, name)}'" for name in changes if name in ("conjugates", "discretization")]
        words = " and ".join(_words(name, other) for name in changes)
        option = ", ".join(options) if len(options) == len(changes) else ""
        yield Alternative(words, option, lambda evidence, other=other: difference(read(other), evidence))
    yield from of_runs(model, has_head=has_head)


def _words(name: str, other: Reading) -> str:
    return "without D" if name == "feedthrough" else _WORDS[name].format(getattr(other, name))


def _changes(under: Reading, other: Reading) -> list[str]:
    names = [field.name for field in dataclasses.fields(Reading)]
    return [name for name in names if getattr(under, name) != getattr(other, name)]
