import copy
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

ROOT = Path(__file__).parents[2]


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


compare_verdicts, readme_table = load("compare_verdicts"), load("readme_table")


def claim(name, verdict, error=None):
    return {
        "id": name,
        "statement": f"statement of {name}",
        "expected": "<= 2 %",
        "measured": "1 % | 2 %",
        "verdict": verdict,
        "reason": "",
        "seconds": 3.2,
        "error": error,
    }


RUN = {
    "version": "0.1.0",
    "scale": "quick",
    "seed": 0,
    "seconds": 200.0,
    "claims": [claim("one", "holds"), claim("two", "fails")],
}
EXPECTED = {"scale": "quick", "claims": {"one": "holds", "two": {"verdict": "fails", "because": "a reason"}}}


def changed(value, *path, to):
    value = copy.deepcopy(value)
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return value


def test_a_documented_failure_is_expected():
    assert compare_verdicts.compare(RUN, EXPECTED) == []


@pytest.mark.parametrize(
    ("run", "expected", "words"),
    [
        (changed(RUN, "claims", 0, "verdict", to="inconclusive"), EXPECTED, "one: expected holds, got inconclusive"),
        (changed(RUN, "claims", 1, "verdict", to="holds"), EXPECTED, "two: expected fails, got holds"),
        (changed(RUN, "claims", to=RUN["claims"][:1]), EXPECTED, "two: expected fails, missing"),
        (changed(RUN, "claims", to=[*RUN["claims"], claim("three", "holds")]), EXPECTED, "three: new"),
        (changed(RUN, "claims", 0, "error", to="ValueError: x"), EXPECTED, "one: ValueError: x"),
        (changed(RUN, "scale", to="full"), EXPECTED, "scale full"),
        (RUN, changed(EXPECTED, "claims", "two", to="fails"), "two: the expected verdict is fails, without a reason"),
        (RUN, changed(EXPECTED, "claims", "one", to="hold"), "one: the expected verdict must be one of"),
    ],
)
def test_every_other_difference_is_reported(run, expected, words):
    problems = compare_verdicts.compare(run, expected)
    assert any(words in problem for problem in problems)


def test_what_runs_on_request_may_be_missing_and_is_compared_where_it_is_there():
    expected = EXPECTED | {"on_request": {"three": "holds"}}
    assert compare_verdicts.compare(RUN, expected) == []
    longer = changed(RUN, "claims", to=[*RUN["claims"], claim("three", "holds")])
    assert compare_verdicts.compare(longer, expected) == []
    (problem,) = compare_verdicts.compare(changed(longer, "claims", 2, "verdict", to="fails"), expected)
    assert problem.startswith("three: expected holds, got fails")


def test_exit_codes_of_the_comparison(tmp_path, capsys):
    run, expected = tmp_path / "claims.json", tmp_path / "expected.json"
    run.write_text(json.dumps(RUN))
    expected.write_text(json.dumps(EXPECTED))
    assert compare_verdicts.main([str(run), str(expected)]) == 0
    expected.write_text(json.dumps(changed(EXPECTED, "claims", "one", to={"verdict": "fails", "because": "x"})))
    assert compare_verdicts.main([str(run), str(expected)]) == 1
    assert "one: expected fails, got holds" in capsys.readouterr().err


def test_a_selection_is_compared_alone_and_reasons_are_shown(tmp_path, capsys):
    run, expected = tmp_path / "claims.json", tmp_path / "expected.json"
    run.write_text(json.dumps(changed(RUN, "claims", to=RUN["claims"][1:]) | {"selected": ["two"]}))
    expected.write_text(json.dumps(EXPECTED))
    assert compare_verdicts.main([str(run), str(expected)]) == 1
    assert compare_verdicts.main([str(run), str(expected), "--selected"]) == 0
    assert "documented: two fails: a reason" in capsys.readouterr().out


def test_the_committed_verdicts_are_well_formed():
    expected = json.loads((ROOT / ".ci" / "expected-verdicts.json").read_text())
    run = {"scale": expected["scale"], "claims": []}
    problems = compare_verdicts.compare(run, expected)
    assert expected["claims"]
    assert all(problem.endswith("missing from the run") for problem in problems)
    # as if all were part of every run
    everything = {"scale": expected["scale"], "claims": expected["claims"] | expected["on_request"]}
    problems = compare_verdicts.compare(run, everything)
    assert len(problems) == len(everything["claims"])
    assert all(problem.endswith("missing from the run") for problem in problems)


def test_the_table_goes_between_the_markers(tmp_path):
    readme, run = tmp_path / "README.md", tmp_path / "claims.json"
    readme.write_text(f"above\n{readme_table.BEGIN}\nold\n{readme_table.END}\nbelow\n")
    run.write_text(json.dumps(RUN))
    for _ in range(2):
        assert readme_table.main([str(run), "--readme", str(readme)]) == 0
    lines = readme.read_text().splitlines()
    assert lines[0] == "above"
    assert lines[-1] == "below"
    assert "| `two` | statement of two | <= 2 % | 1 % \\| 2 % | fails |" in lines
    assert "spiralsink 0.1.0, `--scale quick`, seed 0, 3.3 minutes." in lines
    assert "old" not in lines


def test_a_table_may_have_a_row_for_every_bar(tmp_path):
    page, run = tmp_path / "page.md", tmp_path / "claims.json"
    page.write_text(f"{readme_table.BEGIN}\n{readme_table.END}\n")
    bar = {"bar": {"op": "<", "value": 0.0}, "verdict": "holds"}
    first = bar | {"about": "a | b", "value": -0.256, "interval": [-0.3, -0.2]}
    second = bar | {"about": "c", "value": None, "interval": [None, None], "verdict": "inconclusive"}
    third = bar | {"about": "d", "value": 1.0, "interval": None}
    claims = [RUN["claims"][0] | {"id": "one", "verdict": "holds", "conditions": [first, second, third]}]
    run.write_text(json.dumps(RUN | {"claims": claims}))
    assert readme_table.main([str(run), "--readme", str(page), "--conditions"]) == 0
    lines = page.read_text().splitlines()
    assert "| `one`: holds | a \\| b | -0.26 | -0.30 to -0.20 | < 0 | holds |" in lines
    assert "|  | c | none | none to none | < 0 | inconclusive |" in lines
    assert "|  | d | 1.00 |  | < 0 | holds |" in lines


@pytest.mark.parametrize("text", ["no markers", f"{readme_table.END} {readme_table.BEGIN}"])
def test_a_readme_without_markers_is_refused(text):
    with pytest.raises(ValueError, match="claims: begin"):
        readme_table.replace_between(text, "table")


def test_the_readme_has_the_markers():
    text = (ROOT / "README.md").read_text()
    assert readme_table.replace_between(text, "new") != text


def test_the_table_of_initial_weights_has_a_row_for_each_setting(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    tool = load("initial_weights_table")
    shares = np.array([[1.0, 0.5], [0.25, 0.0]])
    data = xr.Dataset(
        {
            "other_represented": (("other", "scheme"), shares),
            "other_reached": (("other", "scheme"), shares / 2),
            "other_lowest_loss_per_p": (("other", "scheme"), shares / 10),
            "other_n_hidden": ("other", [2, 4]),
            "other_delay": ("other", [3, 6]),
            "other_p": ("other", [0.03, 0.1]),
        },
        coords={"scheme": ["shipped", "plain"]},
    )
    source, page = tmp_path / "how-many.nc", tmp_path / "page.md"
    data.to_netcdf(source, engine="h5netcdf")
    page.write_text(f"above\n{readme_table.BEGIN}\n{readme_table.END}\nbelow\n")
    assert tool.main([str(source), "--page", str(page)]) == 0
    rows = page.read_text().splitlines()
    assert "| 2 | 3 | 0.03 | 100% | 50% | 50% | 25% | 0.1000 | 0.0500 |" in rows
    assert "| 4 | 6 | 0.1 | 25% | 0% | 12% | 0% | 0.0250 | 0.0000 |" in rows
