"""Where workers run, with how many threads, and what they and the program that started them say to each other."""

import io
import os
import subprocess

import numpy as np
import pytest

import spiralsink as sk
from spiralsink import _pinned
from spiralsink._machine import usable_cores
from spiralsink.sweeps._local import visible_gpus, worker_places
from spiralsink.sweeps._messages import Failed, Message, Moved, Ready, Trained, receive, send


def test_messages_arrive_whole_or_not_at_all():
    stream = io.BytesIO()
    sent = [Ready(), Moved(0.25), Failed("why", ("p", "2", "in (0, 1]", "")), Failed("no")]
    sent.append(Trained(b"\0content", {"seconds": 0.5}, np.ones(2).tobytes(), np.zeros(2, np.int8).tobytes()))
    for message in sent:
        send(stream, message)
    stream.seek(0)
    assert [receive(stream, Message) for _ in sent] == sent
    assert receive(stream, Message) is None
    assert str(sent[2].error) == "p must be in (0, 1], got 2"
    cut = io.BytesIO(stream.getvalue()[:-1])
    assert [receive(cut, Message) for _ in sent][-1] is None


def test_places_are_cores_in_turn_or_devices(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 1}, raising=False)
    assert [place.cores for place in worker_places(3)] == [(1,), (3,), (1,)]
    assert len(worker_places()) == 2
    assert visible_gpus() == []
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "jax_cuda12_plugin" or None)
    monkeypatch.setenv("JAX_PLATFORMS", "")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,0")
    assert [place.variables["CUDA_VISIBLE_DEVICES"] for place in worker_places(3)] == ["2", "0", "2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert visible_gpus() == []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    assert visible_gpus(tmp_path) == ["0", "1"]
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert visible_gpus(tmp_path) == []


def test_a_pinned_process_has_the_cores_and_threads_that_it_was_given(tmp_path):
    core = min(os.sched_getaffinity(0))
    code = "import os, sys; print(sorted(os.sched_getaffinity(0)), os.environ['SPIRALSINK_THREADS'], sys.argv[1:])"
    (tmp_path / "shown.py").write_text(code)
    command = _pinned.pinned_command("shown", "x", cores=[core])
    given = os.environ | _pinned.thread_variables(1) | {"PYTHONPATH": str(tmp_path)}
    shown = subprocess.run(command, env=given, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == f"[{core}] 1 ['x']"
    assert _pinned.pinned_command("shown")[-2:] == ["any", "shown"]


def test_threads_can_be_kept_few(monkeypatch):
    monkeypatch.setenv("SPIRALSINK_THREADS", "1")
    assert usable_cores() == 1
    monkeypatch.setenv("SPIRALSINK_THREADS", "100000")
    assert usable_cores() == len(os.sched_getaffinity(0))
    for wrong in ("many", "0", "-1"):
        monkeypatch.setenv("SPIRALSINK_THREADS", wrong)
        with pytest.raises(sk.InvalidInput, match=r"^SPIRALSINK_THREADS must be a whole number >= 1, or not set, got"):
            usable_cores()
