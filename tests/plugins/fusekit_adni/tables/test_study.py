import gzip
from math import isnan, nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.data import Finding
from fusekit.data.clinical.tables import read_header
from fusekit.errors import DataError
from fusekit_adni.tables.study import (
    StudyTable,
    codes,
    numbers,
    read_study_table,
    refuse_conflicts,
)


def _cells(*cells: str) -> pd.Series:
    return pd.Series(list(cells), index=range(2, len(cells) + 2), dtype=str)


def _write(folder: Path, name: str, text: str) -> list[Path]:
    (folder / name).write_text(text, encoding="utf-8")
    return sorted(folder.glob("*.csv"))


def test_a_row_of_two_people_is_refused(tmp_path: Path) -> None:
    text = "RID,PTID,DIAGNOSIS\n5,002_S_0005,1\n6,,2\n7,002_S_0008,3\n8,elsewhere,1\n"
    with pytest.raises(
        DataError, match=r"DXSUM\.csv, line 4: RID 7 and PTID 002_S_0008 are two subjects \(1 such rows"
    ):
        read_study_table("DXSUM", _write(tmp_path, "DXSUM.csv", text), (), [])
    table = read_study_table("DXSUM", _write(tmp_path, "DXSUM.csv", text.replace("0008", "0007")), (), [])
    assert table is not None
    assert table.rows["rid"].tolist() == [5, 6, 7, 8]


def test_a_first_visit_of_adni4_is_not_the_first_of_who_came_before(tmp_path: Path) -> None:
    rows = "5,bl,\n5,4_bl,\n5,4_m12,m180\n10005,4_bl,\n10005,4_m12,\n"
    table = read_study_table("DXSUM", _write(tmp_path, "DXSUM.csv", f"RID,VISCODE,VISCODE2\n{rows}"), (), [])
    assert table is not None
    assert table.rows["visit"].fillna("").tolist() == ["bl", "", "m180", "bl", "m12"]


def test_without_a_code_from_baseline_days_say_the_month_of_a_later_phase(tmp_path: Path) -> None:
    rows = "5,v02,sc,2012-04-01\n5,v03,bl,2012-05-01\n5,4_m12,,2024-05-05\n5,4_m24,,\n"
    text = f"RID,VISCODE,VISCODE2,EXAMDATE\n{rows}6,4_bl,,2024-05-05\n6,4_m12,,2025-05-05\n"
    table = read_study_table("DXSUM", _write(tmp_path, "DXSUM.csv", text), (), [])
    assert table is not None
    assert table.rows["visit"].fillna("").tolist() == ["bl", "bl", "m144", "", "bl", "m12"]  # not from screening


def test_what_a_phase_calls_a_visit_is_looked_up_by_subject(tmp_path: Path) -> None:
    rows = "5,init,m72\n5,y1,m84\n6,y1,m12\n7,4_bl,bl\n"
    table = read_study_table("DXSUM", _write(tmp_path, "DXSUM.csv", f"RID,VISCODE,VISCODE2\n{rows}"), (), [])
    assert table is not None
    known, before = codes([table])
    assert known == {(5, "init"): "m72", (5, "y1"): "m84", (6, "y1"): "m12", (7, "4_bl"): "bl"}
    assert before == {5, 6}


def test_subjects_by_any_of_their_ids(tmp_path: Path) -> None:
    for header, rows, expected in (
        ("PTID,X", "002_S_0005,1\n002_S_10006,1\nelsewhere,1\n", [5, 10006]),
        ("subject_id,X", "002_S_0005,1\n", [5]),
        ("RID,PTID,X", "5,,1\n,002_S_0006,1\n7.0,002_S_0007,1\n", [5, 6, 7]),
    ):
        findings: list[Finding] = []
        table = read_study_table("HCRES", _write(tmp_path, "HCRES.csv", f"{header}\n{rows}"), (), findings)
        assert table is not None
        assert table.rows["rid"].tolist() == expected
        assert [one.code for one in findings] == ["row-without-subject"] * ("elsewhere" in rows)
    with pytest.raises(DataError, match="missing: 'RID'"):
        read_study_table("HCRES", _write(tmp_path, "HCRES.csv", "X\n1\n"), (), [])


def test_a_header_is_read_off_the_beginning_of_a_file(tmp_path: Path) -> None:
    text = b"RID,DIAGNOSIS\n" + b"5,1\n" * 100_000
    (tmp_path / "plain.csv").write_bytes(text)
    (tmp_path / "packed.csv.gz").write_bytes(gzip.compress(text)[:-9])  # its end is not looked at
    (tmp_path / "none.csv").write_bytes(b"\x1f\x8bx")
    assert [read_header(tmp_path / name) for name in ("plain.csv", "packed.csv.gz", "none.csv")] == [
        ["RID", "DIAGNOSIS"], ["RID", "DIAGNOSIS"], []
    ]  # fmt: skip


def test_a_compressed_table_is_read_as_itself(tmp_path: Path) -> None:
    path = tmp_path / "DXSUM.csv.gz"
    path.write_bytes(gzip.compress(b"RID,VISCODE2,DIAGNOSIS\n5,bl,1\n"))
    table = read_study_table("DXSUM", [path], (), [])
    assert table is not None
    assert table.rows["DIAGNOSIS"].tolist() == ["1"]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"DXSUM\.csv\.gz: the gzip file is truncated or damaged"):
        read_study_table("DXSUM", [path], (), [])


def test_older_exports_are_left_aside_and_named(tmp_path: Path) -> None:
    _write(tmp_path, "ADNIMERGE_01Jan2020.csv", "RID,VISCODE\n1,bl\n")
    paths = _write(tmp_path, "ADNIMERGE_12Feb2024.csv", "RID,VISCODE\n2,bl\n")
    findings: list[Finding] = []
    table = read_study_table("ADNIMERGE", paths, ("VISCODE",), findings)
    assert table is not None
    assert list(table.rows["rid"]) == [2]
    (finding,) = findings
    assert finding.code == "older-table"
    assert finding.items == (str(tmp_path / "ADNIMERGE_01Jan2020.csv"),)


def test_of_two_exports_of_a_day_the_one_without_prefix_counts_and_a_difference_is_named(tmp_path: Path) -> None:
    text = "RID,VISCODE\n1,bl\n"
    _write(tmp_path, "DXSUM_12Feb2026 (1).csv", text.replace("\n", "\r\n"))  # the same rows
    _write(tmp_path, "All_Subjects_DXSUM_12Feb2026.csv", text)
    findings: list[Finding] = []
    read_study_table("DXSUM", _write(tmp_path, "DXSUM_12Feb2026.csv", text), (), findings)
    assert findings == []
    paths = _write(tmp_path, "All_Subjects_DXSUM_12Feb2026.csv", text.replace("1,bl", "2,bl"))
    table = read_study_table("DXSUM", [*paths, *_write(tmp_path, "DXSUM_11Feb2026.csv", text)], (), findings)
    assert table is not None
    assert table.rows["rid"].tolist() == [1]
    found = {finding.code: finding for finding in findings}
    assert found["older-table"].items == (str(tmp_path / "DXSUM_11Feb2026.csv"),)
    read = tmp_path / "DXSUM_12Feb2026 (1).csv"
    other = tmp_path / "All_Subjects_DXSUM_12Feb2026.csv"
    assert f"{read} is read, {other} is not" in found["differing-table"].items
    assert found["differing-table"].severity == "warning"


def test_a_table_that_is_not_there_is_none(tmp_path: Path) -> None:
    findings: list[Finding] = []
    assert read_study_table("CDR", _write(tmp_path, "RMT_CDR.csv", "RID\n1\n"), (), findings) is None
    assert findings == []


def test_a_required_column_is_named_with_the_file(tmp_path: Path) -> None:
    paths = _write(tmp_path, "ADNIMERGE.csv", "RID,VISIT,EXAMDATE\n1,bl,2008-07-31\n")
    with pytest.raises(DataError, match=r"ADNIMERGE\.csv.*missing: 'VISCODE'"):
        read_study_table("ADNIMERGE", paths, ("VISCODE",), [])
    paths = _write(tmp_path, "ADNIMERGE.csv", "SUBJECT,VISCODE\n1,bl\n")
    with pytest.raises(DataError, match=r"ADNIMERGE\.csv.*missing: 'RID'"):
        read_study_table("ADNIMERGE", paths, (), [])


def test_visits_days_and_subjects_of_a_table(tmp_path: Path) -> None:
    text = (
        "VISCODE,EXAMDATE,RID,VISCODE2\n"
        "v11,7/31/2008,5,m12\n"
        "v06,2008-07-31,6.0,\n"  # no VISCODE2: VISCODE stands in, and is none that is known
        "v05,yesterday,0007,\n"
        "bl,,x,bl\n"
        "bl,,8.5,bl\n"
        "nv,-4,9,nv\n"
    )
    findings: list[Finding] = []
    table = read_study_table("DXSUM", _write(tmp_path, "DXSUM.csv", text), (), findings)
    assert table is not None
    assert (table.name, table.path) == ("DXSUM", tmp_path / "DXSUM.csv")
    assert table.rows.index.tolist() == [2, 3, 4, 7]  # lines of the file
    assert table.rows["rid"].tolist() == [5, 6, 7, 9]
    assert table.rows["visit"].fillna("").tolist() == ["m12", "", "m06", ""]
    assert table.rows["day"].notna().tolist() == [True, True, False, False]
    assert [(f.code, f.items) for f in findings] == [
        ("row-without-subject", ("DXSUM.csv, line 5", "DXSUM.csv, line 6")),
        ("odd-date", ("DXSUM.csv, line 4: 'yesterday'",)),
    ]


def test_a_table_without_visits_or_days(tmp_path: Path) -> None:
    table = read_study_table("APOERES", _write(tmp_path, "APOERES.csv", "RID,GENOTYPE\n5,3/4\n"), (), [])
    assert table is not None
    assert table.rows["visit"].isna().all()
    assert "day" not in table.rows


def test_missing_codes_are_missing_and_not_odd() -> None:
    read = numbers(_cells("", "NA", "n/a", "N/A", "nan", ".", "Unknown", "-1", "-4", "-4.0", "SCC09", "null"))
    assert read.amounts.isna().all()
    assert read.censored.isna().all()
    assert read.odd == {}


def test_in_log_scale_minus_one_and_minus_four_are_values() -> None:
    read = numbers(_cells("-1", "-4", "-0.5", "."), log_scale=True)
    np.testing.assert_array_equal(read.amounts, [-1, -4, -0.5, nan])
    np.testing.assert_array_equal(read.censored, [0, 0, 0, nan])


@pytest.mark.parametrize(
    ("text", "amount", "censored"),
    [
        *(("<80", 80, -1), ("<200", 200, -1), ("< 8.5", 8.5, -1), (">1700", 1700, 1), ("> 120", 120, 1)),
        *(("<LLOQ", nan, -1), ("<lod", nan, -1), ("ND", nan, -1), ("nd", nan, -1), (">ULOQ", nan, 1), ("<", nan, -1)),
        *(("80", 80, 0), ("1e3", 1000, 0), ("+3.5", 3.5, 0), ("0", 0, 0)),
    ],
)
def test_what_an_assay_reports_beyond_its_range_keeps_bound_and_side(text: str, amount: float, censored: float) -> None:
    read = numbers(_cells(text))
    np.testing.assert_array_equal(read.amounts, [amount])
    np.testing.assert_array_equal(read.censored, [censored])
    assert read.odd == {}


def test_text_of_another_kind_is_handed_back_with_its_line() -> None:
    read = numbers(_cells("1.5", "haemolysed", "1,5", "SCC09", "see note 3", "inf", "1 2", "scc09", "ABCDE1"))
    assert read.odd == {3: "haemolysed", 4: "1,5", 6: "see note 3", 7: "inf", 8: "1 2", 9: "scc09", 10: "ABCDE1"}
    np.testing.assert_array_equal(read.amounts, [1.5] + [nan] * 8)
    np.testing.assert_array_equal(read.censored, [0] + [nan] * 8)


@given(st.lists(st.one_of(st.floats(-1e6, 1e6).map(repr), st.sampled_from(["", "-4", "<80", ">9", "ND", "x"]))))
def test_every_cell_is_a_number_missing_censored_or_odd(cells: list[str]) -> None:
    read = numbers(_cells(*cells))
    for line, cell in zip(range(2, len(cells) + 2), cells, strict=True):
        amount, censored = read.amounts.loc[line], read.censored.loc[line]
        if cell in ("<80", ">9"):
            assert (amount, censored) == ((80, -1) if cell == "<80" else (9, 1))
        elif cell == "ND":
            assert isnan(amount)
            assert censored == -1
        elif cell in ("", "x") or float(cell) in (-1, -4):
            assert isnan(amount)
            assert isnan(censored)
            assert (line in read.odd) == (cell == "x")
        else:
            assert (amount, censored) == (float(cell), 0)


def _table(rows: list[tuple[int, str | None, str | None]]) -> StudyTable:
    index = pd.Index(range(2, len(rows) + 2), name="line")
    frame = pd.DataFrame(rows, columns=["rid", "visit", "diagnosis"], index=index).astype({"rid": int})
    return StudyTable("DXSUM", Path("data/DXSUM_12Feb2024.csv"), frame)


def test_rows_that_contradict_each_other_are_refused_by_file_and_line() -> None:
    table = _table([(5, "bl", "CN"), (6, "bl", "AD"), (5, "bl", None), (5, "m06", "MCI"), (5, "bl", "AD")])
    with pytest.raises(
        DataError,
        match=r"DXSUM_12Feb2024\.csv: subject 5 has more than one diagnosis at visit bl \(line 2: CN, line 6: AD\)",
    ):
        refuse_conflicts(table, table.rows, "diagnosis")


def test_rows_that_agree_or_have_no_visit_pass() -> None:
    table = _table([(5, "bl", "CN"), (5, "bl", "CN"), (5, None, "CN"), (5, None, "AD"), (6, "bl", "AD")])
    refuse_conflicts(table, table.rows, "diagnosis")


def test_a_contradiction_names_the_columns_it_was_read_from() -> None:
    table = _table([(5, "bl", "CN"), (5, "bl", "AD")])
    with pytest.raises(DataError, match="read from the columns DXCHANGE, DXCURREN"):
        refuse_conflicts(table, table.rows, "diagnosis", ("DXCHANGE", "DXCURREN"))


def _exams(tmp_path: Path, days: list[str]) -> tuple[StudyTable, dict[str, tuple[str, ...]]]:
    rows = "".join(f"{rid},bl,{day}\n" for rid, day in enumerate(days, 1))
    findings: list[Finding] = []
    table = read_study_table(
        "ADNIMERGE", _write(tmp_path, "ADNIMERGE.csv", f"RID,VISCODE,EXAMDATE\n{rows}"), (), findings
    )
    assert table is not None
    return table, {finding.code: finding.items for finding in findings}


def test_dates_of_twelve_people_are_read_in_the_order_that_their_column_shows(tmp_path: Path) -> None:
    days = [f"{10 + rid}/03/2006" for rid in range(12)]  # from the 10th to the 21st of March
    table, found = _exams(tmp_path, days)
    assert [f"{day:%Y-%m-%d}" for day in table.rows["day"]] == [f"2006-03-{10 + rid}" for rid in range(12)]
    assert found == {}


def test_dates_that_show_no_order_are_read_as_adni_writes_them_and_it_is_said(tmp_path: Path) -> None:
    table, found = _exams(tmp_path, ["10/03/2006", "11/3/2006"])
    assert [f"{day:%Y-%m-%d}" for day in table.rows["day"]] == ["2006-10-03", "2006-11-03"]
    said = "ADNIMERGE.csv: no number above 12 shows the order; read as M/D/YYYY, as ADNI writes dates"
    assert found == {"date-order": (said,)}


def test_bounds_with_every_sign(tmp_path: Path) -> None:
    read = numbers(_cells("<80", "<= 80", "\u226480", ">=1700", "\u22651700", "120"))
    assert read.amounts.tolist() == [80, 80, 80, 1700, 1700, 120]
    assert read.censored.tolist() == [-1, -1, -1, 1, 1, 0]


def test_columns_are_known_in_any_case(tmp_path: Path) -> None:
    text = "rid,ptid,viscode2,ExamDate,Diagnosis,Plasma_nfl,Phase\n5,002_S_0005,m06,2008-07-01,2,3,ADNI1\n"
    paths = _write(tmp_path, "DXSUM.csv", text)
    table = read_study_table("DXSUM", paths, ("DIAGNOSIS",), [], columns=("PLASMA_NFL",))
    assert table is not None
    assert {"RID", "PTID", "DIAGNOSIS", "PLASMA_NFL"} <= set(table.rows)
    assert table.rows[["rid", "visit", "day"]].to_numpy().tolist() == [[5, "m06", pd.Timestamp("2008-07-01")]]
    with pytest.raises(DataError, match=r"line 2: RID 5 and subject_id 002_S_0006 are two subjects"):
        read_study_table("DXSUM", _write(tmp_path, "DXSUM.csv", "rid,Subject_ID\n5,002_S_0006\n"), (), [])


def test_visits_that_are_not_understood_are_named_with_their_count(tmp_path: Path) -> None:
    rows = "5,x,bl\n5,y1,\n5,uns1,\n5,nv,\n5,06,\n6,06,\n6,,visit6\n6,-4,\n6,,\n"
    findings: list[Finding] = []
    table = read_study_table("DXSUM", _write(tmp_path, "DXSUM.csv", f"RID,VISCODE,VISCODE2\n{rows}"), (), findings)
    assert table is not None
    assert table.rows["visit"].fillna("").tolist() == ["bl", "m12", *[""] * 7]
    (finding,) = findings
    assert (finding.code, set(finding.items)) == ("unread-visit", {"'06' (2)", "'visit6' (1)"})


def test_codes_of_who_continued_into_a_later_phase_do_not_count_from_the_first_baseline(tmp_path: Path) -> None:
    old = "5,bl,bl,2006-01-01\n5,m12,m12,2007-01-01\n"
    later = "5,v06,,2011-01-02\n5,v11,,2012-01-01\n5,init,,2018-01-01\n5,y1,,2019-01-01\n5,y2,,\n"
    new = "6,sc,,2018-01-01\n6,bl,,2018-02-01\n6,y1,,2019-01-01\n7,4_sc,,2024-01-01\n7,4_bl,,2024-02-01\n"
    text = f"RID,VISCODE,VISCODE2,EXAMDATE\n{old}{later}{new}"
    table = read_study_table("DXSUM", _write(tmp_path, "DXSUM.csv", text), (), [])
    assert table is not None
    assert table.rows["visit"].fillna("").tolist() == [
        *("bl", "m12", "m60", "m72", "m144", "m156", ""),
        *("bl", "bl", "m12", "bl", "bl"),
    ]
    assert table.rows.loc[table.rows["screening"], "VISCODE"].tolist() == ["sc", "4_sc"]
