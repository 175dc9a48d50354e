"""The folder of a run: claims.json, and for each claim its figure, its data, its networks and the record of its result.

The record is written last, so a claim is finished exactly when its record and the files that it names are there.
"""

import functools
import hashlib
from pathlib import Path
from typing import Any

import msgspec

from .._atomic import make_folder, read_file, write_file
from .._errors import InvalidInput, MissingExtra, Shown
from .._version import __version__
from ._claim import Budget, Claim
from ._registry import bar_record

_FORMAT = 1


class Folder:
    """Where the results of claims lie. All paths in the files are relative to it.

    Attributes:
        path: The folder named on the command line.
    """

    def __init__(self, path: Any):
        if not str(path):
            raise InvalidInput("out", "", "the name of a folder")
        self.path = Path(path)
        if self.path.exists() and not self.path.is_dir():
            raise InvalidInput("out", Shown(f"the file {self.path}"), "a folder")

    @property
    def summary(self) -> Path:
        return self.path / "claims.json"

    def figure(self, claim_id: str) -> Path:
        """Path of a claim's figure without suffix."""
        return self.path / "figures" / claim_id

    def has_figure(self, claim_id: str) -> bool:
        figure = self.figure(claim_id)
        return all(figure.with_name(f"{figure.name}.{kind}").exists() for kind in ("png", "svg"))

    def data(self, claim_id: str) -> Path:
        return self.path / "data" / f"{claim_id}.nc"

    def networks(self, claim_id: str) -> Path:
        return self.path / "networks" / claim_id

    def work(self, group: str) -> Path:
        """What is finished of measurements that take long; claims of a group may share it."""
        return self.path / "work" / group

    def record(self, claim_id: str) -> Path:
        return self.path / "data" / f"{claim_id}.json"

    def relative(self, path: Path) -> str:
        return path.relative_to(self.path).as_posix()

    def load_record(self, claim: Claim, key: str) -> dict[str, Any] | None:
        """The result of a claim that was finished with the same key, or None."""
        record = self._read_record(claim.id)
        if record is None or record.get("key") != key or record.get("error"):
            return None
        outcome = record["outcome"]
        files = [outcome["data"], *outcome["networks"]]
        return outcome if all(each and (self.path / each).exists() for each in files) else None

    def check_replaceable(self, claim: Claim, budget: Budget) -> None:
        """Raises if a run would replace a finished result of another seed, or a quick one that of a full one."""
        record = self._read_record(claim.id)
        if record is None or record.get("error"):
            return
        if record.get("scale") == "full" and budget.scale == "quick":
            given = Shown(f"{self.path}, which holds {claim.id} at scale full")
            raise InvalidInput("out", given, "another folder for scale quick", hint="or use --fresh")
        if record.get("seed", budget.seed) != budget.seed:
            given = Shown(f"{self.path}, which holds {claim.id} of seed {record['seed']}")
            raise InvalidInput("out", given, f"another folder for seed {budget.seed}", hint="or use --fresh")

    def save_record(self, claim: Claim, key: str, budget: Budget, outcome: dict[str, Any]) -> None:
        """Marks a claim as finished."""
        record = {
            "format": _FORMAT,
            "key": key,
            "scale": budget.scale,
            "seed": budget.seed,
            "error": outcome["error"],
            "outcome": outcome,
        }
        self._write(self.record(claim.id), record)

    def save_traceback(self, claim: Claim, text: str) -> None:
        """Keeps where a claim stopped; not part of its result, because it names the machine's own paths."""
        path = self.path / "errors" / f"{claim.id}.txt"
        make_folder(path.parent)
        write_file(path, text.encode())

    def remove_traceback(self, claim: Claim) -> None:
        """Forgets where a claim stopped, once it did not."""
        (self.path / "errors" / f"{claim.id}.txt").unlink(missing_ok=True)

    def save_data(self, claim: Claim, dataset: Any) -> None:
        """Writes a dataset as NetCDF."""
        path = self.data(claim.id)
        make_folder(path.parent)
        dataset = dataset.assign_attrs(claim=claim.id, statement=claim.statement, spiralsink_version=__version__)
        write_dataset(path, dataset)

    def load_data(self, claim_id: str) -> Any:
        """The dataset of a claim, in memory."""
        xarray = require_xarray()
        with xarray.open_dataset(self.data(claim_id), engine="h5netcdf") as dataset:
            return dataset.load()

    def save_summary(self, document: dict[str, Any]) -> None:
        """Writes claims.json."""
        self._write(self.summary, document)

    def load_summary(self) -> dict[str, Any]:
        """Reads claims.json.

        Raises:
            InvalidInput: If it is missing or is not the summary of a run.
        """
        if not self.summary.exists():
            raise InvalidInput("out", Shown(f"{self.path}, without claims.json"), "the folder of an earlier run")
        try:
            document = msgspec.json.decode(read_file(self.summary))
            if isinstance(document, dict) and isinstance(document["claims"], list):
                return document
        except (msgspec.DecodeError, KeyError, RecursionError):
            pass
        raise InvalidInput("out", Shown(f"{self.summary}, which is something else"), "the folder of an earlier run")

    def _read_record(self, claim_id: str) -> dict[str, Any] | None:
        path = self.record(claim_id)
        if not path.exists():
            return None
        try:
            record = msgspec.json.decode(read_file(path))
        except (msgspec.DecodeError, RecursionError):
            return None
        whole = isinstance(record, dict) and record.get("format") == _FORMAT and "outcome" in record
        return record if whole else None

    def _write(self, path: Path, content: Any) -> None:
        make_folder(path.parent)
        write_file(path, msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")


def claim_key(claim: Claim, budget: Budget) -> str:
    """A hash of all that decides a result: the claim, its settings and bars, the scale, the seed and the code."""
    decided = {
        "claim": claim.id,
        "settings": claim.settings(budget),
        "bars": {name: bar_record(bar) for name, bar in claim.bars.items()},
        "scale": budget.scale,
        "seed": budget.seed,
        "version": __version__,
        "code": code_digest(),
    }
    return hashlib.sha256(msgspec.json.encode(decided, order="sorted")).hexdigest()[:32]


@functools.cache
def code_digest() -> str:
    """A hash of the package's own code, so that no result outlives the code that made it."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(each for each in root.rglob("*") if each.suffix in (".py", ".cpp", ".h")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def write_dataset(path: Path, dataset: Any) -> None:
    """Writes a dataset as NetCDF, whole or not at all."""
    write_file(path, bytes(dataset.to_netcdf(engine="h5netcdf")))


def require_xarray() -> Any:
    """The xarray module; `MissingExtra` names the command that installs it."""
    try:
        import h5netcdf  # noqa: F401
        import xarray
    except ImportError as error:
        raise MissingExtra(error.name or "xarray", "data") from None
    return xarray
