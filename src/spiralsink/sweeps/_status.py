"""How far a store has come, from its files alone; nothing in it is changed."""

from pathlib import Path

import msgspec
import numpy as np

from .._atomic import read_file
from .._errors import InvalidInput, Shown, SpiralsinkError
from ..data import SECONDS, Block, count_networks, list_blocks, read_block
from ..specs import parse
from ._ledger import Outcome, point_summaries
from ._plan import BlockPlan, Plan, make_plan
from ._store import Store
from ._summary import Summary


def status(store: Path | str) -> Summary:
    """What is stored of a plan, also while another program fills the store.

    Every block is read and compared with its digest. Damaged blocks are named in `errors` and count as not stored;
    the next run sets them aside. `failed` and the rest of `errors` are those of the last run, from its manifest.

    Args:
        store: Folder of the store.

    Returns:
        A `Summary`; its `seconds` are those that the stored networks took, on all processes together.

    Raises:
        InvalidInput: If the folder has no plan, or the plan cannot be read.
    """
    place = Store(store)
    file = place.path / "plan.toml"
    if not file.is_file():
        raise InvalidInput(str(place.path), Shown("a folder without plan.toml"), "the folder of a store")
    try:
        plan = make_plan(parse(read_file(file).decode()))
    except (SpiralsinkError, UnicodeDecodeError) as error:
        raise InvalidInput(str(file), Shown(f"a plan that cannot be read ({error})"), "the plan of a store") from None
    stored, damaged, seconds = {}, [], 0.0
    environments: dict[bytes, int] = {}
    found = list_blocks(place.path)
    for block in plan.blocks:
        path = found.get(block.key)
        if path is None:
            continue
        try:
            whole = read_block(path)
        except SpiralsinkError as error:
            if path.exists():  # else another program has just replaced it
                damaged.append(str(error))
            continue
        stored[block.key] = Outcome.of(path, whole, len(block.seeds))
        seconds += _seconds(whole)
        made = msgspec.json.encode(whole.header.environment, order="sorted")
        environments[made] = environments.get(made, 0) + len(whole.header.seeds)
    done = sum(_count(block, stored) for block in plan.blocks)
    failed, errors = _failures(place.path / "manifest.json", {block.key for block in plan.blocks} - set(stored))
    return Summary(
        networks=plan.n_networks,
        done=done,
        failed=failed,
        seconds=seconds,
        store=place.path,
        points=point_summaries(plan, stored),
        errors=(*damaged, *_strangers(place, plan), *errors),
        environments=tuple((msgspec.json.decode(made), count) for made, count in environments.items()),
    )


def stored_networks(plan: Plan, store: Path) -> dict[str, int]:
    """How many networks of a plan a store holds, by the key of the block; their numbers are not looked at."""
    found = list_blocks(store)
    counts = {block.key: count_networks(found[block.key]) for block in plan.blocks if block.key in found}
    return {block.key: len(block.seeds) for block in plan.blocks if counts.get(block.key, 0) >= len(block.seeds)}


def _strangers(place: Store, plan: Plan) -> tuple[str, ...]:
    """That there are blocks which the plan does not name, as after two programs with two plans."""
    strange = len(place.foreign(plan))
    return (f"{strange} blocks are not of plan.toml, and are in the dataset all the same",) if strange else ()


def _count(block: BlockPlan, stored: dict[str, Outcome]) -> int:
    return min(len(stored[block.key].loss), len(block.seeds)) if block.key in stored else 0


def _seconds(block: Block) -> float:
    found = [block.variables[name].values for name in SECONDS if name in block.variables]
    return float(np.nansum(found)) if found else 0.0


def _failures(manifest: Path, missing: set[str]) -> tuple[int, tuple[str, ...]]:
    """Networks and errors of the blocks that the last run could not compute and that are still missing."""
    try:
        blocks = msgspec.json.decode(manifest.read_bytes())["blocks"]
        failed = [each for each in blocks if each.get("error") and each["key"] in missing]
        return sum(each["networks"] for each in failed), tuple(each["error"] for each in failed)
    except (OSError, msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return 0, ()
