"""Numbers of study tables that were saved again with decimal commas."""

from pathlib import Path

import pytest

from fusekit.data import Finding
from fusekit.errors import DataError
from fusekit_adni.tables.measurements import read_numbers
from fusekit_adni.tables.study import StudyTable, read_study_table


def _table(folder: Path, *lines: str) -> StudyTable:
    text = "\n".join(("RID;VISCODE;HCY;BAT", *lines)) + "\n"
    (folder / "LABDATA.csv").write_text(text, "utf-8")
    table = read_study_table("LABDATA", [folder / "LABDATA.csv"], ("RID",), [])
    assert table is not None
    return table


def test_semicolons_and_decimal_commas_are_read_by_the_column(tmp_path: Path) -> None:
    table = _table(tmp_path, "1;bl;850;20,5", "2;bl;1.250;<0,5", "3;bl;12.400;-4", "4;bl;;")
    findings: list[Finding] = []
    assert read_numbers(table, "HCY", findings).amounts.dropna().tolist() == [850, 1250, 12400]  # as BAT shows
    assert not findings
    bat = read_numbers(table, "BAT", findings)
    assert bat.amounts.dropna().tolist() == [20.5, 0.5]
    assert bat.censored.dropna().tolist() == [0, -1]
    assert not bat.odd


def test_decimal_points_stay_points_with_semicolons_too(tmp_path: Path) -> None:
    table = _table(tmp_path, "1;bl;1.250;20.5", "2;bl;2.500;0.25")
    assert read_numbers(table, "HCY", []).amounts.tolist() == [1.25, 2.5]
    assert read_numbers(table, "BAT", []).amounts.tolist() == [20.5, 0.25]


def test_a_number_that_may_be_two_is_refused_with_its_line(tmp_path: Path) -> None:
    table = _table(tmp_path, "1;bl;850;2", "2;bl;1.250;3")
    with pytest.raises(DataError, match=r"LABDATA\.csv, line 3, column 'HCY': '1\.250' may be 1\.25 or 1250"):
        read_numbers(table, "HCY", [])
