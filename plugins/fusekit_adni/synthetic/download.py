"""Write a synthetic cohort as a LONI download: image tree, collection list, study tables."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data.synthetic import streams, write_scans
from fusekit.progress import Progress
from fusekit_adni.synthetic.brain import affine, make_brain
from fusekit_adni.synthetic.subjects import Strengths, draw_subjects
from fusekit_adni.synthetic.tables import visit_date, write_tables

SCALED = "MPR; GradWarp; B1 Correction; N3; Scaled"

#: Other images of the same visit, and the share of people who have them: another processing level, a repeat in
#: the same session, the scan as acquired.
EXTRAS = {"MPR; ; N3; Scaled": 0.05, "MPR-R; GradWarp; B1 Correction; N3; Scaled": 0.05, "MP-RAGE": 0.05}

#: Shares of people with a second scan after a year, and without any scan.
LATER, WITHOUT_SCAN = 0.06, 0.015

#: Orders in which volumes are stored; all have the affine that goes with it.
ORIENTATIONS = {"RAS": 0.7, "LPS": 0.15, "IPL": 0.15}

HEADER = (
    *("Image Data ID", "Subject", "Group", "Sex", "Age", "Visit", "Modality", "Description"),
    *("Type", "Acq Date", "Format", "Downloaded"),
)

ABOUT = """\
It imitates the layout of a download from the ADNI archive so that FuseKit's reader can be run and tested without
patients' data. Brains are the MNI152 template, warped; every value in the tables is a random number."""


@dataclass(frozen=True)
class _Scan:
    """One image to write."""

    path: Path
    seed: np.random.SeedSequence
    ventricles: float
    horns: float
    orientation: str


def write_download(
    folder: Path,
    progress: Progress,
    *,
    seed: int = 0,
    subjects: int = 480,
    image_effect: float = 1.0,
    table_effect: float = 1.0,
    interaction: float = 1.0,
) -> None:
    """Write a synthetic download into an existing, empty folder.

    Args:
        folder: gets ``ADNI/``, the collection list, ``Study_Data/`` and a README that says what it is.
        progress: shows scans.
        seed: the same seed and strengths give the same files.
        subjects: how many with CN or AD; some MCI come on top.
        image_effect: main effect of the disease on both atrophy signs; 1 sets them 0.7 standard deviations apart.
        table_effect: main effect on the clinical values; 1 gives the published group values, 0 one pooled group.
        interaction: which sign goes with disease depends on the APOE e4 carrier status; 1 moves the temporal horns 1.2
            standard deviations up and the ventricles as much down with disease in carriers, and the reverse in others.
    """
    rng, table_rng, image_seed = streams(seed)
    strengths = Strengths(image_effect, table_effect, interaction)
    people = draw_subjects(rng, subjects, strengths)
    people["baseline"] = [date(2005, 9, 1) + timedelta(days=int(d)) for d in rng.integers(0, 700, len(people))]
    strengths.write_readme(folder, ABOUT, seed, f"{subjects} subjects with CN or AD")
    write_tables(table_rng, people, folder / "Study_Data")
    write_images(folder, "ADNI1_Complete_1Yr_1.5T", people, rng, image_seed, progress)


def write_images(
    folder: Path,
    collection: str,
    people: pd.DataFrame,
    rng: np.random.Generator,
    seed: np.random.SeedSequence,
    progress: Progress,
) -> None:
    """Write the image tree and its collection list.

    Args:
        folder: gets both.
        collection: name of the list, without its date.
        people: from ``draw_subjects``, with a column ``baseline`` (date).
        rng: draws who has which images, and when.
        seed: of the images themselves.
        progress: shows scans.
    """
    rows, scans = [], []
    for image in _images(rng, people):
        rows.append(image.row)
        scans.append(_Scan(folder / image.path, seed.spawn(1)[0], image.ventricles, image.horns, image.orientation))
    _write_collection(folder / f"{collection}_2_12_2024.csv", rows)
    write_scans(_write_scan, scans, progress, "scans")


@dataclass(frozen=True)
class _Image:
    """A line of the collection list, and what the image shows."""

    path: Path
    row: tuple[str, ...]
    ventricles: float
    horns: float
    orientation: str


def _images(rng: np.random.Generator, people: pd.DataFrame) -> Iterator[_Image]:
    """Every image of the download, in the order of the collection list."""
    number = 30000
    for person in people.sort_values("ptid").to_dict("records"):
        if rng.random() < WITHOUT_SCAN:
            continue
        visits = ["bl", "m12"] if rng.random() < LATER else ["bl"]
        orientation = str(rng.choice(list(ORIENTATIONS), p=list(ORIENTATIONS.values())))
        extras = [description for description, share in EXTRAS.items() if rng.random() < share]
        for visit in visits:
            day = visit_date(person["baseline"], visit) + timedelta(days=int(rng.integers(-14, 15)))
            time = f"{day}_{rng.integers(8, 18):02}_{rng.integers(60):02}_{rng.integers(60):02}.0"
            for description in [SCALED, *(extras if visit == "bl" else [])]:
                number += int(rng.integers(1, 9))
                folder = description.replace(";", "_").replace(" ", "_").replace("/", "_")
                stamp = f"{day:%Y%m%d}{rng.integers(10**8, 10**9)}"
                name = f"ADNI_{person['ptid']}_MR_{folder}_Br_{stamp}_S{number // 3}_I{number}.nii"
                yield _Image(
                    path=Path("ADNI", person["ptid"], folder, time, f"I{number}", name),
                    row=(
                        f"I{number}" if number % 5 else str(number),  # lists of both kinds are about
                        person["ptid"],
                        person["diagnosis"],
                        person["sex"][0],
                        f"{person['age']:.0f}",
                        "sc" if visit == "bl" else visit,
                        "MRI",
                        description,
                        "Original" if description == "MP-RAGE" else "Processed",
                        f"{day.month}/{day.day}/{day.year}",
                        "NiFTI",
                        "2/12/2024",
                    ),
                    ventricles=person["ventricles"] + (0.3 if visit == "m12" else 0.0),
                    horns=person["horns"] + (0.3 if visit == "m12" else 0.0),
                    orientation=orientation,
                )


def _write_collection(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([HEADER, *rows])


def _write_scan(scan: _Scan) -> None:
    import nibabel

    nib: Any = nibabel  # its functions have no types
    volume = make_brain(np.random.default_rng(scan.seed), scan.ventricles, scan.horns)
    image = nib.Nifti1Image(volume, affine())
    stored = nib.orientations.axcodes2ornt(tuple(scan.orientation))
    turned = image.as_reoriented(nib.orientations.ornt_transform(nib.io_orientation(image.affine), stored))
    turned.header.set_xyzt_units("mm")
    scan.path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(turned, scan.path)
