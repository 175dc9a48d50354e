"""Wherever blocks are trained and whatever happens to the workers, the store holds the same bytes in the end."""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

import spiralsink as sk
from cases.specs import PLAN
from spiralsink import _atomic, specs
from spiralsink._errors import Shown
from spiralsink.cli import main
from spiralsink.data import block_file
from spiralsink.sweeps import LocalProcesses, Store, _worker_process, estimate, make_plan, run, status
from spiralsink.sweeps import _attempt as attempts
from spiralsink.sweeps._messages import Job, Ready, send


def blocks(place):
    return {path.name: path.read_bytes() for path in (Path(place) / "blocks").glob("*.safetensors")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    place = tmp_path_factory.mktemp("executors") / "store"
    assert run(specs.parse(PLAN), place).done == 6
    return place


class Meter:
    """A progress meter that counts, and does something when it is first told of a network."""

    def __init__(self, then=lambda: None):
        self.networks, self.total, self.notes, self.then = 0, None, [], then

    def start(self, description, total, unit="steps"):
        self.total = total

    def advance(self, amount, note=""):
        self.networks += amount
        self.notes.append(note)
        then, self.then = self.then, lambda: None
        then()

    def close(self):
        pass


def children():
    return [int(each) for each in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()]


def test_processes_store_the_same_bytes_and_none_is_left(tmp_path, whole):
    before, meter = set(children()), Meter()
    summary = run(specs.parse(PLAN), tmp_path / "store", executor=LocalProcesses(2), progress=meter)
    assert (summary.done, summary.failed) == (6, 0)
    assert blocks(tmp_path / "store") == blocks(whole)
    assert set(children()) == before
    assert (meter.networks, meter.total, meter.notes[-1]) == (6, 6, "4/4 blocks")
    seconds = [json.loads(path.read_text()) for path in (tmp_path / "store" / "seconds").iterdir()]
    assert {each["cores"] for each in seconds} == {1}


def test_a_worker_that_is_killed_is_replaced(tmp_path, whole):
    before = set(children())

    def kill_one():
        os.kill(min(set(children()) - before), signal.SIGKILL)

    meter = Meter(kill_one)
    summary = run(specs.parse(PLAN), tmp_path / "store", executor=LocalProcesses(2), progress=meter)
    assert (summary.done, summary.failed, meter.networks) == (6, 0, 6)
    assert blocks(tmp_path / "store") == blocks(whole)


def fake_worker(monkeypatch, text):
    """Workers that run this instead."""
    command = [sys.executable, "-S", "-c", f"import os, signal, sys\n{text}"]
    monkeypatch.setattr("spiralsink.sweeps._worker_process.pinned_command", lambda _, *rest, **__: [*command, *rest])


def test_workers_that_cannot_start_end_the_run(tmp_path, monkeypatch, capsys):
    fake_worker(monkeypatch, "sys.exit('no such device')")
    with pytest.raises(
        sk.TrainingFailed, match=r"^a worker ended with code 1 before it could train anything: no such device"
    ):
        run(specs.parse(PLAN), tmp_path / "store", executor=LocalProcesses(2))
    (tmp_path / "plan.toml").write_text(PLAN)
    assert main(["sweep", str(tmp_path / "plan.toml"), "--store", str(tmp_path / "store")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_block_that_ends_every_worker_is_counted_as_failed(tmp_path, monkeypatch, capsys):
    stream = io.BytesIO()
    send(stream, Ready())
    says = f"os.write(int(sys.argv[1]), {stream.getvalue()!r})\nos.read(0, 9)\n"
    fake_worker(monkeypatch, f"{says}os.kill(os.getpid(), signal.SIGKILL)")
    summary = run(specs.parse(PLAN), tmp_path / "store", executor=LocalProcesses(2))
    assert (summary.done, summary.failed, len(summary.errors)) == (0, 6, 4)
    assert "p 0.5: WorkerLost: a worker was ended by signal 9 (Killed)" in summary.errors
    manifest = json.loads((tmp_path / "store" / "manifest.json").read_text())
    assert {block["error"] for block in manifest["blocks"]} == set(summary.errors)


def test_a_worker_of_another_version_trains_nothing():
    block = make_plan(specs.parse(PLAN)).blocks[0]
    place = {"axes": [], "store": "", "plan": "-", "checkpoint_every": 60.0}
    job = Job.of(block, **place)
    assert (job.block.key, job.block.coordinates, job.block.seeds) == (block.key, block.coordinates, block.seeds)
    answer = attempts.attempt(msgspec.structs.replace(job, key="another"), lambda _: None)
    assert answer.reason == f"p 0.5: a worker has another version, spiralsink {sk.__version__}"


def test_settings_that_no_block_can_be_trained_with_are_refused_and_else_counted(tmp_path, monkeypatch):
    def refused(block, **_):
        if refuse(block):
            raise sk.InvalidInput("horizon", 9, "shorter")
        return trained(block, **_)

    trained = attempts.train_block
    monkeypatch.setattr(attempts, "train_block", refused)
    refuse = lambda block: True  # noqa: E731
    with pytest.raises(sk.InvalidInput, match=r"^horizon must be shorter, got 9$"):
        run(specs.parse(PLAN), tmp_path / "store")
    refuse = lambda block: block.coordinates["process.p"] == 0.25  # noqa: E731
    summary = run(specs.parse(PLAN), tmp_path / "store")
    assert (summary.done, summary.failed) == (3, 3)
    assert summary.errors == ("p 0.25: horizon must be shorter, got 9",) * 2


def test_two_programs_at_one_store_share_the_work(tmp_path, whole, monkeypatch):
    """The second begins while the first is in its first block, and what either has stored the other does not train."""
    order = []
    trained = attempts.train_block

    def counted(block, **options):
        order.append((who, block.key))
        return trained(block, **options)

    monkeypatch.setattr(attempts, "train_block", counted)
    who = "first"

    class Interrupted:
        def train(self, jobs, report):
            nonlocal who
            for number, job in enumerate(jobs):
                yield job, attempts.attempt(job, report)
                if not number:
                    who = "second"
                    assert run(specs.parse(PLAN), tmp_path / "store").done == 6
                    who = "first"

    summary = run(specs.parse(PLAN), tmp_path / "store", executor=Interrupted())
    keys = [block.key for block in make_plan(specs.parse(PLAN)).blocks]
    assert order[0] == ("first", keys[0])
    assert sorted(order[1:]) == sorted(("second", key) for key in keys[1:])
    assert (summary.done, summary.failed, summary.reused) == (6, 0, 4)
    assert blocks(tmp_path / "store") == blocks(whole)


class Killed(BaseException):
    """The program ends here and cleans nothing up."""


@pytest.mark.parametrize("when", ["before the write", "in the middle of it", "after it"])
def test_killed_at_any_write_nothing_is_lost_or_doubled(when, tmp_path, whole, monkeypatch):
    """Every write of a run in turn is the last thing that a program does; then the same command goes on."""
    known = {}
    trained = attempts.train_block

    def remembered(block, **options):
        if block.key not in known:
            known[block.key] = trained(block, **{**options, "checkpoint": sk.NoCheckpoint()})
        return known[block.key]

    monkeypatch.setattr(attempts, "train_block", remembered)
    count, last = 0, None
    write = _atomic.write_file

    def counted(path, content):
        nonlocal count
        count += 1
        if count == last:
            if when == "in the middle of it":
                path.with_name(f".{path.name}.1-2.tmp").write_bytes(content[: len(content) // 2])
            if when == "after it":
                write(path, content)
            raise Killed
        return write(path, content)

    monkeypatch.setattr("spiralsink.sweeps._store.write_file", counted)
    run(specs.parse(PLAN), tmp_path / "undisturbed")
    writes = count
    assert writes == 2 * 4 + 2  # a file of seconds for each block, the plan, the manifest
    for last in range(1, writes + 1):
        count, place = 0, tmp_path / f"killed-{last}"
        with contextlib.suppress(Killed):
            run(specs.parse(PLAN), place)
        stored = blocks(place)
        assert stored.items() <= blocks(whole).items()
        last = None
        assert run(specs.parse(PLAN), place).done == 6
        assert blocks(place) == blocks(whole)
        assert not (place / "aside").exists()
        assert {path.stem for path in (place / "seconds").glob("[!.]*")} == {Path(name).stem for name in blocks(whole)}


def test_what_killed_programs_had_begun_to_write_is_removed_after_an_hour(tmp_path):
    store = Store(tmp_path / "store")
    store.prepare(make_plan(specs.parse(PLAN)))
    old, new = (tmp_path / "store" / "blocks" / f".{name}.safetensors.1-2.tmp" for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1e9, 1e9))
    with store.joined() as shared, Store(tmp_path / "store").joined() as again:
        assert (shared, again) == (False, True)
    assert not old.exists()
    assert new.exists()


@pytest.mark.slow
def test_an_estimate_is_that_of_the_store(tmp_path, whole, capsys):
    plan = make_plan(specs.parse(PLAN))
    found = estimate(plan, store=whole, workers=1)
    assert (found.networks, found.points, found.blocks, found.done, found.workers) == (6, 2, 4, 6, 1)
    assert found.idle_share == 0.25
    assert found.bytes == pytest.approx(sum(map(len, blocks(whole).values())), rel=0.15)
    assert found.seconds == 0
    (tmp_path / "plan.toml").write_text(PLAN.replace("n_seeds = 3", "n_seeds = 1"))
    assert main(["sweep", str(tmp_path / "plan.toml"), "--dry-run", "--workers", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["2 networks at 2 points, in 2 blocks of 2", "none of them stored yet"]
    assert lines[-1] == (
        "50% of the work is for lanes without a network: 1 at a point, so sweep.block_size = 1 is faster"
    )
    assert main(["sweep", str(tmp_path / "plan.toml"), "--dry-run", "--json", "--store", str(tmp_path / "none")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {"networks", "done", "failed", "statuses", "seconds", "store", "blocks", "bytes"} <= set(printed)
    assert (printed["networks"], printed["done"], printed["store"]) == (2, 0, str(tmp_path / "none"))
    assert printed["seconds"] > 0
    assert not (tmp_path / "none").exists()


def test_the_command_stores_and_goes_on(tmp_path, whole, capsys):
    (tmp_path / "plan.toml").write_text(PLAN)
    command = ["sweep", str(tmp_path / "plan.toml"), "--store", str(tmp_path / "store"), "--workers", "1"]
    assert main([*command, "--resume"]) == 2
    assert "--resume must be with the folder of a store, got nothing to go on with" in capsys.readouterr().err
    assert main([*command, "--json", "--no-figures"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {"networks", "done", "failed", "statuses", "seconds", "store"} <= set(printed)
    assert (printed["networks"], printed["done"], printed["failed"], printed["reused"]) == (6, 6, 0, 0)
    assert blocks(tmp_path / "store") == blocks(whole)
    assert main([*command, "--resume", "--json", "--no-figures"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["done"], printed["reused"]) == (6, 6)


def test_a_worker_that_is_killed_before_it_began_is_replaced(tmp_path, whole, monkeypatch):
    """As when memory is short; only a worker that ends by itself at the start tells of all of them."""
    started = []
    real = _worker_process.pinned_command

    def dies_once(module, *arguments, cores=()):
        started.append(module)
        if len(started) > 1:
            return real(module, *arguments, cores=cores)
        return [sys.executable, "-S", "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]

    monkeypatch.setattr(_worker_process, "pinned_command", dies_once)
    assert run(specs.parse(PLAN), tmp_path / "store", executor=LocalProcesses(1)).done == 6
    assert blocks(tmp_path / "store") == blocks(whole)


def test_of_two_copies_of_a_block_all_programs_keep_the_same(tmp_path, whole):
    """Machines that round otherwise may store two at the same time; each program sees both, in any order."""
    (block, *_) = make_plan(specs.parse(PLAN)).blocks
    path = next((whole / "blocks").glob(f"{block.key}.*"))
    content = path.read_bytes()
    other = content[:-1] + bytes([content[-1] ^ 1])
    for first, second in ((content, other), (other, content)):
        store = Store(tmp_path / ("a" if first is content else "b"))
        store.prepare(make_plan(specs.parse(PLAN)))
        kept = [store.write(block.key, each, {}).name for each in (first, second)]
        left = [each.name for each in (store.path / "blocks").iterdir()]
        assert left == [kept[1]] == [min(block_file(block.key, each) for each in (first, second))]
        assert len(store.replaced) == 1


def test_a_block_that_cannot_be_read_now_is_not_taken_for_damaged(tmp_path, whole, monkeypatch):
    place = shutil.copytree(whole, tmp_path / "store")

    def failing(path):
        raise sk.InvalidInput(str(path), Shown("too many open files"), "a file that can be read")

    monkeypatch.setattr("spiralsink.sweeps._store.read_block", failing)
    with pytest.raises(sk.InvalidInput, match=r"must be a file that can be read, got too many open files"):
        run(specs.parse(PLAN), place)
    assert blocks(place) == blocks(whole)
    assert not (place / "aside").exists()


def test_ctrl_c_ends_the_program_and_its_workers(tmp_path):
    (tmp_path / "plan.toml").write_text(PLAN.replace("steps = 40", "steps = 10000000"))
    command = [
        sys.executable,
        "-m",
        "spiralsink",
        "sweep",
        "plan.toml",
        "--store",
        "store",
        "--checkpoint-every",
        "0.1",
    ]
    program = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    listing = Path(f"/proc/{program.pid}/task/{program.pid}/children")
    wait_for(lambda: list((tmp_path / "store").glob("unfinished/*.safetensors")))
    workers = [int(each) for each in listing.read_text().split()]
    assert workers
    program.send_signal(signal.SIGINT)
    _, err = program.communicate(timeout=60)
    assert program.returncode == 130
    assert err.splitlines() == [
        "spiralsink sweep: interrupted; finished blocks are kept in store, the same command goes on"
    ]
    wait_for(lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers))


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_points_that_look_alike_are_two(tmp_path):
    close = PLAN.replace("values = [0.5, 0.25]", "values = [0.2500001, 0.2500002]").replace("steps = 40", "steps = 1")
    summary = run(specs.parse(close), tmp_path / "store")
    assert [len(point.loss) for point in summary.points] == [3, 3]
    assert [each["coordinates"] for each in summary.to_dict()["points"]] == [
        {"process.p": 0.2500001},
        {"process.p": 0.2500002},
    ]


def test_two_programs_of_plans_that_exclude_each_other_do_not_fill_one_store(tmp_path):
    """Of the second one nothing is stored; one whose plan only adds to the first goes on."""
    other = PLAN.replace("values = [0.5, 0.25]", "values = [0.5, 0.75]")
    wider = PLAN.replace("values = [0.5, 0.25]", "values = [0.5, 0.25, 0.75]")

    class Beside:
        def train(self, jobs, report):
            with pytest.raises(
                sk.InvalidInput, match=r"got one that another program fills with another plan \(there s"
            ):
                run(specs.parse(other), tmp_path / "store")
            assert run(specs.parse(wider), tmp_path / "store").done == 9
            for job in jobs:
                yield job, attempts.attempt(job, report)

    assert run(specs.parse(PLAN), tmp_path / "store", executor=Beside()).done == 6
    assert status(tmp_path / "store").done == 9
    with pytest.raises(sk.InvalidInput, match="got 2 blocks of another plan"):
        run(specs.parse(PLAN), tmp_path / "store")
    (tmp_path / "store" / "plan.toml").write_text(PLAN)
    assert status(tmp_path / "store").errors == ("2 blocks are not of plan.toml, and are in the dataset all the same",)
    with pytest.raises(sk.InvalidInput, match=r"2 blocks of another plan \(such as p 0.75 with seeds"):
        run(specs.parse(PLAN), tmp_path / "store")


def test_what_only_has_the_name_of_a_block_is_set_aside(tmp_path, whole):
    place = Path(shutil.copytree(whole, tmp_path / "store"))
    name = f"{32 * 'a'}.{32 * 'b'}.safetensors"
    (place / "blocks" / name).write_bytes(b"x")
    (place / "blocks" / "a.b.safetensors").write_bytes(b"x")
    assert run(specs.parse(PLAN), place).set_aside == (name,)
    assert (place / "aside" / name).read_bytes() == b"x"
    assert sk.open_store(place).sizes["network"] == 6


def test_the_plan_of_a_newer_version_is_not_overwritten(tmp_path, whole):
    place = Path(shutil.copytree(whole, tmp_path / "store"))
    newer = PLAN.replace("format = 1", "format = 2")
    (place / "plan.toml").write_text(newer)
    with pytest.raises(
        sk.InvalidInput, match=r"plan.toml: format must be at most 1, got 2 \(written by a newer spiral"
    ):
        run(specs.parse(PLAN), place)
    assert (place / "plan.toml").read_text() == newer
