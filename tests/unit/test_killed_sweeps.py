"""Sweeps that are killed by the system, as users start them; `tools/kill_sweep.py --kills 30` is the long form."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "kill_sweep.py"


@pytest.mark.skipif(sys.platform != "linux", reason="it looks for workers in /proc")
def test_five_kills_lose_and_change_nothing():
    run = subprocess.run([sys.executable, TOOL, "--kills", "5"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    lines = run.stdout.splitlines()
    assert lines[-1] == "nothing was lost, doubled or changed"
    assert len([line for line in lines if line.startswith("kill ")]) == 5
