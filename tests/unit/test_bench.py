"""The benchmark: counts, ratios, JSON and text of given timings, workers that end, bad input."""

import contextlib
import importlib.util
import json
import re

import pytest

from spiralsink.bench import Benchmarks, Case, Row, full_plan, quick_plan
from spiralsink.bench._cases import STANDARD
from spiralsink.bench._implementations import make_trainer
from spiralsink.bench._limits import Limits, best_limits
from spiralsink.bench._processes import Worker
from spiralsink.bench._result import Missing
from spiralsink.bench._trainer import Absent
from spiralsink.cli import main
from spiralsink.cli._command import plain

MACHINE = {"cpu": "a processor", "cores": 2, "jax": "0", "python": "3"}
ONE, TWO = Limits(100.0, "numpy 512", 10.0), Limits(190.0, "torch 512", 15.0)


def result():
    rows = [
        Row(STANDARD, "spiralsink", 1, (5.0, 4.0, 6.0), 512, 2.0),
        Row(STANDARD, "torch_loop", 1, (400.0,), 4, None),
        Row(STANDARD, "torch_einsum", 1, (90.0, 80.0), 512, None),
        Row(STANDARD, "torch_bmm", 1, (70.0, 60.0), 512, None),
        Row(STANDARD, "spiralsink", 2, (2.5, 2.0), 512, 0.1),
    ]
    missing = [Missing(STANDARD, "jax_vmap", 1, "no reason")]
    return Benchmarks(rows, missing, {1: ONE, 2: TWO}, MACHINE)


def test_of_the_timings_the_fastest_counts():
    assert result().ratios() == {"torch_loop": 100.0, "torch_stacked": 15.0, "vmap": None, "all_cores": 2.0}
    assert result().ratios(Case(10, 8)) == dict.fromkeys(("torch_loop", "torch_stacked", "vmap", "all_cores"))


def test_json_has_the_fields_that_others_read():
    found = json.loads(json.dumps(plain(result().as_json()), allow_nan=False))
    assert (found["peak_gflops"], found["copy_gbs"]) == (100.0, 10.0)
    ours, loop, *_ = found["rows"]
    assert (ours["case"], ours["implementation"], ours["threads"]) == ("N_h 2, stack 512", "spiralsink", 1)
    assert (ours["us_per_step_per_network"], ours["compile_seconds"]) == (4.0, 2.0)
    assert loop["compile_seconds"] is None
    assert ours["gflops"] == pytest.approx(ours["operations"] / 4.0 / 1e3)
    assert found["rows"][-1]["of_peak"] == pytest.approx(found["rows"][-1]["gflops"] / 190.0)


def test_the_text_says_what_is_missing():
    text = str(result())
    assert "torch.nn.RNN in a loop: 100.0" in text
    assert "the best stacked torch (torch_bmm): 15.0" in text
    assert "not measured: jax_vmap (1 cases): no reason" in text


def test_limits_are_the_best_ones_seen():
    assert best_limits([ONE, Limits(90.0, "torch 512", 12.0)]) == Limits(100.0, "numpy 512", 12.0)


@pytest.mark.parametrize("case", {case for plan in (full_plan(), quick_plan()) for case in plan.cases})
def test_operations(case):
    """Every product of a matrix with a column is done forward, for the weights, and (not for inputs) for the column."""
    n = case.n_hidden
    products = 3 * n * n + 2 * n + 3 * n
    # rectified, masked, added to what the readout says; output rectified and masked, error, its derivative, the loss
    single = 3 * n + 6
    assert case.multiply_adds == products * case.batch * case.horizon
    assert case.operations == (2 * products + single) * case.batch * case.horizon


def test_cases_differ_in_name():
    cases = [*full_plan().cases, *full_plan().laws]
    assert len({case.name for case in cases}) == len(set(cases)) == len(cases)


def test_without_torch_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Absent, match=re.escape("pip install 'spiralsink[torch]'")):
        make_trainer("torch_bmm", STANDARD, 1)


def test_units_are_written_out_only_where_they_are_few():
    with pytest.raises(Absent, match="more than 10 hidden units"):
        make_trainer("torch_scalars", Case(100, 1), 1)


def test_a_worker_that_ends_says_why(tmp_path):
    with contextlib.closing(Worker(1, str(tmp_path))) as worker, pytest.raises(RuntimeError, match="KeyError"):
        worker.ask(time=0.1, implementation="nobody")


@pytest.mark.parametrize(("out", "said"), [("", "the name of a folder, got ''"), ("file", "a folder, got ")])
def test_bad_out(out, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(["bench", "--out", out]) == 2
    assert capsys.readouterr().err.startswith(f"spiralsink bench: --out must be {said}")
