import os
import signal
from pathlib import Path

import hypothesis
import jax
import pytest

hypothesis.settings.register_profile("local", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")

# background jobs of scripts ignore Ctrl-C, and what they start inherits that: tests that send it would wait for ever
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What one process compiled, however small, the others read, commands that tests start included; JAX names entries by
# program, versions and instruction set. An entry that another process is writing, or did not finish, is compiled again,
# with a warning.
BROKEN_ENTRIES = [f"ignore:Error {verb} persistent compilation cache" for verb in ("reading", "writing")]
CACHE = {
    "jax_compilation_cache_dir": str(Path(__file__).parents[1] / ".cache/jax"),
    "jax_persistent_cache_min_compile_time_secs": 0.0,
}
for name, value in CACHE.items():
    if os.environ.setdefault(name.upper(), str(value)) == str(value):
        jax.config.update(name, value)
os.environ.setdefault("PYTHONWARNINGS", ",".join(BROKEN_ENTRIES))


def pytest_configure(config: pytest.Config) -> None:
    for each in BROKEN_ENTRIES:
        config.addinivalue_line("filterwarnings", each)


# Files go to the worker that is free first, in the order of the tests, with --no-loadscope-reorder: a long file that
# holds a single test would otherwise begin last, and one core would wait for it.
LONGEST = ("test_killed_sweeps.py", "test_wheel.py", "test_sweeps_dask.py", "test_relu_values.py")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


pytest.register_assert_rewrite("cases")

# in tests every mixture of dtypes must be meant; ranks may differ, because arrays broadcast over stacks
jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture
def key() -> jax.Array:
    return jax.random.key(0)
