"""From a description of people's own data to a cohort: joined by id, checked as a whole, everything wrong at once."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from fusekit.data.clinical.tables import refuse_errors, refuse_rounded
from fusekit.data.cohort import Cohort, Column, Finding
from fusekit.data.images.channels import IMAGE
from fusekit.data.own.columns import classes_of, note_gaps, typed
from fusekit.data.own.description import Named, OwnData
from fusekit.data.own.groups import codes, group
from fusekit.data.own.ids import scan_ids
from fusekit.data.own.images.masks import match_masks, note_absent
from fusekit.data.own.images.matches import Matches
from fusekit.data.own.images.sequences import find_images
from fusekit.data.own.images.series import Image
from fusekit.data.own.join import Reading
from fusekit.data.own.labels import entries_of, numbers_of, times_of
from fusekit.data.own.problems import note
from fusekit.data.target.follow_up import ENTRY
from fusekit.errors import DataError, first_ten
from fusekit.progress import Progress


class Read(NamedTuple):
    """A cohort, and the text of every column of its tables, a row per scan."""

    cohort: Cohort
    cells: pd.DataFrame


def read_cohort(own: OwnData, folder: Path, progress: Progress, findings: Iterable[Finding] = ()) -> Read:
    """Read the tables and find the images, joined by id; refuse everything that does not fit, at once."""
    if not folder.is_dir():
        raise DataError(f"{own.path}: there is no data folder {folder}.")
    return _Reader(own, folder, progress, findings).read()


class _Reader(Reading):
    entries: pd.Series  # by line, where the description names their column

    @property
    def by_name(self) -> bool:
        """Whether rows are subjects, whose images are counted."""
        return isinstance(self.own.images, Named)

    def read(self) -> Read:
        own, joined, problems = self.own, self.joined, self.problems
        with problems.gather():
            joined.require(own.named())
        if not {*own.labels, *own.entered, own.subject} <= set(joined.homes):
            problems.refuse()
        for name in own.identifying():
            if name in joined.homes:
                with problems.gather():
                    part = joined.homes[name]
                    refuse_errors(part.cells[name], str(part.path))
                    refuse_rounded(part.cells[name], str(part.path))
        rows = self._with_subject()
        labels = self._labels(rows)
        every = find_images(self, labels.index)
        found = every.first
        clinical, columns = self._clinical(kept := self._with_image(found, labels.index))
        kept = self._with_either(found, clinical) if own.absent else kept
        none: list[Image | None] = [None] * (own.without_image == "keep")
        pairs = [(line, image) for line in kept for image in found.images.get(line, none)]
        images, lines = [image for _, image in pairs], pd.Index([line for line, _ in pairs], dtype=int)
        masks = match_masks(self, images, lines, kept, found.unused)
        self._check_subjects(kept, labels)
        ids = scan_ids(self, images, lines, kept)
        problems.refuse()

        kind = own.target.schema["label"]
        paths = pd.Series([image and image.path for image in images], lines, dtype=object)
        scans = pd.DataFrame({"subject": self.subjects.loc[lines].astype(object).to_numpy()}, lines)
        scans = scans.assign(image=paths.to_numpy(), label=labels.loc[lines].astype(kind).to_numpy())
        if own.entered:
            scans[ENTRY] = self.entries.loc[lines].to_numpy()
        for name, theirs in every.others.items():
            scans[f"{IMAGE}:{name}"] = pd.Series([theirs.get(line) for line in lines], lines, dtype=object)
        missing = {column.name: column.missing for column in own.columns}
        for name in own.groups:
            written = joined.cells(name)
            numeric = name in clinical and clinical[name].dtype == float and not codes(written)
            values = clinical[name] if numeric else group(written, self.findings, joined.homes[name].numerals)
            scans[name] = values.loc[lines]
            if values.dtype != float:
                note_gaps(written.loc[kept], missing.get(name, ()), self.findings)
        groups = list(own.groups)
        headers = {
            "scanner": [image.scanner if image else "" for image in images],
            "series": [image.description if image else "" for image in images],
        }
        for name, texts in headers.items():
            if any(texts) and name not in groups:
                scans[name] = texts
                groups.append(name)
        if own.masks is not None and (any(masks) or not isinstance(own.masks, Named)):
            scans["mask"] = pd.Series(masks, lines, dtype=object).to_numpy()
        index = pd.Index(ids, name="scan", dtype=object)
        scans = scans.set_axis(index)
        target = own.target
        note_absent(scans, target, self.findings)
        each = ", ".join(f"{part.sum()} {name}" for name, part in target.parts(scans["label"]).items())
        positive = f"; positive: {list(own.classes)[1]}" if len(own.classes) == 2 else ""
        positive = f"; in this order: {', '.join(own.classes)}" if own.ordered else positive
        self.progress.say(
            f"{own.path.name}: {len(scans)} scans of {scans['subject'].nunique()} subjects ({each}), "
            f"{len(columns)} clinical columns{positive}"
        )
        values = clinical.loc[lines].set_axis(index)
        there = (len(rows) if found.count is None else found.count, self._lost(rows, rows[:0]))
        names = tuple(image.name for image in own.every_image)
        noted = tuple(self.findings)
        cohort = Cohort(scans, values, columns, target, tuple(groups), noted, there, names, own.absent)
        cells = (
            pd.concat([joined.spread(part.cells, part, kept) for part in joined.parts], axis=1)
            .fillna("")
            .astype(object)
        )
        return Read(cohort, cells.loc[lines].set_axis(index))

    def _with_subject(self) -> pd.Index:
        if not self.own.without_subject:
            return self.joined.lines
        nameless = self.subjects.str.lower().isin(self.own.blanks)
        listed = [f"line {line}" for line in self.joined.lines[nameless]]
        note(self.findings, "row-without-subject", f"rows without {self.own.subject}, left out", listed)
        return self.joined.lines[~nameless]

    def _labels(self, rows: pd.Index) -> pd.Series:
        own = self.own
        labels = pd.Series(0, rows)
        with self.problems.gather():
            where, *further = (f"{self.joined.homes[name].path}, column {name!r}" for name in own.labels)
            cells, *times = (self.joined.cells(name).loc[rows] for name in own.labels)
            numerals = self.joined.homes[own.labels[-1]].numerals
            if own.timed:
                labels = times_of(cells, times[0], own.timed, own.leave_out, (where, further[0]), numerals)
                for name in own.entered:
                    home = self.joined.homes[name]
                    given = self.joined.cells(name).loc[rows], labels, own.leave_out, f"{home.path}, column {name!r}"
                    self.entries = entries_of(*given, home.numerals)
                    labels = labels.where(self.entries.notna())
            elif own.number:
                labels = numbers_of(cells, own.leave_out, where, numerals)
            else:
                labels = classes_of(cells, own.classes, own.leave_out, where, own.advice)
        kept = labels.dropna()
        columns = " or ".join(map(repr, (own.label, *own.entered)))
        message = f"rows left out because of their value in column {columns}"
        self._leave_out("label-left-out", message, rows.difference(kept.index), kept.index, along=None)
        return kept

    def _with_image(self, found: Matches, rows: pd.Index) -> pd.Index:
        """The rows that have an image; others are left out if that is allowed, else a problem."""
        own, without = self.own, {**found.absent, **found.lost}
        out = {"leave out": without, "leave out empty": found.absent}.get(own.without_image, {})
        gone = rows.intersection(pd.Index(out, dtype=int))
        left = rows.difference(gone)
        self._leave_out("row-without-image", "rows without an image, left out", gone, left, along=0)
        kept = sorted(set(found.absent) - found.partly) if own.without_image == "keep" else []
        note(self.findings, "row-without-image", "rows without an image, kept", [found.absent[line] for line in kept])
        accepted = {*gone, *kept}
        refused = {line: why for line, why in sorted(without.items()) if line not in accepted}
        if refused:
            where = f", column {own.images!r}" if isinstance(own.images, str) else ""
            advice = ', or set rows_without_image = "leave out" or "keep"' if own.without_image == "refuse" else ""
            if found.partly:
                advice += "; a row that is kept has all of its images, or none"
            self.problems.add(
                f"{self.joined.path}{where}: {len(refused)} rows have no image: {first_ten(refused.values())}. "
                f"Correct them{advice}."
            )
        there = pd.Index([*found.images, *kept], dtype=int)
        return left.intersection(there) if self.by_name else left

    def _with_either(self, found: Matches, clinical: pd.DataFrame) -> pd.Index:
        """The rows that have an image or a clinical value; others are left out."""
        rows, without = clinical.index, clinical.index[clinical.isna().all(axis=1)]
        gone = without[[line not in found.images for line in without]]
        message = "rows with neither image nor table, left out"
        self._leave_out("row-with-nothing", message, gone, rows.difference(gone), along=0)
        if self.own.without_table == "keep":
            listed = [f"{self.subjects[line]} (line {line})" for line in without.difference(gone)]
            note(
                self.findings,
                "row-without-table",
                "rows without any clinical value, kept as rows without a table",
                listed,
            )
        return rows.difference(gone)

    def _clinical(self, rows: pd.Index) -> tuple[pd.DataFrame, tuple[Column, ...]]:
        columns: dict[str, Column] = {}
        values: dict[str, pd.Series] = {}
        inferred, empty = [], []
        for declared in self.own.columns:
            if declared.name not in self.joined.homes:
                continue
            with self.problems.gather():
                for column, read in typed(self.joined, declared, rows, self.findings, self.own.blanks):
                    if column.name in columns:
                        raise DataError(
                            f"{column.source}: another column, {columns[column.name].source}, holds {column.name} too. "
                            "Remove one."
                        )
                    if read.isna().all():
                        empty.append(column.name)
                        break
                    columns[column.name], values[column.name] = column, read
                    if not declared.kind and not declared.attribute and column.name == declared.name:
                        inferred.append(f"{column.name}: {column.kind}")
        note(self.findings, "column-without-values", "clinical columns left out: no kept row has a value", empty)
        note(self.findings, "kind-inferred", "clinical columns whose kind the values decided", inferred)
        if inferred:
            self.progress.say(f"kinds that the values suggest: {first_ten(inferred)}")
        return pd.DataFrame(values, index=rows), tuple(columns.values())

    def _check_subjects(self, rows: pd.Index, labels: pd.Series) -> None:
        subjects, spelled = self.subjects.loc[rows], self.own.target.spelled
        nameless = subjects[subjects == ""]
        if len(nameless):
            where = self.joined.where(nameless.index[0], self.own.subject)
            self.problems.add(f"{where}: {len(nameless)} rows name no subject.")
        mixed = subjects[(labels.loc[rows].groupby(subjects).transform("nunique") > 1) & (subjects != "")]
        two = [
            f"{subject} ({', '.join(f'{spelled(labels[line])} on line {line}' for line in lines)})"
            for subject, lines in mixed.groupby(mixed).groups.items()
        ]
        if two:
            self.problems.add(
                f"{self.joined.path}, column {self.own.label!r}: {len(two)} subjects have two labels: "
                f"{first_ten(two)}. A subject needs one label, since whole subjects are held out."
            )

    def _leave_out(self, code: str, message: str, gone: pd.Index, left: pd.Index, along: int | None) -> None:
        """Note rows that are left out, as scans or as subjects with ``along`` so many scans."""
        listed = [f"{subject} (line {line})" for line, subject in self.subjects.loc[gone].items()]
        if self.by_name:
            note(self.findings, code, message, listed, dropped="subjects", along=along)
        else:
            note(self.findings, code, message, listed, dropped="scans", along=self._lost(gone, left))

    def _lost(self, gone: pd.Index, left: pd.Index) -> int:
        """How many subjects have rows among those that are gone, and none among those that are left."""
        return len(set(self.subjects[gone]) - set(self.subjects[left]) - {""})
