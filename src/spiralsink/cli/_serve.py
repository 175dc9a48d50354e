"""The page of a folder, and the files that it links to, over HTTP on this machine; nothing else of the folder."""

import http.server
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .._errors import InvalidInput, Shown

_HOST = "127.0.0.1"
_FILES = re.compile(r"(explorer|report)\.html|figures/[A-Za-z0-9][A-Za-z0-9._-]*\.(png|svg)")
_TYPES = {".html": "text/html; charset=utf-8", ".png": "image/png", ".svg": "image/svg+xml"}
# figures are images: nothing that stands in one runs
_POLICIES = {
    ".html": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob: 'self'",
    ".svg": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
}


class Server(http.server.ThreadingHTTPServer):
    """Listens on 127.0.0.1.

    Attributes:
        folder: Whose page is served.
    """

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"

    def __init__(self, folder: Path, port: int):
        self.folder = folder
        super().__init__((_HOST, port), _Handler)

    def serve_until_interrupted(self) -> None:
        """Serves until Ctrl-C, which is how it is meant to end."""
        try:
            self.serve_forever()
        except KeyboardInterrupt:
            return

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that leaves early is no error."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]
    server_version, sys_version = "spiralsink", ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        # a page of another site may not ask under a name of its own that leads here
        host = (self.headers.get("Host") or "").rsplit(":", 1)[0]
        found = served_file(self.server.folder, self.path) if host in (_HOST, "localhost") else None
        if found is None:
            self.send_error(404)
            return
        try:
            content = found.read_bytes()
        except OSError:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", _TYPES[found.suffix])
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if found.suffix in _POLICIES:
            self.send_header("Content-Security-Policy", _POLICIES[found.suffix])
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is printed beside what the command prints."""


def listen(folder: Path, port: int) -> Server:
    """A server that listens, before there is anything to serve.

    Raises:
        InvalidInput: If the port cannot be used.
    """
    try:
        return Server(folder, port)
    except (OSError, OverflowError) as error:
        words = (getattr(error, "strerror", None) or str(error)).lower()
        raise InvalidInput("port", Shown(f"{port}: {words}"), "a free port", hint="0 takes any free one") from None


def served_file(folder: Path, address: str) -> Path | None:
    """The file that an address stands for, or None: explorer.html, report.html and figures, inside the folder only."""
    name = unquote(urlsplit(address).path).lstrip("/") or "explorer.html"
    if not _FILES.fullmatch(name):
        return None
    path, inside = (folder / name).resolve(), folder.resolve()
    return path if path.is_file() and inside in path.parents else None
