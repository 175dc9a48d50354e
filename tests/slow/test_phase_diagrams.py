"""Phase diagrams of other delays and of three hidden units: what must be there, whatever else is."""

import functools
import json

import numpy as np
import pytest

import spiralsink as sk
from spiralsink.cli import main

pytestmark = pytest.mark.slow


def dense_loss(delay, n_hidden=2):
    best = sk.optimum(sk.Delay(delay), sk.SparseProcess(1, p=1.0), n_hidden=n_hidden, readout="linear", restarts=32)
    return pytest.approx(best.loss_per_p, abs=1e-4)


@functools.cache
def diagram(delay, n_hidden=2):
    found = sk.phase_diagram(sk.Delay(delay), sk.SparseProcess(1), n_hidden=n_hidden)
    assert float(found.branch("dense").loss_at(1.0)) == dense_loss(delay, n_hidden)
    assert found.status == sk.Status.CONVERGED
    return found


@pytest.mark.parametrize(("delay", "crossing", "spans"), [(2, 0.4945, (90.5, 274.4)), (3, 0.4949, (90.8, 272.0))])
def test_short_delays_jump_once_to_the_sparse_branch(delay, crossing, spans):
    found = diagram(delay)
    first = found.crossings[0]
    assert (first.above, first.below) == ("dense", "sparse")
    assert first.p == pytest.approx(crossing, abs=2e-4)
    np.testing.assert_allclose(first.spans, spans, atol=0.2)


@pytest.mark.parametrize("delay", [5, 6])
def test_longer_delays_pass_an_alternating_phase(delay):
    """Between dense and sparse the best network nearly alternates: its eigenvalue turns by more than 150 degrees."""
    found = diagram(delay)
    first, second = found.crossings[:2]
    assert first.above == "dense"
    assert second.below == "sparse"
    assert first.spans[1] / delay > 150
    assert found.escape_p is not None


def test_the_best_of_many_starts_is_on_the_diagram():
    """At every p the envelope of the branches is what an independent search finds, where it finds no escape."""
    found = diagram(5)
    for p in (0.5, 0.3):
        best = sk.optimum(sk.Delay(5), sk.SparseProcess(1, p=p), readout="relu", restarts=24)
        envelope = np.nanmin([branch.loss_at(p) for branch in found.branches])
        assert float(envelope) == pytest.approx(best.loss_per_p, rel=1e-3)


def test_three_units():
    found = diagram(4, n_hidden=3)
    assert found.crossings
    assert found.escape is not None
    assert found.escape.blocked == 1


def test_the_command_at_a_delay_of_four(capsys, tmp_path):
    """That it jumps once, too, from what the command writes."""
    assert main(["phase-diagram", "--delay", "4", "--hidden", "2", "--out", str(tmp_path), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    written = {each.name for each in tmp_path.iterdir()}
    assert written == {"phase-diagram.json", "phase-diagram.nc", "figures", "explorer.html"}
    stored = json.loads((tmp_path / "phase-diagram.json").read_text())
    assert stored["status"] == "converged"
    dense = {each["name"]: each for each in stored["branches"]}["dense"]
    assert max(dense["p"]) == 1
    assert dense["loss_per_p"][np.argmax(dense["p"])] == dense_loss(4)
    first = stored["crossings"][0]
    assert (first["from"], first["to"]) == ("dense", "sparse")
    assert first["p"] == pytest.approx(0.3629, abs=2e-4)
    np.testing.assert_allclose(first["spans"], (96.7, 268.3), atol=0.2)
