"""The page on the phase diagram says what was computed, and what was computed is right."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

import spiralsink as sk
from spiralsink import theory

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "_static" / "phase"
NUMBERS = json.loads((FOLDER / "numbers.json").read_text())
TEMPLATE = (ROOT / "tools" / "phase_page.md.j2").read_text()
PAGE = (ROOT / "docs" / "phase-diagram.md").read_text()


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_the_template_with_the_numbers():
    assert load("phase_page").page(TEMPLATE, NUMBERS) == PAGE


def test_no_number_is_typed_by_hand():
    prose = re.sub(r"<<.*?>>|<%.*?%>", "", TEMPLATE, flags=re.DOTALL)
    assert re.findall(r"\d*\.\d+", prose) == []


def test_a_number_that_is_missing_is_an_error():
    jinja2 = pytest.importorskip("jinja2")
    with pytest.raises(jinja2.UndefinedError):
        load("phase_page").page("<<transition.q>>", NUMBERS)


def test_every_figure_is_there_and_small():
    figures = re.findall(r"!\[.*?\]\(_static/phase/(.*?)\)", PAGE)
    assert sorted(figures) == sorted(each.name for each in FOLDER.glob("*.png"))
    assert all((FOLDER / each).stat().st_size < 150_000 for each in figures)


def test_terms_at_the_crossing_are_those_of_the_exact_loss():
    terms = NUMBERS["terms"]
    p, names = terms["p"], ["sparse", "dense"]
    coefficients = np.array([terms["coefficients"][name] for name in names])
    weights = (np.asarray(each) for each in theory.transfer_weights(coefficients))
    networks = sk.RecurrentNetwork(*weights, readout="relu")
    found = sk.expected_loss(networks, sk.Delay(4), sk.SparseProcess(1, p=p))
    for name, row in terms["rows"].items():
        np.testing.assert_allclose(np.asarray(getattr(found, name)) / p, [row[each] for each in names], atol=2e-6)
    assert terms["rows"]["total"]["difference"] == pytest.approx(0, abs=1e-7)
    modes = sk.measure(networks, sk.Delay(4))
    np.testing.assert_allclose(modes.eigenangle_span, NUMBERS["transition"]["spans"][::-1], atol=1e-2)
    np.testing.assert_allclose(modes.spectral_radius, NUMBERS["transition"]["radii"][::-1], atol=1e-5)


def test_what_the_page_says_about_the_terms():
    """Single inputs and coincidences balance; with fixed networks only coincidences depend on p."""
    rows = NUMBERS["terms"]["rows"]
    parts = {name: row for name, row in rows.items() if name != "total"}
    for column in ("sparse", "dense", "difference", "slope", "slope_fixed"):
        assert sum(row[column] for row in parts.values()) == pytest.approx(rows["total"][column], abs=1e-6)
    assert rows["task_benefit"]["slope_fixed"] == pytest.approx(0, abs=1e-9)
    assert rows["projection_interference"]["slope_fixed"] == pytest.approx(0, abs=1e-9)
    assert rows["total"]["slope"] == pytest.approx(rows["total"]["slope_fixed"], rel=1e-3)
    assert rows["mean_correction"]["difference"] > -rows["composition_interference"]["difference"] > 0
    assert rows["task_benefit"]["difference"] < 0
    assert abs(rows["projection_interference"]["difference"]) < 0.1 * -rows["task_benefit"]["difference"]
    assert rows["mean_correction"]["dense"] < 0 < rows["mean_correction"]["sparse"]


def test_what_the_page_says_about_the_escape():
    escape, transition = NUMBERS["escape"], NUMBERS["transition"]
    assert escape["infimum"] == pytest.approx((1 - (1 - escape["p"]) ** 2) / 3)
    assert escape["p"] < transition["escape_p"] < transition["p"]
    assert transition["crossings"][1]["p"] < transition["escape_p"]
    losses = [row["loss_per_p"] for row in escape["bounded"]]
    assert losses == sorted(losses, reverse=True)
    assert all(row["active"] for row in escape["bounded"])
    assert all(each > escape["infimum"] for each in losses)
    best = [row["best"] for row in escape["trained"]]
    assert best == sorted(best, reverse=True)
    assert best[-1] > escape["infimum"]


def test_what_the_page_says_about_other_delays_and_widths():
    delays = {row["delay"]: row for row in NUMBERS["maps"]["delays"]}
    assert {row["status"] for row in delays.values()} == {"converged"}
    for delay in (2, 3):
        assert [each["to"] for each in delays[delay]["crossings"]] == ["sparse"]
        assert delays[delay]["escape_p"] is None
    first = {k: next(each["p"] for each in row["crossings"] if each["to"] == "sparse") for k, row in delays.items()}
    assert first[4] > delays[4]["escape_p"]
    assert first[5] > delays[5]["escape_p"]
    assert first[4] - delays[4]["escape_p"] > first[5] - delays[5]["escape_p"]
    assert first[6] < delays[6]["escape_p"]
    assert first[8] < delays[8]["escape_p"]
    for delay in (5, 6, 8):
        assert delays[delay]["crossings"][0]["degrees_per_step"][1] > 150
    widths = NUMBERS["maps"]["widths"]
    ends = [row["crossings"][0]["p"] for row in widths]
    assert ends == sorted(ends)
    assert [row["escape_p"] is None for row in widths] == [False, True, True]
    assert [each["to"] for each in widths[1]["crossings"]] == ["sparse"]
