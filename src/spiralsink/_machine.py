"""The machine and the versions that numbers were computed with."""

import contextlib
import importlib.metadata
import os
import platform
import subprocess
import tempfile
from pathlib import Path


def describe_machine() -> dict[str, str | int]:
    """CPU model, number of usable cores, operating system, and the versions of Python and of what computes."""
    versions = {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "numpy")}
    system = f"{platform.system()} {platform.machine()}"
    return {"cpu": _cpu(), "cores": usable_cores(), "system": system, "python": platform.python_version(), **versions}


def cache_folder() -> Path:
    """Where compiled code is kept: `SPIRALSINK_CACHE`, or `spiralsink` in the user's cache folder."""
    if named := os.environ.get("SPIRALSINK_CACHE"):
        return Path(named).expanduser()
    usual = "~/Library/Caches" if platform.system() == "Darwin" else os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    with contextlib.suppress(RuntimeError):  # this user has no home
        return Path(usual).expanduser() / "spiralsink"
    return Path(tempfile.gettempdir()) / "spiralsink"


def usable_cores() -> int:
    """Number of cores that this process may use."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def _cpu() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if platform.system() == "Darwin":
        asked = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0:
            return asked.stdout.strip()
    return platform.processor() or platform.machine()
