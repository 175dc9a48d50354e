"""Large stores: what stays in the files, that it is the same there, and what happens to files meanwhile."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import spiralsink as sk
from cases.stores import DIMS, block_content, large_store, write_store
from spiralsink.data import as_grid, list_blocks, load_networks, open_store

# of several sizes, some without terms; in another order on the disk than in the dataset
UNLIKE = [
    {"coordinates": {"process.p": 0.5}, "seeds": range(4), "lags": 3, "modes": 3},
    {"coordinates": {"process.p": 0.25}, "seeds": range(4, 6), "records": 5, "terms": False},
    {"coordinates": {"process.p": 0.25}, "seeds": range(3), "records": 5},
    {"coordinates": {"process.p": 1.0}, "seeds": range(1), "lags": 7},
]
ALIKE = [{"coordinates": {"process.p": each}, "seeds": range(4)} for each in (0.25, 0.5, 1.0)]


@pytest.fixture(params=["unlike", "alike"])
def store(request, tmp_path):
    return write_store(tmp_path / "store", UNLIKE if request.param == "unlike" else ALIKE)


def lazy_names(dataset):
    return {str(name) for name, variable in dataset.variables.items() if not variable._in_memory}


def indices(size):
    yield from (0, -1, slice(None), slice(1, -1), slice(None, None, -2), slice(0, 0))
    yield from ([size - 1, 0, 0, -1], np.arange(size) % 2 == 0, np.array([], int))


def test_what_is_lazy_is_what_would_have_been_read(store):
    eager, lazy = open_store(store), open_store(store, lazy_above=0)
    assert lazy_names(eager) == set()
    assert lazy_names(lazy) >= set(DIMS)
    assert list(lazy.variables) == list(eager.variables)
    for name, variable in eager.variables.items():
        assert (lazy[name].dims, lazy[name].shape, lazy[name].dtype) == (variable.dims, variable.shape, variable.dtype)
    xr.testing.assert_identical(lazy.load(), eager)


@pytest.mark.parametrize("name", DIMS)
def test_every_index_selects_the_same(store, name):
    eager, lazy = open_store(store)[name], open_store(store, lazy_above=0)[name]
    first, second = eager.dims[:2]
    for along in indices(eager.sizes[first]):
        for other in (1, slice(None, None, -1), [1, 0]):
            chosen = {first: along, second: other}
            xr.testing.assert_identical(lazy.isel(chosen).load(), eager.isel(chosen))
    twice = {first: slice(1, None, 2)}, {first: [1, 0], second: -1}
    xr.testing.assert_identical(lazy.isel(twice[0]).isel(twice[1]).load(), eager.isel(twice[0]).isel(twice[1]))
    points = xr.DataArray([0, 3, 5, 3], dims="point"), xr.DataArray([1, 0, 1, 0], dims="point")
    pointwise = dict(zip((first, second), points, strict=True))
    xr.testing.assert_identical(lazy.isel(pointwise).load(), eager.isel(pointwise))
    xr.testing.assert_identical(lazy.T.load(), eager.T)
    xr.testing.assert_identical(pickle.loads(pickle.dumps(lazy)).load(), eager)
    np.testing.assert_array_equal(lazy.mean(first), eager.mean(first))


def test_a_grid_is_the_same(store):
    xr.testing.assert_identical(as_grid(open_store(store, lazy_above=0)), as_grid(open_store(store)))


def test_the_threshold_counts_what_the_arrays_take_together(store):
    eager = open_store(store)
    size = sum(each.nbytes for each in eager.variables.values() if each.ndim > 1)
    assert lazy_names(open_store(store, lazy_above=size)) == set()
    assert lazy_names(open_store(store, lazy_above=size - 1)) >= set(DIMS)
    assert lazy_names(open_store(store, lazy_above=np.inf)) == set()
    for wrong in (-1, "1 GB", None, np.nan):
        with pytest.raises(sk.InvalidInput, match="lazy_above must be a number of bytes >= 0"):
            open_store(store, lazy_above=wrong)


def test_only_the_blocks_that_are_touched_are_read(tmp_path, monkeypatch):
    store = write_store(tmp_path / "store", ALIKE)
    opened = []
    read_file = sys.modules["spiralsink.data._block"].read_file
    monkeypatch.setattr("spiralsink.data._block.read_file", lambda path: opened.append(path) or read_file(path))
    lazy = open_store(store, lazy_above=0)
    assert len(opened) == len(set(opened)) == 3
    opened.clear()
    last = lazy["history_loss"].isel(record=-1)
    assert opened == []
    assert last.isel(network=[9, 8, 11]).values.shape == (3,)
    assert len(opened) == 1
    assert last.values.shape == (12,)
    assert len(opened) == 4


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("flipped", "must be a whole block, got a damaged one: its bytes do not match the hash in its name"),
        ("cut", "must be a whole block, got a damaged one: its bytes do not match the hash in its name"),
        ("gone", "got no such file or directory (the store has changed since it was opened: open it again)"),
    ],
)
def test_what_happens_to_a_block_after_opening_is_one_line(tmp_path, damage, message):
    lazy = open_store(write_store(tmp_path / "store", ALIKE), lazy_above=0)
    victim = next(path for path in (tmp_path / "store" / "blocks").iterdir() if path.name.startswith("block1of"))
    whole = victim.read_bytes()
    if damage == "gone":
        victim.unlink()
    else:
        victim.write_bytes(whole[:-9] if damage == "cut" else whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
    assert np.isfinite(lazy["projections"].isel(network=slice(4)).values).all()
    with pytest.raises(sk.InvalidInput) as caught:
        lazy["projections"].isel(network=5).load()
    assert str(victim) in str(caught.value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_block_that_gives_way_to_another_while_the_store_is_opened(tmp_path, monkeypatch):
    """Between the listing and the reading another run moves one block aside, and replaces one by a larger one."""
    store = write_store(tmp_path / "store", ALIKE)
    listed = list_blocks(store)
    moved, replaced, _ = listed.values()

    def listing(place):
        found = list_blocks(place)
        if moved.exists():
            moved.unlink()
            replaced.unlink()
            coordinates = {"process.p": 0.5}
            name, content = block_content(coordinates, range(6))
            key = replaced.name.split(".")[0]
            replaced.with_name(".".join([key, *name.split(".")[1:]])).write_bytes(content)
        return found

    monkeypatch.setattr("spiralsink.data._store.list_blocks", listing)
    dataset = open_store(store)
    assert dataset.sizes["network"] == 6 + 4
    assert load_networks(store, slice(None)).stack == (10,)


def test_a_link_that_leads_nowhere_is_one_line(tmp_path):
    store = write_store(tmp_path / "store", ALIKE)
    (store / "blocks" / f"key.{32 * '0'}.safetensors").symlink_to(tmp_path / "nothing")
    with pytest.raises(sk.InvalidInput, match="must be a file that can be read, got no such file or directory"):
        open_store(store)


def test_opening_and_reducing_does_not_hold_everything(tmp_path):
    """Arrays of 32 MB, blocks of 1 MB: a reduction may take a few blocks."""
    store = large_store(tmp_path / "store", n_blocks=32, n_networks=64, lags=2048 - 41 - 164, records=41)
    program = """
import re, sys
import numpy as np, xarray as xr
import spiralsink as sk

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])

small, large = sys.argv[1:]
first = sk.open_store(small, lazy_above=0)
float(first["history_loss"].isel(record=-1).mean())
before = peak()
dataset = sk.open_store(large, lazy_above=0)
mean = float(dataset["history_loss"].isel(record=-1).mean())
lags = float(dataset["projections"].isel(lag=0).sum())
print(peak() - before, mean, lags)
"""
    small = large_store(tmp_path / "small", n_blocks=2, n_networks=64, lags=2048 - 41 - 164, records=41)
    given = [sys.executable, "-c", program, str(small), str(store)]
    ended = subprocess.run(given, capture_output=True, text=True, check=True)
    took, mean, lags = map(float, ended.stdout.split())
    eager = open_store(store)
    assert sum(each.nbytes for each in eager.variables.values() if each.ndim > 1) > 30 * 2**20
    assert took < 8 * 2**20
    assert mean == pytest.approx(float(eager["history_loss"].isel(record=-1).mean()))
    assert lags == pytest.approx(float(eager["projections"].isel(lag=0).sum()))
