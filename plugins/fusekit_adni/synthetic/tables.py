"""The study tables of a synthetic download, with the oddities of real exports: codes, censoring, gaps, duplicates."""

import csv
import tomllib
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusekit_adni.synthetic import today
from fusekit_adni.synthetic.subjects import BIOLOGY

EXPORTED = "12Feb2024"

_NAMES = tomllib.loads(Path(__file__).with_name("names.toml").read_text(encoding="utf-8"))
LAB_CODES, ANALYTE_NAMES = (tuple(_NAMES[kind].split()) for kind in ("labs", "analytes"))

#: Shares of people without a table's row, whatever their diagnosis.
NO_CSF, NO_NFL, NO_PLASMA, NO_APOE, NO_LABS = 0.5, 0.15, 0.2, 0.02, 0.05

#: Months after baseline at which people came back.
VISITS = {"bl": 0, "m06": 6, "m12": 12}

CODES = {"CN": 1, "MCI": 2, "AD": 3}
FLAGS = {"NORM": "CN", "MCI": "MCI", "AD": "AD"}
DX = {"CN": "CN", "MCI": "MCI", "AD": "Dementia"}
DX_BASELINE = {"CN": "CN", "MCI": "LMCI", "AD": "AD"}

#: DXCHANGE, from 1, by the diagnoses before and now.
CHANGES = ["CN-CN", "MCI-MCI", "AD-AD", "CN-MCI", "MCI-AD", "CN-AD", "MCI-CN", "AD-MCI", "AD-CN"]

#: Share of diagnoses that were entered twice.
TWICE = 0.02


def write_tables(
    rng: np.random.Generator, people: pd.DataFrame, visits: pd.DataFrame, folder: Path, era: str = "2024"
) -> None:
    """Write the study tables as the archive exported them in an era, into a new folder.

    People are as ``draw_subjects`` draws them, with baseline (date) and the phase entered. Visits have one row per
    person and visit: rid, months, visit, code (the phase's own), phase, day, state (the true diagnosis) and diagnosis
    (as recorded; "" if it was not).
    """
    about = people.drop(columns="diagnosis").assign(start=people["diagnosis"])
    tables: dict[str, Any] = {
        "ADNIMERGE": _adnimerge(rng, visits.merge(about, on="rid")),
        "DXSUM_PDXCONV_ADNIALL": _dxsum(rng, visits),
        "UPENNBIOMK_MASTER": _csf(rng, people),
        "UPENNBIOMK9_04_19_17": _elecsys(rng, people),
        "APOERES": _apoe(rng, people),
        "BLENNOWPLASMANFL_10_03_18": _nfl(rng, people),
        "LABDATA": _labs(rng, people),
        "adni_plasma_qc_multiplex_11Nov2010": _analytes(rng, people),
    }
    if era == "2025":
        tables = today.tables(rng, tables, people)
    else:
        tables = {name if "multiplex" in name else f"{name}_{EXPORTED}": table for name, table in tables.items()}
    folder.mkdir()
    for name, table in tables.items():
        pd.DataFrame(table).to_csv(folder / f"{name}.csv", index=False, quoting=csv.QUOTE_ALL, lineterminator="\n")


def yearly_visits(people: pd.DataFrame) -> pd.DataFrame:
    """Visits of people who were seen for a year and whose diagnosis stayed, for ``write_tables``."""
    rows = _visits(people)[["rid", "visit", "day", "diagnosis"]]
    return rows.assign(months=rows["visit"].map(VISITS), code=rows["visit"], state=rows["diagnosis"], phase="ADNI1")


def visit_date(baseline: date, visit: str) -> date:
    """The day of a visit, months of 30.4 days after baseline."""
    return baseline + timedelta(days=round(30.4 * VISITS[visit]))


def _some(rng: np.random.Generator, people: pd.DataFrame, missing: float) -> pd.DataFrame:
    return people[rng.random(len(people)) >= missing]


def _visits(people: pd.DataFrame, visits: tuple[str, ...] = tuple(VISITS)) -> pd.DataFrame:
    rows = pd.concat([people.assign(visit=visit) for visit in visits]).sort_values(["rid", "visit"], kind="stable")
    return rows.assign(day=[visit_date(b, v) for b, v in zip(rows["baseline"], rows["visit"], strict=True)])


def _adnimerge(rng: np.random.Generator, rows: pd.DataFrame) -> dict[str, Any]:
    """The table of everything, from visits with what is known of the person; start is the diagnosis at baseline."""
    n, ill = len(rows), rows["state"].map(CODES).to_numpy() - 1.0
    gaps = rng.random(n) < 0.1
    return {
        "RID": rows["rid"],
        "COLPROT": rows["phase"],
        "ORIGPROT": rows["entered"],
        "PTID": rows["ptid"],
        "SITE": rows["site"],
        "VISCODE": rows["visit"],
        "EXAMDATE": rows["day"].map(str),
        "DX_bl": rows["start"].map(DX_BASELINE),
        "AGE": rows["age"],
        "PTGENDER": rows["sex"],
        "PTEDUCAT": rows["education"],
        "PTETHCAT": np.where(rng.random(n) < 0.03, "Unknown", "Not Hisp/Latino"),
        "PTRACCAT": "White",
        "PTMARRY": rng.choice(["Married", "Widowed", "Divorced", "Never married"], n, p=[0.76, 0.13, 0.08, 0.03]),
        "APOE4": rows["alleles"],
        "FDG": np.where(gaps, "", np.round(rng.normal(1.3 - 0.1 * ill, 0.12), 5).astype(str)),
        "CDRSB": np.round(np.clip(rng.normal(2.1 * ill, 0.8), 0, 18) * 2) / 2,
        "ADAS11": np.round(np.clip(rng.normal(6 + 6 * ill, 3), 0, 70), 2),
        "MMSE": np.clip(np.round(rng.normal(29.1 - 2.9 * ill, 1.5)), 0, 30).astype(int),
        "LDELTOTAL": np.clip(np.round(rng.normal(13 - 5.5 * ill, 3)), 0, 25).astype(int),
        "FAQ": np.clip(np.round(rng.normal(6 * ill, 3)), 0, 30).astype(int),
        "FLDSTRENG": rows["entered"].map({"ADNI1": "1.5 Tesla MRI", "ADNI2": "3 Tesla MRI"}),
        "FSVERSION": "Cross-Sectional FreeSurfer (FreeSurfer Version 4.3)",
        "Ventricles": np.round(38000 + 12000 * rows["ventricles"].clip(-2.5)),
        "Hippocampus": np.where(gaps, "", np.round(7000 - 700 * rows["horns"]).astype(str)),
        "DX": np.where(rng.random(n) < 0.02, "", rows["diagnosis"].map(DX)),
        "Month": rows["months"],
        "M": rows["months"],
        "update_stamp": "2024-02-12 00:05:02.0",
    }


def _dxsum(rng: np.random.Generator, visits: pd.DataFrame) -> pd.DataFrame:
    """ADNI1 states the diagnosis, ADNI2 the change since the last one that was recorded."""
    recorded = visits["diagnosis"].where(visits["diagnosis"] != "")
    before = recorded.groupby(visits["rid"]).transform(lambda own: own.ffill().shift()).fillna(recorded)
    codes = {pair: code for code, pair in enumerate(CHANGES, 1)}
    change = (before + "-" + recorded).map(codes).fillna(-4).astype(int)
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
            "DXCURREN": np.where(first, recorded.map(CODES).fillna(-4).astype(int), -4),
            "DXCONV": np.where(first, converted.astype(int), -4),
            **{f"DX{flag}": np.where(recorded == name, 1, -4) for flag, name in FLAGS.items()},
            "DIAGNOSIS": "",
        }
    )
    again = table[rng.random(len(table)) < TWICE]
    return pd.concat([table, again]).sort_values(["RID", "EXAMDATE"], kind="stable")


def _censored(values: np.ndarray, low: float, high: float) -> list[str]:
    """Text as an assay reports it: ``<80`` below its range, ``>1700`` above."""
    return [f"<{low:g}" if v < low else f">{high:g}" if v > high else f"{v:.1f}" for v in values]


def _csf(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    rows = _some(rng, people, NO_CSF).sort_values("rid")
    assays = {"ABETA": ("abeta", 60.0, 300.0), "TAU": ("tau", 30.0, 250.0), "PTAU": ("ptau", 8.0, 120.0)}
    parts = []
    for batch in ("UPENNBIOMK", "UPENNBIOMK2", "MEDIAN"):
        here = rows if batch == "MEDIAN" else rows[rng.random(len(rows)) < 0.4]
        table = pd.DataFrame({"RID": here["rid"], "VISCODE": "bl", "BATCH": batch, "KIT": "P06-MP02-01"})
        for name, (column, low, high) in assays.items():
            spread = 1.0 if batch == "MEDIAN" else rng.normal(1, 0.08, len(here))
            table[name] = _censored(here[column].to_numpy() * spread, low, high)
        parts.append(table.assign(update_stamp="2016-07-06 10:13:44.0"))
    return pd.concat(parts).sort_values(["RID", "BATCH"], kind="stable")


def _elecsys(rng: np.random.Generator, people: pd.DataFrame) -> dict[str, Any]:
    rows = _some(rng, people, 0.9)
    return {
        "RID": rows["rid"],
        "VISCODE2": "bl",
        "EXAMDATE": rows["baseline"].map(str),
        "ABETA": _censored(rows["abeta"].to_numpy() * 5.5, 200, 1700),
        "TAU": _censored(rows["tau"].to_numpy() * 2.9, 80, 1300),
        "PTAU": _censored(rows["ptau"].to_numpy() * 0.9, 8, 120),
    }


def _apoe(rng: np.random.Generator, people: pd.DataFrame) -> dict[str, Any]:
    rows = _some(rng, people, NO_APOE)
    first = np.where(rows["alleles"] == 2, 4, np.where(rng.random(len(rows)) < 0.1, 2, 3))
    return {
        "Phase": "ADNI1",
        "RID": rows["rid"],
        "VISCODE": "sc",
        "APTESTDT": rows["baseline"].map(str),
        "APGEN1": first,
        "APGEN2": np.where(rows["alleles"] > 0, 4, 3),
    }


def _nfl(rng: np.random.Generator, people: pd.DataFrame) -> dict[str, Any]:
    rows = _visits(_some(rng, people, NO_NFL), ("bl", "m12"))
    values = np.where(rows["visit"] == "bl", rows["nfl"], rows["nfl"] * 1.05)
    return {
        "RID": rows["rid"],
        "VISCODE": rows["visit"],
        "EXAMDATE": rows["day"].map(str),
        "PLASMA_NFL": ["<LLOQ" if v < 8 else f"{v:.1f}" for v in values],
    }


def _labs(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    rows = _some(rng, people, NO_LABS).sort_values("rid")
    days = rows["baseline"].map(str)
    table = pd.DataFrame({"RID": rows["rid"], "SITEID": rows["site"], "VISCODE": "sc", "EXAMDATE": days})
    columns = {}
    for number, code in enumerate(LAB_CODES):
        level, spread = 10.0 ** (number % 4), 0.15 * 10.0 ** (number % 4)  # from about 1 to about 1000, by the unit
        text = pd.Series(np.round(level + spread * rows[f"l{number:02}"], 2).astype(str), index=rows.index)
        missing = rng.random(len(rows)) < 0.03
        columns[code] = text.mask(missing, rng.choice(["SCC09", "", ".", "-4", "-1", "n/a"], len(rows)))
    return pd.concat([table, pd.DataFrame(columns)], axis=1)


def _analytes(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    """Log10 concentrations, where -1 and -4 are values like any other."""
    rows = _some(rng, people, NO_PLASMA).sort_values("rid")
    centre = np.random.default_rng(BIOLOGY).normal(0, 1.2, len(ANALYTE_NAMES))  # of the assay, not of the cohort
    values = {
        name: np.round(centre[k] + 0.2 * rows[f"a{k:03}"], 4).astype(str).mask(rng.random(len(rows)) < 0.01, ".")
        for k, name in enumerate(ANALYTE_NAMES)
    }
    return pd.concat([pd.DataFrame({"RID": rows["rid"], "Visit_Code": "bl"}), pd.DataFrame(values)], axis=1)
