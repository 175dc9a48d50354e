"""Plans: the networks of a spec, cut into blocks that are computed and stored whole."""

import dataclasses
import functools
import hashlib
from typing import Any

import msgspec

from ..specs import Spec, SweepSpec

ENGINE_VERSION = 2
"""Raised by hand when training gives other numbers, so that blocks of different numbers have different keys."""


UNFINISHED = "unfinished"
"""Folder of a store for the checkpoints of blocks that are in training."""


@dataclasses.dataclass(frozen=True)
class BlockPlan:
    """One block: networks of one point of a plan that differ in their seeds.

    Attributes:
        spec: The spec at the point.
        coordinates: Where in the plan: dotted field -> value, in the order of the axes.
        seeds: The seed of every network.
        n_lanes: Networks that are trained together, `block_size` of the plan; those beyond the seeds are thrown away.
    """

    spec: Spec
    coordinates: dict[str, Any]
    seeds: range
    n_lanes: int

    @property
    def table(self) -> dict[str, Any]:
        """The spec at the point without its seeds."""
        table = self.spec.to_dict()
        del table["training"]["seed"], table["training"]["n_seeds"]
        return table

    @functools.cached_property
    def key(self) -> str:
        """Hash of everything that decides the numbers of the block, 32 hexadecimal digits.

        Not of how many of its lanes are kept, so that a block that gains seeds stays the same block.
        """
        decides = {
            "spec": self.table,
            "coordinates": self.coordinates,
            "first_seed": self.seeds[0],
            "n_lanes": self.n_lanes,
            "engine_version": ENGINE_VERSION,
        }
        return hashlib.sha256(msgspec.json.encode(decides, order="sorted")).hexdigest()[:32]

    @property
    def point_number(self) -> int:
        """A number below 2^32 that belongs to the point, from which the keys of its networks derive.

        Networks of equal settings and seed are equal, also in blocks of other sizes and with other records.
        """
        table = self.table
        del table["training"]["record_every"]
        digest = hashlib.sha256(msgspec.json.encode(table, order="sorted")).digest()
        return int.from_bytes(digest[:4], "little")


@dataclasses.dataclass(frozen=True)
class Plan:
    """All blocks of a spec.

    Attributes:
        spec: The spec.
        blocks: In the order of the points, then of the seeds.
    """

    spec: Spec
    blocks: tuple[BlockPlan, ...]

    @property
    def axes(self) -> list[list[str]]:
        """The dotted fields of each axis."""
        return [list(axis.fields) for axis in self.spec.sweep.axes] if self.spec.sweep else []

    @property
    def n_networks(self) -> int:
        """Number of networks."""
        return sum(len(block.seeds) for block in self.blocks)


def make_plan(spec: Spec) -> Plan:
    """Cuts the networks of a spec into blocks.

    The networks of each point are cut by seed into blocks of `sweep.block_size`. Every block trains that many, also
    where fewer are wanted: all blocks of a shape have one compiled program, and the numbers of a network do not depend
    on how many others are asked for.

    Args:
        spec: The spec, with or without a sweep.
    """
    n_lanes = (spec.sweep or SweepSpec()).block_size
    blocks = []
    for point in spec.points:
        training = point.spec.training
        seeds = range(training.seed, training.seed + training.n_seeds)
        for first in range(0, len(seeds), n_lanes):
            blocks.append(BlockPlan(point.spec, point.coordinates, seeds[first : first + n_lanes], n_lanes))
    return Plan(spec, tuple(blocks))


def label(coordinates: dict[str, Any]) -> str:
    """Coordinates in words, by the last part of their fields; "" without any."""
    parts = []
    for field, value in coordinates.items():
        shown = f"{value:.6g}" if isinstance(value, float) else str(value)
        parts.append(f"{field.rsplit('.', 1)[-1]} {shown}")
    return ", ".join(parts)
