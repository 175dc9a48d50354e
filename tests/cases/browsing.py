"""Pages of the explorer in a browser."""

from pathlib import Path
from typing import Any

from spiralsink.explorer import Payload, page_of

# The policy of the page forbids eval, which is what Playwright's own waiting for a condition does.
_UNTIL = """new Promise((resolve, reject) => {
  const started = performance.now();
  const look = () => {
    if (%s) resolve();
    else if (performance.now() - started > 20000) reject(new Error("not within 20 s"));
    else setTimeout(look, 10);
  };
  look();
})"""


def until(page: Any, condition: str) -> None:
    """Waits for a condition in JavaScript."""
    page.evaluate(_UNTIL % condition)


class Visitor:
    """Opens pages in one browser and keeps what they complain about and ask for."""

    def __init__(self, browser: Any, folder: Path):
        self.browser, self.folder = browser, folder
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.contexts: list[Any] = []

    def open(
        self,
        payload: Payload,
        fragment: str = "",
        *,
        plotly: str | None = "",
        width: int = 1280,
        height: int = 900,
        **options: Any,
    ) -> Any:
        """The page of a payload; without Plotly unless `plotly` is None, for the tests that need no charts."""
        path = self.folder / "explorer.html"
        path.write_text(page_of(payload, plotly), encoding="utf-8")
        settings = {"viewport": {"width": width, "height": height}, "reduced_motion": "reduce", **options}
        context = self.browser.new_context(**settings)
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri() + fragment)
        if options.get("java_script_enabled", True):
            until(page, "performance.getEntriesByName('plane-painted').length")  # claims are drawn with it
        if plotly is None:
            page.wait_for_selector("html[data-charts=ready]")
        return page

    def check(self) -> None:
        assert self.complaints == []
        outside = [each for each in self.requests if not each.startswith(("file:", "data:", "blob:"))]
        assert outside == []

    def close(self) -> None:
        for context in self.contexts:
            context.close()
