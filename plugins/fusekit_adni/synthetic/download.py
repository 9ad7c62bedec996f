"""Write a synthetic cohort as a LONI download: image tree, collection list, study tables."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusekit.data.synthetic import streams, write_scans
from fusekit.progress import Progress
from fusekit_adni.synthetic import today
from fusekit_adni.synthetic.brain import affine, make_brain
from fusekit_adni.synthetic.subjects import Strengths, draw_subjects
from fusekit_adni.synthetic.tables import visit_date, write_tables, yearly_visits
from fusekit_adni.synthetic.trajectories import draw_people, draw_visits

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

#: The strengths at which the published differences between groups are seen.
PUBLISHED = Strengths()


def write_download(
    folder: Path,
    progress: Progress,
    *,
    seed: int = 0,
    subjects: int = 480,
    strengths: Strengths = PUBLISHED,
    era: str = "2024",
) -> None:
    """Write a synthetic download into an existing, empty folder; same seed and strengths, same files.

    Args:
        folder: gets ``ADNI/``, the collection list, ``Study_Data/`` and a README that says what it is.
        subjects: how many with CN or AD; some MCI come on top.
        strengths: image: main effect of the disease on both atrophy signs; 1 sets them 0.7 standard deviations apart.
            table: main effect on the clinical values; 1 gives the published group values, 0 one pooled group.
            interaction: which sign goes with disease depends on the APOE e4 carrier status; 1 moves the temporal horns
            1.2 standard deviations up and the ventricles as much down with disease in carriers, and the reverse in
            others.
        era: 2024 or 2025, whose names, codes and image lists a download has; the people are the same.
    """
    rng, tables, images = streams(seed)
    people = draw_subjects(rng, subjects, strengths).assign(entered="ADNI1")
    people["baseline"] = [date(2005, 9, 1) + timedelta(days=int(d)) for d in rng.integers(0, 700, len(people))]
    strengths.write_readme(folder, ABOUT, seed, f"{subjects} subjects with CN or AD")
    people = _write_tables(tables, people, yearly_visits(people), folder, era)
    _write_images(folder / "ADNI1_Complete_1Yr_1.5T", people, rng, images, progress, era)


def write_followup(
    folder: Path,
    progress: Progress,
    *,
    seed: int = 0,
    subjects: int = 480,
    strengths: Strengths = PUBLISHED,
    era: str = "2024",
) -> None:
    """Write a synthetic download for the task ``mci-converter``: people followed over four years.

    ``subjects`` have MCI at baseline, and a few with CN or AD come on top. The disease that the strengths are about is
    the one to come.
    """
    rng, tables, images = streams(seed)
    people = draw_people(rng, subjects, strengths)
    visits = draw_visits(rng, people)
    strengths.write_readme(
        folder, ABOUT, seed, f"{subjects} subjects with MCI at baseline, followed for up to 48 months"
    )
    people = _write_tables(tables, people, visits, folder, era)
    _write_images(folder / "MCI_Screening", people, rng, images, progress, era)


def _write_tables(
    rng: np.random.Generator, people: pd.DataFrame, visits: pd.DataFrame, folder: Path, era: str
) -> pd.DataFrame:
    """Write the study tables; returns people as they are in the era."""
    if era == "2025":
        people, visits = today.moved(people, visits)
    write_tables(rng, people, visits, folder / (today.FOLDER if era == "2025" else "Study_Data"), era)
    return people


@dataclass(frozen=True)
class _Scan:
    """One image to write, and its line of the collection list."""

    path: Path
    row: tuple[str, ...]
    ventricles: float
    horns: float
    orientation: str
    seed: np.random.SeedSequence | None = None


def _write_images(
    collection: Path,
    people: pd.DataFrame,
    rng: np.random.Generator,
    seed: np.random.SeedSequence,
    progress: Progress,
    era: str,
) -> None:
    """Write the image tree of people, who have a column ``baseline`` (date), and its list."""
    drawn = _images(rng, people, era)
    scans = [replace(scan, path=collection.parent / scan.path, seed=seed.spawn(1)[0]) for scan in drawn]
    listed, header = Path(f"{collection}_2_12_2024.csv"), HEADER
    if era == "2025":
        listed = collection.parent / today.FOLDER / f"All_Subjects_Key_MRI_{today.EXPORTED}.csv"
        header = today.LISTED
    with listed.open("w", newline="", encoding="utf-8") as file:
        rows = [header, *(scan.row for scan in scans)]
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    write_scans(_write_scan, scans, progress, "scans")


def _images(rng: np.random.Generator, people: pd.DataFrame, era: str = "2024") -> Iterator[_Scan]:
    number = 30000
    for person in people.sort_values("ptid").to_dict("records"):
        if rng.random() < WITHOUT_SCAN:
            continue
        later = {"bl": 0.0, "m12": 0.3} if rng.random() < LATER else {"bl": 0.0}  # visit -> progression of the signs
        orientation = str(rng.choice(list(ORIENTATIONS), p=list(ORIENTATIONS.values())))
        extras = [description for description, share in EXTRAS.items() if rng.random() < share]
        for visit, progression in later.items():
            day = visit_date(person["baseline"], visit) + timedelta(days=int(rng.integers(-14, 15)))
            time = f"{day}_{rng.integers(8, 18):02}_{rng.integers(60):02}_{rng.integers(60):02}.0"
            for description in [SCALED, *(extras if visit == "bl" else [])]:
                number += int(rng.integers(1, 9))
                description = today.DESCRIPTIONS[description] if era == "2025" else description
                folder = description.replace(";", "_").replace(" ", "_").replace("/", "_")
                stamp = f"{day:%Y%m%d}{rng.integers(10**8, 10**9)}"
                name = f"ADNI_{person['ptid']}_MR_{folder}_Br_{stamp}_S{number // 3}_I{number}.nii"
                yield _Scan(
                    path=Path("ADNI", person["ptid"], folder, time, f"I{number}", name),
                    row=_listed(person, number, visit, day, description, era),
                    ventricles=person["ventricles"] + progression,
                    horns=person["horns"] + progression,
                    orientation=orientation,
                )


def _listed(person: dict[Any, Any], number: int, visit: str, day: date, description: str, era: str) -> tuple[str, ...]:
    """The line of an image in the era's list."""
    if era == "2025":
        code = today.IMAGE_VISITS[person["entered"]][visit]
        ids = (str(number), person["ptid"], str(number // 7), str(number // 3))
        return (*ids, code, str(day), description, "Original", "1.0", "SIEMENS", "Prisma", "3.0")
    return (
        f"I{number}" if number % 5 else str(number),  # lists of both kinds exist
        *(person["ptid"], person["diagnosis"], person["sex"][0], f"{person['age']:.0f}"),
        *("sc" if visit == "bl" else visit, "MRI", description),
        "Original" if description == "MP-RAGE" else "Processed",
        *(f"{day.month}/{day.day}/{day.year}", "NiFTI", "2/12/2024"),
    )


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
