"""Checkpoints: a training that ended at any instant goes on to the very bytes of one that was never disturbed."""

import contextlib
import dataclasses
import errno
import os
import signal
import subprocess
import sys
import types

import jax
import numpy as np
import pytest

import spiralsink as sk
from cases.checkpoints import CASES, COUNT, KEY, STEPS, start, train, whole
from cases.interrupting import ctrl_c_at
from spiralsink.training import _checkpoint, _compiler, _descent, _fit, _log, _native
from spiralsink.training._checkpoint import write_checkpoint
from spiralsink.training._goals import prepare
from spiralsink.training._lanes import to_lanes

every_case = pytest.mark.parametrize("case", CASES)


class Killed(Exception):
    pass


class Killer(sk.NoProgress):
    """Ends the training after some chunks."""

    def __init__(self, chunks, by=Killed):
        self.left, self.by = chunks, by

    def advance(self, amount, note=""):
        self.left -= bool(amount)
        if not self.left:
            raise self.by


class Small:
    """Chunks of a few steps, whatever the clock says."""

    def __init__(self, steps=7):
        self._steps = steps

    def target(self, step, until):
        return min(until, step + self._steps)

    def tell(self, taken, seconds):
        pass


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("spiralsink._atomic.os.fsync", lambda descriptor: None)  # many files, none of which must last
    for module in (_descent, _native):
        monkeypatch.setattr(module, "Pace", Small)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "training.safetensors"


def content(result):
    """Everything of a result but the time it took."""
    names = [each.name for each in dataclasses.fields(result) if each.name not in ("seconds", "history")]
    history = {f"history.{name}": value for name, value in vars(result.history).items()}
    return {name: jax.tree.leaves(getattr(result, name)) for name in names} | {
        name: jax.tree.leaves(value) for name, value in history.items()
    }


def assert_same(found, expected):
    found, expected = content(found), content(expected)
    assert found.keys() == expected.keys()
    for name in found:
        for one, other in zip(found[name], expected[name], strict=True):
            assert np.asarray(one).dtype == np.asarray(other).dtype, name
            np.testing.assert_array_equal(one, other, err_msg=name)


@every_case
def test_goes_on_to_the_same_bytes(case, path, small_chunks, monkeypatch):
    """Killed whenever it has written, so that it takes many calls, and goes on once from every file there is."""

    def write_once(*given):
        write_checkpoint(*given)
        raise Killed

    found, calls = None, 0
    with monkeypatch.context() as patched:
        patched.setattr(_checkpoint, "write_checkpoint", write_once)
        while found is None:
            assert [each.name for each in path.parent.iterdir()] == [path.name] * bool(calls)
            calls += 1
            assert calls < 50
            with contextlib.suppress(Killed):
                found = train(case, checkpoint=sk.Checkpoint(path, 1e-9))
    assert_same(found, whole(case))
    assert not path.exists()
    assert calls > 5


def test_cases_are_what_they_are_meant_to_be():
    stopped = whole("native").history.networks.W_h
    assert (stopped[-2] == stopped[-1]).all(axis=(1, 2)).any()
    assert not (stopped[-2] == stopped[-1]).all()
    assert (whole("diverging").status == sk.Status.DIVERGED).sum() == 4
    assert whole("bfgs").networks.W_h.dtype == np.float64
    assert whole("exact").history.terms is not None


def test_lanes_that_diverge_leave_at_steps_that_the_clock_has_no_part_in(monkeypatch):
    case = CASES["diverging"]
    goal = prepare(case["objective"], start(), sk.Delay(1), sk.SparseProcess(1, 0.5), key=KEY, threads=0).goal
    found = {}
    for chunk in (1, 5, 1000):
        monkeypatch.setattr(_descent, "Pace", lambda chunk=chunk: Small(chunk))
        lanes = to_lanes(start(), (COUNT,), np.float32)
        training = _descent.Descent(goal, lanes, optimizer=case["optimizer"], steps=STEPS, engine=sk.Batched())
        for stop in (15, 31, 40):
            while training.step < stop:
                training.advance(stop)
            found.setdefault(stop, []).append(training.snapshot())
    for first, *others in found.values():
        for other in others:
            assert first.keys() == other.keys()
            assert all(np.array_equal(first[name], other[name], equal_nan=True) for name in first)
    assert [len(each[0]["where"]) for each in found.values()] == [6, 3, 3]
    assert [each[0]["alive"].sum() for each in found.values()] == [3, 2, 2]


@pytest.mark.parametrize("engine", [sk.Automatic(), sk.Batched()])
def test_when_all_have_diverged_does_not_depend_on_the_clock(engine, monkeypatch):
    steps = []
    for chunk in (1, 1000):
        for module in (_descent, _native):
            monkeypatch.setattr(module, "Pace", lambda chunk=chunk: Small(chunk))
        steps.append(train(optimizer=sk.Adam(1e25, "constant"), stopping=sk.NoStopping(), engine=engine).steps)
    assert steps == [15, 15]


def test_ctrl_c_at_every_line(path, small_chunks):
    line = 0
    modules = (_fit, _log, _native, _descent, _checkpoint)
    while ctrl_c_at(line := line + 271, modules, lambda: train(checkpoint=sk.Checkpoint(path, 1e-9))).reached:
        assert_same(train(checkpoint=sk.Checkpoint(path, 1e-9)), whole("native"))
        assert not list(path.parent.iterdir())
    assert line > 1000


@dataclasses.dataclass(frozen=True)
class Interrupting(sk.StopWhenSettled):
    """Ctrl-C when it is asked, as often as `LEFT` says."""

    def should_stop(self, step, loss):
        if LEFT:
            LEFT.pop()
            raise KeyboardInterrupt
        return super().should_stop(step, loss)


LEFT = []


def test_ctrl_c_between_an_evaluation_and_what_follows_from_it(path):
    given = {"stopping": Interrupting(over=10, fall=0.3, check_every=10), "record": sk.Every(10)}
    for _ in range(3):
        LEFT.append(True)
        assert train(checkpoint=sk.Checkpoint(path), **given).interrupted
        assert path.exists()
    assert_same(train(checkpoint=sk.Checkpoint(path), **given), train(**given))


@pytest.mark.parametrize("case", ["native", "batched", "bfgs"])
def test_ctrl_c_writes_what_there_is(case, path):
    kept = sk.Checkpoint(path, 1e9)
    found = train(case, checkpoint=kept, progress=Killer(2, by=KeyboardInterrupt))
    assert found.interrupted
    assert found.steps < whole(case).steps
    assert path.exists()
    seen = []
    progress = types.SimpleNamespace(
        start=lambda *_: None, close=lambda: None, advance=lambda n, note="": seen.append(n)
    )
    assert_same(train(case, checkpoint=kept, progress=progress), whole(case))
    assert seen[0] >= (found.steps if case != "bfgs" else 1)
    assert not path.exists()


def test_without_one_nothing_is_written(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    assert train(progress=Killer(2, by=KeyboardInterrupt)).interrupted
    assert not list(path.parent.iterdir())


PROGRAM = """
import os, signal, sys
import spiralsink as sk
from cases.checkpoints import train

writes, real = [], os.replace

def replace(source, target):
    writes.extend([target] if str(target) == sys.argv[1] else [])
    if len(writes) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)

os.replace = replace
train(checkpoint=sk.Checkpoint(sys.argv[1], 1e-9))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL")
def test_killed_while_it_writes(path):
    """Another process, the third file of which is complete but not yet in its place."""
    environment = os.environ | {"PYTHONPATH": os.path.dirname(os.path.dirname(__file__))}
    given = [sys.executable, "-c", PROGRAM, str(path)]
    ended = subprocess.run(given, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    (leftover,) = [each for each in path.parent.iterdir() if each != path]
    # another program may be writing it, until that is long ago
    assert_same(train(checkpoint=sk.Checkpoint(path)), whole("native"))
    assert list(path.parent.iterdir()) == [leftover]
    os.utime(leftover, (1e9, 1e9))
    train(checkpoint=sk.Checkpoint(path))
    assert not list(path.parent.iterdir())


def keep(path, **changes):
    with pytest.raises(Killed):
        train(checkpoint=sk.Checkpoint(path, 1e-9), progress=Killer(3), **changes)


OTHERS = {
    "networks": start()[::-1],
    "task": sk.Delay(2),
    "process": sk.SparseProcess(1, 0.25),
    "key": jax.random.key(4),
    "steps": STEPS + 1,
    "objective": sk.SampledLoss(8, 6, n_evaluation=301),
    "optimizer": sk.Adam(0.02),
    "record": sk.Every(14),
    "stopping": sk.NoStopping(),
    "engine": sk.Batched(),
}


def test_a_file_of_another_training(path, small_chunks):
    keep(path)
    before = path.read_bytes()
    for name, value in OTHERS.items():
        with pytest.raises(
            sk.InvalidInput, match=r"^checkpoint must be a file of this very training, got .* another"
        ) as caught:
            train(checkpoint=sk.Checkpoint(path), **{name: value})
        assert "\n" not in str(caught.value)
        assert "delete it to begin anew, or name another path" in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.skipif(_compiler.find_compiler() is None, reason="there is no C++ compiler")
def test_the_number_of_threads_may_be_another(path, small_chunks):
    keep(path, engine=sk.Native(2))
    found = train(checkpoint=sk.Checkpoint(path), engine=sk.Native(1))
    assert_same(dataclasses.replace(found, engine=whole("native").engine), whole("native"))
    assert not path.exists()


def test_a_damaged_file_is_one_line(path, small_chunks):
    keep(path)
    content = bytearray(path.read_bytes())
    content[-5] ^= 16
    path.write_bytes(content)
    with pytest.raises(sk.InvalidInput, match=r"^checkpoint must be a whole file, got .* which is damaged .delete it"):
        train(checkpoint=sk.Checkpoint(path))


def test_a_write_that_fails(path, monkeypatch, small_chunks):
    keep(path)
    before = path.read_bytes()

    def full(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("spiralsink._atomic.os.replace", full)
    with pytest.raises(sk.InvalidInput, match=r"must be a file that can be written, got no space left on device$"):
        train(checkpoint=sk.Checkpoint(path, 1e-9))
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("damage", ["a damaged file", "another training", "no folder", "a full disk"])
def test_best_effort_trains_whatever_the_file_is(damage, path, monkeypatch, small_chunks):
    keep(path)
    kept = sk.Checkpoint(path, 1e-9, best_effort=True)
    if damage == "a damaged file":
        path.write_bytes(path.read_bytes()[:-3])
    if damage == "another training":
        path.unlink()
        keep(path, steps=STEPS + 1)
    if damage == "no folder":
        kept = sk.Checkpoint(path.parent / "none" / "file", 1e-9, best_effort=True)
    if damage == "a full disk":
        path.unlink()
        monkeypatch.setattr(
            "spiralsink._atomic.os.replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, ""))
        )
    assert_same(train(checkpoint=kept), whole("native"))


def test_least_seconds_between_two_writes(path, monkeypatch, small_chunks):
    """The clock goes on by one with every chunk."""
    now, written = [0.0], []
    monkeypatch.setattr(_checkpoint, "time", types.SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(_checkpoint, "write_checkpoint", lambda *_: written.append(now[0]))

    class Clock(sk.NoProgress):
        def advance(self, amount, note=""):
            now[0] += bool(amount)

    train(checkpoint=sk.Checkpoint(path, 3), progress=Clock(), stopping=sk.NoStopping())
    assert now[0] == 12  # four parts of 15 steps, in chunks of 7, 7 and 1
    assert written == [3, 6, 9, 12]
