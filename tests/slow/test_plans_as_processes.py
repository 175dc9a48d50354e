"""What tests/properties/test_plans_fuzz.py holds in one process, as a user meets it."""

import concurrent.futures
import subprocess
import sys
import time

import pytest
from hypothesis import Phase, given, settings

from cases.plans import MALFORMED, SOUND, text_of

pytestmark = pytest.mark.slow


def sweep(*arguments):
    command = [sys.executable, "-m", "spiralsink", "sweep", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def drawn(count):
    """So many malformed plans, the same at every run."""
    plans = []

    @settings(max_examples=4 * count, derandomize=True, database=None, phases=[Phase.generate])
    @given(plan=MALFORMED)
    def draw(plan):
        plans.append(plan)

    draw()
    return plans[:: len(plans) // count][:count]


def test_twenty_malformed_plans_write_nothing(tmp_path):
    plans = drawn(20)
    paths = [tmp_path / f"plan{number}.toml" for number in range(len(plans))]
    for path, (content, _) in zip(paths, plans, strict=True):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        results = list(threads.map(lambda path: sweep(path, "--store", path.with_suffix("")), paths))
    for path, (_, named), ended in zip(paths, plans, results, strict=True):
        assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr
        assert len(ended.stderr.splitlines()) == 1
        assert ended.stderr.startswith("spiralsink sweep: ")
        assert all(each in ended.stderr for each in named)
        assert not path.with_suffix("").exists()


def test_a_scheduler_that_is_not_there_is_one_line(tmp_path):
    pytest.importorskip("distributed")
    (tmp_path / "plan.toml").write_text(text_of(SOUND))
    options = ["--executor", "dask", "--scheduler", "tcp://127.0.0.1:1"]
    began = time.monotonic()
    ended = sweep(tmp_path / "plan.toml", "--store", tmp_path / "store", *options)
    assert time.monotonic() - began < 40
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (2, "", 1)
    assert ended.stderr.startswith("spiralsink sweep: --scheduler must be the address of a Dask scheduler, as tcp://")


def test_what_no_machine_holds_is_refused_by_the_dry_run(tmp_path):
    wide = SOUND | {"network": SOUND["network"] | {"n_hidden": 10**9}}
    (tmp_path / "plan.toml").write_text(text_of(wide))
    ended = sweep(tmp_path / "plan.toml", "--dry-run")
    assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (2, "", 1)
    assert ended.stderr.startswith("spiralsink sweep: network.n_hidden must be fewer, got 1000000000 (weights need")
