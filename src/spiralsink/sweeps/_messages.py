"""What a run of a plan and its workers say to each other: frames of a length and a message."""

import struct
from typing import Any

import msgspec
import numpy as np

from .._errors import InvalidInput, Shown
from ..specs import parse_table
from ._plan import BlockPlan

_LENGTH = struct.Struct(">Q")


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A block to be trained.

    Attributes:
        spec: The spec at the point, as tables.
        coordinates: Where in the plan: dotted field -> value.
        axes: The dotted fields of each axis of the plan.
        first_seed: Seed of the first network.
        n_seeds: Networks that are kept.
        n_lanes: Networks that are trained together.
        key: That of the block.
        store: Absolute path of the folder of the store.
        plan: Digest of its `plan.toml`, by which a worker on another machine knows whether it sees the same folder.
        checkpoint_every: Least seconds between two checkpoints inside the block.
    """

    spec: dict[str, Any]
    coordinates: dict[str, Any]
    axes: list[list[str]]
    first_seed: int
    n_seeds: int
    n_lanes: int
    key: str
    store: str
    plan: str
    checkpoint_every: float

    @classmethod
    def of(cls, block: BlockPlan, *, axes: list[list[str]], **place: Any) -> "Job":
        """That of a block of a plan; `place`: the store, its plan and how often to write checkpoints."""
        return cls(
            spec=block.spec.to_dict(),
            coordinates=block.coordinates,
            axes=axes,
            first_seed=block.seeds[0],
            n_seeds=len(block.seeds),
            n_lanes=block.n_lanes,
            key=block.key,
            **place,
        )

    @property
    def block(self) -> BlockPlan:
        """The block of the plan."""
        seeds = range(self.first_seed, self.first_seed + self.n_seeds)
        return BlockPlan(parse_table(self.spec), self.coordinates, seeds, self.n_lanes)


class Trained(msgspec.Struct, frozen=True, tag="trained"):
    """A block after training.

    Attributes:
        content: The bytes of its file.
        seconds: What one of its networks took, by name.
        losses: Loss of every network, float64 as bytes.
        statuses: Integers of `Status`, int8 as bytes.
    """

    content: bytes
    seconds: dict[str, float]
    losses: bytes
    statuses: bytes

    @property
    def loss(self) -> np.ndarray:
        """Loss of every network."""
        return np.frombuffer(self.losses, np.float64)

    @property
    def status(self) -> np.ndarray:
        """How every network ended."""
        return np.frombuffer(self.statuses, np.int8)


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """A block that could not be trained.

    Attributes:
        reason: Why, in one line.
        refused: Field, value, what is allowed and a hint, where the settings are why.
    """

    reason: str
    refused: tuple[str, str, str, str] | None = None

    @property
    def error(self) -> InvalidInput | None:
        """What refused the settings."""
        if self.refused is None:
            return None
        field, value, allowed, hint = self.refused
        return InvalidInput(field, Shown(value), allowed, hint=hint)


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """A worker has started."""


class Moved(msgspec.Struct, frozen=True, tag="moved"):
    """Training went on by so many networks' worth of steps."""

    networks: float


Message = Trained | Failed | Ready | Moved


def send(stream: Any, message: Any) -> None:
    """Writes a message whole, also to a stream without a buffer."""
    content = msgspec.msgpack.encode(message)
    rest = memoryview(_LENGTH.pack(len(content)) + content)
    while rest:
        rest = rest[stream.write(rest) :]
    stream.flush()


def receive(stream: Any, kind: Any) -> Any:
    """Reads a message; None where the other side ended, also in the middle of one.

    From a stream without a buffer it takes no more than the message, so that one can wait for the next.
    """
    head = _read(stream, _LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    content = _read(stream, length)
    return msgspec.msgpack.decode(content, type=kind) if len(content) == length else None


def _read(stream: Any, count: int) -> bytes:
    parts = []
    while count and (part := stream.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
