"""New patients, who come as files and text: their names, and their slices, some patients at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from fusekit.data import ClinicalEncoding, SlicePolicy, read_table
from fusekit.data.absence import available
from fusekit.data.clinical.tables import refuse_rounded
from fusekit.data.images.channels import IMAGE, MASK, image_columns, read_scan
from fusekit.data.own.images.series import as_trained
from fusekit.data.slices.cut import cut_channels
from fusekit.errors import DataError, OptionError
from fusekit.extension.registry import suggest

#: Image -> which DICOM series, and which of its volumes, the training took (``Wanted.as_json``).
Series = Mapping[str, Mapping[str, Any]]

#: Slices of a patient, where each lies in its volume, and whether the files say how they lie in the body.
Cut: TypeAlias = tuple[np.ndarray, list[int], bool]

#: So many threads read, so many patients ahead of the one that is asked for.
READERS, AHEAD = 2, 64


class Predictions(NamedTuple):
    """What a bundle says of patients.

    Attributes:
        slices: one row per slice: subject, scan, slice, p_0, p_1, ... as the model gives them, called. Of a number
            ``predicted`` instead.
        subjects: one row per subject: subject, scans, slices, p_0, p_1, ..., called (or ``predicted``); where the run
            fitted them, ``threshold`` (class 1 is called above it) and ``temperature``, by which p_0, p_1, ... are
            calibrated. Of a model with ``conformal`` also ``set``, of a number ``low`` and ``high``; of an average
            also what ``AverageBundle.disagreement`` gives.
    """

    slices: pd.DataFrame
    subjects: pd.DataFrame


class Part(NamedTuple):
    """Some slices."""

    images: np.ndarray | None  # (n, C, H, W) or (n, C, S, S, S) grey levels; None where no image is read
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
        refuse_rounded(given, source)
        names[column] = texts
    if (again := names.duplicated()).any():
        row = int(again.argmax())
        raise DataError(
            f"{source}, patient {row + 1}: scan {names['scan'][row]} of subject {names['subject'][row]} is there "
            "twice. Scans of one subject need names of their own in a column 'scan', or no such column."
        )
    return names


def one_patient(image: Any, clinical: Any, mask: str | Path | None = None, sheet: str = "") -> pd.DataFrame:
    """One patient's row, from paths of image, mask and a table of one row (else DataError), or a mapping of values.

    ``image`` is a path, or a mapping of the names of images to paths.
    """
    row = pd.DataFrame([dict(clinical)]) if isinstance(clinical, Mapping) else pd.DataFrame(index=[0])
    if isinstance(clinical, str | Path):
        row = read_table(Path(clinical), sheet=sheet)
        if len(row) != 1:
            raise DataError(f"{clinical} has {len(row)} rows; one image goes with one row.")
    if mask is not None:
        row = row.assign(mask=str(mask))
    if image is None:
        return row
    named = {f"{IMAGE}:{name}": path for name, path in image.items()} if isinstance(image, Mapping) else {IMAGE: image}
    others = [name for name in image_columns(row) if name in row]  # what is given here counts
    return row.drop(columns=others).assign(**{column: str(path) for column, path in named.items()})


def files_of(given: Sequence[str], images: Sequence[str]) -> dict[str, Path]:
    """``NAME=PATH`` for each of a model's images, in any order; of a model of one image, its path will do.

    OptionError where a name is unknown, missing, or there twice.
    """
    if len(images) == 1 and len(given) == 1 and not given[0].startswith(f"{images[0]}="):
        return {images[0]: Path(given[0])}
    found = dict[str, Path]()
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or name not in images:
            near = suggest(name, list(images)) if equals else f"it reads {', '.join(images)}."
            raise OptionError(f"--image {text}: give NAME=PATH, with a name of this model's images; {near}")
        if name in found:
            raise OptionError(f"--image {name} is given twice: {found[name]} and {path}.")
        found[name] = Path(path)
    if absent := [name for name in images if name not in found]:
        raise OptionError(
            f"this model reads {len(images)} images of each patient ({', '.join(images)}), and there is none for "
            f"{', '.join(absent)}. Give --image {absent[0]}=PATH."
        )
    return found


def paths_in(patients: pd.DataFrame, images: Sequence[str], source: str, absent: Sequence[str] = ()) -> dict[str, str]:
    """Image -> column of its paths: ``image:NAME``, or ``image`` for the first; DataError if one is absent.

    Without any column, and where a patient may lack the image, there is none.
    """
    columns = {name: f"{IMAGE}:{name}" for name in images}
    if IMAGE in patients and columns[images[0]] in patients:
        raise DataError(f"{source} has the columns {IMAGE!r} and {columns[images[0]]!r}, which are one. Remove one.")
    if IMAGE in patients:
        columns[images[0]] = IMAGE
    lacking = [name for name in images if columns[name] not in patients]
    if not lacking:
        return columns
    if IMAGE in absent and len(lacking) == len(images):
        return {}
    if len(images) == 1:
        raise DataError(f"{source} has no column 'image', the path of each patient's scan, which this model reads.")
    there = [name for name in image_columns(patients) if name in patients]
    raise DataError(
        f"{source} has no image called {', '.join(lacking)}: this model reads {', '.join(images)}, whose paths lie in "
        f"the columns {', '.join(map(repr, columns.values()))}; there are {', '.join(map(repr, there)) or 'none'}."
    )


def present_of(
    patients: pd.DataFrame, columns: Mapping[str, str], values: pd.DataFrame, absent: Sequence[str], source: str
) -> pd.DataFrame:
    """Which patients have an image, and which any of the values that are read: columns image and table, bool.

    ``columns`` are those of the images' paths. DataError if one that may lack an image has a part of its images, or
    if one has nothing that is read.
    """
    given = pd.DataFrame({name: _given(patients[column]) for name, column in columns.items()}, patients.index)
    found = pd.DataFrame({"image": given.any(axis=1), "table": values.notna().any(axis=1)}).reset_index(drop=True)
    if not absent:
        return found.assign(image=True, table=True)
    partly, nothing = (given.any(axis=1) & ~given.all(axis=1)).to_numpy(), ~found.any(axis=1).to_numpy()
    reads = ", ".join([*columns, *map(str, values)][:6])
    for wrong, has in ((partly, "a part of its images"), (nothing, "nothing to go by")):
        if wrong.any():
            raise DataError(f"{source}, patient {int(wrong.argmax()) + 1} has {has}: this model reads {reads}.")
    return found


def available_of(present: pd.DataFrame, names: pd.DataFrame) -> pd.Series:
    """What the scans of each subject have, in words; ``present`` is as ``present_of`` gives it."""
    said = available(present).groupby(names["subject"])
    return said.agg(lambda own: ", ".join(dict.fromkeys(own)))


def values_of(
    patients: pd.DataFrame,
    encoding: ClinicalEncoding | None,
    source: str,
    allow_out_of_range: bool,
    absent: Sequence[str] = (),
) -> pd.DataFrame:
    """Typed clinical values of the patients, one line each; without columns if the model reads none.

    DataError if a column is missing, or a value does not fit; all may be missing where a table may be absent.
    """
    if encoding is None:
        return pd.DataFrame(index=patients.index)
    names = [column.name for column in encoding.columns]
    if not any(name in patients for name in names):
        if "table" not in absent:
            raise DataError(
                f"{source} has none of the {len(names)} clinical columns that this model reads: "
                f"{', '.join(names[:5])}{', ...' if len(names) > 5 else '.'} Give a table of them (--clinical)."
            )
        patients = pd.DataFrame("", patients.index, names)
    values = encoding.parse(patients, source=source)
    encoding.check(values, source=source, allow_out_of_range=allow_out_of_range)
    return values


def _given(paths: pd.Series) -> pd.Series:
    return paths.notna() & (paths.map(str).str.strip() != "")


def slices_of(
    patients: pd.DataFrame,
    cut: Callable[[Mapping[Any, Any]], Cut],
    blank: np.ndarray,
    with_image: Sequence[bool],
    together: int,
) -> Iterator[Part]:
    """Slices of all patients in order, in parts of ``together`` or more but the last; the next are read meanwhile.

    ``cut`` makes them of a patient. One without an image (``with_image``) has ``blank`` (1, C, *S).
    """
    images, owners, positions = [], list[int](), list[int]()
    nothing: Cut = (blank, [0], True)
    work = (
        partial(cut, patient) if there else lambda: nothing
        for patient, there in zip(patients.to_dict("records"), with_image, strict=True)
    )
    for number, (own, at, _) in enumerate(_ahead(work)):
        images.append(own)
        owners += [number] * len(at)
        positions += at
        if len(owners) >= together or number + 1 == len(patients):
            yield Part(np.concatenate(images), owners, positions)
            images, owners, positions = [], [], []


def cut_patient(
    patient: Mapping[Any, Any], columns: Mapping[str, str], policy: SlicePolicy, size: int, series: Series
) -> Cut:
    """Slices of a patient's volume; ``columns`` are those of the paths of each image."""
    path = patient.get(MASK)
    given = not pd.isna(path) and bool(str(path).strip())
    if policy.mask != "choose" and not given:
        raise DataError(
            f"{patient[next(iter(columns.values()))]}: this model looks at the mask of every image "
            f"(slices.mask={policy.mask}), and there is none. Give it: --mask, or a column 'mask'."
        )
    paths = {name: as_trained(Path(patient[column]), series.get(name)) for name, column in columns.items()}
    scan = read_scan(paths, Path(str(path)) if given and policy.masked else None, policy.colour)
    images, positions = cut_channels(scan.images, policy, size, scan.mask)
    return images, positions, all(volume.orientation for volume in scan.files)


def _ahead(work: Iterable[Callable[[], Cut]]) -> Iterator[Cut]:
    waiting: deque[Future[Cut]] = deque()
    pool = ThreadPoolExecutor(READERS)
    try:
        for one in work:
            waiting.append(pool.submit(one))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
