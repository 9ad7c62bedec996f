"""How a slice store comes into being: volumes are read once, by all cores, and what is done stays done."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Ge
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.data.cohort import Finding, Severity
from fusekit.data.images import volume as images
from fusekit.data.images.facts import EDGE, measure
from fusekit.data.slices.cut import cut
from fusekit.data.slices.policy import SlicePolicy
from fusekit.data.store.journal import JOURNAL, Journal
from fusekit.disk import checksum, signed, write_json, write_table
from fusekit.disk.schema import OPEN, read_json
from fusekit.errors import DataError
from fusekit.progress import Progress

#: Part of every fingerprint: raise it when the same files would give other content.
FORMAT = 3

ROWS, SCANS, DESCRIPTION = "rows.csv", "scans.csv", "store.json"
#: Columns of ``SCANS`` about a scan's place in the store; the others are facts about its volume.
PLACE = ("first", "items", "checksum", "thumbnail")

#: Shape of a scan's thumbnail.
THUMBNAIL = (EDGE, EDGE, EDGE)

#: Scans that are cut beyond those that the workers are busy with: a slow volume holds the others up no sooner.
_AHEAD = 4


@dataclass(frozen=True, slots=True)
class Source:
    """A scan to be cut; its stamp changes when its files do."""

    scan: str
    image: Path
    mask: Path | None
    stamp: str


class FindingJson(TypedDict):
    """``Finding.as_json``."""

    code: str
    message: str
    items: list[str]
    severity: Severity
    advice: str


@with_config(OPEN)
class Heading(TypedDict):
    """The first line of a journal: what is being built."""

    slices: SlicePolicy
    size: Annotated[int, Ge(1)]
    scans: int


@with_config(OPEN)
class StoreJson(TypedDict):
    """The description of a finished store."""

    fingerprint: str
    slices: SlicePolicy
    size: Annotated[int, Ge(1)]
    scans: int
    items: int
    findings: list[FindingJson]
    checksums: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Cut:
    images: np.ndarray  # (n, ...)
    slices: list[int]
    notes: tuple[str, ...]
    facts: dict[str, Any]
    thumbnail: np.ndarray


def item_shape(policy: SlicePolicy, size: int) -> tuple[int, ...]:
    """Shape of one item: a slice, or a whole volume."""
    return (size, size, size) if policy.plane == "volume" else (size, size)


def heading_of(policy: SlicePolicy, size: int, scans: int) -> dict[str, Any]:
    """The first line of a journal: what is being built."""
    heading: dict[str, Any] = json.loads(
        json.dumps({"format": FORMAT, "slices": policy.as_json(), "size": size, "scans": scans})
    )
    return heading


def finished(partial: Path, fingerprint: str) -> bool:
    """Whether a build was killed when nothing but the last renaming was left to do."""
    try:
        description = read_json(partial / DESCRIPTION, StoreJson)
    except DataError:
        return False
    whole = signed(description) == description
    return whole and not (partial / JOURNAL).exists() and bool(description["fingerprint"] == fingerprint)


def fill(
    journal: Journal,
    sources: Sequence[Source],
    policy: SlicePolicy,
    size: int,
    progress: Progress,
    workers: int,
) -> None:
    """Cut the scans that the journal does not have yet; if a volume cannot be read or cut, those before it are kept."""
    done = journal.resume([(source.scan, source.stamp) for source in sources])
    if done:
        progress.say(f"{done} of {len(sources)} scans were cut before; going on with the others.")
    cuts = _cut_all(sources[done:], policy, size, workers)
    with closing(cuts):
        tracked = progress.track(cuts, "Cutting slices", len(sources) - done, "scans")
        for source, found in zip(sources[done:], tracked, strict=True):
            entry = {
                "scan": source.scan,
                "stamp": source.stamp,
                "slices": found.slices,
                "notes": found.notes,
                "facts": found.facts,
            }
            journal.append(entry, found.images, found.thumbnail)


def complete(partial: Path, journal: Journal, policy: SlicePolicy, size: int, fingerprint: str) -> None:
    """Write the tables and the description; then the journal goes, for all that is in it is in them."""
    journal.finish()
    rows: list[tuple[str, int]] = []
    scans: list[dict[str, Any]] = []
    notes: dict[str, list[str]] = {}
    for entry in journal.entries():
        scan, slices = entry["scan"], entry["slices"]
        place = (len(rows), len(slices), entry["images"], entry["thumbnail"])
        scans.append({"scan": scan, **dict(zip(PLACE, place, strict=True)), **entry["facts"]})
        rows += [(scan, index) for index in slices]
        for note in entry["notes"]:
            notes.setdefault(note, []).append(scan)
    if len(scans) != journal.stored:
        raise DataError(f"{partial / JOURNAL} was damaged meanwhile. Start the same command again: it goes on.")
    tables = {
        ROWS: pd.DataFrame(rows, columns=["scan", "slice"]).rename_axis("row").reset_index(),
        SCANS: pd.DataFrame(scans),
    }
    for name, table in tables.items():
        write_table(table, partial / name)
    description = {
        "format": FORMAT,
        "fingerprint": fingerprint,
        "slices": policy.as_json(),
        "size": size,
        "scans": len(scans),
        "items": len(rows),
        "findings": [Finding("image-note", f"{note}.", tuple(items)).as_json() for note, items in notes.items()],
        "checksums": {name: checksum((partial / name).read_bytes()) for name in tables},
    }
    write_json(partial / DESCRIPTION, signed(description))
    (partial / JOURNAL).unlink()


def _cut_all(sources: Sequence[Source], policy: SlicePolicy, size: int, workers: int) -> Generator[_Cut]:
    """Cut in parallel, pass on in the order of the scans; never are more than ``workers + _AHEAD`` in memory."""
    waiting = iter(sources)
    running: deque[Future[_Cut]] = deque()
    with ThreadPoolExecutor(workers) as pool:

        def start() -> None:
            for source in waiting:
                running.append(pool.submit(_cut_one, source, policy, size))
                return

        try:
            for _ in range(workers + _AHEAD):
                start()
            while running:
                # No name is kept for the future: it would keep its slices until the next are there.
                yield running.popleft().result()
                start()
        finally:
            for future in running:
                future.cancel()


def _cut_one(source: Source, policy: SlicePolicy, size: int) -> _Cut:
    volume = images.read(source.image)
    facts, thumbnail = measure(volume)
    masks = [] if source.mask is None else [images.read(source.mask)]
    pixels, slices = cut(volume, policy, size, *masks)
    return _Cut(pixels, [int(index) for index in slices], volume.notes, facts, thumbnail)
