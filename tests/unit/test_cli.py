"""The command line: exit codes, one line for bad input, one JSON object, light start."""

import contextlib
import gc
import io
import json
import os
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest

import spiralsink
from spiralsink.cli import main
from spiralsink.cli._command import plain, writes_into
from spiralsink.cli._main import COMMANDS

HEAVY = ("jax", "jaxlib", "numpy", "scipy", "equinox", "optax", "msgspec", "rich", "matplotlib", "xarray")
OPTIMUM = ["optimum", "--delay", "1", "--hidden", "2", "--p", "0.5", "--restarts", "4"]


def in_process(*arguments):
    return subprocess.run([sys.executable, "-m", "spiralsink", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_and_version_load_nothing_heavy(arguments):
    code = (
        "import sys\nfrom spiralsink.cli import main\n"
        f"code = main({arguments!r})\nprint('loaded', *sys.modules)\nsys.exit(code)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    loaded = set(ended.stdout.rsplit("loaded", 1)[1].split())
    assert loaded & set(HEAVY) == set()


def test_every_command_is_listed_and_shows_an_example_and_the_two_flags(capsys):
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    for name in COMMANDS:
        assert f"  {name} " in listed
        assert main([name, "--help"]) == 0
        text = capsys.readouterr().out
        example = text.partition("Example:\n")[2]
        assert f"  spiralsink {name}" in example
        assert "--json" in text
        assert "--quiet" in text


def test_without_arguments_the_help_is_shown(capsys):
    assert main([]) == 0
    assert capsys.readouterr().out.startswith("Usage: spiralsink [OPTIONS] [COMMAND]")


def test_the_version_is_printed(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"spiralsink {spiralsink.__version__}\n"
    ended = in_process("--version")
    assert (ended.returncode, ended.stdout) == (0, f"spiralsink {spiralsink.__version__}\n")


BAD = {
    "value out of range": ([*OPTIMUM, "--p", "1.5"], "spiralsink optimum: --p must be in (0, 1], got 1.5"),
    "not a number": ([*OPTIMUM, "--p", "x"], "spiralsink optimum: --p must be a number, got 'x'"),
    "nan": ([*OPTIMUM, "--p", "nan"], "spiralsink optimum: --p must be finite, got nan"),
    "not whole": ([*OPTIMUM, "--delay", "1.5"], "spiralsink optimum: --delay must be a whole number >= 0, got '1.5'"),
    "negative": ([*OPTIMUM, "--delay", "-1"], "spiralsink optimum: --delay must be a whole number >= 0, got -1"),
    "field with another name": (
        [*OPTIMUM, "--hidden", "0"],
        "spiralsink optimum: --hidden must be a whole number >= 1, got 0",
    ),
    "seed that another one stands for": (
        [*OPTIMUM, "--seed", "4294967296"],
        "spiralsink optimum: --seed must be a whole number from 0 to 4294967295, got 4294967296",
    ),
    "negative seed": (
        ["reproduce", "--seed", "-1"],
        "spiralsink reproduce: --seed must be a whole number from 0 to 4294967295, got -1",
    ),
    "delay that no machine holds": (
        [*OPTIMUM, "--delay", "99999999999999999999"],
        "spiralsink optimum: --delay must be below 1000000, got 99999999999999999999",
    ),
    "diagram of a delay that no machine holds": (
        ["phase-diagram", "--delay", "1000000"],
        "spiralsink phase-diagram: --delay must be below 1000000, got 1000000",
    ),
    "horizon that no machine holds": (
        [*OPTIMUM, "--horizon", "99999999999999999999"],
        "spiralsink optimum: --horizon must be <= 1000000, got 99999999999999999999",
    ),
    "too many features for the delay": (
        [*OPTIMUM, "--delay", "999999", "--features", "100"],
        "spiralsink optimum: --delay must be below 6710, got 999999 (100 features)",
    ),
    "choice": (
        [*OPTIMUM, "--model", "ssn"],
        "spiralsink optimum: --model must be one of linear, ssm, got 'ssn' (did you mean ssm?)",
    ),
    "delay beyond the horizon": (
        [*OPTIMUM, "--horizon", "1"],
        "spiralsink optimum: --delay must be less than the horizon 1, got 1",
    ),
    "option": (["optimum", "--delya", "1"], "spiralsink optimum: no such option --delya (did you mean --delay?)"),
    "option of the program": (["--versoin"], "spiralsink: no such option --versoin (did you mean --version?)"),
    "missing option": (["optimum", "--p", "1"], "spiralsink optimum: --delay must be given, got nothing"),
    "missing argument": (["train"], "spiralsink train: SPEC.toml must be given, got nothing"),
    "missing value": (["optimum", "--delay"], "spiralsink optimum: option '--delay' requires an argument"),
    "surplus": ([*OPTIMUM, "more"], "spiralsink optimum: got unexpected extra argument (more)"),
    "command": (
        ["optimm"],
        f"spiralsink: the command must be one of {', '.join(sorted(COMMANDS))}, got 'optimm' (did you mean optimum?)",
    ),
    "no such file": (
        ["train", "no/such.toml"],
        "spiralsink train: no/such.toml must be a file that can be read, got no such file or directory",
    ),
    "claim": (
        ["reproduce", "--claims", "four-term"],
        "spiralsink reproduce: --claims must be the id or the group of a claim: ",
    ),
    "too many units": (
        [*OPTIMUM, "--hidden", "1000000"],
        "spiralsink optimum: --hidden must be at most 32 for a search by second-order methods, got 1000000",
    ),
    "report of something else": (
        ["reproduce", "--report-only", "--seed", "1"],
        "spiralsink reproduce: --report-only must be without options that choose what to measure, got --seed beside it",
    ),
    "no name of a folder": (
        ["reproduce", "--out", ""],
        "spiralsink reproduce: --out must be the name of a folder, got ''",
    ),
    "scale": (
        ["reproduce", "--scale", "fast"],
        "spiralsink reproduce: --scale must be one of quick, full, got 'fast'",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_with_one_line_and_code_2(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, line = BAD[name]
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(line)
    assert shown.err == shown.err.rstrip("\n") + "\n"
    assert shown.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_bad_input_in_a_process_of_its_own():
    ended = in_process(*OPTIMUM, "--p", "1.5", "--json")
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == "spiralsink optimum: --p must be in (0, 1], got 1.5\n"


@pytest.fixture(scope="module")
def optimum_outputs():
    """What `--json`, nothing and `--quiet` print; one shape, so one compilation."""
    printed = {}
    for flags in ((), ("--json",), ("--quiet",)):
        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
            assert main([*OPTIMUM, *flags]) == 0
        assert err.getvalue() == ""
        printed[flags] = out.getvalue()
    return printed


def test_json_is_one_object_and_nothing_else(optimum_outputs):
    text = optimum_outputs["--json",]
    assert text.count("\n") == 1
    found = json.loads(text)
    keys = {"loss_per_p", "spectral_radius", "eigenangle_span", "eigenvalues", "projections", "fraction_at_best"}
    assert keys | {"local_optima"} <= set(found)
    # two units hold one delayed scalar exactly: a shift register, whose eigenvalues are zero
    assert found["loss_per_p"] == pytest.approx(0, abs=1e-8)
    assert found["spectral_radius"] == pytest.approx(0, abs=1e-3)
    assert np.shape(found["eigenvalues"]) == (2, 2)
    assert found["projections"][:3] == pytest.approx([0, 1, 0], abs=1e-3)
    assert 0 < found["fraction_at_best"] <= 1


def test_text_and_quiet(optimum_outputs):
    assert "E[L]/p" in optimum_outputs[()]
    assert optimum_outputs["--quiet",] == ""


def test_vector_inputs_give_projections_by_lag_output_and_feature(capsys, monkeypatch):
    network = spiralsink.RecurrentNetwork([[2.0, 0.0], [0.0, 1.0]], 0.5 * np.eye(2), np.eye(2))
    local = types.SimpleNamespace(loss_per_p=0.25, share=0.5, gain=1.0)
    found = types.SimpleNamespace(
        network=network,
        loss_per_p=0.25,
        optima=(local,),
        fraction_at_best=0.5,
        status="converged",
        restarts=2,
        bound_active=False,
    )
    monkeypatch.setattr("spiralsink.verbs.optimum", lambda *_, **__: found)
    assert main(["optimum", "--delay", "0", "--p", "0.5", "--features", "2", "--tying", "free", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["projections"][1] == [[1.0, 0.0], [0.0, 0.5]]
    assert printed["eigenvalues"] == [[0.5, 0.0], [0.5, 0.0]]
    assert printed["local_optima"] == [{"loss_per_p": 0.25, "share": 0.5, "gain": 1.0}]


def test_what_no_theory_covers_is_named_by_its_option(capsys, monkeypatch):
    def refused(*_, **options):
        raise spiralsink.NotCovered("readout", options["readout"], "linear for an exact optimum")

    monkeypatch.setattr("spiralsink.verbs.optimum", refused)
    assert main([*OPTIMUM, "--model", "ssm"]) == 2
    line = "spiralsink optimum: --model must be linear for an exact optimum, got 'ssm'\n"
    assert capsys.readouterr().err == line


def test_claims_are_listed(capsys):
    assert main(["claims", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["claims"]
    assert {"id", "group", "statement", "settings", "bars"} <= set(listed[0])
    assert main(["claims"]) == 0
    text = capsys.readouterr().out
    for claim in listed:
        when = ", when named" if claim["on_request"] else ""
        assert f"{claim['id']} ({claim['group']}{when}): {claim['statement']}" in text


def document(verdict):
    claim = {"id": "one", "verdict": verdict, "seconds": 1.0, "measured": "2", "reason": "why", "error": None}
    return {"claims": [claim], "selected": ["one"], "seconds": 1.0, "value": float("nan")}


@pytest.mark.parametrize(("verdict", "code"), [("holds", 0), ("inconclusive", 0), ("fails", 1)])
def test_reproduce_ends_with_1_when_a_claim_fails(verdict, code, capsys, monkeypatch, tmp_path):
    asked = {}

    def reproduce(**options):
        asked.update(options)
        return document(verdict)

    monkeypatch.setattr("spiralsink.report.reproduce", reproduce)
    arguments = ["reproduce", "--out", str(tmp_path), "--claims", "one, two", "--seed", "3", "--fresh"]
    assert main([*arguments, "--json"]) == code
    # there is nothing in the folder that a page could show
    assert json.loads(capsys.readouterr().out) == document(verdict) | {"value": None, "page": None}
    del asked["progress"]
    wanted = {"out": str(tmp_path), "scale": "quick", "select": ["one", "two"], "fresh": True, "seed": 3}
    assert asked == wanted | {"report_only": False}
    assert main(arguments) == code
    assert verdict in capsys.readouterr().out


def test_an_unexpected_error_is_one_line_unless_asked_for(capsys, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("two\nlines")

    monkeypatch.setattr("spiralsink.claims.catalogue", broken)
    assert main(["claims"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("spiralsink: unexpected RuntimeError: two lines (set SPIRALSINK_DEBUG=1")
    monkeypatch.setenv("SPIRALSINK_DEBUG", "1")
    with pytest.raises(RuntimeError, match="two"):
        main(["claims"])


def test_an_interruption_is_one_line(capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("spiralsink.claims.catalogue", interrupted)
    assert main(["claims"]) == 130
    assert capsys.readouterr().err == "spiralsink: interrupted\n"


def test_an_interruption_inside_the_garbage_collector_is_not_lost(capsys, monkeypatch):
    """Python cannot pass on what a callback of the collector raises, and prints a traceback instead."""

    def raising(*_):
        gc.callbacks.remove(raising)
        raise KeyboardInterrupt

    def collected(*_, **__):
        gc.callbacks.append(raising)
        gc.collect()
        for _ in range(1000):  # what arrives is noticed between the naps
            time.sleep(0.01)

    monkeypatch.setattr("spiralsink.claims.catalogue", collected)
    assert main(["claims"]) == 130
    assert capsys.readouterr().err == "spiralsink: interrupted\n"


def piped(*arguments, stdout):
    """Exit code and standard error of a program whose standard output nobody reads."""
    code = f"import sys\nfrom spiralsink.cli import main\nsys.exit(main({list(arguments)!r}))"
    if stdout == "closed":
        call = f"subprocess.call([sys.executable, '-c', {code!r}])"
        code = f"import os, subprocess, sys\nos.close(1)\nsys.exit({call})"
    read, write = os.pipe()
    os.close(read)
    try:
        ended = subprocess.run(
            [sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True, check=False
        )
    finally:
        os.close(write)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("stdout", ["left", "closed"])
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["claims", "--json"]])
def test_output_that_nobody_reads_is_no_error(arguments, stdout):
    assert piped(*arguments, stdout=stdout) == (0, "")


def test_an_exit_code_is_kept_when_nobody_reads(monkeypatch, tmp_path):
    def leave(*_, **__):
        raise BrokenPipeError

    monkeypatch.setattr("spiralsink.report.reproduce", lambda **_: document("fails"))
    monkeypatch.setattr("spiralsink.cli._command.click.echo", leave)
    monkeypatch.setattr("spiralsink.cli._command.drop_stdout", lambda: None)
    assert main(["reproduce", "--out", str(tmp_path)]) == 1


def test_a_store_that_cannot_be_is_one_line(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "spec.toml").write_text(
        'format = 1\ntask = { kind = "delay", delay = 2 }\nprocess = { kind = "sparse" }\n'
        "network = {}\ntraining = { steps = 1 }\n"
    )
    for out, reason in (("file", "file: a file"), ("file/in", f"file/in: a file at {tmp_path}/file")):
        assert main(["train", str(tmp_path / "spec.toml"), "--out", str(tmp_path / out)]) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err == f"spiralsink train: --out must be a folder, got {tmp_path}/{reason}\n"


@pytest.mark.parametrize("out", ["file/in", "/proc/no/such"])
@pytest.mark.parametrize("arguments", [["phase-diagram", "--delay", "4"], ["reproduce", "--claims", "four-terms"]])
def test_a_folder_that_cannot_be_made_is_one_line_about_the_option(arguments, out, capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert main([*arguments, "--out", str(tmp_path / out), "--json"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"spiralsink {arguments[0]}: --out must be a folder that can be written, got /")
    assert shown.err.count("\n") == 1


def test_only_paths_are_errors_of_the_folder():
    for folder in (Path(), Path("results")):
        with pytest.raises(spiralsink.InvalidInput, match=r"^p must be"), writes_into(folder):
            raise spiralsink.InvalidInput("p", 2, "in (0, 1]")


def test_an_interrupted_program_ends_without_tearing_down_what_runs():
    code = (
        "import atexit, os, sys\nimport spiralsink.claims\nfrom spiralsink.cli import main\n"
        "def interrupted(*_):\n    raise KeyboardInterrupt\n"
        "spiralsink.claims.catalogue = interrupted\nsys.argv = ['spiralsink', 'claims']\n"
        "atexit.register(os.abort)\nsys.exit(main())"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "spiralsink: interrupted\n")


def test_completion_knows_commands_and_options():
    def complete(*words):
        line = " ".join(["spiralsink", *words])
        code = "from spiralsink.cli import main; main()"
        ended = subprocess.run(
            [sys.executable, "-c", code],
            env={"_SPIRALSINK_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))},
            capture_output=True,
            text=True,
            check=False,
        )
        return [each.partition(",")[2] for each in ended.stdout.split()]

    assert complete("opt") == ["optimum"]
    assert complete("optimum", "--hid") == ["--hidden"]
    assert complete("optimum", "--model", "s") == ["ssm"]


def test_json_holds_plain_values_only():
    value = {"a": np.array([1.0, np.nan]), "b": np.float32(np.inf), "c": (1 + 2j, np.int8(3), None, True), 4: "x"}
    assert plain(value) == {"a": [1.0, None], "b": None, "c": [[1.0, 2.0], 3, None, True], "4": "x"}
    assert plain(np.array([[1 + 2j]])) == [[[1.0, 2.0]]]
