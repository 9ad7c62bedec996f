from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusekit_adni.labels.visits import FAR_DAYS, LIMIT_DAYS, canonical, match, nearest, phase_code

DAY = date(2008, 7, 31)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((code, "bl") for code in ("bl", "sc", "scmri", "init", "v01", "v02", "v03", "m00", "m0", "y0")),
        *(("m06", "m06"), ("m6", "m06"), ("m12", "m12"), ("m018", "m18"), ("m120", "m120")),
        *(("v04", "m03"), ("v05", "m06"), ("v11", "m12"), ("v21", "m24"), ("v31", "m36"), ("v41", "m48")),
        *(("y1", "m12"), ("y2", "m24"), ("y10", "m120")),
        *((" BL ", "bl"), ("M12", "m12"), ("SC", "bl")),
        *((code, "bl") for code in ("4_bl", "4_sc", "4_init", "ADNI Screening", "ADNI2 Baseline-New Pt")),
        *(("4_m06", "m06"), ("4_m12", "m12"), ("ADNI1/GO Month 6", "m06"), ("ADNI1/GO  Month 108", "m108")),
        *(("ADNI2 Year 1 Visit", "m12"), ("ADNI3 Initial Visit-Cont Pt", "bl"), ("ADNI2 Month 3 MRI-New Pt", "m03")),
        *(
            (code, None)
            for code in ("ADNI2 Tau-only visit", "Unscheduled", "No Visit Defined", "month", "4_", "monthly 6")
        ),
        *((code, None) for code in ("nv", "uns1", "uns2", "f", "", "1", "2", "v12", "m", "y", "m1x", "m²")),
    ],
)
def test_codes_of_every_phase(code: str, expected: str | None) -> None:
    assert canonical(code) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ADNI3 Year 1 Visit", "y1"),
        ("ADNI2 Initial Visit-Cont Pt", "init"),
        ("ADNI4 Month 12", "4_m12"),
        ("ADNI4  Baseline", "4_bl"),
        (" 4_SC ", "4_sc"),
        ("v11", "v11"),
    ],
)
def test_the_code_that_a_phase_has_for_a_visit(text: str, code: str) -> None:
    assert phase_code(text) == code


def _days(*offsets: int | None) -> pd.Series:
    return pd.Series([pd.NaT if o is None else pd.Timestamp(DAY + timedelta(days=o)) for o in offsets])


def test_the_limits() -> None:
    assert (LIMIT_DAYS, FAR_DAYS) == (180, 90)
    assert nearest(DAY, _days(180)) == (0, 180)
    assert nearest(DAY, _days(-180)) == (0, 180)
    assert nearest(DAY, _days(181, -181)) is None
    assert nearest(DAY, _days(None, None)) is None
    assert nearest(DAY, pd.Series([], dtype="datetime64[ns]")) is None


def test_of_two_equally_near_days_the_earlier_row() -> None:
    assert nearest(DAY, _days(None, 3, -3, 50)) == (1, 3)
    assert nearest(DAY, _days(None, -3, 3, 2)) == (3, 2)


CODES = st.sampled_from(["bl", "m06", None])
OFFSETS = st.one_of(st.none(), st.integers(-400, 400))


@settings(max_examples=150)
@given(
    scans=st.lists(st.tuples(st.integers(1, 3), CODES, st.integers(-400, 400)), min_size=1, max_size=6),
    rows=st.lists(st.tuples(st.integers(1, 3), CODES, OFFSETS), max_size=10),
    dated=st.booleans(),
)
def test_rows_are_matched_as_by_brute_force(
    scans: list[tuple[int, str | None, int]], rows: list[tuple[int, str | None, int | None]], dated: bool
) -> None:
    lines = [2 * k + 5 for k in range(len(rows))]  # lines of a file: neither from 0 nor without gaps
    expected: list[int | None] = []
    for rid, visit, offset in scans:
        own = [(line, row) for line, row in zip(lines, rows, strict=True) if row[0] == rid]
        same = [line for line, row in own if visit is not None and row[1] == visit]
        near = [(abs(row[2] - offset), line) for line, row in own if row[2] is not None]
        near = [(distance, line) for distance, line in near if distance <= 180] if dated else []
        expected.append(same[0] if same else min(near)[1] if near else None)

    table = pd.DataFrame(
        {
            "rid": np.array([r for r, _, _ in rows], dtype=int),
            "visit": pd.Series([v for _, v, _ in rows], index=lines, dtype=object),
        },
        index=pd.Index(lines, name="line", dtype=int),
    )
    if dated:
        table["day"] = _days(*(o for _, _, o in rows)).set_axis(table.index).astype("datetime64[ns]")
    index = pd.Index([f"scan{k}" for k in range(len(scans))], name="scan")
    people = pd.DataFrame(
        {
            "rid": [r for r, _, _ in scans],
            "visit": pd.Series([v for _, v, _ in scans], dtype=object).to_numpy(),
            "acquired": [DAY + timedelta(days=o) for _, _, o in scans],
        },
        index=index,
    )
    found = match(people, table)
    assert found.index.equals(index)
    assert [None if line is pd.NA else line for line in found.tolist()] == expected
