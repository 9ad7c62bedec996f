"""What a slice store is to hold: which files, cut how; and the fingerprint by which it is found again."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd

from fusekit.data.images.facts import EDGE
from fusekit.data.images.pictures import PICTURE_SUFFIXES
from fusekit.data.slices.policy import SlicePolicy
from fusekit.errors import DataError
from fusekit.extension import catalog

#: Part of every fingerprint: raise it when the same files would give other content.
FORMAT = 4
#: Shape of a scan's thumbnail.
THUMBNAIL = (EDGE, EDGE, EDGE)


@dataclass(frozen=True, slots=True)
class Source:
    """A scan to be cut; its stamp changes when its files do."""

    scan: str
    image: Path
    mask: Path | None
    stamp: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The scans of a store, and how they are cut."""

    sources: Sequence[Source]
    policy: SlicePolicy
    size: int

    @classmethod
    def of(cls, scans: pd.DataFrame, policy: SlicePolicy, size: int) -> Self:
        """Look at the files of scans (see ``build_store``); masks count where the policy looks at them."""
        masked = policy.largest and policy.plane != "volume" and "mask" in scans
        masks, found = list(scans["mask"]) if masked else [None] * len(scans), []
        folders: dict[Path, str] = {}
        for (scan, image), mask in zip(scans["image"].items(), masks, strict=True):
            files = [Path(path) for path in (image, mask) if not (path is None or path is pd.NaT or path != path)]
            stamp = _sha256([str(scan), *(_stamp(path, folders) for path in files)])
            found.append(Source(str(scan), files[0], files[1] if len(files) > 1 else None, stamp))
        return cls(found, policy, size)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what decides a store's content: files (path, size, time of change), readers, policy, size."""
        return self._digest([source.stamp for source in self.sources])

    @property
    def name(self) -> str:
        """Without the files' sizes and times: a file that is repaired leaves the work on the others valid."""
        return self._digest([[source.scan, str(source.image), str(source.mask)] for source in self.sources])

    def _digest(self, of: list[Any]) -> str:
        readers = [str(plugin) for plugin in catalog().host.implementing("read_image")]
        return _sha256([FORMAT, self.policy.as_json(), self.size, readers, of])

    @property
    def heading(self) -> dict[str, Any]:
        """The first line of a journal: what is being built."""
        heading = {"format": FORMAT, "slices": self.policy.as_json(), "size": self.size, "scans": len(self.sources)}
        return dict(json.loads(json.dumps(heading)))  # as it is read again


def item_shape(policy: SlicePolicy, size: int) -> tuple[int, ...]:
    """Shape of one item: a slice, or a whole volume."""
    return (size, size, size) if policy.plane == "volume" else (size, size)


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _stamp(path: Path, folders: dict[Path, str]) -> list[Any]:
    """Path, then size and time of change of every file that the image may be read from.

    ``folders`` are those that were looked at: thousands of radiographs may lie in one.
    """
    try:
        if path.name.lower().endswith((".nii", ".nii.gz", ".mgz", ".mha", ".nrrd", *PICTURE_SUFFIXES)):
            return [str(path.absolute()), *_stats([path])]
        path.stat()  # a series has a file per slice, an Analyze image two files
        folder = path if path.is_dir() else path.parent
        if folder not in folders:
            folders[folder] = _sha256(_stats(part for part in folder.iterdir() if part.is_file()))
    except OSError as error:
        raise DataError(f"{path}: the image cannot be read: {error.strerror}.") from error
    return [str(path.absolute()), folders[folder]]


def _stats(files: Iterable[Path]) -> list[Any]:
    return [[file.name, stat.st_size, stat.st_mtime_ns] for file in sorted(files) if (stat := file.stat())]
