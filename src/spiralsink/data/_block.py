"""Blocks: the files of a store. Each holds some networks, what is known of them, and how they came about."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np
import safetensors
import safetensors.numpy
from msgspec import Meta

from .._atomic import read_file, reason
from .._errors import InvalidInput, Shown, SpiralsinkError
from .._status import Status
from .._tables import read_table
from .._tensors import TENSORS, Description, check_format, from_tensors, read_description, to_tensors
from ..networks import RecurrentNetwork
from ..training import REGIMES, Variable

FORMAT = 1
SECONDS = ("seconds_training", "seconds_measuring")
"""What differs between two runs, so it is beside the blocks and not in them."""

_KEY = "spiralsink"
_NAME = re.compile(r"(?P<key>\w+)\.[0-9a-f]{32}\.safetensors")
_WORDS = {"status": tuple(str(each) for each in Status), "regime": ("", *REGIMES)}
_TABLE = Annotated[dict[str, Any], Meta(description="a table")]
_TEXT = Annotated[str, Meta(description="a string")]
_COUNT = Annotated[int, Meta(ge=1, description="a whole number >= 1")]


class DamagedBlock(InvalidInput):
    """A file that was read, and is not the block that its name promises."""


class BlockHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a block says about itself.

    Attributes:
        key: Hash of what was to be computed; the first part of the name of the file.
        engine_version: Number that is raised by hand when the numbers of training change.
        network: Description of the networks, as in files of networks.
        spec: The spec at the point, every default filled in.
        coordinates: Where in the plan: dotted field -> value, in the order of the axes.
        axes: The dotted fields of each axis of the plan.
        seeds: The seed of every network.
        environment: Versions, machine and engine.
        dims: The axes of every variable.
    """

    format: _COUNT
    kind: _TEXT
    key: _TEXT
    engine_version: _COUNT
    network: _TABLE
    spec: _TABLE
    coordinates: _TABLE
    axes: Annotated[list[list[str]], Meta(description="a list of lists of fields")]
    seeds: Annotated[list[int], Meta(description="a list of whole numbers")]
    environment: _TABLE
    dims: Annotated[dict[str, list[str]], Meta(description="a table of lists of names")]

    @property
    def description(self) -> Description:
        """The description of the networks."""
        return read_description(self.network)


class Block(NamedTuple):
    """A block in memory: its header, its networks and the variables of the dataset."""

    header: BlockHeader
    networks: RecurrentNetwork
    variables: dict[str, Variable]


def encode_block(header: BlockHeader, networks: RecurrentNetwork, variables: Mapping[str, Variable]) -> bytes:
    """The bytes of a block; the same block gives the same bytes."""
    tensors = to_tensors(networks)
    for name, (_, values) in variables.items():
        if name in _WORDS:
            values = np.array([_WORDS[name].index(word) for word in values], np.int8)
        tensors[f"data.{name}"] = np.ascontiguousarray(values)
    text = msgspec.json.encode(header, order="sorted").decode()
    return safetensors.numpy.save(tensors, metadata={_KEY: text})


def block_file(key: str, content: bytes) -> str:
    """The name of the file of a block: its key and the hash of its bytes."""
    return f"{key}.{digest(content)}.safetensors"


def digest(content: bytes) -> str:
    """32 hexadecimal digits of the SHA-256 of some bytes."""
    return hashlib.sha256(content).hexdigest()[:32]


def list_blocks(store: Path) -> dict[str, Path]:
    """The blocks of a store by key; of several files with one key, the first by name of those with most networks.

    Files that are not named like blocks, such as those of an interrupted write, are left out.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted((store / "blocks").glob("*.*.safetensors")):
        if named := _NAME.fullmatch(path.name):
            found.setdefault(named["key"], []).append(path)
    return {key: paths[0] if len(paths) == 1 else max(paths, key=count_networks) for key, paths in found.items()}


def count_networks(path: Path) -> int:
    """How many networks a block says it holds; 0 if it does not say."""
    try:
        return len(read_header(path).seeds)
    except SpiralsinkError:
        return 0


def seconds_file(path: Path) -> Path:
    """Where a store keeps how long a network of a block took: `seconds/`, under the name of the block."""
    return path.parent.parent / "seconds" / f"{path.stem}.json"


def read_header(path: Path) -> BlockHeader:
    """The header of a block, without its numbers and without checking them.

    Raises:
        InvalidInput: If the file cannot be read or is not a block.
    """
    try:
        with safetensors.safe_open(path, "numpy") as stored:
            metadata = stored.metadata() or {}
    except OSError as error:
        raise InvalidInput(str(path), reason(error), "a file that can be read") from None
    except safetensors.SafetensorError as error:
        raise _damaged(path, error) from None
    return _read_text(path, metadata.get(_KEY))


def read_block(path: Path) -> Block:
    """A block, after its bytes were compared with the hash in its name; NaN for seconds that are not known.

    Raises:
        InvalidInput: If the file cannot be read, is damaged or is not a block.
    """
    header, tensors = _read(path)
    weights = {name: tensors[name] for name in TENSORS if name in tensors}
    return Block(header, from_tensors(weights, header.description), _read_variables(path, header, tensors))


def read_columns(path: Path) -> tuple[BlockHeader, dict[str, Variable]]:
    """The header and the variables of a block without its networks, read and checked as by `read_block`.

    Raises:
        InvalidInput: If the file cannot be read, is damaged or is not a block.
    """
    header, tensors = _read(path)
    return header, _read_variables(path, header, tensors)


def read_array(path: Path, name: str) -> np.ndarray:
    """One variable of numbers of a block, read and checked as by `read_block`.

    Raises:
        InvalidInput: If the file cannot be read, is damaged or does not have the variable.
    """
    try:
        return _load(path, _checked(path))[f"data.{name}"]
    except KeyError as error:
        raise _damaged(path, error) from None


def _checked(path: Path) -> bytes:
    content = read_file(path)
    if path.name != block_file(path.name.split(".", 1)[0], content):
        raise _damaged(path, "its bytes do not match the hash in its name")
    return content


def _load(path: Path, content: bytes) -> dict[str, np.ndarray]:
    try:
        return safetensors.numpy.load(content)
    except safetensors.SafetensorError as error:
        raise _damaged(path, error) from None


def _read(path: Path) -> tuple[BlockHeader, dict[str, np.ndarray]]:
    """The header and all tensors, from one reading of the file."""
    content = _checked(path)
    tensors = _load(path, content)
    # loaded, so it begins with eight bytes that count those of a table in JSON
    table = msgspec.json.decode(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return _read_text(path, table.get("__metadata__", {}).get(_KEY)), tensors


def _read_variables(path: Path, header: BlockHeader, tensors: Mapping[str, np.ndarray]) -> dict[str, Variable]:
    variables = {}
    for name, dims in header.dims.items():
        try:
            values = tensors[f"data.{name}"]
            if name in _WORDS:
                values = np.array(_WORDS[name], dtype=object)[values]
        except (KeyError, IndexError) as error:
            raise _damaged(path, error) from None
        variables[name] = Variable(tuple(dims), values)
    return variables | _read_seconds(path, len(header.seeds))


def _read_seconds(path: Path, count: int) -> dict[str, Variable]:
    try:
        table = msgspec.json.decode(seconds_file(path).read_bytes(), type=dict[str, float])
    except (OSError, msgspec.DecodeError):
        table = {}
    return {name: Variable(("network",), np.full(count, table.get(name, np.nan))) for name in SECONDS}


def _read_text(path: Path, text: str | None) -> BlockHeader:
    try:
        table = msgspec.json.decode(text or "null")
        check_format(table, FORMAT)
        header = read_table(BlockHeader, table)
    except msgspec.DecodeError as error:
        raise _damaged(path, error) from None
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {error.field}", error.value, error.allowed, hint=error.hint) from None
    if header.kind != "block":
        raise InvalidInput(f"{path}: kind", header.kind, "block")
    return header


def _damaged(path: Path, why: Any) -> DamagedBlock:
    hint = "run the command that made the store again to compute it anew"
    return DamagedBlock(str(path), Shown(f"a damaged one: {' '.join(str(why).split())}"), "a whole block", hint=hint)
