"""Visit codes, and which row of a table belongs to which scan."""

import re
from datetime import date

import numpy as np
import pandas as pd

#: A table row further away than this is another visit; a match further away than ``FAR_DAYS`` is reported.
LIMIT_DAYS, FAR_DAYS = 180, 90
#: Days of a month, on average.
MONTH = 365.25 / 12

#: Visits weeks before baseline. They count as baseline, but a row of the baseline visit itself says more.
_SCREENING = frozenset({"sc", "scmri", "v01", "v02"})
_BASELINE = _SCREENING | {"bl", "init", "v03"}
_ADNI2 = {"v04": "m03", "v05": "m06", "v11": "m12", "v21": "m24", "v31": "m36", "v41": "m48", "v51": "m60"}


#: Visits as image lists spell them, "ADNI1/GO Month 6" or "ADNI2 Year 1 Visit".
_SPOKEN = re.compile(r".*\b(?:(screening|baseline|initial visit)|(month|year)\s*(\d+))\b.*")
_FIRST = {"screening": "sc", "baseline": "bl", "initial visit": "init"}
#: Codes that name no time: no visit, a screening failure, unscheduled ones, a PET visit.
UNTIMED = re.compile(r"nv|f|uns\d*|tau|no visit.*|unscheduled.*|\d+|", re.ASCII)


def phase_code(text: str) -> str:
    """The code that a visit has in its phase: ``ADNI3 Year 1 Visit`` -> ``y1``, ``ADNI4 Baseline`` -> ``4_bl``."""
    code = re.sub(r"\s+", " ", text.strip().lower())
    spoken = _SPOKEN.fullmatch(code)
    if spoken is None:
        return code
    fourth = "4_" if code.startswith("adni4") else ""
    return fourth + (_FIRST[spoken[1]] if spoken[1] else f"{spoken[2][0]}{spoken[3]}")


def is_screening(code: str) -> bool:
    """Whether a code of any phase is that of a visit before the baseline visit."""
    return phase_code(code).removeprefix("4_") in _SCREENING


def canonical(code: str) -> str | None:
    """``bl`` or ``mNN`` (months since baseline) for a visit of any phase; None for an unscheduled or unknown one.

    Screening counts as baseline: structural images are taken at screening, weeks before the baseline visit. Visits of
    ADNI4 (``4_m12``) count from the entry into that phase.
    """
    code = phase_code(code).removeprefix("4_")
    if code in _BASELINE:
        return "bl"
    if code in _ADNI2:
        return _ADNI2[code]
    numbered = re.fullmatch(r"([my])(\d+)", code, re.ASCII)
    if numbered is None:
        return None
    months = int(numbered[2]) * (12 if numbered[1] == "y" else 1)
    return f"m{months:02}" if months else "bl"


def months(visit: str) -> int:
    """``bl`` -> 0, ``m06`` -> 6: months after baseline of a canonical visit."""
    return 0 if visit == "bl" else int(visit[1:])


def nearest(day: date | None, days: pd.Series) -> tuple[int, int] | None:
    """Position and distance in days of the nearest of some days, the first of equally near ones.

    None if there is no day, or none within ``LIMIT_DAYS``; a NaT is never near.
    """
    if day is None:
        return None
    distance = (days - pd.Timestamp(day)).abs().dt.days.to_numpy(dtype=float, na_value=np.inf)
    if len(distance) == 0 or distance.min() > LIMIT_DAYS:
        return None
    position = int(distance.argmin())
    return position, int(distance[position])


def match(scans: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """Find the row (line, or <NA>) of a table for each scan; the first of several rows of a visit counts.

    Both have the columns rid (int) and visit (canonical, or missing), scans also acquired (date, or None). Where the
    table has a column day (datetime64), the subject's nearest row within ``LIMIT_DAYS`` serves scans without a row of
    their visit.
    """
    keys = table[[name for name in ("rid", "visit", "day") if name in table]]  # grouping hundreds of columns is slow
    rows = dict(iter(keys.groupby("rid")))
    lines: list[int | None] = []
    for rid, visit, acquired in zip(scans["rid"], scans["visit"], scans["acquired"], strict=True):
        own = rows.get(rid)
        line = None
        if own is not None:
            same = own.index[own["visit"] == visit]
            if visit is not None and len(same):
                line = int(same[0])
            elif "day" in own and (found := nearest(acquired, own["day"])):
                line = int(own.index[found[0]])
        lines.append(line)
    return pd.Series(lines, index=scans.index, dtype="Int64")
