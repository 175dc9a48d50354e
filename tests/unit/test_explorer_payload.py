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
from spiralsink.explorer._datasets import read_dataset
from spiralsink.explorer._sampling import MOST_NETWORKS, MOST_NUMBERS, best_of_points, choose, rooms, thinned, tracked


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


@pytest.mark.parametrize(
    "address",
    [
        *("java\tscript:alert(1)", "\x01javascript:alert(1)", "javascript:alert(1)", "//evil.example/a.png", "/a.png"),
        *("figures/../../a.png", "figures\\..\\a.png", "figures/%2e%2e/a.png", "https://evil.example/figures/a.png"),
        *("figures/a.png\n", "figures/.a.png", "figures/a.html", " figures/a.png", "data:image/svg+xml,<svg/>"),
    ],
)
def test_an_address_of_somewhere_else_is_no_link(tmp_path, address):
    cases.write_claims(tmp_path, {}, [cases.entry("x", figure=address), cases.entry("<b>", figure="figures/b.svg")])
    first, second = payload_of(tmp_path).claims
    assert first.figure == ""
    assert (second.figure, second.page) == ("figures/b.svg", "report.html#claim--b-")


def test_a_folder_without_networks_says_so(tmp_path, results):
    payload = payload_of(cases.write_claims(tmp_path, {}, [cases.entry("phase-transition")]))
    assert "spiralsink reproduce --fresh" in payload.about
    assert "no networks" not in payload_of(results).about
    # fresh ones would have none either
    about = payload_of(cases.write_claims(tmp_path, {}, [cases.entry("realistic-load", networks=[])])).about
    assert "keep no networks" in about
    assert "--fresh" not in about


@pytest.mark.parametrize("settings", [{}, None, {"n_hidden": "two"}])
@pytest.mark.parametrize("attributes", [{}, {"delay": "four", "horizon": "18", "readout": "relu"}])
def test_data_of_a_claim_that_lacks_something_is_named(tmp_path, settings, attributes):
    xr = pytest.importorskip("xarray")
    entry = cases.entry("phase-transition", data="data/phase-transition.nc", settings=settings)
    cases.write_claims(tmp_path, {}, [entry])
    (tmp_path / "data").mkdir()
    xr.Dataset(attrs=attributes).to_netcdf(tmp_path / "data/phase-transition.nc", engine="h5netcdf")
    with pytest.raises(InvalidInput, match=r"phase-transition.nc must be the data of the claim"):
        payload_of(tmp_path)


def test_with_another_axis_one_network_is_the_best_at_a_p(tmp_path):
    payload = payload_of(cases.write_sweep(tmp_path, rates=(0.1, 0.01)))
    networks = payload.networks
    assert sorted(networks.extra) == ["learning_rate"]
    for collection in range(2):
        for p in (0.1, 0.5):
            rows = [row for row in range(32) if (networks.collection[row], networks.p[row]) == (collection, p)]
            assert len(rows) == 8
            (best,) = (row for row in rows if networks.best[row])
            assert networks.loss[best] == min(networks.loss[row] for row in rows)
    # of every point of the plan one history
    assert len(payload.histories) == 8
    assert "trained for 30 steps each" in payload.about


def test_steps_that_vary_are_said_as_a_range(tmp_path):
    assert "trained for 30 to 60 steps" in payload_of(cases.write_sweep(tmp_path, steps=(30, 60))).about


def test_collections_of_one_name_are_told_apart_by_what_differs():
    upper = {"process": sk.SparseProcess(1, amplitude=sk.Uniform(0.5, 1.0))}
    changes = [{"horizon": 15}, {}, upper, upper, {"label": "linear", "horizon": None}]
    networks = cases.networks_of("ssm", 2)
    groups = [
        cases.group_of(networks, f"group-{place}", **({"label": "SSM", "horizon": 30} | each))
        for place, each in enumerate(changes)
    ]
    labels = [each.label for each in cases.assemble(title="", about="", groups=groups).collections]
    assert labels == [
        "SSM, horizon 15, uniform on 0 to 1",
        "SSM, horizon 30, uniform on 0 to 1",
        "SSM, horizon 30, uniform on 0.5 to 1, no. 3",
        "SSM, horizon 30, uniform on 0.5 to 1, no. 4",
        "linear",
    ]


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


def test_a_page_says_that_zeros_stand_for_networks_that_diverged(tmp_path):
    status = np.full(6, sk.Status.CONVERGED)
    status[1] = sk.Status.DIVERGED
    cases.write_claims(tmp_path, {"x": {"population": cases.kept_population(6, status=status)}}, [cases.entry("x")])
    (collection,) = payload_of(tmp_path).collections
    assert "1 diverged: zeros stand for weights" in collection.about


def test_a_horizon_that_is_none_is_named(tmp_path):
    cases.write_claims(tmp_path, {"x": {"population": kept()}}, [cases.entry("x")])
    path = tmp_path / "networks/x/population.nc"
    data = read_dataset(path)
    path.write_bytes(bytes(data.assign_attrs(horizon="soon").to_netcdf(engine="h5netcdf")))
    with pytest.raises(InvalidInput, match=r"population.nc: horizon must be steady state or a number of steps"):
        payload_of(tmp_path)


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


def test_the_best_have_room_before_the_others():
    counts, points = [2000, 30_000, 1000], [2, 4000, 20]
    found = rooms(counts, [11] * 3, points)
    assert sum(found) == MOST_NETWORKS
    assert all(each >= wanted for each, wanted in zip(found, points, strict=True))


def test_networks_too_large_for_a_page_have_no_room():
    assert rooms([3, 7], [2 * MOST_NUMBERS, 11]) == [0, 7]


def test_long_histories_are_thinned_evenly_with_both_ends():
    kept = thinned(2001)
    assert (kept[0], kept[-1], len(kept)) == (0, 2000, 201)
    assert set(np.diff(kept)) == {10}
    assert thinned(7).tolist() == list(range(7))


def test_histories_that_do_not_all_fit_are_evenly_spaced_the_best_ones_first():
    assert tracked([30] * 8, [False, True] * 4) == list(range(8))
    found = tracked([201] * 200, [place % 2 == 0 for place in range(200)])
    assert len(found) == 49
    assert (found[0], found[-1]) == (0, 198)
    assert {place % 2 for place in found} == {0}
    assert max(np.diff(found)) <= 6
    mixed = tracked([2001] * 100, [place < 10 for place in range(100)])
    assert mixed[:10] == list(range(10))
    assert (mixed[10], mixed[-1], len(mixed)) == (10, 99, 49)


def test_a_sampled_store_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("spiralsink.explorer._sampling.MOST_NETWORKS", 8)
    payload = payload_of(cases.write_sweep(tmp_path / "store"))
    assert len(payload.networks.source) == 8
    assert sum(payload.networks.best) == 4
    chosen = "4 of 8 networks: the best of each of 2 points and its first 1 others."
    sentence = f"{chosen} Training was recorded for 8 networks; that of 2 of them is here."
    assert [each.sampling for each in payload.collections] == [sentence] * 2


def vectors(p):
    """Three networks with five features, of activity probability p."""
    networks = cases.networks_of("vectors", 3)
    return cases.kept_population(2, networks=networks, process=sk.SparseProcess(5, p=p), loss=[0.1, 0.2, 0.3],
                                 status=np.zeros(3, int))  # fmt: skip


KINDS = {
    "one p for every network": lambda: kept(),
    "one p for all features": lambda: vectors(0.25),
    "a p for every feature": lambda: vectors(np.array([0.1, 0.2, 0.3, 0.4, 0.5])),
    "features of every network": lambda: vectors(np.arange(1, 16).reshape(3, 5) / 20),
    "one network": lambda: cases.kept_population(
        2, networks=cases.networks_of("tied", 1)[0], process=sk.SparseProcess(1, p=0.1), loss=0.1, status=None
    ),
}


@pytest.mark.parametrize("kind", ["a store", *KINDS])
def test_the_code_of_a_page_recreates_what_it_shows(kind, store, tmp_path, monkeypatch):
    made = {"phase-transition": {"it's": KINDS[kind]()}} if kind in KINDS else {}
    folder = cases.write_claims(tmp_path, made) if made else store
    payload = payload_of(folder)
    place = len(payload.networks.source) - 1
    source = payload.networks.source[place]
    collection = payload.collections[payload.networks.collection[place]]
    monkeypatch.chdir(folder)
    # measuring is tested elsewhere, and compiles
    monkeypatch.setattr(sk, "measure", lambda network, task, process, horizon: task.delay)
    names, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(collection.code.replace("{index}", str(source)), names)
    loss, status, delay = printed.getvalue().split()[:3]
    assert int(delay) == collection.delay
    assert float(loss) == pytest.approx(payload.networks.loss[place], rel=1e-5)
    assert status == payload.networks.status[place]
    p = np.asarray(KINDS[kind]().process.p) if kind in KINDS else None
    p = payload.networks.p[place] if p is None or payload.networks.p[place] is not None else p
    assert names["process"].p == pytest.approx(p[source] if np.ndim(p) > 1 else p, rel=1e-5)
    first = payload.networks.offset[place]
    assert weights(payload)[first:][: names["network"].W_x.size] == pytest.approx(np.ravel(names["network"].W_x))


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
