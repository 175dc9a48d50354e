"""Peaks of memory, each measured in a process of its own, against what the models and the laws of growth say."""

import functools
import json
import subprocess
import sys

import pytest

import spiralsink as sk

PRELUDE = """
import json, re, sys
import jax, jax.numpy as jnp, numpy as np
import spiralsink as sk
from spiralsink.training import Adam, Batched, SampledLoss, Unrolled, _memory
from spiralsink.training._descent import Descent
from spiralsink.training._goals import prepare
from spiralsink.training._kernel import load_kernel
from spiralsink.training._lanes import to_lanes
from spiralsink.training._native import NativeDescent

def peak():
    # not ru_maxrss, which a process inherits from the one that started it
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])

def report(**found):
    print(json.dumps(found))

task = sk.Delay(4)
"""
TRAINING = """
engine, recurrence = sys.argv[1:3]
lanes, batch_size, horizon, n_features, n_hidden = map(int, sys.argv[3:])
process = sk.SparseProcess(n_features, 0.3)

def step(horizon, count):
    kinds = {"recurrence": recurrence, "readout": "relu", "scheme": sk.Orthogonal(0.9)}
    networks = sk.RecurrentNetwork.init(jax.random.key(0), n_features, n_hidden, stack=count, **kinds)
    objective = SampledLoss(batch_size=batch_size, horizon=horizon)
    goal = prepare(objective, networks, task, process, key=jax.random.key(1), threads=0).goal
    given = (goal, to_lanes(networks, networks.stack, jnp.float32))
    how = {"optimizer": Adam(), "steps": 9}
    if engine == "native":
        training = NativeDescent(*given, **how, threads=2)
    else:
        training = Descent(*given, **how, engine=Unrolled() if engine == "unrolled" else Batched())
    training.advance(1)
    assert not training.diverged.any()
    assert np.isfinite(training.lanes.W_h).all()
    return given[1]

step(8, 1)
before = peak()
networks = step(horizon, lanes)
took = peak() - before
model = lanes * _memory.weights_bytes(networks)
if engine == "native":
    sizes = {"deepest_tap": 4, "deepest_tie": 0, "threads": 2}
    model += _memory.native_bytes(load_kernel(networks), horizon=horizon, **sizes)
elif engine == "unrolled":
    model += _memory.unrolled_bytes(networks, horizon=horizon)
else:
    model += lanes * _memory.lane_bytes(networks, batch_size=batch_size, horizon=horizon)
report(took=took, model=model)
"""
LONG = """
what = sys.argv[1]
process = sk.SparseProcess(1, 0.3)
W_h = 0.999 * np.linalg.qr(np.random.default_rng(0).normal(size=(256, 256)))[0]
W_x = np.random.default_rng(1).normal(size=(256, 1)) / 16
network = sk.RecurrentNetwork(W_x, W_h, 0.05 * W_x)

def compute(horizon):
    if what == "expected":
        return sk.expected_loss(network, task, process, horizon=horizon).total
    if what == "projections":
        return float(np.abs(sk.projections(network, horizon)).sum())
    if what == "directions":
        return float(np.abs(sk.feature_directions(network, horizon)).sum())
    if what == "sampled":
        return sk.sampled_loss(network, task, process, key=jax.random.key(0), n_sequences=256, horizon=horizon).mean
    objective = SampledLoss(batch_size=32, horizon=horizon, n_evaluation=2)
    how = {"steps": 1, "objective": objective, "optimizer": Adam(1e-6), "record": sk.Every(0), "engine": Batched()}
    return sk.fit(network, task, process, key=jax.random.key(0), **how).loss

compute(600)
before = peak()
value = compute(100_000)
report(value=value, took=peak() - before)
"""


@functools.cache
def measured(program, *arguments):
    given = [sys.executable, "-c", PRELUDE + program, *map(str, arguments)]
    ended = subprocess.run(given, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


# large enough for what a compilation takes not to count
SIZES = {
    "all steps": ("batched", "relu", 64, 256, 300, 1, 16),
    "pieces": ("batched", "relu", 6, 512, 20_000, 1, 16),
    "powers": ("batched", "linear", 4, 256, 40_000, 1, 100),
    "native, long": ("native", "relu", 8, 16, 60_000, 1, 64),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_the_model_of_a_training_is_what_it_takes(name):
    found = measured(TRAINING, *SIZES[name])
    assert found["model"] > 3e8
    assert 1 / 1.5 < found["took"] / found["model"] < 1.5, found


# horizon x N_h^2 would be 26 GB in float32, horizon x N_h for 32 sequences 3.3 GB
@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "most"),
    [("expected", 2.5e8), ("projections", 1.5e8), ("directions", 7e8), ("sampled", 1.1e9), ("training", 1.1e9)],
)
def test_a_hundred_thousand_steps_of_256_units(what, most):
    found = measured(LONG, what)
    assert found["took"] < most, found


@pytest.mark.slow
def test_the_hundred_thousand_steps_agree():
    expected, sampled, trained = (measured(LONG, what)["value"] for what in ("expected", "sampled", "training"))
    assert sampled == pytest.approx(expected, rel=0.02)
    assert trained == pytest.approx(expected, rel=0.1)  # two sequences, after a step of 1e-6


@pytest.mark.slow
def test_a_relu_readout_at_a_horizon_beyond_its_memory():
    weights = ([[1.0], [0.3]], [[0.6, 0.3], [-0.3, 0.6]], [[0.2], [-0.5]])
    network, process = sk.RecurrentNetwork(*weights, readout="relu"), sk.SparseProcess(p=0.3)
    last, before, long = (
        sk.expected_loss(network, sk.Delay(2), process, horizon=horizon) for horizon in (96, 95, 100_000)
    )
    # by step 96 nothing is left of the first input
    settled = 96 * last.total - 95 * before.total
    assert long.status == sk.Status.CONVERGED
    assert long.total == pytest.approx((96 * last.total + (100_000 - 96) * settled) / 100_000, rel=1e-7)
    slow = sk.RecurrentNetwork([[1.0]], [[0.99999]], [[0.2]], readout="relu")
    assert sk.expected_loss(slow, sk.Delay(2), process, horizon=10_000).status == sk.Status.INACCURATE
