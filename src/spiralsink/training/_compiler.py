"""Builds the native kernel for one shape and keeps it: a C++ compiler at hand, a folder of shared libraries."""

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
from pathlib import Path

from .._errors import SpiralsinkError
from .._machine import cache_folder

_SOURCES = Path(__file__).with_name("native")
_FLAGS = (
    *("-std=c++17", "-O3", "-march=native", "-shared", "-fPIC", "-ffp-contract=fast"),
    # infinities and NaN keep their meaning, because they say that a network diverged
    *("-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros"),
)
_NAMES = ("c++", "g++", "clang++")


class NoKernel(SpiralsinkError):
    """The native kernel cannot be built here; the text says why."""


def find_compiler() -> list[str] | None:
    """The command of a C++ compiler: `CXX`, one on the path, or that of the package `ziglang`; None without one."""
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
        NoKernel: If there is no compiler, or it fails.
    """
    command = find_compiler()
    if command is None:
        raise NoKernel("no C++ compiler was found (set CXX, or install the package ziglang)")
    defined = [f"-D{name}={value}" for name, value in macros.items()]
    identity = [*_texts(), *command, _version(tuple(command)), *_FLAGS, *defined, _processor()]
    name = hashlib.sha256("\0".join(identity).encode()).hexdigest()[:24]
    folder = _writable(cache_folder() / "kernels")
    library = folder / f"{name}.so"
    if library.exists():
        return library
    handle, unfinished = tempfile.mkstemp(dir=folder, prefix=f"{name}.", suffix=".unfinished")
    os.close(handle)
    try:
        _run([*command, *_FLAGS, *defined, str(_SOURCES / "kernel.cpp"), "-o", unfinished])
        os.replace(unfinished, library)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return library


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoKernel(f"{command[0]} could not be run: {error}") from error
    if done.returncode:
        complaints = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
        raise NoKernel(f"{command[0]} failed: {(complaints or ['without a word'])[0].strip()}")


def _writable(folder: Path) -> Path:
    """The folder, made for this user alone; one in the system's temporary folder where it cannot be written."""
    for candidate in (folder, Path(tempfile.gettempdir()) / f"spiralsink-{_user()}" / "kernels"):
        try:
            candidate.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        owner = candidate.stat().st_uid if hasattr(os, "getuid") else 0
        if os.access(candidate, os.W_OK) and (not hasattr(os, "getuid") or owner == os.getuid()):
            return candidate
    raise NoKernel(f"no folder for compiled code: {folder} cannot be written (set SPIRALSINK_CACHE)")


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else "user"


def _texts() -> list[str]:
    return [path.read_text() for path in sorted(_SOURCES.iterdir()) if path.suffix in (".h", ".cpp")]


@functools.lru_cache(maxsize=8)
def _version(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


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
