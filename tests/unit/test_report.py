"""The page of a run: complete, escaped, static, one file."""

import dataclasses
import html.parser
import re
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
import xarray as xr

import spiralsink as sk
from spiralsink import claims, plots, report

ATTACK = "<script>alert('&')</script>\"><img src=x onerror=alert(1)>"


def draw(dataset):
    figure, axes = plots.new_panels()
    axes[0, 0].plot(dataset["x"].values)
    return figure


def measure_weight(budget, *, value, text="as it should"):
    if value is None:
        raise ValueError(text)
    return claims.Measurement(
        values={"weight": value},
        measured=text,
        data=xr.Dataset({"x": ("lag", [0.0, 1.0])}),
        n_networks=3,
        horizon=text,
    )


def toy(name, value=2.0, text="plain", group=None):
    return claims.Claim(
        id=name,
        group=text if group is None else group,
        statement=f"Statement of {name}: {text}",
        expected=text,
        bars={"weight": claims.Bar(">=", 1.0, f"weight {text}")},
        measure=measure_weight,
        draw=draw,
        settings=lambda budget: {"value": value, "text": text},
    )


class Page(html.parser.HTMLParser):
    """Tags, attributes and visible text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.feed(text)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    out = tmp_path_factory.mktemp("mixed")
    toys = [toy("good"), toy("bad", 0.5), toy("broken", None, "no numbers")]
    document = report.reproduce(out, claims=toys)
    return out, document, Page((out / "report.html").read_text())


def test_the_page_shows_every_claim_with_its_verdict(mixed):
    _, document, page = mixed
    assert [each["verdict"] for each in document["claims"]] == ["holds", "fails", "inconclusive"]
    assert not page.open
    for name in ("good", "bad", "broken"):
        assert f"Statement of {name}" in page.text
        assert ("href", f"#claim-{name}") in page.attributes
        assert ("id", f"claim-{name}") in page.attributes
    assert "✓ 1 hold" in page.text
    assert "✗ 1 fail" in page.text
    assert "? 1 inconclusive" in page.text


def test_what_did_not_hold_is_said_first(mixed):
    notice = mixed[2].text.partition("Not confirmed in this run")[2][:300]
    assert "bad ✗ fails : weight plain: 0.5, required ≥ 1" in " ".join(notice.split())
    assert "ValueError: no numbers" in notice


def test_a_page_on_which_all_holds_has_no_notice(tmp_path):
    report.reproduce(tmp_path, claims=[toy("good")])
    assert "Not confirmed" not in (tmp_path / "report.html").read_text()


def test_the_page_says_how_it_was_run(mixed):
    _, document, page = mixed
    for each in (document["version"], document["scale"], document["machine"]["cpu"], document["machine"]["jax"]):
        assert each in page.text
    assert "3 networks" in page.text
    assert "6 networks · " in page.text, "all of them together"


def test_a_figure_leads_to_the_code_that_made_it(mixed):
    page = mixed[2]
    for role, name in (("measurement", "measure_weight"), ("figure", "draw")):
        assert ("href", f"#claim-good-{role}") in page.attributes
        assert ("id", f"claim-good-{role}") in page.attributes
        assert f"def {name}(" in page.text


def test_the_overview_shows_the_number_beside_its_bar(mixed):
    table = mixed[2].text.partition("and its bar.")[2].partition("The paper’s claims")[0]
    assert "good Statement of good: plain 2 weight plain ≥ 1 ✓ holds" in table
    assert "bad Statement of bad: plain 0.5 weight plain ≥ 1 ✗ fails" in table
    assert "broken Statement of broken: no numbers none ≥ 1 ? inconclusive" in table


def test_what_goes_beyond_the_paper_stands_apart(tmp_path):
    toys = [toy("ours", group="beyond"), toy("first"), toy("second")]
    report.reproduce(tmp_path, claims=toys)
    page = Page((tmp_path / "report.html").read_text())
    anchors = [value for name, value in page.attributes if name == "id" and value.startswith("claim-")]
    articles = [each for each in anchors if each.count("-") == 1]
    assert articles == ["claim-first", "claim-second", "claim-ours"]
    assert anchors.index("claim-ours") > anchors.index("claim-second")
    assert "claim 2 of 2" in page.text
    assert page.text.count("Beyond the paper") == 3  # navigation, overview, section


def test_intervals_are_shown():
    document = made_up(1)
    document["claims"][0]["conditions"][0]["interval"] = [0.25, None]
    assert "95 % interval 0.25 to none" in Page(report.build_page(document, ".", claims=())).text


def test_sixteen_claims_with_long_and_hostile_strings(tmp_path):
    """The largest drawings give way to raster images until the page is below 10 MB; nothing breaks out of its place."""
    document = made_up(16, text=f"{ATTACK} {'long' * 100} %22%3E &quot; ]]> --> {{{{ 7 * 7 }}}}")
    (tmp_path / "figures").mkdir()
    for index, entry in enumerate(document["claims"]):
        entry["figure"] = f"figures/{index}.png"
        size = 10_000 if index == 0 else 710_000 if index == 1 else 650_000
        path = "1 " * (size // 2)
        drawing = f'<svg xmlns="http://www.w3.org/2000/svg"><title>{index} "#%</title>\n<path d="{path}"/></svg>'
        (tmp_path / "figures" / f"{index}.svg").write_text(drawing)
        (tmp_path / "figures" / f"{index}.png").write_bytes(bytes(200_000))
    text = report.build_page(document, tmp_path, claims=())
    assert len(text) < 10_000_000
    page = Page(text)
    assert not page.open
    assert "script" not in page.tags
    assert not any(name.startswith("on") for name, _ in page.attributes)
    images = [value for name, value in page.attributes if name == "src"]
    assert len(images) == 16
    assert images[0].startswith("data:image/svg")
    assert images[1].startswith("data:image/png")
    assert 2 < sum(each.startswith("data:image/svg") for each in images) < 15, "no more than needed give way"
    said = page.text.count("Shown as an image of points, because the drawing is large; the files: SVG , PNG")
    assert said == sum(each.startswith("data:image/png") for each in images)
    identifiers = [value for name, value in page.attributes if name == "id"]
    assert len(identifiers) == len(set(identifiers))
    assert "49" not in page.text
    for tag in ("main", "nav", "header"):
        assert page.tags.count(tag) == 1
    assert page.tags.count("article") == 16


def test_a_picture_is_named_for_those_who_cannot_see_it(mixed):
    named = [value for name, value in mixed[2].attributes if name == "alt"]
    assert named == [f"Statement of {name}: plain plain" for name in ("good", "bad")]


def made_up(count, text="plain"):
    """The document of a run that never was."""
    bar = {"op": "<=", "value": 0.05}
    condition = {"name": "a", "about": text, "value": 0.3, "interval": None, "bar": bar, "verdict": "fails"}
    entry = dict.fromkeys(
        ("id", "group", "statement", "expected", "measured", "reason", "caveat", "horizon", "code"), text
    )
    numbers = {"value": 0.3, "interval": None, "bar": bar, "verdict": "fails", "n_networks": 12345, "seconds": 3601.0}
    rest = {"figure": None, "error": None, "decided_by": "a", "settings": {text: [text, 1], "nested": [[1], {}]}}
    entries = [{**entry, **numbers, **rest, "conditions": [dict(condition)]} for _ in range(count)]
    return {"claims": entries, "version": text, "scale": text, "seed": 0, "seconds": 1e5, "machine": {"cpu": text}}


def test_figures_are_embedded_and_nothing_is_fetched(mixed):
    page = mixed[2]
    images = [value for name, value in page.attributes if name == "src"]
    assert len(images) == 2
    for image in images:
        assert image.startswith("data:image/svg+xml,")
        drawing = ElementTree.fromstring(unquote(image.partition(",")[2]))
        assert drawing.tag == "{http://www.w3.org/2000/svg}svg"
    assert "There is no figure" in page.text
    for link in (value for name, value in page.attributes if name == "href"):
        if link.startswith("#"):
            assert page.attributes.count(("id", link[1:])) == 1
        else:
            assert (mixed[0] / link).is_file()
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    styles = re.findall(r"<style>(.*?)</style>", (mixed[0] / "report.html").read_text(), re.DOTALL)
    assert len(styles) == 1
    assert "url(" not in styles[0]
    assert "&" not in styles[0], "escaped style sheets lose their selectors"


def test_every_string_is_escaped(tmp_path):
    document = report.reproduce(tmp_path, claims=[toy("good", text=ATTACK), toy("broken", None, ATTACK)])
    attacked = _replace_strings(document)
    text = report.build_page(attacked, tmp_path, claims=[toy("good", text=ATTACK)])
    page = Page(text)
    assert "script" not in page.tags
    assert not any(name.startswith("on") for name, _ in page.attributes)
    assert page.tags.count("img") == 0
    assert text.count("&lt;script&gt;") >= 20
    first = Page((tmp_path / "report.html").read_text())
    assert "script" not in first.tags
    assert first.tags.count("img") == 1


def _replace_strings(value):
    """The document with an attack in the place of every string."""
    if isinstance(value, dict):
        return {
            (f"{name}{ATTACK}" if name in ("value", "text") and "text" in value else name): _replace_strings(each)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_replace_strings(each) for each in value]
    return ATTACK if isinstance(value, str) else value


@pytest.mark.parametrize("figure", ["../outside.png", "/etc/passwd", "outside.txt"])
def test_pictures_come_from_the_folder_only(tmp_path, figure):
    out = tmp_path / "out"
    document = report.reproduce(out, claims=[toy("good")])
    (tmp_path / "outside.png").write_bytes(b"secret")
    (tmp_path / "outside.svg").write_bytes(b"secret")
    document["claims"][0]["figure"] = figure
    assert "There is no figure" in report.build_page(document, out)


def test_the_page_can_be_written_again_without_computing(mixed):
    out, document, _ = mixed
    before = (out / "report.html").read_text()
    (out / "report.html").unlink()
    toys = [dataclasses.replace(toy("good"), measure=lambda budget: pytest.fail("computed"))]
    assert report.reproduce(out, claims=toys, report_only=True) == document
    after = (out / "report.html").read_text()
    assert after.count("<article") == before.count("<article") == 3


def test_the_page_grows_with_every_claim(tmp_path):
    seen = []

    def look(document):
        seen.append((tmp_path / "report.html").read_text().count("<article"))

    report.reproduce(tmp_path, claims=[toy("one"), toy("two")], after_each=look)
    assert seen == [1, 2]


def test_without_jinja2_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jinja2", None)
    with pytest.raises(sk.MissingExtra, match=r"jinja2 is not installed: pip install 'spiralsink\[report\]'"):
        report.reproduce(tmp_path, claims=[toy("good")])
    assert not (tmp_path / "claims.json").exists()
