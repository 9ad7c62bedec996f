"""Paths that a table or an option names: inside the data folder, or refused."""

from __future__ import annotations

import os
from pathlib import Path

from fusekit.errors import DataError


def inside(folder: Path, text: str, where: str) -> Path:
    r"""Return ``folder / text``, which need not exist.

    Args:
        folder: the data folder.
        text: a path relative to it, with ``/`` or ``\``.
        where: who says so, for the message.

    Raises:
        DataError: the path leads out of the folder, by itself or through a link; or no file can have it.
    """
    try:
        path = folder / os.path.normpath(text.replace("\\", "/"))
        within = path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError) as error:  # a NUL in it; links in a circle
        raise DataError(f"{where}: {text!r} is no path ({error}).") from error
    if not within or path.resolve() == folder.resolve():
        raise DataError(f"{where}: {text!r} is not below {folder}. Paths are relative to the data folder.")
    return path
