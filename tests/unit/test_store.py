import json
import os

import jax
import msgspec
import numpy as np
import pytest
import xarray as xr

import spiralsink as sk
from cases.specs import PLAN, changed
from spiralsink import specs
from spiralsink._tensors import describe_network
from spiralsink.cli import main
from spiralsink.data import BlockHeader, as_grid, encode_block, list_blocks, load_networks, open_store, read_block
from spiralsink.sweeps import ENGINE_VERSION, Store, make_plan, run, train_block
from spiralsink.training import Variable, sampled_loss

TEXT = changed(PLAN, ("steps = 40", "steps = 6\nseed = 10"), ("record_every = 20", "record_every = 3"))
SMALLER = TEXT.replace("values = [0.5, 0.25]", "values = [0.5]")
SECONDS = ["seconds_training", "seconds_measuring"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    place = tmp_path_factory.mktemp("stores") / "store"
    summary = run(specs.parse(TEXT), place)
    return place, summary


@pytest.fixture
def copy(store, tmp_path):
    """A store of its own, of the same content."""
    place = tmp_path / "copy"
    for path in store[0].rglob("*.*"):
        (place / path.relative_to(store[0])).parent.mkdir(parents=True, exist_ok=True)
        (place / path.relative_to(store[0])).write_bytes(path.read_bytes())
    return place


def contents(place):
    return {path.name: path.read_bytes() for path in (place / "blocks").iterdir()}


def numbers(place):
    """What a store holds, but for the columns of seconds."""
    return open_store(place).drop_vars(SECONDS)


def test_everything_is_trained_and_counted(store):
    place, summary = store
    assert (summary.networks, summary.done, summary.failed, summary.reused) == (6, 6, 0, 0)
    assert sum(summary.statuses.values()) == 6
    assert sorted(path.name for path in place.iterdir()) == ["blocks", "manifest.json", "plan.toml", "seconds"]
    assert (place / "plan.toml").read_text() == TEXT
    manifest = json.loads((place / "manifest.json").read_text())
    assert (manifest["networks"], manifest["done"], manifest["engine_version"]) == (6, 6, ENGINE_VERSION)
    assert {block["file"] for block in manifest["blocks"]} == {f"blocks/{name}" for name in contents(place)}
    assert [block["networks"] for block in manifest["blocks"]] == [2, 1, 2, 1]


def test_blocks_are_named_by_what_was_computed_and_by_their_bytes(store):
    place, _ = store
    keys = {block.key for block in make_plan(specs.parse(TEXT)).blocks}
    assert set(list_blocks(place)) == keys
    for key, path in list_blocks(place).items():
        block = read_block(path)
        assert block.header.key == key
        assert block.header.coordinates == {"process.p": block.header.spec["process"]["p"]}
        assert block.header.environment["spiralsink"] == sk.__version__
        assert block.header.environment["engine"] == "native kernel"


def test_the_dataset_is_that_of_the_networks(store):
    place, summary = store
    dataset = open_store(place)
    assert dict(dataset.sizes) == {"network": 6, "lag": 34, "output": 1, "feature": 1, "mode": 2, "record": 3}
    assert dataset["p"].values.tolist() == [0.25] * 3 + [0.5] * 3
    assert dataset["seed"].values.tolist() == [10, 11, 12] * 2
    assert dataset["step"].values.tolist() == [0, 3, 6]
    assert np.array_equal(dataset["history_loss"][:, -1], dataset["loss"])
    networks = load_networks(place, slice(None))
    assert np.allclose(dataset["projections"], sk.projections(networks, 34), rtol=1e-6, atol=1e-9)
    sampled = sampled_loss(
        networks[:3],
        sk.Delay(1),
        sk.SparseProcess(p=0.25),
        key=jax.random.key(7),
        n_sequences=4096,
        horizon=4,
    )
    assert np.all(
        np.abs(sampled.mean - dataset["loss"][:3])
        < 6 * np.hypot(sampled.standard_error, dataset["loss_standard_error"][:3])
    )
    assert all((dataset[name] > 0).all() for name in SECONDS)
    best = min(point.loss.min() for point in summary.points)
    assert float(dataset["loss"].min()) == best


def test_the_dataset_goes_onto_a_grid(store):
    grid = as_grid(open_store(store[0]))
    assert {name: grid.sizes[name] for name in ("p", "seed")} == {"p": 2, "seed": 3}
    assert not np.isnan(grid["loss"]).any()


def test_networks_are_loaded_by_position(store):
    place, _ = store
    stack = load_networks(place, slice(None))
    assert (stack.stack, stack.W_x.dtype, stack.readout) == ((6,), np.float32, "relu")
    assert load_networks(place, 4).stack == ()
    assert np.array_equal(load_networks(place, 4).W_h, stack.W_h[4])
    assert np.array_equal(load_networks(place, [5, 0]).W_h, stack.W_h[[5, 0]])
    assert np.array_equal(load_networks(place, -1).W_h, stack.W_h[-1])
    chosen = open_store(place)["seed"].values == 11
    assert np.array_equal(load_networks(place, chosen).W_h, stack.W_h[[1, 4]])
    for index in (6, [0, 9], "a"):
        with pytest.raises(sk.InvalidInput, match="index must be positions below 6"):
            load_networks(place, index)
    with pytest.raises(sk.InvalidInput, match="index must be at least one network"):
        load_networks(place, [])


def test_a_second_run_computes_nothing(copy, monkeypatch):
    monkeypatch.setattr("spiralsink.sweeps._attempt.train_block", None)
    before = contents(copy)
    summary = run(specs.parse(TEXT), copy)
    assert (summary.done, summary.reused) == (6, 6)
    assert contents(copy) == before


def test_the_same_networks_come_out_whatever_block_and_lane_they_are_in(store, tmp_path):
    """Seed 11 is in lane 1 of the first block there and in lane 0 here; seed 12 alone in a block there, not here."""
    later = TEXT.replace("seed = 10", "seed = 11").replace("n_seeds = 3", "n_seeds = 2")
    run(specs.parse(later), tmp_path / "later")
    here, there = (open_store(place).sortby(["p", "seed"]) for place in (tmp_path / "later", store[0]))
    there = there.isel(network=there["seed"].values != 10)
    for name in ("loss", "history_loss", "projections", "status"):
        assert np.array_equal(here[name], there[name])


def test_two_runs_give_the_same_bytes(store, tmp_path):
    run(specs.parse(TEXT), tmp_path / "again")
    assert contents(tmp_path / "again") == contents(store[0])
    here, there = (
        sorted(path.name for path in (place / "seconds").iterdir()) for place in (tmp_path / "again", store[0])
    )
    assert here == there == sorted(name.replace("safetensors", "json") for name in contents(store[0]))


@pytest.mark.parametrize("content", [None, b"", b'{"seconds_training": "soon"}'])
def test_seconds_that_are_not_known_are_nan(content, store, copy):
    for path in (copy / "seconds").iterdir():
        path.unlink() if content is None else path.write_bytes(content)
    assert all(np.isnan(open_store(copy)[name]).all() for name in SECONDS)
    xr.testing.assert_identical(numbers(copy), numbers(store[0]).assign_attrs(store="copy"))


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_block_is_named_set_aside_and_computed_anew(damage, store, copy):
    path = sorted((copy / "blocks").iterdir())[0]
    whole = path.read_bytes()
    damaged = {"cut": whole[:-7], "flipped": whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:], "empty": b""}[damage]
    path.write_bytes(damaged)
    with pytest.raises(sk.InvalidInput, match=rf"{path.name} must be a whole block, got a damaged one"):
        open_store(copy)
    summary = run(specs.parse(TEXT), copy)
    assert summary.set_aside == (path.name,)
    assert path.name in str(summary)
    assert (summary.done, summary.failed) == (6, 0)
    assert (copy / "aside" / path.name).read_bytes() == damaged
    xr.testing.assert_identical(numbers(copy), numbers(store[0]).assign_attrs(store="copy"))


def test_an_interrupted_run_is_continued(store, tmp_path, monkeypatch):
    """Stopped in the third block, as by Ctrl-C; half-written files of a killed program do no harm."""
    trained = []

    def counted(block, **options):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(block.key)
        return train_block(block, **options)

    monkeypatch.setattr("spiralsink.sweeps._attempt.train_block", counted)
    with pytest.raises(KeyboardInterrupt):
        run(specs.parse(TEXT), tmp_path / "store")
    assert set(list_blocks(tmp_path / "store")) == set(trained)
    manifest = json.loads((tmp_path / "store" / "manifest.json").read_text())
    assert (manifest["networks"], manifest["done"]) == (6, 3)
    (tmp_path / "store" / "blocks" / ".half.0123.safetensors.1-2.tmp").write_bytes(b"half")
    monkeypatch.undo()
    summary = run(specs.parse(TEXT), tmp_path / "store")
    assert (summary.done, summary.reused) == (6, 3)
    xr.testing.assert_identical(numbers(tmp_path / "store"), numbers(store[0]))


def test_an_interruption_is_one_line_that_says_what_is_kept(copy, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("spiralsink.sweeps._attempt.train_block", interrupted)
    sorted((copy / "blocks").iterdir())[0].unlink()
    (copy.parent / "spec.toml").write_text(TEXT)
    assert main(["train", str(copy.parent / "spec.toml"), "--out", str(copy)]) == 130
    assert capsys.readouterr().err == f"spiralsink train: interrupted; finished blocks are kept in {copy}\n"


def test_a_block_that_raises_is_counted_and_tried_again(copy, monkeypatch, capsys):
    path = sorted((copy / "blocks").iterdir())[0]
    path.unlink()

    def broken(*_, **__):
        raise RuntimeError("out of\nluck")

    monkeypatch.setattr("spiralsink.sweeps._attempt.train_block", broken)
    (copy.parent / "spec.toml").write_text(TEXT)
    assert main(["train", str(copy.parent / "spec.toml"), "--out", str(copy), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["networks"], found["done"] + found["failed"]) == (6, 6)
    assert found["failed"] in (1, 2)
    assert sum(found["statuses"].values()) == found["done"]
    assert "RuntimeError: out of luck" in found["errors"][0]
    monkeypatch.undo()
    assert main(["train", str(copy.parent / "spec.toml"), "--out", str(copy), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_a_plan_that_only_adds_points_uses_what_is_there(tmp_path, store):
    first = run(specs.parse(SMALLER), tmp_path / "store")
    assert first.done == 3
    more = run(specs.parse(TEXT), tmp_path / "store")
    assert (more.done, more.reused, more.replaced) == (6, 3, ())
    xr.testing.assert_identical(numbers(tmp_path / "store"), numbers(store[0]))


def test_a_plan_that_only_adds_seeds_uses_what_is_there(copy, store, monkeypatch):
    """Seeds 10 and 11 fill a block and 12 is half of one, which becomes the block of 12 and 13."""
    before = contents(copy)
    (block,) = [each for each in make_plan(specs.parse(SMALLER)).blocks if list(each.seeds) == [12]]
    half = list_blocks(copy)[block.key]
    more = run(specs.parse(TEXT.replace("n_seeds = 3", "n_seeds = 4")), copy)
    assert (more.done, more.failed, more.reused, more.set_aside) == (8, 0, 4, ())
    assert half.name in more.replaced
    assert len(more.replaced) == 2
    assert f"set aside for a block with as many seeds or more: {half.name}" in str(more)
    aside = {path.name: path.read_bytes() for path in (copy / "aside").iterdir()}
    assert {name: before[name] for name in more.replaced} == aside
    assert contents(copy).items() >= {name: before[name] for name in before.keys() - aside.keys()}.items()
    dataset = numbers(copy)
    assert dataset["seed"].values.tolist() == [10, 11, 12, 13] * 2
    known = dataset.isel(network=dataset["seed"].values != 13)
    xr.testing.assert_identical(known, numbers(store[0]).assign_attrs(store="copy"))

    # stopped before the old block was moved away: the one with more networks counts
    half.write_bytes(before[half.name])
    assert open_store(copy).sizes["network"] == 8
    monkeypatch.setattr("spiralsink.sweeps._attempt.train_block", None)
    assert run(specs.parse(TEXT.replace("n_seeds = 3", "n_seeds = 4")), copy).reused == 8
    with pytest.raises(sk.InvalidInput, match=r"2 blocks of another plan \(there training\.n_seeds is 4, here 3\)"):
        run(specs.parse(TEXT), copy)


@pytest.mark.parametrize(("few", "many"), [(1, 5), (10, 20), (300, 512)])
def test_a_block_does_not_depend_on_how_many_seeds_there_are(few, many):
    few, many = (
        make_plan(specs.parse(TEXT.replace("n_seeds = 3", f"n_seeds = {each}"))).blocks for each in (few, many)
    )
    assert {block.key for block in few} < {block.key for block in many}
    assert {block.n_lanes for block in (*few, *many)} == {2}


def test_stored_blocks_are_read_once(copy, monkeypatch):
    opened = []

    def counted(path):
        opened.append(path.name)
        return path.read_bytes()

    monkeypatch.setattr("spiralsink.data._block.read_file", counted)
    assert run(specs.parse(TEXT), copy).reused == 6
    assert sorted(opened) == sorted(contents(copy))


def test_the_store_of_another_plan_is_refused_with_the_difference(copy):
    before = contents(copy)
    with pytest.raises(sk.InvalidInput, match=r"got 4 blocks of another plan \(there training\.steps is 6, here 7\)"):
        run(specs.parse(TEXT.replace("steps = 6", "steps = 7")), copy)
    with pytest.raises(sk.InvalidInput, match=r"got 2 blocks of another plan \(there sweep\.axes is .*, here .*\)"):
        run(specs.parse(SMALLER), copy)
    assert contents(copy) == before
    assert (copy / "plan.toml").read_text() == TEXT


def test_blocks_of_another_engine_are_not_mixed_in(copy, monkeypatch):
    for module in ("_plan", "_store"):
        monkeypatch.setattr(f"spiralsink.sweeps.{module}.ENGINE_VERSION", ENGINE_VERSION + 1)
    why = rf"4 blocks of another plan \(made by version {ENGINE_VERSION} of the engine, this is {ENGINE_VERSION + 1}\)"
    with pytest.raises(sk.InvalidInput, match=why):
        run(specs.parse(TEXT), copy)


def test_what_is_no_store_is_refused(tmp_path):
    with pytest.raises(sk.InvalidInput, match="must be the folder of a store, got a folder without blocks"):
        open_store(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(sk.InvalidInput, match="file must be a folder, got a file"):
        Store(tmp_path / "file").prepare(make_plan(specs.parse(TEXT)))


def test_a_store_needs_a_name():
    for nameless in ("", None, 3):
        with pytest.raises(sk.InvalidInput, match=r"store must be the name of a folder, got"):
            run(specs.parse(TEXT), nameless)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(sk.InvalidInput, match=r"/file/store must be a folder, got a file at .*/file$"):
        run(specs.parse(TEXT), tmp_path / "file" / "store")


def test_a_full_disk_is_one_line_and_loses_nothing(copy, monkeypatch):
    path = sorted((copy / "blocks").iterdir())[0]
    path.unlink()
    before = contents(copy)
    written = os.fsync

    def full(descriptor):
        if os.fstat(descriptor).st_size > 2000:
            raise OSError(28, "No space left on device")
        written(descriptor)

    monkeypatch.setattr("spiralsink._atomic.os.fsync", full)
    with pytest.raises(sk.InvalidInput, match=r"must be a file that can be written, got no space left on device"):
        run(specs.parse(TEXT), copy)
    assert contents(copy) == before


def untrained_block(spec, n_hidden):
    """A block of one network, whose loss is its width."""
    networks = sk.RecurrentNetwork(np.ones((1, n_hidden, 1)), np.eye(n_hidden)[None], sk.Tied(1))
    variables = {
        "loss": Variable(("network",), np.array([float(n_hidden)])),
        "status": Variable(("network",), np.array(["dead"], dtype=object)),
        "eigenvalue_real": Variable(("network", "mode"), np.ones((1, n_hidden))),
        "projections": Variable(("network", "lag", "output", "feature"), np.ones((1, 2 + n_hidden, 1, 1))),
        "step": Variable(("record",), np.arange(n_hidden)),
    }
    if n_hidden == 2:
        variables["history_terms"] = Variable(("network", "record", "term"), np.ones((1, n_hidden, 4)))
    header = BlockHeader(
        format=1,
        kind="block",
        key=f"width{n_hidden}",
        engine_version=ENGINE_VERSION,
        network=msgspec.to_builtins(describe_network(networks)),
        spec=spec.to_dict(),
        coordinates={"network.n_hidden": n_hidden},
        axes=[["network.n_hidden"]],
        seeds=[0],
        environment={},
        dims={name: list(variable.dims) for name, variable in variables.items()},
    )
    return header.key, encode_block(header, networks, variables), dict.fromkeys(SECONDS, 0.5)


def test_networks_of_several_sizes_share_a_dataset(tmp_path):
    spec = specs.parse(TEXT)
    Store(tmp_path / "store").prepare(make_plan(spec))
    for n_hidden in (10, 2):
        Store(tmp_path / "store").write(*untrained_block(spec, n_hidden))
    dataset = open_store(tmp_path / "store")
    assert dataset["n_hidden"].values.tolist() == [2, 10]
    assert dataset["loss"].values.tolist() == [2, 10]
    assert dataset["seconds_training"].values.tolist() == [0.5, 0.5]
    assert dataset["p"].values.tolist() == [0.5, 0.5]
    assert np.isnan(dataset["eigenvalue_real"]).sum("mode").values.tolist() == [8, 0]
    assert np.isnan(dataset["projections"]).sum("lag").values.ravel().tolist() == [8, 0]
    assert dataset["step"].dims == ("network", "record")
    assert dataset["step"].sum("record").values.tolist() == [1, 45]
    assert dataset["history_terms"].sum(["record", "term"]).values.tolist() == [8, 0]
    assert np.isnan(dataset["history_terms"].values[1]).all()
    assert load_networks(tmp_path / "store", 1).n_hidden == 10
    with pytest.raises(sk.InvalidInput, match="networks must be networks of one kind and one size"):
        load_networks(tmp_path / "store", [0, 1])
