"""Time until the plane is painted when a page of the explorer is opened, and until a slider movement is.

Run: python benchmarks/explorer.py FOLDER [--write]; with --write the result is the end of RESULTS.md.

FOLDER is one that `reproduce`, `sweep` or `phase-diagram` wrote. Its page is opened from disk in headless Chromium
(SPIRALSINK_CHROMIUM, or the first one found), a fresh context every time; medians over repeats, with their range.
Painted means: two animation frames after the plane was drawn. A movement counts from the event to the end of the next
frame, without the charts that follow when the slider rests.
"""

import datetime
import os
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from spiralsink._machine import describe_machine
from spiralsink.explorer import build_explorer

N_OPENINGS, N_MOVEMENTS = 15, 40
TARGET, MARK = Path(__file__).with_name("RESULTS.md"), "<!-- explorer -->\n"
NAMES = ("chromium", "chromium-browser", "google-chrome")
# the policy of the page forbids eval, and with it Playwright's own waiting for a condition
PAINTED = """new Promise((resolve) => {
  const look = () => {
    const [found] = performance.getEntriesByName("plane-painted");
    if (found) resolve(found.startTime);
    else setTimeout(look, 10);
  };
  look();
})"""


def spread(times):
    return f"{statistics.median(times):.0f} ms (from {min(times):.0f} to {max(times):.0f}, {len(times)} times)"


def opening(page, address):
    page.goto(address)
    return page.evaluate(PAINTED)


def movements(page):
    page.wait_for_selector("html[data-charts=ready]", timeout=60_000)
    for each in range(N_MOVEMENTS):
        page.locator("#sparsity").press("ArrowLeft" if each // 8 % 2 else "ArrowRight")
        page.wait_for_timeout(60)
    found = {}
    for name, measure in (("script", "redraw-script"), ("next frame", "redraw")):
        found[name] = page.evaluate(f"performance.getEntriesByName('{measure}').map((each) => each.duration)")
    return found


def main():
    arguments = [each for each in sys.argv[1:] if each != "--write"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    lines, rows = measure(arguments[0])
    print("\n".join([*lines, *(f"{name:22} {text}" for name, text in rows)]))
    if "--write" in sys.argv:
        table = ["| | median |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in rows)]
        about = f"Measured on {datetime.date.today()} by `python benchmarks/explorer.py`: {'; '.join(lines)}."
        kept = TARGET.read_text().partition(MARK)[0].rstrip("\n")
        TARGET.write_text("\n".join([kept, "", MARK + "## The explorer", "", about, "", *table, ""]))


def measure(folder):
    candidates = [os.environ.get("SPIRALSINK_CHROMIUM"), *NAMES]
    path = next(found for each in candidates if each and (found := shutil.which(each)))
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        file = Path(place) / "explorer.html"
        file.write_text(build_explorer(folder), encoding="utf-8")
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        times = []
        for each in range(N_OPENINGS + 1):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            page = context.new_page()
            times.append(opening(page, file.as_uri()))
            if each < N_OPENINGS:
                context.close()
        redraw = movements(page) if page.locator("#sparsity").is_visible() else {}
        machine = describe_machine()
        n_networks = page.evaluate("spiralsink.app.page.networks.p.length")
        lines = [
            f"{machine['cpu']}, {machine['cores']} cores, Chromium {browser.version}",
            f"a page of {file.stat().st_size / 1e6:.1f} MB with {n_networks} networks, opened from disk",
        ]
        browser.close()
    rows = [("plane painted after the start of the navigation", spread(times[1:]))]
    rows += [(f"slider movement, {name}", spread(times)) for name, times in redraw.items()]
    return lines, rows


if __name__ == "__main__":
    main()
