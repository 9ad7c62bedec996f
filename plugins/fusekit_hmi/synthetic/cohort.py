"""Write a synthetic cohort: a clinical table, a DICOM series per patient, masks for half of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusekit.data.synthetic import streams, write_scans
from fusekit.progress import Progress
from fusekit_hmi.synthetic.abdomen import PIXEL, THICKNESS, make_scan
from fusekit_hmi.synthetic.dicom import Style, write_series
from fusekit_hmi.synthetic.patients import Strengths, draw_patients
from fusekit_hmi.synthetic.table import write_table

#: Shares of patients without images, with a mask, and with a localiser in the folder of their scan.
WITHOUT_IMAGE, WITH_MASK, LOCALISER = 0.02, 0.5, 0.15

#: Scanners: maker, model, HU of a stored 0. Names of files, with the share of patients who have them.
SCANNERS = (("SIEMENS", "Synthetic Definition", -1024), ("GE MEDICAL SYSTEMS", "Synthetic Revolution", 0))
NAMES = {"IM{:04}": 0.2, "1-{:03}.dcm": 0.8}

ABOUT = """\
It imitates what a hospital would bring, so that FuseKit can be run and tested without patients' data. Scans are made of
ellipses and noise; every value in the table is a random number."""


#: The strengths at which the published differences between groups are seen.
PUBLISHED = Strengths()


@dataclass(frozen=True)
class _Job:
    """One patient's files to write."""

    folder: Path
    patient: str
    seed: np.random.SeedSequence
    signs: tuple[float, float, float]  # diameter, margin, satellites
    style: Style
    mask: bool


def write_cohort(
    folder: Path, progress: Progress, *, seed: int = 0, subjects: int = 480, strengths: Strengths = PUBLISHED
) -> None:
    """Write a synthetic cohort into an existing, empty folder; same seed and strengths, same files.

    Args:
        folder: gets ``clinical.csv``, ``images/`` with a folder per patient, ``masks/`` and a README.
        subjects: rows of the table.
        strengths: image: main effect of invasion on both image signs; 1 sets them 0.7 standard deviations apart.
            table: main effect on the clinical values; 1 gives the published group values, 0 one pooled group. The
            tumour's diameter is one of them, and is seen in the image. interaction: which sign goes with invasion
            depends on AFP; 1 moves the margin's raggedness 1.2 standard deviations up and the satellites as much down
            with invasion where AFP is 100 ng/mL or more, and the reverse elsewhere.
    """
    rng, table_rng, image_seed = streams(seed)
    people = draw_patients(rng, subjects, strengths)
    strengths.write_readme(folder, ABOUT, seed, f"{subjects} patients")
    write_table(table_rng, people, folder / "clinical.csv")
    (folder / "masks").mkdir()
    jobs = []
    for person in people.sort_values("id").to_dict("records"):
        without, mask, localiser, scanner = rng.random(), rng.random(), rng.random(), int(rng.integers(len(SCANNERS)))
        names = str(rng.choice(list(NAMES), p=list(NAMES.values())))
        if without >= WITHOUT_IMAGE:
            maker, model, intercept = SCANNERS[scanner]
            style = Style(names, intercept, localiser < LOCALISER, maker, model)
            signs = (float(person["diameter"]), float(person["margin"]), float(person["satellites"]))
            jobs.append(_Job(folder, str(person["id"]), image_seed.spawn(1)[0], signs, style, mask < WITH_MASK))
    write_scans(_write, jobs, progress, "patients")


def _write(job: _Job) -> None:
    import nibabel

    nib: Any = nibabel  # its functions have no types
    rng = np.random.default_rng(job.seed)
    scan = make_scan(rng, *job.signs)
    write_series(rng, job.folder / "images" / job.patient / "portal_venous", job.patient, scan, job.style)
    if job.mask:  # NIfTI's coordinates run to the right and to the front
        affine = np.diag([-PIXEL, -PIXEL, THICKNESS, 1.0])
        affine[:3, 3] = -scan.corner[0], -scan.corner[1], scan.corner[2]
        image = nib.Nifti1Image(scan.tumour.transpose(2, 1, 0).astype(np.uint8), affine)
        image.header.set_xyzt_units("mm")
        nib.save(image, job.folder / "masks" / f"{job.patient}.nii.gz")
