"""`spiralsink explore`, and the page beside the results of other commands."""

import http.client
import json
import shutil
import socket
import sys
import threading

import pytest

from cases import explorer as cases
from spiralsink.cli import main
from spiralsink.cli._page_beside import write_page_beside
from spiralsink.cli._serve import listen, served_file


@pytest.fixture(autouse=True)
def no_terms(request, monkeypatch):
    """Terms of the loss compile for seconds."""
    if "terms" not in request.node.name:
        monkeypatch.setattr("spiralsink.explorer._assemble.exact_terms", cases.no_terms)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a page, a report, a figure, and files that are nobody else's business."""
    folder = cases.write_sweep(tmp_path_factory.mktemp("made") / "store")
    (folder / "figures").mkdir()
    (folder / "figures/terms.svg").write_text("<svg/>")
    (folder / "figures/.hidden.svg").write_text("<svg/>")
    (folder / "report.html").write_text("<p>report</p>")
    (folder / "explorer.html").write_text("<p>page</p>")
    (folder / "secret.html").write_text("secret")
    (folder.parent / "outside.html").write_text("outside")
    (folder / "figures/outside.svg").symlink_to(folder.parent / "outside.html")
    return folder


@pytest.fixture
def store(made, tmp_path):
    return shutil.copytree(made, tmp_path / "store", symlinks=True)


def test_the_page_is_built_and_named(store, capsys):
    (store / "explorer.html").unlink()
    assert main(["explore", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"page": "explorer.html"}
    assert (store / "explorer.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    before = sorted(path.name for path in store.iterdir())
    assert main(["explore", str(store)]) == 0
    assert capsys.readouterr().out == f"written: {store / 'explorer.html'}\n"
    assert sorted(path.name for path in store.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{tmp}/nope"], "must be a folder that reproduce, sweep, train, phase-diagram or inspect wrote, got no such"),
        (["{tmp}"], "got a folder of something else"),
        ([""], "DIR must be the name of a folder"),
        (["{store}", "--port", "80"], "--port must be with --serve, got 80"),
        (["{store}", "--serve", "--port", "65536"], "--port must be a whole number from 0 to 65535, got 65536"),
        (["{store}", "--serve", "--port", "x"], "--port must be a whole number from 0 to 65535, got 'x'"),
        ([], "DIR must be given"),
    ],
)
def test_bad_input_is_one_line(arguments, words, store, tmp_path, capsys):
    assert main(["explore", *(each.format(tmp=tmp_path, store=store) for each in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("spiralsink explore: ")
    assert words in err


def test_a_port_in_use_is_one_line(store, capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["explore", str(store), "--serve", "--port", str(port)]) == 2
    assert f"--port must be a free port, got {port}: address already in use" in capsys.readouterr().err


def test_a_damaged_block_is_named(store, capsys):
    path = next((store / "blocks").iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["explore", str(store)]) == 2
    err = capsys.readouterr().err
    assert path.name in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("address", ["/", "/explorer.html", "/report.html", "/figures/terms.svg", "/?a=1#b"])
def test_the_page_and_what_it_links_to_are_served(made, address):
    found = served_file(made, address)
    assert found is not None
    assert found.is_file()


@pytest.mark.parametrize(
    "address",
    [
        *("/secret.html", "/blocks/", "/figures/", "/plan.toml", "/../outside.html", "/figures/../../outside.html"),
        *("/%2e%2e/outside.html", "//etc/passwd", "/figures/%2e%2e/secret.html", "/figures/.hidden.svg"),
        *("/figures/outside.svg", "/figures/none.svg", "/explorer.html/", "/explorer.html%00", "/report.html%0a"),
    ],
)
def test_nothing_else_is_served(made, address):
    assert served_file(made, address) is None


def test_the_server_answers_on_this_machine_only(made):
    server = listen(made, 0)
    thread = threading.Thread(target=server.serve_until_interrupted)
    thread.start()
    try:
        assert server.server_address[0] == "127.0.0.1"

        def ask(method, path, **headers):
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            return answer.status, body, dict(answer.getheaders())

        status, body, headers = ask("GET", "/")
        assert (status, body) == (200, b"<p>page</p>")
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert ask("HEAD", "/report.html")[:2] == (200, b"")
        assert ask("GET", "/secret.html")[0] == 404
        assert ask("GET", "/../outside.html")[0] == 404
        assert ask("POST", "/")[0] == 501
        # a name of somebody else's that leads here
        assert ask("GET", "/", Host="evil.example")[0] == 404
        assert ask("GET", "/", Host=f"localhost:{server.server_port}")[0] == 200
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_serving_prints_the_address_and_ends_with_an_interruption(store, capsys, monkeypatch):
    from spiralsink.cli import _serve

    def interrupted(self, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(_serve.Server, "serve_forever", interrupted)
    assert main(["explore", str(store), "--serve", "--port", "0", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["address"].startswith("http://127.0.0.1:")
    assert err == ""


def test_other_commands_do_not_fail_for_the_want_of_the_page(store, capsys, monkeypatch):
    (store / "explorer.html").unlink()
    assert write_page_beside(store) == "explorer.html"
    (store / "explorer.html").unlink()
    monkeypatch.setitem(sys.modules, "plotly", None)
    assert write_page_beside(store) is None
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        "spiralsink: no explorer.html: plotly is not installed: pip install 'spiralsink[report]'\n",
    )


def test_whatever_is_wrong_with_the_page_the_results_are_there(store, capsys, monkeypatch):
    def broken(folder):
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("spiralsink.explorer.write_explorer", broken)
    assert (store / "explorer.html").exists()
    assert write_page_beside(store) is None
    # a page of other results would be worse than none
    assert capsys.readouterr().err == "spiralsink: no explorer.html: two lines (that of an earlier run is removed)\n"
    assert not (store / "explorer.html").exists()
    assert write_page_beside(store) is None
    assert capsys.readouterr().err == "spiralsink: no explorer.html: two lines\n"
    monkeypatch.setenv("SPIRALSINK_DEBUG", "1")
    with pytest.raises(RuntimeError, match="two"):
        write_page_beside(store)
