"""What a phase diagram is as an object, as data and on the command line; its numbers are tested elsewhere."""

import dataclasses
import functools
import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

import spiralsink as sk
from spiralsink.cli import main
from spiralsink.theory import TERM_NAMES, escape_family
from spiralsink.verbs._branches import named
from spiralsink.verbs._crossings import find_gaps
from spiralsink.verbs._phase_diagram import _order, _status

SMALL = {"p": (0.2, 0.9), "n_hidden": 2, "readout": "linear", "restarts": 6}


@functools.cache
def linear() -> sk.PhaseDiagram:
    return sk.phase_diagram(sk.Delay(2, importance=2.0), sk.SparseProcess(1), **SMALL)


@pytest.mark.slow
def test_a_linear_readout_has_one_best_branch():
    found = linear()
    assert found.status == sk.Status.CONVERGED
    assert (found.crossings, found.crossing_p, found.escape, found.escape_p) == ((), None, None, None)
    assert found.order == "none"
    assert found.dense_limit_p is None
    dense = found.branch("dense")
    assert dense.ends == ("range", "range")
    np.testing.assert_allclose(dense.p[[0, -1]], [0.2, 0.9])
    assert dense.stable.all()
    best = sk.optimum(sk.Delay(2, importance=2.0), sk.SparseProcess(1, p=0.5), readout="linear", restarts=6)
    assert float(dense.loss_at(0.5)) == pytest.approx(best.loss_per_p, rel=1e-6)
    assert best.loss_per_p == pytest.approx(2 * 0.11890, abs=2e-5)


def test_networks_of_a_branch():
    dense = linear().branch("dense")
    network = dense.network_at(0.5)
    assert network.tied
    assert network.W_x.dtype == np.float64
    terms = sk.expected_loss(network, sk.Delay(2, importance=2.0), sk.SparseProcess(1, p=0.5))
    assert terms.total / 0.5 == pytest.approx(float(dense.loss_at(0.5)), rel=1e-6)
    modes = sk.measure(network, sk.Delay(2))
    assert modes.eigenangle_span == pytest.approx(82.0, abs=0.1)
    at = len(dense.p) // 2
    modes = sk.measure(dense.network_at(dense.p[at]), sk.Delay(2))
    assert modes.eigenangle_span == pytest.approx(dense.eigenangle_span[at], rel=1e-6)
    assert modes.spectral_radius == pytest.approx(dense.spectral_radius[at], rel=1e-6)
    with pytest.raises(ValueError, match="does not pass"):
        dense.network_at(0.95)
    assert np.isnan(dense.loss_at(0.95))


def test_prints_what_a_reader_wants():
    lines = str(linear()).splitlines()
    assert 5 <= len(lines) <= 8
    assert "delay 2" in lines[0]
    assert "dense [0.2, 0.9]" in lines[1]
    assert "does not change" in lines[2]


def test_the_escape_is_printed_with_the_importance():
    family = escape_family(4, 2)
    assert family is not None
    grid = np.geomspace(0.05, 0.9, 5)
    infimum = np.asarray(2.0 * family.infimum(grid, 1 / 3))
    shown = str(dataclasses.replace(linear(), escape=family, escape_grid=grid, escape_infimum=infimum, escape_p=0.3))
    assert "infimum 0.6667 (1 - (1 - p)^2), the lowest for p < 0.3000" in shown


def part(branch: sk.PhaseBranch, low: float, high: float, name: str) -> sk.PhaseBranch:
    inside = slice(*np.searchsorted(branch.p, [low, high]))
    rows = ("p", "loss_per_p", "spectral_radius", "eigenangle_span", "gain", "stable", "error_estimate", "coefficients")
    cut: dict[str, Any] = {row: getattr(branch, row)[inside] for row in rows}
    cut["terms"] = {term: values[inside] for term, values in branch.terms.items()}
    return dataclasses.replace(branch, name=name, curve=branch.curve[inside], **cut)


def test_a_gap_between_branches_is_reported():
    whole = linear().branch("dense")
    low, high = part(whole, 0.2, 0.35, "low"), part(whole, 0.6, 0.9, "high")
    gaps = find_gaps([high, low])
    assert gaps == ((low.p[-1], high.p[0]),)
    assert 0.2 < gaps[0][0] <= 0.35 < 0.6 <= gaps[0][1] < 0.9
    assert find_gaps([whole]) == find_gaps([low, whole]) == linear().gaps == ()
    assert _order([high, low], (), gaps) == "unknown"
    assert _order([whole], (), ()) == "none"
    shown = str(dataclasses.replace(linear(), gaps=gaps))
    assert f"no branch for p in ({gaps[0][0]:.4f}, {gaps[0][1]:.4f})" in shown
    assert "does not change" not in shown


@pytest.mark.parametrize(("row", "value"), [("loss_per_p", np.nan), ("error_estimate", np.nan), ("loss_per_p", np.inf)])
def test_what_is_not_finite_is_not_accurate(row, value):
    branch = linear().branch("dense")
    values = getattr(branch, row).copy()
    values[1] = value
    assert _status([branch], 0) == sk.Status.CONVERGED
    assert _status([branch, dataclasses.replace(branch, **{row: values})], 0) == sk.Status.INACCURATE
    assert _status([branch], 1) == sk.Status.UNCONVERGED


def test_a_branch_without_angles_has_a_name():
    branch = linear().branch("dense")
    nowhere = dataclasses.replace(branch, eigenangle_span=np.full_like(branch.p, np.nan))
    partly = dataclasses.replace(branch, eigenangle_span=np.where(np.arange(len(branch.p)) < 2, np.nan, 30.0))
    assert [each.name for each in named([nowhere, partly, nowhere], [False] * 3)] == [
        "angleless",
        "turns-0",
        "angleless-b",
    ]


def test_the_methods_are_cited():
    text = sk.cite(linear())
    assert "keller1977numerical" in text
    assert "nocedal2006numerical" in text


def test_dataset():
    dataset = linear().to_dataset()
    assert dataset.sizes["branch"] == len(linear().branches)
    dense = dataset.sel(branch="dense").dropna("point", how="all", subset=["p"])
    np.testing.assert_allclose(dense["terms"].sum("term"), dense["loss_per_p"], rtol=1e-12)
    assert list(dataset["term"].values) == list(TERM_NAMES)
    assert dataset["eigenangle_span"].attrs["units"] == "degree"
    assert dataset["end_below"].sel(branch="dense").item() == "range"


@pytest.mark.parametrize("known", [True, False])
def test_limits_and_gaps_come_back_from_netcdf(known, tmp_path):
    values: dict[str, Any] = {"escape_p": 0.31, "dense_limit_p": 0.23, "sparse_limit_p": 0.55}
    if not known:
        values = dict.fromkeys(values)
    gaps = ((0.5, 0.6), (0.2, 0.3)) if known else ()
    diagram = dataclasses.replace(linear(), gaps=gaps, **values)
    diagram.to_dataset().to_netcdf(tmp_path / "diagram.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "diagram.nc", engine="h5netcdf") as stored:
        for name, value in values.items():
            assert stored[name].shape == ()
            np.testing.assert_equal(stored[name].item(), value if known else np.nan)
        np.testing.assert_array_equal(stored["gaps"].transpose("gap", "end"), np.reshape(gaps, (-1, 2)))
        assert list(stored["end"].values) == ["low", "high"]
        assert stored.sizes["branch"] == len(diagram.branches)


def test_command(tmp_path, capsys, monkeypatch):
    diagram = linear()
    monkeypatch.setattr("spiralsink.verbs.phase_diagram", lambda *_, **__: diagram)
    arguments = ["phase-diagram", "--delay", "2", "--model", "linear", "--out", str(tmp_path / "out"), "--json"]
    assert main(arguments) == 0
    printed = json.loads(capsys.readouterr().out)
    names = {"branches", "crossings", "crossing_p", "dense_limit_p", "sparse_limit_p", "escape_p", "order"}
    assert names <= printed.keys()
    assert printed["order"] == "none"
    assert printed["crossing_p"] is None
    rows = ("p", "loss_per_p", "spectral_radius", "eigenangle_span", "gain", "stable")
    for branch in printed["branches"]:
        assert len({len(branch[row]) for row in rows}) == 1
        assert {branch["end_below"], branch["end_above"]} <= {"fold", "bound", "range", "bifurcation", "lost"}
    figures = ["figures/phase-diagram.png", "figures/phase-diagram.svg"]
    assert printed["files"] == ["phase-diagram.json", "phase-diagram.nc", *figures]
    assert (tmp_path / "out" / figures[0]).read_bytes().startswith(b"\x89PNG")
    assert b'id="branch-dense"' in (tmp_path / "out" / figures[1]).read_bytes()
    stored = json.loads((tmp_path / "out" / "phase-diagram.json").read_text())
    assert stored["branches"] == printed["branches"]
    assert (tmp_path / "out" / "phase-diagram.nc").stat().st_size > 1000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p": (0.5, 0.1)}, r"p must be a pair with 0 < smallest < largest <= 1, got \(0.5, 0.1\)"),
        ({"p": (0.0, 1.0)}, "p must be a pair with 0 < smallest < largest <= 1"),
        ({"p": 0.5}, r"p must be a pair \(smallest, largest\), got 0.5"),
        ({"n_hidden": 0}, "n_hidden must be a whole number >= 1, got 0"),
        ({"n_hidden": 9}, "n_hidden must be at most 8"),
        ({"restarts": 0}, "restarts must be a whole number >= 1"),
        ({"seed": -1}, "seed must be a whole number >= 0"),
        ({"readout": "rely"}, r"readout must be one of linear, relu, got 'rely' \(did you mean relu\?\)"),
        ({"bound": 100}, "bound must be a GainBound, got int"),
        ({"process": sk.SparseProcess(2)}, "process must be one feature and one output for a phase diagram, got 2"),
        ({"process": 0.5}, "process must be a SparseProcess of one feature, got float"),
        ({"task": sk.MovingAverage(3)}, "task must be a task with one wanted lag for a phase diagram"),
        ({"task": sk.Delay(1)}, "n_hidden must be at most the delay 1 for a phase diagram, got 2 .a shift register"),
        ({"task": "delay"}, "task must be a filter task"),
    ],
)
def test_bad_input(change, message):
    given = {"task": sk.Delay(4), "process": sk.SparseProcess(1)} | change
    with pytest.raises(sk.InvalidInput, match=message):
        sk.phase_diagram(given.pop("task"), given.pop("process"), **given)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--p-min", "0"], "spiralsink phase-diagram: --p-min must be in (0, 1], got 0.0"),
        (
            ["--p-min", "0.5", "--p-max", "0.4"],
            "spiralsink phase-diagram: --p-min must be below --p-max = 0.4, got 0.5",
        ),
        (["--hidden", "9"], "spiralsink phase-diagram: --hidden must be at most 8 for transfer coefficients, got 9"),
        (["--model", "sms"], "spiralsink phase-diagram: --model must be one of linear, ssm, got 'sms'"),
        (["--out", ""], "spiralsink phase-diagram: --out must be the name of a folder, got ''"),
    ],
)
def test_bad_command_lines(words, line, capsys):
    assert main(["phase-diagram", "--delay", "4", *words]) == 2
    assert capsys.readouterr().err.strip().startswith(line)
