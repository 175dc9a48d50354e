"""Folders that lack something, or hold what cannot be read: the page, its code or the error says so."""

import numpy as np
import pytest

import spiralsink as sk
from cases import explorer as cases
from spiralsink._errors import InvalidInput
from spiralsink.explorer import payload_of

PLAN = """
format = 1
task = { kind = "delay", delay = 2 }
process = { kind = "sparse", p = 0.5 }
network = { readout = "relu", tied = true }
[training]
steps = 30
n_seeds = 4
[sweep]
[[sweep.axes]]
field = "process.p"
values = [0.1, 0.5]
[[sweep.axes]]
field = "task.delay"
values = [2, 3]
"""


@pytest.fixture(autouse=True)
def no_terms(monkeypatch):
    """Terms of the loss compile for seconds."""
    monkeypatch.setattr("spiralsink.explorer._assemble.exact_terms", cases.no_terms)


def test_a_store_without_all_blocks_of_its_plan_says_how_many_networks_are_missing(tmp_path):
    store = cases.write_sweep(tmp_path, p=(0.1, 0.5), delays=(2, 3), count=4)
    assert "missing" not in payload_of(store).about  # nothing says how many there should be
    (store / "plan.toml").write_text(PLAN)
    assert "missing" not in payload_of(store).about
    sorted((store / "blocks").iterdir())[0].unlink()
    about = payload_of(store).about
    assert about.startswith("Store of 12 networks")
    assert "Of the 16 networks of its plan 4 are missing" in about
    (store / "plan.toml").write_text("format = ")
    assert "missing" not in payload_of(store).about


def test_code_says_that_networks_that_diverged_are_zeros_where_there_are_some(tmp_path):
    codes = []
    for name, second in {"whole": sk.Status.CONVERGED, "lacking": sk.Status.DIVERGED}.items():
        population = cases.kept_population(2, status=np.array([sk.Status.CONVERGED, second]))
        folder = tmp_path / name
        folder.mkdir()
        cases.write_claims(folder, {"x": {"population": population}}, [cases.entry("x")])
        codes += [each.code for each in payload_of(folder).collections]
    assert ["stored as zeros" in each for each in codes] == [False, True]
    compile(codes[1].replace("{index}", "1"), "code", "exec")


@pytest.mark.parametrize("around", ["{}", '{{"version": "1", "scale": "quick", "seed": 0, "claims": {}}}'])
def test_a_summary_nested_deeper_than_python_reads_is_refused_in_one_line(tmp_path, around):
    (tmp_path / "claims.json").write_text(around.format("[" * 100_000 + "]" * 100_000))
    with pytest.raises(InvalidInput, match=r"claims\.json must be what reproduce writes, got something else$"):
        payload_of(tmp_path)
