"""A task made of a TOML: somebody's own images and table, without a plugin."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from fusekit.data.cohort import Cohort, Column, Finding
from fusekit.data.own_columns import classes_of, decides, duplicates, group, typed
from fusekit.data.own_format import OwnData, read_own
from fusekit.data.own_images import Matches, match_images
from fusekit.data.own_join import Joined, join
from fusekit.data.own_places import Pattern, alike
from fusekit.data.own_problems import Problems
from fusekit.data.task import Task
from fusekit.errors import DataError, first_ten
from fusekit.progress import Progress


def is_own(task: str) -> bool:
    """Whether a task's name is the path of a TOML that describes somebody's own data."""
    return str(task).lower().endswith(".toml")


def name_of(task: str) -> str:
    """What to call a task: of a TOML, its file name without ending."""
    return Path(task).stem if is_own(task) else task


class OwnTask(Task):
    """A cohort that a TOML describes: images, table, subject, label, columns.

    Args:
        path: the TOML.

    Raises:
        DataError: what is wrong in the TOML itself, all of it at once.
    """

    def __init__(self, path: Path):
        self.own: OwnData = read_own(path)
        self.title = self.own.title
        self.classes = tuple(self.own.classes)
        self.metrics = self.own.metrics
        self.subgroups = self.own.subgroups or (*self._describing(), *Task.subgroups)
        self.folder = self.own.folder
        self.paper = self.synthetic = self.own.preset
        self._leaks: dict[str, str] = {}

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        """Read the tables and find the images, joined by id.

        Raises:
            DataError: everything that does not fit, at once, with files, lines and columns.
        """
        own, problems, findings = self.own, Problems(self.own.path), list[Finding]()
        if not folder.is_dir():
            raise DataError(f"{own.path}: there is no data folder {folder}.")
        joined = join(folder / own.table, own.tables, problems, findings)
        with problems.gather():
            joined.require(_named(own))
        if own.label not in joined.homes or own.subject not in joined.homes:
            problems.refuse()
        labels = pd.Series(0, joined.lines)
        with problems.gather():
            where = f"{joined.homes[own.label].path}, column {own.label!r}"
            labels = classes_of(joined.cells(own.label), own.classes, own.leave_out, where)
        left = labels[labels.isna()].index
        lines = labels.dropna().index
        message = "rows whose label is listed in leave_out"
        note(findings, "label-left-out", message, _subjects(joined, own, left), _lost(joined, own, left, lines))
        images = self._images(joined, own.images, folder, lines, problems, "images")
        if images.absent and own.without_image:
            gone = pd.Index(images.absent)
            lines = lines.difference(gone)
            message = "rows left out for want of an image"
            note(findings, "row-without-image", message, _subjects(joined, own, gone), _lost(joined, own, gone, lines))
        elif images.absent:
            problems.add(
                f"{joined.path}: {len(images.absent)} rows have no image: {first_ten(images.absent.values())}. Correct "
                'the ids, or set rows_without_image = "leave out".'
            )
        masks = self._masks(joined, folder, lines, problems, findings)
        others = {path.relative_to(folder).as_posix() for path in masks.paths.values()} | set(masks.unused)
        left_over = [image for image in images.unused if image not in others]
        note(findings, "image-without-row", "images that no row asks for", left_over)
        ids = self._scan_ids(joined, lines, problems)
        clinical, columns = self._clinical(joined, lines, problems, findings, progress)
        self._check_subjects(joined, lines, labels, problems, findings)
        problems.refuse()

        kept = labels[lines]
        self._leaks = {
            name: "each of its values goes with one class"
            for name in joined.homes
            if name != own.label and decides(joined.at(name, lines), kept)
        }
        scans = pd.DataFrame(
            {
                "subject": joined.cells(own.subject).loc[lines].astype(object),
                "image": pd.Series(images.paths, dtype=object).reindex(lines),
                "label": labels[lines].astype(int),
            }
        )
        if own.masks is not None:
            scans["mask"] = pd.Series({line: masks.paths.get(line) for line in lines}, dtype=object)
        for name in own.groups:
            numbers = clinical[name] if name in clinical and clinical[name].dtype == float else None
            scans[name] = group(joined.cells(name)).loc[lines] if numbers is None else numbers
        counts = scans["label"].value_counts()
        each = ", ".join(f"{counts.get(number, 0)} {name}" for number, name in enumerate(self.classes))
        progress.say(
            f"{own.path.name}: {len(scans)} scans of {scans['subject'].nunique()} subjects ({each}), "
            f"{len(columns)} clinical columns" + (f"; positive: {self.classes[1]}" if len(self.classes) == 2 else "")
        )
        index = pd.Index(ids[lines], name="scan", dtype=object)
        return Cohort(
            scans.set_axis(index),
            clinical.set_axis(index),
            columns,
            self.classes,
            own.groups,
            tuple(findings),
            found=(len(joined.lines), _lost(joined, own, joined.lines, joined.lines[:0])),
        )

    def reason_to_leave_out(self, column: str) -> str | None:
        """The label, what identifies a row, and every column that is the label in other words (known after a scan)."""
        own = self.own
        paths = [place for place in (own.images, own.masks) if isinstance(place, str)]
        if column == own.label:
            return "the label"
        if column in (own.subject, own.scan, *paths):
            return "an identifier"
        return self._leaks.get(column)

    def _describing(self) -> tuple[str, ...]:
        """Groups that are neither label nor identifier."""
        others = (self.own.label, self.own.subject, self.own.scan)
        return tuple(name for name in self.own.groups if name not in others)

    def describe(self) -> dict[str, Any]:
        """Also what the values of each class were."""
        return {**super().describe(), "values": {name: list(values) for name, values in self.own.classes.items()}}

    def _images(
        self, joined: Joined, place: Pattern | str, folder: Path, lines: pd.Index, problems: Problems, what: str
    ) -> Matches:
        needed = place.columns if isinstance(place, Pattern) else (place,)
        if not set(needed) <= set(joined.homes):
            return Matches()  # the missing column was said already
        found = match_images(joined, place, folder, lines)
        _add(problems, found.wrong, f"{joined.path}: {len(found.wrong)} {what} in all cannot be taken.")
        return found

    def _masks(
        self, joined: Joined, folder: Path, lines: pd.Index, problems: Problems, findings: list[Finding]
    ) -> Matches:
        if self.own.masks is None:
            return Matches()
        masks = self._images(joined, self.own.masks, folder, lines, problems, "masks")
        note(findings, "scan-without-mask", "rows without a mask", masks.absent.values())
        note(findings, "mask-without-row", "masks that no row asks for", masks.unused)
        return masks

    def _scan_ids(self, joined: Joined, lines: pd.Index, problems: Problems) -> pd.Series:
        """Ids of scans by line.

        The scan column, with the subject before it where it repeats; without one the subject, and where a subject has
        several scans, what else the images are named by.
        """
        own = self.own
        subjects = joined.cells(own.subject).loc[lines]
        further = list(own.images.columns) if isinstance(own.images, Pattern) else []
        names = [own.scan] if own.scan else [name for name in further if name != own.subject]
        parts = [joined.cells(name).loc[lines] for name in names if name in joined.homes]
        whole = pd.Series(["_".join(dict.fromkeys(cells)) for cells in zip(subjects, *parts, strict=True)], lines)
        plain = parts[0] if own.scan and parts else subjects
        ids = plain if plain.is_unique else whole
        repeated = list(duplicates(ids, "scan" if own.scan else "subject"))
        if repeated:
            problems.add(
                f"{joined.path}: {len(repeated)} {'scans' if own.scan else 'subjects'} stand in several rows: "
                f"{first_ten(repeated)}. " + ("Correct them." if own.scan else 'Name the scan with scan = "column".')
            )
        return ids

    def _clinical(
        self, joined: Joined, lines: pd.Index, problems: Problems, findings: list[Finding], progress: Progress
    ) -> tuple[pd.DataFrame, tuple[Column, ...]]:
        columns, values, inferred, empty = [], {}, [], []
        for declared in self.own.columns:
            if declared.name not in joined.homes:
                continue
            with problems.gather():
                column, typed_values = typed(joined, declared, lines)
                if typed_values.isna().all():
                    empty.append(column.name)
                    continue
                columns.append(column)
                values[column.name] = typed_values
                if not declared.kind:
                    inferred.append(f"{column.name}: {column.kind}")
        note(findings, "column-without-values", "clinical columns left out: no kept row has a value", empty)
        if inferred:
            progress.say(f"kinds that the values suggest: {', '.join(inferred)}")
            note(findings, "kind-inferred", "clinical columns whose kind the values decided", inferred)
        return pd.DataFrame(values, index=lines), tuple(columns)

    def _check_subjects(
        self, joined: Joined, lines: pd.Index, labels: pd.Series, problems: Problems, findings: list[Finding]
    ) -> None:
        subjects = joined.cells(self.own.subject).loc[lines]
        nameless = subjects[subjects == ""]
        if len(nameless):
            problems.add(f"{joined.where(nameless.index[0], self.own.subject)}: {len(nameless)} rows name no subject.")
        two = [
            f"{subject} ({', '.join(f'{self.classes[labels[line]]} on line {line}' for line in rows)})"
            for subject, rows in subjects.groupby(subjects).groups.items()
            if subject and len(labels[rows].unique()) > 1
        ]
        if two:
            problems.add(
                f"{joined.path}: {len(two)} subjects have two labels: {first_ten(two)}. A subject needs one label, "
                "since whole subjects are held out."
            )
        spellings = pd.Series(sorted(set(subjects)), dtype=object)
        groups = [list(same) for _, same in spellings.groupby(spellings.map(alike)) if len(same) > 1]
        if groups:
            findings.append(
                Finding(
                    "similar-subjects",
                    "subjects whose names differ only in case, blanks, signs or leading zeros",
                    tuple(" and ".join(map(repr, same)) for same in groups),
                    severity="warning",
                    advice="If they are one person, write the name in one way: else the person may be trained on and "
                    "tested.",
                )
            )


def note(findings: list[Finding], code: str, message: str, items: Iterable[object], lost: int | None = None) -> None:
    """Add a finding if anything was found; with ``lost``, scans that are left out, and so many subjects with them."""
    listed = tuple(map(str, items))
    if listed:
        findings.append(Finding(code, f"{message}.", listed, dropped="" if lost is None else "scans", along=lost))


def _add(problems: Problems, sentences: list[str], summary: str) -> None:
    for sentence in sentences[:10]:
        problems.add(sentence)
    if len(sentences) > 10:
        problems.add(summary)


def _named(own: OwnData) -> Iterable[str]:
    """Every column that the TOML names."""
    for place in (own.images, own.masks):
        yield from place.columns if isinstance(place, Pattern) else [place] if place else []
    yield from (name for name in (own.subject, own.scan, own.label) if name)
    yield from (column.name for column in own.columns)
    yield from own.groups


def _lost(joined: Joined, own: OwnData, gone: pd.Index, left: pd.Index) -> int:
    """How many subjects have rows among those that are gone, and none among those that are left."""
    return len(set((cells := joined.cells(own.subject))[gone]) - set(cells[left]) - {""})


def _subjects(joined: Joined, own: OwnData, lines: pd.Index) -> list[str]:
    return [f"{joined.cells(own.subject)[line]} (line {line})" for line in lines]
