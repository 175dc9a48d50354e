"""Processes, seeds and differences of collections in words."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from ..processes import Uniform
from ._payload import Collection


def amplitude_words(process: Any) -> str:
    """The amplitude laws of a process, such as "uniform on 0 to 1"."""
    return ", ".join(dict.fromkeys(_law_words(each) for each in process.amplitudes))


def _law_words(law: Any) -> str:
    return f"uniform on {law.low:g} to {law.high:g}" if type(law) is Uniform else repr(law)


def second_moment(process: Any) -> float | None:
    """E[U^2], None where features differ."""
    found = {float(each.second_moment) for each in process.amplitudes}
    return found.pop() if len(found) == 1 else None


def seeded(seeds: Any) -> str:
    """How many seeds there are at a point, in words."""
    count = len(np.unique(seeds))
    return f", {count} seeds at a point" if count > 1 else ""


def told_apart(collections: Sequence[Collection]) -> list[Collection]:
    """The same collections, where labels are equal with what differs in them."""
    alike: dict[str, list[int]] = {}
    for place, each in enumerate(collections):
        alike.setdefault(each.label, []).append(place)
    found = list(collections)
    for label, places in alike.items():
        several = [collections[place] for place in places]
        words = [", ".join(each) for each in zip(*_differences(several), strict=True)]
        words = words or [""] * len(several)
        for number, (place, word) in enumerate(zip(places, words, strict=True), start=1):
            same = word if words.count(word) == 1 else f"{word}, no. {number}".removeprefix(", ")
            if len(places) > 1:
                found[place] = msgspec.structs.replace(found[place], label=f"{label}, {same}")
    return found


def _differences(several: Sequence[Collection]) -> list[list[str]]:
    """Of every property that differs the words for each."""
    properties = [
        [f"horizon {each.horizon}" if each.horizon.isdigit() else each.horizon for each in several],
        [each.amplitude for each in several],
        ["tied readout" if each.tied else "free readout" for each in several],
    ]
    return [words for words in properties if len(set(words)) > 1]
