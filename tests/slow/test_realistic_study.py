"""The study on recorded data in small, on all cores: interrupted, damaged, gone on with."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import spiralsink as sk
from spiralsink import claims
from spiralsink.claims.realistic import CLAIMS
from spiralsink.claims.realistic._claims import _settings

pytestmark = pytest.mark.slow


def small(budget):
    few = {"widths": [2, 8], "n_seeds": 3, "n_shuffled": 1, "architectures": ["tanh", "LRU"]}
    return _settings(budget) | few | {"schedule": {"steps": 40, "batch_size": 32, "learning_rate": 0.01}}


STUDY = [dataclasses.replace(claim, settings=small) for claim in CLAIMS]


class Notes(list):
    def start(self, description, total, unit="steps"):
        pass

    def advance(self, amount, note=""):
        self.append(note)

    def close(self):
        pass


def parts(folder):
    return {
        path.name: json.loads(path.read_text())["part"] for path in (folder / "work/realistic").glob("*-[0-9].json")
    }


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder, notes = tmp_path_factory.mktemp("study"), Notes()
    return folder, claims.run(folder, claims=STUDY, select=["realistic"], progress=notes), notes


def test_all_questions_are_answered_from_one_study(done):
    folder, document, notes = done
    assert [each["error"] for each in document["claims"]] == [None] * 5
    assert "realistic-tasks: 12 of 12 kinds of networks" in notes
    assert not any("realistic-load:" in note and "of 12" in note for note in notes)
    # trained, untrained and shuffled: 3 + 3 + 1 of each kind
    assert {each["n_networks"] for each in document["claims"]} == {84}
    for entry in document["claims"]:
        assert (folder / entry["figure"]).stat().st_size > 10_000
        data = xr.open_dataset(folder / entry["data"], engine="h5netcdf")
        assert np.isfinite(data["score"].sel(control="trained")).all()
        assert np.isnan(data["hidden"].sel(task="forecast")).all()
    assert len(parts(folder)) == 12


def test_weights_are_kept_and_can_be_inspected(done):
    folder, _, _ = done
    work = folder / "work/realistic"
    assert len(list(work.glob("*.safetensors"))) == 12 * 4
    model = sk.as_model(work / "recall-tanh-8-trained-2.safetensors", nonlinearity="tanh", head="readout")
    assert (model.n_features, model.n_hidden, model.n_outputs) == (6, 8, 6)
    inputs = np.load(work / "recall.npy")
    assert inputs.shape == (150, 24, 6)
    # what the page says to run gives the numbers of the study
    row = next(
        each for each in parts(folder)["recall-tanh-8.json"] if (each["seed"], each["control"]) == (2, "trained")
    )
    found = sk.inspect(model, inputs, n_lags=8)
    assert found.memory is not None
    assert int((found.memory.r2 >= 0.5).sum()) == pytest.approx(row["n_readable"], abs=1)
    assert found.participation_ratio == pytest.approx(row["dimensions"])


def test_another_analysis_does_not_train_again(done, tmp_path):
    folder, _, _ = done
    again = tmp_path / "again"
    shutil.copytree(folder / "work/realistic", again / "work/realistic")
    # weights of another network in the place of the one that was trained: they are measured, so nothing was trained
    work = again / "work/realistic"
    shutil.copy(work / "recall-tanh-8-trained-0.safetensors", work / "recall-tanh-8-trained-1.safetensors")
    (work / "recall-tanh-8.json").unlink()
    claims.run(again, claims=STUDY, select=["realistic-load"])
    rows = [each for each in parts(again)["recall-tanh-8.json"] if each["control"] == "trained"]
    assert rows[0]["score"] == rows[1]["score"] != rows[2]["score"]


def test_a_study_goes_on_where_it_was_left(done, tmp_path):
    folder, _, _ = done
    again, notes = tmp_path / "again", Notes()
    before = parts(folder)
    work = again / "work/realistic"
    shutil.copytree(folder / "work/realistic", work)
    (work / "classification-tanh-8-shuffled-0.safetensors").unlink()
    (work / "classification-tanh-8.json").unlink()
    (work / "recall-tanh-2.json").unlink()
    (work / "forecast-lru-8.json").write_text("{")
    document = claims.run(again, claims=STUDY, select=["realistic-load"], progress=notes)
    assert document["claims"][0]["error"] is None
    assert [note for note in notes if "of 12" in note] == [
        f"realistic-load: {count} of 12 kinds of networks" for count in (9, 10, 11, 12)
    ]
    assert parts(again) == before
    assert (work / "classification-tanh-8-shuffled-0.safetensors").exists()


def test_a_single_kind_that_is_left_ends_nothing(done, tmp_path):
    """It is computed in this process, which must not end as a worker whose study was killed."""
    folder, _, _ = done
    again = tmp_path / "again"
    shutil.copytree(folder / "work/realistic", again / "work/realistic")
    (again / "work/realistic/recall-tanh-2.json").unlink()
    document = claims.run(again, claims=STUDY, select=["realistic-load"])
    assert document["claims"][0]["error"] is None
    assert parts(again) == parts(folder)


def test_the_example_runs(tmp_path):
    example = Path(__file__).parents[2] / "examples/realistic/widths.py"
    command = [sys.executable, example, "--widths", "2", "6", "--seeds", "1", "--steps", "20", "--out", "widths.png"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(ended.stdout.splitlines()) == 4
    assert (tmp_path / "widths.png").stat().st_size > 10_000
