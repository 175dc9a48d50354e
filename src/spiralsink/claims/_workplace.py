"""Where a long measurement keeps its finished parts and says how far it is, so that the next run goes on from there."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import msgspec

from .._atomic import make_folder, read_file, write_file


@runtime_checkable
class Workplace(Protocol):
    """Keeps parts of a measurement by name."""

    def load(self, name: str, key: str) -> Any:
        """The part of that name that was saved with the same key, or None."""
        ...

    def save(self, name: str, key: str, part: Any, files: dict[str, bytes]) -> None:
        """Keeps a part, plain numbers and lists; and files beside it, by their names."""
        ...

    def files(self, name: str) -> dict[str, bytes]:
        """The files that were saved with the part of that name, which `load` has found."""
        ...

    def tell(self, note: str) -> None:
        """Says how far the measurement is."""
        ...


class Nowhere:
    """Keeps nothing and says nothing."""

    def load(self, name: str, key: str) -> Any:
        """None."""

    def save(self, name: str, key: str, part: Any, files: dict[str, bytes]) -> None:
        """Nothing."""

    def files(self, name: str) -> dict[str, bytes]:
        """None."""
        return {}

    def tell(self, note: str) -> None:
        """Nothing."""


@dataclasses.dataclass(frozen=True)
class WorkFolder:
    """Parts as JSON in a folder.

    Attributes:
        path: The folder; made when the first part is saved.
        tell: Called with a note of how far the measurement is.
    """

    path: Path
    tell: Callable[[str], None]

    def load(self, name: str, key: str) -> Any:
        """The part of that name that was saved with the same key, or None; also where a file is damaged or gone."""
        if not self._file(name).exists():
            return None
        try:
            record = msgspec.json.decode(read_file(self._file(name)))
        except msgspec.DecodeError:
            return None
        if not isinstance(record, dict) or record.get("key") != key:
            return None
        files = [self._file(name).with_name(each) for each in record.get("files", [])]
        return record.get("part") if all(each.exists() for each in files) else None

    def files(self, name: str) -> dict[str, bytes]:
        """The files that were saved with the part of that name, which `load` has found."""
        listed = msgspec.json.decode(read_file(self._file(name)))["files"]
        return {each: read_file(self._file(name).with_name(each)) for each in listed}

    def save(self, name: str, key: str, part: Any, files: dict[str, bytes]) -> None:
        """Keeps a part, whole or not at all, with files beside it."""
        make_folder(self._file(name).parent)
        for file_name, content in files.items():
            write_file(self._file(name).with_name(file_name), content)
        write_file(self._file(name), msgspec.json.encode({"key": key, "files": list(files), "part": part}) + b"\n")

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.json"
