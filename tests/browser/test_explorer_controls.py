"""Every control changes what it should, read back from the page; the address brings all of it back."""

import json
import xml.etree.ElementTree

import msgspec
import numpy as np
import pytest
from playwright.sync_api import expect

from cases.browsing import until
from cases.pages import PayloadBuilder

TIPS = "[...document.querySelectorAll('#plane .arrow')].map((each) => each.querySelector('title').textContent)"


def shown(page):
    return page.evaluate("spiralsink.app.state")


def text(page, selector):
    return page.locator(selector).inner_text()


def test_what_is_shown_first(visitor, payload):
    page = visitor.open(payload)
    assert shown(page)["network"] == 0
    assert "p = 0.02" in text(page, "#sparsity-value")
    assert text(page, "#plane-note") == "sparse regime"
    assert page.locator("#plane .arrow").count() == 9
    assert page.locator("#lags .bar-of").count() == 9
    assert page.locator("#free-space").count() == 1
    assert page.locator("#plane .wanted").get_attribute("data-lag") == "4"


def test_the_slider_moves_along_the_activities_that_exist(visitor, payload):
    page = visitor.open(payload)
    before = page.evaluate(TIPS)
    slider = page.locator("#sparsity")
    assert slider.get_attribute("max") == "3"
    for place, (p, regime) in enumerate([(0.1, "sparse"), (0.4, "dense"), (1, "dense")], start=1):
        slider.press("ArrowRight")
        assert f"p = {p}" in text(page, "#sparsity-value")
        assert slider.get_attribute("aria-valuetext") == f"p = {p}"
        assert text(page, "#plane-note") == f"{regime} regime"
        assert shown(page)["network"] == 3 * place
    assert page.evaluate(TIPS) != before
    assert "seed 0" in text(page, "#live")


def test_network_delay_seed_and_output(visitor, payload):
    page = visitor.open(payload)
    page.locator("#network").select_option(index=1)
    assert shown(page)["network"] == 1
    page.locator("#delay").select_option(label="2")
    assert shown(page)["network"] == 12
    assert page.locator("#plane .wanted").get_attribute("data-lag") == "2"
    page.locator("#model").select_option(label="vectors")
    assert 5 <= page.locator("#lags .heat").count() <= 9
    assert page.locator("#output").is_visible()
    assert page.locator("#free-space").count() == 0  # three outputs in five dimensions
    assert "plane holds" in text(page, "#plane-caption")
    page.locator("#output").select_option(label="B")
    assert page.locator("#free-space").count() == 1
    page.locator("#model").select_option(label="narrow")
    assert not page.locator("#output").is_visible()
    assert page.locator("#plane .arrow").count() == 9
    assert "no single sparsity" in text(page, "#sparsity-value")


def test_the_other_regime(visitor, payload):
    page = visitor.open(payload)
    toggle = page.locator("#toggle")
    assert "dense" in toggle.inner_text()
    toggle.click()
    assert (shown(page)["network"], text(page, "#plane-note")) == (11, "dense regime")
    assert "sparse" in toggle.inner_text()
    page.keyboard.press("s")
    assert shown(page)["network"] == 0


def test_an_impulse_goes_step_by_step(visitor, payload):
    page = visitor.open(payload)
    page.keyboard.press("ArrowRight")
    assert shown(page)["step"] == 0
    assert page.locator("#plane .arrow.faded").count() == 8
    assert page.locator("#impulse .dot").count() == 1
    page.keyboard.press("ArrowRight")
    assert shown(page)["step"] == 1
    assert "1 step later" in text(page, "#lags-caption")
    page.keyboard.press("ArrowLeft")
    assert shown(page)["step"] == 0
    page.keyboard.press("Escape")
    assert shown(page)["step"] is None
    assert page.locator("#plane .faded").count() == 0
    page.keyboard.press("Space")
    assert text(page, "#play") == "Stop"
    until(page, "spiralsink.app.state.step >= 1")
    page.keyboard.press("Space")
    assert "Send" in text(page, "#play")
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    assert "Send" in text(page, "#play")
    assert shown(page)["step"] is None
    page.locator("#sparsity").focus()
    page.keyboard.press("Space")
    assert (text(page, "#play"), shown(page)["step"]) == ("Stop", 0)
    page.keyboard.press("Space")
    page.locator("#play").focus()
    page.keyboard.press("Space")  # the button itself is pressed, once
    assert text(page, "#play") == "Stop"


def test_options_keep_the_focus(visitor, payload):
    page = visitor.open(payload)
    focused = "document.activeElement.id"
    page.locator("#gauge").focus()
    page.keyboard.press("ArrowDown")
    assert shown(page)["gauge"] == "trained"
    assert page.evaluate(focused) == "gauge"
    page.locator("#copy").focus()
    page.evaluate("document.getElementById('toggle').click()")
    assert shown(page)["network"] == 11
    assert page.evaluate(focused) == "copy"


def test_the_scrubber_moves_plane_and_terms(visitor, payload):
    page = visitor.open(payload, "#c=trained")
    end, terms = page.evaluate(TIPS), page.locator("#terms .value").all_text_contents()
    assert text(page, "#record-value") == "40"
    page.locator("#record").press("Home")
    assert text(page, "#record-value") == "0"
    assert page.evaluate(TIPS) != end
    assert page.locator("#terms .value").all_text_contents() != terms
    assert page.locator("#history .curve").count() == 5
    page.locator("#record").press("End")
    assert page.evaluate(TIPS) == end


def test_where_there_are_no_terms_the_page_says_why(visitor, payload):
    page = visitor.open(payload, "#c=vectors")
    assert "No terms are known here." in text(page, "#terms-caption")
    assert "horizon: 18; amplitudes: uniform on 0 to 1" in text(page, "#terms-caption")
    page.locator("#model").select_option(label="narrow")
    assert "No terms are known here." in text(page, "#terms-caption")
    assert not page.locator("#history").is_visible()
    page.locator("#model").select_option(label="spirals")
    assert page.locator("#terms .term").count() == 6  # four, their sum, and what hiding saves


def test_gauge_theme_keys_and_code(visitor, payload):
    page = visitor.open(payload, color_scheme="light")
    before = page.evaluate(TIPS)
    page.locator("#gauge").select_option("trained")
    assert page.evaluate(TIPS) != before
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("#theme").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != paper
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.locator("#copy").click()
    assert page.locator("#copied-text").input_value() == "# spirals-4\nprint(0)"


def test_arrows_glide_to_another_network_where_motion_is_welcome(visitor, payload):
    page = visitor.open(payload, reduced_motion="no-preference")
    start = page.evaluate(TIPS)
    page.evaluate("document.getElementById('toggle').click()")
    assert shown(page)["network"] == 11
    until(page, "spiralsink.app.gliding === null")
    end = page.evaluate(TIPS)
    assert end != start
    # half way by a clock of our own, however slow the machine is
    halfway = "document.getElementById('toggle').click(), spiralsink.app.gliding(performance.now() + 350)"
    half = page.evaluate(f"({halfway}, {TIPS})")
    assert half not in (start, end)
    page.locator("#sparsity").press("ArrowRight")  # a slider is followed at once
    assert page.evaluate("spiralsink.app.gliding") is None


def test_nothing_glides_where_motion_is_not_wanted(visitor, payload):
    page = visitor.open(payload, reduced_motion="reduce")
    page.evaluate("document.getElementById('toggle').click()")
    assert page.evaluate("spiralsink.app.gliding") is None
    assert page.evaluate(TIPS) == visitor.open(payload, "#c=spirals-4&n=11").evaluate(TIPS)


def test_pictures_to_take_away(visitor, payload):
    page = visitor.open(payload, "#c=trained")
    for name in ("plane", "lags", "terms", "history"):
        for kind, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
            with page.expect_download() as download:
                page.locator(f"#{name}-options").get_by_text(kind, exact=True).click()
            content = download.value.path().read_bytes()
            assert download.value.suggested_filename == f"{name}-trained-{shown(page)['network']}.{kind.lower()}"
            assert content.startswith(start)
            if kind == "SVG":
                drawn = xml.etree.ElementTree.fromstring(content)
                shapes = page.evaluate(f"document.querySelectorAll('#{name} svg *').length")
                assert len(list(drawn.iter())) == shapes + 2  # itself, and the paper behind it
            else:
                assert len(content) > 2000


def test_every_picture_has_its_numbers(visitor, payload):
    page = visitor.open(payload, "#c=trained")
    for name, rows in {"plane": 9, "lags": 9, "terms": 5, "history": 5}.items():
        page.locator(f"details:has(#{name}-table) summary").click()
        expect(page.locator(f"#{name}-table tbody tr")).to_have_count(rows)


def test_the_address_brings_everything_back(visitor, payload):
    page = visitor.open(payload)
    page.locator("#model").select_option(label="trained")
    page.locator("#record").press("Home")
    page.keyboard.press("Escape")
    page.locator("#picture").focus()
    page.keyboard.press("ArrowRight")
    page.locator("#theme").click()
    page.locator("#gauge").select_option("trained")
    before = shown(page)
    assert before["record"] == 0
    assert before["step"] == 0
    page.reload()
    assert shown(page) == before
    assert page.locator("#plane .arrow.faded").count() == 8


def test_back_and_forward(visitor, payload):
    page = visitor.open(payload)
    page.locator("#toggle").click()
    page.locator("#model").select_option(label="vectors")
    page.go_back()
    assert text(page, "#plane-note") == "dense regime"
    page.go_back()
    assert text(page, "#plane-note") == "sparse regime"
    page.go_forward()
    assert shown(page)["network"] == 11


@pytest.mark.parametrize(
    "fragment",
    ["#c=nowhere&n=3", "#n=%E0%A4%A", "#s=99&r=7&o=8&x=y&g=z&d=5&theme=q&by=&at=-1", "#a&&=b", "#c=spirals-4&n="],
)
def test_an_address_that_makes_no_sense(visitor, payload, fragment):
    page = visitor.open(payload, fragment)
    assert page.locator("#plane .arrow").count() == 9
    assert shown(page)["step"] is None


def test_arrows_too_long_for_the_picture_are_broken_off(visitor, payload):
    page = visitor.open(payload, "#c=long")
    assert page.locator("#plane .break").count() >= 2
    assert "longer than drawn" in text(page, "#plane-caption")
    box = page.locator("#plane .wanted .shaft").bounding_box()
    assert max(box["width"], box["height"]) > 40


def test_claims_lead_to_figures_and_networks(visitor, payload):
    page = visitor.open(payload)
    rows = page.locator("#claims tbody tr")
    assert rows.count() == 2
    assert rows.nth(0).locator("a").evaluate_all("all => all.map((each) => each.getAttribute('href'))") == [
        "figures/first.png",
        "report.html#claim-first",
        "report.html#claim-first-measurement",
    ]
    assert rows.nth(1).locator("a").count() == 0  # an address that is no file of the folder
    assert "too large" in rows.nth(1).inner_text()
    rows.nth(0).get_by_role("button").click()
    assert page.locator("#model option:checked").inner_text() == "vectors"


def test_a_page_without_networks(visitor, payload):
    names = {name: [] for name in msgspec.structs.asdict(payload.networks)}
    empty = msgspec.structs.replace(payload.networks, **{**names, "extra": {}})
    page = visitor.open(
        msgspec.structs.replace(
            payload, networks=empty, collections=[], histories=[], claims=[], first=None, second=None
        )
    )
    assert not page.locator("#controls").is_visible()
    assert page.locator("#diagram-title").is_visible()
    page.keyboard.press("Space")


def test_a_page_with_nothing_to_compare(visitor, payload):
    page = visitor.open(msgspec.structs.replace(payload, second=None, diagrams=[], claims=[]))
    assert not page.locator("#toggle").is_visible()
    assert not page.locator("#diagram-title").is_visible()
    assert not page.locator("#claims-title").is_visible()
    assert (
        json.loads(
            page.locator("#payload").inner_text() or page.evaluate("document.getElementById('payload').textContent")
        )["second"]
        is None
    )


ELSEWHERE = [
    "java\tscript:alert(1)",
    "\x01javascript:alert(1)",
    "..\\secret.png",
    "figures/%2e%2e/secret.png",
    "figures/../secret.png",
    "//elsewhere.org/figures/a.png",
    "figures/a.png?x",
    " report.html",
    "report.html#a\nb",
]


def test_addresses_that_lead_elsewhere_are_no_links(visitor, payload):
    one = payload.claims[0]
    fine = msgspec.structs.replace(one, figure="figures/a-1.svg", page="report.html")
    claims = [msgspec.structs.replace(one, figure=each, page=each) for each in ELSEWHERE]
    page = visitor.open(msgspec.structs.replace(payload, claims=[*claims, fine]))
    found = page.locator("#claims a").evaluate_all("all => all.map((each) => each.getAttribute('href'))")
    assert found == ["figures/a-1.svg", "report.html"]


def test_a_network_that_was_not_recorded_leads_to_one_that_was(visitor, payload):
    page = visitor.open(payload)
    recorded = payload.histories[0].network
    other = payload.collections[payload.networks.collection[recorded]].label
    assert text(page, "#near") == f"Show one that is ({other})"  # of another collection, where its own has none
    page.locator("#near").click()
    assert shown(page)["network"] == recorded
    moved = [msgspec.structs.replace(payload.histories[0], network=1)]
    page = visitor.open(msgspec.structs.replace(payload, histories=moved))
    assert recorded != 1
    assert "not on this page" in text(page, "#history-caption")
    page.locator("#near").click()
    assert shown(page)["network"] == 1
    assert page.locator("#history .curve").count() == 5


def biased(b_y):
    builder = PayloadBuilder()
    builder.collection("biased", recurrence="relu")
    rest = np.array([0.5, 0.25])  # where W_h is zero, that is b_h itself
    builder.network(([[1.0], [0.0]], np.zeros((2, 2)), np.array([[2.0], [0.0]])), biases=(rest, [b_y]))
    return builder.payload(first=0)


@pytest.mark.parametrize(("b_y", "edge", "words"), [(5.0, -6.0, "nothing is hidden here"), (-2.0, 1.0, "what is weak")])
def test_biases_move_the_edge_of_what_is_hidden(visitor, b_y, edge, words):
    page = visitor.open(biased(b_y))
    assert page.evaluate("[...spiralsink.app.scene.edges]") == [edge]
    assert words in text(page, "#reading")
    # a_0 = 2 is seen in both; a_1 = ... = 0 lies above the one edge and below the other
    assert page.locator("#lags .hidden-bar").count() == (0 if edge < 0 else 8)
    assert page.locator("#lags [data-lag='0'].hidden-bar").count() == 0


def test_angles_and_jumps_are_those_of_the_diagram(visitor, payload):
    page = visitor.open(payload)
    assert "the short way, 95°" in text(page, "#reading")
    assert "the long way round, 268°" in text(page, "#reading")
    assert "At p = 0.3 the best network jumps." in text(page, "#reading")
    page.locator("#delay").select_option(label="2")
    assert "jumps" not in text(page, "#reading")
    assert "the long way round, mostly below the line" in text(page, "#reading")


def test_wide_networks_are_drawn_as_trained(visitor):
    builder = PayloadBuilder()
    rng = np.random.default_rng(0)
    for width in (20, 21):
        builder.collection(f"wide-{width}", n_hidden=width)
        W_h = 0.95 * np.linalg.qr(rng.normal(size=(width, width)))[0]  # every direction can be reached
        builder.network([rng.normal(size=(width, 1)), W_h, rng.normal(size=(width, 1))])
    page = visitor.open(builder.payload(first=0))
    assert "balanced gauge" in text(page, "#plane-caption")
    assert page.locator("#gauge").is_visible()
    page.locator("#model").select_option(label="wide-21")
    assert "as trained" in text(page, "#plane-caption")
    assert not page.locator("#gauge").is_visible()


def test_collections_of_one_name_say_what_differs(visitor):
    builder = PayloadBuilder()
    weights = [np.ones((2, 1)), 0.5 * np.eye(2), np.ones((2, 1))]
    for place, changes in enumerate([{}, {"horizon": "30"}, {"amplitude": "always 1"}, {}, {"delay": 3}]):
        builder.collection(f"same-{place}", **{"label": f"same, delay {changes.get('delay', 4)}", **changes})
        builder.network(weights)
    page = visitor.open(builder.payload(first=0))
    labels = page.locator("#model option").all_text_contents()
    assert labels == ["same", "same, horizon 30", "same, amplitude always 1", "same (2)"]
