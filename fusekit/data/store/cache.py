"""Where FuseKit keeps what it can build again (synthetic cohorts, slice stores), and which processes use what."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from fusekit.disk import PARTIAL
from fusekit.errors import DataError

if TYPE_CHECKING:
    from filelock import FileLock

#: What the system answers where no file can be locked, as on some network disks.
UNLOCKABLE = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
#: Folder for lock files, within each kind's folder.
LOCKS = ".locks"

# The marks of what this process uses, held until it ends.
_held: dict[Path, FileLock] = {}


def cache_root() -> Path:
    """``$FUSEKIT_CACHE``, or the user's cache folder."""
    return Path(os.environ.get("FUSEKIT_CACHE") or platformdirs.user_cache_path("fusekit"))


def cache_folder(kind: str) -> Path:
    """Return (and make) the folder for one kind of cached thing, below ``cache_root()``; refuse a read-only one."""
    folder = cache_root() / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise DataError(f"the cache folder {folder} cannot be written; set FUSEKIT_CACHE to a folder that can.")
    return folder


@contextmanager
def alone(folder: Path, busy: Callable[[], None]) -> Iterator[None]:
    """Wait until no other process or thread makes or deletes ``folder``, and keep them out meanwhile.

    The operating system holds the lock: it goes with the process, however that ends. ``busy`` is called once if there
    is another to wait for; it may raise instead of waiting. A disk without locks is a DataError, a lock file that
    cannot be written an OSError.
    """
    from filelock import FileLock, Timeout

    locks = folder.parent / LOCKS
    locks.mkdir(exist_ok=True)
    lock = FileLock(locks / f"{folder.name}.lock", fallback_to_soft=False)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            busy()
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in UNLOCKABLE:
            raise
        raise DataError(
            f"the disk of {folder.parent} knows no file locks ({error}), by which two processes keep out of each "
            "other's way. Choose a place on another disk: --out for runs, FUSEKIT_CACHE for what can be made again; "
            "or mount this one with locks (of NFS: without nolock)."
        ) from error
    try:
        yield
    finally:
        lock.release()


def discard(folder: Path) -> None:
    """Delete a folder, all at once for others: no process opens one half of it, and who has it open reads on."""
    gone = folder.with_name(f".deleted-{secrets.token_hex(4)}{PARTIAL}")
    folder.replace(gone)
    shutil.rmtree(gone)


def hold(folder: Path) -> None:
    """Mark ``folder`` as used by this process until it ends, so that no other clears it away, and as used just now.

    Where the cache is read-only nothing is marked: nothing can be cleared there.
    """
    from filelock import FileLock

    folder = folder.absolute()
    with suppress(OSError):
        if folder not in _held:
            with alone(folder, lambda: None):
                users(folder)  # sweeps the marks of processes that are gone
                name = f"{folder.name}.{os.getpid()}-{secrets.token_hex(4)}.use"
                mark = FileLock(folder.parent / LOCKS / name, thread_local=False, fallback_to_soft=False)
                mark.acquire(timeout=0)
                _held[folder] = mark
        os.utime(folder)


def users(folder: Path) -> list[str]:
    """Ids of the other processes that use ``folder``; marks of processes that are gone are taken away."""
    from filelock import FileLock, Timeout

    own = _held.get(folder.absolute())
    found = []
    for path in sorted((folder.parent / LOCKS).glob(f"{folder.name}.*.use")):
        if own is not None and path == Path(own.lock_file):
            continue
        mark = FileLock(path, fallback_to_soft=False)
        try:
            mark.acquire(timeout=0)
        except Timeout:
            found.append(path.name.split(".")[-2].split("-")[0])
        else:
            path.unlink(missing_ok=True)
            mark.release()
    return found
