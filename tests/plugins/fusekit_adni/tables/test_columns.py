from datetime import date
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Finding
from fusekit.errors import DataError
from fusekit_adni.tables.columns import Clinical, read_clinical
from fusekit_adni.tables.study import read_study_table

#: Three people; the first comes back after a year.
SCANS = pd.DataFrame(
    {
        "rid": [5, 5, 6, 7],
        "visit": ["bl", "m12", "bl", "bl"],
        "acquired": [date(2008, 1, 10), date(2009, 1, 10), date(2008, 3, 1), date(2008, 4, 1)],
    },
    index=pd.Index(["5bl", "5m12", "6bl", "7bl"], name="scan"),
)
MERGED = """RID,VISCODE,EXAMDATE,AGE,PTGENDER,PTEDUCAT,APOE4,MMSE,DX
5,m12,2009-01-01,70.0,Male,16,1,29,CN
5,bl,2008-01-01,70.0,Male,16,1,29,CN
6,bl,2008-03-01,81.5,Female,-4,0,20,Dementia
7,bl,2008-04-01,,Unknown,12,2,20,Dementia
"""
CSF = """RID,VISCODE,BATCH,ABETA,TAU,PTAU
5,bl,UPENNBIOMK,111,71,21
5,bl,MEDIAN,110,70,20
5,m12,UPENNBIOMK2,112,72,22
6,bl,median,<80,>300,SCC09
8,bl,MEDIAN,200,60,30
"""


def _read(folder: Path, **tables: str) -> tuple[Clinical, list[Finding]]:
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    findings: list[Finding] = []
    paths = sorted(folder.glob("*.csv"))
    return read_clinical(SCANS, read_study_table("ADNIMERGE", paths, (), findings), paths, findings), findings


def _values(clinical: Clinical, name: str) -> list[object]:
    assert [column.name for column in clinical.columns] == list(clinical.table.columns)
    return clinical.table[name].tolist()


DEMOGRAPHICS = """RID,VISDATE,PTGENDER,PTDOBYY,PTEDUCAT
5,2008-01-01,1,1940,16
6,2008-01-01,2.0,1926,-4
6,2009-01-01,2,1926,20
7,2008-01-01,-4,,12
8,2008-01-01,x,1930,9
"""


def _by_rid(table: pd.DataFrame) -> Any:
    return table.assign(rid=SCANS["rid"]).drop_duplicates("rid").set_index("rid")


def test_without_adnimerge_ptdemog_says_who_people_are(tmp_path: Path) -> None:
    clinical, findings = _read(tmp_path, PTDEMOG=DEMOGRAPHICS)
    by_rid = _by_rid(clinical.table.assign(acquired=SCANS["acquired"]))
    for rid, year in ((5, 1940), (6, 1926)):
        exact = (pd.Timestamp(str(by_rid.loc[rid, "acquired"])) - pd.Timestamp(f"{year}-07-01")).days / 365.25
        assert by_rid.loc[rid, "AGE"] == pytest.approx(exact, abs=0.006)
    assert (
        by_rid["PTGENDER"].fillna("").to_dict() | {5: "Male", 6: "Female", 7: ""}
        == by_rid["PTGENDER"].fillna("").to_dict()
    )
    assert by_rid.loc[[5, 6, 7], "PTEDUCAT"].tolist() == [16, 20, 12]  # the first row that says it
    assert {column.name: column.source for column in clinical.columns} == {
        "AGE": "PTDEMOG.PTDOBYY", "PTGENDER": "PTDEMOG.PTGENDER", "PTEDUCAT": "PTDEMOG.PTEDUCAT"
    }  # fmt: skip
    assert [(f.code, f.items) for f in findings] == [("odd-text", ("PTDEMOG.csv, column 'PTGENDER', line 6: 'x'",))]


def test_ptdemog_fills_what_adnimerge_lacks_and_changes_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    alone, _ = _read(tmp_path / "alone", ADNIMERGE=MERGED)
    both, _ = _read(tmp_path, ADNIMERGE=MERGED, PTDEMOG=DEMOGRAPHICS)
    known = alone.table.notna()
    assert both.table.where(known).equals(alone.table.where(known))
    assert both.table["PTEDUCAT"].notna().all()
    sources = {column.name: column.source for column in both.columns}
    assert sources["PTEDUCAT"] == "ADNIMERGE.PTEDUCAT and PTDEMOG.PTEDUCAT"
    assert sources["PTGENDER"] == "ADNIMERGE.PTGENDER"  # there was nobody to add


ROCHE = "RID,VISCODE2,ABETA42,TAU,PTAU\n5,bl,900,200,18\n6,bl,>1700,<80,<8\n"


def test_elecsys_is_the_default_and_never_mixed_with_another_assay(tmp_path: Path) -> None:
    nine = "RID,VISCODE2,ABETA,TAU,PTAU\n5,bl,901,201,19\n"
    clinical, findings = _read(
        tmp_path, ADNIMERGE=MERGED, UPENNBIOMK_MASTER=CSF, UPENNBIOMK9_04_19_17=nine, UPENNBIOMK_ROCHE_ELECSYS=ROCHE
    )
    fluid = [column for column in clinical.columns if column.source.startswith("UPENN")]
    assert {column.name for column in fluid} == {
        *("ABETA42", "TAU", "PTAU", "ABETA42 censored", "TAU censored", "PTAU censored")
    }
    assert {column.source.partition(".")[0] for column in fluid} == {"UPENNBIOMK_ROCHE_ELECSYS"}
    assert {column.unit for column in fluid if "censored" not in column.name} == {"pg/mL (Elecsys)"}
    by_rid = _by_rid(clinical.table)
    assert by_rid.loc[6, ["ABETA42", "TAU", "PTAU"]].tolist() == [1700, 80, 8]
    assert by_rid.loc[6, ["ABETA42 censored", "TAU censored", "PTAU censored"]].tolist() == [1, -1, -1]
    left = "another scale, not mixed in; UPENNBIOMK_ROCHE_ELECSYS is read"
    (finding,) = findings
    assert (finding.code, finding.message) == ("other-scale", left)
    assert finding.items == ("UPENNBIOMK_MASTER.csv", "UPENNBIOMK9_04_19_17.csv")


def test_plasma_tables_are_read_as_far_as_their_columns_are_there(tmp_path: Path) -> None:
    fujirebio = "RID,VISCODE2,PHASE,pT217_F,AB42_F,NfL_Q\n5,bl,ADNI1,0.3,28.5,18.2\n"
    c2n = "RID,VISCODE2,APS2_C2N\n5,bl,77\n"
    clinical, findings = _read(
        tmp_path, ADNIMERGE=MERGED, UPENN_PLASMA_FUJIREBIO_QUANTERIX=fujirebio, C2N_PRECIVITYAD2_PLASMA=c2n
    )
    first = _by_rid(clinical.table).loc[5]
    assert first[["pT217_F", "AB42_F", "NfL_Q", "APS2_C2N"]].tolist() == [0.3, 28.5, 18.2, 77]
    assert "GFAP_Q" not in clinical.table
    assert findings == []


@pytest.mark.parametrize(
    ("text", "alleles"),
    [
        ("3/4", 1),
        ("34", 1),
        ("44", 2),
        ("4/4", 2),
        ("33", 0),
        ("2/3", 0),
        ("e3/e4", 1),
        ("\u03b54/\u03b54", 2),
        ("3-4", 1),
        ("E2E3", 0),
    ],
)
def test_genotypes_in_every_way_of_writing_them(tmp_path: Path, text: str, alleles: int) -> None:
    clinical, _ = _read(tmp_path, APOERES=f"RID,GENOTYPE\n5,{text}\n")
    assert clinical.table["APOE4"].dropna().unique().tolist() == [alleles]


def test_age_sex_and_education_are_those_of_the_baseline_visit(tmp_path: Path) -> None:
    clinical, findings = _read(tmp_path, ADNIMERGE=MERGED)
    assert list(clinical.table.columns) == ["AGE", "PTGENDER", "PTEDUCAT", "APOE4"]
    expected = [70 + 9 / 365.25, 70 + 375 / 365.25, 81.5, nan]
    np.testing.assert_allclose(clinical.table["AGE"], np.round(expected, 2))
    assert clinical.table["PTGENDER"].fillna("").tolist() == ["Male", "Male", "Female", ""]
    np.testing.assert_array_equal(clinical.table["PTEDUCAT"], [16, 16, nan, 12])
    assert [c.kind for c in clinical.columns] == ["number", "category", "number", "number"]
    assert findings == []
    assert clinical.seen == frozenset()


def test_people_without_a_baseline_row_have_no_age(tmp_path: Path) -> None:
    clinical, findings = _read(
        tmp_path, ADNIMERGE="RID,VISCODE,EXAMDATE,AGE,PTGENDER,PTEDUCAT,APOE4\n" + ("5,m12,2009-01-01,70.0,Male,16,1\n")
    )
    assert _values(clinical, "APOE4")[:2] == [1, 1]
    assert list(clinical.table.columns) == ["APOE4"]
    assert [(f.code, f.items) for f in findings] == [("column-without-values", ("AGE", "PTGENDER", "PTEDUCAT"))]


def test_cells_of_adnimerge_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    text = MERGED.replace("81.5", "old").replace(",12,2,", ",college,two,")
    clinical, findings = _read(tmp_path, ADNIMERGE=text)
    np.testing.assert_array_equal(clinical.table["PTEDUCAT"], [16, 16, nan, nan])
    (finding,) = findings
    assert finding.code == "odd-text"
    assert finding.items == (
        "ADNIMERGE.csv, column 'AGE', line 4: 'old'",
        "ADNIMERGE.csv, column 'PTEDUCAT', line 5: 'college'",
        "ADNIMERGE.csv, column 'APOE4', line 5: 'two'",
    )


def test_alleles_from_two_columns_then_from_one_then_from_adnimerge(tmp_path: Path) -> None:
    both = "RID,VISCODE,APGEN1,APGEN2,GENOTYPE\n5,sc,3,4,3/3\n6,sc,-4,-4,\n7,sc,4,4,\n7,bl,4,9,\n"
    clinical, findings = _read(tmp_path, ADNIMERGE=MERGED, APOERES=both)
    np.testing.assert_array_equal(clinical.table["APOE4"], [1, 1, nan, 2])
    assert clinical.columns[-1].source == "APOERES.APGEN1+APGEN2"
    assert [f.items for f in findings] == [("APOERES.csv, column 'APGEN1+APGEN2', line 5: '4/9'",)]

    clinical, findings = _read(tmp_path, APOERES="RID,GENOTYPE\n5,2/4\n6,3/3\n7,4/4\n")
    np.testing.assert_array_equal(clinical.table["APOE4"], [1, 1, 0, 2])
    assert clinical.columns[-1].source == "APOERES.GENOTYPE"

    (tmp_path / "APOERES.csv").unlink()
    clinical, findings = _read(tmp_path)
    np.testing.assert_array_equal(clinical.table["APOE4"], [1, 1, 0, 2])
    assert clinical.columns[-1].source == "ADNIMERGE.APOE4"
    assert findings == []


def test_of_the_csf_table_only_medians_count_and_censoring_is_kept(tmp_path: Path) -> None:
    clinical, findings = _read(tmp_path, UPENNBIOMK_MASTER_12Feb2024=CSF)
    assert list(clinical.table.columns) == [
        f"{name}{flag}" for name in ("ABETA", "TAU", "PTAU") for flag in ("", " censored")
    ]
    # The table has no dates: a scan a year later has no median of its visit, so it has no value.
    np.testing.assert_array_equal(clinical.table["ABETA"], [110, nan, 80, nan])
    np.testing.assert_array_equal(clinical.table["ABETA censored"], [0, nan, -1, nan])
    np.testing.assert_array_equal(clinical.table["TAU"], [70, nan, 300, nan])
    np.testing.assert_array_equal(clinical.table["TAU censored"], [0, nan, 1, nan])
    assert set(clinical.table["PTAU censored"].dropna()) == {0}  # nobody's, and there all the same
    np.testing.assert_array_equal(clinical.table["PTAU"], [20, nan, nan, nan])
    assert clinical.columns[0].unit == "pg/mL (xMAP)"
    assert clinical.columns[0].source == "UPENNBIOMK_MASTER.ABETA"
    assert clinical.seen == {5, 6, 8}
    assert findings == []


def test_a_csf_table_without_batches_is_read_whole(tmp_path: Path) -> None:
    clinical, _ = _read(tmp_path, UPENNBIOMK_MASTER="RID,VISCODE,ABETA,TAU,PTAU\n5,bl,110,70,20\n")
    np.testing.assert_array_equal(clinical.table["ABETA"], [110, nan, nan, nan])


def test_the_other_assay_is_never_mixed_in(tmp_path: Path) -> None:
    elecsys = "RID,VISCODE2,ABETA,TAU,PTAU\n5,m12,900,250,20\n7,bl,1200,200,18\n"
    clinical, findings = _read(tmp_path, UPENNBIOMK_MASTER=CSF, UPENNBIOMK9_04_19_17=elecsys)
    np.testing.assert_array_equal(clinical.table["ABETA"], [110, nan, 80, nan])
    assert [(f.code, f.items) for f in findings] == [("other-scale", ("UPENNBIOMK9_04_19_17.csv",))]
    assert "UPENNBIOMK_MASTER is read" in findings[0].message

    (tmp_path / "UPENNBIOMK_MASTER.csv").unlink()
    clinical, findings = _read(tmp_path, ADNIMERGE=MERGED)
    np.testing.assert_array_equal(clinical.table["ABETA"], [nan, 900, nan, 1200])
    (abeta,) = (column for column in clinical.columns if column.name == "ABETA")
    assert (abeta.unit, abeta.source) == ("pg/mL (Elecsys)", "UPENNBIOMK9.ABETA")
    assert [(f.code, f.items) for f in findings] == [("other-scale", ("UPENNBIOMK9_04_19_17.csv",))]
    assert "on its own scale" in findings[0].message


def test_the_row_of_the_visit_else_the_nearest_in_time(tmp_path: Path) -> None:
    nfl = (
        "RID,VISCODE,EXAMDATE,PLASMA_NFL\n"
        "5,bl,2009-01-09,30\n"  # of the first visit, whatever its date
        "5,m06,2008-07-20,31\n"  # 174 days before the second scan
        "6,m06,2008-08-29,41\n"  # 181 days after
        "7,m03,2008-06-01,<LLOQ\n"
        "7,m12,2008-05-01,52\n"
    )
    clinical, _ = _read(tmp_path, BLENNOWPLASMANFL_10_03_18=nfl)
    # 5m12: of two rows the nearer in time, which is that named bl.
    np.testing.assert_array_equal(clinical.table["PLASMA_NFL"], [30, 30, nan, 52])
    np.testing.assert_array_equal(clinical.table["PLASMA_NFL censored"], [0, 0, nan, 0])


def test_every_column_of_the_laboratory_is_read_except_what_gives_the_label_away(tmp_path: Path) -> None:
    labs = (
        "RID,SITEID,VISCODE,EXAMDATE,USERDATE,RCT20,MMSE,DX_bl,HMT40,KEYMED1,RCT1,Comment,BAT126\n"
        "5,9,sc,2008-01-02,2008-01-03,190,29,CN,14.1,0,.,fine,-1\n"
        "6,9,sc,2008-02-20,2008-02-21,high,20,AD,SCC09,1,-4,,\n"
        "7,9,sc,2008-02-20,2008-02-21,210,20,AD,13.0,1,n/a,ok,400\n"
    )
    clinical, findings = _read(tmp_path, LABDATA=labs)
    assert list(clinical.table.columns) == ["RCT20", "HMT40", "BAT126"]
    np.testing.assert_array_equal(clinical.table["RCT20"], [190, nan, nan, 210])
    np.testing.assert_array_equal(clinical.table["HMT40"], [14.1, nan, nan, 13])
    np.testing.assert_array_equal(clinical.table["BAT126"], [nan, nan, nan, 400])
    said = {(f.code, f.message): f.items for f in findings}
    assert said == {
        ("never-an-input", "a column of LABDATA left out: it is a criterion of the diagnosis"): ("MMSE",),
        ("never-an-input", "a column of LABDATA left out: it is the label, or the future"): ("DX_bl",),
        ("never-an-input", "a column of LABDATA left out: it is a treatment"): ("KEYMED1",),
        ("odd-text", "cells of LABDATA that cannot be read, taken as missing"): (
            "LABDATA.csv, column 'RCT20', line 3: 'high'",
        ),
        ("text-column", "columns of LABDATA without any number"): ("LABDATA.csv, column 'Comment', line 2: 'fine'",),
        ("column-without-values", "columns without a value for any scan, left out"): ("RCT1", "Comment"),
    }


LEAKS = "DX DXCURREN DIAGNOSIS Group MMSE CDRSB CDGLOBAL LDELTOTAL LIMMTOTAL FAQ ADAS13 TOTAL11 RAVLT_immediate MOCA "
LEAKS += "mPACCdigit EcogSPMem TRABSCOR DIGITSCOR NPISCORE KEYMED SITE IMAGEUID update_stamp M Month Years_bl COLPROT "
LEAKS += "FLDSTRENG FSVERSION BATCH KIT RUNDATE EXAMDATE_bl"


@pytest.mark.parametrize("table", ["LABDATA", "adni_plasma_qc_multiplex_11Nov2010"])
def test_no_column_that_gives_the_diagnosis_away_is_ever_an_input(tmp_path: Path, table: str) -> None:
    names = LEAKS.split()
    clinical, findings = _read(
        tmp_path,
        ADNIMERGE=MERGED,
        **{table: f"RID,Visit_Code,{','.join(names)},CRP\n5,bl,{','.join(['1'] * len(names))},0.5\n"},
    )
    assert list(clinical.table.columns) == ["AGE", "PTGENDER", "PTEDUCAT", "APOE4", "CRP"]
    # Keys of every table are left out without saying so.
    named = {item for f in findings if f.code == "never-an-input" for item in f.items}
    assert named >= set(names) - {
        "SITE",
        "update_stamp",
        "COLPROT",
        "BATCH",
        "KIT",
        "RUNDATE",
    }


def test_minus_one_is_a_value_in_the_multiplex_table_only(tmp_path: Path) -> None:
    multiplex = "RID,Visit_Code,CRP,IL6\n5,bl,-1,-4\n6,bl,-0.25,.\n"
    clinical, _ = _read(tmp_path, adni_plasma_qc_multiplex_11Nov2010=multiplex)
    np.testing.assert_array_equal(clinical.table["CRP"], [-1, nan, -0.25, nan])
    np.testing.assert_array_equal(clinical.table["IL6"], [-4, nan, nan, nan])
    assert {c.unit for c in clinical.columns} == {"log10 concentration"}


def test_names_that_clash_are_told_apart_by_their_tables(tmp_path: Path) -> None:
    clinical, _ = _read(
        tmp_path,
        ADNIMERGE=MERGED,
        LABDATA="RID,VISCODE,AGE,CRP\n5,sc,71,3\n",
        adni_plasma_qc_multiplex="RID,Visit_Code,CRP\n5,bl,0.5\n",
    )
    names = ["ADNIMERGE.AGE", "PTGENDER", "PTEDUCAT", "APOE4", "LABDATA.AGE", "LABDATA.CRP"]
    assert list(clinical.table.columns) == [*names, "adni_plasma_qc_multiplex.CRP"]
    assert [_values(clinical, name)[0] for name in names[-2:]] == [71, 3]


def test_a_measurement_table_without_its_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"BLENNOWPLASMANFL\.csv.*'PLASMA_NFL'"):
        _read(tmp_path, BLENNOWPLASMANFL="RID,VISCODE,NFL\n5,bl,30\n")


def test_without_any_table_there_are_no_columns(tmp_path: Path) -> None:
    clinical, findings = _read(tmp_path, LABDATA="RID,VISCODE,RCT1\n99,bl,1\n")
    assert clinical.columns == ()
    assert list(clinical.table.index) == list(SCANS.index)
    assert clinical.seen == {99}
    assert [f.code for f in findings] == ["column-without-values"]


def test_subjects_whose_genotype_changes_have_none(tmp_path: Path) -> None:
    clinical, findings = _read(tmp_path, APOERES="RID,GENOTYPE\n5,3/4\n5,3/3\n6,4/4\n6,4/4\n7,2/3\n")
    np.testing.assert_array_equal(clinical.table["APOE4"], [nan, nan, 2, 0])
    assert [(f.code, f.items) for f in findings] == [("genotype-differs", ("5",))]


def test_of_several_rows_of_a_visit_the_first_counts_and_the_others_are_listed(tmp_path: Path) -> None:
    nfl = "RID,VISCODE,PLASMA_NFL\n5,bl,30\n6,bl,40\n5,bl,99\n8,bl,1\n8,bl,2\n"  # nobody has a scan of 8
    clinical, findings = _read(tmp_path, BLENNOWPLASMANFL=nfl)
    np.testing.assert_array_equal(clinical.table["PLASMA_NFL"], [30, nan, 40, nan])
    assert [(f.code, f.items) for f in findings] == [("repeated-row", ("BLENNOWPLASMANFL.csv, line 4",))]


def test_the_baseline_visit_says_more_than_screening(tmp_path: Path) -> None:
    nfl = "RID,VISCODE,PLASMA_NFL\n5,sc,10\n5,bl,30\n6,sc,40\n"
    clinical, findings = _read(tmp_path, BLENNOWPLASMANFL=nfl)
    np.testing.assert_array_equal(clinical.table["PLASMA_NFL"], [30, nan, 40, nan])
    assert findings == []


def test_a_sex_that_is_none_is_named(tmp_path: Path) -> None:
    clinical, findings = _read(tmp_path, ADNIMERGE=MERGED.replace("2008-03-01,81.5,Female", "2008-03-01,81.5,F"))
    assert clinical.table["PTGENDER"].fillna("").tolist() == ["Male", "Male", "", ""]
    assert [(f.code, f.items) for f in findings] == [("odd-text", ("ADNIMERGE.csv, column 'PTGENDER', line 4: 'F'",))]
