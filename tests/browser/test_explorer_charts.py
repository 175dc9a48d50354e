"""The whole page with its charts: clicks on points, the cursor, widths, schemes, access, escaping and time."""

import os
from pathlib import Path

import msgspec
import pytest

from cases.browsing import Visitor, until

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
    page.evaluate("location.hash = '#'")
    until(page, "spiralsink.app.state.network === 0 && spiralsink.app.state.x === 'p'")
    yield page
    opened.check()


def shown(page):
    return page.evaluate("spiralsink.app.state.network")


def click(page, chart, network):
    """Moves to a point, as soon as it stands still and Plotly has seen the pointer there, and clicks it."""
    hovered = f"document.getElementById('{chart}')._hoverdata?.some((each) => each.customdata === {network})"
    for _ in range(50):
        place = page.evaluate(PLACE, [chart, network])
        page.mouse.move(place[0] + 1, place[1])
        page.mouse.move(*place)
        page.wait_for_timeout(100)
        if page.evaluate(hovered):
            return page.mouse.click(*place)
    raise AssertionError(f"no point of network {network} under the pointer in {chart}")


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
    whole.wait_for_timeout(100)
    before = whole.locator("#cursor").evaluate("each => each.getBoundingClientRect().left")
    whole.locator("#sparsity").press("End")
    whole.wait_for_timeout(100)
    assert whole.locator("#cursor").evaluate("each => each.getBoundingClientRect().left") > before + 100


def test_axes_and_colours_of_the_population(whole):
    title = "document.getElementById('population').layout.xaxis.title.text"
    whole.locator("#by-x").select_option("spectral_radius")
    assert whole.evaluate(title) == "spectral radius"
    whole.locator("#by-by").select_option("status")
    names = whole.evaluate("document.getElementById('population').data.map((each) => each.name)")
    assert names == ["converged (12)", "shown above"]
    whole.locator("#by-by").select_option("of my own")
    whole.reload()
    whole.wait_for_selector("html[data-charts=ready]")
    assert whole.evaluate(title) == "spectral radius"
    assert whole.locator("#by-by").input_value() == "of my own"


def test_no_width_scrolls_sideways_and_nothing_bars_access(whole):
    from axe_playwright_python.sync_playwright import Axe

    for scheme in ("light", "dark"):
        whole.emulate_media(color_scheme=scheme)
        for width in (390, 1920):
            whole.set_viewport_size({"width": width, "height": 900})
            whole.wait_for_timeout(150)
            assert whole.evaluate("document.documentElement.scrollWidth") <= width
            found = whole.evaluate("spiralsink.app.layout.width")
            assert found == whole.locator("#plane").evaluate("each => each.clientWidth")
        found = Axe().run(whole).response["violations"]
        assert [(each["id"], each["nodes"][0]["target"]) for each in found if each["impact"] in SERIOUS] == []


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
        page.wait_for_timeout(50)
    page.mouse.move(*page.evaluate(PLACE, ["population", shown(page)]))
    page.wait_for_timeout(100)
    assert page.evaluate("globalThis.harmed") is None
    assert page.locator("body img").count() == 0
    assert page.locator("body script").count() == 2  # the payload, and what draws it
    for selector in ("title", "h1", "footer", "#model", "#claims", "#terms-note, #plane-note", "#population-caption"):
        assert EVIL in (page.locator(selector).first.text_content() or ""), selector


def test_the_plane_is_painted_before_plotly_is_parsed_and_soon(whole):
    marks = whole.evaluate(
        "Object.fromEntries(performance.getEntriesByType('mark').map((each) => [each.name, each.startTime]))"
    )
    assert marks["plane-painted"] < marks["plotly-ready"]
    assert marks["plane-painted"] < 2000  # 500 where nothing else runs
    for key in ("End", "Home", "ArrowRight", "ArrowRight", "End"):
        whole.locator("#sparsity").press(key)
        whole.wait_for_timeout(30)
    times = sorted(whole.evaluate("performance.getEntriesByName('redraw').map((each) => each.duration)"))
    assert len(times) >= 4
    assert times[len(times) // 2] < 200  # 50 where nothing else runs


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
        page.wait_for_timeout(150)
        path = folder / f"{name}-{suffix}.png"
        page.screenshot(path=path)
        assert path.stat().st_size > 10_000
