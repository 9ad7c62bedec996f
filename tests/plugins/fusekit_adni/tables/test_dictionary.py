"""DATADIC: units and codes of the archive's own dictionary."""

from pathlib import Path

import pandas as pd
import pytest

from fusekit.data import Column, Finding
from fusekit.errors import DataError
from fusekit.progress import Quiet
from fusekit_adni.tables.archive import get
from fusekit_adni.tables.dictionary import Entry, plain, read_dictionary
from fusekit_adni.task import AdniAdTask
from tests.plugins.fusekit_adni.trees import Study, Trees

HEADER = "PHASE,TBLNAME,FLDNAME,TYPE,TEXT,CODE,UNITS\n"
ROWS = """ADNI3,LABDATA,RCT11,N,Serum glucose,,mg/dL
ADNI3,UPENNBIOMK_MASTER,ABETA,N,,,pg/mL
ADNI3,BLENNOWPLASMANFL,PLASMA_NFL,N,,,pg/mL
ADNI1,PTDEMOG,PTHAND,N,Handedness,1=Right; 2=Left,
ADNI4,PTDEMOG,PTHAND,N,Handedness,"1 = Right, 2 = Left, 3 = Both",
ADNI1,PTDEMOG,PTRACCAT,N,Race,3=Native Hawaiian,
ADNI4,PTDEMOG,PTRACCAT,N,Race,3=Native Hawaiian or Other Pacific Islander,
ADNI1,X,Y,N,,,mg/dL
ADNI2,X,Y,N,,,umol/L
"""


def _read(folder: Path, rows: str = ROWS) -> tuple[dict[tuple[str, str], Entry], list[Finding]]:
    path, findings = folder / "DATADIC_19Feb2026.csv", list[Finding]()
    path.write_text(HEADER + rows, encoding="utf-8")
    return dict(read_dictionary([path], findings).entries), findings


def test_units_and_codes_of_every_phase(tmp_path: Path) -> None:
    entries, findings = _read(tmp_path)
    assert entries["LABDATA", "RCT11"] == Entry("mg/dL", {})
    assert entries["PTDEMOG", "PTHAND"] == Entry("", {"1": "Right", "2": "Left", "3": "Both"})
    assert entries["PTDEMOG", "PTRACCAT"].codes == {"3": "Native Hawaiian"}
    assert entries["X", "Y"].unit == ""
    (finding,) = findings
    assert finding.code == "dictionary-differs"
    assert finding.items == (
        "PTDEMOG.PTRACCAT: 3 is 'Native Hawaiian' and 'Native Hawaiian or Other Pacific Islander'",
        "X.Y: mg/dL, umol/L",
    )


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("1=Yes;0=No", {"1": "Yes", "0": "No"}),
        ("-4 = not applicable; 1 = a, b and c; 2 = d", {"-4": "not applicable", "1": "a, b and c", "2": "d"}),
        ("1=Mild\n2=Severe", {"1": "Mild", "2": "Severe"}),
        ("0..20", {}),
        ("", {}),
    ],
)
def test_codes_as_they_are_written(tmp_path: Path, text: str, codes: dict[str, str]) -> None:
    entries, _ = _read(tmp_path, f'ADNI3,T,F,N,,"{text}",mL\n')
    assert entries["T", "F"].codes == codes


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("pg/mL (xMAP)", "pg/ml", True),
        ("ng/L", "pg/mL", True),
        ("µg/L", "ng/mL", True),
        ("pg/mL", "ng/mL", False),
        ("mg/dL", "mmol/L", False),
    ],
)
def test_units_that_are_the_same_number(one: str, other: str, same: bool) -> None:
    assert (plain(one) == plain(other)) is same


def test_what_the_dictionary_adds_and_what_it_contradicts(tmp_path: Path) -> None:
    path, findings = tmp_path / "All_Subjects_DATADIC_19Feb2026.csv", list[Finding]()
    path.write_text(
        HEADER + ROWS.replace("UPENNBIOMK_MASTER,ABETA,N,,,pg/mL", "UPENNBIOMK_MASTER,ABETA,N,,,ng/mL"), "utf-8"
    )
    dictionary = read_dictionary([path], [])
    numbers, sides = pd.Series([1.0, 2.0]), pd.Series(["2", None], dtype=object)
    parts = [
        (Column("RCT11", source="LABDATA.RCT11"), numbers),
        (Column("ABETA", unit="pg/mL (xMAP)", source="UPENNBIOMK_MASTER.ABETA"), numbers),
        (Column("ABETA censored", unit="-1 below", source="UPENNBIOMK_MASTER.ABETA"), numbers),
        (Column("PLASMA_NFL", unit="ng/L", source="BLENNOWPLASMANFL.PLASMA_NFL"), numbers),
        (Column("hand", kind="category", categories=("1", "2"), source="PTDEMOG.PTHAND"), sides),
        (Column("other", kind="category", source="PTDEMOG.PTHAND"), pd.Series(["2", "9"], dtype=object)),
    ]
    columns, values = zip(*dictionary.applied(parts, findings), strict=True)
    assert [column.unit for column in columns[:4]] == ["mg/dL", "pg/mL (xMAP)", "-1 below", "ng/L"]
    assert columns[4].categories == ("Right", "Left")
    assert values[4].tolist() == ["Left", None]
    assert values[5].tolist() == ["2", "9"]  # one of its codes is unknown: none is replaced
    (finding,) = findings
    assert (finding.code, finding.severity) == ("unit-differs", "refusal")
    assert finding.items == (f"UPENNBIOMK_MASTER.ABETA: pg/mL (xMAP) is assumed, {path.name} says ng/mL",)


def test_a_folder_without_it_is_refused_and_with_it_units_are_known(tmp_path: Path) -> None:
    trees, study = Trees(tmp_path), Study()
    for rid, diagnosis in ((1, 1), (2, 3)):
        study.exam(rid, diagnosis)
        study.person(rid, f"009_S_000{rid}")
        trees.loni(f"009_S_000{rid}", 10 + rid)
    study.write(trees)
    trees.table("LABDATA.csv", "RID VISCODE RCT11", [(1, "bl", 90), (2, "bl", 110)])
    with pytest.raises(DataError, match="no DATADIC") as caught:
        AdniAdTask(datadic=True).scan(tmp_path, Quiet())
    assert get("dictionary") in str(caught.value)
    (tmp_path / "DATADIC.csv").write_text(HEADER + ROWS, encoding="utf-8")
    units = {column.name: column.unit for column in AdniAdTask(datadic=True).scan(tmp_path, Quiet()).columns}
    assert units["RCT11"] == "mg/dL"
    assert {column.unit for column in AdniAdTask().scan(tmp_path, Quiet()).columns if column.name == "RCT11"} == {""}
