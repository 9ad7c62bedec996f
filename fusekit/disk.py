"""What outlives a power cut: names and contents that the disk has, not only the system's memory."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

#: What the system answers when there is no room.
FULL = (errno.ENOSPC, errno.EDQUOT)


def onto_disk(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def all_onto_disk(folder: Path) -> None:
    """Wait until everything in a folder is on the disk, so that a renaming that follows never comes before it.

    Raises:
        OSError: the disk is full, for instance, which some file systems say only now.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        else:
            onto_disk(path)
    onto_disk(folder)
