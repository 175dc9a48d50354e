"""How far a store has come, from its files alone; nothing in it is changed."""

from pathlib import Path

import msgspec
import numpy as np

from .._atomic import read_file
from .._errors import InvalidInput, Shown, SpiralsinkError
from ..data import SECONDS, Block, list_blocks, read_block
from ..specs import parse
from ._plan import BlockPlan, make_plan
from ._run import Outcome, point_summaries
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
    found, stored, damaged, seconds = list_blocks(place.path), {}, [], 0.0
    for block in plan.blocks:
        path = found.get(block.key)
        if path is None:
            continue
        try:
            whole = read_block(path)
        except SpiralsinkError as error:
            damaged.append(str(error))
            continue
        stored[block.key] = Outcome.of(path, whole)
        seconds += _seconds(whole)
    done = sum(_count(block, stored) for block in plan.blocks)
    failed, errors = _failures(place.path / "manifest.json", {block.key for block in plan.blocks} - set(stored))
    return Summary(
        networks=plan.n_networks,
        done=done,
        failed=failed,
        seconds=seconds,
        store=place.path,
        points=point_summaries(plan, stored),
        errors=(*damaged, *errors),
    )


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
