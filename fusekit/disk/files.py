"""Files that are there whole or not at all, and outlive a power cut."""

import errno
import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from fusekit.errors import DataError

#: What a path may lead to besides a file or a folder.
_KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket"}


def regular(path: Path) -> Path:
    """Refuse by DataError what is neither file nor folder: it never ends, or waits for a writer. Links are followed."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno != errno.ENAMETOOLONG:
            raise
        raise DataError(f"{str(path)[:120]!r}... is no path that a system takes: {error.args[-1]}.") from error
    if kind := _KINDS.get(stat.S_IFMT(mode)):
        raise DataError(f"{path} is {kind}, and only files are read. Copy its content into a file.")
    return path


def read_named(path: Path, most: int = -1) -> bytes:
    """Read a file that a person named, or its first ``most`` bytes.

    DataError if it cannot be read, which suggests a similar name beside it.
    """
    try:
        with regular(path).open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        near = get_close_matches(path.name, beside, n=1)
        raise DataError(f"{path}: there is no such file{f'; did you mean {near[0]!r}?' if near else '.'}") from None
    except OSError as error:
        raise DataError(f"{path}: the file cannot be read: {error.strerror}.") from error


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give an empty file beside ``path``, under a random name; it replaces ``path`` once all of it is on the disk."""
    new = path.with_name(f".{path.name[:50]}.{secrets.token_hex(6)}.new")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0)
    handle = os.open(new, flags, 0o666)
    mode = os.fstat(handle).st_mode & 0o777  # as the umask would have it
    os.close(handle)
    try:
        yield new
        if new.stat().st_mode & 0o777 != mode:  # a writer that made a file of its own
            new.chmod(mode)
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)  # half a file would take what room there is
    onto_disk(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole, or not at all."""
    with whole(path) as new:
        new.write_bytes(content)


def write_json(path: Path, content: Any) -> None:
    """Write JSON that a person can read."""
    write_bytes(path, (json.dumps(content, indent=2, allow_nan=True) + "\n").encode())


def onto_disk(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def all_onto_disk(folder: Path) -> None:
    """Wait until everything in a folder is on the disk, so that a renaming that follows never comes before it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        else:
            onto_disk(path)
    onto_disk(folder)
