"""The clinical table of a synthetic cohort, with the oddities of real ones: gaps, bounds, later columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

#: Shares of patients without a value, whatever their invasion; columns in a row were measured together.
GAPS = {
    ("HBV-DNA (log10 IU/mL)",): 0.12,
    ("CEA (ng/mL)", "CA19-9 (U/mL)"): 0.15,
    ("PT (s)", "INR"): 0.05,
    ("LDH (U/L)",): 0.10,
    ("BMI",): 0.04,
    ("glucose (mmol/L)",): 0.03,
}
#: The AFP assay's range in ng/mL, and the share of samples above it that were not diluted.
AFP_RANGE, UNDILUTED = (0.61, 1210.0), 0.6

#: What a missing value is written as.
EMPTY = ("", "", "", "NA", "-99")


def write_table(rng: np.random.Generator, people: pd.DataFrame, path: Path) -> None:
    """Write the table of ``draw_patients`` people, sorted by id."""
    people = people.sort_values("id", ignore_index=True)
    n, mvi = len(people), people["mvi"].to_numpy()

    def rounded(name: str, digits: int = 1) -> pd.Series:
        return people[name].round(digits).map(lambda value: f"{value:.{digits}f}")

    def words(name: str, no: str, yes: str) -> np.ndarray:
        return np.where(people[name] == 1, yes, no)

    table = pd.DataFrame(
        {
            "patient_id": people["id"],
            "sex": words("male", "F", "M"),
            "age (years)": rounded("age", 0),
            "BMI": rounded("bmi"),
            "HBsAg": words("hbsag", "negative", "positive"),
            "HBeAg": words("hbeag", "negative", "positive"),
            "HBV-DNA (log10 IU/mL)": rounded("hbv_dna", 2),
            "HCV-Ab": words("hcv", "negative", "positive"),
            "cirrhosis": people["cirrhosis"],
            "Child-Pugh": words("child_b", "A", "B"),
            "AFP (ng/mL)": _afp(rng, people["afp"].to_numpy()),
            "CEA (ng/mL)": rounded("cea", 2),
            "CA19-9 (U/mL)": rounded("ca199"),
            **{f"{name} (U/L)": rounded(name.lower(), 0) for name in ("ALT", "AST", "GGT", "ALP", "LDH")},
            **{f"{name} (umol/L)": rounded(name.lower()) for name in ("TBIL", "DBIL")},
            "ALB (g/L)": rounded("alb"),
            "total protein (g/L)": rounded("protein"),
            "PT (s)": rounded("pt"),
            "INR": rounded("inr", 2),
            "PLT (10^9/L)": rounded("plt", 0),
            "WBC (10^9/L)": rounded("wbc", 2),
            "Hb (g/L)": rounded("hb", 0),
            "creatinine (umol/L)": rounded("creatinine", 0),
            "glucose (mmol/L)": rounded("glucose"),
            "tumour diameter (cm)": rounded("diameter"),
            "mvi": mvi,
        }
    )
    for columns, share in GAPS.items():
        missing = rng.random(n) < share
        for column in columns:
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
