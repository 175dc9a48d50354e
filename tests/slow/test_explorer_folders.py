"""The explorer on what commands really write: a store, a run of claims, terms of ReLU readouts."""

import json

import numpy as np
import pytest

import spiralsink as sk
from cases import explorer as cases
from spiralsink.cli import main
from spiralsink.explorer import payload_of
from spiralsink.explorer._loss_terms import MOST_INTEGRALS

pytestmark = pytest.mark.slow


def test_terms_of_a_relu_readout_are_exact_and_go_to_the_best(tmp_path):
    population = cases.kept_population(6, delay=4, horizon=18)
    payload = payload_of(cases.write_claims(tmp_path, {"phase-transition": {"population": population}}))
    networks = payload.networks
    known = [place for place, terms in enumerate(networks.terms) if terms is not None]
    assert known == np.flatnonzero(networks.best).tolist()
    assert len(known) == 2 <= MOST_INTEGRALS
    for place in known:
        source = networks.source[place]
        process = sk.SparseProcess(1, p=float(networks.p[place]))
        exact = sk.expected_loss(population.networks[source], population.task, process, horizon=18)
        assert sum(networks.terms[place]) == pytest.approx(exact.total, rel=1e-4)
        assert networks.terms[place][0] == pytest.approx(exact.task_benefit, rel=1e-4)


def test_reproduce_writes_the_page_of_its_claims_with_every_network(tmp_path, capsys):
    out = tmp_path / "results"
    assert main(["reproduce", "--out", str(out), "--claims", "staircase,phase-transition", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["page"] == "explorer.html"
    assert (out / "explorer.html").stat().st_size < 10_000_000
    payload = payload_of(out)
    by_id = {each.id: place for place, each in enumerate(payload.collections)}
    population = by_id["phase-transition--population"]
    assert payload.collections[population].total == payload.networks.collection.count(population) == 1280
    # the best of every p are those of the claim, and lie on the diagram
    best = sk.load(out / "networks/phase-transition/best.safetensors")
    places = [place for place, each in enumerate(payload.networks.collection) if each == population]
    chosen = [place for place in places if payload.networks.best[place]]
    stack = sk.load(out / "networks/phase-transition/population.safetensors")
    shown = stack[[payload.networks.source[place] for place in chosen]]
    assert np.asarray(shown.W_h) == pytest.approx(np.asarray(best.W_h), rel=1e-6)
    (diagram,) = payload.diagrams
    assert (diagram.horizon, diagram.collections) == ("18", ["phase-transition--population"])
    (crossing,) = diagram.crossings
    assert crossing["p"] == pytest.approx(0.3828, abs=1e-3)
    # what is shown first is well inside the sparse regime, and beside it stands a dense one
    first, second = payload.first, payload.second
    assert payload.networks.regime[first] == "sparse"
    assert 0.12 <= payload.networks.p[first] <= 0.2
    assert (payload.networks.regime[second], payload.networks.p[second]) == ("dense", 1.0)
    # the staircase has its weights along training
    (history,) = payload.histories
    assert history.offset is not None
    assert len(history.step) == 201
    assert history.terms is not None


def test_a_sweep_writes_its_page(tmp_path, capsys):
    spec = tmp_path / "plan.toml"
    spec.write_text(
        'format = 1\ntask = { kind = "delay", delay = 2 }\nprocess = { kind = "sparse" }\n'
        'network = { readout = "relu", tied = true }\n'
        "[training]\nsteps = 40\nn_seeds = 8\nrecord_every = 10\n"
        'objective = { kind = "sampled", batch_size = 16, horizon = 12 }\n'
        '[[sweep.axes]]\nfield = "process.p"\nvalues = [0.1, 0.5]\n'
    )
    store = tmp_path / "store"
    assert main(["sweep", str(spec), "--store", str(store), "--workers", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["page"] == "explorer.html"
    payload = payload_of(store)
    assert len(payload.networks.p) == 16
    assert len(payload.histories) == sum(payload.networks.best) == 2
    assert sum(each is not None for each in payload.networks.terms) == 2
    assert main(["sweep", str(spec), "--store", str(tmp_path / "none"), "--dry-run", "--json"]) == 0
    assert not (tmp_path / "none").exists()
