"""Synthetic people with MCI over four years: who falls ill and when, who goes back, who stops coming.

The biology is that of ``subjects``: people who fall ill within three years look like people with AD from the start,
within five years like people with MCI, later or never like people without disease.
"""

from datetime import date, timedelta
from math import log
from typing import Any

import numpy as np
import pandas as pd

from fusekit.errors import OptionError
from fusekit_adni.synthetic.subjects import SHARES, Strengths, describe

#: Share of people with MCI who fall ill in a year, and who stop coming in a year.
CONVERSION, LOSS = 0.165, 0.08

#: People who are CN or AD at baseline, for each with MCI: they are in a download, and left out by the task.
OTHERS = {"CN": 0.06, "AD": 0.04}

#: Shares: of people with MCI who are CN at some visit; of those who fall ill, whose next diagnosis is MCI again; of
#: later visits that did not take place; of visits without a diagnosis; of people without one at baseline.
TO_NORMAL, TO_MCI, MISSED, UNKNOWN, NO_START = 0.08, 0.05, 0.07, 0.02, 0.015

#: Months in which dementia leaves people who look like AD, and like MCI, at baseline.
SOON, LATER = 36, 60

#: Visits of the phase in which people entered: months after baseline -> the phase's own code.
CODES = {
    "ADNI1": {0: "bl", 6: "m06", 12: "m12", 18: "m18", 24: "m24", 36: "m36", 48: "v06"},
    "ADNI2": {0: "v03", 6: "v05", 12: "v11", 24: "v21", 36: "v31", 48: "v41"},
}

#: First days of baseline visits; the last are 700 days later.
OPENED = {"ADNI1": date(2005, 9, 1), "ADNI2": date(2011, 6, 1)}


def draw_people(rng: np.random.Generator, count: int, strengths: Strengths) -> pd.DataFrame:
    """Draw ``count`` people with MCI at baseline, ten or more; a few with CN or AD come on top.

    Returns what ``draw_subjects`` says of a person, the diagnosis being that at baseline; entered (phase), baseline
    (date), and onset (months after baseline at which dementia begins, as far as it would be seen; infinity for CN).
    """
    if count < 10:
        raise OptionError(f"subjects takes 10 or more, not {count}: some of them become progressive, some stable.")
    others = {name: round(share * count) for name, share in OTHERS.items()}
    start = rng.permutation(np.repeat(["CN", "MCI", "AD"], [others["CN"], count, others["AD"]]))
    onset = rng.exponential(-12 / log(1 - CONVERSION), len(start))
    onset = np.where(start == "MCI", onset, np.where(start == "CN", np.inf, 0))
    looks = np.select([onset <= SOON, onset <= LATER], [2, 1], 0)
    people = describe(rng, looks, strengths).assign(diagnosis=start, onset=onset)
    assert list(SHARES) == ["CN", "MCI", "AD"]  # as 0, 1, 2 in looks
    people["entered"] = rng.choice(list(OPENED), len(people))
    people["baseline"] = [
        OPENED[phase] + timedelta(days=int(days))
        for phase, days in zip(people["entered"], rng.integers(0, 700, len(people)), strict=True)
    ]
    return people


def draw_visits(rng: np.random.Generator, people: pd.DataFrame) -> pd.DataFrame:
    """Draw the visits of people: a row per visit that took place, by rid and month; see ``tables.write_tables``."""
    rows: list[tuple[Any, ...]] = []
    for person in people.sort_values("rid").to_dict("records"):
        codes = CODES[person["entered"]]
        months = np.array(list(codes))
        states = _states(rng, person["diagnosis"], months, person["onset"])
        came = months <= rng.exponential(-12 / log(1 - LOSS))
        came &= rng.random(len(months)) >= MISSED
        silent = rng.random(len(months)) < np.where(months == 0, NO_START, UNKNOWN)
        drift = rng.integers(-20, 21, len(months))
        for position, (month, code) in enumerate(codes.items()):
            if month and not came[position]:
                continue
            late = int(drift[position]) if month else 0
            day = person["baseline"] + timedelta(days=round(30.4 * month) + late)
            phase = "ADNI2" if month == 48 else person["entered"]
            recorded = "" if silent[position] else states[position]
            visit = f"m{month:02}" if month else "bl"
            rows.append((person["rid"], month, visit, code, phase, day, states[position], recorded))
    return pd.DataFrame(rows, columns=["rid", "months", "visit", "code", "phase", "day", "state", "diagnosis"])


def _states(rng: np.random.Generator, start: str, months: np.ndarray, onset: float) -> np.ndarray:
    """True diagnosis at each visit of one person; the same number of draws for everyone."""
    normal, again, for_good = rng.random(3)
    when = int(rng.integers(1, len(months)))
    states = np.where((months >= onset) & (months > 0), "AD", start).astype(object)
    if start != "MCI":
        return states
    if normal < TO_NORMAL:
        back = np.arange(len(months)) >= when if for_good < 0.5 else np.arange(len(months)) == when
        states[back & (states == "MCI")] = "CN"
    ill = np.flatnonzero(states == "AD")
    if again < TO_MCI and len(ill) > 1:
        states[ill[1]] = "MCI"
    return states
