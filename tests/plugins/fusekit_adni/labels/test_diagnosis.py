from pathlib import Path

import pandas as pd
import pytest

from fusekit.data import Finding
from fusekit.errors import DataError
from fusekit_adni.labels.diagnosis import ADNIMERGE, DXSUM, diagnoses, resolve
from fusekit_adni.tables.study import StudyTable, read_study_table


def _table(name: str, rid: list[int], visit: list[str | None], **columns: list[str]) -> StudyTable:
    index = pd.Index(range(2, len(rid) + 2), name="line")
    visits = pd.Series(visit, index=index, dtype=object)
    rows = pd.DataFrame({"rid": rid, "visit": visits, "screening": False, **columns}, index=index)
    return StudyTable(name, Path(f"{name}.csv"), rows)


def _resolved(**columns: list[str]) -> list[str]:
    return resolve(pd.DataFrame(columns), DXSUM, "DXSUM.csv", []).fillna("").tolist()


def test_every_code_of_dxchange() -> None:
    codes = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "-4", "-1", "", "0"]
    expected = ["CN", "MCI", "AD", "MCI", "AD", "AD", "CN", "MCI", "CN", "", "", "", ""]
    assert _resolved(DXCHANGE=codes) == expected
    assert _resolved(DXCHANGE=[f"{code}.0" if code.isdigit() else code for code in codes]) == expected


@pytest.mark.parametrize("column", ["DIAGNOSIS", "DXCURREN"])
def test_the_codes_of_the_other_phases(column: str) -> None:
    assert _resolved(**{column: ["1", "2", "3", "1.0", "-4", "", "4"]}) == ["CN", "MCI", "AD", "CN", "", "", ""]


def test_the_columns_are_asked_in_their_order() -> None:
    rows = [  # DIAGNOSIS, DXCHANGE, DXCURREN, DXNORM, DXMCI, DXAD -> what counts
        ("1", "5", "2", "-4", "-4", "1", "CN"),
        ("", "5", "2", "1", "-4", "-4", "AD"),
        ("-4", "-4", "2", "1", "-4", "-4", "MCI"),
        ("", "", "", "1", "-4", "-4", "CN"),
        ("", "", "", "-4", "1", "-4", "MCI"),
        ("", "", "-4", "-4", "-4", "1.0", "AD"),
        ("", "", "", "1", "1", "1", "CN"),
        ("", "", "", "0", "0", "-4", ""),
    ]
    names = ["DIAGNOSIS", "DXCHANGE", "DXCURREN", "DXNORM", "DXMCI", "DXAD"]
    columns = dict(zip(names, map(list, zip(*(row[:6] for row in rows), strict=True)), strict=True))
    assert _resolved(**columns) == [row[6] for row in rows]


def test_columns_of_a_row_that_contradict_each_other_are_named_and_the_first_counts() -> None:
    columns = {
        "DIAGNOSIS": ["1", "2", "3", "-4", "2"],
        "DXNORM": ["1", "1", "-4", "1", ""],
        "DXMCI": ["0", "-4", "1", "1", "1.0"],
        "DXAD": ["0", "-4", "-4", "-4", "0"],
    }
    rows = pd.DataFrame(columns, index=pd.Index(range(2, 7), name="line"))
    findings: list[Finding] = []
    assert resolve(rows, DXSUM, "DXSUM.csv", findings).tolist() == ["CN", "MCI", "AD", "CN", "MCI"]
    (finding,) = findings
    assert (finding.code, finding.severity) == ("diagnosis-contradicted", "warning")
    assert finding.items == (
        "DXSUM.csv, line 3: DIAGNOSIS MCI, DXNORM CN",
        "DXSUM.csv, line 4: DIAGNOSIS AD, DXMCI MCI",
        "DXSUM.csv, line 5: DXNORM CN, DXMCI MCI",
    )


def test_adnimerge_speaks_of_dementia() -> None:
    found = resolve(pd.DataFrame({"DX": ["CN", "MCI", "Dementia", "NL", "AD", "", "SMC"]}), ADNIMERGE, "ADNIMERGE", [])
    assert found.fillna("").tolist() == ["CN", "MCI", "AD", "CN", "AD", "", ""]


@pytest.mark.parametrize(
    ("text", "diagnosis"),
    [
        *[("NL", "CN"), ("Normal", "CN"), ("dementia", "AD"), ("DEM", "AD"), (" mci ", "MCI"), ("CU", "CN")],
        *[("MCI to NL", "CN"), ("NL to MCI", "MCI"), ("MCI to Dementia", "AD"), ("Dementia to MCI", "MCI")],
        *[("NL to Dementia", "AD"), ("Stable: NL", "CN"), ("Stable: NL to NL", "CN")],
        *[("Conversion: NL to MCI", "MCI"), ("Reversion: MCI to NL", "CN"), ("Conversion:MCI to Dementia", "AD")],
    ],
)
@pytest.mark.parametrize("column", ["DX", "DXCHANGE", "DIAGNOSIS"])
def test_words_of_older_exports(text: str, diagnosis: str, column: str) -> None:
    codes = ADNIMERGE if column == "DX" else DXSUM
    findings: list[Finding] = []
    assert resolve(pd.DataFrame({column: [text]}), codes, "t.csv", findings).tolist() == [diagnosis]
    assert findings == []


def test_a_text_that_is_not_understood_is_named_with_its_count() -> None:
    rows = pd.DataFrame({"DIAGNOSIS": ["1", "11", "MCI?", "11", "", "-4", "Unknown"], "DXNORM": ["0"] * 7})
    findings: list[Finding] = []
    assert resolve(rows, DXSUM, "DXSUM.csv", findings).fillna("").tolist() == ["CN", *[""] * 6]
    (finding,) = findings
    assert (finding.code, finding.severity) == ("unread-diagnosis", "warning")
    assert finding.items == ("DXSUM.csv, column DIAGNOSIS: '11' (2)", "DXSUM.csv, column DIAGNOSIS: 'MCI?' (1)")


def test_adnimerge_fills_the_visits_that_dxsum_lacks() -> None:
    dxsum = _table("DXSUM", [5, 5, 6, 6], ["bl", "m06", "bl", None], DXCURREN=["1", "-4", "3", "3"])
    merged = _table("ADNIMERGE", [5, 5, 6, 7], ["bl", "m06", "bl", "bl"], DX=["CN", "MCI", "Dementia", "CN"])
    findings: list[Finding] = []
    assert diagnoses(dxsum, merged, findings)["diagnosis"].to_dict() == {
        (5, "bl"): "CN",
        (5, "m06"): "MCI",
        (6, "bl"): "AD",
        (7, "bl"): "CN",
    }
    assert findings == []
    assert diagnoses(None, merged, findings)["diagnosis"].to_dict()[5, "m06"] == "MCI"
    assert diagnoses(dxsum, None, findings)["diagnosis"].to_dict() == {(5, "bl"): "CN", (6, "bl"): "AD"}


def test_where_the_tables_disagree_dxsum_counts_and_a_finding_says_so() -> None:
    dxsum = _table("DXSUM", [5, 6], ["bl", "m12"], DXCURREN=["1", "3"])
    merged = _table("ADNIMERGE", [5, 6], ["bl", "m12"], DX=["MCI", "Dementia"])
    findings: list[Finding] = []
    assert diagnoses(dxsum, merged, findings)["diagnosis"].to_dict() == {(5, "bl"): "CN", (6, "m12"): "AD"}
    assert [(f.code, f.items) for f in findings] == [("diagnosis-differs", ("5 at bl: CN, MCI",))]


def test_a_visit_entered_twice_alike_counts_once_and_a_contradiction_is_refused() -> None:
    twice = _table("DXSUM", [5, 5, 5], ["bl", "bl", "bl"], DXCURREN=["1", "1", "-4"])
    assert diagnoses(twice, None, [])["diagnosis"].to_dict() == {(5, "bl"): "CN"}
    against = _table("DXSUM", [5, 5], ["bl", "bl"], DXCURREN=["1", "3"])
    with pytest.raises(DataError, match=r"DXSUM\.csv: subject 5 .* visit bl \(line 2: CN, line 3: AD\)"):
        diagnoses(against, None, [])
    merged = _table("ADNIMERGE", [5, 5], ["bl", "bl"], DX=["MCI", "CN"])
    with pytest.raises(DataError, match=r"ADNIMERGE\.csv: subject 5 .*line 2: MCI, line 3: CN"):
        diagnoses(twice, merged, [])


def test_without_diagnoses_it_is_said_what_is_missing() -> None:
    with pytest.raises(DataError, match="neither DXSUM_PDXCONV_ADNIALL, DXSUM nor ADNIMERGE"):
        diagnoses(None, None, [])
    with pytest.raises(DataError, match=r"ADNIMERGE\.csv: no column of diagnoses; it should have DX\."):
        diagnoses(None, _table("ADNIMERGE", [5], ["bl"]), [])
    with pytest.raises(DataError, match=r"DXSUM\.csv: no column of diagnoses.*DIAGNOSIS or DXCHANGE or DXCURREN"):
        diagnoses(_table("DXSUM", [5], ["bl"]), None, [])
    with pytest.raises(DataError, match=r"DXSUM\.csv: no row has a known visit code in VISCODE2 or VISCODE"):
        diagnoses(_table("DXSUM", [5], [None], DXCURREN=["1"]), None, [])


def test_adnimerge_needs_no_diagnoses_beside_dxsum() -> None:
    dxsum = _table("DXSUM", [5], ["bl"], DXCURREN=["1"])
    assert diagnoses(dxsum, _table("ADNIMERGE", [5], ["bl"]), [])["diagnosis"].to_dict() == {(5, "bl"): "CN"}


def test_screening_counts_only_where_the_baseline_visit_is_silent(tmp_path: Path) -> None:
    rows = "5,sc,v01,2\n5,bl,v03,1\n6,sc,v01,3\n7,,v02,1\n7,bl,v03,-4\n8,,v02,3\n8,,v03,2\n"
    path = tmp_path / "DXSUM.csv"
    path.write_text(f"RID,VISCODE2,VISCODE,DXCHANGE\n{rows}", encoding="utf-8")
    table = read_study_table("DXSUM", [path], (), [])
    assert diagnoses(table, None, [])["diagnosis"].to_dict() == {
        (5, "bl"): "CN",
        (6, "bl"): "AD",
        (7, "bl"): "CN",
        (8, "bl"): "MCI",
    }
    path.write_text("RID,VISCODE2,DXCHANGE\n5,sc,2\n5,sc,1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"subject 5 .*line 2: MCI, line 3: CN"):
        diagnoses(read_study_table("DXSUM", [path], (), []), None, [])
