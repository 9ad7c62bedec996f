"""Trees of images in every layout, written file by file, and cohorts as plain rows to compare with tables by hand."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from fusekit.data import Cohort, Finding
from fusekit.progress import Quiet

SCALED = "MPR__GradWarp__B1_Correction__N3__Scaled"
BASELINE = date(2006, 3, 1)
LISTED = (
    *("Image Data ID", "Subject", "Group", "Sex", "Age", "Visit", "Modality", "Description"),
    *("Type", "Acq Date", "Format", "Downloaded"),
)


class Lines(Quiet):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)


class Trees:
    """A folder that is filled file by file; ``day`` is counted from 2006-03-01."""

    def __init__(self, root: Path):
        self.root = root
        self.listed: list[Sequence[str]] = []
        self.voxels = np.random.default_rng(5).uniform(0, 900, (4, 4, 4)).astype(np.float32)
        self._nifti: dict[str, bytes] = {}

    def loni(
        self,
        ptid: str,
        number: int,
        day: int = 4,
        description: str = SCALED,
        *,
        visit: str | None = "sc",
        series: int = 0,
        leaf: str = "",
        suffix: str = ".nii",
    ) -> Path:
        """Write a NIfTI image, and list it unless it has no visit; ``description`` is that of its folder."""
        series, when = series or number // 2, BASELINE + timedelta(days=day)
        folder = self._leaf(ptid, description, when, leaf or f"I{number}")
        path = folder / f"ADNI_{ptid}_MR_{description}_Br_20081015122825655_S{series}_I{number}{suffix}"
        self.nifti(path)
        if visit is not None:
            dated = f"{when.month}/{when.day}/{when.year}"
            listed = description.replace("__", "; ").replace("_", " ")
            self.listed.append(
                (
                    f"I{number}",
                    ptid,
                    "Patient",
                    "M",
                    "76",
                    visit,
                    "MRI",
                    listed,
                    "Processed",
                    dated,
                    "NiFTI",
                    "2/12/2024",
                )
            )
        return path

    def dicom(
        self,
        ptid: str,
        leaf: str,
        day: int = 4,
        description: str = "MP-RAGE",
        *,
        number: int = 0,
        series: int = 0,
        slices: int = 3,
        tesla: float | None = None,
    ) -> Path:
        """Write a series, one file a slice; with pixels and a header where the field strength is given."""
        folder = self._leaf(ptid, description, BASELINE + timedelta(days=day), leaf)
        for k in range(slices):
            name = f"{k + 1}.dcm"
            if number:
                name = f"ADNI_{ptid}_MR_{description}__br_raw_2008022613053048{k}_{k + 1}_S{series}_I{number}.dcm"
            if tesla is None:
                (folder / name).touch()
            else:
                self._slice(folder / name, k, tesla)
        return folder

    def _leaf(self, ptid: str, description: str, when: date, leaf: str) -> Path:
        folder = self.root / "ADNI" / ptid / description / f"{when}_14_39_56.0" / leaf
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _slice(self, path: Path, k: int, tesla: float) -> None:
        from pydicom.dataset import FileDataset, FileMetaDataset
        from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

        meta = FileMetaDataset()
        meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, MRImageStorage
        meta.MediaStorageSOPInstanceUID = UID(f"1.2.3.{k + 1}")
        header = FileDataset(path, {}, file_meta=meta, preamble=b"\0" * 128)
        header.SOPClassUID, header.SOPInstanceUID = MRImageStorage, f"1.2.3.{k + 1}"
        header.SeriesInstanceUID, header.Modality, header.MagneticFieldStrength = "1.2.3", "MR", tesla
        header.ImagePositionPatient, header.ImageOrientationPatient = [0, 0, 2 * k], [1, 0, 0, 0, 1, 0]
        header.PixelSpacing, header.SliceThickness, header.Rows, header.Columns = [1, 1], 2, 4, 4
        header.SamplesPerPixel, header.PhotometricInterpretation, header.PixelRepresentation = 1, "MONOCHROME2", 0
        header.BitsAllocated, header.BitsStored, header.HighBit = 16, 16, 15
        header.PixelData = self.voxels[:, :, k].astype(np.uint16).tobytes()
        header.save_as(path, enforce_file_format=True)

    def nifti(self, path: Path) -> Path:
        """Write 4 x 4 x 4 voxels."""
        path.parent.mkdir(parents=True, exist_ok=True)
        suffix = ".nii.gz" if path.name.endswith(".gz") else ".nii"
        if suffix not in self._nifti:
            import nibabel

            nib: Any = nibabel
            nib.save(nib.Nifti1Image(self.voxels, np.diag([1.0, 1.0, 1.5, 1.0])), self.root / f"one{suffix}")
            self._nifti[suffix] = (self.root / f"one{suffix}").read_bytes()
            (self.root / f"one{suffix}").unlink()
        path.write_bytes(self._nifti[suffix])
        return path

    def collection(self) -> Path:
        """Write the collection list of the images so far, every field quoted."""
        path = self.root / "ADNI1_Complete_1Yr_1.5T_2_12_2024.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows([LISTED, *self.listed])
        return path

    def table(self, name: str, columns: str, rows: Iterable[Sequence[object]]) -> Path:
        """Write a table below the folder: commas for ``.csv``, tabs for ``.tsv``."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter="\t" if name.endswith(".tsv") else ",")
            writer.writerows([columns.split(), *rows])
        return path


def rows(cohort: Cohort, *columns: str) -> list[tuple[Any, ...]]:
    """A cohort as plain rows: subject, visit, image id, day, label, day of the diagnosis, and clinical columns.

    None where nothing is known; numbers to two decimals.
    """
    described = cohort.scans[["subject", "visit", "image_id", "acquired", "label", "diagnosis_date"]]
    described = described.assign(label=[cohort.classes[label] for label in described["label"]])
    cells = described.join(cohort.clinical[list(columns)]).astype(object)
    plain = cells.where(cells.notna(), None).itertuples(index=False, name=None)
    return [tuple(round(cell, 2) if isinstance(cell, float) else cell for cell in row) for row in plain]


class Study:
    """Study tables, row by row. Days are counted from 2006-03-01."""

    def __init__(self) -> None:
        self.dxsum: list[Sequence[object]] = []
        self.merged: list[Sequence[object]] = []
        self.apoe: list[Sequence[object]] = []
        self.csf: list[Sequence[object]] = []
        self.nfl: list[Sequence[object]] = []

    def exam(
        self, rid: int, diagnosis: object, day: int = 0, *, visit: str = "bl", code: str = "", column: str = "DXCURREN"
    ) -> None:
        """A row of DXSUM: VISCODE2 is ``visit``, VISCODE ``code``; the diagnosis stands in the column named."""
        told = {column: diagnosis}
        cells = [told.get(name, "") for name in DIAGNOSES]
        self.dxsum.append((rid, code or visit, visit, BASELINE + timedelta(days=day), *cells))

    def person(self, rid: int, ptid: str, age: object = 70, *, sex: str = "Male", years: object = 16) -> None:
        """A row of ADNIMERGE at baseline, without diagnosis."""
        self.merge(rid, ptid, "", age=age, sex=sex, years=years)

    def merge(
        self,
        rid: int,
        ptid: str,
        diagnosis: str,
        day: int = 0,
        *,
        visit: str = "bl",
        age: object = 70,
        sex: str = "Male",
        years: object = 16,
    ) -> None:
        """A row of ADNIMERGE."""
        when = BASELINE + timedelta(days=day)
        self.merged.append(
            (rid, ptid, visit, f"{when.month}/{when.day}/{when.year}", age, sex, years, "ADNI1", diagnosis)
        )

    def write(self, trees: Trees, folder: str = "Study_Data") -> None:
        """Write the tables, with an older export of one of them, and another assay's."""
        merged = "RID PTID VISCODE EXAMDATE AGE PTGENDER PTEDUCAT COLPROT DX"
        trees.table(
            f"{folder}/DXSUM_PDXCONV_ADNIALL_12Feb2024.csv",
            f"RID VISCODE VISCODE2 EXAMDATE {' '.join(DIAGNOSES)}",
            self.dxsum,
        )
        trees.table(f"{folder}/ADNIMERGE_12Feb2024.csv", merged, self.merged)
        trees.table(f"{folder}/ADNIMERGE_01Jan2020.csv", merged, [])
        trees.table(f"{folder}/APOERES_12Feb2024.csv", "RID VISCODE APGEN1 APGEN2", self.apoe)
        trees.table(f"{folder}/UPENNBIOMK_MASTER_12Feb2024.csv", "RID VISCODE BATCH ABETA TAU PTAU", self.csf)
        elecsys = [(rid, "bl", 9999, 9999, 9999) for rid in range(1, 60)]
        trees.table(f"{folder}/UPENNBIOMK9_04_19_17_12Feb2024.csv", "RID VISCODE2 ABETA TAU PTAU", elecsys)
        trees.table(f"{folder}/BLENNOWPLASMANFL_10_03_18.csv", "RID VISCODE2 PLASMA_NFL", self.nfl)


#: Columns of DXSUM that have held the diagnosis.
DIAGNOSES = ("DIAGNOSIS", "DXCHANGE", "DXCURREN", "DXNORM", "DXMCI", "DXAD")


def expected(text: str) -> list[tuple[Any, ...]]:
    """A table written by hand: ``-`` for what is not known, ``''`` for empty text."""

    def cell(text: str) -> Any:
        if text in ("-", "''"):
            return None if text == "-" else ""
        try:
            return float(text)
        except ValueError:
            return text

    lines = [line.split("#")[0].split() for line in text.strip().splitlines()]
    return [tuple(cell(text) for text in line) for line in lines if line]


def found(findings: Iterable[Finding]) -> dict[str, list[str]]:
    items: dict[str, list[str]] = {}
    for finding in findings:
        items.setdefault(finding.code, []).extend(finding.items)
    return items
