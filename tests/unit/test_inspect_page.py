"""`spiralsink inspect` and the page of an inspection: numbers, files, one line for what is wrong, escaped strings."""

import dataclasses
import json
import re

import numpy as np
import pytest
import xarray as xr

import spiralsink as sk
from spiralsink import report
from spiralsink.cli import main
from spiralsink.inspection import inspect_model
from spiralsink.report._inspection_page import inspection_page

ATTACK = "<script>alert('&')</script>\"><img src=x onerror=alert(1)>"
N_FEATURES, N_HIDDEN = 2, 3
REQUIRED = ("kind", "n_features", "n_hidden", "spectral_radius", "agreement", "compared_with")


@pytest.fixture(scope="module")
def weights():
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(N_HIDDEN, N_HIDDEN)))
    return rng.normal(size=(N_HIDDEN, N_FEATURES)), 0.8 * turn, rng.normal(size=(N_HIDDEN, N_FEATURES))


@pytest.fixture(scope="module")
def folder(tmp_path_factory, weights):
    path = tmp_path_factory.mktemp("networks")
    sk.save(path / "network.safetensors", sk.RecurrentNetwork(*weights))
    np.save(path / "inputs.npy", np.random.default_rng(1).normal(size=(12, 60, N_FEATURES)))
    np.save(path / "turned.npy", np.random.default_rng(1).normal(size=(12, N_FEATURES, 60)))
    np.save(path / "directions.npy", np.eye(N_FEATURES)[:1])
    np.save(path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (path / "text.npy").write_text("not an array")
    return path


def run(capsys, folder, *options, name="network.safetensors"):
    code = main(["inspect", str(folder / name), "--lags", "5", *map(str, options)])
    return code, capsys.readouterr()


@pytest.fixture(scope="module")
def written(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("inspection") / "results"
    options = ["--inputs", str(folder / "inputs.npy"), "--delay", "2", "--out", str(out), "--quiet"]
    assert main(["inspect", str(folder / "network.safetensors"), "--lags", "5", *options]) == 0
    return out


def test_the_record_is_one_object_with_the_numbers(capsys, folder, weights, written):
    code, said = run(capsys, folder, "--inputs", folder / "inputs.npy", "--delay", 2, "--json")
    record = json.loads(said.out)
    assert (code, said.err) == (0, "")
    assert set(REQUIRED) <= set(record)
    assert (record["n_features"], record["n_hidden"]) == (N_FEATURES, N_HIDDEN)
    assert record["spectral_radius"] == pytest.approx(np.abs(np.linalg.eigvals(weights[1])).max(), rel=1e-6)
    assert record["inputs"] == "inputs.npy"
    assert np.shape(record["memory"]) == (5, N_FEATURES)
    stored = json.loads((written / "inspection.json").read_text())
    assert {name: stored[name] for name in stored if name != "page"} == {
        name: record[name] for name in record if name not in ("page", "explorer")
    }


def test_without_inputs_it_says_what_was_used(capsys, folder):
    code, said = run(capsys, folder)
    assert code == 0
    assert said.out.startswith("Inspection: ")
    assert "independent N(0, 1), seed 0" in said.out


def test_the_folder_holds_page_numbers_arrays_and_figures(written):
    page = (written / "report.html").read_text()
    assert "<script" not in page
    assert re.search(r"(src|href)=\"https?:", page) is None
    for name in ("memory", "directions", "readout", "dynamics"):
        for kind in ("png", "svg"):
            assert (written / "figures" / f"{name}.{kind}").stat().st_size > 1000
        assert f'id="{name}"' in page
    with xr.open_dataset(written / "inspection.nc", engine="h5netcdf") as dataset:
        assert dict(dataset["directions"].sizes) == {"lag": 5, "hidden": N_HIDDEN, "feature": N_FEATURES}


def test_a_dictionary_takes_the_place_of_the_channels(capsys, folder):
    code, said = run(capsys, folder, "--features", folder / "directions.npy", "--json")
    assert code == 0
    assert json.loads(said.out)["n_features"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--inputs", "turned.npy"], "inputs"),
        (["--inputs", "objects.npy"], "--inputs must be a .npy file of plain numbers"),
        (["--inputs", "text.npy"], "--inputs must be a .npy file of plain numbers"),
        (["--inputs", "none.npy"], "--inputs must be a file that can be read"),
        (["--inputs", "network.safetensors"], "--inputs must be the name of a .npy file"),
        (["--features", "inputs.npy"], "--features must be"),
        (["--delay", "9"], "--delay must be below n_lags = 5, got 9"),
        (
            ["--nonlinearity", "tanhh"],
            "--nonlinearity must be one of tanh, relu, linear, got 'tanhh' (did you mean tanh?)",
        ),
    ],
)
def test_bad_input_is_one_line(capsys, folder, options, message):
    paths = [str(folder / each) if each.endswith((".npy", ".safetensors")) else each for each in options]
    code, said = run(capsys, folder, *paths)
    assert (code, said.out) == (2, "")
    assert len(said.err.splitlines()) == 1
    assert message in said.err


def test_a_network_that_nothing_was_compared_with_is_called_unchecked(tmp_path, folder, weights):
    model, x = sk.as_model(sk.RecurrentNetwork(*weights)), np.load(folder / "inputs.npy")
    unknown = dataclasses.replace(model, agreement=None, compared_with=None)
    known = dataclasses.replace(model, agreement=2e-7, compared_with="another pass")
    pages = [inspection_page(inspect_model(each, x, n_lags=5), tmp_path) for each in (unknown, known)]
    assert '<p class="error">Not checked: there was no independent forward pass' in pages[0]
    assert "Checked: agrees" not in pages[0]
    assert '<p class="byline">Checked: agrees with another pass to 2' in pages[1]
    assert "Not checked" not in pages[1]


def test_the_page_and_the_record_say_how_much_was_sampled(written, weights):
    page, record = (written / "report.html").read_text(), json.loads((written / "inspection.json").read_text())
    assert record["n_points"] == {"directions": 8, "impulses": 2, "spectrum": 1}
    for name, number in (("directions", 8), ("impulses", 2), ("the spectrum", 1)):
        assert f"<dt>times sampled for {name}</dt><dd>{number}</dd>" in page
    assert set(record["additivity"]) == {"lower_decile", "median", "upper_decile", "n_pairs"}
    assert record["additivity"]["median"] == pytest.approx(1)


def test_what_weights_do_not_say_is_asked_for_and_where_to_give_it(tmp_path, weights):
    names = ("weight_ih_l0", "weight_hh_l0"), weights[:2]
    np.savez(tmp_path / "rnn.npz", **dict(zip(*names, strict=True)), bias_ih_l0=np.zeros(3), bias_hh_l0=np.zeros(3))
    x = np.random.default_rng(1).normal(size=(12, 60, N_FEATURES))
    with pytest.raises(sk.InvalidInput, match=r"inspect what sk.as_model\(..., nonlinearity=...\) makes of it"):
        sk.inspect(tmp_path / "rnn.npz", x)
    found = sk.inspect(sk.as_model(tmp_path / "rnn.npz", nonlinearity="tanh"), x, n_lags=4)
    assert found.n_hidden == N_HIDDEN


def test_the_page_has_tables_of_memory_and_of_eigenvalues(written, weights):
    page = (written / "report.html").read_text()
    assert "Held-out R² by age" in page
    table = page.split("Eigenvalues of the mean Jacobian, a conjugate pair once")[1].split("</table>")[0]
    largest = np.abs(np.linalg.eigvals(weights[1])).max()
    assert f'<td class="number">{largest:.4f}</td>' in table


def test_strings_of_a_model_are_escaped(tmp_path, folder, weights):
    model = sk.as_model(sk.RecurrentNetwork(*weights))
    attacked = inspect_model(_renamed(model), np.load(folder / "inputs.npy"), n_lags=5)
    page = report.write_inspection(attacked, tmp_path, about_inputs=ATTACK).read_text()
    assert page.count("&lt;script&gt;") >= 4
    assert "<script" not in page
    assert "<img src=x" not in page


def _renamed(model):
    return dataclasses.replace(model, kind=ATTACK, layout=((ATTACK, model.n_hidden),), compared_with=ATTACK)
