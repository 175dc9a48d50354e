"""The claims themselves, at their quick settings: the committed verdicts, and files that say what was measured."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import spiralsink as sk
from spiralsink import claims, report
from spiralsink.claims.linear import REFERENCE_OPTIMA

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A run of all claims; in continuous integration the one before the slow tests, which is not computed again."""
    folder = Path(os.environ.get("SPIRALSINK_CLAIMS") or tmp_path_factory.mktemp("claims"))
    report.reproduce(folder)
    return folder


def entry(out, name):
    (found,) = [each for each in json.loads((out / "claims.json").read_text())["claims"] if each["id"] == name]
    return found


EXPECTED = json.loads((Path(__file__).parents[2] / ".ci" / "expected-verdicts.json").read_text())["claims"]


@pytest.mark.parametrize("name", [claim.id for claim in claims.select_claims()])
def test_a_claim_has_the_documented_verdict_and_all_its_files(out, name):
    found, expected = entry(out, name), EXPECTED[name]
    verdict = expected if isinstance(expected, str) else expected["verdict"]
    assert found["error"] is None
    assert found["verdict"] == verdict
    conditions = [each["verdict"] for each in found["conditions"]]
    assert (set(conditions) == {"holds"}) == (verdict == "holds")
    for path in (found["figure"], found["data"], *found["networks"]):
        assert (out / path).stat().st_size > 0


def test_the_saved_optima_have_the_losses_of_the_table(out):
    networks = sk.load(out / "networks/spiral-sink/exact.safetensors")
    for network, ((delay, p), (loss, radius, span)) in zip(networks, REFERENCE_OPTIMA.items(), strict=True):
        process = sk.SparseProcess(1, p=p)
        terms = sk.expected_loss(network, sk.Delay(delay), process)
        assert terms.total / p == pytest.approx(loss, abs=6e-6)
        geometry = sk.measure(network, sk.Delay(delay), process)
        assert geometry.spectral_radius == pytest.approx(radius, abs=2e-4)
        assert geometry.eigenangle_span == pytest.approx(span, abs=0.1)


def test_the_saved_pentagons_are_regular(out):
    networks = sk.load(out / "networks/pentagon/best.safetensors")
    assert networks.tied
    assert networks.readout == "relu"
    for network in networks:
        vectors = np.asarray(network.W_x).T
        cosines = vectors @ vectors.T / np.outer(*[np.linalg.norm(vectors, axis=1)] * 2)
        angles = np.sort(np.degrees(np.arccos(np.clip(cosines, -1, 1)))[~np.eye(5, dtype=bool)])
        np.testing.assert_allclose(angles, np.repeat([72.0, 144.0], 10), atol=3.0)


def test_the_comparisons_of_the_four_terms_look_normal(out):
    with xr.open_dataset(out / "data/four-terms.nc", engine="h5netcdf") as data:
        z = data["z"].values.ravel()
    assert len(z) >= 3 * 5 * 10
    assert abs(z.mean()) < 0.5
    assert 0.7 < z.std() < 1.4


def test_most_networks_take_the_staircase(out):
    with xr.open_dataset(out / "data/staircase.nc", engine="h5netcdf") as data:
        reached = (data["plateau_distance"] <= 0.02) & (data["alignment"] >= 0.5)
        ordered = (data["fall_time"].diff("waiting") > 0).all("waiting")
        assert float((reached & ordered).mean()) >= 0.9


def test_a_second_run_computes_nothing(out):
    before = json.loads((out / "claims.json").read_text())
    again = report.reproduce(out)
    assert again["reused"] == [each["id"] for each in before["claims"]]
    assert again["claims"] == before["claims"]
