"""Where FuseKit keeps what it can build again: synthetic cohorts and slice stores."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from fusekit.errors import DataError


def cache_folder(kind: str) -> Path:
    """Return (and make) the folder for one kind of cached thing, below ``$FUSEKIT_CACHE`` or the user's cache folder.

    Raises:
        DataError: it cannot be written.
    """
    root = Path(os.environ.get("FUSEKIT_CACHE") or platformdirs.user_cache_path("fusekit"))
    folder = root / kind
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise DataError(f"the cache folder {folder} cannot be written; set FUSEKIT_CACHE to a folder that can.")
    return folder
