"""The page of the explorer as a file: whole, small enough, asking nothing of any network, with every string escaped."""

import base64
import contextlib
import html.parser
import io
import json
import sys

import msgspec
import numpy as np
import pytest

import spiralsink as sk
from cases import explorer as cases
from spiralsink._errors import InvalidInput, MissingExtra
from spiralsink.explorer import build_explorer, page_of, payload_of, write_explorer
from spiralsink.explorer._page import MOST_BYTES, _in_page, escaped_json
from spiralsink.explorer._payload import Branch, ClaimRow, Collection, Diagram, History, Networks, Payload

HOSTILE = "</script><img src=x onerror=alert(1)><script>alert(2)</script><!--\u2028&amp;\"'"


class Reader(html.parser.HTMLParser):
    """Elements of a page, and the text of those with an id."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts, self.attributes, self._open = [], {}, [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        self._open = dict(attrs).get("id") or tag

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        self.texts[self._open] = self.texts.get(self._open, "") + data


@pytest.fixture(autouse=True)
def no_terms(request, monkeypatch):
    """Terms of the loss compile for seconds."""
    if "terms" not in request.node.name:
        monkeypatch.setattr("spiralsink.explorer._assemble.exact_terms", cases.no_terms)


@pytest.fixture(scope="module")
def payload():
    return cases.payload_of_classes()


def poisoned(value):
    """The payload with every string in it replaced."""
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, list):
        return [poisoned(each) for each in value]
    if isinstance(value, dict):
        return {HOSTILE if name not in FIELDS else name: poisoned(each) for name, each in value.items()}
    return value


FIELDS = {
    name
    for kind in (Payload, Collection, Networks, History, Branch, Diagram, ClaimRow)
    for name in kind.__struct_fields__
}


def full(payload):
    """The payload with a claim, a diagram and an extra column, too."""
    words = {name: "word" for name in ClaimRow.__struct_fields__ if name != "collections"}
    branch = Branch("dense", [0.1, 1.0], [0.2, 0.1], [90.0, None], [0.8, 0.8], [True, True])
    crossing = {"p": 0.3, "from": "dense", "to": "sparse", "spans": [90.0, 270.0], "radii": [0.8, 0.7]}
    diagram = Diagram("delay 4", 4, 2, "relu", "18", [branch], [crossing], ["ssm"])
    networks = msgspec.structs.replace(payload.networks, extra={"rate": [None] * len(payload.networks.p)})
    claims = [ClaimRow(**words, collections=["ssm"])]
    return msgspec.structs.replace(payload, claims=claims, diagrams=[diagram], networks=networks)


def test_no_string_of_a_payload_leaves_its_place(payload):
    whole = full(payload)
    harmless = Reader(page_of(whole, "plotly"))
    broken = msgspec.convert(poisoned(msgspec.to_builtins(whole)), Payload)
    text = page_of(broken, "plotly")
    hostile = Reader(text)
    assert hostile.tags == harmless.tags
    assert "img" not in hostile.tags
    assert HOSTILE not in text
    # and it arrives as it was
    assert json.loads(hostile.texts["payload"]) == json.loads(msgspec.json.encode(broken))
    assert hostile.texts["title"].strip() == HOSTILE


def test_json_has_no_character_that_ends_a_script(payload):
    text = escaped_json(msgspec.structs.replace(payload, about=HOSTILE, title="\u2029"))
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text)["about"] == HOSTILE


def test_strings_of_real_files_are_escaped(tmp_path):
    population = cases.kept_population(4)
    row = cases.entry("phase-transition", **dict.fromkeys(("statement", "measured", "verdict", "error"), HOSTILE))
    other = cases.entry(HOSTILE, figure=HOSTILE, code=HOSTILE)
    cases.write_claims(tmp_path, {"phase-transition": {"population": population}}, [row, other], scale=HOSTILE)
    place = tmp_path / "networks/phase-transition"
    (place / "population.nc").rename(place / "<script>alert(1)&.nc")
    (place / "population.safetensors").rename(place / "<script>alert(1)&.safetensors")
    found = harmless(tmp_path)
    assert found["claims"][0]["statement"] == HOSTILE
    assert found["claims"][0]["reason"] == HOSTILE
    assert (found["claims"][1]["id"], found["claims"][1]["code"], found["claims"][1]["figure"]) == (
        HOSTILE,
        HOSTILE,
        "",
    )
    assert HOSTILE in found["about"]
    assert "<script>alert(1)&" in found["collections"][0]["about"]


def harmless(folder):
    """What the page of a folder holds, once nothing in it has become part of the page."""
    page = Reader(build_explorer(folder))
    assert page.tags.count("script") == 3
    assert "img" not in page.tags
    return json.loads(page.texts["payload"])


def test_strings_of_a_store_are_escaped(tmp_path):
    folder = tmp_path / "<img src=x onerror=alert(1)>"
    cases.write_sweep(folder, more={"training.<script>alert(2)": (1.0, 2.0)})
    found = harmless(folder)
    assert "<img src=x onerror=alert(1)>" in found["title"]
    assert list(found["networks"]["extra"]) == ["<script>alert(2)"]


def test_strings_of_a_phase_diagram_are_escaped(tmp_path):
    found = harmless(cases.write_phase_diagram(tmp_path, names=(HOSTILE, "sparse")))
    assert found["diagrams"][0]["branches"][0]["name"] == HOSTILE
    assert HOSTILE in [each["branch"] for each in found["collections"]]
    for name in ("readout", "horizon"):
        cases.write_phase_diagram(tmp_path, **{name: HOSTILE})
        with pytest.raises(InvalidInput, match=r"phase-diagram.nc must be what phase-diagram writes"):
            build_explorer(tmp_path)


def test_strings_of_an_inspection_are_escaped(tmp_path, inspected):
    inspected(kind=HOSTILE, readout=HOSTILE)
    found = harmless(tmp_path)
    assert HOSTILE in found["title"]
    assert found["collections"][0]["readout"] == "linear"


@pytest.mark.parametrize(
    ("script", "whole"),
    [
        ("'</script>'", r"'<\/script>'"),
        ("'</SCRIPT >'", r"'<\/SCRIPT >'"),
        ("'<!-- x'", r"'<\!-- x'"),
        ("a<!--b", "a<! --b"),
        ("a<!--(b)", "a<! --(b)"),
        ("a < b", "a < b"),
    ],
)
def test_a_script_stays_in_its_element_and_means_the_same(script, whole):
    assert _in_page(script) == whole


def test_the_page_asks_nothing_of_any_network_and_has_plotly_once(tmp_path):
    path = write_explorer(cases.write_sweep(tmp_path))
    text = path.read_text(encoding="utf-8")
    assert path == tmp_path / "explorer.html"
    assert path.stat().st_size < MOST_BYTES
    page = Reader(text)
    loading = {"src", "srcset", "action", "poster", "data", "href", "background"}
    asked = [(tag, name, value) for tag, name, value in page.attributes if name in loading]
    assert [value for _, _, value in asked if not value.startswith(("#", "data:"))] == []
    assert "@import" not in text.split("</style>")[0]
    assert text.count("plotly.js v") == 1
    assert page.tags.count("script") == 3


def test_a_page_of_five_thousand_networks_is_small_enough(payload):
    count = 5000
    networks = cases.networks_of("ssm", count)
    group = cases.group_of(networks, "many", tracks=())
    page = page_of(cases.assemble(title="Many", about="", groups=[group]))
    assert len(page.encode()) < 0.7 * MOST_BYTES


def test_a_page_that_is_too_large_is_refused(payload):
    with pytest.raises(InvalidInput, match=r"the page must be at most 10 MB, got 10\.\d MB"):
        page_of(payload, "x" * MOST_BYTES)


@pytest.mark.parametrize(("package", "extra"), [("jinja2", "report"), ("xarray", "data"), ("plotly", "report")])
def test_what_is_not_installed_is_named(package, extra, tmp_path, monkeypatch):
    cases.write_sweep(tmp_path, count=2)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"{package} is not installed: pip install 'spiralsink\[{extra}\]'"):
        write_explorer(tmp_path)
    assert not (tmp_path / "explorer.html").exists()


def test_a_diagram_has_its_branches_crossings_and_escape(tmp_path):
    (diagram,) = payload_of(cases.write_phase_diagram(tmp_path)).diagrams
    assert [each.name for each in diagram.branches] == ["dense", "sparse", "escape"]
    assert diagram.branches[0].p == pytest.approx(np.geomspace(0.3, 1.0, 12), rel=1e-5)
    assert diagram.branches[2].p == [0.1, 0.2]
    assert diagram.branches[2].eigenangle_span == [240.0, 240.0]
    (crossing,) = diagram.crossings
    # 4 (25 + 3 p) and 4 (66 + 3 p) degrees
    assert crossing["spans"] == pytest.approx([104.8, 268.8], abs=0.01)
    assert crossing["radii"] == [0.8, 0.7]
    assert (crossing["from"], crossing["to"], crossing["span_jump"]) == ("dense", "sparse", 164.0)
    assert diagram.label == "delay 4, 2 hidden units, relu readout, steady state"
    assert Reader(build_explorer(tmp_path)).tags.count("script") == 3


@pytest.fixture
def inspected(tmp_path):
    """Writes an inspection.nc of a random network, and gives its directions and projections."""
    xr = pytest.importorskip("xarray")

    def write(n_lags=7, without=(), more=None, **attributes):
        network = cases.networks_of("wide", 1)[0]
        directions, projections = sk.feature_directions(network, n_lags), sk.projections(network, n_lags)
        variables = {
            "directions": (("lag", "hidden", "feature"), directions),
            "projections": (("lag", "output", "feature"), projections),
        } | (more or {})
        kept = {name: value for name, value in variables.items() if name not in without}
        attrs = {"kind": "torch GRU", "delay": 2} | attributes
        xr.Dataset(kept, attrs=attrs).to_netcdf(tmp_path / "inspection.nc", engine="h5netcdf")
        return directions, projections

    return write


def test_an_inspection_is_one_network_with_given_directions(tmp_path, inspected):
    directions, projections = inspected()
    payload = payload_of(tmp_path)
    (collection,) = payload.collections
    assert (collection.recurrence, collection.delay, collection.n_lags, collection.n_outputs) == ("given", 2, 7, 3)
    assert collection.readout == "linear"
    assert payload.networks.terms_reason != [""]
    weights = np.frombuffer(base64.b64decode(payload.weights), "<f4")
    shown, W_y = (
        weights[: directions.size].reshape(directions.shape),
        weights[directions.size :][: 12 * 3].reshape(12, 3),
    )
    assert shown == pytest.approx(directions, rel=1e-6, abs=1e-6)
    # the readout sees what was measured
    assert W_y.T @ shown == pytest.approx(projections, abs=1e-5 * np.abs(projections).max())


def test_a_relu_readout_of_an_inspected_network_is_one_with_its_edge(tmp_path, inspected):
    inspected(readout="relu", more={"readout_at_rest": ("output", [0.5, -1.5, 0.0])})
    payload = payload_of(tmp_path)
    assert payload.collections[0].readout == "relu"
    assert np.frombuffer(base64.b64decode(payload.weights), "<f4")[-3:] == pytest.approx([0.5, -1.5, 0.0])


@pytest.mark.parametrize("kind", ["weights", "least norm", "none"])
def test_the_code_of_an_inspection_recreates_what_is_shown(tmp_path, inspected, monkeypatch, kind):
    W_y = np.asarray(cases.networks_of("wide", 1)[0].output_weights, np.float64)
    more = {"readout_weights": (("hidden", "output"), W_y)} if kind == "weights" else {}
    directions, projections = inspected(more=more, without=("projections",) if kind == "none" else ())
    monkeypatch.chdir(tmp_path)
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(payload_of(tmp_path).collections[0].code.replace("{index}", "0"), names)
    seen = np.swapaxes(directions[2][None], -1, -2) @ directions if kind == "none" else projections
    assert names["W_y"].T @ names["directions"] == pytest.approx(seen, abs=1e-6 * np.abs(seen).max())
    plane = names["plane"]
    assert plane @ plane.T == pytest.approx(np.eye(2), abs=1e-12)


@pytest.mark.parametrize("delay", ["soon", "", "2.5"])
def test_an_inspection_with_another_delay_is_named(tmp_path, inspected, delay):
    inspected(delay=delay)
    with pytest.raises(InvalidInput, match=r"inspection.nc: delay must be a whole number"):
        payload_of(tmp_path)
