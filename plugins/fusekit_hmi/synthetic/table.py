"""The clinical table of a synthetic cohort, with the oddities of real ones: gaps, bounds, later columns."""

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd

_TABLE = tomllib.loads(Path(__file__).with_name("table.toml").read_text(encoding="utf-8"))

#: The AFP assay's range in ng/mL, and the share of samples above it that were not diluted.
AFP_RANGE, UNDILUTED = (0.61, 1210.0), 0.6

#: What a missing value is written as.
EMPTY = ("", "", "", "NA", "-99")


def write_table(rng: np.random.Generator, people: pd.DataFrame, path: Path) -> None:
    """Write the table of ``draw_patients`` people, sorted by id."""
    people = people.sort_values("id", ignore_index=True)
    n, mvi = len(people), people["mvi"].to_numpy()

    table = people[["id"]].rename(columns={"id": "patient_id"})
    for name, (value, *how) in _TABLE["columns"].items():
        if len(how) == 2:
            table[name] = np.where(people[value] == 1, how[1], how[0])
        else:
            table[name] = people[value].round(how[0]).map(f"{{:.{how[0]}f}}".format)
    table["AFP (ng/mL)"] = _afp(rng, people["afp"].to_numpy())
    table["mvi"] = mvi
    for gap in _TABLE["gaps"]:
        missing = rng.random(n) < gap["share"]
        for column in gap["columns"]:
            table[column] = table[column].mask(missing, pd.Series(rng.choice(EMPTY, n)))
    table["smoking"] = rng.choice(["never", "former", "current"], n)
    table.assign(**_afterwards(rng, mvi)).to_csv(path, index=False, lineterminator="\n")


def _afp(rng: np.random.Generator, amounts: np.ndarray) -> list[str]:
    """Text as an assay reports it: ``<0.61`` below its range, ``>1210`` above unless the sample was diluted."""
    low, high = AFP_RANGE
    undiluted = rng.random(len(amounts)) < UNDILUTED
    return [
        f"<{low:g}" if amount < low else f">{high:g}" if amount > high and keep else f"{amount:.2f}"
        for amount, keep in zip(amounts, undiluted, strict=True)
    ]


def _afterwards(rng: np.random.Generator, mvi: np.ndarray) -> dict[str, np.ndarray]:
    """What only pathology, the operation and follow-up show: it depends on invasion, whatever the strengths."""
    n = len(mvi)
    dates = [f"2019-{m:02}-{d:02}" for m, d in zip(rng.integers(1, 13, n), rng.integers(1, 29, n), strict=True)]
    months = np.round(rng.exponential(np.where(mvi == 1, 18, 45)), 1)
    return {
        "operation date": np.array(dates),
        "blood loss (mL)": np.round(rng.lognormal(5.3 + 0.3 * mvi, 0.7)).astype(int),
        "MVI grade": np.where(mvi == 1, rng.choice(["M1", "M2"], n), "M0"),
        "Edmondson grade": np.where(mvi == 1, rng.choice(["III", "IV"], n), rng.choice(["I", "II", "III"], n)),
        "satellite nodules (pathology)": (rng.random(n) < 0.1 + 0.3 * mvi).astype(int),
        "capsule (pathology)": rng.choice(["complete", "incomplete", "none"], n),
        "TNM stage": np.where(mvi == 1, "II", rng.choice(["IA", "IB"], n)),
        "recurrence": (months < 24).astype(int),
        "RFS (months)": months,
        "OS (months)": np.round(months + rng.exponential(20, n), 1),
    }  # fmt: skip
