"""The same people as a download of 2025 has them: other names, phases and codes, image lists of the new platform.

Nothing is drawn anew of what both eras have: subjects, diagnoses, sex, genotype, ages within a birth year.
"""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

EXPORTED = "07Sep2025"
FOLDER = f"Tables_{EXPORTED}"

#: ADNI1 of the earlier era is ADNI3 of this one, so many days later; what follows it is ADNI4.
MOVED = timedelta(days=12 * 1461 // 4)
_NEXT = {"ADNI1": "ADNI3", "ADNI2": "ADNI4"}
#: A phase's own codes, by months since baseline.
_CODES = {"ADNI3": {12: "y1", 24: "y2", 36: "y3"}, "ADNI4": {48: "4_init"}}
IMAGE_VISITS = {"ADNI3": {"bl": "sc", "m12": "y1"}, "ADNI2": {"bl": "v02", "m12": "v11"}}
#: Names of images, by those of the earlier era: another sequence, and a second image of the session.
DESCRIPTIONS = {
    "MPR; GradWarp; B1 Correction; N3; Scaled": "Accelerated Sagittal MPRAGE",
    "MPR; ; N3; Scaled": "3 Plane Localizer",
    "MPR-R; GradWarp; B1 Correction; N3; Scaled": "Accelerated Sagittal MPRAGE_ND",
    "MP-RAGE": "Accelerated Sag IR-FSPGR",
}
LISTED = (
    *("image_id", "subject_id", "study_id", "series_id", "mri_visit", "mri_date", "mri_description", "image_type"),
    *("mri_thickness", "mri_mfr", "mri_mfr_model", "mri_field_str"),
)
_STAMP = {"update_stamp": "2025-09-06 22:10:00.0"}


def moved(people: pd.DataFrame, visits: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """People and visits as ``tables.write_tables`` takes them, those who entered in ADNI1 in today's phases."""
    first = people["entered"] == "ADNI1"
    days = [day + MOVED if move else day for day, move in zip(people["baseline"], first, strict=True)]
    people = people.assign(entered=people["entered"].mask(first, "ADNI3"), baseline=days)
    of_visit = visits["rid"].map(first.set_axis(people["rid"]))
    days = [day + MOVED if move else day for day, move in zip(visits["day"], of_visit, strict=True)]
    phases = visits["phase"].mask(of_visit, visits["phase"].map(_NEXT))
    codes = [
        _CODES.get(phase, {}).get(month, code)
        for phase, month, code in zip(phases, visits["months"], visits["code"], strict=True)
    ]
    return people, visits.assign(day=days, phase=phases, code=codes)


def tables(rng: np.random.Generator, earlier: dict[str, Any], people: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The tables of a download, by file name without ending, from those of the earlier era and people."""
    known = people.set_index("rid")
    dxsum, apoe, nfl = (
        pd.DataFrame(earlier[name]) for name in ("DXSUM_PDXCONV_ADNIALL", "APOERES", "BLENNOWPLASMANFL_10_03_18")
    )
    spinal = pd.DataFrame(earlier["UPENNBIOMK_MASTER"])
    spinal = known.loc[spinal.loc[spinal["BATCH"] == "MEDIAN", "RID"]].reset_index()
    found: dict[str, Any] = {
        "DXSUM": _dxsum(dxsum, known),
        "PTDEMOG": _demographics(people),
        "APOERES": _with_people(apoe, known, GENOTYPE=_genotypes(apoe)).drop(columns=["APGEN1", "APGEN2"]),
        "UPENNBIOMK_ROCHE_ELECSYS": _elecsys(rng, spinal),
        "UPENN_PLASMA_FUJIREBIO_QUANTERIX": _plasma(rng, nfl, known),
        "LABDATA": pd.DataFrame(earlier["LABDATA"]),
    }
    named = {f"All_Subjects_{name}_{EXPORTED}": table for name, table in found.items()}
    return named | {name: table for name, table in earlier.items() if name.startswith("adni_plasma_qc_multiplex")}


def _with_people(table: pd.DataFrame, known: pd.DataFrame, **more: Any) -> pd.DataFrame:
    """A table as its form is entered today: phase, both ids, the rest."""
    rows = known.loc[table["RID"]]
    table = table.assign(PHASE=rows["entered"].to_numpy(), PTID=rows["ptid"].to_numpy(), **more)
    first = ["PHASE", "PTID"]
    return table.drop(columns="Phase", errors="ignore")[
        [*first, *table.columns.difference([*first, "Phase"], sort=False)]
    ]


def _dxsum(earlier: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Only DIAGNOSIS, and the flags; no DXCHANGE, DXCURREN."""
    flags = {"DXNORM": 1, "DXMCI": 2, "DXAD": 3}
    code = pd.Series(0, index=earlier.index)
    for flag, number in flags.items():
        code = code.mask(earlier[flag] == 1, number)
    kept = earlier[["Phase", "RID", "VISCODE", "VISCODE2", "EXAMDATE", *flags]]
    site = known.loc[earlier["RID"], "site"].to_numpy() + 200  # SITEID counts otherwise than PTID
    phase = earlier["Phase"].to_numpy()
    table = _with_people(kept, known, DIAGNOSIS=code.where(code > 0, ""), SITEID=site, **_STAMP)
    return table.assign(PHASE=phase)


def _demographics(people: pd.DataFrame) -> pd.DataFrame:
    """Entered at screening; of every fifth subject again a year later, without the sex."""
    rows = people.sort_values("rid")
    born = [
        (baseline - timedelta(days=round(365.25 * age))).year
        for baseline, age in zip(rows["baseline"], rows["age"], strict=True)
    ]
    table = pd.DataFrame(
        {
            "PTID": rows["ptid"],
            "RID": rows["rid"],
            "PHASE": rows["entered"],
            "VISCODE": "sc",
            "VISDATE": [str(day - timedelta(days=20)) for day in rows["baseline"]],
            "PTGENDER": rows["sex"].map({"Male": 1, "Female": 2}),
            "PTDOBYY": born,
            "PTEDUCAT": rows["education"],
        }
    )
    again = table[rows["rid"] % 5 == 0]
    later = [str(day + timedelta(days=366)) for day in rows.loc[again.index, "baseline"]]
    again = again.assign(VISCODE="m12", VISDATE=later, PTGENDER="")
    return pd.concat([table, again]).sort_values(["RID", "VISDATE"], kind="stable").assign(**_STAMP)


def _genotypes(apoe: pd.DataFrame) -> list[str]:
    return [f"{min(pair)}/{max(pair)}" for pair in zip(apoe["APGEN1"], apoe["APGEN2"], strict=True)]


def _elecsys(rng: np.random.Generator, rows: pd.DataFrame) -> pd.DataFrame:
    def reported(values: pd.Series, low: float, high: float) -> list[str]:
        return [f"<{low:g}" if v < low else f">{high:g}" if v > high else f"{v:.2f}" for v in values]

    return pd.DataFrame(
        {
            "RID": rows["rid"],
            "VISCODE2": "bl",
            "EXAMDATE": rows["baseline"].map(str),
            "ABETA40": np.round(rng.normal(17000, 4000, len(rows)).clip(4000), 0),
            "ABETA42": reported(rows["abeta"] * 5.5, 200, 1700),
            "TAU": reported(rows["tau"] * 2.9, 80, 1300),
            "PTAU": reported(rows["ptau"] * 0.9, 8, 120),
            **_STAMP,
        }
    )


def _plasma(rng: np.random.Generator, nfl: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Neurofilament light as in the earlier table; the rest follows the same markers as the spinal fluid does."""
    rows = known.loc[nfl["RID"]]
    tau, short, long = 0.1 + 0.012 * rows["ptau"], 18 + 0.03 * rows["abeta"], rng.normal(280, 30, len(rows))
    values = pd.DataFrame(
        {
            "pT217_F": np.round(tau.to_numpy(), 3),
            "AB42_F": np.round(short.to_numpy(), 2),
            "AB40_F": np.round(long, 2),
            "AB42_AB40_F": np.round(short.to_numpy() / long, 4),
            "pT217_AB42_F": np.round((tau / short).to_numpy(), 5),
            "NfL_Q": nfl["PLASMA_NFL"].to_numpy(),
            "GFAP_Q": np.round(rng.lognormal(5, 0.4, len(rows)), 1),
        },
        index=nfl.index,
    )
    keys = nfl[["RID", "VISCODE", "EXAMDATE"]].rename(columns={"VISCODE": "VISCODE2"})
    return _with_people(pd.concat([keys, values], axis=1), known, **_STAMP)
