"""What a store says of itself, and what is written from it for other tools, read back by these tools."""

import json
import shutil

import msgspec
import numpy as np
import pyarrow.parquet
import pytest
import xarray as xr

import spiralsink as sk
from cases.specs import PLAN, changed
from cases.stores import write_store
from spiralsink import specs
from spiralsink.cli._main import main
from spiralsink.data import SECONDS, export_store, open_store
from spiralsink.data._rows import Rows
from spiralsink.sweeps import _attempt, run, status, train_block

TEXT = changed(
    PLAN,
    ('readout = "relu"\ntied = true', "n_hidden = 2"),
    ('"sampled", batch_size = 8, horizon = 4, n_evaluation = 32', '"expected", horizon = 4'),
    ("steps = 40", "steps = 4"),
    ("record_every = 20", "record_every = 2"),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    place = tmp_path_factory.mktemp("stores") / "store"
    return place, run(specs.parse(TEXT), place)


@pytest.fixture
def copy(store, tmp_path):
    return shutil.copytree(store[0], tmp_path / "copy")


def files(place):
    return {path: path.read_bytes() for path in sorted(place.rglob("*.*"))}


def test_a_whole_store_has_the_status_of_the_run(store):
    place, summary = store
    found = status(place)
    assert (found.networks, found.done, found.failed, found.errors) == (6, 6, 0, ())
    assert found.statuses == summary.statuses
    assert [point.label for point in found.points] == [point.label for point in summary.points]
    spent = [open_store(place)[name].sum() for name in SECONDS]
    assert found.seconds == pytest.approx(float(sum(spent)))


def test_what_is_missing_or_damaged_is_not_counted_and_nothing_is_touched(copy, capsys):
    first, second, *_ = sorted((copy / "blocks").iterdir())
    gone = status(copy).done
    counts = {path.name: len(json.loads(_header(path))["seeds"]) for path in (first, second)}
    first.unlink()
    second.write_bytes(second.read_bytes()[:-8] + b"damaged!")
    before = files(copy)
    found = status(copy)
    assert found.done == gone - sum(counts.values())
    assert len(found.errors) == 1
    assert second.name in found.errors[0]
    assert main(["status", str(copy), "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert {"networks", "done", "failed", "statuses", "seconds", "store"} <= set(printed)
    assert printed["done"] == sum(printed["statuses"].values()) == found.done
    assert files(copy) == before


def _header(path):
    import safetensors

    with safetensors.safe_open(path, "np") as opened:
        return next(value for value in opened.metadata().values() if '"seeds"' in value)


def test_a_block_that_raised_is_failed_until_it_is_there(copy, monkeypatch):
    for path in (copy / "blocks").iterdir():
        path.unlink()
    original = train_block

    def raise_for_dense(block, **options):
        if block.coordinates["process.p"] == 0.5:
            raise RuntimeError("out of luck")
        return original(block, **options)

    monkeypatch.setattr(_attempt, "train_block", raise_for_dense)
    run(specs.parse(TEXT), copy)
    found = status(copy)
    assert (found.networks, found.done, found.failed) == (6, 3, 3)
    assert found.errors == ("p 0.5: RuntimeError: out of luck",) * 2
    monkeypatch.undo()
    run(specs.parse(TEXT), copy)
    assert status(copy).failed == 0


def check_labelled(path, expected):
    with xr.open_dataset(path, engine="h5netcdf" if path.suffix == ".nc" else "zarr") as found:
        found = found.load()
    assert set(found.variables) == set(expected.variables)
    assert set(found.coords) == set(expected.coords)
    for name, variable in expected.variables.items():
        assert found[name].dims == variable.dims
        assert found[name].attrs == variable.attrs
        np.testing.assert_array_equal(np.asarray(found[name].values).astype(variable.dtype), variable.values)
    assert found.attrs == expected.attrs


def check_parquet(path, expected):
    table = pyarrow.parquet.read_table(path)
    assert table.num_rows == expected.sizes["network"]
    shared = msgspec.json.decode(table.schema.metadata[b"spiralsink"])
    assert shared.pop("attributes") == expected.attrs
    assert set(table.column_names) | set(shared) == set(expected.variables)
    for name, variable in expected.variables.items():
        found = table[name].to_pylist() if name in table.column_names else shared[name]
        np.testing.assert_array_equal(np.array(found, variable.dtype), variable.values)


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_labelled_formats_give_the_dataset_back(store, tmp_path, ending):
    place, _ = store
    check_labelled(export_store(place, tmp_path / f"out.{ending}"), open_store(place))


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A store of four blocks of several sizes, of which six networks are too many to be held at once."""
    monkeypatch.setattr("spiralsink.data._export._PIECE_ROWS", 5)
    monkeypatch.setattr("spiralsink.data._export._PIECE_BYTES", 2000)
    blocks = [
        {"coordinates": {"process.p": 0.5}, "seeds": range(4), "lags": 3, "modes": 3},
        {"coordinates": {"process.p": 0.25}, "seeds": range(4, 7), "records": 5, "terms": False},
        {"coordinates": {"process.p": 0.25}, "seeds": range(4), "records": 5},
        {"coordinates": {"process.p": 1.0}, "seeds": range(1), "lags": 7},
    ]
    return write_store(tmp_path / "large", blocks)


@pytest.mark.parametrize("ending", ["nc", "zarr", "parquet"])
def test_a_large_store_is_written_in_pieces(large, tmp_path, ending, monkeypatch):
    expected, pieces = open_store(large), []
    sizes = {name: each.nbytes for name, each in expected.variables.items() if each.ndim > 1}
    take = Rows.take

    def taken(self, key):
        found = take(self, key)
        pieces.append(found.nbytes if found.ndim > 1 else 0)
        return found

    monkeypatch.setattr("spiralsink.data._rows.Rows.take", taken)
    path = export_store(large, tmp_path / f"out.{ending}")
    # twelve networks in three pieces
    assert max(pieces) <= max(sizes.values()) / 2
    assert sum(pieces) == sum(sizes.values())
    if ending == "parquet":
        check_parquet(path, expected)
        assert pyarrow.parquet.ParquetFile(path).num_row_groups == 3
    else:
        check_labelled(path, expected)
    if ending == "zarr":
        chunks = json.loads((path / "history_terms" / ".zarray").read_text())["chunks"]
        assert chunks == [5, 5, 4]


@pytest.mark.parametrize("ending", ["nc", "parquet"])
def test_a_full_disk_is_one_line_and_leaves_nothing(large, tmp_path, ending, capsys, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("spiralsink.data._export.shutil.disk_usage", lambda _: usage._replace(free=4000))

    def write_table(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pyarrow.parquet.ParquetWriter, "write_table", write_table)
    assert main(["export", str(large), "--out", str(tmp_path / "new" / f"out.{ending}")]) == 2
    line = capsys.readouterr().err
    assert line == "spiralsink export: --out must be a name that can be written, got no space left on device\n"
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("ending", ["nc", "zarr", "parquet"])
def test_a_block_that_is_gone_meanwhile_leaves_nothing_half_written(large, tmp_path, ending, monkeypatch):
    take, taken = Rows.take, []

    def removed(self, key):
        found = take(self, key)
        taken.append(found.shape)
        if found.ndim > 1:
            for path in (large / "blocks").iterdir():
                path.unlink()
        return found

    monkeypatch.setattr("spiralsink.data._rows.Rows.take", removed)
    out = tmp_path / "new"
    with pytest.raises(sk.InvalidInput, match="the store has changed since it was opened: open it again"):
        export_store(large, out / f"out.{ending}")
    assert list(out.iterdir()) == []


def test_parquet_has_one_row_per_network(store, tmp_path, capsys):
    place, _ = store
    path = tmp_path / "sub" / "out.parquet"
    assert main(["export", str(place), "--out", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(path)}
    check_parquet(path, open_store(place))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["export", "{store}", "--out", "x.csv"],
            "--out must be a name that ends in .nc, .zarr, .parquet, got 'x.csv'",
        ),
        (["export", "{store}", "--out", "{store}.zarr"], "--out must be a name that is not that of a folder yet"),
        (["export", "{empty}", "--out", "x.nc"], "a folder without blocks"),
        (["status", "{empty}"], "a folder without plan.toml"),
        (["status", "{store}/plan.toml"], "a folder without plan.toml"),
    ],
)
def test_bad_input_is_one_line(store, tmp_path, capsys, arguments, message):
    (tmp_path / "empty").mkdir()
    (store[0].parent / "store.zarr").mkdir(exist_ok=True)
    given = [each.format(store=store[0], empty=tmp_path / "empty") for each in arguments]
    assert main(given) == 2
    line = capsys.readouterr().err
    assert message in line
    assert line.count("\n") == 1


def test_a_file_is_replaced_as_a_whole(store, tmp_path):
    path = tmp_path / "out.nc"
    path.write_text("something else")
    export_store(store[0], path)
    with pytest.raises(sk.InvalidInput):
        export_store(tmp_path, path)
    with xr.open_dataset(path, engine="h5netcdf") as found:
        assert found.sizes["network"] == 6
    assert [each.name for each in tmp_path.iterdir()] == ["out.nc"]
