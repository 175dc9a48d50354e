"""Lanes over several devices: four made of one CPU, in a process of their own."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import spiralsink as sk
from spiralsink.training import Batched, Unrolled
from spiralsink.training._devices import filled_up, per_lane
from spiralsink.training._goals import prepare

COUNT = 6  # not divisible by four devices


def trained(engine, *, p, batches):
    draw = np.random.default_rng(0).normal
    networks = sk.RecurrentNetwork(*(0.5 * draw(size=(COUNT, 2, n)) for n in (1, 2, 1)), recurrence="relu")
    objective = sk.SampledLoss(batch_size=8, horizon=6, n_evaluation=300, batches=batches)
    how = {"key": jax.random.key(1), "steps": 12, "objective": objective, "engine": engine, "record": sk.Every(0)}
    return sk.fit(networks, sk.Delay(1), sk.SparseProcess(p=p), **how)


SETTINGS = {
    "batched": {"engine": Batched(), "p": 0.4, "batches": "own"},
    "unrolled": {"engine": Unrolled(), "p": np.linspace(0.2, 0.6, COUNT)[:, None], "batches": "shared"},
}
PROGRAM = """
import sys
import jax, numpy as np
from test_devices import COUNT, SETTINGS, trained
from spiralsink.training import _descent

seen = []
advance = _descent.Descent.advance

def watched(self, until):
    advance(self, until)
    leaf = self._now.state.trained.W_h
    shapes = {shard.data.shape for shard in leaf.addressable_shards}
    seen.append((len(jax.devices()), len(leaf.sharding.device_set), leaf.shape, shapes))

_descent.Descent.advance = watched
found = {}
for name, setting in SETTINGS.items():
    result = trained(**setting)
    found |= {f"{name} {each}": getattr(result.networks, each) for each in ("W_x", "W_h", "W_y")}
    found[f"{name} loss"] = result.loss
assert seen and set(map(str, seen)) == {str((4, 4, (8, 2, 2), {(2, 2, 2)}))}, seen
np.savez(sys.argv[1], **found)
"""


@pytest.mark.slow
def test_four_devices_share_the_lanes_and_find_what_one_finds(tmp_path):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    environment = os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": os.path.dirname(__file__)}
    given = [sys.executable, "-c", PROGRAM, str(tmp_path / "found.npz")]
    ended = subprocess.run(given, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = np.load(tmp_path / "found.npz")
    for name, setting in SETTINGS.items():
        here = trained(**setting)
        for each in ("W_x", "W_h", "W_y"):
            np.testing.assert_allclose(found[f"{name} {each}"], getattr(here.networks, each), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(found[f"{name} loss"], here.loss, rtol=1e-5)


def test_lanes_fill_up_the_devices():
    assert filled_up(np.array([3, 5]), 1).tolist() == [3, 5]
    assert filled_up(np.array([3, 5]), 4).tolist() == [3, 5, 5, 5]
    assert filled_up(np.arange(4), 4).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(("p", "stacked"), [(0.3, 0), (np.full((COUNT, 1), 0.3), 3)])
def test_what_differs_between_lanes_is_laid_over_the_devices(p, stacked):
    shapes = ((COUNT, 2, 1), (COUNT, 2, 2), (COUNT, 2, 1))
    networks = sk.RecurrentNetwork(*map(np.ones, shapes))
    given = (sk.Penalised(sk.SampledLoss(batch_size=COUNT, horizon=COUNT)), networks, sk.Delay(1))
    goal = prepare(*given, sk.SparseProcess(p=p), key=jax.random.key(0), threads=0).goal
    # keys and words in any case; p, threshold and scale of a process for each lane
    assert sum(jax.tree.leaves(per_lane(goal, COUNT))) == 2 + stacked
