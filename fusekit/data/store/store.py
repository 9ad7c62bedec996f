"""The slice store: every slice of a cohort in one contiguous file, cut once and shared by every run."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from math import ceil, prod
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from fusekit.data.cohort import Finding
from fusekit.data.images.channels import IMAGE, Channel
from fusekit.data.slices.policy import SlicePolicy
from fusekit.data.store.build import DESCRIPTION, PLACE, ROWS, SCANS, VOLUMES, StoreJson, complete, fill, finished
from fusekit.data.store.cache import alone, discard, hold
from fusekit.data.store.journal import IMAGES, THUMBNAILS, Journal, header_of
from fusekit.data.store.plan import THUMBNAIL, Plan, item_shape
from fusekit.disk import FULL, PARTIAL, checksum, checksum_of, onto_disk, read_written, regular, signed
from fusekit.disk.schema import read_json
from fusekit.errors import DataError, first_ten
from fusekit.progress import Progress


@dataclass(frozen=True)
class SliceStore:
    """The slices (N, C, H, W), or whole volumes (N, C, S, S, S), of a cohort's scans.

    Images are uint8 or float16 grey levels from 0 to 255, mapped from disk read-only: only what is looked at is read,
    and all processes share it.
    """

    folder: Path
    images: np.ndarray
    rows: pd.DataFrame  # index row (0 to N-1); columns scan and slice (the index along the volume's axis)
    #: Index scan, column image (its name), what facts.measure found out about each: the images of a scan one below the
    #: other, in the order of ``names``.
    volumes: pd.DataFrame
    thumbnails: np.ndarray  # (volumes, 16, 16, 16) uint8, in the order of ``volumes``; mapped likewise
    policy: SlicePolicy  # how they were cut; what the files decide is decided
    names: tuple[str, ...]  # of the images of a scan
    findings: tuple[Finding, ...]  # about the volumes
    fingerprint: str  # of the image files, the policy and the size

    @property
    def channels(self) -> tuple[Channel, ...]:
        """What the C channels are."""
        return self.policy.channels(self.names)

    @property
    def oriented(self) -> bool:
        """Whether every volume's file says how it lies in the body, so that the patient's sides may be named."""
        return bool((self.volumes["orientation"] != "").all())

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a store that was built before, or refuse a damaged one; ``damage`` checks the slices themselves."""
        try:
            description: dict[str, Any] = dict(read_json(folder / DESCRIPTION, StoreJson))
            changed = [] if signed(description) == description else [DESCRIPTION]
            checksums = {} if changed else description["checksums"]
            changed += [name for name, known in checksums.items() if checksum_of(folder / name) != known]
            if changed:
                raise ValueError(f"{' and '.join(changed)} changed")  # noqa: TRY301 (said below, as all of it)
            rows = read_written(folder / ROWS, {"row": int, "slice": int}).set_index("row")
            volumes = _volumes(folder)
            policy, names = SlicePolicy(**description["slices"]), tuple(description["images"])
            shape = (len(rows), *item_shape(names, policy, description["size"]))
            pixels = _mapped(folder / IMAGES, np.dtype(policy.depth), shape)
            stacked = (len(_scans(folder)), len(names), *THUMBNAIL)
            thumbnails = _mapped(folder / THUMBNAILS, np.dtype(np.uint8), stacked).reshape(-1, *THUMBNAIL)
            findings = tuple(
                Finding(found["code"], found["message"], tuple(found["items"]), found["severity"], found["advice"])
                for found in description["findings"]
            )
            fingerprint = description["fingerprint"]
        except (DataError, OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{folder} is no slice store, or a damaged one ({error}). Delete it; it is built again."
            ) from error
        return cls(folder, pixels, rows, volumes, thumbnails, policy, names, findings, fingerprint)

    @classmethod
    def empty(cls, policy: SlicePolicy, size: int, images: tuple[str, ...] = (IMAGE,)) -> Self:
        """One of no scan, in no folder."""
        pixels = np.zeros((0, *item_shape(images, policy, size)), dtype=policy.depth)
        rows = pd.DataFrame({"scan": pd.Series(dtype=object), "slice": pd.Series(dtype=int)}).rename_axis("row")
        volumes = pd.DataFrame(columns=["image", "orientation"], index=pd.Index([], name="scan", dtype=object))
        thumbnails = np.zeros((0, *THUMBNAIL), dtype=np.uint8)
        return cls(Path(), pixels, rows, volumes, thumbnails, policy, images, (), "")

    def damage(self) -> list[str]:
        """Compare every byte of slices and thumbnails with its checksum; return a clause for each scan that differs."""
        places, each = _scans(self.folder)[list(PLACE)], len(self.names)

        def of_scan(number: int) -> list[str]:
            scan, place = places.index[number], places.iloc[number]
            images = self.images[place["first"] : place["first"] + place["items"]]
            own = []
            if checksum(np.ascontiguousarray(images).data) != place["checksum"]:
                own.append(f"the images of scan {scan} were changed")
            thumbnails = self.thumbnails[number * each : (number + 1) * each]
            if checksum(np.ascontiguousarray(thumbnails).data) != place["thumbnails"]:
                own.append(f"the thumbnail of scan {scan} was changed")
            return own

        with ThreadPoolExecutor(_cores()) as pool:  # hashing leaves the interpreter's lock
            return list(chain.from_iterable(pool.map(of_scan, range(len(places)))))


def build_store(
    scans: pd.DataFrame,
    policy: SlicePolicy,
    size: int,
    cache: Path,
    progress: Progress,
    workers: int | None = None,
    *,
    images: tuple[str, ...] = (IMAGE,),
    check: bool = True,
) -> SliceStore:
    """Cut every scan's slices, or open the store if the same files were cut in the same way before.

    A store that was damaged since is cut again, with a message. Volumes are read by a pool of threads, which share
    the loaded plugins and need no guarded main module; reading, decompressing and scaling leave the interpreter's lock.
    The result does not depend on their number, and the memory they take not on the number of scans. A build that is
    ended by an error or a kill keeps the scans that are done, and the next one resumes there, also when other files
    have changed. Of two processes that want the same store, one builds and the other waits.

    Args:
        scans: index ``scan`` (text); columns ``image`` (Path), and ``image:NAME`` of each further image; where there
            are masks, ``mask`` (Path or None).
        policy: which slices.
        size: their height and width in pixels.
        cache: folder that holds stores, each in a folder of its own.
        progress: shows one step per scan.
        workers: threads; None for one per core, at most 8.
        images: names of a scan's images, in order.
        check: compare every byte with its checksum. One process of a run does; the others follow it.

    Raises:
        DataError: a volume cannot be read or cut, with its file; a scan has no mask and needs one; the disk is
            full, read-only or not sound.
    """
    plan = Plan.of(scans, policy, size, images)
    fingerprint = plan.fingerprint
    folder = cache / f"slices-{fingerprint[:20]}"
    damage = ""
    for _ in range(2):
        try:
            cache.mkdir(parents=True, exist_ok=True)
            hold(folder)
            if damage and folder.exists():
                progress.say(f"The slice store was damaged and is cut again: {damage}")
                with alone(folder, lambda: None):  # another process may have built it anew
                    if folder.exists() and _opened(folder, fingerprint, check=True)[1] is None:
                        discard(folder)
            if not folder.exists():
                _build_alone(plan, folder, progress, workers or _cores())
        except OSError as error:
            was = f"{damage} It" if damage else "the slice store"
            raise DataError(f"{was} cannot be written to {cache}: {error.strerror or error}.") from error
        hold(folder)
        damage, store = _opened(folder, fingerprint, check)
        if store is not None:
            return store
    raise DataError(f"{damage} It was cut again and is damaged again: is the disk of {cache} sound?")


def _opened(folder: Path, fingerprint: str, check: bool) -> tuple[str, SliceStore | None]:
    """A store, or a sentence on what is wrong with it."""
    try:
        store = SliceStore.open(folder)
    except DataError as error:
        return str(error), None
    if store.fingerprint != fingerprint:
        return f"{folder} holds the slices of other files.", None
    found = store.damage() if check else []
    return (f"{folder}: {first_ten(found)}.", None) if found else ("", store)


def _build_alone(plan: Plan, folder: Path, progress: Progress, workers: int) -> None:
    partial = folder.with_name(f"slices-{plan.name[:20]}{PARTIAL}")
    with alone(partial, lambda: progress.say("Another process is cutting these slices; waiting for it.")):
        if folder.exists():
            return
        if not finished(partial, plan.fingerprint):
            _build(plan, partial, progress, workers)
        partial.replace(folder)
        onto_disk(folder.parent)


def _build(plan: Plan, partial: Path, progress: Progress, workers: int) -> None:
    journal, shape = None, item_shape(plan.images, plan.policy, plan.size)
    thumbnails = (len(plan.images), *THUMBNAIL)
    try:
        partial.mkdir(exist_ok=True)
        with Journal(partial, plan.heading, np.dtype(plan.policy.depth), shape, thumbnails) as journal:
            fill(journal, plan, progress, workers)
            complete(partial, journal, plan)
        onto_disk(partial)
    except OSError as error:
        if error.errno not in FULL:
            raise
        written, done = (journal.written, journal.appended) if journal else (0, 0)
        need = ceil(written / max(1, done) * len(plan.sources) / 2**20)
        raise DataError(
            f"the disk is full: the slices of {len(plan.sources)} scans need about {need:,} MiB in {partial.parent}. "
            "Make room there, or set FUSEKIT_CACHE to another folder. What is done is kept."
        ) from error


def _cores() -> int:
    return min(8, os.cpu_count() or 1)


def _mapped(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """An array, mapped from disk; its header and its length must be those of its type and shape."""
    header = header_of(dtype, shape)
    with regular(path).open("rb") as file:
        if file.read(len(header)) != header or path.stat().st_size != len(header) + prod(shape) * dtype.itemsize:
            raise ValueError(f"{path.name} has another header or length than {shape} {dtype}")
    array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _scans(folder: Path) -> pd.DataFrame:
    return read_written(folder / SCANS, dict.fromkeys(("first", "items"), int)).set_index("scan")


def _volumes(folder: Path) -> pd.DataFrame:
    numbers = dict.fromkeys(("spacing_*", "low", "median", "high", "foreground"), float)
    found = read_written(folder / VOLUMES, {"shape_*": int, **numbers})
    return found.fillna({"orientation": ""}).set_index("scan")
