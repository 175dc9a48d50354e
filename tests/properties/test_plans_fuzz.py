"""A malformed plan ends the command with exit code 2 and one line, before anything is trained or written."""

import contextlib
import io
from unittest import mock

import pytest
from hypothesis import given, settings

from cases.plans import MALFORMED, SOUND, text_of, with_axes
from cases.stores import write_store
from spiralsink.cli import main


class Planned(Exception):
    """A plan was taken for sound."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("plans")


def ended(*arguments):
    """Exit code, standard output and standard error of `spiralsink sweep`, which must not come to train."""
    output, errors = io.StringIO(), io.StringIO()
    trained = mock.Mock(side_effect=Planned)
    with (
        mock.patch("spiralsink.sweeps.estimate", trained),
        mock.patch("spiralsink.sweeps.run", trained),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        code = main(["sweep", *map(str, arguments)])
    return code, output.getvalue(), errors.getvalue()


def refusal(*arguments):
    """The one line that the command ends with."""
    code, output, errors = ended(*arguments)
    assert (code, output) == (2, ""), errors
    assert errors.startswith("spiralsink sweep: ")
    assert errors.endswith("\n")
    assert len(errors.splitlines()) == 1
    assert len(errors) < 1000
    return errors


def plan_file(folder, content):
    path = folder / "plan.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_what_the_malformed_plans_are_made_from_is_sound(folder):
    code, _, errors = ended(plan_file(folder, text_of(SOUND)), "--dry-run")
    assert (code, "Planned" in errors) == (1, True)


@settings(max_examples=1000)
@given(plan=MALFORMED)
def test_a_malformed_plan_is_one_line(folder, plan):
    content, named = plan
    line = refusal(plan_file(folder, content), "--dry-run")
    assert all(each in line for each in named), line


FILES = {
    "empty": (b"", "format must be given, got nothing"),
    "five megabytes of words": (b"words " * 830_000, "must be a TOML file, got Expected '=' after a key"),
    "a name of five megabytes": (b"a" * 5_000_000 + b" = 1", "'aaaaa"),
    "a word of five megabytes": (text_of(SOUND).replace("delay", "d" * 1_000_000).encode(), "task.kind must be one of"),
    "lists in lists": (b"x = " + b"[" * 100_000, "must be a TOML file, got tables in tables without end"),
    "tables in tables": (b"x = " + b"{ a = " * 100_000, "must be a TOML file, got tables in tables without end"),
    "a name of many parts": (b"a." * 100_000 + b"a = 1", "must be a TOML file, got tables in tables without end"),
    "a quoted name of many parts": (
        b'"a".' * 100_000 + b"a = 1",
        "must be a TOML file, got tables in tables without end",
    ),
    "a table of many parts": (
        b"[" + b"a . " * 100_000 + b"a]",
        "must be a TOML file, got tables in tables without end",
    ),
    "values in values": (
        with_axes({"field": "process.p", "values": [0.5]}).replace("0.5]", "[" * 200 + "0.5" + "]" * 201).encode(),
        "process.p must be a number",
    ),
    "an axis without end": (
        with_axes({"field": "process.p", "linear": {"start": -1e308, "stop": 1e308, "num": 5}}).encode(),
        "sweep.axes[0].linear must be an axis of finite numbers",
    ),
    "more blocks than files": (
        text_of(SOUND | {"training": SOUND["training"] | {"n_seeds": 2**32}}).encode(),
        "sweep.block_size must be at least 17180, for at most 1000000 blocks, got 4",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_an_odd_file_is_one_line(folder, name):
    content, named = FILES[name]
    assert named in refusal(plan_file(folder, content), "--dry-run")


def test_what_is_no_file_is_one_line(folder):
    assert f"{folder} must be a file that can be read, got is a directory" in refusal(folder, "--dry-run")
    assert "must be a file that can be read, got no such file" in refusal(folder / "absent.toml", "--dry-run")
    assert "must be a file that can be read, got not a directory" in refusal(
        plan_file(folder, "") / "below.toml", "--dry-run"
    )


OPTIONS = {
    "no workers": (["--workers", "0"], "--workers must be a whole number from 1 to 1024, got 0"),
    "too many workers": (["--workers", "1000000000"], "--workers must be a whole number from 1 to 1024"),
    "another executor": (
        ["--executor", "dsk"],
        "--executor must be one of local, dask, got 'dsk' (did you mean dask?)",
    ),
    "a scheduler of nothing": (["--scheduler", "x"], "--scheduler must be left out, or with --executor dask, got 'x'"),
    "workers of a scheduler": (
        ["--executor", "dask", "--scheduler", "tcp://127.0.0.1:1", "--workers", "2"],
        "--workers must be left out, because the cluster has its own, got 2",
    ),
    "a store of no name": (["--store", ""], "--store must be the name of a folder, got ''"),
    "nothing to resume": (["--resume"], "--store must be the name of a folder, got nothing"),
    "no such store": (
        ["--resume", "--store", "absent"],
        "--resume must be with the folder of a store, got nothing to go",
    ),
    "a long name": (["--resume", "--store", "x" * 500], "--resume must be with the folder of a store"),
    "a word for seconds": (["--checkpoint-every", "often"], "--checkpoint-every must be a number, got 'often'"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_wrong_option_is_one_line(folder, name):
    options, named = OPTIONS[name]
    plan = plan_file(folder, text_of(SOUND))
    assert named in refusal(plan, *options, "--dry-run")
    assert named in refusal(
        plan, *([] if "--store" in options or "--resume" in options else ["--store", "s"]), *options
    )


@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_what_cannot_become_the_store_is_one_line(folder, dry, monkeypatch):
    """Also before a dry run has measured anything; nothing is written."""
    monkeypatch.setattr("spiralsink.sweeps._estimate.WorkerProcess", mock.Mock(side_effect=Planned))
    plan = plan_file(folder, text_of(SOUND))
    other = folder / f"other{len(dry)}"
    write_store(other, [{"coordinates": {"process.p": 0.5}, "seeds": [0, 1]}])
    before = sorted(other.rglob("*"))
    for store, named in (
        (plan, f"--store must be a folder, got {plan}: a file"),
        (plan / "below", f"--store must be a folder, got {plan}/below: a file at {plan}"),
        (other, f"--store must be a new folder or a store of this plan, got {other}: 1 blocks of another plan"),
    ):
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors):
            assert main(["sweep", str(plan), "--store", str(store), *dry]) == 2
        assert errors.getvalue().startswith(f"spiralsink sweep: {named}")
        assert len(errors.getvalue().splitlines()) == 1
    assert sorted(other.rglob("*")) == before
