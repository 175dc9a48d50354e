"""The machine and the versions that numbers were computed with."""

import contextlib
import functools
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
    return {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "system": system,
        "python": platform.python_version(),
        **versions,
    }


def cache_folder() -> Path:
    """Where compiled code is kept: `SPIRALSINK_CACHE`, or `spiralsink` in the user's cache folder."""
    if named := os.environ.get("SPIRALSINK_CACHE"):
        return Path(named).expanduser()
    usual = "~/Library/Caches" if platform.system() == "Darwin" else os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    with contextlib.suppress(RuntimeError):  # this user has no home
        return Path(usual).expanduser() / "spiralsink"
    return _shared_folder()


def own_folder(name: str) -> Path | None:
    """A folder for compiled code which nobody else can write: in the cache folder, or in the temporary one.

    The temporary folder is shared: whoever knew the name could have made it before and put code there. So the folder
    there and the one in it must be this user's, no links, and closed to others. None where there is no such folder.
    """
    shared = _shared_folder()
    usual = cache_folder()
    if usual != shared:
        with contextlib.suppress(OSError):
            (usual / name).mkdir(parents=True, exist_ok=True, mode=0o700)
            if _is_own(usual / name):
                (usual / name).chmod(0o700)
                return usual / name
    with contextlib.suppress(OSError):
        for folder in (shared, shared / name):
            folder.mkdir(exist_ok=True, mode=0o700)
            if folder.is_symlink() or not _is_own(folder) or _others_write(folder):
                return None
        return shared / name
    return None


def _shared_folder() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"spiralsink-{user}"


def _is_own(folder: Path) -> bool:
    mine = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
    return mine and folder.is_dir() and os.access(folder, os.W_OK)


def _others_write(folder: Path) -> bool:
    return hasattr(os, "getuid") and bool(folder.stat().st_mode & 0o022)


def usable_cores() -> int:
    """Number of cores that this process may use; at most `SPIRALSINK_THREADS`, where that is set."""
    usable = getattr(os, "sched_getaffinity", None)
    cores = len(usable(0)) if usable else os.cpu_count() or 1
    asked = os.environ.get("SPIRALSINK_THREADS", "")
    if not asked:
        return cores
    if not asked.isdecimal() or int(asked) < 1:
        from ._errors import InvalidInput  # with NumPy, which this module is too light for

        raise InvalidInput("SPIRALSINK_THREADS", asked, "a whole number >= 1, or not set")
    return min(cores, int(asked))


def total_bytes() -> int:
    """Physical memory of the machine."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # no such name here
        return 8 << 30


@functools.cache
def cpu_model() -> str:
    """The name of the processor, as the system has it."""
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
