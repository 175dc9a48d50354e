"""Files that are either whole or absent: written beside their place, flushed to the disk and renamed."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from ._errors import InvalidInput, Shown


def write_file(path: Path, content: bytes) -> None:
    """Writes a file so that a reader, or a run after a power cut, finds the old content or the new, never a part.

    Raises:
        InvalidInput: If the file cannot be written; says why.
    """
    try:
        with written_whole(path) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise InvalidInput(str(path), reason(error), "a file that can be written") from None


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A name beside a file, for what is written in pieces: flushed and renamed at the end, gone after an error.

    Raises:
        OSError: If the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _flush_folder(path.parent)


def read_file(path: Path) -> bytes:
    """The content of a file.

    Raises:
        InvalidInput: If it cannot be read; says why.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InvalidInput(str(path), Shown("a pipe or a device"), "a file that can be read")  # one that may not end
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(str(path), reason(error), "a file that can be read") from None


def make_folder(path: Path) -> Path:
    """Makes a folder, and those above it, where they are missing.

    Raises:
        InvalidInput: If that is not possible; says why.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(str(path), reason(error), "a folder that can be written") from None
    return path


def reason(error: OSError) -> Shown:
    """What the operating system says, as a value to be shown in an error."""
    return Shown((error.strerror or str(error)).lower())


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems flush no folders
            raise
    finally:
        os.close(descriptor)
