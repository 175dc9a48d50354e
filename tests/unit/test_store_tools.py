"""What a store says of itself, and what is written from it for other tools, read back by these tools."""

import json
import shutil

import msgspec
import numpy as np
import pyarrow.parquet
import pytest
import xarray as xr

import spiralsink as sk
from spiralsink import specs
from spiralsink.cli._main import main
from spiralsink.data import SECONDS, export_store, open_store
from spiralsink.sweeps import _run, run, status, train_block

TEXT = """
format = 1
[task]
kind = "delay"
delay = 1
[process]
kind = "sparse"
p = 0.5
[network]
n_hidden = 2
[training]
objective = { kind = "expected", horizon = 4 }
steps = 4
record_every = 2
n_seeds = 3
[sweep]
block_size = 2
[[sweep.axes]]
field = "process.p"
values = [0.5, 0.25]
"""


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

    monkeypatch.setattr(_run, "train_block", raise_for_dense)
    run(specs.parse(TEXT), copy)
    found = status(copy)
    assert (found.networks, found.done, found.failed) == (6, 3, 3)
    assert found.errors == ("p 0.5: RuntimeError: out of luck",) * 2
    monkeypatch.undo()
    run(specs.parse(TEXT), copy)
    assert status(copy).failed == 0


@pytest.mark.parametrize("ending", ["nc", "zarr"])
def test_labelled_formats_give_the_dataset_back(store, tmp_path, ending):
    place, _ = store
    path = export_store(place, tmp_path / f"out.{ending}")
    expected = open_store(place)
    with xr.open_dataset(path, engine="h5netcdf" if ending == "nc" else "zarr") as found:
        found = found.load()
    assert set(found.variables) == set(expected.variables)
    for name, variable in expected.variables.items():
        assert found[name].dims == variable.dims
        np.testing.assert_array_equal(np.asarray(found[name].values).astype(variable.dtype), variable.values)
    assert found.attrs == expected.attrs


def test_parquet_has_one_row_per_network(store, tmp_path, capsys):
    place, _ = store
    path = tmp_path / "sub" / "out.parquet"
    assert main(["export", str(place), "--out", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(path)}
    table, expected = pyarrow.parquet.read_table(path), open_store(place)
    assert table.num_rows == expected.sizes["network"]
    for name in ("loss", "seed", "p", "status"):
        assert table[name].to_pylist() == expected[name].values.tolist()
    np.testing.assert_array_equal(np.array(table["projections"].to_pylist()), expected["projections"].values)
    shared = msgspec.json.decode(table.schema.metadata[b"spiralsink"])
    assert shared["step"] == [0, 2, 4]
    assert shared["attributes"]["spec"] == expected.attrs["spec"]


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
