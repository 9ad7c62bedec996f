"""What ADNI's tasks share, and ``adni-ad``: Alzheimer's disease against normal cognition."""

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pandas as pd

from fusekit.data import Classes, Cohort, Finding, Ordered, SlicePolicy, Target, Task
from fusekit.data.images.channels import IMAGE, columns_of
from fusekit.data.own.outcome import MORE, ORDERED
from fusekit.data.own.problems import note
from fusekit.data.synthetic import quick
from fusekit.errors import DataError, OptionError
from fusekit.extension.registry import suggest
from fusekit.progress import Progress
from fusekit_adni.descriptions import described, with_field_strength
from fusekit_adni.download.flair import check_images, is_flair, with_flair
from fusekit_adni.download.images import Download
from fusekit_adni.download.layouts import find_download
from fusekit_adni.labels.diagnosis import diagnoses
from fusekit_adni.labels.leaks import reason_to_leave_out
from fusekit_adni.published import AD
from fusekit_adni.scans import (
    dated,
    listed_images,
    note_left_aside,
    one_per_visit,
    refuse_two_labels,
    refuse_two_people,
    subjects_lost,
    with_labels,
    with_visits,
    without_withdrawn,
)
from fusekit_adni.tables.archive import archive, get, note_unread
from fusekit_adni.tables.bids import bids_diagnoses, read_bids_clinical, read_bids_tables
from fusekit_adni.tables.columns import Clinical, read_clinical
from fusekit_adni.tables.dictionary import read_dictionary
from fusekit_adni.tables.named import read_column_rules
from fusekit_adni.tables.study import read_study_table

_GUIDE = "All that can be read: fusekit adni-guide {}"
_GROUPS = {"CN": "Normal cognition", "MCI": "mild cognitive impairment", "AD": "Alzheimer's disease"}
#: Names of the columns that describe a cohort's scans, where they are known.
GROUPS = ("visit", "image_id", "acquired", "diagnosis_date", "site", "sex", "phase", "origin", "field_strength", "age")


class AdniTask(Task):
    """A task on ADNI's images and study tables; the method ``label`` says what is predicted.

    Args:
        visits: ``all`` keeps every visit that has a label; ``baseline`` only the first.
        images: ``t1``, or ``t1,flair``: scans that have both.
        layout: of the images in the folder; ``auto`` recognises it.
        clinical: a TOML file that says which columns to read; None reads the documented default.
        datadic: whether units and texts for codes are read from DATADIC, the archive's dictionary, too.
    """

    template = "mni152"
    synthetic = quick(SlicePolicy(space="mm", start=-14, stop=-8))
    preset = "paper"
    subgroups = ("sex", "age", "site", "field_strength")  # groups, so from whichever table has them
    followed = False  # whether the synthetic people have MCI and come for four years

    def __init__(
        self,
        *,
        visits: Literal["all", "baseline"] = "all",
        images: tuple[str, ...] = ("t1",),
        layout: Literal["auto", "loni", "bids", "caps"] = "auto",
        clinical: Path | None = None,
        datadic: bool = False,
    ):
        self.visits, self.layout, self.clinical, self.datadic = visits, layout, clinical, datadic
        self.images = check_images(images)

    @abstractmethod
    def label(self, scans: pd.DataFrame, known: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
        """Keep the scans that answer the question, with a column ``label`` (0-based int, by ``classes``).

        Findings get every scan that is left out, by reason. A column ``diagnosis_date`` may be added: the day of the
        exam that the label is from (ISO text, "" if unknown), where it is not that of the scan's own visit.

        Args:
            scans: index scan; columns subject, rid, visit, acquired (date, or None), image, image_id, and what the
            tables have
                of site, sex, phase, origin (phase of enrolment), field_strength ("" if unknown).
            known: diagnosis (CN, MCI, AD) and day (of the exam, or NaT) by (rid, visit), with a scan or without.
        """

    def synthesize(
        self,
        folder: Path,
        progress: Progress,
        *,
        seed: int = 0,
        subjects: int = 480,
        image_effect: float = 1.0,
        table_effect: float = 1.0,
        interaction: float = 1.0,
        era: Literal["2024", "2025"] = "2024",
    ) -> None:
        """Write a synthetic download; see ``write_download`` for what the strengths and the era mean."""
        from fusekit_adni.synthetic.download import write_download, write_followup
        from fusekit_adni.synthetic.subjects import Strengths

        write = write_followup if self.followed else write_download
        strengths = Strengths(image_effect, table_effect, interaction)
        write(folder, progress, seed=seed, subjects=subjects, strengths=strengths, era=era)

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        """Read a download; refuse one without images, diagnoses or needed columns, and what contradicts itself."""
        findings: list[Finding] = []
        download = self._asked(find_download(folder, self.layout, progress), findings)
        found = len(download.images), len(download.subjects)
        download = without_withdrawn(download, self.allowed, findings)
        paths = download.tables
        own = read_bids_tables(download, findings)
        if not (paths or own.tables):
            raise DataError(
                f"{folder} holds images but no tables (.csv); the study tables belong below it too, anywhere but in "
                f"the subjects' folders. {get('diagnosis')} {get('people')} A BIDS tree's participants.tsv and "
                f"sub-*/sub-*_sessions.tsv may replace them. {_GUIDE.format(folder)}"
            )
        adnimerge = read_study_table("ADNIMERGE", paths, ("VISCODE", "EXAMDATE"), findings)
        dxsum = read_study_table("DXSUM", paths, (), findings, also=archive()["DXSUM"].also)
        rules = None if self.clinical is None else read_column_rules(self.clinical)
        note_unread(paths, findings, [rule.table for rule in rules.columns] if rules else (), download.unread)
        dictionary = read_dictionary(paths, findings) if self.datadic else None
        study = [table for table in (adnimerge, dxsum) if table is not None]
        refuse_two_people(download, study)
        # Without a BIDS tree's own tables the study tables are those that are missed.
        known = diagnoses(dxsum, adnimerge, findings) if study or not own.tables else bids_diagnoses(own, findings)

        tables = [*study, *own.tables]
        download = dated(download, [*own.tables, *study])
        listed = listed_images(download, findings)
        scans = with_visits(download, tables, listed, findings)
        scans = one_per_visit(scans, download, tables, listed, findings)
        scans = self._labelled(described(scans, tables), known, findings)
        if "flair" in self.images:
            scans = with_flair(scans, download, folder, findings)
        if scans.empty:
            raise DataError(f"{folder}: no scan has a visit with a diagnosis of {' or '.join(self.classes)}.")
        refuse_two_labels(scans, self.classes)
        scans = with_field_strength(scans, listed, findings)

        clinical = read_clinical(scans, adnimerge, paths, findings, rules, dictionary)
        if own.tables and not (self.clinical or clinical.columns):
            clinical = read_bids_clinical(scans, own, findings)
        if not clinical.columns:
            raise DataError(
                f"{folder} holds none of the tables that clinical columns are read from. {get('people')} "
                f"{get('spinal')} {_GUIDE.format(folder)}"
            )
        without = scans.loc[~scans["rid"].isin(clinical.seen), "subject"].unique()
        note(findings, "scan-without-biospecimen", "subjects with a scan but in no biospecimen table", without)
        if download.whole:
            absent = sorted(clinical.seen - {image.rid for image in download.images})
            note(findings, "row-without-scan", "subjects (RID) in biospecimen tables but without an image", absent)
        diagnosis = " and ".join(table.name for table in study[::-1]) or "the BIDS tree"
        progress.say(f"diagnosis from {diagnosis}; clinical columns: {clinical.read_from}")
        instead = ["the diagnosis from ADNIMERGE (no DXSUM)"] if dxsum is None and adnimerge is not None else []
        if instead := [*instead, *clinical.instead]:
            progress.say(f"tables that step in for others: {'; '.join(instead)}")
        progress.say(
            f"kept {len(scans)} scans of {scans['subject'].nunique()} subjects, one per visit, with "
            f"{len(clinical.columns)} clinical columns"
        )
        return replace(self._cohort(scans, clinical, findings), found=found)

    def _asked(self, download: Download, findings: list[Finding]) -> Download:
        if self.wanted is None:
            others = [path for path in download.others if "flair" not in self.images or not is_flair(path)]
            note_left_aside(replace(download, others=others), findings)
            return download
        images = [image for image in download.images if image.image_id in self.wanted]
        if not images:
            raise DataError(
                f"none of the {len(self.wanted)} images that are asked for is among the {len(download.images)} found, "
                f"such as {download.images[0].image_id}. Is it the download that the recipe was made from?"
            )
        return replace(download, images=images, whole=False)

    def _labelled(self, scans: pd.DataFrame, known: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
        scans = self.label(scans, known, findings)
        if "diagnosis_date" not in scans:
            days = known["day"].reindex(pd.MultiIndex.from_frame(scans[["rid", "visit"]])).set_axis(scans.index)
            scans = scans.assign(diagnosis_date=days.dt.strftime("%Y-%m-%d").fillna("").astype(object))
        if self.visits == "baseline":
            later, scans = scans[scans["visit"] != "bl"], scans[scans["visit"] == "bl"]
            lost = subjects_lost(later["subject"], scans["subject"])
            message = "scans of later visits left out (task.visits=baseline)"
            note(findings, "later-visit", message, later.index, dropped="scans", along=lost)
        return scans

    def _cohort(self, scans: pd.DataFrame, clinical: Clinical, findings: list[Finding]) -> Cohort:
        dates = ["" if day is None else day.isoformat() for day in scans["acquired"]]
        table = scans.assign(acquired=pd.Series(dates, index=scans.index, dtype=object))
        for name in ("AGE", "age"):
            if name in clinical.table:
                table["age"] = clinical.table[name]
        if "sex" not in table and "PTGENDER" in clinical.table:
            table["sex"] = clinical.table["PTGENDER"].fillna("")
        groups = tuple(name for name in GROUPS if name in table)
        images = self.images if len(self.images) > 1 else (IMAGE,)
        table = table[["subject", *columns_of(images).values(), "label", *groups]]
        found = tuple(findings)
        return Cohort(table, clinical.table, clinical.columns, self.target, groups, found, images=images)

    def reason_to_leave_out(self, column: str) -> str | None:
        """Say why a column must not be an input: see ``fusekit_adni.labels.leaks``."""
        return reason_to_leave_out(column.removesuffix(" censored"))


class AdniAdTask(AdniTask):
    """AD against CN at the time of the scan, as in Yang et al. 2021, section 3.1, or all three groups.

    Reads a folder that holds, at any depth, images (a LONI download in NIfTI or DICOM, a Clinica BIDS tree, or a CAPS
    t1_linear tree) and study tables: DXSUM or ADNIMERGE or both, and any biospecimen tables; image lists are used if
    they are there. One scan is kept for each subject and visit.

    Args:
        classes: two or three of cn, mci, ad, in this order the classes 0, 1, ...; of two the last is the positive one.
        ordered: whether the three classes are stages in the order given, such as ``cn,mci,ad``, and not just classes.
        visits: ``all`` keeps every visit that has a label; ``baseline`` only the first.
        images: ``t1``, or ``t1,flair``: scans that have both.
        layout: of the images in the folder; ``auto`` recognises it.
        clinical: a TOML file that says which columns to read; None reads the documented default.
        datadic: whether units and texts for codes are read from DATADIC, the archive's dictionary, too.
    """

    title = "Alzheimer's disease or normal cognition, from MRI and biospecimens"
    classes: tuple[str, ...] = ("CN", "AD")
    published = AD

    def __init__(
        self,
        *,
        classes: tuple[str, ...] = ("cn", "ad"),
        ordered: bool = False,
        visits: Literal["all", "baseline"] = "all",
        images: tuple[str, ...] = ("t1",),
        layout: Literal["auto", "loni", "bids", "caps"] = "auto",
        clinical: Path | None = None,
        datadic: bool = False,
    ):
        super().__init__(visits=visits, images=images, layout=layout, clinical=clinical, datadic=datadic)
        self.classes = tuple(name.strip().upper() for name in classes)
        for name in self.classes:
            if name not in _GROUPS:
                raise OptionError(f"task.classes knows no class {name!r}; {suggest(name, tuple(_GROUPS))}")
        if len(set(self.classes)) < max(2, len(self.classes)):
            raise OptionError(f"task.classes takes two or three different classes, not {', '.join(classes)}.")
        if self.classes != ("CN", "AD"):
            names = [_GROUPS[name] for name in self.classes]
            named = f"{', '.join(names)}, as stages" if ordered else " or ".join(names)
            self.title = f"{named}, from MRI and biospecimens"
            self.published = ()
        if len(self.classes) > 2:
            self.metrics = ORDERED if ordered else MORE
        elif ordered:
            raise OptionError("task.ordered is for three classes, such as task.classes=cn,mci,ad; two are classes.")
        self.ordered = ordered

    @property
    def target(self) -> Target:
        """The classes, as stages or without an order."""
        return (Ordered if self.ordered else Classes)(self.classes)

    def label(self, scans: pd.DataFrame, known: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
        """Keep the scans of visits with a diagnosis of one of the classes."""
        return with_labels(scans, known["diagnosis"], self.classes, findings)
