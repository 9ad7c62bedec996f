"""The slice store: every slice of a cohort in one contiguous file, cut once and shared by every run."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data import images
from fusekit.data.cohort import Finding
from fusekit.data.policy import SlicePolicy
from fusekit.data.slices import cut
from fusekit.errors import DataError
from fusekit.extension import catalog
from fusekit.progress import Progress

#: Part of every fingerprint: raise it when the same files would give other slices.
FORMAT = 1

IMAGES, ROWS, DESCRIPTION = "images.npy", "rows.csv", "store.json"
_Cut = tuple[str, np.ndarray, list[int], tuple[str, ...]]  # scan, slices, their indices, the reader's notes
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class SliceStore:
    """The slices of a cohort's scans.

    Args:
        folder: where it lies.
        images: (N, H, W) uint8, mapped from disk: only what is looked at is read.
        rows: index ``row`` (0 to N-1); columns ``scan`` and ``slice`` (the index along the volume's axis).
        findings: what was noted about the volumes.
        fingerprint: of the image files, the policy and the size.
    """

    folder: Path
    images: np.ndarray
    rows: pd.DataFrame
    findings: tuple[Finding, ...]
    fingerprint: str

    @classmethod
    def open(cls, folder: Path) -> SliceStore:
        """Open a store that was built before.

        Raises:
            DataError: it is not one, or was damaged.
        """
        try:
            description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
            rows = pd.read_csv(folder / ROWS, index_col="row", dtype={"scan": str}, keep_default_na=False)
            pixels = np.load(folder / IMAGES, mmap_mode="r", allow_pickle=False)
            findings = tuple(
                Finding(found["code"], found["message"], tuple(found["items"])) for found in description["findings"]
            )
            size, policy = description["size"], SlicePolicy(**description["slices"])
            expected = (len(rows), *[size] * (3 if policy.plane == "volume" else 2))
            fingerprint = description["fingerprint"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder} is no slice store ({error}). Delete it; it is built again.") from error
        if pixels.shape != expected or pixels.dtype != policy.depth:
            raise DataError(
                f"{folder} is damaged: {pixels.shape} pixels where {expected} are listed. Delete it; it is built again."
            )
        return cls(folder, pixels, rows, findings, fingerprint)


def build_store(
    scans: pd.DataFrame, policy: SlicePolicy, size: int, cache: Path, progress: Progress, workers: int | None = None
) -> SliceStore:
    """Cut every scan's slices, or open the store if the same files were cut in the same way before.

    Volumes are read by a pool of threads, which share the loaded plugins and need no guarded main module; reading,
    decompressing and scaling leave the interpreter's lock. The result does not depend on their number.

    Args:
        scans: index ``scan`` (text); column ``image`` (Path).
        policy: which slices.
        size: their height and width in pixels.
        cache: folder that holds stores, each in a folder of its own.
        progress: shows one step a scan.
        workers: threads; None for one a core, at most 8.

    Raises:
        DataError: a volume cannot be read or cut (the message names the file); the disk is full or read-only. Nothing
            half-written stays behind.
    """
    fingerprint = fingerprint_of(scans, policy, size)
    folder = cache / f"slices-{fingerprint[:20]}"
    if not folder.exists():
        _build(scans, policy, size, folder, fingerprint, progress, workers or min(8, os.cpu_count() or 1))
    return SliceStore.open(folder)


def fingerprint_of(scans: pd.DataFrame, policy: SlicePolicy, size: int) -> str:
    """SHA-256 of what decides a store's content: files (path, size, time of change), readers, policy, size, format.

    Raises:
        DataError: an image is missing.
    """
    readers = [str(plugin) for plugin in catalog().host.implementing("read_image")]
    files = [[str(scan), *_stamp(Path(path))] for scan, path in scans["image"].items()]
    content = json.dumps([FORMAT, policy.as_json(), size, readers, files])
    return hashlib.sha256(content.encode()).hexdigest()


def _stamp(path: Path) -> list[Any]:
    """Path, then size and time of change of every file that the image may be read from."""
    try:
        if path.name.lower().endswith((".nii", ".nii.gz", ".mgz")):
            parts = [path]
        else:  # a series has a file a slice, an Analyze image two files
            path.stat()
            parts = [part for part in (path if path.is_dir() else path.parent).iterdir() if part.is_file()]
        stats = [(part.name, part.stat()) for part in sorted(parts)]
    except OSError as error:
        raise DataError(f"{path}: the image cannot be read: {error.strerror}.") from error
    return [str(path.absolute()), *[[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]]


def _build(
    scans: pd.DataFrame,
    policy: SlicePolicy,
    size: int,
    folder: Path,
    fingerprint: str,
    progress: Progress,
    workers: int,
) -> None:
    written = 0
    partial: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = folder.with_name(f".{folder.name}-{secrets.token_hex(6)}")
        partial.mkdir()
        rows: list[tuple[str, int]] = []
        notes: dict[str, list[str]] = {}
        done = 0
        cuts = _cut_all(scans, policy, size, progress, workers)
        with (partial / IMAGES).open("wb") as file, closing(cuts):
            shape = [size] * (3 if policy.plane == "volume" else 2)
            _write_header(file, (0, *shape), policy.depth)
            # Written as a stream: a full disk is an error here, and would be a crash in a memory map.
            for scan, pixels, indices, found in cuts:
                written, done = written + pixels.nbytes, done + 1
                file.write(pixels.tobytes())
                rows += [(scan, index) for index in indices]
                for note in found:
                    notes.setdefault(note, []).append(scan)
            file.seek(0)
            _write_header(file, (len(rows), *shape), policy.depth)
        pd.DataFrame(rows, columns=["scan", "slice"]).rename_axis("row").to_csv(partial / ROWS, lineterminator="\n")
        description = {
            "format": FORMAT,
            "fingerprint": fingerprint,
            "slices": policy.as_json(),
            "size": size,
            "findings": [Finding("image-note", f"{note}.", tuple(items)).as_json() for note, items in notes.items()],
        }
        (partial / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        try:
            partial.replace(folder)
        except OSError:
            if not folder.exists():  # else another process finished first, with the same content
                raise
    except OSError as error:
        if error.errno in _FULL:
            need = ceil(written / max(1, done) * len(scans) / 2**20)
            raise DataError(
                f"the disk is full: the slices of {len(scans)} scans need about {need:,} MiB in {folder.parent}. "
                "Make room there, or set FUSEKIT_CACHE to another folder."
            ) from error
        raise DataError(f"the slice store cannot be written to {folder.parent}: {error.strerror}.") from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)


def _cut_all(scans: pd.DataFrame, policy: SlicePolicy, size: int, progress: Progress, workers: int) -> Generator[_Cut]:
    """Cut in parallel, pass on in the order of the scans."""

    def one(item: tuple[Any, Any]) -> _Cut:
        scan, path = item
        volume = images.read(Path(path))
        return str(scan), *cut(volume, policy, size), volume.notes

    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(one, item) for item in scans["image"].items()]
        try:
            for future in progress.track(futures, "Cutting slices", len(futures), "scans"):
                yield future.result()
        finally:
            for future in futures:
                future.cancel()


def _write_header(file: Any, shape: tuple[int, ...], depth: str) -> None:
    # numpy leaves room in the header for its first axis to grow, so this one can be written again over the first.
    header = {"descr": np.lib.format.dtype_to_descr(np.dtype(depth)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
