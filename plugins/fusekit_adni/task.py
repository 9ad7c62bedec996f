"""The task ``adni-ad``: Alzheimer's disease against normal cognition, from a LONI download."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal

import pandas as pd

from fusekit.data import Cohort, Finding, Preset, SlicePolicy, Task
from fusekit.errors import DataError
from fusekit.progress import Progress
from fusekit_adni.columns import read_clinical
from fusekit_adni.diagnosis import diagnoses
from fusekit_adni.loni import Download, find_download, read_visits
from fusekit_adni.tables import StudyTable, read_study_table
from fusekit_adni.visits import FAR_DAYS, LIMIT_DAYS, canonical, nearest

#: Columns of ADNIMERGE that describe a scan, and what the cohort calls them.
_GROUPS = {"SITE": "site", "PTGENDER": "sex", "COLPROT": "phase", "FLDSTRENG": "field_strength"}


class AdniAdTask(Task):
    """AD against CN at the time of the scan, as in Yang et al. 2021, section 3.1.

    Reads a folder that holds, at any depth, the image tree of a LONI download (NIfTI or DICOM) and study tables with
    dated names: ADNIMERGE and/or DXSUM, and whichever biospecimen tables there are; the collection list is used if it
    is there. One scan is kept for each subject and visit.

    Args:
        visits: ``all`` keeps every visit with a diagnosis of CN or AD; ``baseline`` only the first.
    """

    title = "Alzheimer's disease or normal cognition, from MRI and biospecimens"
    classes: ClassVar[tuple[str, ...]] = ("CN", "AD")
    paper = Preset()
    synthetic = Preset(epochs=5, image_size=64, slices=SlicePolicy(space="mm", start=-14, stop=-8))

    def __init__(self, *, visits: Literal["all", "baseline"] = "all"):
        self.visits = visits

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        """Read a download.

        Raises:
            DataError: no images, no diagnoses, a table without a column it needs, or one that contradicts itself; a
                subject with CN at one visit and AD at another.
        """
        findings: list[Finding] = []
        download = find_download(folder)
        _note(findings, "empty-leaf", "image folders without an image", download.empty)
        _note(findings, "mask", "masks and segmentations left aside", download.skipped)
        paths = download.tables
        if not paths:
            raise DataError(f"{folder} holds images but no tables (.csv); the study tables belong below it too.")
        adnimerge = read_study_table("ADNIMERGE", paths, ("VISCODE", "EXAMDATE"), findings)
        dxsum = _read_dxsum(paths, findings)
        known = diagnoses(dxsum, adnimerge, findings)

        scans = _with_visits(download, [t for t in (adnimerge, dxsum) if t is not None], findings)
        scans = _one_a_visit(scans, findings)
        scans = _with_labels(scans, known, self.classes, findings)
        if self.visits == "baseline":
            later = scans[scans["visit"] != "bl"]
            _note(findings, "later-visit", "scans of later visits left out (task.visits=baseline)", later.index)
            scans = scans[scans["visit"] == "bl"]
        if scans.empty:
            raise DataError(f"{folder}: no scan has a visit with a diagnosis of {' or '.join(self.classes)}.")
        _refuse_two_labels(scans)

        clinical = read_clinical(scans, adnimerge, paths, findings)
        if not clinical.columns:
            raise DataError(f"{folder} holds none of the tables that clinical columns are read from.")
        without = scans.loc[~scans["rid"].isin(clinical.seen), "subject"].unique()
        _note(findings, "scan-without-biospecimen", "subjects with a scan but in no biospecimen table", without)
        absent = sorted(clinical.seen - {image.rid for image in download.images})
        _note(findings, "row-without-scan", "subjects (RID) in biospecimen tables but without an image", absent)
        described, groups = _described(scans, adnimerge)
        return Cohort(described, clinical.table, clinical.columns, self.classes, groups, tuple(findings))

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
    ) -> None:
        """Write a synthetic download; see ``fusekit_adni.synthetic.write_download`` for what the strengths mean."""
        from fusekit_adni.synthetic import write_download

        write_download(
            folder,
            progress,
            seed=seed,
            subjects=subjects,
            image_effect=image_effect,
            table_effect=table_effect,
            interaction=interaction,
        )


def _read_dxsum(paths: list[Path], findings: list[Finding]) -> StudyTable | None:
    """The table of diagnoses, whose name changed over the years; the longer name counts."""
    read = [read_study_table(name, paths, (), findings) for name in ("DXSUM_PDXCONV_ADNIALL", "DXSUM")]
    tables = [table for table in read if table is not None]
    _note(findings, "older-table", "other tables of diagnoses, left aside", (table.path for table in tables[1:]))
    return tables[0] if tables else None


def _refuse_two_labels(scans: pd.DataFrame) -> None:
    """A subject is on one side of the question; someone who fell ill in between cannot be.

    Raises:
        DataError: with the subjects.
    """
    labels = scans.groupby("subject")["label"].nunique()
    both = list(labels.index[labels > 1])
    if both:
        listed = ", ".join(both[:10]) + (f" and {len(both) - 10} more" if len(both) > 10 else "")
        raise DataError(
            f"subjects with CN at one visit and AD at another ({len(both)}): {listed}. A subject needs one label; "
            "to take the baseline visits alone: -o task.visits=baseline"
        )


def _with_visits(download: Download, tables: list[StudyTable], findings: list[Finding]) -> pd.DataFrame:
    """One row an image, with its visit: as the collection list says, else that of the nearest exam."""
    listed = read_visits(download.tables).map(canonical)
    exams = pd.concat([t.rows[["rid", "visit", "day"]] for t in tables if "day" in t.rows] or [_NO_EXAMS])
    by_subject = dict(iter(exams.dropna().groupby("rid")))
    rows, far, none = [], [], []
    for image in download.images:
        visit = listed.get(image.number)
        if not isinstance(visit, str):
            own = by_subject.get(image.rid)
            found = nearest(image.acquired, own["day"]) if own is not None else None
            if own is None or found is None:
                none.append(str(image.path))
                continue
            visit = own["visit"].iloc[found[0]]
            if found[1] > FAR_DAYS:
                far.append(f"{image.path}: {found[1]} days")
        rows.append((image.subject, image.rid, visit, image.acquired, image.number, image.preference, image.path))
    _note(findings, "far-visit", f"images matched to an exam more than {FAR_DAYS} days away", far)
    _note(
        findings,
        "no-visit",
        f"images without a visit code and without an exam within {LIMIT_DAYS} days, left out",
        none,
    )
    return pd.DataFrame(rows, columns=["subject", "rid", "visit", "acquired", "number", "preference", "image"])


_NO_EXAMS = pd.DataFrame({"rid": [], "visit": [], "day": []})


def _one_a_visit(scans: pd.DataFrame, findings: list[Finding]) -> pd.DataFrame:
    """Keep the preferred image of each subject and visit; index scan."""
    ordered = scans.sort_values(["subject", "visit", "preference"], kind="stable")
    repeated = ordered.duplicated(["subject", "visit"])
    _note(findings, "duplicate-scan", "further images of a subject's visit, left aside", ordered.loc[repeated, "image"])
    kept = ordered[~repeated]
    names = [f"{s}_{v}_I{n}" for s, v, n in zip(kept["subject"], kept["visit"], kept["number"], strict=True)]
    return kept.set_index(pd.Index(names, name="scan")).drop(columns="preference")


def _with_labels(
    scans: pd.DataFrame, known: pd.Series, classes: tuple[str, ...], findings: list[Finding]
) -> pd.DataFrame:
    """Keep the scans whose visit has one of the diagnoses, with their label."""
    keys = pd.MultiIndex.from_frame(scans[["rid", "visit"]])
    diagnosis = pd.Series(known.reindex(keys).to_numpy(), index=scans.index)
    _note(findings, "no-diagnosis", "scans of visits without a diagnosis, left out", scans.index[diagnosis.isna()])
    for other in sorted(set(diagnosis.dropna()) - set(classes)):
        _note(findings, "other-diagnosis", f"scans of visits with {other}, left out", scans.index[diagnosis == other])
    kept = diagnosis.isin(classes)
    return scans[kept].assign(label=diagnosis[kept].map(classes.index).astype(int))


def _described(scans: pd.DataFrame, adnimerge: StudyTable | None) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The cohort's columns: what identifies a scan, its label, and what groups it."""
    table = scans[["subject", "image", "label", "visit"]].copy()
    groups = ["visit"]
    if adnimerge is not None:
        first = adnimerge.rows.drop_duplicates("rid").set_index("rid")
        for column, name in _GROUPS.items():
            if column in first:
                table[name] = scans["rid"].map(first[column]).fillna("")
                groups.append(name)
    return table, tuple(groups)


def _note(findings: list[Finding], code: str, message: str, items: Iterable[object]) -> None:
    """Add a finding, if it concerns anything."""
    listed = tuple(str(item) for item in items)
    if listed:
        findings.append(Finding(code, message, listed))
