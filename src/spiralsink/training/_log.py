"""What a training has found on its way: evaluations, and which networks were stopped."""

import dataclasses
from typing import Any, NamedTuple

import jax
import numpy as np

from ..networks import RecurrentNetwork
from ..theory import LossTerms
from ._evaluate import Measured
from ._lanes import stack_records
from ._snapshots import named_arrays, with_arrays

_SETTLED_FALL = 0.01
_MEASURED = tuple(name for name in Measured._fields if name != "terms")
_TERMS = tuple(each.name for each in dataclasses.fields(LossTerms))


class Entry(NamedTuple):
    """One evaluation along the way; `networks` are those of a record, None elsewhere."""

    step: int
    measured: Measured
    loss: np.ndarray
    networks: RecurrentNetwork | None


class Log(NamedTuple):
    """All evaluations so far. But for them it is replaced whole, so that Ctrl-C finds it before a step or after.

    `done`: the last step at which all was done that was to be done there, -1 before the first. `stopped`: lanes that
    were stopped early, `settled`: which of them had settled by then, (lanes,) bools.
    """

    entries: list[Entry]
    done: int
    stopped: np.ndarray
    settled: np.ndarray

    @property
    def losses(self) -> tuple[np.ndarray, np.ndarray]:
        """The steps of all evaluations, and the losses then, (evaluations, lanes)."""
        return np.array([entry.step for entry in self.entries]), np.stack([entry.loss for entry in self.entries])

    def snapshot(self) -> dict[str, np.ndarray]:
        """What is done, as arrays: without an evaluation after which something was still to be done."""
        entries = [entry for entry in self.entries if entry.step <= self.done]
        found = {
            "log.done": np.array(self.done),
            "log.stopped": self.stopped,
            "log.settled": self.settled,
            "log.step": np.array([entry.step for entry in entries], np.int64),
            "log.recorded": np.array([entry.networks is not None for entry in entries], bool),
        }
        if not entries:
            return found
        found["log.loss"] = np.stack([entry.loss for entry in entries])
        for name in _MEASURED:
            found[f"log.measured.{name}"] = np.stack([getattr(entry.measured, name) for entry in entries])
        if entries[0].measured.terms is not None:
            for name in _TERMS:
                found[f"log.terms.{name}"] = np.stack([getattr(entry.measured.terms, name) for entry in entries])
        records = [entry.networks for entry in entries if entry.networks is not None]
        return found | (named_arrays("log.networks", stack_records(records)) if records else {})


def empty_log(count: int) -> Log:
    """The log of a training of so many lanes that has not begun."""
    return Log([], -1, np.zeros(count, bool), np.zeros(count, bool))


def restored_log(found: dict[str, np.ndarray], networks: RecurrentNetwork) -> Log:
    """The log of which these arrays are a snapshot; `networks` are any of the same stack."""
    recorded = found["log.recorded"]
    records = with_arrays("log.networks", networks, found) if recorded.any() else None
    entries = []
    for place, step in enumerate(found["log.step"]):
        terms = None
        if "log.terms.total" in found:
            terms = LossTerms(**{name: found[f"log.terms.{name}"][place] for name in _TERMS})
        measured = Measured(*(found[f"log.measured.{name}"][place] for name in _MEASURED), terms=terms)
        record = _at(records, int(recorded[:place].sum())) if recorded[place] else None
        entries.append(Entry(int(step), measured, found["log.loss"][place], record))
    return Log(entries, int(found["log.done"]), found["log.stopped"], found["log.settled"])


def last_quarter(steps: int) -> int:
    """The step at which the last quarter of the steps begins."""
    return steps - steps // 4


def settled(step: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Whether the loss fell by less than 1 % over the last quarter of the steps that were taken."""
    (earlier,) = np.nonzero(step <= min(last_quarter(int(step[-1])), step[-1] - 1))
    if not earlier.size:
        return np.zeros(loss.shape[1:], bool)
    return loss[-1] >= (1 - _SETTLED_FALL) * loss[earlier[-1]]


def _at(records: Any, place: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[place] if isinstance(leaf, np.ndarray) else leaf, records)
