"""Blocks on a Dask cluster whose workers die."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

import spiralsink as sk
from cases.specs import PLAN, changed
from spiralsink import specs
from spiralsink.sweeps import Dask, run

TEXT = changed(
    PLAN, ("steps = 40", "steps = 2000"), ("n_seeds = 3", "n_seeds = 10"), ("record_every = 20", "record_every = 500")
)


def blocks(place):
    return {path.name: path.read_bytes() for path in (place / "blocks").glob("*.safetensors")}


class Killing:
    """A progress meter that kills a worker when the first block is done, as the network or a batch system would."""

    def __init__(self, cluster):
        self.cluster, self.networks, self.killed = cluster, 0, []

    def start(self, description, total, unit="steps"):
        self.total = total

    def advance(self, amount, note=""):
        self.networks += amount
        if self.networks and not self.killed:
            with Client(self.cluster, set_as_default=False) as client:
                self.killed = list(client.run(os.getpid).values())[:1]
            os.kill(self.killed[0], signal.SIGKILL)

    def close(self):
        pass


def test_a_sweep_survives_a_worker_and_stores_the_bytes_of_every_other_executor(tmp_path):
    settings = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": None, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(silence_logs=50, **settings) as cluster:
        meter = Killing(cluster)
        executor = Dask(scheduler=cluster.scheduler_address)
        summary = run(specs.parse(TEXT), tmp_path / "dask", executor=executor, progress=meter)
    assert len(meter.killed) == 1
    assert (summary.done, summary.failed, meter.networks, meter.total) == (20, 0, 20, 20)
    assert run(specs.parse(TEXT), tmp_path / "here").done == 20
    assert blocks(tmp_path / "dask") == blocks(tmp_path / "here")


def test_a_scheduler_that_does_not_answer_is_one_line(tmp_path):
    executor = Dask(scheduler="tcp://127.0.0.1:1", timeout=0.5)
    with pytest.raises(sk.InvalidInput, match=r"^scheduler must be the address of a Dask scheduler") as caught:
        run(specs.parse(TEXT), tmp_path / "store", executor=executor)
    assert "\n" not in str(caught.value)
    with pytest.raises(sk.InvalidInput, match="workers must be left out, because the cluster has its own, got 2"):
        Dask(scheduler="tcp://127.0.0.1:1", workers=2)
    with pytest.raises(sk.InvalidInput, match="timeout must be a number of seconds > 0, got 0"):
        Dask(timeout=0.0)


def test_without_dask_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(sk.MissingExtra, match=r"pip install 'spiralsink\[cluster\]'"):
        run(specs.parse(TEXT), tmp_path / "store", executor=Dask())


@pytest.mark.slow
def test_workers_stop_training_when_the_sweep_is_interrupted(tmp_path):
    """A killed sweep cannot tell its workers; the scheduler notices that it has gone."""
    (tmp_path / "plan.toml").write_text(TEXT.replace("steps = 2000", "steps = 10000000"))
    settings = {"n_workers": 1, "threads_per_worker": 1, "memory_limit": None, "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(silence_logs=50, **settings) as cluster, Client(cluster, set_as_default=False) as client:
        (worker,) = client.run(os.getpid).values()
        options = ["--store", "store", "--executor", "dask", "--scheduler", cluster.scheduler_address]
        command = [sys.executable, "-m", "spiralsink", "sweep", "plan.toml", *options, "--checkpoint-every", "0.1"]
        for number, ended_by in enumerate((signal.SIGINT, signal.SIGKILL)):
            program = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
            wait_for(lambda: list((tmp_path / "store").glob("unfinished/*.safetensors")))
            assert len(children(worker)) == 1
            program.send_signal(ended_by)
            _, err = program.communicate(timeout=60)
            assert program.returncode == (130, -9)[number]
            assert len(err.splitlines()) == (1, 0)[number]
            wait_for(lambda: not children(worker))
            for checkpoint in (tmp_path / "store" / "unfinished").iterdir():
                checkpoint.unlink()


def children(process):
    """What any thread of a process has started."""
    listings = Path(f"/proc/{process}/task").glob("*/children")
    return [int(each) for listing in listings for each in listing.read_text().split()]


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
