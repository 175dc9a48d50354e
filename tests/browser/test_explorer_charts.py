"""The whole page with its charts: clicks on points, the cursor, widths, schemes, access, escaping and time."""

import os
import threading
from pathlib import Path

import msgspec
import pytest

from cases.browsing import Visitor, until
from cases.pages import branches_payload
from spiralsink.cli._serve import Server

SERIOUS = {"serious", "critical"}
EVIL = "<script>globalThis.harmed=1</script><img src=x onerror=globalThis.harmed=1>"
STRUCTURAL = {"recurrence", "readout", "weights", "model"}
STATES = {
    "plane-sparse": ("", "body"),
    "plane-dense": ("#c=spirals-4&n=11", "body"),
    "diagram": ("", "#diagram-section"),
    "population": ("", "#population-title"),
    "claims": ("", "#claims-section"),
}

CURSOR = "document.getElementById('cursor').getBoundingClientRect().left"
# the place of a point on the screen, as Plotly has drawn it
PLACE = """([chart, network]) => {
  const host = document.getElementById(chart);
  host.scrollIntoView({ block: "center", behavior: "instant" });
  const { xaxis, yaxis } = host._fullLayout;
  const trace = host.data.find((each) => each.customdata?.includes(network));
  const place = trace.customdata.indexOf(network);
  const box = host.getBoundingClientRect();
  const at = (axis, value) => axis._offset + axis.l2p(axis.type === "log" ? Math.log10(value) : value);
  return [box.left + at(xaxis, trace.x[place]), box.top + at(yaxis, trace.y[place])];
}"""


# a new address, and what the page does about it
AT_FIRST = """new Promise((resolve) => {
  addEventListener("popstate", () => setTimeout(resolve), { once: true });
  location.hash = `#${Math.random()}`;
})"""
FRAMES = "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))"


@pytest.fixture(scope="module")
def opened(browser, payload, tmp_path_factory):
    visitor = Visitor(browser, tmp_path_factory.mktemp("explorer"))
    visitor.open(payload, plotly=None)
    yield visitor
    visitor.close()


@pytest.fixture
def whole(opened):
    """The page with its charts, parsed once for this file and shown as at first for every test."""
    page = opened.contexts[0].pages[0]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.evaluate(AT_FIRST)
    until(page, "spiralsink.app.state.network === 0 && spiralsink.app.state.x === 'p'")
    yield page
    opened.check()


def shown(page):
    return page.evaluate("spiralsink.app.state.network")


def click(page, chart, network):
    """Moves to a point, as soon as it stands still and Plotly has seen the pointer there, and clicks it."""
    hovered = f"document.getElementById('{chart}')._hoverdata?.some((each) => each.customdata === {network})"
    last = None
    while (place := page.evaluate(PLACE, [chart, network])) != last:
        last = place
        page.evaluate(FRAMES)
    page.mouse.move(place[0] + 1, place[1])
    page.mouse.move(*place)
    until(page, hovered)
    page.mouse.click(*place)


def test_a_click_on_a_point_loads_its_network(whole):
    for chart, network in (("population", 6), ("diagram", 9), ("population", 4)):
        click(whole, chart, network)
        until(whole, f"spiralsink.app.state.network === {network}")
        assert whole.locator("#network").input_value() == str(network)
    whole.go_back()
    assert shown(whole) == 9


def test_the_cursor_drives_the_plane(whole):
    slider = whole.locator("#at")
    tips = whole.locator("#plane").inner_html()
    slider.press("End")
    assert shown(whole) == 9  # the best at p = 1
    assert whole.locator("#plane").inner_html() != tips
    assert (
        "At p = 1: loss / p, lowest first: dense 0.100 (95°), sparse 0.250 (268°)."
        in whole.locator("#diagram-reading").inner_text()
    )
    slider.press("Home")
    assert shown(whole) == 0
    whole.evaluate(FRAMES)
    before = whole.evaluate(CURSOR)
    whole.locator("#sparsity").press("End")
    until(whole, f"{CURSOR} > {before} + 100")


def test_what_cannot_be_seen_in_the_diagram_is_counted(whole):
    assert (
        "Not all 12 dots can be seen (eigenangle span: 1 without one, 4 off the scale; spectral radius: 1 without one, "
        "6 off the scale; loss / p: 1 off the scale): 1 dead among them."
    ) in whole.locator("#diagram-caption").inner_text()
    drawn = "document.getElementById('diagram').data.filter((each) => each.mode === 'markers')"
    assert whole.evaluate(f"{drawn}.map((each) => each.y.filter((y) => y !== null).length)") == [11, 11, 12]


def test_the_cursor_is_dragged(whole):
    whole.locator("#diagram").scroll_into_view_if_needed()
    whole.evaluate(FRAMES)
    box = whole.locator("#cursor").bounding_box()
    tips = whole.locator("#plane").inner_html()
    whole.mouse.move(box["x"], box["y"] + 150)
    whole.mouse.down()
    width = whole.locator("#diagram .nsewdrag").first.bounding_box()["width"]
    whole.mouse.move(box["x"] + width, box["y"] + 150, steps=4)
    whole.mouse.up()
    assert shown(whole) == 9  # the best at p = 1
    assert whole.locator("#plane").inner_html() != tips
    assert whole.locator("#at-value").inner_text() == f"p = {whole.evaluate('spiralsink.app.state.at'):.3g}"
    whole.mouse.move(box["x"], box["y"] + 150)  # let go
    assert shown(whole) == 9


def test_the_cursor_follows_the_branch_that_is_shown_and_then_the_best(visitor):
    page = visitor.open(branches_payload(), plotly=None)
    branch = "spiralsink.app.scene.collection.branch"
    assert "Nothing was trained" in page.locator("#diagram-caption").inner_text()
    assert page.locator("#terms .term").count() == 6
    assert "task benefit0.0700" in page.locator("#terms-table").evaluate(
        "each => (each.closest('details').open = true, each.build().textContent)"
    )
    slider = page.locator("#at")
    slider.press("Home")
    assert (page.evaluate(branch), page.locator("#sparsity-value strong").inner_text()) == ("sparse", "p = 0.02")
    tips = page.locator("#plane").inner_html()
    for _ in range(3):
        slider.press("PageUp")
    assert page.locator("#plane").inner_html() != tips
    assert page.evaluate(branch) == "sparse"
    slider.press("End")  # the sparse branch ends before
    assert (page.evaluate(branch), page.locator("#sparsity-value strong").inner_text()) == ("dense", "p = 1")
    slider.press("Home")  # and the dense one before this
    assert page.evaluate(branch) == "sparse"
    for network in (7, 2):
        click(page, "diagram", network)
        until(page, f"spiralsink.app.state.network === {network}")


def test_axes_and_colours_of_the_population(whole):
    title = "document.getElementById('population').layout.xaxis.title.text"
    whole.locator("#by-x").select_option("spectral_radius")
    assert whole.evaluate(title) == "spectral radius"
    whole.locator("#by-by").select_option("status")
    assert whole.locator("#by-y").input_value() == "loss_per_p"
    whole.locator("#by-y").select_option("free_fraction")
    assert whole.evaluate("document.getElementById('population').layout.yaxis.title.text") == "free fraction"
    assert set(whole.evaluate("document.getElementById('population').data[0].y")) == {0.5}
    names = whole.evaluate("document.getElementById('population').data.map((each) => each.name)")
    assert names == ["converged (11)", "shown above"]  # the dead one has no radius
    assert "1 have no such number" in whole.locator("#population-caption").inner_text()
    whole.locator("#by-by").select_option("of my own")
    whole.reload()
    whole.wait_for_selector("html[data-charts=ready]")
    assert whole.evaluate(title) == "spectral radius"
    assert whole.locator("#by-by").input_value() == "of my own"


def test_no_width_scrolls_sideways_and_nothing_bars_access(whole):
    from axe_playwright_python.sync_playwright import Axe

    whole.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    for scheme, width in (("light", 390), ("dark", 390), ("dark", 1920), ("light", 1920)):
        whole.emulate_media(color_scheme=scheme)
        whole.set_viewport_size({"width": width, "height": 900})
        until(whole, "spiralsink.app.layout.width === document.getElementById('plane').clientWidth")
        until(whole, f"document.documentElement.scrollWidth <= {width}")
        if (scheme, width) in (("light", 390), ("dark", 1920)):
            continue  # each scheme and each width once
        found = Axe().run(whole).response["violations"]
        assert [(each["id"], each["nodes"][0]["target"]) for each in found if each["impact"] in SERIOUS] == []
    whole.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = false; })")


def test_what_has_to_be_read_stands_on_the_first_two_screens(visitor, payload):
    page = visitor.open(payload, width=390, height=844)
    ends = "document.getElementById('reading').getBoundingClientRect().bottom + scrollY"
    for network in range(len(payload.networks.p)):
        page.evaluate("(network) => spiralsink.update(spiralsink.app, { network }, 'replace')", network)
        assert page.evaluate(ends) <= 2 * 844, page.locator("#reading").inner_text()


def test_the_page_asks_no_one_even_if_it_wanted_to(visitor, payload):
    page = visitor.open(payload)
    asked = "fetch('https://127.0.0.1:9/').then(() => 'answered', () => 'refused')"
    assert page.evaluate(asked) == "refused"
    assert [each for each in visitor.complaints if "Content Security Policy" in each] == visitor.complaints != []
    visitor.complaints.clear()


def test_the_page_as_it_is_served(browser, visitor, payload):
    visitor.open(payload)  # which writes the file
    with Server(visitor.folder, 0) as server:
        threading.Thread(target=server.serve_until_interrupted, daemon=True).start()
        context = browser.new_context(reduced_motion="reduce")
        page = context.new_page()
        page.on("console", lambda message: visitor.complaints.append(message.text))
        page.goto(f"http://127.0.0.1:{server.server_port}/explorer.html")
        page.locator("#toggle").click()
        assert shown(page) == 11
        with page.expect_download() as download:
            page.locator("#plane-options").get_by_text("PNG", exact=True).click()
        assert download.value.path().read_bytes().startswith(b"\x89PNG")
        context.close()
        server.shutdown()


def test_a_screen_reader_finds_its_way(whole):
    for role in ("banner", "main", "contentinfo", "form"):
        assert whole.get_by_role(role).count() == 1, role
    assert whole.locator("svg[role=img]:not([aria-label])").count() == 0
    assert whole.locator("#sparsity").get_attribute("aria-label")
    assert whole.locator("#live").get_attribute("aria-live") == "polite"


def poisoned(value, key=""):
    if isinstance(value, dict):
        return {(name if key != "extra" else name + EVIL): poisoned(each, name) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [poisoned(each, key) for each in value]
    return value + EVIL if isinstance(value, str) and key not in STRUCTURAL else value


def test_no_string_of_the_payload_becomes_markup(visitor, payload):
    evil = msgspec.convert(poisoned(msgspec.to_builtins(payload)), type(payload))
    page = visitor.open(evil, plotly=None)
    for name in ("#by-by", "#by-x", "#by-y"):
        page.locator(name).select_option(index=page.locator(f"{name} option").count() - 1)
    for place in range(page.locator("#model option").count()):
        page.locator("#model").select_option(index=place)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        assert page.locator("img").count() == 0
    place = page.evaluate(PLACE, ["population", shown(page)])
    page.mouse.move(place[0] + 1, place[1])
    page.mouse.move(*place)
    until(page, "document.querySelector('#population .hoverlayer .hovertext')")
    assert page.locator("img").count() == 0
    # one that is put there does its work, and by then those before it would have done theirs
    page.evaluate("document.body.insertAdjacentHTML('beforeend', `<img src='data:,' onerror='globalThis.allowed=1'>`)")
    until(page, "globalThis.allowed")
    assert page.evaluate("globalThis.harmed") is None
    assert page.locator("body script").count() == 2  # the payload, and what draws it
    for selector in ("title", "h1", "footer", "#model", "#claims", "#terms-note, #plane-note", "#population-caption"):
        assert EVIL in (page.locator(selector).first.text_content() or ""), selector


def test_the_plane_is_painted_before_plotly_is_parsed_and_soon(whole):
    marks = whole.evaluate(
        "Object.fromEntries(performance.getEntriesByType('mark').map((each) => [each.name, each.startTime]))"
    )
    assert marks["plane-painted"] < marks["plotly-ready"]
    assert marks["plane-painted"] < 4000  # 500 where nothing else runs
    whole.evaluate("performance.clearMeasures()")
    for count, key in enumerate(("End", "Home", "ArrowRight", "ArrowRight", "End"), start=1):
        whole.locator("#sparsity").press(key)
        until(whole, f"performance.getEntriesByName('redraw').length === {count}")
    times = sorted(whole.evaluate("performance.getEntriesByName('redraw').map((each) => each.duration)"))
    assert times[2] < 400  # 50 where nothing else runs


def test_states_to_look_at(request, payload, tmp_path):
    """Screenshots of the five main states; in both schemes and widths where SPIRALSINK_SCREENSHOTS names a folder."""
    folder = os.environ.get("SPIRALSINK_SCREENSHOTS")
    if folder is None:
        return look_at(request.getfixturevalue("whole"), tmp_path, "light-1280")
    visitor = request.getfixturevalue("visitor")
    Path(folder).mkdir(parents=True, exist_ok=True)
    for scheme, width in [(scheme, width) for scheme in ("light", "dark") for width in (390, 1920)]:
        page = visitor.open(payload, plotly=None, width=width, color_scheme=scheme)
        look_at(page, Path(folder), f"{scheme}-{width}")
    return None


def look_at(page, folder, suffix):
    for name, (fragment, selector) in STATES.items():
        page.evaluate(f"location.hash = {fragment!r}")
        page.evaluate(f"document.querySelector({selector!r}).scrollIntoView({{ behavior: 'instant' }})")
        page.evaluate(FRAMES)
        path = folder / f"{name}-{suffix}.png"
        page.screenshot(path=path)
        assert path.stat().st_size > 10_000
