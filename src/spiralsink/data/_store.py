"""A store as one labelled dataset, and the networks behind it."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from .._errors import InvalidInput, MissingExtra, Shown, check_number
from ..networks import RecurrentNetwork, Tied, stack_networks
from ..training import Variable, labelled
from ._block import BlockHeader, list_blocks, read_block, read_columns, read_header
from ._rows import Part, Rows

LAZY_ABOVE = 128 * 2**20
# a file that is listed and never there is no sign of another run
_LISTINGS = 10


class _Opened(NamedTuple):
    """A block of which the large variables are perhaps still in its file."""

    path: Path
    header: BlockHeader
    dims: dict[str, tuple[str, ...]]
    parts: dict[str, Part]


def open_store(store: Path | str, *, lazy_above: Any = LAZY_ABOVE) -> Any:
    """The dataset of all networks of a store, in the order of their coordinates, then of their seeds.

    Dimension `network`; the fields that the plan varies are coordinates along it, named by their last part, and so
    are `seed` and `p`. The variables are those of `FitResult.to_dataset`, NaN-padded where networks differ in size,
    and `seconds_*`. `as_grid` unstacks the networks.

    Every block is read once and compared with its hash. In a large store, variables with further dimensions, such as
    `projections` and `history_loss`, stay in the files: what is selected of them is read, and compared again, when its
    values are asked for, one block at a time, and is not kept; `dataset.load()` reads all of it. Blocks that another
    run adds meanwhile may be missing.

    Args:
        store: Folder of the store.
        lazy_above: Bytes that the variables with further dimensions may take together in memory, >= 0; more stay in
            the files. 0 leaves them there always, infinity never.

    Raises:
        InvalidInput: If the folder holds no blocks, or one of them is damaged; for a variable that stayed in the
            files also when it is read, if a block has changed or gone.
        MissingExtra: If xarray is not installed.
    """
    if not (isinstance(lazy_above, float) and lazy_above == np.inf):
        check_number("lazy_above", lazy_above, "a number of bytes >= 0", lambda value: value >= 0)
    blocks = _opened(Path(store), float(lazy_above))
    first = blocks[0].header
    coordinates = {
        _last(field): _column(block.header.coordinates.get(field) for block in blocks for _ in block.header.seeds)
        for field in first.coordinates
    }
    coordinates["seed"] = np.array([seed for block in blocks for seed in block.header.seeds])
    p = [block.header.spec.get("process", {}).get("p") for block in blocks for _ in block.header.seeds]
    if "p" not in coordinates and all(isinstance(each, float) for each in p):
        coordinates["p"] = np.array(p)
    attributes = {
        "store": Path(store).name,
        "axes": msgspec.json.encode([[_last(field) for field in axis] for axis in first.axes]).decode(),
        "engine_version": " ".join(sorted({str(block.header.engine_version) for block in blocks})),
        "spec": msgspec.json.encode(first.spec).decode(),
    }
    return labelled(_joined(blocks, float(lazy_above)), coordinates=coordinates, attributes=attributes)


def load_networks(store: Path | str, index: Any) -> RecurrentNetwork:
    """Networks of a store with their trained weights.

    Args:
        store: Folder of the store.
        index: Positions along `network` of the dataset that `open_store` returns: an int for a single network; a
            slice, ints or one truth value per network for a stack.

    Raises:
        InvalidInput: If a position is outside of the store, or the networks differ in kind or size.
    """
    return load_stacks(store, [index])[0]


def load_stacks(store: Path | str, indices: Iterable[Any]) -> list[RecurrentNetwork]:
    """`load_networks` for each of several indices, for which the blocks of the store are listed once.

    Args:
        store: Folder of the store.
        indices: As `index` of `load_networks`; networks of one index are of one kind and size.

    Raises:
        InvalidInput: As `load_networks`.
    """
    blocks = _ordered(_read_all(Path(store), lambda path: (path, read_header(path))))
    return [_load(blocks, index) for index in indices]


def _load(blocks: list[tuple[Path, BlockHeader]], index: Any) -> RecurrentNetwork:
    owner = np.repeat(np.arange(len(blocks)), [len(header.seeds) for _, header in blocks])
    lane = np.concatenate([np.arange(len(header.seeds)) for _, header in blocks])
    try:
        chosen = np.arange(len(owner))[index]
    except (IndexError, TypeError):
        raise InvalidInput("index", index, f"positions below {len(owner)}, the number of networks") from None
    if chosen.ndim == 0:
        return read_block(blocks[int(owner[chosen])][0]).networks[int(lane[chosen])]
    if not chosen.size:
        raise InvalidInput("index", index, "at least one network")
    wanted = chosen.ravel()
    # block by block, then back into the order that was asked for
    order = np.argsort(owner[wanted], kind="stable")
    parts = [
        read_block(blocks[each][0]).networks[lane[wanted[owner[wanted] == each]]] for each in np.unique(owner[wanted])
    ]
    return _end_to_end(parts)[np.argsort(order)]


def load_headers(store: Path | str) -> list[BlockHeader]:
    """What the blocks of a store say about themselves, in the order of the dataset that `open_store` returns.

    Args:
        store: Folder of the store.

    Raises:
        InvalidInput: If the folder holds no blocks, or one cannot be read.
    """
    return [header for _, header in _ordered(_read_all(Path(store), lambda path: (path, read_header(path))))]


def _end_to_end(stacks: list[RecurrentNetwork]) -> RecurrentNetwork:
    """Stacks with one axis as one; their kinds and sizes are equal, or an error says so."""
    like = stack_networks(each[0] for each in stacks)

    def join(values: list[Any]) -> Any:
        return None if values[0] is None else np.concatenate([np.asarray(each) for each in values])

    lags = [np.broadcast_to(each.W_y.lag, each.stack) for each in stacks if isinstance(each.W_y, Tied)]
    return RecurrentNetwork(
        join([each.W_x for each in stacks]),
        join([each.W_h for each in stacks]),
        Tied(join(lags)) if lags else join([each.W_y for each in stacks]),
        recurrence=like.recurrence,
        readout=like.readout,
        b_h=join([each.b_h for each in stacks]),
        b_y=join([each.b_y for each in stacks]),
        leak=join([np.broadcast_to(each.leak, each.stack) for each in stacks]),
    )


def _opened(store: Path, lazy_above: float) -> list[_Opened]:
    """All blocks in their order, with their large variables as long as these are within what may be kept."""
    kept, seen = 0.0, []

    def read(path: Path) -> _Opened:
        nonlocal kept
        header, variables = read_columns(path)
        parts = {name: Part(values.shape, values.dtype, values, path, name) for name, (_, values) in variables.items()}
        block = _Opened(path, header, {name: dims for name, (dims, _) in variables.items()}, parts)
        large = [name for name, dims in block.dims.items() if dims[0] == "network" and len(dims) > 1]
        kept += sum(variables[name].values.nbytes for name in large)
        seen.append((parts, large))
        if kept > lazy_above:
            for held, names in seen:
                held |= {name: held[name]._replace(values=None) for name in names}
            seen.clear()
        return block

    return _ordered(_read_all(store, read))


def _read_all(store: Path, read: Callable[[Path], Any]) -> list[Any]:
    """Reads every block once; where one gave way to another file after it was listed, that one."""
    found: dict[str, Any] = {}
    listed = list_blocks(store)
    for listing in range(_LISTINGS):
        gone = False
        for key, path in listed.items():
            try:
                found[key] = read(path)
            except InvalidInput:
                if path.exists() or listing == _LISTINGS - 1:
                    raise
                gone = True
        if not gone:
            break
        listed = {key: path for key, path in list_blocks(store).items() if key not in found}
    if not found:
        raise InvalidInput(str(store), Shown("a folder without blocks"), "the folder of a store")
    return list(found.values())


def _ordered(blocks: list[Any]) -> list[Any]:
    """In the order of their coordinates, then of their seeds; each begins with its path and its header."""

    def place(item: tuple[Any, ...]) -> tuple[Any, ...]:
        header = item[1]
        return (*map(_sortable, header.coordinates.values()), header.seeds[:1], item[0].name)

    return sorted(blocks, key=place)


def _sortable(value: Any) -> tuple[float, str]:
    number = isinstance(value, int | float)
    return (float(value), "") if number else (np.inf, msgspec.json.encode(value, order="sorted").decode())


def _last(field: str) -> str:
    return field.rsplit(".", 1)[-1]


def _column(values: Any) -> np.ndarray:
    values = list(values)
    if all(isinstance(each, int | float) for each in values):
        return np.array(values)
    words = [each if isinstance(each, str) else msgspec.json.encode(each, order="sorted").decode() for each in values]
    return np.array(words, dtype=object)


def _joined(blocks: list[_Opened], lazy_above: float) -> dict[str, Variable]:
    names: dict[str, tuple[str, ...]] = {}
    for block in blocks:
        names = block.dims | names
    steps = {block.parts["step"].read().tobytes() for block in blocks if "step" in block.parts}
    if len(steps) > 1:
        blocks, names["step"] = [_steps_by_network(block) for block in blocks], ("network", "record")
    sizes: dict[str, int] = {}
    for block in blocks:
        for name, part in block.parts.items():
            sizes |= {dim: max(size, sizes.get(dim, 0)) for dim, size in zip(block.dims[name], part.shape, strict=True)}
    rows = {
        name: Rows([_part(block, name, len(dims)) for block in blocks], tuple(sizes[dim] for dim in dims[1:]))
        for name, dims in names.items()
        if dims[0] == "network"
    }
    large = sum(each.dtype.itemsize * np.prod(each.shape) for each in rows.values() if len(each.shape) > 1)
    joined = {}
    for name, dims in names.items():
        if dims[0] != "network":
            values: Any = next(block.parts[name].read() for block in blocks if name in block.parts)
        elif len(dims) > 1 and large > lazy_above:
            values = _lazy(rows[name])
        else:
            values = rows[name].take((slice(None),) * len(dims))
        joined[name] = Variable(dims, values)
    return joined


def _lazy(rows: Rows) -> Any:
    try:
        from ._lazy import lazily
    except ImportError:
        raise MissingExtra("xarray", "data") from None
    return lazily(rows)


def _part(block: _Opened, name: str, n_dims: int) -> Part:
    """The rows of a block; none where its points do not have the variable, such as terms of a sampled loss."""
    if name in block.parts:
        return block.parts[name]
    return Part((len(block.header.seeds), *(0,) * (n_dims - 1)), np.float64, None, block.path, None)


def _steps_by_network(block: _Opened) -> _Opened:
    if "step" not in block.parts:
        return block
    steps = block.parts["step"].read().astype(np.float64)
    # a view, so that it takes no memory
    rows = np.broadcast_to(steps, (len(block.header.seeds), len(steps)))
    part = Part(rows.shape, rows.dtype, rows, block.path, "step")
    return block._replace(dims=block.dims | {"step": ("network", "record")}, parts=block.parts | {"step": part})
