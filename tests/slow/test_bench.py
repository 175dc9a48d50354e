"""`spiralsink bench --quick` runs and says what it must; what is timed trains alike. No time is judged."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from spiralsink.bench import Case, quick_plan
from spiralsink.bench._implementations import ENGINES, IMPLEMENTATIONS, OURS, make_trainer

pytestmark = pytest.mark.slow

CASE = Case(n_hidden=2, stack=32)
STEPS = 300
FIELDS = {"case", "implementation", "threads", "us_per_step_per_network", "gflops", "compile_seconds"}


def test_the_quick_run(tmp_path):
    command = [sys.executable, "-m", "spiralsink", "bench", "--quick", "--json", "--out", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(ended.stdout)
    assert found == json.loads((tmp_path / "bench.json").read_text())
    names = {case.name for case in quick_plan().cases}
    tried = [*found["rows"], *found["missing"]]
    at_one_thread = {(row["case"], row["implementation"]) for row in tried if row["threads"] == 1}
    assert at_one_thread == {(case, name) for case in names for name in IMPLEMENTATIONS if name not in ENGINES}
    assert {row["case"] for row in found["rows"] if row["implementation"] == OURS} == names
    for row in found["rows"]:
        assert set(row) >= FIELDS
        assert row["us_per_step_per_network"] > 0
        assert row["gflops"] == pytest.approx(row["operations"] / row["us_per_step_per_network"] / 1e3)
        assert (row["compile_seconds"] is None) == row["implementation"].startswith("torch")
    assert min(found["peak_gflops"], found["copy_gbs"]) > 0
    assert min(found["ratios"][name] for name in ("torch_loop", "torch_stacked", "vmap")) > 0


def test_all_implementations_train_alike():
    """Means over networks of the loss after some hundred steps agree within four standard errors of each other.

    Not that of `torch.nn.RNN`, whose readout sees other states: it must learn as well.
    """
    with jax.numpy_dtype_promotion("standard"):  # optax mixes dtypes
        losses = {name: make_trainer(name, CASE, 1).train(STEPS) for name in IMPLEMENTATIONS}
    ours = losses.pop(OURS)
    silent = 0.5 / 3 * 16 / 20  # p E[U^2] at the steps that have a target
    assert ours.shape == (CASE.stack,)
    assert ours.mean() < 0.9 * silent
    assert losses.pop("torch_loop").mean() < 0.9 * silent
    for name, found in losses.items():
        # all start from the same weights: what differs is the sequences
        error = np.std(found - ours) / np.sqrt(CASE.stack)
        assert abs(found.mean() - ours.mean()) < 4 * error + 1e-5, name
