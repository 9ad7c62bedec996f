"""What a recipe holds of a scan instead of image and values: digests that only who has the image can compare."""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data.cohort import Cohort, Column
from fusekit.data.images import volume as images
from fusekit.data.images.channels import IMAGE as IMAGE_COLUMN
from fusekit.data.images.channels import columns_of
from fusekit.data.target.follow_up import ENTRY
from fusekit.progress import Progress

#: Put before the voxels when a scan's key is made, so that the key is none of the digests that are published.
KEY_TAG = b"fusekit-recipe-key"

#: Groups of a cohort that a recipe passes on; the others (age, sex, site, dates ...) stay behind.
PUBLISHED = ("visit", "image_id")

#: Columns of ``digest_scans``: of the image, and, keyed by the image, of its label, its mask and each table's values.
IMAGE, LABEL, MASK, VALUES = "image_sha256", "label_hmac", "mask_hmac", "values_hmac:"


def digest_voxels(data: np.ndarray) -> tuple[str, bytes]:
    """Return the digest of a volume (X, Y, Z), and the key that cannot be had without its voxels.

    The digest is SHA-256 of ``"X,Y,Z;"`` and the voxels as little-endian float32 in C order; the key is SHA-256 of
    ``KEY_TAG`` and the same bytes. The orientation is closest-canonical: neither container nor stored orientation
    matters.
    """
    shape = (",".join(map(str, data.shape)) + ";").encode()
    public, secret = hashlib.sha256(shape), hashlib.sha256(KEY_TAG + shape)
    for plane in data:  # one plane at a time: no second copy of a volume in memory
        voxels = np.ascontiguousarray(plane + np.float32(0), dtype="<f4").tobytes()  # -0 becomes 0, which equals it
        public.update(voxels)
        secret.update(voxels)
    return public.hexdigest(), secret.digest()


def keyed(key: bytes, message: Sequence[Any]) -> str:
    """HMAC-SHA256 of a message as JSON, whose quoting keeps its parts apart whatever they hold."""
    return hmac.new(key, json.dumps(message, separators=(",", ":")).encode(), hashlib.sha256).hexdigest()


def keyed_values(key: bytes, subject: str, table: str, row: Mapping[str, float | str | None]) -> str:
    """Digest of a scan's values (column -> ``plain``) from one table: it changes if and only if a value does.

    The subject is part of the message, so that subjects who share their values do not show.
    """
    return keyed(key, ["values", subject, table, sorted(row.items())])


def plain(value: Any, kind: str) -> float | str | None:
    """Return a value as the digest takes it: a float (17 digits count), text, or None where missing."""
    if value is None or pd.isna(value):
        return None
    return float(value) + 0.0 if kind == "number" else str(value)  # -0 becomes 0, which equals it


def table_of(column: Column) -> str:
    """Return the table that a column was read from: of ``TABLE.COLUMN`` or ``TABLE: COLUMN``, what comes first."""
    table, colon, _ = column.source.partition(": ")
    return table if colon else column.source.rpartition(".")[0] or column.source


def digest_scans(
    cohort: Cohort, columns: Sequence[Column], progress: Progress, workers: int | None = None
) -> pd.DataFrame:
    """Read every image once, and return what a recipe holds of each scan, in the order of the cohort.

    As many volumes are in memory as there are threads; by default one per core, at most 8. The text columns are
    subject, visit and image_id if the cohort has them, ``image_sha256``, and ``image_sha256:NAME`` of each further
    image, ``label_hmac``, ``mask_hmac`` if it has masks ("" for a scan without), and a ``values_hmac:TABLE`` for each
    table that columns come from.
    """
    tables: dict[str, list[Column]] = {}
    for column in columns:
        tables.setdefault(table_of(column), []).append(column)
    masked = "mask" in cohort.scans
    _, *others = columns_of(cohort.images).items()
    further = {f"{IMAGE}:{name}": column for name, column in others}

    def one(place: int) -> dict[str, str]:
        scan, values = cohort.scans.iloc[place], cohort.clinical.iloc[place]
        digest, key = digest_voxels(images.read(Path(scan[IMAGE_COLUMN])).data)
        subject, label = str(scan["subject"]), scan["label"]
        name = cohort.classes[int(label)] if label in range(len(cohort.classes)) else str(label)
        row = {"subject": subject, **{group: str(scan[group]) for group in PUBLISHED if group in cohort.groups}}
        row[IMAGE] = digest
        row |= {name: digest_voxels(images.read(Path(scan[c])).data)[0] for name, c in further.items()}
        entered = [str(scan[ENTRY])] if ENTRY in scan else []
        row |= {LABEL: keyed(key, ["label", subject, name, *entered])}
        if masked:
            mask = scan["mask"]
            drawn = isinstance(mask, Path)
            row[MASK] = keyed(key, ["mask", digest_voxels(images.read(mask).data)[0]]) if drawn else ""
        for table, those in tables.items():
            own = {column.name: plain(values[column.name], column.kind) for column in those}
            row[VALUES + table] = keyed_values(key, subject, table, own)
        return row

    count, pool = len(cohort.scans), ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1))
    try:
        rows = list(progress.track(pool.map(one, range(count)), "Hashing images", count, "scans"))
    finally:
        pool.shutdown(cancel_futures=True)
    index = pd.Index(cohort.scans.index.map(str), name="scan", dtype=str)
    names = ["subject", *(group for group in PUBLISHED if group in cohort.groups), IMAGE, *further, LABEL]
    names += [*[MASK] * masked, *(VALUES + table for table in tables)]
    return pd.DataFrame(rows, index=index, columns=names, dtype=str)
