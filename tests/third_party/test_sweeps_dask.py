"""Blocks on a Dask cluster whose workers die."""

import os
import signal
import sys

import pytest
from distributed import Client, LocalCluster

import spiralsink as sk
from spiralsink import specs
from spiralsink.sweeps import Dask, run

TEXT = """
format = 1
[task]
kind = "delay"
delay = 1
[process]
kind = "sparse"
p = 0.5
[network]
readout = "relu"
tied = true
[training]
objective = { kind = "sampled", batch_size = 8, horizon = 4, n_evaluation = 32 }
steps = 2000
n_seeds = 10
record_every = 500
[sweep]
block_size = 2
[[sweep.axes]]
field = "process.p"
values = [0.5, 0.25]
"""


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
    settings = {"n_workers": 2, "threads_per_worker": 1, "memory_limit": None, "dashboard_address": None}
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
