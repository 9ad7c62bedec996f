"""What lies in the cache: listed with what it is, and deleted unless a process uses it."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fusekit.data.slices.policy import SlicePolicy
from fusekit.data.store.build import DESCRIPTION, Heading, StoreJson
from fusekit.data.store.cache import LOCKS, alone, cache_root, discard, users
from fusekit.data.store.journal import JOURNAL, Entry
from fusekit.disk import PARTIAL
from fusekit.disk.schema import parse_json, read_json
from fusekit.errors import DataError

KINDS = ("slices", "synthetic")


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A folder of the cache."""

    kind: str  # one of KINDS
    folder: Path  # its name is unique within the kind
    what: str  # the slice policy of a store, the task of a synthetic cohort
    size: int  # of all its files, in bytes
    items: int  # slices or volumes of a store, files of a synthetic cohort
    used: float  # seconds since the epoch when it was last used
    complete: bool  # False if its writing was interrupted, or is under way

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name


def cache_entries() -> list[CacheEntry]:
    """All that lies in the cache, by kind and name."""
    paths = [(kind, path) for kind in KINDS for path in sorted((cache_root() / kind).glob("*"))]
    return [_entry(kind, path) for kind, path in paths if path.is_dir() and path.name != LOCKS]


def remove(entry: CacheEntry) -> int:
    """Delete an entry, unless another process uses or writes it; return how many bytes that freed."""

    def busy() -> None:
        raise DataError(f"{entry.name} is being written by another process; it stays.")

    # A synthetic cohort is written under a name of its own, while the lock is that of the name it will get.
    written = re.fullmatch(rf"\.(.+)\.[0-9a-f]+{re.escape(PARTIAL)}", entry.name)
    target = entry.folder.with_name(written[1]) if written else entry.folder
    try:
        with alone(target, busy):
            used_by = users(entry.folder)
            if used_by:
                raise DataError(f"{entry.name} is in use by process {', '.join(used_by)}; it stays.")
            discard(entry.folder)
    except OSError as error:
        raise DataError(f"{entry.name} cannot be deleted: {error.strerror} ({error.filename}).") from error
    return entry.size


def _entry(kind: str, folder: Path) -> CacheEntry:
    sizes, used = list[int](), time.time()
    for path in folder.rglob("*"):
        with suppress(OSError):  # deleted meanwhile
            if path.is_file():
                sizes.append(path.stat().st_size)
    with suppress(OSError):
        used = folder.stat().st_mtime
    task = re.sub(r"-[0-9a-f]{12}(\.[0-9a-f]+\.partial)?$", "", folder.name.lstrip("."))
    what, items = _slices(folder) if kind == "slices" else (task, len(sizes))
    complete = not (folder.name.endswith(PARTIAL) or folder.name.startswith("."))
    return CacheEntry(kind, folder, what, sum(sizes), items, used, complete)


def _slices(folder: Path) -> tuple[str, int]:
    """What a store holds, and how many items; of an unfinished one how far it came."""
    try:
        if (folder / JOURNAL).exists():
            with (folder / JOURNAL).open("rb") as lines:
                heading = parse_json(next(lines).partition(b" ")[2], Heading, str(folder))
                contents = [line.partition(b" ")[2] for line in lines if line.endswith(b"\n")]
            done = [parse_json(content, Entry, str(folder)) for content in contents]
            return f"{_policy(heading)}; {len(done)} of {heading['scans']} scans", sum(len(e["slices"]) for e in done)
        description = read_json(folder / DESCRIPTION, StoreJson)
        return f"{_policy(description)}; {description['scans']} scans", description["items"]
    except (DataError, OSError, StopIteration):
        return "unreadable, or of an older FuseKit", 0


def _policy(description: Mapping[str, Any]) -> str:
    policy, size = SlicePolicy(**description["slices"]), description["size"]
    text: str = policy.plane
    if policy.plane != "volume":
        text += f", {policy.space} {policy.start:g} to {policy.stop:g}" + (f", step {policy.step}" * (policy.step > 1))
        text += f", largest {policy.largest}" * (policy.largest > 0)
    text += f", window {','.join(f'{number:g}' for number in policy.window)}" if policy.window else ""
    text += f", {policy.crop} crop" * (policy.crop != "none")
    text += f", mask {policy.mask}" * (policy.mask != "choose")
    channels = policy.channels(description["images"])
    text = ", ".join([text, *[" and ".join(channel.name for channel in channels)] * (len(channels) > 1)])
    return f"{text}, {policy.fit} to {size}, {policy.depth}"
