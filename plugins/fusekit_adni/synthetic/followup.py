"""Write a synthetic cohort of people with MCI, followed over four years, as a LONI download."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.data.synthetic import streams
from fusekit.progress import Progress
from fusekit_adni.synthetic.download import ABOUT, write_images
from fusekit_adni.synthetic.subjects import Strengths
from fusekit_adni.synthetic.tables import CODES, EXPORTED, adnimerge, biospecimens, write_csv
from fusekit_adni.synthetic.trajectories import draw_people, draw_visits

#: DXCHANGE by the diagnoses before and now.
CHANGES = {
    ("CN", "CN"): 1,
    ("MCI", "MCI"): 2,
    ("AD", "AD"): 3,
    ("CN", "MCI"): 4,
    ("MCI", "AD"): 5,
    ("CN", "AD"): 6,
    ("MCI", "CN"): 7,
    ("AD", "MCI"): 8,
    ("AD", "CN"): 9,
}

#: Share of diagnoses that were entered twice.
TWICE = 0.02


def write_followup(
    folder: Path,
    progress: Progress,
    *,
    seed: int = 0,
    subjects: int = 480,
    image_effect: float = 1.0,
    table_effect: float = 1.0,
    interaction: float = 1.0,
) -> None:
    """Write a synthetic download for the task ``mci-converter`` into an existing, empty folder.

    Args:
        folder: gets ``ADNI/``, the collection list, ``Study_Data/`` and a README that says what it is.
        progress: shows scans.
        seed: the same seed and strengths give the same files.
        subjects: how many with MCI at baseline; a few with CN or AD come on top.
        image_effect, table_effect, interaction: see ``write_download``; disease is here what is to come.
    """
    rng, tables, image_seed = streams(seed)
    strengths = Strengths(image_effect, table_effect, interaction)
    people = draw_people(rng, subjects, strengths)
    visits = draw_visits(rng, people)
    who = f"{subjects} subjects with MCI at baseline, followed for up to 48 months"
    strengths.write_readme(folder, ABOUT, seed, who)
    about = people.drop(columns=["diagnosis"]).assign(start=people["diagnosis"])
    main = {
        f"ADNIMERGE_{EXPORTED}": adnimerge(tables, visits.merge(about, on="rid")),
        f"DXSUM_PDXCONV_ADNIALL_{EXPORTED}": _diagnoses(tables, visits),
    }
    write_csv(main | biospecimens(tables, people), folder / "Study_Data")
    write_images(folder, "MCI_Screening", people, rng, image_seed, progress)


def _diagnoses(rng: np.random.Generator, visits: pd.DataFrame) -> pd.DataFrame:
    """DXSUM: ADNI1 states the diagnosis, ADNI2 the change since the last one that was recorded."""
    recorded = visits["diagnosis"].where(visits["diagnosis"] != "")
    before = recorded.groupby(visits["rid"]).transform(lambda own: own.ffill().shift()).fillna(recorded)
    change = [CHANGES.get(pair, -4) for pair in zip(before, recorded, strict=True)]
    code = recorded.map(CODES).fillna(-4).astype(int)
    first = visits["phase"] == "ADNI1"
    converted = (before != "AD") & (recorded == "AD")
    table = pd.DataFrame(
        {
            "Phase": visits["phase"],
            "RID": visits["rid"],
            "VISCODE": visits["code"],
            "VISCODE2": visits["visit"],
            "EXAMDATE": visits["day"].map(str),
            "DXCHANGE": np.where(first, -4, change),
            "DXCURREN": np.where(first, code, -4),
            "DXCONV": np.where(first, converted.astype(int), -4),
            "DXNORM": np.where(recorded == "CN", 1, -4),
            "DXMCI": np.where(recorded == "MCI", 1, -4),
            "DXAD": np.where(recorded == "AD", 1, -4),
            "DIAGNOSIS": "",
        }
    )
    again = table[rng.random(len(table)) < TWICE]
    return pd.concat([table, again]).sort_values(["RID", "EXAMDATE"], kind="stable")
