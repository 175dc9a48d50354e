import subprocess
import sys
from pathlib import Path

import pytest

import spiralsink as sk
from spiralsink import specs
from spiralsink.data import open_store
from spiralsink.sweeps import make_plan

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_a_spec_with_its_own_command_in_it(path):
    assert make_plan(specs.read(path)).n_networks > 0
    assert f"# {' ':4}spiralsink" in path.read_text()
    assert f"examples/{path.name}" in path.read_text()


def test_the_sweep_has_blocks_for_many_workers_and_no_idle_lanes():
    (path,) = [path for path in EXAMPLES if path.name == "sweep.toml"]
    plan = make_plan(specs.read(path))
    assert len(plan.blocks) >= 12
    assert all(len(block.seeds) == block.n_lanes for block in plan.blocks)
    for block in plan.blocks:
        assert block.spec.training.objective["horizon"] == 3 * block.spec.task["delay"] + 6


@pytest.mark.slow
def test_the_training_example_trains(tmp_path):
    (path,) = [path for path in EXAMPLES if path.name == "train.toml"]
    command = [sys.executable, "-m", "spiralsink", "train", str(path), "--out", str(tmp_path / "store")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    dataset = open_store(tmp_path / "store")
    assert (dataset["status"].values == "converged").mean() > 0.9
    # a ReLU readout can do what a linear one does, so the exact optimum of the latter is in reach
    linear = sk.optimum(sk.Delay(4), sk.SparseProcess(p=0.5), readout="linear", horizon=18)
    assert float(dataset["loss"].min()) / 0.5 < 1.02 * linear.loss_per_p
