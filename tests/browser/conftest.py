import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cases.browsing import Visitor
from cases.pages import explorer_payload
from spiralsink.explorer import Payload

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


@pytest.fixture
def visitor(browser: Any, tmp_path: Path) -> Iterator[Visitor]:
    """Every test of a page ends with: nothing on the console, nothing asked of any other address."""
    visitor = Visitor(browser, tmp_path)
    yield visitor
    visitor.close()
    visitor.check()


@pytest.fixture(scope="session")
def payload() -> Payload:
    return explorer_payload()
