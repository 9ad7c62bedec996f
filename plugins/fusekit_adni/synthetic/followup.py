"""Write a synthetic cohort of people with MCI, followed over four years, as a LONI download."""

from __future__ import annotations

from pathlib import Path

from fusekit.data.synthetic import streams
from fusekit.progress import Progress
from fusekit_adni.synthetic.download import ABOUT, PUBLISHED, write_images
from fusekit_adni.synthetic.subjects import Strengths
from fusekit_adni.synthetic.tables import write_tables
from fusekit_adni.synthetic.trajectories import draw_people, draw_visits


def write_followup(
    folder: Path, progress: Progress, *, seed: int = 0, subjects: int = 480, strengths: Strengths = PUBLISHED
) -> None:
    """Write a synthetic download for the task ``mci-converter``; see ``write_download``.

    ``subjects`` have MCI at baseline, and a few with CN or AD come on top. The disease that the strengths are about is
    the one to come.
    """
    rng, tables, images = streams(seed)
    people = draw_people(rng, subjects, strengths)
    visits = draw_visits(rng, people)
    who = f"{subjects} subjects with MCI at baseline, followed for up to 48 months"
    strengths.write_readme(folder, ABOUT, seed, who)
    write_tables(tables, people, visits, folder / "Study_Data")
    write_images(folder, "MCI_Screening", people, rng, images, progress)
