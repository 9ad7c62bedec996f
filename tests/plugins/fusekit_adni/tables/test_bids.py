from pathlib import Path

import pytest

from fusekit.data import Finding
from fusekit_adni.download.images import Download
from fusekit_adni.task import AdniAdTask
from tests.plugins.fusekit_adni.trees import Lines, Trees, expected, found, rows

SUBS = ("sub-ADNI002S0001", "sub-ADNI002S0002")


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    """Two subjects with an image at baseline and after a year; CN and AD."""
    trees = Trees(tmp_path)
    for sub in SUBS:
        for ses in ("M000", "M012"):
            trees.nifti(tmp_path / f"{sub}/ses-{ses}/anat/{sub}_ses-{ses}_T1w.nii.gz")
    return trees


def _sessions(trees: Trees, columns: str, *cells: tuple[str, ...]) -> None:
    """One row of cells a subject, the same at both sessions."""
    for sub, row in zip(SUBS, cells, strict=True):
        lines = [("ses-M000", *row), ("ses-M012", *row)]
        trees.table(f"{sub}/{sub}_sessions.tsv", f"session_id {columns}", lines)


def test_without_ages_of_sessions_that_of_the_baseline_goes_on_by_the_months_of_the_visit(trees: Trees) -> None:
    people = [(SUBS[0], "F", "70.5"), (SUBS[1], "female", "81")]
    trees.table("participants.tsv", "participant_id sex age_bl", people)
    _sessions(trees, "diagnosis adni_tau", ("CN", "80"), ("AD", "n/a"))
    cohort = AdniAdTask().scan(trees.root, Lines())
    assert rows(cohort, "age", "sex") == expected(
        """
        002_S_0001 bl  sub-ADNI002S0001_ses-M000_T1w '' CN '' 70.5 Female
        002_S_0001 m12 sub-ADNI002S0001_ses-M012_T1w '' CN '' 71.5 Female
        002_S_0002 bl  sub-ADNI002S0002_ses-M000_T1w '' AD '' 81   Female
        002_S_0002 m12 sub-ADNI002S0002_ses-M012_T1w '' AD '' 82   Female
        """
    )
    assert cohort.scans["sex"].tolist() == ["Female"] * 4
    assert cohort.scans["age"].tolist() == [70.5, 71.5, 81, 82]


def test_what_is_read_of_sessions_and_what_is_not(trees: Trees) -> None:
    columns = "diagnosis adni_nfl adni_abeta adni_mmse adni_cdr_sb adni_hippocampus_vol adni_icv adni_fdg moca age"
    _sessions(trees, columns, ("CN", "31", "<200", *"123456", "70"), ("AD", ">99", "300", *"123456", "71"))
    cohort = AdniAdTask().scan(trees.root, Lines())
    names = ["age", "adni_nfl", "adni_nfl censored", "adni_abeta", "adni_abeta censored"]
    assert list(cohort.clinical) == names
    assert [column.unit for column in cohort.columns[:4:3]] == ["years", "pg/mL"]
    assert {column.source for column in cohort.columns[1:3]} == {"sessions.tsv.adni_nfl"}
    assert cohort.clinical.iloc[[0, 2]].to_numpy().tolist() == [[70, 31, 0, 200, -1], [71, 99, 1, 300, 0]]
    notes = found(cohort.findings)
    assert notes["never-an-input"] == ["adni_mmse", "adni_cdr_sb"]
    assert notes["not-a-biospecimen"] == ["adni_hippocampus_vol", "adni_icv", "adni_fdg"]
    assert notes["bids-columns"] == ["sessions.tsv"]


def test_a_scan_whose_session_has_no_row_gets_the_nearest_exam_within_half_a_year(trees: Trees) -> None:
    columns = "session_id examination_date diagnosis adni_tau"
    for sub, diagnosis, day in ((SUBS[0], "CN", "2007-01-10"), (SUBS[1], "AD", "2008-01-10")):
        lines = [("ses-M000", "2006-03-01", diagnosis, "80"), ("ses-M010", day, diagnosis, "90")]
        trees.table(f"{sub}/{sub}_sessions.tsv", columns, lines)
    merged = [(rid, "m12", "2007-03-01", ("CN", "Dementia")[rid - 1]) for rid in (1, 2)]
    merged += [(rid, "bl", "2006-03-01", ("CN", "Dementia")[rid - 1]) for rid in (1, 2)]
    trees.table("ADNIMERGE.csv", "RID VISCODE EXAMDATE DX", merged)
    cohort = AdniAdTask().scan(trees.root, Lines())
    assert cohort.scans["acquired"].tolist() == ["2006-03-01", "2007-03-01"] * 2
    assert cohort.clinical["adni_tau"].fillna(-1).tolist() == [80, 90, 80, -1]


def test_the_diagnosis_of_screening_counts_for_the_baseline_alone(trees: Trees) -> None:
    trees.table("participants.tsv", "participant_id diagnosis_sc apoe4", [(SUBS[0], "SMC", "1"), (SUBS[1], "AD", "2")])
    cohort = AdniAdTask().scan(trees.root, Lines())
    assert cohort.scans.index.tolist() == ["002_S_0001_bl", "002_S_0002_bl"]
    assert cohort.scans["label"].tolist() == [0, 1]
    (finding,) = [f for f in cohort.findings if f.code == "screening-diagnosis"]
    assert isinstance(finding, Finding)
    assert finding.items == ("002_S_0001", "002_S_0002")
    assert found(cohort.findings)["no-diagnosis"] == ["002_S_0001_m12", "002_S_0002_m12"]


def test_no_tables_of_a_tree_are_none() -> None:
    from fusekit_adni.tables.bids import read_bids_tables

    assert read_bids_tables(Download("bids"), []).tables == []


def test_words_that_are_not_understood_are_named_and_changes_end_where_they_led(trees: Trees) -> None:
    trees.table("participants.tsv", "participant_id sex", [(SUBS[0], "2"), (SUBS[1], "F")])
    _sessions(trees, "diagnosis adni_tau", ("probable", "80"), ("MCI-to-AD", "90"))
    path = trees.root / SUBS[1] / f"{SUBS[1]}_sessions.tsv"
    path.write_text(path.read_text(encoding="utf-8").replace("MCI-to-AD", "MCI to Dementia"), encoding="utf-8")
    cohort = AdniAdTask().scan(trees.root, Lines())
    assert cohort.scans[["subject", "label"]].to_numpy().tolist() == [["002_S_0002", 1]] * 2
    notes = found(cohort.findings)
    assert notes["unread-diagnosis"] == ["*_sessions.tsv, column diagnosis: 'probable' (2)"]
    assert notes["odd-text"] == ["participants.tsv, line 2, column 'sex': '2'"]
