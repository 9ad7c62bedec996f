from pathlib import Path

import pytest

from fusekit.data import Finding
from fusekit_adni.tables.archive import archive, find_table, note_unread

NAMES = [
    *("CDR.csv", "RMT_CDR.csv", "CDR_NOTES.csv", "CDR_12Feb2024.csv.bak"),
    *("UPENNBIOMK.csv", "UPENNBIOMK_MASTER_12Feb2024.csv", "UPENNBIOMK9_04_19_17_12Feb2024.csv"),
    *("DXSUM_01Jan2024.csv", "DXSUM_PDXCONV_ADNIALL.csv", "adni_plasma_qc_multiplex_11Nov2010.csv"),
]


def _write(folder: Path, name: str, text: str) -> list[Path]:
    (folder / name).write_text(text, encoding="utf-8")
    return sorted(folder.glob("*.csv"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CDR", "CDR.csv"),
        ("UPENNBIOMK", "UPENNBIOMK.csv"),
        ("UPENNBIOMK_MASTER", "UPENNBIOMK_MASTER_12Feb2024.csv"),
        ("UPENNBIOMK9", "UPENNBIOMK9_04_19_17_12Feb2024.csv"),
        ("DXSUM", "DXSUM_01Jan2024.csv"),
        ("dxsum_pdxconv_adniall", "DXSUM_PDXCONV_ADNIALL.csv"),
        ("adni_plasma_qc_multiplex", "adni_plasma_qc_multiplex_11Nov2010.csv"),
        ("PDXCONV", None),
        ("ADNIMERGE", None),
    ],
)
def test_a_table_is_found_by_its_whole_name_whatever_its_dates(name: str, expected: str | None) -> None:
    found, older = find_table(name, [Path("data") / other for other in NAMES])
    assert found == (None if expected is None else Path("data") / expected)
    assert older == []


@pytest.mark.parametrize(
    "file",
    [
        "DXSUM_12Feb2026.csv",
        "All_Subjects_DXSUM_12Feb2026.csv",
        "all_subjects_dxsum_12feb2026.CSV",
        "NOTEPAD_CU_DXSUM_29Aug2025.csv",
        "DXSUM (1).csv",
        "DXSUM(2).csv",
        "DXSUM_12Feb2026 (1).csv",
        "DXSUM_12Feb2026.csv.gz",
        "DXSUM_PDXCONV.csv",
        "DXSUM_PDXCONV_23Apr2024.csv",
        "My_DXSUM_PDXCONV_ADNIALL_01_02_20_12Feb2024 (3).csv.gz",
    ],
)
def test_a_table_is_found_under_every_name_that_it_has_had(file: str) -> None:
    assert find_table("DXSUM", [Path(file)], also=archive()["DXSUM"].also) == (Path(file), [])


@pytest.mark.parametrize(
    "file",
    [
        "RMT_CDR.csv",
        "All_Subjects_RMT_CDR_12Feb2026.csv",
        "My_remote_CDR.csv",
        "CDRX.csv",
        "XCDR.csv",
        "CDR_old.csv",
        "CDR.csv.bak",
    ],
)
def test_no_other_table_is_taken_for_it(file: str) -> None:
    assert find_table("CDR", [Path(file)]) == (None, [])
    if "RMT_CDR" in file:
        assert find_table("RMT_CDR", [Path(file)]) == (Path(file), [])


@pytest.mark.parametrize("prefix", ["RMT_", "All_Subjects_RMT_", "REMOTE_", "URMC_", "My_URMC_"])
def test_tables_of_the_remote_cohorts_and_of_another_laboratory_are_others(prefix: str) -> None:
    path = Path(f"{prefix}LABDATA_12Feb2026.csv")
    assert find_table("LABDATA", [path]) == (None, [])
    assert find_table(f"{prefix.removeprefix('All_Subjects_').removeprefix('My_')}LABDATA", [path]) == (path, [])


def test_of_equal_dates_the_whole_name_counts_and_then_the_last_copy() -> None:
    order = ["My_CDR.csv", "CDR.csv", "CDR (1).csv", "CDR (2).csv", "CDR_12Feb2026.csv"]
    paths = [Path(name) for name in order]
    assert find_table("CDR", paths[::-1]) == (paths[-1], paths[:-1])


def test_a_file_with_the_columns_of_a_table_and_another_name_is_reported(tmp_path: Path) -> None:
    _write(tmp_path, "diagnoses 2026.csv", "RID,PHASE,VISCODE2,DIAGNOSIS\n5,ADNI4,bl,1\n")
    _write(tmp_path, "csf.csv", "rid,abeta,tau,ptau\n5,1,2,3\n")
    _write(tmp_path, "CDR.csv", "RID,CDGLOBAL\n5,1\n")
    _write(tmp_path, "empty.csv", "")
    paths = _write(tmp_path, "All_Subjects_DXSUM_12Feb2026.csv", "RID,DIAGNOSIS\n5,1\n")
    findings: list[Finding] = []
    note_unread(paths, findings)
    (finding,) = findings
    assert (finding.code, finding.severity) == ("unread-table", "warning")
    assert finding.items == (
        f"{tmp_path / 'csf.csv'}: UPENNBIOMK_MASTER?",
        f"{tmp_path / 'diagnoses 2026.csv'}: DXSUM?",
    )


@pytest.mark.parametrize(
    ("file", "like"),
    [
        ("LABDATA_v2.csv", "LABDATA"),
        ("my LABDATA final.csv", "LABDATA"),
        ("DXSUM-2026.csv", "DXSUM"),
        ("URMC_LABDATA_v2.csv", None),
        ("LABDATA_DICT_v2.csv", None),
        ("XLABDATA.csv", None),
        ("ADSP_PHC_MERGED_DATADIC.csv.csv", None),
    ],
)
def test_a_file_with_a_part_of_its_name_is_reported(tmp_path: Path, file: str, like: str | None) -> None:
    paths, findings = _write(tmp_path, file, "RID,X\n5,1\n"), list[Finding]()
    note_unread(paths, findings)
    assert [one.items for one in findings] == ([(f"{tmp_path / file}: {like}?",)] if like else [])


def test_the_newest_export_wins_then_the_newest_revision() -> None:
    order = [
        "NFL_99_99_99_31Feb2024.csv",  # no dates at all
        "NFL_10_03_18.csv",
        "NFL_10_03_18_1Mar2023.csv",
        "NFL_01_05_17_12Feb2024.csv",
        "NFL_10_03_18_12FEB2024.csv",
    ]
    paths = [Path(name) for name in order]
    for shuffled in (paths, paths[::-1], paths[2:] + paths[:2]):
        assert find_table("NFL", shuffled) == (paths[-1], paths[:-1])


def test_a_revision_may_be_written_as_the_export_is() -> None:
    names = ["PLEX_11Nov2010.csv", "PLEX_11Nov2010_05Jan2012.csv", "PLEX_11Nov2010_12Feb2024.csv"]
    paths = [Path(name) for name in names]
    assert find_table("PLEX", paths[::-1]) == (paths[2], paths[:2])


def test_a_table_under_a_later_name_is_the_same_table() -> None:
    old, new = Path("DXSUM_PDXCONV_ADNIALL_01Jan2020.csv"), Path("DXSUM_12Feb2024.csv")
    assert find_table("DXSUM_PDXCONV_ADNIALL", [new, old], also=("DXSUM",)) == (new, [old])
    assert find_table("DXSUM_PDXCONV_ADNIALL", [new, old]) == (old, [])


def test_tables_in_other_formats_are_named(tmp_path: Path) -> None:
    findings: list[Finding] = []
    others = [tmp_path / name for name in ("All_Subjects_DXSUM_12Feb2026.xlsx", "notes.txt", "DATADIC_DXSUM.xlsx")]
    note_unread([], findings, others=others)
    assert [finding.items for finding in findings] == [(f"{others[0]}: DXSUM? Save it as .csv",)]
