"""Folders that appear when all that is in them is on the disk, and what the disk refuses, in words."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fusekit.disk.checksums import seal
from fusekit.disk.files import all_onto_disk, onto_disk
from fusekit.errors import DataError, OptionError

#: What the system answers when there is no room.
FULL = (errno.ENOSPC, errno.EDQUOT)
#: How the name of a folder ends that is still being written, or whose writing was interrupted.
PARTIAL = ".partial"
#: Bytes of a name: most systems take 255, of which ours take some for names beside it.
LONGEST = 200


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Give a sibling of ``out`` (new or empty) to write into; it becomes ``out`` only if all goes well."""
    refuse_full(out)
    partial = out.with_name(f".{out.name}.{secrets.token_hex(6)}{PARTIAL}")
    made = make_folder(partial, out, new=True)
    try:
        with in_words(out):
            yield partial
            all_onto_disk(partial)
            if out.is_dir():
                out.rmdir()
            partial.replace(out)
            onto_disk(out.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        remove_empty(made)


@contextmanager
def growing(out: Path, aside: str) -> Iterator[Path]:
    """Give a folder to work in; it becomes ``out`` if all goes well, sealed, and stays for the next attempt if not.

    The caller keeps other processes away from ``out``. ``aside`` is a folder in it that is removed when all is done.
    """
    partial = growing_at(out)
    with in_words(out):
        partial.mkdir(parents=True, exist_ok=True)
        for left in partial.rglob(".*.new"):  # of an attempt that was killed while it wrote
            left.unlink()
        yield partial
        seal(partial, out.name, (path for path in partial.rglob("*") if aside not in path.parts))
        all_onto_disk(partial)
        partial.replace(out)
        onto_disk(out.parent)
        shutil.rmtree(out / aside, ignore_errors=True)


def growing_at(out: Path) -> Path:
    """Where ``out`` grows."""
    return out.with_name(f".{out.name}{PARTIAL}")


def refuse_full(out: Path) -> None:
    """Refuse a folder that is neither new nor empty."""
    if filled(out):
        raise OptionError(f"--out {out} exists and is not empty; choose another folder or remove it.")


def filled(out: Path) -> bool:
    """Whether a folder to write holds something; OptionError if no folder can be there, as a file is, say."""
    if (length := len(os.fsencode(out.name))) > LONGEST:
        raise OptionError(f"--out: the name {out.name[:40]}... takes {length} bytes. Choose one of {LONGEST} at most.")
    try:
        there = out.exists()
        if there and not out.is_dir():
            raise OptionError(
                f"--out {out} is a file, and a folder is written. Choose another name, or remove the file."
            )
        return there and any(out.iterdir())
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise OptionError(f"--out {out} cannot be written: {reason}. Choose another folder.") from error


def make_folder(folder: Path, out: Path, *, new: bool = False) -> list[Path]:
    """Make a folder (``new``: it must not be there) on the way to ``out``; return the parents made, nearest first."""
    try:
        made = [parent for parent in folder.parents if not parent.exists()]
        folder.mkdir(parents=True, exist_ok=not new)
    except (OSError, ValueError) as error:
        reason = f"{error.strerror} ({error.filename})" if isinstance(error, OSError) else error
        raise OptionError(f"--out {out} cannot be written: {reason}. Choose another folder.") from error
    return made


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders that hold nothing; others hold a result, or something of the user's."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


@contextmanager
def in_words(out: Path) -> Iterator[None]:
    """Say in words what the disk refuses: DataError instead of the system's own error."""
    try:
        yield
    except OSError as error:
        if error.errno is None or isinstance(error, BrokenPipeError):
            raise  # a program's own error, or a closed pipe: not the disk's
        if error.errno in FULL:
            raise DataError(
                f"the disk is full ({error.filename or out}). Make room there, or choose another place: --out for "
                "runs, FUSEKIT_CACHE for what can be made again."
            ) from error
        raise DataError(f"{error.filename or out}: {error.strerror}.") from error
