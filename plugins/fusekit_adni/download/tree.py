"""Walk a data folder: links that lead out of it are not followed, archives are not opened, and both are noted."""

import os
from pathlib import Path

from fusekit.errors import DataError

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".7z", ".rar")


class Tree:
    """A data folder, and what was met in it that is not read: ``archives``, and links ``outside`` it or to nowhere."""

    def __init__(self, root: Path):
        if not root.is_dir():
            raise DataError(f"--data {root} is not a folder.")
        self._real = root.resolve()
        self.outside: dict[Path, None] = {}  # keys, in the order in which they were met
        self.archives: dict[Path, None] = {}

    def entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """What a folder holds, sorted by name, without hidden entries and macOS's shadows of unpacked archives."""
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise DataError(f"{folder}: the folder cannot be read: {error.strerror}.") from error
        return [entry for entry in entries if not entry.name.startswith((".", "__MACOSX")) and self._inside(entry)]

    def folders(self, folder: Path) -> list[Path]:
        """The folders in a folder, sorted by name."""
        return [Path(entry.path) for entry in self.entries(folder) if entry.is_dir()]

    def files(self, folder: Path) -> list[Path]:
        """The files in a folder, sorted by name; archives are noted, and left out."""
        return [path for entry in self.entries(folder) if entry.is_file() and not self.is_archive(path := Path(entry))]

    def is_archive(self, path: Path) -> bool:
        """Whether a file is an archive; if so, it is noted."""
        archive = path.name.lower().endswith(_ARCHIVES)
        if archive:
            self.archives[path] = None
        return archive

    def _inside(self, entry: os.DirEntry[str]) -> bool:
        if not entry.is_symlink():
            return True
        try:
            inside = Path(entry.path).resolve(strict=True).is_relative_to(self._real)
        except (OSError, RuntimeError):  # it leads nowhere, or in a circle
            inside = False
        if not inside:
            self.outside[Path(entry.path)] = None
        return inside
