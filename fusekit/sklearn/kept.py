"""A bundle as bytes, so that an estimator can be copied, and sent to other processes, without a pickled network."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from fusekit.bundle.bundle import Bundle
from fusekit.bundle.load import load

#: Path below the bundle's folder -> content of the file.
Files = dict[str, bytes]


def packed(bundle: Bundle) -> Files:
    """The files that ``Bundle.save`` writes."""
    with TemporaryDirectory(prefix="fusekit-") as name:
        folder = Path(name) / "bundle"
        bundle.save(folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def unpacked(files: Files) -> Bundle:
    """The bundle whose files these are; errors as of ``fusekit.load``."""
    with TemporaryDirectory(prefix="fusekit-") as name:
        folder = Path(name) / "bundle"
        for relative, content in files.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return load(folder)
