"""The schema of a spec, as frozen structs. Tables with a `kind` stay tables; `_resolve` makes objects of them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

FORMAT = 1
BLOCK_SIZE = 32
"""Networks of a block where the spec does not say."""

Count = Annotated[int, Meta(ge=1, description="a whole number >= 1")]
CountOrNone = Annotated[int, Meta(ge=0, description="a whole number >= 0")]
BlockSize = Annotated[int, Meta(ge=1, le=1_000_000, description="a whole number from 1 to 1000000")]
Seed = Annotated[int, Meta(ge=0, lt=2**32, description="a whole number from 0 to 4294967295")]


class NetworkSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Which networks: widths, nonlinearities, readout and initial weights.

    Attributes:
        n_hidden: N_h.
        recurrence: "linear", "relu" or "tanh".
        readout: "linear" or "relu".
        tied: Whether the readout is tied at the task's recall lag.
        init: Table of the initialiser, of kind "normal" or "orthogonal".
    """

    n_hidden: Count = 2
    recurrence: Literal["linear", "relu", "tanh"] = "linear"
    readout: Literal["linear", "relu"] = "linear"
    tied: bool = False
    init: dict[str, Any] = msgspec.field(default_factory=lambda: {"kind": "normal"})


class TrainingSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How they are trained.

    Attributes:
        objective: Table of the objective, of kind "expected" or "sampled".
        optimizer: Table of the optimizer, of kind "adam" or "bfgs".
        steps: Optimizer steps.
        seed: First seed.
        n_seeds: Networks per point, with seeds seed, seed + 1, ...
        record_every: Steps between records of the loss; 0 keeps only the end.
    """

    steps: Count
    objective: dict[str, Any] = msgspec.field(default_factory=lambda: {"kind": "expected"})
    optimizer: dict[str, Any] = msgspec.field(
        default_factory=lambda: {"kind": "adam", "learning_rate": 0.01, "schedule": "cosine", "clip": 1.0}
    )
    seed: Seed = 0
    n_seeds: Count = 1
    record_every: CountOrNone = 50


class Axis(msgspec.Struct, frozen=True):
    """One axis of a sweep: dotted fields that change together, and a row of values for each step along the axis."""

    fields: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The last part of each field: the names of the coordinates of the dataset."""
        return tuple(field.rsplit(".", 1)[-1] for field in self.fields)


class SweepSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How a spec is varied: axes crossed with each other, the first slowest.

    Attributes:
        block_size: Networks that are trained together and stored in one file.
        axes: The axes; none for a single point.
    """

    block_size: BlockSize = BLOCK_SIZE
    axes: tuple[Axis, ...] = ()


class Point(msgspec.Struct, frozen=True):
    """One point of a plan: the coordinates that lead to it (dotted field -> value) and the spec there."""

    coordinates: dict[str, Any]
    spec: "Spec"


class Spec(msgspec.Struct, frozen=True, kw_only=True):
    """A spec that has been checked, with every default filled in.

    Attributes:
        format: Version of the schema.
        task: Table of the task.
        process: Table of the feature process.
        network: Which networks.
        training: How they are trained.
        sweep: How the spec is varied, or None. With a sweep, the other fields hold the values of its first point.
        points: All points, in order; a single one with no coordinates when there is no sweep.
        source: The text that was read; "" for a spec that was not read from a file.
    """

    task: dict[str, Any]
    process: dict[str, Any]
    network: NetworkSpec
    training: TrainingSpec
    format: int = FORMAT
    sweep: SweepSpec | None = None
    points: tuple[Point, ...] = ()
    source: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain tables that `parse_table` reads again; the text it came from is not part of it."""
        names = ["format", "task", "process", "network", "training", *(["sweep"] if self.sweep else [])]
        return msgspec.json.decode(msgspec.json.encode({name: getattr(self, name) for name in names}))

    def to_json(self) -> bytes:
        """The canonical JSON of the spec: sorted, without spaces; the same bytes for the same meaning."""
        return msgspec.json.encode(self.to_dict(), order="sorted")

    def to_toml(self) -> str:
        """The spec as TOML text that `parse` reads again, with every default written out."""
        lines = []
        for name, value in self.to_dict().items():
            if isinstance(value, dict):
                lines += [f"\n[{name}]", *(f"{key} = {_toml(each)}" for key, each in value.items() if each is not None)]
            else:
                lines.append(f"{name} = {_toml(value)}")
        return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items() if each is not None) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # JSON and TOML write strings, numbers and truth values alike
    return msgspec.json.encode(value).decode()
