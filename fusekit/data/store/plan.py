"""What a slice store is to hold: which files, cut how; and the fingerprint by which it is found again."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import pandas as pd

from fusekit.data.images import volume as reader
from fusekit.data.images.channels import IMAGE, MASK, Channel, columns_of, is_coloured
from fusekit.data.images.facts import EDGE
from fusekit.data.images.pictures import PICTURE_SUFFIXES
from fusekit.data.slices.policy import SlicePolicy
from fusekit.errors import DataError, first_ten
from fusekit.extension import catalog

#: Part of every fingerprint: raise it when the same files would give other content.
FORMAT = 4
#: Shape of an image's thumbnail.
THUMBNAIL = (EDGE, EDGE, EDGE)


@dataclass(frozen=True, slots=True)
class Source:
    """A scan to be cut; its stamp changes when its files do."""

    scan: str
    images: dict[str, Path]  # by name
    mask: Path | None
    stamp: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The scans of a store, and how they are cut: by a policy without ``auto``, as far as the files decide it."""

    sources: Sequence[Source]
    policy: SlicePolicy
    size: int
    images: tuple[str, ...] = (IMAGE,)

    @classmethod
    def of(cls, scans: pd.DataFrame, policy: SlicePolicy, size: int, images: tuple[str, ...] = (IMAGE,)) -> Self:
        """Look at the files of scans (see ``build_store``); masks count where the policy looks at them."""
        policy = _decided(scans, images, policy)
        columns, found = columns_of(images), []
        masks = _masks(scans) if policy.masked else [None] * len(scans)
        for number, scan in enumerate(scans.index):
            paths = {name: Path(scans[column].iloc[number]) for name, column in columns.items()}
            files = [*paths.values(), *filter(None, [masks[number]])]
            stamp = _sha256([str(scan), *(_stamp(path) for path in files)])
            found.append(Source(str(scan), paths, masks[number], stamp))
        return cls(found, policy, size, images)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Of each item."""
        return self.policy.channels(self.images)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what decides a store's content: files (path, size, time of change), readers, policy, size."""
        return self._digest([source.stamp for source in self.sources])

    @property
    def name(self) -> str:
        """Without the files' sizes and times: a file that is repaired leaves the work on the others valid."""
        files = [[*map(str, source.images.values()), str(source.mask)] for source in self.sources]
        return self._digest([[source.scan, *own] for source, own in zip(self.sources, files, strict=True)])

    def _digest(self, of: list[Any]) -> str:
        readers = [str(plugin) for plugin in catalog().host.implementing("read_image")]
        return _sha256([FORMAT, self.images, self.policy.as_json(), self.size, readers, of])

    @property
    def heading(self) -> dict[str, Any]:
        """The first line of a journal: what is being built."""
        heading = {"format": FORMAT, "images": self.images, "slices": self.policy.as_json(), "size": self.size}
        return dict(json.loads(json.dumps({**heading, "scans": len(self.sources)})))  # as it is read again


def item_shape(images: Sequence[str], policy: SlicePolicy, size: int) -> tuple[int, ...]:
    """Shape of one item, channels first: a slice, or a whole volume."""
    return (len(policy.channels(images)), *[size] * (3 if policy.plane == "volume" else 2))


def _decided(scans: pd.DataFrame, images: tuple[str, ...], policy: SlicePolicy) -> SlicePolicy:
    """The policy with what the cohort's files decide; DataError where it needs masks that are not there."""
    if policy.colour == "auto" and len(scans):
        first = [Path(scans[column].iloc[0]) for column in columns_of(images).values()]
        if any(is_coloured(reader.read(path)) for path in first if path.name.lower().endswith(PICTURE_SUFFIXES)):
            policy = replace(policy, colour="rgb")
    without = [str(scan) for scan, mask in zip(scans.index, _masks(scans), strict=True) if mask is None]
    if policy.mask == "auto":
        return replace(policy, mask="choose" if without else "crop")
    if policy.mask != "choose" and without:
        raise DataError(
            f"slices.mask={policy.mask} needs a mask of every scan, and {len(without)} of {len(scans)} have none: "
            f"{first_ten(without)}. Add their masks, leave the scans out, or set slices.mask=choose."
        )
    return policy


def _masks(scans: pd.DataFrame) -> list[Path | None]:
    """The mask of each scan, None where there is none."""
    given = list(scans[MASK]) if MASK in scans else [None] * len(scans)
    return [None if mask is None or mask is pd.NaT or mask != mask else Path(mask) for mask in given]


def _sha256(content: Any) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _stamp(path: Path) -> list[Any]:
    """Path, then size and time of change of every file that the image may be read from."""
    try:
        if path.name.lower().endswith((".nii", ".nii.gz", ".mgz", *PICTURE_SUFFIXES)):
            parts = [path]
        else:  # a series has a file per slice, an Analyze image two files
            path.stat()
            parts = [part for part in (path if path.is_dir() else path.parent).iterdir() if part.is_file()]
        stats = [(part.name, part.stat()) for part in sorted(parts)]
    except OSError as error:
        raise DataError(f"{path}: the image cannot be read: {error.strerror}.") from error
    return [str(path.absolute()), *[[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]]
