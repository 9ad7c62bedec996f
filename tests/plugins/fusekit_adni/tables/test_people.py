"""Age, sex and genotype from the forms that were filled in more than once."""

from datetime import date
from pathlib import Path

import pandas as pd

from fusekit.data import Finding
from fusekit_adni.tables.people import genotype, people
from fusekit_adni.tables.study import Values

SCANS = pd.DataFrame({"rid": [5, 6, 7], "acquired": [date(2020, 7, 1)] * 3}, index=["a", "b", "c"])


def _people(folder: Path, rows: str) -> tuple[dict[str, Values], list[Finding]]:
    path, findings = folder / "PTDEMOG.csv", list[Finding]()
    path.write_text(rows, encoding="utf-8")
    return {values[0].name: values for values in people(SCANS, None, [path], findings)}, findings


def test_the_first_that_says_it_by_day(tmp_path: Path) -> None:
    rows = (
        "RID,VISDATE,PTGENDER,PTDOBYY,PTEDUCAT\n5,2012-01-01,1,1950,18\n5,2010-01-01,,1950,16\n6,2010-01-01,2,-4,-4\n"
    )
    found, findings = _people(tmp_path, rows)
    assert found["PTGENDER"][1].tolist() == ["Male", "Female", None]
    assert found["PTEDUCAT"][1].fillna(0).tolist() == [16, 0, 0]
    assert found["AGE"][1].fillna(0).tolist() == [70.0, 0, 0]  # from July 1950 to July 2020
    assert findings == []


def test_rows_that_disagree_are_said_and_nothing_wrong_is(tmp_path: Path) -> None:
    found, findings = _people(
        tmp_path, "RID,VISDATE,PTGENDER,PTDOBYY\n5,2010-01-01,1,1950\n5,2011-01-01,2,1951\n6,,2,1960\n"
    )
    assert found["PTGENDER"][1].tolist() == [None, "Female", None]
    assert found["AGE"][1].fillna(0).tolist() == [70.0, 60.0, 0]
    assert [(one.code, one.items) for one in findings] == [("people-differ", ("5",))] * 2
    assert "year of birth; the first counts" in findings[0].message
    assert "sex, which is taken as missing" in findings[1].message


def test_the_year_is_read_off_a_date_of_birth_where_there_is_no_other(tmp_path: Path) -> None:
    rows = "PTID,VISDATE,PTDOB,PTDOBYY\n002_S_0005,,07/1950,\n002_S_0006,,1951-03-02,1960\n002_S_0007,,unknown,\n"
    found, _ = _people(tmp_path, rows)  # without RID: PTID says who it is
    assert found["AGE"][1].fillna(0).tolist() == [70.0, 60.0, 0]
    (tmp_path / "PTDEMOG.csv").unlink()
    found, _ = _people(tmp_path, "RID,PTDOB\n5,12-1950\n")
    assert found["AGE"][0].source == "PTDEMOG.PTDOB"
    assert found["AGE"][1].fillna(0).tolist() == [70.0, 0, 0]


def test_later_phases_fill_the_pair_alone(tmp_path: Path) -> None:
    path = tmp_path / "APOERES.csv"
    path.write_text("RID,APGEN1,APGEN2,GENOTYPE\n5,3,4,\n6,,,4/4\n7,2,3,2/3\n", encoding="utf-8")
    ((column, alleles),) = genotype(SCANS, None, [path], [])
    assert alleles.tolist() == [1, 2, 0]
    assert column.source == "APOERES.APGEN1+APGEN2 and GENOTYPE"


def test_alleles_saved_as_decimals_are_alleles(tmp_path: Path) -> None:
    path = tmp_path / "APOERES.csv"
    path.write_text("RID,APGEN1,APGEN2,GENOTYPE\n5,3.0,4.0,\n6,,,44.0\n7,2.0,3.0,2/3\n", encoding="utf-8")
    findings: list[Finding] = []
    ((_, alleles),) = genotype(SCANS, None, [path], findings)
    assert (alleles.tolist(), findings) == ([1, 2, 0], [])


def test_a_birth_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    found, findings = _people(tmp_path, "RID,PTDOB\n5,12-1950\n6,07/35\n7,\n")
    assert found["AGE"][1].fillna(0).tolist() == [70.0, 0, 0]
    (odd,) = [finding for finding in findings if finding.code == "odd-text"]
    assert odd.items == ("PTDEMOG.csv, column 'PTDOB', line 3: '07/35'",)
