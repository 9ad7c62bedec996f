"""The task ``adni-ad``: Alzheimer's disease against normal cognition, from a LONI download."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd

from fusekit.data import Cohort, Finding, Preset, SlicePolicy, Task
from fusekit.errors import DataError
from fusekit.progress import Progress
from fusekit_adni.columns import Clinical, read_clinical
from fusekit_adni.diagnosis import diagnoses
from fusekit_adni.leaks import reason_to_leave_out
from fusekit_adni.loni import find_download
from fusekit_adni.scans import at_visits, note, one_a_visit, refuse_two_labels, with_labels, with_visits
from fusekit_adni.tables import StudyTable, read_study_table

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
    classes: tuple[str, ...] = ("CN", "AD")
    paper = Preset()
    synthetic = Preset(epochs=4, lr=3e-4, image_size=64, slices=SlicePolicy(space="mm", start=-14, stop=-8))

    def __init__(self, *, visits: Literal["all", "baseline"] = "all"):
        self.visits = visits

    def reason_to_leave_out(self, column: str) -> str | None:
        """Say why a column betrays the diagnosis; see ``fusekit_adni.leaks``."""
        return reason_to_leave_out(column)

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        """Read a download.

        Raises:
            DataError: no images, no diagnoses, a table without a column it needs, or one that contradicts itself; a
                subject with CN at one visit and AD at another.
        """
        findings: list[Finding] = []
        download = find_download(folder, progress)
        note(findings, "empty-leaf", "image folders without an image", download.empty)
        note(findings, "mask", "masks and segmentations left aside", download.skipped)
        paths = download.tables
        if not paths:
            raise DataError(f"{folder} holds images but no tables (.csv); the study tables belong below it too.")
        adnimerge = read_study_table("ADNIMERGE", paths, ("VISCODE", "EXAMDATE"), findings)
        dxsum = read_study_table("DXSUM_PDXCONV_ADNIALL", paths, (), findings, also=("DXSUM",))
        known = diagnoses(dxsum, adnimerge, findings)

        tables = [table for table in (adnimerge, dxsum) if table is not None]
        scans = one_a_visit(with_visits(download, tables, findings), download, tables, findings)
        scans = with_labels(scans, known, self.classes, findings)
        if self.visits == "baseline":
            later = scans[scans["visit"] != "bl"]
            note(findings, "later-visit", "scans of later visits left out (task.visits=baseline)", later.index)
            scans = scans[scans["visit"] == "bl"]
        if scans.empty:
            raise DataError(f"{folder}: no scan has a visit with a diagnosis of {' or '.join(self.classes)}.")
        refuse_two_labels(scans)

        clinical = read_clinical(scans, adnimerge, paths, findings)
        if not clinical.columns:
            raise DataError(f"{folder} holds none of the tables that clinical columns are read from.")
        without = scans.loc[~scans["rid"].isin(clinical.seen), "subject"].unique()
        note(findings, "scan-without-biospecimen", "subjects with a scan but in no biospecimen table", without)
        absent = sorted(clinical.seen - {image.rid for image in download.images})
        note(findings, "row-without-scan", "subjects (RID) in biospecimen tables but without an image", absent)
        progress.say(
            f"{folder}: {len(download.images)} images, {len(paths)} tables; kept {len(scans)} scans of "
            f"{scans['subject'].nunique()} subjects, with {len(clinical.columns)} clinical columns"
        )
        described, groups = _described(scans, clinical, adnimerge)
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
        """Write a synthetic download; see ``write_download`` for what the strengths mean."""
        from fusekit_adni.synthetic.download import write_download

        write_download(
            folder,
            progress,
            seed=seed,
            subjects=subjects,
            image_effect=image_effect,
            table_effect=table_effect,
            interaction=interaction,
        )


def _described(
    scans: pd.DataFrame, clinical: Clinical, adnimerge: StudyTable | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The cohort's columns: what identifies a scan, its label, and what groups it."""
    table = scans[["subject", "image", "label", "visit"]].copy()
    groups = ["visit"]
    if adnimerge is not None:
        for column, name in _GROUPS.items():
            if column in adnimerge.rows:
                table[name] = at_visits(scans, [adnimerge], (column,))
                groups.append(name)
    if "AGE" in clinical.table:
        table["age"] = clinical.table["AGE"]
        groups.append("age")
    return table, tuple(groups)
