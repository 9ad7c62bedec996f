from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from fusekit.errors import DataError
from fusekit_adni.tables.named import ColumnRule, read_column_rules


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
            "abeta",
            unit="pg/mL (xMAP)",
            low=20,
            high=600.5,
            missing=("-4", "QNS"),
            rows={"BATCH": ("MEDIAN",), "KIT": ("A", "2")},
            censored=True,
            place=f"{path}, line 3, entry 1",
        ),
        ColumnRule(
            "APOERES",
            "GENOTYPE",
            "GENOTYPE",
            kind="category",
            categories=("3/3", "3/4"),
            place=f"{path}, line 15, entry 2",
        ),
        ColumnRule(
            "adni_plasma_qc_multiplex", "CRP", "CRP", signed=True, missing=(), place=f"{path}, line 21, entry 3"
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
    assert [(rule.name, rule.kind) for rule in rules.columns] == [
        ("abeta", "number"),
        ("PTMARRY", "category"),
        ("CRP", "number"),
    ]
    keys = {field.name for field in fields(ColumnRule)} - {"place"}
    explained = {
        key for row in re.findall(r"^\| (`.*?) \|", page, flags=re.MULTILINE) for key in re.findall(r"`(\w+)`", row)
    }
    assert keys <= explained
