from __future__ import annotations

import re
from datetime import date
from math import nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Column, Finding
from fusekit.errors import DataError
from fusekit_adni.tables.columns import Clinical, read_clinical
from fusekit_adni.tables.named import KEYS, ColumnRule, read_column_rules
from fusekit_adni.tables.study import read_study_table

SCANS = pd.DataFrame(
    {
        "rid": [5, 5, 6, 7],
        "visit": ["bl", "m12", "bl", "bl"],
        "acquired": [date(2008, 1, 10), date(2009, 1, 10), date(2008, 3, 1), date(2008, 4, 1)],
    },
    index=pd.Index(["5bl", "5m12", "6bl", "7bl"], name="scan"),
)
TABLES = {
    "ADNIMERGE_12Feb2024": """RID,VISCODE,EXAMDATE,AGE,PTGENDER,PTMARRY,MMSE
5,bl,2008-01-01,70.0,Male,Married,29
5,m12,2009-01-01,70.0,Male,Widowed,28
6,bl,2008-03-01,81.5,Female,Unknown,20
7,bl,2008-04-01,64,Male,Divorced,20
""",
    "UPENNBIOMK_MASTER_12Feb2024": """RID,VISCODE,BATCH,ABETA,TAU
5,bl,UPENNBIOMK,111,71
5,bl,MEDIAN,110,70
6,bl,median,<80,-4.0
7,bl,MEDIAN,QNS,-1
""",
    "UPENNBIOMK9_04_19_17": "RID,VISCODE2,ABETA\n5,bl,900\n5,m12,910\n7,bl,>1700\n",
    "HCRES_12Feb2024": "RID,VISCODE,HCY\n5,bl,-1\n6,bl,9.5\n8,bl,10\n",
}


def _read(folder: Path, text: str) -> tuple[Clinical, list[Finding]]:
    for name, table in TABLES.items():
        (folder / f"{name}.csv").write_text(table, encoding="utf-8")
    (folder / "columns.toml").write_text(text, encoding="utf-8")
    findings: list[Finding] = []
    paths = sorted(folder.glob("*.csv"))
    merged = read_study_table("ADNIMERGE", paths, (), findings)
    return read_clinical(SCANS, merged, paths, findings, read_column_rules(folder / "columns.toml")), findings


def test_the_named_columns_and_no_others_in_the_order_of_the_file(tmp_path: Path) -> None:
    clinical, findings = _read(
        tmp_path,
        """
        people = ["PTGENDER", "AGE"]
        [[column]]
        table = "HCRES"
        column = "HCY"
        unit = "umol/L"
        low = 1
        high = 100
        [[column]]
        table = "upennbiomk_master"
        column = "ABETA"
        name = "abeta"
        rows = { BATCH = "MEDIAN" }
        missing = ["QNS"]
        """,
    )
    assert clinical.columns == (
        Column("PTGENDER", "category", categories=("Female", "Male"), source="ADNIMERGE.PTGENDER"),
        Column("AGE", unit="years", low=18, high=120, source="ADNIMERGE.AGE"),
        Column("HCY", unit="umol/L", low=1, high=100, source="HCRES.HCY", missing=("-1", "-4")),
        Column("abeta", source="upennbiomk_master.ABETA", missing=("QNS",)),
        Column(
            "abeta censored",
            unit="-1 below the assay's range, 1 above, 0 within",
            low=-1,
            high=1,
            source="upennbiomk_master.ABETA",
        ),
    )
    assert clinical.table.index.equals(SCANS.index)
    assert clinical.table["PTGENDER"].tolist() == ["Male", "Male", "Female", "Male"]
    np.testing.assert_allclose(clinical.table["AGE"], [70.02, 71.03, 81.5, 64.0])
    np.testing.assert_array_equal(clinical.table["HCY"], [nan, nan, 9.5, nan])
    np.testing.assert_array_equal(clinical.table["abeta"], [110, nan, 80, nan])
    np.testing.assert_array_equal(clinical.table["abeta censored"], [0, nan, -1, nan])
    assert clinical.seen == {5, 6, 7, 8}
    assert findings == []


def test_two_assays_of_one_analyte_are_two_columns(tmp_path: Path) -> None:
    clinical, findings = _read(
        tmp_path,
        """
        [[column]]
        table = "UPENNBIOMK_MASTER"
        column = "ABETA"
        name = "ABETA (xMAP)"
        rows = { BATCH = "MEDIAN" }
        missing = ["QNS"]
        [[column]]
        table = "UPENNBIOMK9"
        column = "ABETA"
        name = "ABETA (Elecsys)"
        censored = false
        """,
    )
    assert list(clinical.table.columns) == ["ABETA (xMAP)", "ABETA (xMAP) censored", "ABETA (Elecsys)"]
    np.testing.assert_array_equal(clinical.table["ABETA (xMAP)"], [110, nan, 80, nan])
    np.testing.assert_array_equal(clinical.table["ABETA (Elecsys)"], [900, 910, nan, 1700])
    assert findings == []


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("", [70, nan, nan, nan]),
        ("missing = []", [70, nan, -4, -1]),
        ("missing = [-4]", [70, nan, nan, -1]),
        ("missing = ['70', '-1.0']", [nan, nan, -4, nan]),
    ],
)
def test_missing_codes_are_those_of_the_column(tmp_path: Path, missing: str, expected: list[float]) -> None:
    text = f'[[column]]\ntable = "UPENNBIOMK_MASTER"\ncolumn = "TAU"\nrows = {{ BATCH = ["MEDIAN"] }}\n{missing}\n'
    clinical, findings = _read(tmp_path, text)
    np.testing.assert_array_equal(clinical.table["TAU"], expected)
    assert findings == []


def test_a_category_keeps_its_texts_and_others_are_named(tmp_path: Path) -> None:
    entry = '[[column]]\ntable = "ADNIMERGE"\ncolumn = "PTMARRY"\nname = "married"\nkind = "category"\n'
    clinical, findings = _read(tmp_path, entry)
    assert clinical.table["married"].fillna("").tolist() == ["Married", "Widowed", "", "Divorced"]
    assert findings == []
    clinical, findings = _read(tmp_path, entry + 'categories = ["Married", "Widowed", "Unknown"]\n')
    assert clinical.table["married"].fillna("").tolist() == ["Married", "Widowed", "Unknown", ""]
    assert clinical.columns[0].categories == ("Married", "Widowed", "Unknown")
    assert [(f.code, f.items) for f in findings] == [
        ("odd-text", ("ADNIMERGE_12Feb2024.csv, column 'PTMARRY', line 5: 'Divorced'",))
    ]


def test_without_rows_the_first_row_of_a_visit_counts_and_the_others_are_listed_once(tmp_path: Path) -> None:
    entry = '[[column]]\ntable = "UPENNBIOMK_MASTER"\ncolumn = "{}"\n'
    clinical, findings = _read(tmp_path, entry.format("ABETA") + 'missing = ["QNS"]\n' + entry.format("TAU"))
    np.testing.assert_array_equal(clinical.table["TAU"], [71, nan, nan, nan])
    assert [(f.code, f.items) for f in findings] == [("repeated-row", ("UPENNBIOMK_MASTER_12Feb2024.csv, line 3",))]


def test_a_column_that_gives_the_diagnosis_away_is_read_and_said(tmp_path: Path) -> None:
    clinical, (finding,) = _read(tmp_path, '[[column]]\ntable = "ADNIMERGE"\ncolumn = "MMSE"\n')
    np.testing.assert_array_equal(clinical.table["MMSE"], [29, 28, 20, 20])
    assert (finding.code, finding.severity) == ("leaky-column-named", "warning")
    assert "a criterion of the diagnosis" in finding.message
    assert finding.items == (f"{tmp_path / 'columns.toml'}, line 1, entry 1: ADNIMERGE.MMSE",)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            'table = "UPENNBIOMK_MASTR"\ncolumn = "TAU"',
            r"line 1, entry 1: no table .*; did you mean 'UPENNBIOMK_MASTER'",
        ),
        ('table = "HCRES"\ncolumn = "HCYS"', r"HCRES_12Feb2024\.csv has no column 'HCYS'; did you mean 'HCY'"),
        ('table = "HCRES"\ncolumn = "HCYS"', r"has no column 'HCYS'; did you mean 'HCY'"),
        ('table = "Q"\ncolumn = "TAU"', r"no table is called 'Q' \(without dates\); known: ADNIMERGE, HCRES, UPENN"),
        ('table = "HCRES"\ncolumn = "rid"', r"has no column 'rid'"),
        ('table = "HCRES"\ncolumn = "HCY"\nrows = { BATCH = "MEDIAN" }', r"has no column 'BATCH'"),
        (
            'table = "UPENNBIOMK_MASTER"\ncolumn = "TAU"\nrows = { BATCH = "MEAN" }',
            r"no row of .* is as the key 'rows'",
        ),
    ],
)
def test_what_is_not_there_is_named_with_what_looks_like_it(tmp_path: Path, entry: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        _read(tmp_path, f"[[column]]\n{entry}\n")


def test_people_of_whom_no_table_tells_are_said(tmp_path: Path) -> None:
    text = 'people = ["APOE4"]\n[[column]]\ntable = "HCRES"\ncolumn = "HCY"\n'
    clinical, findings = _read(tmp_path, text)
    assert list(clinical.table.columns) == ["HCY"]
    assert [(f.code, f.items) for f in findings] == [("column-without-values", ("APOE4",))]


def _write(folder: Path, text: str) -> Path:
    path = folder / "columns.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_key_and_its_default(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        """people = ["APOE4", "AGE"]

[[column]]
table = "UPENNBIOMK_MASTER"
column = "ABETA"
name = "abeta"
unit = "pg/mL (xMAP)"
low = 20
high = 600.5
missing = [-4, "QNS"]
rows = { BATCH = "MEDIAN", KIT = ["A", 2] }
signed = false
censored = true

[[column]]
table = "APOERES"
column = "GENOTYPE"
kind = "category"
categories = ["3/3", "3/4"]

[[column]]
table = "adni_plasma_qc_multiplex"
column = "CRP"
missing = []
signed = true
""",
    )
    rules = read_column_rules(path)
    assert rules.people == ("APOE4", "AGE")
    assert rules.columns == (
        ColumnRule(
            "UPENNBIOMK_MASTER",
            "ABETA",
            Column("abeta", unit="pg/mL (xMAP)", low=20, high=600.5),
            missing=("-4", "QNS"),
            rows={"BATCH": ("MEDIAN",), "KIT": ("A", "2")},
            censored=True,
            place=f"{path}, line 3, entry 1",
        ),
        ColumnRule(
            "APOERES",
            "GENOTYPE",
            Column("GENOTYPE", kind="category", categories=("3/3", "3/4")),
            place=f"{path}, line 15, entry 2",
        ),
        ColumnRule(
            "adni_plasma_qc_multiplex",
            "CRP",
            Column("CRP", signed=True),
            missing=(),
            place=f"{path}, line 21, entry 3",
        ),
    )
    assert rules.columns[1].missing == ("-1", "-4")
    assert rules.columns[1].censored is None


ENTRY = '[[column]]\ntable = "LABDATA"\ncolumn = "RCT1"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"columns\.toml names no column"),
        ("[[column]\n", r"columns\.toml is no TOML: .*line 1"),
        ("[[columns]]\n", r"line 1: columns is no entry here; did you mean 'column'"),
        ("[column]\ntable = 'a'\n", r"line 1: column takes sections headed \[\[column\]\]"),
        ("people = ['APOE']\n", r"line 1: people takes some of AGE, .*, not 'APOE'; did you mean 'APOE4'"),
        ("people = [[]]\n", r"line 1: people takes a list of texts"),
        (ENTRY + "[[column]]\ntable = 'LABDATA'\n", r"line 4: column\[2\]\.column is missing"),
        (ENTRY + "units = 'g'\n", r"line 4: column\[1\]\.units is no entry here; did you mean 'unit'"),
        (ENTRY + "kind = 'text'\n", r"column\[1\]\.kind takes 'number' or 'category', not 'text'"),
        (ENTRY + "low = '5'\n", r"line 4: column\[1\]\.low takes a number, not '5'"),
        (ENTRY + "low = true\n", r"\.low takes a number, not True"),
        (ENTRY + "low = 5\nhigh = 4\n", r"line 1: column\[1\] has low above high"),
        (ENTRY + "signed = 1\n", r"\.signed takes true or false, not 1"),
        (ENTRY + "missing = {a = 1}\n", r"\.missing takes a list of texts such as .*, not \{'a': 1\}"),
        (ENTRY + "missing = [[]]\n", r"\.missing takes a list of texts"),
        (ENTRY + "rows = 'MEDIAN'\n", r"\.rows takes columns and texts, such as .*, not 'MEDIAN'"),
        (ENTRY + "rows = { BATCH = [] }\n", r"\.rows takes columns and texts"),
        (ENTRY + "categories = ['a']\n", r"\.categories says nothing about a column of kind 'number'"),
        (ENTRY + "kind = 'category'\nunit = 'g'\n", r"\.unit says nothing about a column of kind 'category'"),
        (ENTRY + "kind = 'category'\ncategories = [[1]]\n", r"\.categories takes a list of texts .*, not \[\[1\]\]"),
        (ENTRY + "name = ' '\n", r"\.name takes text in quotes, not ' '"),
        (ENTRY + ENTRY, r"line 4, entry 2: 'RCT1' is a name already, of .*line 1, entry 1; give a name"),
        ("people = ['AGE']\n" + ENTRY + "name = 'AGE'\n", r"'AGE' is a name already, of .*entry 'people'"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as raised:
        read_column_rules(_write(tmp_path, text))
    assert str(tmp_path / "columns.toml") in str(raised.value)


def test_all_mistakes_come_at_once_and_one_text_is_a_list(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"2 things to put right:\n.*line 4: column\[1\]\.low .*\n.*line 5: .*\.signed"):
        read_column_rules(_write(tmp_path, ENTRY + "low = 'a'\nsigned = 3\n"))
    rules = read_column_rules(_write(tmp_path, "people = 'AGE'\n" + ENTRY + "missing = -4.0\n"))
    assert (rules.people, rules.columns[0].missing) == (("AGE",), ("-4.0",))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.toml: there is no such file"):
        read_column_rules(tmp_path / "none.toml")
    with pytest.raises(DataError, match="cannot be read"):
        read_column_rules(tmp_path)
    (tmp_path / "latin.toml").write_bytes("people = ['Ä']".encode("latin-1"))
    with pytest.raises(DataError, match=r"is no TOML: .*utf-8"):
        read_column_rules(tmp_path / "latin.toml")


def test_lines_are_left_out_where_entries_are_in_another_form(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"columns\.toml: column\[2\]\.table is missing"):
        read_column_rules(_write(tmp_path, "column = [{ table = 'a', column = 'b' }, { column = 'c' }]\n"))


def test_the_documentation_shows_a_file_that_can_be_read_and_explains_every_key(tmp_path: Path) -> None:
    page = (Path(__file__).parents[4] / "docs/how-to/mci-converters.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```toml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    rules = read_column_rules(_write(tmp_path, shown))
    assert [(rule.described.name, rule.described.kind) for rule in rules.columns] == [
        ("abeta", "number"),
        ("PTMARRY", "category"),
        ("CRP", "number"),
    ]
    keys = {*KEYS}
    explained = {
        key for row in re.findall(r"^\| (`.*?) \|", page, flags=re.MULTILINE) for key in re.findall(r"`(\w+)`", row)
    }
    assert keys <= explained
