import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cases.pages import explorer_payload
from spiralsink.explorer import Payload, page_of

NAMES = ("chromium", "chromium-browser", "google-chrome")


def browser_path() -> str:
    candidates = [os.environ.get("SPIRALSINK_CHROMIUM"), *NAMES]
    found = next((path for each in candidates if each and (path := shutil.which(each))), None)
    if found is None:
        reason = f"no browser: neither SPIRALSINK_CHROMIUM nor any of {', '.join(NAMES)} is there"
        if os.environ.get("SPIRALSINK_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    path = browser_path()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = playwright.chromium.launch(executable_path=path, args=arguments)
        yield running
        running.close()


class Visitor:
    """Opens pages in one browser and keeps what they complain about and ask for."""

    def __init__(self, browser: Any, folder: Path):
        self.browser, self.folder = browser, folder
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.contexts: list[Any] = []

    def open(
        self, payload: Payload, fragment: str = "", *, plotly: str | None = "", width: int = 1280, **options: Any
    ) -> Any:
        """The page of a payload; without Plotly unless `plotly` is None, for the tests that need no charts."""
        path = self.folder / "explorer.html"
        path.write_text(page_of(payload, plotly), encoding="utf-8")
        settings = {"viewport": {"width": width, "height": 900}, "reduced_motion": "reduce", **options}
        context = self.browser.new_context(**settings)
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri() + fragment)
        if plotly is None:
            page.wait_for_selector("html[data-charts=ready]")
        return page

    def check(self) -> None:
        assert self.complaints == []
        outside = [each for each in self.requests if not each.startswith(("file:", "data:", "blob:"))]
        assert outside == []


@pytest.fixture
def visitor(browser: Any, tmp_path: Path) -> Iterator[Visitor]:
    """Every test of a page ends with: nothing on the console, nothing asked of any other address."""
    visitor = Visitor(browser, tmp_path)
    yield visitor
    for context in visitor.contexts:
        context.close()
    visitor.check()


@pytest.fixture(scope="session")
def payload() -> Payload:
    return explorer_payload()
