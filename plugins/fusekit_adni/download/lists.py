"""Image lists: the visit and the field strength of images, as collections, searches and today's tables list them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from fusekit.data import read_table
from fusekit.data.clinical.tables import read_header
from fusekit.errors import DataError
from fusekit_adni.download.loni import SUBJECT
from fusekit_adni.labels.visits import UNTIMED


@dataclass(frozen=True)
class _Kind:
    """Names of a list's columns."""

    image: str
    subject: str
    visits: tuple[str, ...]  # the first that is there
    whole: bool  # whether it lists what was asked for, and not every image of the archive


#: Collections, searches, and today's tables, such as Key_MRI, Key_PET and All_Images.
_KINDS = (
    _Kind("Image Data ID", "Subject", ("Visit",), whole=True),
    _Kind("Image ID", "Subject ID", ("Visit",), whole=True),
    _Kind("image_id", "subject_id", ("image_visit", "mri_visit", "visit", "VISCODE2", "pet_visit"), whole=False),
    _Kind("IMAGEUID", "SUBJECT", ("VISIT",), whole=False),  # MRILIST
)
#: Columns of the field strength in tesla; the protocol of a search says more (``Field Strength=3.0;Weighting=T1``).
_FIELD = ("mri_field_str", "mri_field_strength", "field_strength", "Field Strength", "MAGSTRENGTH", "Imaging Protocol")
_TESLA = re.compile(r"(?:^|Field Strength=)\s*(\d+(?:\.\d+)?)(?=\s*(?:$|;|T))", re.IGNORECASE)
#: Scanners say 1.494 or 2.894.
_NOMINAL, _TOLERANCE = (1.5, 3.0, 7.0), 0.3


def read_lists(tables: list[Path], folders: Mapping[int, str] = MappingProxyType({})) -> pd.DataFrame:
    """Read the image lists among tables: see ``_KINDS``.

    ``folders`` says in which subject's folder an image lies; an image that is listed for another is refused.

    Returns:
        Index image number; columns visit (as listed), visits (tuple of all that say a time, as a number does not),
        tesla (float; NaN where the list does not say), and whole (whether the list is of what was asked for). Of an
        image that is listed again the last visit counts that says a time.
    """
    parts = [_read(path, kind, folders) for path in tables for kind in [_kind(path)] if kind]
    if not parts:
        return pd.DataFrame({"visit": [], "visits": [], "tesla": [], "whole": []}, index=pd.Index([], dtype=int))
    rows = pd.concat(parts)
    last = rows.groupby(level=0, sort=False).last()  # of each column the last value that is one
    timed = rows["visit"][~rows["visit"].fillna("").str.strip().str.lower().str.fullmatch(UNTIMED)]
    visit = timed.groupby(level=0).last().reindex(last.index).fillna(last["visit"])
    every: dict[object, dict[str, None]] = {number: {} for number in last.index}
    for number, text in timed.dropna().items():
        every[number][text] = None
    return last.assign(visit=visit, visits=pd.Series(map(tuple, every.values()), last.index, dtype=object))


def is_list(path: Path) -> bool:
    """Whether a table is an image list, by its columns."""
    return _kind(path) is not None


def _kind(path: Path) -> _Kind | None:
    header = read_header(path)
    return next((kind for kind in _KINDS if kind.image in header and (kind.whole or kind.subject in header)), None)


def _read(path: Path, kind: _Kind, folders: Mapping[int, str]) -> pd.DataFrame:
    rows = read_table(path, required=(kind.image, kind.subject, *(kind.visits if kind.whole else ())))
    rows = rows if kind.whole else rows[rows[kind.image] != ""]  # a table of visits, some of which have an image
    numbers = rows[kind.image].str.extract(r"^I?(\d+)(?:\.0*)?$")[0]
    if numbers.isna().any():
        line = numbers.index[numbers.isna()][0]
        raise DataError(f"{path}, line {line}, column {kind.image!r}: {rows.loc[line, kind.image]!r} is no image id.")
    numbers = numbers.astype(int)
    for line, number, subject in zip(rows.index, numbers, rows[kind.subject], strict=True):
        folder = folders.get(number, subject)
        if folder != subject and SUBJECT.fullmatch(subject):
            raise DataError(
                f"{path}, line {line}, column {kind.subject!r}: image I{number} is listed for {subject}, but lies in "
                f"the folder of {folder}. Correct whichever is wrong."
            )
    visit = next((rows[name] for name in kind.visits if name in rows), pd.Series("", index=rows.index))
    field = next((rows[name] for name in _FIELD if name in rows), pd.Series("", index=rows.index))
    tesla = field.str.extract(_TESLA)[0].astype(float)
    for nominal in _NOMINAL:
        tesla = tesla.mask((tesla - nominal).abs() < _TOLERANCE, nominal)
    listed = pd.DataFrame({"visit": visit.where(visit != "", None), "tesla": tesla, "whole": kind.whole})
    return listed.set_axis(numbers.rename(None))
