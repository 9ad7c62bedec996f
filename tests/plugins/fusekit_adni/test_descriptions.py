"""Site, field strength and phase of enrolment: one coding each, and whose word counts."""

from pathlib import Path

import pandas as pd

from fusekit.data import Finding
from fusekit_adni.descriptions import described, with_field_strength
from fusekit_adni.tables.study import StudyTable, read_study_table


def _scans(*rids: int) -> pd.DataFrame:
    rows = [(f"{rid % 10 + 10:03}_S_{rid:04}", rid, "bl", 900 + rid) for rid in rids]
    return pd.DataFrame(rows, columns=["subject", "rid", "visit", "number"], index=[f"s{rid}" for rid in rids])


def _table(folder: Path, name: str, text: str) -> StudyTable:
    path = folder / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    table = read_study_table(name, [path], (), [])
    assert table is not None
    return table


def _listed(**tesla: float | None) -> pd.DataFrame:
    numbers = [900 + int(name[1:]) for name in tesla]
    return pd.DataFrame({"tesla": pd.Series(list(tesla.values()), index=numbers, dtype=float)})


def test_two_codings_of_a_site_are_never_mixed(tmp_path: Path) -> None:
    scans = _scans(5, 6)
    whole = _table(tmp_path, "DXSUM", "RID,VISCODE2,SITEID\n5,bl,107\n6,bl,59\n")
    assert described(scans, [whole])["site"].tolist() == ["107", "59"]
    partly = _table(tmp_path, "DXSUM", "RID,VISCODE2,SITEID\n5,bl,107\n6,bl,\n")
    assert described(scans, [partly])["site"].tolist() == ["015", "016"]
    merged = _table(tmp_path, "ADNIMERGE", "RID,VISCODE,SITE\n5,bl,15\n")
    assert described(scans, [merged, whole])["site"].tolist() == ["15", ""]  # as it always was


def test_the_list_speaks_of_the_image_the_table_of_the_visit_and_the_protocol_last(tmp_path: Path) -> None:
    rows = "5,bl,1.5 Tesla MRI,ADNI1\n6,bl,1.5 Tesla MRI,ADNI1\n7,bl,,ADNI1\n8,bl,,ADNIGO\n9,bl,,\n"
    merged = _table(tmp_path, "ADNIMERGE", f"RID,VISCODE,FLDSTRENG,COLPROT\n{rows}")
    scans = described(_scans(5, 6, 7, 8, 9), [merged])
    findings: list[Finding] = []
    found = with_field_strength(scans, _listed(s5=3.0, s6=None), findings)["field_strength"]
    assert found.tolist() == ["3 Tesla MRI", "1.5 Tesla MRI", "1.5 Tesla MRI", "3 Tesla MRI", ""]
    (finding,) = findings
    assert (finding.code, finding.items) == ("field-strength-assumed", ("s7", "s8"))


def test_without_a_list_that_says_it_nothing_is_assumed(tmp_path: Path) -> None:
    dxsum = _table(tmp_path, "DXSUM", "RID,VISCODE2,PHASE\n5,bl,ADNI3\n")
    findings: list[Finding] = []
    scans = described(_scans(5), [dxsum])
    assert "field_strength" not in with_field_strength(scans, _listed(s5=None), findings)
    assert findings == []


def test_the_phase_of_enrolment_is_the_first_of_all_rows(tmp_path: Path) -> None:
    rows = "5,4_bl,bl,ADNI4\n6,4_bl,m120,ADNI4\n6,v03,bl,ADNI2\n6,init,m60,ADNI3\n7,bl,bl,ADNI9\n"
    dxsum = _table(tmp_path, "DXSUM", f"RID,VISCODE,VISCODE2,PHASE\n{rows}")
    assert described(_scans(5, 6, 7), [dxsum])["origin"].tolist() == ["ADNI4", "ADNI2", ""]
    merged = _table(tmp_path, "ADNIMERGE", "RID,VISCODE\n5,bl\n")
    assert "origin" not in described(_scans(5, 6), [merged, dxsum])
