"""The page of a phase diagram: the networks of every branch, so that feature directions move along p."""

import base64
import contextlib
import io

import numpy as np
import pytest

import spiralsink as sk
from cases import explorer as cases
from spiralsink._errors import InvalidInput
from spiralsink.explorer import payload_of
from spiralsink.explorer._branches import POINTS


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("xarray")
    return cases.write_phase_diagram(tmp_path_factory.mktemp("phase"))


@pytest.fixture(scope="module")
def payload(folder):
    return payload_of(folder)


def test_every_branch_is_a_collection_of_the_diagram(payload):
    known = [(each.label, each.branch, each.delay, each.horizon, each.total) for each in payload.collections]
    assert known == [
        ("dense branch", "dense", 4, "steady state", POINTS),
        ("sparse branch", "sparse", 4, "steady state", POINTS),
    ]
    assert payload.diagrams[0].collections == [each.id for each in payload.collections]
    assert {each.amplitude for each in payload.collections} == {"uniform on 0 to 1"}
    p = np.asarray(payload.networks.p)
    assert p[:POINTS] == pytest.approx(np.geomspace(0.3, 1.0, POINTS), rel=1e-5)
    assert p[POINTS:] == pytest.approx(np.geomspace(0.05, 0.6, POINTS), rel=1e-5)


def test_the_best_are_those_of_the_lowest_branch_at_their_p(payload):
    networks = payload.networks
    of_dense, p = np.asarray(networks.collection) == 0, np.asarray(networks.p)
    # they cross at p = 0.4, and only one of them is there below 0.3 and above 0.6
    assert (np.asarray(networks.best) == np.where(of_dense, p > 0.4, p < 0.4)).all()


def test_the_networks_turn_as_their_branch_does(payload):
    numbers = np.frombuffer(base64.b64decode(payload.weights), "<f4").astype(np.float64)
    for place in (0, POINTS - 1, POINTS, 2 * POINTS - 1):
        W_h = numbers[payload.networks.offset[place] :][2:6].reshape(2, 2)
        p = payload.networks.p[place]
        radius, degrees = (0.8, 25 + 3 * p) if place < POINTS else (0.7, 66 + 3 * p)
        eigenvalue = np.linalg.eigvals(W_h)[0]
        assert abs(eigenvalue) == pytest.approx(radius, rel=1e-5)
        assert np.rad2deg(abs(np.angle(eigenvalue))) == pytest.approx(degrees, rel=1e-4)
        assert payload.networks.eigenangle_span[place] == pytest.approx(4 * degrees, rel=1e-4)
        assert payload.networks.spectral_radius[place] == pytest.approx(radius)


def test_losses_and_terms_are_those_of_the_file(payload):
    networks = payload.networks
    for place in (0, 30, POINTS + 11):
        p, slope = networks.p[place], -0.05 if place < POINTS else 0.05
        loss = 0.2 + slope * np.log(p / 0.4)
        assert networks.loss_per_p[place] == pytest.approx(loss, rel=1e-4)
        assert np.asarray(networks.terms[place]) / p == pytest.approx(loss * np.array([0.5, 0.8, 0.1, -0.4]), rel=1e-4)
    assert set(networks.terms_reason) == {""}


def test_the_first_two_are_of_the_sparse_and_of_the_dense_branch(payload):
    first, second = payload.first, payload.second
    assert payload.collections[payload.networks.collection[first]].branch == "sparse"
    assert 0.12 <= payload.networks.p[first] <= 0.2
    assert payload.collections[payload.networks.collection[second]].branch == "dense"
    assert payload.networks.p[second] == 1.0
    assert payload.networks.best[first]
    assert payload.networks.best[second]


@pytest.mark.parametrize("place", [0, 2 * POINTS - 1])
def test_the_code_of_a_branch_recreates_the_network(folder, payload, place, monkeypatch):
    code = payload.collections[payload.networks.collection[place]].code
    code = code.replace("{index}", str(payload.networks.source[place]))
    monkeypatch.chdir(folder)
    # the exact loss is tested elsewhere, and compiles
    monkeypatch.setattr(sk, "expected_loss", lambda network, task, process, horizon: (task.delay, float(process.p)))
    names, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, names)
    assert f"(4, {names['p']})" in printed.getvalue()
    assert names["p"] == pytest.approx(payload.networks.p[place], rel=1e-5)
    numbers = np.frombuffer(base64.b64decode(payload.weights), "<f4").astype(np.float64)
    assert numbers[payload.networks.offset[place] :][2:6] == pytest.approx(np.ravel(names["network"].W_h), rel=1e-6)


@pytest.mark.parametrize("changes", [{"horizon": "soon"}, {"readout": "sharp"}, {"delay": "four"}, {"n_hidden": "x"}])
def test_another_dataset_is_named_in_one_line(tmp_path, changes):
    cases.write_phase_diagram(tmp_path, **changes)
    with pytest.raises(InvalidInput) as caught:
        payload_of(tmp_path)
    assert "phase-diagram.nc must be" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["coefficients", "crossing_to", "escape_grid", "p"])
def test_a_dataset_that_lacks_something_is_named_in_one_line(tmp_path, missing):
    cases.phase_dataset().drop_vars(missing).to_netcdf(tmp_path / "phase-diagram.nc", engine="h5netcdf")
    with pytest.raises(InvalidInput, match=r"phase-diagram.nc must be what phase-diagram writes"):
        payload_of(tmp_path)
