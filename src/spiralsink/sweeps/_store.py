"""Stores: folders in which finished blocks are whole files, whatever happens to the program that writes them."""

import contextlib
import math
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from .._atomic import make_folder, read_file, reason, write_file
from .._errors import InvalidInput, Shown
from ..data import Block, DamagedBlock, block_file, count_networks, list_blocks, read_block, read_header, seconds_file
from ..specs import Spec, parse
from ._plan import ENGINE_VERSION, UNFINISHED, BlockPlan, Plan, label, make_plan

_ABANDONED_AFTER = 3600.0
_SHARE_OF_TIME = 0.02  # that may go into listing a folder of very many blocks
_OLDEST_LIST = 10.0


class Store:
    """A folder with `plan.toml`, `blocks/`, `seconds/`, `unfinished/`, `aside/` and `manifest.json`.

    Attributes:
        path: The folder.
        set_aside: Names of blocks that were damaged when they were looked at, now in `aside/`.
        replaced: Names of blocks that gave way to one with as many seeds or more, now in `aside/`.
    """

    def __init__(self, path: Any):
        if not isinstance(path, str | os.PathLike) or path == "":
            raise InvalidInput("store", path, "the name of a folder")
        self.path = Path(path)
        self.set_aside: list[str] = []
        self.replaced: list[str] = []
        self._names: dict[str, list[str]] = {}
        self._good_until = -math.inf  # of these names

    def check(self, plan: Plan) -> None:
        """Looks whether the folder is, or can become, a store of the plan; changes nothing.

        Raises:
            InvalidInput: If it is a file or below one, or holds blocks that the plan does not have.
        """
        there = next((each for each in (self.path, *self.path.parents) if os.path.lexists(each)), Path())
        if not os.path.isdir(there):
            where = "" if there == self.path else f" at {there}"
            raise InvalidInput(str(self.path), Shown(f"a file{where}"), "a folder")
        before = self._stored_spec()
        foreign = self.foreign(plan)
        if foreign:
            given = Shown(f"{len(foreign)} blocks of another plan")
            hint = (before and next(_differences("", before.to_dict(), plan.spec.to_dict()), "")) or _about(foreign[0])
            raise InvalidInput(str(self.path), given, "a new folder or a store of this plan", hint=hint)

    def foreign(self, plan: Plan) -> list[Path]:
        """The blocks that a plan does not have, or has with fewer seeds; damaged ones do not count."""
        wanted = {block.key: len(block.seeds) for block in plan.blocks}
        counts = {path: (key, count_networks(path)) for key, path in list_blocks(self.path).items()}
        return [path for path, (key, count) in counts.items() if count > wanted.get(key, 0)]

    def prepare(self, plan: Plan) -> None:
        """Makes the folder.

        Raises:
            InvalidInput: If `check` raises, or the folder cannot be written.
        """
        self.check(plan)
        for name in ("blocks", "seconds"):
            make_folder(self.path / name)

    def write_plan(self, plan: Plan, *, shared: bool) -> None:
        """Writes the plan.

        Args:
            plan: The plan.
            shared: Whether another program fills the store.

        Raises:
            InvalidInput: If that one has blocks in mind which this plan does not have; or if nothing can be written.
        """
        before = self._stored_spec() if shared else None
        if before is not None:
            wanted = {block.key: len(block.seeds) for block in plan.blocks}
            if any(len(block.seeds) > wanted.get(block.key, 0) for block in make_plan(before).blocks):
                given = Shown("one that another program fills with another plan")
                hint = next(_differences("", before.to_dict(), plan.spec.to_dict()), "")
                raise InvalidInput(str(self.path), given, "a store of this plan", hint=hint)
        write_file(self.path / "plan.toml", (plan.spec.source or plan.spec.to_toml()).encode())

    @contextlib.contextmanager
    def joined(self) -> Iterator[bool | None]:
        """Marks the store as being filled; whether another program of this machine fills it, too.

        None where the file system has no locks. Programs do no harm to each other, so nothing is lost but time.
        """
        folder = os.open(self.path / "blocks", os.O_RDONLY)
        try:
            alone = _locks_alone(folder)
            if alone:
                self._tidy()
            yield None if alone is None else not alone
            if _locks_alone(folder):
                with contextlib.suppress(OSError):
                    (self.path / UNFINISHED).rmdir()  # unless something is in it
        finally:
            os.close(folder)

    def count(self) -> int:
        """Number of blocks that are stored, whatever they hold."""
        return len(list_blocks(self.path))

    def finished(self, plan: Plan) -> Iterator[tuple[BlockPlan, Path, Block]]:
        """The blocks of the plan that are stored whole, with all their seeds; damaged ones are moved to `aside/`."""
        found = list_blocks(self.path)
        for block in plan.blocks:
            path = found.get(block.key)
            if path is not None and (stored := self._whole(block, path)) is not None:
                yield block, path, stored

    def find(self, block: BlockPlan) -> tuple[Path, Block] | None:
        """A block that was stored whole meanwhile, by another program, up to some seconds ago."""
        for path in self._files(block.key):
            if count_networks(path) >= len(block.seeds) and (stored := self._whole(block, path)) is not None:
                return path, stored
        return None

    def write(self, key: str, content: bytes, seconds: Mapping[str, float]) -> Path:
        """Stores a finished block, and what it took; then moves what it replaces to `aside/`.

        Of several files of one block, which programs of other plans or on other machines may have stored meanwhile,
        the one with most networks stays, and of these the first by name: all programs agree which, and none moves it.
        """
        path = self.path / "blocks" / block_file(key, content)
        write_file(seconds_file(path), msgspec.json.encode(seconds, order="sorted"))
        write_file(path, content)
        files = {path, *self._files(key)}
        if len(files) > 1:
            ordered = sorted(files, key=lambda each: (-count_networks(each), each.name))
            self.replaced += [each.name for each in ordered[1:] if self._put_aside(each)]
            path = ordered[0]
        return path

    def _files(self, key: str) -> list[Path]:
        """The files of a block, from a list of the folder that is as old as making it is dear."""
        began = time.monotonic()
        if began > self._good_until:
            self._names = {}
            for name in sorted(os.listdir(self.path / "blocks")):
                if name.endswith(".safetensors") and not name.startswith("."):
                    self._names.setdefault(name.partition(".")[0], []).append(name)
            took = time.monotonic() - began
            self._good_until = began + took + min(took / _SHARE_OF_TIME, _OLDEST_LIST)
        return [self.path / "blocks" / name for name in self._names.get(key, ())]

    def _tidy(self) -> None:
        """Removes what killed programs had begun to write, long ago, and checkpoints of blocks that are stored."""
        stored = list_blocks(self.path)
        for path in stored.values():
            # one whose key is that of no plan is looked at by nobody else
            if not count_networks(path):
                with contextlib.suppress(InvalidInput):
                    if self._put_aside(path):
                        self.set_aside.append(path.name)
        for checkpoint in (self.path / UNFINISHED).glob("*.safetensors"):
            if checkpoint.name.partition(".")[0] in stored:
                with contextlib.suppress(OSError):
                    checkpoint.unlink()
        for unfinished in [*self.path.glob(".*.tmp"), *self.path.glob("*/.*.tmp")]:
            with contextlib.suppress(OSError):
                if time.time() - unfinished.stat().st_mtime > _ABANDONED_AFTER:
                    unfinished.unlink()

    def write_manifest(self, table: dict[str, Any]) -> None:
        """Writes `manifest.json`, a cache of what the blocks say."""
        write_file(self.path / "manifest.json", msgspec.json.format(msgspec.json.encode(table), indent=1) + b"\n")

    def _whole(self, block: BlockPlan, path: Path) -> Block | None:
        """The block, if the file is whole and has its seeds; what cannot be read now may still be whole."""
        try:
            stored = read_block(path)
        except DamagedBlock:
            if self._put_aside(path):
                self.set_aside.append(path.name)
            return None
        except InvalidInput:
            if path.exists():
                raise
            return None  # another program has moved it
        return stored if stored.header.seeds[: len(block.seeds)] == list(block.seeds) else None

    def _put_aside(self, path: Path) -> bool:
        """Whether there was something to move; another program may have done it."""
        make_folder(self.path / "aside")
        try:
            os.replace(path, self.path / "aside" / path.name)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise InvalidInput(str(path), reason(error), "a block that can be moved to aside/") from None
        return True

    def _stored_spec(self) -> Spec | None:
        """The plan that the store is of, if it can be read; one of a newer version is refused."""
        file = self.path / "plan.toml"
        try:
            return parse(read_file(file).decode()) if file.is_file() else None
        except InvalidInput as error:
            if error.field == "format":
                raise InvalidInput(f"{file}: format", error.value, error.allowed, hint=error.hint) from None
            return None
        except UnicodeDecodeError:
            return None


def _about(path: Path) -> str:
    """What a block is of, in words."""
    header = read_header(path)
    if header.engine_version != ENGINE_VERSION:
        return f"made by version {header.engine_version} of the engine, this is {ENGINE_VERSION}"
    return f"such as {label(header.coordinates) or 'the one'} with seeds {header.seeds[0]} to {header.seeds[-1]}"


def _locks_alone(folder: int) -> bool | None:
    """Whether no other program holds the lock of a folder; this one does from then on. None where nobody can tell."""
    try:
        import fcntl
    except ImportError:
        return None
    with contextlib.suppress(OSError):
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
        fcntl.flock(folder, fcntl.LOCK_SH)
        return True
    return None


def _differences(where: str, before: Any, now: Any) -> Any:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*before, *(each for each in now if each not in before)]:
            yield from _differences(f"{where}.{name}".lstrip("."), before.get(name), now.get(name))
    elif before != now:
        shown = [Shown("nothing") if each is None else repr(each) for each in (before, now)]
        yield f"there {where} is {shown[0]}, here {shown[1]}"
