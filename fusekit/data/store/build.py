"""How a slice store comes into being: volumes are read once, by all cores, and what is done stays done."""

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Ge
from pydantic import with_config
from typing_extensions import TypedDict

from fusekit.data.cohort import Finding, Severity
from fusekit.data.images.channels import read_scan
from fusekit.data.images.facts import measure
from fusekit.data.images.masks import EVERYWHERE, FRACTIONAL, is_fractional, marked
from fusekit.data.slices.cut import cut_channels
from fusekit.data.slices.policy import SlicePolicy
from fusekit.data.store.journal import JOURNAL, Journal
from fusekit.data.store.plan import FORMAT, Plan, Source
from fusekit.disk import checksum, signed, write_json, write_table
from fusekit.disk.schema import OPEN, read_json
from fusekit.errors import DataError
from fusekit.progress import Progress

ROWS, SCANS, VOLUMES, DESCRIPTION = "rows.csv", "scans.csv", "volumes.csv", "store.json"
#: Columns of ``SCANS``: a scan's place in the store.
PLACE = ("first", "items", "checksum", "thumbnails")

#: Scans that are cut beyond those that the workers are busy with: a slow volume holds the others up no sooner.
_AHEAD = 4


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

    images: list[str]
    slices: SlicePolicy
    size: Annotated[int, Ge(1)]
    scans: int


@with_config(OPEN)
class StoreJson(TypedDict):
    """The description of a finished store."""

    fingerprint: str
    images: list[str]
    slices: SlicePolicy
    size: Annotated[int, Ge(1)]
    scans: int
    items: int
    findings: list[FindingJson]
    checksums: dict[str, str]


#: A scan's line of the journal, its items (n, C, ...), and a thumbnail of each of its images.
_Cut = tuple[dict[str, Any], np.ndarray, np.ndarray]


def finished(partial: Path, fingerprint: str) -> bool:
    """Whether a build was killed when nothing but the last renaming was left to do."""
    try:
        description = read_json(partial / DESCRIPTION, StoreJson)
    except DataError:
        return False
    whole = signed(description) == description
    return whole and not (partial / JOURNAL).exists() and bool(description["fingerprint"] == fingerprint)


def fill(journal: Journal, plan: Plan, progress: Progress, workers: int) -> None:
    """Cut the scans that the journal does not have yet; if a volume cannot be read or cut, those before it are kept."""
    done = journal.resume([(source.scan, source.stamp) for source in plan.sources])
    if done:
        progress.say(f"{done} of {len(plan.sources)} scans were cut before; the others follow.")
    left = plan.sources[done:]
    with closing(_cut_all(left, plan, workers)) as cuts:
        for entry, pixels, thumbnails in progress.track(cuts, "Cutting slices", len(left), "scans"):
            journal.append(entry, pixels, thumbnails)


def complete(partial: Path, journal: Journal, plan: Plan) -> None:
    """Write the tables and the description; then the journal goes, for all that is in it is in them."""
    journal.finish()
    rows: list[tuple[str, int]] = []
    scans: list[tuple[Any, ...]] = []
    volumes: list[dict[str, Any]] = []
    notes: dict[str, list[str]] = {}
    for entry in journal.entries():
        scan, slices = entry["scan"], entry["slices"]
        scans.append((scan, len(rows), len(slices), entry["images"], entry["thumbnails"]))
        named = zip(plan.images, entry["facts"], strict=True)
        volumes += [{"scan": scan, "image": image, **facts} for image, facts in named]
        rows += [(scan, index) for index in slices]
        for note in entry["notes"]:
            notes.setdefault(note, []).append(scan)
    if len(scans) != journal.stored:
        raise DataError(f"{partial / JOURNAL} was damaged meanwhile. Start the same command again: it resumes.")
    tables = {
        ROWS: pd.DataFrame(rows, columns=["scan", "slice"]).rename_axis("row").reset_index(),
        SCANS: pd.DataFrame(scans, columns=["scan", *PLACE]),
        VOLUMES: pd.DataFrame(volumes),
    }
    for name, table in tables.items():
        write_table(table, partial / name)
    description = {
        "format": FORMAT,
        "fingerprint": plan.fingerprint,
        "images": list(plan.images),
        "slices": plan.policy.as_json(),
        "size": plan.size,
        "scans": len(scans),
        "items": len(rows),
        "findings": [Finding("image-note", f"{note}.", tuple(items)).as_json() for note, items in notes.items()],
        "checksums": {name: checksum((partial / name).read_bytes()) for name in tables},
    }
    write_json(partial / DESCRIPTION, signed(description))
    (partial / JOURNAL).unlink()


def _cut_all(sources: Sequence[Source], plan: Plan, workers: int) -> Generator[_Cut]:
    """Cut in parallel, pass on in the order of the scans; never are more than ``workers + _AHEAD`` in memory."""
    waiting = iter(sources)
    running: deque[Future[_Cut]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            running.extend(pool.submit(_cut_one, source, plan) for source in islice(waiting, workers + _AHEAD))
            while running:
                # No name is kept for the future: it would keep its slices until the next are there.
                yield running.popleft().result()
                running.extend(pool.submit(_cut_one, source, plan) for source in islice(waiting, 1))
        finally:
            for future in running:
                future.cancel()


def _cut_one(source: Source, plan: Plan) -> _Cut:
    scan = read_scan(source.images, source.mask, plan.policy.colour)
    facts, thumbnails = zip(*(measure(volume) for volume in scan.files), strict=True)
    pixels, slices = cut_channels(scan.images, plan.policy, plan.size, scan.mask)
    notes = [*scan.notes]
    if scan.mask is not None:
        notes += [FRACTIONAL] * is_fractional(scan.mask) + [EVERYWHERE] * bool(marked(scan.mask).all())
    entry = {"scan": source.scan, "stamp": source.stamp, "slices": slices, "notes": notes, "facts": facts}
    return entry, pixels, np.stack(thumbnails)
