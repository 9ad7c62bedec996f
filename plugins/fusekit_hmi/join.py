"""From rows and files to scans: joined by the table's own paths, or by the patient's id, never by position."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from fusekit.data import Finding
from fusekit.errors import DataError
from fusekit.progress import Progress
from fusekit_hmi.clinical import MISSING
from fusekit_hmi.ids import ids_in
from fusekit_hmi.images import Found, is_picture, stem
from fusekit_hmi.notes import first_ten, note
from fusekit_hmi.places import inside
from fusekit_hmi.series import Series, series_in
from fusekit_hmi.table import Table, whole_patients


@dataclass(frozen=True)
class Scan:
    """An image with the row it belongs to.

    Args:
        line: of the table.
        image: what ``fusekit.data.read`` takes.
        series: what is known of it.
    """

    line: int
    image: Path
    series: Series


def by_path(
    table: Table, found: Found, wanted: str, findings: list[Finding], progress: Progress
) -> tuple[list[Scan], int]:
    """Join the rows to the images that they name; also say how many images there are, in use or not.

    Raises:
        DataError: a path leads out of the folder, nowhere, or to several series; two rows name one image. With lines.
    """
    assert table.image is not None
    empty = table.rows[table.image].str.lower().isin(MISSING)
    gone, further = whole_patients(table.subject, empty)
    _note_patients(table, gone, findings)
    note(findings, "row-without-image", f"rows of {table.path.name} without an image in the table, left out", further)
    scans, lost, unused = [], [], list[Series]()
    rows = table.rows[table.image][~empty]
    for line, text in progress.track(list(rows.items()), "looking at images", len(rows), "images"):
        path = inside(found.folder, str(text), f"{table.path}, line {line}, column {table.image!r}")
        if not path.exists():
            lost.append(f"line {line}: {text}")
        elif path in found.series:
            there = series_in(path, found.series[path], findings)
            series = _chosen(there, wanted)
            unused += [each for each in there if each not in series]
            if len(series) != 1:
                raise DataError(f"{table.path}, line {line}: {text} holds {_several(series, found.folder, wanted)}")
            scans.append(Scan(int(str(line)), series[0].path, series[0]))
        elif path.is_dir():
            raise DataError(
                f"{table.path}, line {line}: the folder {text} holds no DICOM files itself; name the image."
            )
        else:
            scans.append(Scan(int(str(line)), path, Series(path)))
    if lost:
        raise DataError(f"{table.path}, column {table.image!r}: {len(lost)} images do not exist: {first_ten(lost)}.")
    counts = Counter(scan.image.resolve() for scan in scans)
    twice = [f"line {s.line}: {s.image.relative_to(found.folder)}" for s in scans if counts[s.image.resolve()] > 1]
    if twice:
        raise DataError(f"{table.path}: rows that name the same image: {first_ten(twice)}. An image has one row.")
    used = {part for scan in scans for part in (scan.image, scan.image.parent)}
    rest = [path for path in (*found.volumes, *found.series) if path not in used]
    rest += [path for path in found.pictures if path not in {scan.image for scan in scans}]
    message = "images that no row names, left out"
    note(findings, "image-without-row", message, _relative(rest, found.folder), dropped="scans")
    _note_unused(unused, wanted, found.folder, findings)
    return scans, len(scans) + len(unused) + len(rest)


def by_id(
    table: Table, found: Found, wanted: str, findings: list[Finding], progress: Progress
) -> tuple[list[Scan], int]:
    """Join the rows to the images whose folder or file is called after the patient.

    Pictures are many a patient; of volumes a patient has one, or ``wanted`` says which. Also says how many images there
    are, in use or not.

    Raises:
        DataError: an image is of several patients, a patient has several volumes, or both volumes and pictures.
    """
    ids = {str(subject).lower(): str(subject) for subject in table.subject}
    lines = {str(subject): int(str(line)) for line, subject in table.subject.items()}
    images = [Series(path) for path in found.volumes]
    folders = list(found.series.items())
    for folder, files in progress.track(folders, "looking at DICOM series", len(folders), "folders"):
        images += series_in(folder, files, findings)
    own: dict[str, list[Series]] = {subject: [] for subject in ids.values()}
    strangers, unclear, contradicted = [], [], []
    images += map(Series, found.pictures)
    for image in images:
        named = ids_in(_parts(image.path, found.folder), ids)
        header = ids.get(image.patient.lower())
        if not named and header:
            named = [header]
        if len(named) > 1:
            unclear.append(f"{image.path.relative_to(found.folder)}: {' or '.join(named)}")
        elif named:
            own[named[0]].append(image)
            if header and header != named[0]:
                contradicted.append(f"{image.path.relative_to(found.folder)}: PatientID {image.patient}")
        else:
            strangers.append(image.path)
    if unclear:
        raise DataError(
            f"{len(unclear)} images could be of several patients of {table.path.name}: {first_ten(unclear)}. "
            "Give each patient a folder called as the id, or name images in a column 'image'."
        )
    note(
        findings,
        "id-contradicted",
        "images whose DICOM header names another patient of the table than their folder or file, which counts",
        contradicted,
        severity="warning",
        advice="Find out whose images these are before you trust any result.",
    )
    note(
        findings,
        "image-without-row",
        "images of no patient with a row and a label, left out",
        _relative(strangers, found.folder),
        dropped="scans",
    )
    without = [f"{subject} (line {lines[subject]})" for subject, theirs in own.items() if not theirs]
    _note_patients(table, without, findings)
    return _of_patients(own, lines, found.folder, wanted, findings), len(images)


def _of_patients(
    own: dict[str, list[Series]], lines: dict[str, int], folder: Path, wanted: str, findings: list[Finding]
) -> list[Scan]:
    scans, several, unwanted, unused = [], [], [], list[Series]()
    along = 0
    for subject, theirs in own.items():
        chosen = _chosen(theirs, wanted, folder)
        pictures = [image for image in chosen if is_picture(image.path)]
        if theirs and not chosen:
            unwanted.append(f"{subject}: {_list(theirs, folder)}")
            along += len(theirs)
        elif len(chosen) > 1 and len(pictures) < len(chosen):
            several.append(f"{subject} (line {lines[subject]}): {_list(chosen, folder)}")
        else:
            unused += [image for image in theirs if image not in chosen]
        scans += [Scan(lines[subject], image.path, image) for image in chosen]
    message = f"patients without a series that is called {wanted!r}, left out"
    note(findings, "other-series", message, unwanted, dropped="subjects", along=along)
    _note_unused(unused, wanted, folder, findings)
    if several:
        raise DataError(
            f"{len(several)} patients have several volumes{f' called {wanted!r}' if wanted else ''}: "
            f"{first_ten(several)}. Choose by a part of the series' description, or of the file's or folder's name: "
            "-o task.series=TEXT"
        )
    return scans


def _chosen(images: list[Series], wanted: str, folder: Path | None = None) -> list[Series]:
    """Those whose description or path, below the data folder, holds a text."""

    def shown(image: Series) -> str:
        path = image.path.relative_to(folder).as_posix() if folder else ""
        return f"{image.description}\n{path}".lower()

    return [image for image in images if wanted.lower() in shown(image)]


def _several(series: list[Series], folder: Path, wanted: str) -> str:
    called = f" called {wanted!r}" if wanted else ""
    if not series:
        return f"no CT series{called}."
    return f"{len(series)} series{called}: {_list(series, folder)}. Choose one: -o task.series=TEXT"


def _list(series: list[Series], folder: Path) -> str:
    shown = [
        f"{image.path.relative_to(folder).as_posix()}" + (f" [{image.description}]" if image.description else "")
        for image in series
    ]
    return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "")


def _parts(path: Path, folder: Path) -> tuple[str, ...]:
    *above, last = path.relative_to(folder).parts if path != folder else ("",)
    return (*above, last if path.is_dir() else stem(Path(last)))


def _relative(paths: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


def _note_patients(table: Table, without: list[str], findings: list[Finding]) -> None:
    message = f"patients of {table.path.name} without an image, left out"
    note(findings, "row-without-image", message, without, dropped="subjects", along=0)


def _note_unused(series: list[Series], wanted: str, folder: Path, findings: list[Finding]) -> None:
    message = f"further images of patients in use, not called {wanted!r}, left aside"
    listed = [_list([each], folder) for each in series]
    note(findings, "unused-series", message, listed, dropped="scans", along=0)
