"""From folders of results to the payload of the explorer: what is on the page, how it was chosen, what is refused."""

import base64
import contextlib
import io

import numpy as np
import pytest

import spiralsink as sk
from cases import explorer as cases
from spiralsink._errors import InvalidInput
from spiralsink.explorer import payload_of
from spiralsink.explorer._sampling import MOST_NETWORKS, MOST_NUMBERS, best_of_points, choose, rooms, thinned


def weights(payload):
    return np.frombuffer(base64.b64decode(payload.weights), "<f4").astype(np.float64)


@pytest.fixture(autouse=True)
def no_terms(request, monkeypatch):
    """Terms of the loss compile for seconds."""
    if "terms" not in request.node.name:
        monkeypatch.setattr("spiralsink.explorer._assemble.exact_terms", cases.no_terms)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return cases.write_sweep(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return cases.write_claims(tmp_path_factory.mktemp("results"), {"phase-transition": {"population": kept()}})


def kept():
    return cases.kept_population(6)


def test_a_store_is_one_collection_for_every_delay(store):
    payload = payload_of(store)
    assert [(each.delay, each.total, each.n_lags) for each in payload.collections] == [(2, 8, 12), (3, 8, 14)]
    assert {each.horizon for each in payload.collections} == {"12"}
    networks, data = payload.networks, sk.open_store(store)
    assert networks.collection == [0] * 8 + [1] * 8
    for place, source in enumerate(networks.source):
        row = data.isel(network=source)
        assert networks.p[place] == row.p.item()
        assert networks.seed[place] == row.seed.item()
        assert networks.loss[place] == pytest.approx(row.loss.item(), rel=1e-5)
        assert networks.eigenangle_span[place] == pytest.approx(row.eigenangle_span.item(), rel=1e-5)
        assert payload.collections[networks.collection[place]].delay == row.delay.item()
    # of the four seeds of each of the four points one is the best, and its history is there
    assert sum(networks.best) == 4
    assert sorted(each.network for each in payload.histories) == np.flatnonzero(networks.best).tolist()
    assert payload.histories[0].step == [0, 10, 20, 30]


def test_weights_stand_where_the_payload_says(store):
    payload = payload_of(store)
    numbers = weights(payload)
    for place in (0, 7, 15):
        network = sk.load_networks(store, payload.networks.source[place])
        first = payload.networks.offset[place]
        parts = [network.W_x, network.W_h, network.output_weights, np.zeros(2), np.zeros(1)]
        expected = np.concatenate([np.ravel(each) for each in parts])
        assert numbers[first : first + len(expected)] == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert len(numbers) == 16 * 11


@pytest.mark.parametrize("name", ["biased", "vectors"])  # all of them in tests/browser
def test_weights_of_every_class_give_its_directions(name):
    payload = cases.payload_of_classes()
    rows, directions, projections = cases.reference_values(payload, name)
    (n_x, n_h, n_y), *_ = cases.CLASSES[name]
    size = n_h * (n_x + n_h + n_y) + n_h + n_y
    assert len(rows) == cases.COUNT
    for row, (W, A) in zip(rows, zip(directions, projections, strict=True), strict=True):
        found = weights(payload)[payload.networks.offset[row] :][:size]
        W_x = found[: n_h * n_x].reshape(n_h, n_x)
        W_y = found[n_h * (n_x + n_h) :][: n_h * n_y].reshape(n_h, n_y)
        assert W_x == pytest.approx(W[0], rel=1e-6)
        assert W_y.T @ W[2] == pytest.approx(A[2], rel=1e-5, abs=1e-5 * np.abs(A[2]).max())


def test_terms_are_those_of_the_exact_loss(tmp_path):
    networks = cases.networks_of("linear", 6)
    networks = sk.RecurrentNetwork(networks.W_x, 0.5 * networks.W_h, networks.W_y)
    population = cases.kept_population(6, networks=networks)
    payload = payload_of(cases.write_claims(tmp_path, {"free-space": {"linear": population}}))
    exact = sk.expected_loss(networks, population.task, population.process, horizon=15)
    for place, source in enumerate(payload.networks.source):
        expected = [exact.terms[name][source] for name in sk.theory.TERM_NAMES]
        assert payload.networks.terms[place] == pytest.approx(expected, rel=1e-5)


def test_claims_have_their_networks_figure_and_page(results):
    payload = payload_of(results)
    (row,) = payload.claims
    assert (row.figure, row.page) == ("figures/phase-transition.png", "report.html#claim-phase-transition")
    assert row.collections == [payload.collections[0].id] == ["phase-transition--population"]
    assert payload.collections[0].label == "SSM, delay 3, 2 hidden units (phase-transition)"


def test_what_a_claim_keeps_along_training_is_a_history(tmp_path):
    along = cases.networks_of("linear", 4)
    records = np.arange(4)
    single = cases.kept_population(2)
    history = {"step": 10 * records, "history_loss": [0.4, 0.3, 0.2, 0.1], "along": along}
    terms = dict.fromkeys(sk.theory.TERM_NAMES, 0.1 * (records + 1))
    one = {"networks": along[3], "process": sk.SparseProcess(1, p=0.1), "loss": 0.1, "status": None}
    changed = single.__class__(**{**vars(single), **one, **history, "history_terms": terms})
    payload = payload_of(cases.write_claims(tmp_path, {"staircase": {"best": changed}}))
    (found,) = payload.histories
    assert found.step == [0, 10, 20, 30]
    assert found.loss == [0.4, 0.3, 0.2, 0.1]
    assert found.terms[1] == pytest.approx((0.2,) * 4)
    size = len(weights(payload)) // 5
    at = weights(payload)[found.offset + 2 * size :][:2]
    assert at == pytest.approx(np.ravel(along.W_x[2]), rel=1e-6)


def test_networks_that_diverged_are_kept_with_their_status(tmp_path):
    population = kept()
    broken = np.asarray(population.networks.W_h).copy()
    broken[1] = np.nan
    networks = sk.RecurrentNetwork.__new__(sk.RecurrentNetwork)
    for name, value in vars(population.networks).items():
        object.__setattr__(networks, name, broken if name == "W_h" else value)
    changed = population.__class__(**{**vars(population), "networks": networks})
    assert not np.isfinite(changed.networks.W_h).all()
    whole = changed.finite_networks
    assert (whole.W_h[1] == 0).all()
    assert (np.delete(whole.W_h, 1, 0) == np.delete(broken, 1, 0)).all()


def test_everything_is_shown_where_there_is_room_and_the_best_of_every_point_where_not():
    point = np.repeat(np.arange(30), 100)
    rng = np.random.default_rng(0)
    best = best_of_points(point, rng.random(3000))
    assert best.sum() == 30
    everything, words = choose(point, best, 3000)
    assert (len(everything), words) == (3000, "")
    some, words = choose(point, best, 1000)
    assert np.isin(np.flatnonzero(best), some).all()
    assert set(np.bincount(point[some])) == {33}
    assert words == "990 of 3000 networks: the best of each of 30 points and its first 32 others."
    few, words = choose(point, best, 10)
    assert best[few].all()
    assert words == "10 of 3000 networks: the best of 10 of 30 points, evenly spaced."


def test_the_best_of_a_point_has_the_lowest_loss_and_is_none_without_one():
    found = best_of_points(np.array([1, 0, 1, 0, 2]), np.array([3.0, np.nan, 2.0, 5.0, np.nan]))
    assert found.tolist() == [False, False, True, True, False]


@pytest.mark.parametrize(
    ("counts", "sizes"),
    [([100_000], [11]), ([10, 100_000, 4000], [11, 11, 11]), ([5000, 5000], [11, 25_000]), ([3] * 6000, [11] * 6000)],
)
def test_a_page_never_holds_more_than_it_may(counts, sizes):
    found = np.array(rooms(counts, sizes))
    assert found.sum() <= MOST_NETWORKS
    assert (found * sizes).sum() <= MOST_NUMBERS
    assert (found <= counts).all()
    assert found.max() > 0
    # what is small is there whole
    if len(counts) == 3:
        assert found[0] == 10


def test_networks_too_large_for_a_page_have_no_room():
    assert rooms([3, 7], [2 * MOST_NUMBERS, 11]) == [0, 7]


def test_long_histories_are_thinned_evenly_with_both_ends():
    kept = thinned(2001, 10_000)
    assert (kept[0], kept[-1], len(kept)) == (0, 2000, 201)
    assert set(np.diff(kept)) == {10}
    assert thinned(7, 10_000).tolist() == list(range(7))


def test_a_sampled_store_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("spiralsink.explorer._sampling.MOST_NETWORKS", 8)
    payload = payload_of(cases.write_sweep(tmp_path / "store"))
    assert len(payload.networks.source) == 8
    assert sum(payload.networks.best) == 4
    sentence = "4 of 8 networks: the best of each of 2 points and its first 1 others."
    assert [each.sampling for each in payload.collections] == [sentence] * 2


@pytest.mark.parametrize("kind", ["store", "results"])
def test_the_code_of_a_page_recreates_what_it_shows(kind, request, monkeypatch):
    folder = request.getfixturevalue(kind)
    payload = payload_of(folder)
    place = len(payload.networks.source) - 1
    code = payload.collections[payload.networks.collection[place]].code
    code = code.replace("{index}", str(payload.networks.source[place]))
    monkeypatch.chdir(folder)
    # measuring is tested elsewhere, and compiles
    monkeypatch.setattr(sk, "measure", lambda network, task, process, horizon: (task.delay, float(process.p)))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    loss, status = printed.getvalue().split()[:2]
    collection = payload.collections[payload.networks.collection[place]]
    assert f"({collection.delay}, {payload.networks.p[place]})" in printed.getvalue()
    assert float(loss) == pytest.approx(payload.networks.loss[place], rel=1e-5)
    assert status == payload.networks.status[place]


def test_other_folders_are_refused_in_one_line(tmp_path):
    with pytest.raises(InvalidInput, match=r"nope must be a folder that reproduce, .* wrote, got no such folder"):
        payload_of(tmp_path / "nope")
    with pytest.raises(InvalidInput, match="got a folder of something else"):
        payload_of(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="got a file"):
        payload_of(tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("claims.json", b"{}"),
        ("claims.json", b"[1, 2"),
        ("claims.json", b'{"claims": [3], "version": "", "scale": "", "seed": 0}'),
        ("networks/phase-transition/population.nc", b"CDF"),
        ("networks/phase-transition/population.safetensors", b"\x08\x00\x00"),
    ],
)
def test_a_damaged_file_is_named_in_one_line(tmp_path, name, content):
    cases.write_claims(tmp_path, {"phase-transition": {"population": kept()}})
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        payload_of(tmp_path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_dataset_of_other_networks_is_refused(tmp_path):
    cases.write_claims(tmp_path, {"phase-transition": {"population": kept()}})
    place = tmp_path / "networks/phase-transition"
    sk.save(place / "population.safetensors", kept().networks[:2], task=sk.Delay(3), process=sk.SparseProcess(1))
    with pytest.raises(InvalidInput, match=r"population.nc must be that of the networks in population.safetensors"):
        payload_of(tmp_path)
