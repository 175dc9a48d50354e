"""Builds the native kernel for one shape and keeps it: a C++ compiler at hand, a folder of shared libraries."""

import contextlib
import functools
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .._errors import SpiralsinkError
from .._machine import cache_folder, own_folder

_SOURCES = Path(__file__).with_name("native")
_FLAGS = (
    *("-std=c++17", "-O3", "-march=native", "-shared", "-fPIC", "-ffp-contract=fast"),
    # infinities and NaN keep their meaning, because they say that a network diverged
    *("-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros"),
)
_NAMES = ("c++", "g++", "clang++")
_MOST_KEPT = 256  # libraries, of some 50 kB
_DAY = 86_400 * 10**9


class NoKernel(SpiralsinkError):
    """The native kernel cannot be built here; the text says why."""


def find_compiler() -> list[str] | None:
    """The command of a C++ compiler: `CXX`, one on the path, or that of the package `ziglang`; None without one."""
    named = []
    with contextlib.suppress(ValueError):  # a quote that is not closed
        named = shlex.split(os.environ.get("CXX", ""))
    if named and shutil.which(named[0]):
        return named
    for name in _NAMES:
        if path := shutil.which(name):
            return [path]
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "c++"]
    return None


def build(macros: dict[str, int]) -> Path:
    """The shared library of the kernel for these macros, compiled unless it is there already.

    Raises:
        NoKernel: If there is no compiler, it fails, or there is no place for what it makes.
    """
    command = find_compiler()
    if command is None:
        raise NoKernel("no C++ compiler was found (set CXX, or install the package ziglang)")
    defined = [f"-D{name}={value}" for name, value in macros.items()]
    identity = [*_texts(), *command, _version(tuple(command)), *_FLAGS, *defined, _processor()]
    name = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:24]
    folder = own_folder("kernels")
    if folder is None:
        raise NoKernel(f"no folder for compiled code: {cache_folder()} cannot be written (set SPIRALSINK_CACHE)")
    try:
        return _kept(folder, name) or _compiled([*command, *_FLAGS, *defined], folder, name)
    except OSError as error:
        raise NoKernel(f"no place for compiled code: {error}") from error


def _kept(folder: Path, name: str) -> Path | None:
    """The library of that name, if every byte is what was compiled; one cut short would end the process when used."""
    for library in folder.glob(f"{name}-*.so"):
        if library.is_file() and library.name == _named(name, library.read_bytes()):
            _remember_use(library)
            return library
        with contextlib.suppress(OSError):
            library.unlink()
    return None


def _named(name: str, content: bytes) -> str:
    return f"{name}-{hashlib.sha256(content).hexdigest()[:24]}.so"


def _compiled(command: list[str], folder: Path, name: str) -> Path:
    handle, path = tempfile.mkstemp(dir=folder, prefix=f"{name}.", suffix=".unfinished")
    os.close(handle)
    unfinished = Path(path)
    try:
        _run([*command, str(_SOURCES / "kernel.cpp"), "-o", path])
        with unfinished.open("r+b") as written:
            library = folder / _named(name, written.read())
            os.fsync(written.fileno())  # the name is not on the disk before the content is
        unfinished.replace(library)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        _remove_unused(folder)
    return library


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoKernel(f"{command[0]} could not be run: {error}") from error
    if done.returncode:
        complaints = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        raise NoKernel(f"{command[0]} failed: {(complaints or ['without a word'])[0].strip()}")


def _remember_use(library: Path) -> None:
    """Notes the time in what the file system calls the last access, which says what can be removed."""
    with contextlib.suppress(OSError):
        os.utime(library, ns=(time.time_ns(), library.stat().st_mtime_ns))


def _remove_unused(folder: Path) -> None:
    """Removes the libraries used longest ago, until `_MOST_KEPT` are left, and what was never finished.

    What was used within a day stays in any case. Who has loaded a library keeps it, whatever becomes of its file.
    """
    long_ago = time.time_ns() - _DAY
    used = {path: _last_use(path) for path in folder.iterdir()}
    libraries = sorted((path for path in used if path.suffix == ".so"), key=lambda path: -used[path])
    unfinished = [path for path in used if path.suffix == ".unfinished"]
    for path in (*libraries[_MOST_KEPT:], *unfinished):
        if used[path] < long_ago:
            path.unlink(missing_ok=True)


def _last_use(path: Path) -> int:
    try:
        return path.stat().st_atime_ns
    except OSError:  # another process removed it
        return 0


def _texts() -> list[str]:
    return [path.read_text() for path in sorted(_SOURCES.iterdir()) if path.suffix in (".h", ".cpp")]


@functools.lru_cache(maxsize=8)
def _version(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace")


@functools.lru_cache(maxsize=1)
def _processor() -> str:
    """What the machine code depends on, because home folders are shared between machines."""
    parts = [platform.system(), platform.machine()]
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        wanted = ("flags", "Features", "model name")
        lines = listing.read_text(errors="replace").splitlines()
        parts += [next((line for line in lines if line.startswith(name)), "") for name in wanted]
    else:
        parts.append(platform.processor())
    return "\n".join(parts)
