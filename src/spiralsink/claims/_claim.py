"""What a claim is: a function from a budget to a measurement, and the bars that the measurement must clear."""

import dataclasses
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from .._errors import check_choice, check_count
from ._workplace import Nowhere, Workplace

SCALES = ("quick", "full")
_COMPARISONS: dict[str, Callable[[Any, float], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclasses.dataclass(frozen=True)
class Bar:
    """What a measured number must satisfy: value `op` `value`.

    Attributes:
        op: "<=", ">=", "<" or ">".
        value: The number to compare with.
        about: What is measured, in words and with its unit.
    """

    op: str
    value: float
    about: str

    def __post_init__(self) -> None:
        check_choice("op", self.op, _COMPARISONS)

    def cleared_by(self, value: Any) -> Any:
        """Whether a number clears the bar; for an array, each of its entries."""
        return _COMPARISONS[self.op](value, self.value)

    def __str__(self) -> str:
        return f"{self.about} {self.op} {self.value:g}"


@dataclasses.dataclass(frozen=True)
class Budget:
    """How much a claim may compute.

    Attributes:
        scale: "quick", minutes on two cores, or "full".
        n_seeds: Networks trained for each setting.
        steps: Training steps.
        n_sequences: Fresh sequences on which a loss is evaluated.
        seed: The seed from which every random key is derived.
        workplace: Where a measurement that takes long keeps what is finished of it; no part of any result.
    """

    scale: str = "quick"
    n_seeds: int = 32
    steps: int = 2000
    n_sequences: int = 100_000
    seed: int = 0
    workplace: Workplace = Nowhere()  # noqa: RUF009 (stateless)

    @classmethod
    def of(cls, scale: str, seed: int = 0) -> "Budget":
        """The budget of that scale."""
        check_choice("scale", scale, SCALES)
        check_count("seed", seed, 0)
        return cls(seed=seed) if scale == "quick" else cls("full", 64, 4000, 1_000_000, seed)


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What a claim measured.

    Attributes:
        values: One number for every bar of the claim, by its name.
        measured: The result in one short sentence, with its numbers.
        data: A labelled dataset that holds all that the figure shows.
        n_networks: Number of networks that the numbers rest on, failures included.
        horizon: The horizon or horizons of the losses, in words, such as "18" or "steady state".
        networks: Networks worth keeping, by name; as `Kept` with what is known of each of them.
        intervals: Confidence intervals of the values that have one.
    """

    values: Mapping[str, float]
    measured: str
    data: Any
    n_networks: int
    horizon: str
    networks: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    intervals: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Claim:
    """A statement of the paper with the experiment that decides it.

    Attributes:
        id: Name on the command line, such as "spiral-sink".
        group: Name of the group of claims it belongs to.
        statement: What is claimed, in one sentence.
        expected: What should come out, in one short sentence.
        bars: What must hold, by name; the first is the headline. All were set before the first run.
        measure: The experiment: `measure(budget, **settings)`.
        draw: The figure: from the dataset of a measurement to a matplotlib figure.
        settings: The settings of the experiment at a budget, as plain numbers and lists.
        caveat: What earlier runs taught of a bar that is not cleared, without numbers of theirs; for a reader of a
            verdict other than "holds".
        on_request: Whether it is run only when it, or its group, is named: it takes longer, or needs more packages.
    """

    id: str
    group: str
    statement: str
    expected: str
    bars: Mapping[str, Bar]
    measure: Callable[..., Measurement]
    draw: Callable[[Any], Any]
    settings: Callable[[Budget], dict[str, Any]]
    caveat: str = ""
    on_request: bool = False

    @property
    def code(self) -> str:
        """Where the experiment is written: file and function, relative to the repository."""
        return f"src/{self.measure.__module__.replace('.', '/')}.py:{self.measure.__name__}"


@dataclasses.dataclass(frozen=True)
class Condition:
    """One bar with the number that was measured and what follows: "holds", "fails" or "inconclusive"."""

    name: str
    bar: Bar
    value: float
    interval: tuple[float, float] | None

    @property
    def verdict(self) -> str:
        """Decided by the interval where there is one: both ends clear the bar, neither does, or it is undecided.

        A number that is not finite never holds: NaN is undecided, infinity fails where it misses the bar.
        """
        ends = (self.value,) if self.interval is None else (self.value, *self.interval)
        cleared = {self.bar.cleared_by(each) for each in ends}
        if len(cleared) > 1 or any(math.isnan(each) for each in ends):
            return "inconclusive"
        if cleared == {False}:
            return "fails"
        return "holds" if all(math.isfinite(each) for each in ends) else "inconclusive"

    @property
    def reason(self) -> str:
        """The comparison in words."""
        if not math.isfinite(self.value):
            return f"{self.bar.about}: no finite value"
        shown = f"{self.value:.4g}"
        if self.interval is not None:
            shown += f" (95 % interval {self.interval[0]:.4g} to {self.interval[1]:.4g})"
        words = {"holds": "as required", "fails": "required", "inconclusive": "undecided: required"}[self.verdict]
        return f"{self.bar.about}: {shown}, {words} {self.bar.op} {self.bar.value:g}"


def judge(claim: Claim, measurement: Measurement) -> tuple[Condition, list[Condition]]:
    """The condition that decides the verdict, and all of them.

    A claim holds if every condition holds. The first one that fails decides; without one, the first that is
    inconclusive; without one, the headline.

    Raises:
        KeyError: If the measurement lacks the value of a bar.
    """
    conditions = [
        Condition(name, bar, float(measurement.values[name]), measurement.intervals.get(name))
        for name, bar in claim.bars.items()
    ]
    order = ("fails", "inconclusive", "holds")
    return min(conditions, key=lambda each: order.index(each.verdict)), conditions
