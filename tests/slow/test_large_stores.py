"""A store of a hundred thousand networks: opened, reduced and written for other tools in bounded memory."""

import json
import subprocess
import sys

import pytest

from cases.stores import large_store

PROGRAM = """
import json, re, sys, time
import h5netcdf, pyarrow.parquet, xarray, zarr
import spiralsink as sk
from spiralsink.data import export_store

def peak():
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])

store, out = sys.argv[1:]
before = peak()
began = time.process_time()
dataset = sk.open_store(store, lazy_above=0 if out == "." else 2**27)
spent = time.process_time() - began
if out == ".":
    float(dataset["history_loss"].isel(record=-1).mean())
else:
    export_store(store, out)
found = {"took": peak() - before, "seconds": spent, "size": dataset.nbytes, "count": dataset.sizes["network"]}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return large_store(tmp_path_factory.mktemp("stores") / "store", n_blocks=400, n_networks=256, lags=192, records=81)


def measured(store, out="."):
    given = [sys.executable, "-c", PROGRAM, str(store), str(out)]
    ended = subprocess.run(given, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.slow
def test_opening_and_reducing(store):
    found = measured(store)
    assert found["count"] == 102_400
    assert found["size"] > 450e6
    assert found["took"] < 100e6, found
    assert found["seconds"] < 3, found


# the arrays that are read before it is known that they are too many, pieces, and what the libraries copy of them
@pytest.mark.slow
@pytest.mark.parametrize("ending", ["nc", "zarr", "parquet"])
def test_writing_for_other_tools(store, tmp_path, ending):
    found = measured(store, tmp_path / f"out.{ending}")
    assert found["took"] < 400e6, found
    assert found["took"] < 0.85 * found["size"], found
