"""New patients, who come as files and text: their names, and their slices, some patients at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fusekit.data import SlicePolicy, cut, read, read_table
from fusekit.data.own.series import as_trained
from fusekit.errors import DataError

#: So many threads read, so many patients ahead of the one that is asked for.
READERS, AHEAD = 2, 64


class Part(NamedTuple):
    """Some slices."""

    images: np.ndarray | None  # (n, H, W) or (n, S, S, S) grey levels; None where no image is read
    owners: list[int]  # row of the patient of each
    positions: list[int]  # of each in its volume


def names_of(patients: pd.DataFrame, source: str) -> pd.DataFrame:
    """Subject and scan of each row as text, numbered where they have no names; DataError if one is empty or twice."""
    names = pd.DataFrame(index=range(len(patients)))
    for column in ("subject", "scan"):
        given = patients[column] if column in patients else pd.Series(range(1, len(patients) + 1))
        texts = given.map(str).str.strip().where(given.notna(), "").reset_index(drop=True)
        if (texts == "").any():
            row = int((texts == "").argmax()) + 1
            raise DataError(f"{source}, patient {row}: {column} is empty. Name every patient, or leave the column out.")
        names[column] = texts
    if (again := names.duplicated()).any():
        row = int(again.argmax())
        raise DataError(
            f"{source}, patient {row + 1}: scan {names['scan'][row]} of subject {names['subject'][row]} is there "
            "twice. Scans of one subject need names of their own in a column 'scan', or no such column."
        )
    return names


def one_patient(image: Any, clinical: Any, mask: str | Path | None = None, sheet: str = "") -> pd.DataFrame:
    """One patient's row, from paths of image, mask and a table of one row (else DataError), or a mapping of values."""
    row = pd.DataFrame([dict(clinical)]) if isinstance(clinical, Mapping) else pd.DataFrame(index=[0])
    if isinstance(clinical, str | Path):
        row = read_table(Path(clinical), sheet=sheet)
        if len(row) != 1:
            raise DataError(f"{clinical} has {len(row)} rows; one image goes with one row.")
    if mask is not None:
        row = row.assign(mask=str(mask))
    return row if image is None else row.assign(image=str(image))


def slices_of(
    patients: pd.DataFrame, policy: SlicePolicy, size: int, together: int, series: Mapping[str, Any] | None = None
) -> Iterator[Part]:
    """Slices of all patients in order, in parts of ``together`` or more but the last; the next are read meanwhile."""
    images, owners, positions = [], list[int](), list[int]()
    for number, (own, at, _) in enumerate(_read_ahead(patients, policy, size, series)):
        images.append(own)
        owners += [number] * len(at)
        positions += at
        if len(owners) >= together or number + 1 == len(patients):
            yield Part(np.concatenate(images), owners, positions)
            images, owners, positions = [], [], []


def cut_patient(
    patient: Mapping[Any, Any], policy: SlicePolicy, size: int, series: Mapping[str, Any] | None = None
) -> tuple[np.ndarray, list[int], bool]:
    """Slices of a patient's volume, where each lies in it, and whether the file says how it lies in the body.

    ``series``: which DICOM series the training took (``Wanted.as_json``); None for any.
    """
    path = patient.get("mask")
    masked = policy.largest and not pd.isna(path) and str(path).strip()
    volume = read(as_trained(Path(patient["image"]), series))
    images, positions = cut(volume, policy, size, read(Path(str(path))) if masked else None)
    return images, positions, bool(volume.orientation)


def _read_ahead(
    patients: pd.DataFrame, policy: SlicePolicy, size: int, series: Mapping[str, Any] | None
) -> Iterator[tuple[np.ndarray, list[int], bool]]:
    waiting: deque[Future[tuple[np.ndarray, list[int], bool]]] = deque()
    pool = ThreadPoolExecutor(READERS)
    try:
        for patient in patients.to_dict("records"):
            waiting.append(pool.submit(cut_patient, patient, policy, size, series))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
