"""The task ``hmi``: microvascular invasion of a liver tumour, from CT and what is known before the operation."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from fusekit.data import Cohort, Column, Finding, Preset, SlicePolicy, Task
from fusekit.errors import DataError
from fusekit.progress import Progress
from fusekit_hmi.attributes import plain
from fusekit_hmi.clinical import Clinical, read_clinical
from fusekit_hmi.images import find_files, is_picture
from fusekit_hmi.join import Scan, by_id, by_path
from fusekit_hmi.leaks import reason_to_leave_out
from fusekit_hmi.masks import masks_of, note_some, with_masks
from fusekit_hmi.notes import merged, note
from fusekit_hmi.published import MVI
from fusekit_hmi.table import Table, find_table, read_people

#: Columns that describe where a patient was treated.
_SITE = ("site", "centre", "center", "hospital", "institution")


def _slices(largest: int, start: float, stop: float) -> SlicePolicy:
    """Axial slices in the liver's window: those with most tumour, else a part of the scan."""
    return SlicePolicy(
        plane="axial",
        window=(400.0, 40.0),
        largest=largest,
        space="fraction",
        start=start,
        stop=stop,
        fit="pad",
        depth="float16",
    )


class HmiTask(Task):
    """MVI present against absent in the resected tumour, as in Yang et al. 2021, section 3.3.

    Reads a folder that holds one clinical table and images, at any depth: DICOM series, NIfTI volumes, with masks of
    the tumour or not, or pictures. The positive class is MVI present.

    Args:
        table: the clinical table's file name, where there are several.
        subject: its column of patients' ids; found by its usual names.
        label: its column of MVI; found by its usual names.
        series: a part of the description, file or folder name of the series to use, where patients have several.
        extra: further columns to use as inputs.
    """

    title = "Microvascular invasion of a liver tumour, from CT and clinical values (positive: MVI present)"
    classes: tuple[str, ...] = ("MVI-", "MVI+")
    subgroups = ("sex", "age", "site", "scanner")
    published = MVI
    paper = Preset(slices=_slices(largest=10, start=0.35, stop=0.65))
    synthetic = Preset(epochs=4, lr=3e-4, image_size=64, slices=_slices(largest=3, start=0.44, stop=0.56))
    compared = MappingProxyType({"backbone": "resnet18", "epochs": 5})  # for time: each arm is trained once a fold

    def __init__(
        self, *, table: str = "", subject: str = "", label: str = "", series: str = "", extra: tuple[str, ...] = ()
    ):
        self.table, self.subject, self.label, self.series, self.extra = table, subject, label, series, extra

    def scan(self, folder: Path, progress: Progress) -> Cohort:
        """Read a folder.

        Raises:
            DataError: no table or no images; columns missing; rows or images that cannot be told apart or do not fit
                together; values that cannot be read. With file, line and column.
        """
        findings: list[Finding] = []
        found = find_files(folder)
        table = read_people(find_table(folder, found.tables, self.table), self.subject, self.label, findings)
        join = by_path if table.image else by_id
        scans, images = join(table, found, self.series, findings, progress)
        if not scans:
            raise DataError(
                f"{folder}: no image belongs to a row of {table.path.name}. Its first ids are "
                f"{', '.join(map(repr, table.subject.iloc[:3]))}: folders or files should be called so (mind leading "
                "zeros, which spreadsheets drop), or a column 'image' should name them."
            )
        clinical = read_clinical(table.rows, table.path, table.keys, self.extra, findings)
        if not clinical.columns:
            raise DataError(f"{table.path} holds none of the clinical columns that the task knows; see task.extra.")
        pictures = [scan.image.relative_to(folder).as_posix() for scan in scans if is_picture(scan.image)]
        note(
            findings,
            "picture-units",
            "pictures hold grey levels, not Hounsfield units, which the window counts in",
            pictures,
            severity="warning",
            advice="For pictures of 8 bits: -o slices.window=255,127.5",
        )
        cohort = _cohort(folder, scans, table, clinical, findings, masks_of(scans, table, found, findings))
        cohort = replace(cohort, found=(images, table.patients))
        positive = int((cohort.subjects == 1).sum())
        progress.say(
            f"{folder}: {len(cohort.scans)} images of {len(cohort.subjects)} patients, {positive} of them with MVI; "
            f"{len(cohort.columns)} clinical columns"
        )
        return cohort

    def synthesize(
        self,
        folder: Path,
        progress: Progress,
        *,
        seed: int = 0,
        subjects: int = 120,
        image_effect: float = 1.0,
        table_effect: float = 1.0,
        interaction: float = 1.0,
    ) -> None:
        """Write a synthetic cohort; see ``write_cohort`` for what the strengths mean."""
        from fusekit_hmi.synthetic.cohort import write_cohort

        write_cohort(
            folder,
            progress,
            seed=seed,
            subjects=subjects,
            image_effect=image_effect,
            table_effect=table_effect,
            interaction=interaction,
        )

    def reason_to_leave_out(self, column: str) -> str | None:
        """What only pathology, the operation or the future can tell, and shortcuts; see ``fusekit_hmi.leaks``."""
        return reason_to_leave_out(column)


def _cohort(
    folder: Path,
    scans: list[Scan],
    table: Table,
    clinical: Clinical,
    findings: list[Finding],
    masks: list[Path | None],
) -> Cohort:
    """One row a scan, with the values of its line of the table."""
    lines = [scan.line for scan in scans]
    subjects = [str(table.subject[line]) for line in lines]
    counts = Counter(subjects)
    named = [
        subject if counts[subject] == 1 else f"{subject}:{scan.image.relative_to(folder).as_posix()}"
        for subject, scan in zip(subjects, scans, strict=True)
    ]
    described = pd.DataFrame(
        {
            "subject": subjects,
            "image": pd.Series([scan.image for scan in scans], dtype=object),
            "label": table.label[lines].to_list(),
        }
    ).set_axis(pd.Index(named, name="scan"))
    values = clinical.table.loc[lines].set_axis(described.index)
    site = next((str(name) for name in table.rows if plain(str(name)) in _SITE), None)
    groups = {
        "site": table.rows.loc[lines, site].to_list() if site else [],
        "sex": values["sex"].fillna("").to_list() if "sex" in values else [],
        "age": values["age"].to_list() if "age" in values else [],
        "scanner": [scan.series.scanner for scan in scans],
        "series": [scan.series.description for scan in scans],
    }
    kept = {name: column for name, column in groups.items() if any(column)}
    described = with_masks(described.assign(**kept), masks)
    note_some(described, HmiTask.classes, findings)
    columns, values = _with_values(clinical.columns, values, findings)
    order = described.index.sort_values()
    return Cohort(
        described.loc[order], values.loc[order], columns, HmiTask.classes, tuple(kept), tuple(merged(findings))
    )


def _with_values(
    columns: tuple[Column, ...], values: pd.DataFrame, findings: list[Finding]
) -> tuple[tuple[Column, ...], pd.DataFrame]:
    """Leave out the columns whose values all belong to patients without an image."""
    empty = [column.name for column in columns if values[column.name].notna().sum() == 0]
    note(findings, "column-without-values", "columns without a value for any patient with an image, left out", empty)
    return tuple(column for column in columns if column.name not in empty), values.drop(columns=empty)
