"""Networks that need a compiler: a torch module as it is, and 1000 units and 2000 steps in a minute and 2 GB."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from cases.inspected import sparse_inputs
from spiralsink.inspection import inspect_model
from spiralsink.interop import as_model

PROGRAM = """
import json, re, time
import jax, jax.numpy as jnp, numpy as np
from spiralsink.inspection import inspect_model
from spiralsink.models import JaxStep, LinearReadout, Model

n_hidden, n_features = 1000, 3
rng = np.random.default_rng(0)
weights = {
    "x": rng.normal(size=(3 * n_hidden, n_features)) / np.sqrt(n_features),
    "h": rng.normal(size=(3 * n_hidden, n_hidden)) / np.sqrt(n_hidden),
}

def step(weights, x, h):
    (r_x, z_x, n_x), (r_h, z_h, n_h) = jnp.split(weights["x"] @ x, 3), jnp.split(weights["h"] @ h, 3)
    r, z = jax.nn.sigmoid(r_x + r_h), jax.nn.sigmoid(z_x + z_h)
    return (1 - z) * jnp.tanh(n_x + r * n_h) + z * h

readout = LinearReadout(rng.normal(size=(n_hidden, 2)) / 30, np.zeros(2), np.zeros((2, n_features)), "relu")
model = Model("GRU", n_features, n_hidden, JaxStep(step, weights), readout, np.zeros(n_hidden))
inputs = rng.uniform(size=(1, 2000, n_features)) * (rng.uniform(size=(1, 2000, n_features)) < 0.5)
start = time.perf_counter()
found = inspect_model(model, inputs, n_lags=20, delay=4)
seconds = time.perf_counter() - start
# not ru_maxrss, which a process inherits from the one that started it
peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
print(json.dumps({"seconds": seconds, "bytes": peak, "status": found.status, "readable": found.n_readable}))
"""


@pytest.mark.slow
def test_a_thousand_units_take_a_minute_and_two_gigabytes():
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    print(found)
    null = {name for name, word in found["status"].items() if word == "null"}
    assert null == {"algebraic", "capacity", "target_r2"}
    assert found["readable"] > 0
    assert found["bytes"] < 2e9
    assert found["seconds"] < 60


@pytest.mark.slow
def test_a_state_space_layer_of_ordinary_size_is_inspected():
    """S4D of 80 channels with 32 states each is 5120 numbers of state: what is not decomposed is measured."""
    rng, channels, states = np.random.default_rng(0), 80, 32
    layer = {
        "log_dt": rng.uniform(np.log(1e-3), np.log(1e-1), size=channels),
        "log_A_real": np.full((channels, states), np.log(0.5)),
        "A_imag": np.tile(np.pi * np.arange(states), (channels, 1)),
        "C": rng.normal(size=(channels, states, 2)),
        "D": rng.normal(size=channels),
    }
    start = time.perf_counter()
    found = inspect_model(as_model(layer), sparse_inputs(8, 200, channels), n_lags=10)
    assert time.perf_counter() - start < 60
    assert found.n_hidden == 5120
    assert found.status["directions"] == found.status["additivity"] == "measured"
    assert found.spectrum.radius == pytest.approx(np.exp(-0.5 * np.exp(layer["log_dt"].min())))
    for part in ("memory", "participation_ratio", "capacity"):
        assert "5120 numbers of state are too many" in found.reasons[part]


@pytest.mark.slow
def test_a_torch_module_is_inspected_as_it_is():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    found = inspect_model(torch.nn.GRU(2, 8, batch_first=True), torch.tensor(sparse_inputs()), n_lags=6)
    assert repr(found).startswith("Inspection: torch GRU, agrees with")
    assert found.agreement < 1e-5
    assert found.memory.r2[0].min() > 0.9
