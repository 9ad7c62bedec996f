from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, cast

import pandas as pd
import pytest

from fusekit.data import Cohort, Ordered
from fusekit.errors import DataError, OptionError
from fusekit.progress import Quiet
from fusekit_adni.tables.columns import read_clinical
from fusekit_adni.tables.named import read_column_rules
from fusekit_adni.task import AdniAdTask
from tests.plugins.fusekit_adni.trees import Lines

SCALED = "MPR__GradWarp__B1_Correction__N3__Scaled"
SUBJECTS = {1001: "CN", 1002: "AD", 1003: "MCI", 1004: "CN"}
CODES = {"CN": 1, "MCI": 2, "AD": 3}
LIST = '"Image Data ID","Subject","Group","Visit"\n'


def _image(root: Path, rid: int, day: str, number: int, description: str = SCALED) -> Path:
    leaf = root / "ADNI" / f"002_S_{rid}" / description / f"{day}_14_39_56.0" / f"I{number}"
    leaf.mkdir(parents=True)
    path = leaf / f"ADNI_002_S_{rid}_MR_{description}_Br_20081015122825655_S{number // 2}_I{number}.nii"
    path.touch()
    return path


def _write(root: Path, name: str, lines: list[str]) -> Path:
    (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root / name


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Four subjects with a scan at baseline; the first also has one after a year."""
    for rid in SUBJECTS:
        _image(tmp_path, rid, "2008-01-10", 10 * (rid - 1000))
    _image(tmp_path, 1001, "2009-01-08", 15)
    _write(
        tmp_path,
        "ADNIMERGE_12Feb2024.csv",
        ["RID,PTID,VISCODE,EXAMDATE,SITE,AGE,PTGENDER,PTEDUCAT,APOE4,FLDSTRENG,COLPROT,DX"]
        + [f"{rid},002_S_{rid},bl,2008-01-01,2,70,Male,16,0,1.5 Tesla MRI,ADNI1," for rid in SUBJECTS],
    )
    _write(
        tmp_path,
        "DXSUM_PDXCONV_ADNIALL_12Feb2024.csv",
        ["RID,VISCODE,EXAMDATE,DXCURREN"]
        + [f"{rid},bl,2008-01-01,{CODES[diagnosis]}" for rid, diagnosis in SUBJECTS.items()]
        + ["1001,m12,2009-01-01,1"],
    )
    _write(tmp_path, "BLENNOWPLASMANFL.csv", ["RID,VISCODE,PLASMA_NFL", *(f"{rid},bl,{rid - 970}" for rid in SUBJECTS)])
    return tmp_path


@pytest.mark.parametrize(
    "name", ["DXSUM.csv", "All_Subjects_DXSUM_12Feb2026.csv", "DXSUM_PDXCONV_23Apr2024.csv", "DXSUM (1).csv"]
)
def test_under_any_of_its_names_the_table_of_diagnoses_counts_and_not_another(tree: Path, name: str) -> None:
    (tree / "DXSUM_PDXCONV_ADNIALL_12Feb2024.csv").rename(tree / name)
    path = tree / "ADNIMERGE_12Feb2024.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",ADNI1,", ",ADNI1,Dementia"), encoding="utf-8")  # stale
    cohort = _scan(tree)
    assert cohort.scans.groupby("subject")["label"].first().to_dict() == {
        "002_S_1001": 0, "002_S_1002": 1, "002_S_1004": 0
    }  # fmt: skip
    assert "unread-table" not in [finding.code for finding in cohort.findings]
    (tree / name).rename(tree / "diagnoses.csv")
    (finding,) = [one for one in AdniAdTask().scan(tree, Quiet()).findings if one.code == "unread-table"]
    assert finding.items == (f"{tree / 'diagnoses.csv'}: DXSUM?",)


def test_withdrawn_subjects_are_left_out_and_counted_unless_allowed_by_name(tree: Path) -> None:
    before = _scan(tree)
    leaf = tree / "ADNI" / "381_S_10001" / SCALED / "2008-01-10_14_39_56.0" / "I99"
    leaf.mkdir(parents=True)
    path = leaf / f"ADNI_381_S_10001_MR_{SCALED}_Br_20081015122825655_S49_I99.nii"
    path.touch()
    for name, row in (("DXSUM_PDXCONV_ADNIALL_12Feb2024.csv", "10001,bl,2008-01-01,3"),):
        with (tree / name).open("a", encoding="utf-8") as file:
            file.write(row + "\n")
    after = _scan(tree)
    pd.testing.assert_frame_equal(after.scans, before.scans)
    (finding,) = [finding for finding in after.findings if finding.code == "withdrawn-subjects"]
    assert (finding.severity, finding.items, finding.along) == ("warning", (str(path),), 1)
    assert "serious data quality concerns" in finding.message
    task = AdniAdTask()
    task.allowed = frozenset({"withdrawn-subjects"})
    taken = task.scan(tree, Quiet())
    assert taken.scans["subject"].tolist()[-1] == "381_S_10001"
    (finding,) = [finding for finding in taken.findings if finding.code == "withdrawn-subjects"]
    assert (finding.severity, finding.items, finding.along) == ("refusal", (str(path),), None)


def test_three_groups_on_request(tree: Path) -> None:
    task = AdniAdTask(classes=("cn", "MCI", "ad"))
    cohort = task.scan(tree, Quiet())
    cohort.check()
    assert cohort.classes == task.classes == ("CN", "MCI", "AD")
    named = cohort.scans.groupby("subject")["label"].first().map(dict(enumerate(cohort.classes))).to_dict()
    assert named == {f"002_S_{rid}": diagnosis for rid, diagnosis in SUBJECTS.items()}
    assert "balanced-accuracy" in task.metrics
    assert task.title.startswith("Normal cognition or mild cognitive impairment or Alzheimer's disease")
    for wrong, message in (
        (("cn",), "two or three"),
        (("cn", "CN"), "two or three"),
        (("cn", "emci"), "no class 'EMCI'"),
    ):
        with pytest.raises(OptionError, match=message):
            AdniAdTask(classes=wrong)
    assert AdniAdTask().title == AdniAdTask.title


def test_three_groups_as_stages_on_request(tree: Path) -> None:
    task = AdniAdTask(classes=("cn", "mci", "ad"), ordered=True)
    cohort = task.scan(tree, Quiet())
    cohort.check()
    assert task.target == cohort.target == Ordered(("CN", "MCI", "AD"))
    assert task.title.startswith("Normal cognition, mild cognitive impairment, Alzheimer's disease, as stages, from")
    assert {"quadratic-kappa", "rank-error", "cuts-auc"} <= set(task.metrics)
    pd.testing.assert_frame_equal(cohort.scans, AdniAdTask(classes=("cn", "mci", "ad")).scan(tree, Quiet()).scans)
    with pytest.raises(OptionError, match=r"task\.ordered is for three classes"):
        AdniAdTask(ordered=True)


def _scan(folder: Path, visits: Literal["all", "baseline"] = "all") -> Cohort:
    cohort = AdniAdTask(visits=visits).scan(folder, Quiet())
    cohort.check()
    return cohort


def _found(cohort: Cohort) -> dict[str, tuple[str, ...]]:
    return {finding.code: finding.items for finding in cohort.findings}


def _labels(cohort: Cohort) -> dict[str, int]:
    return {str(scan): int(label) for scan, label in cohort.scans["label"].items()}


BOTH = {"002_S_1001_bl_I10": 0, "002_S_1001_m12_I15": 0, "002_S_1002_bl_I20": 1, "002_S_1004_bl_I40": 0}


def test_scans_get_the_diagnosis_of_their_visit_and_mci_is_dropped_and_counted(tree: Path) -> None:
    cohort = _scan(tree)
    assert _labels(cohort) == BOTH
    assert cohort.classes == ("CN", "AD")
    assert cohort.scans["subject"].tolist() == ["002_S_1001", "002_S_1001", "002_S_1002", "002_S_1004"]
    assert all(path.is_file() for path in cohort.scans["image"])
    assert list(cohort.clinical.columns) == [
        *("AGE", "PTGENDER", "PTEDUCAT", "APOE4"),
        *("PLASMA_NFL", "PLASMA_NFL censored"),
    ]
    assert cohort.clinical["PLASMA_NFL"].fillna(0).tolist() == [31, 0, 32, 34]
    described = ("site", "sex", "phase", "field_strength", "age")
    assert cohort.groups == ("visit", "image_id", "acquired", "diagnosis_date", *described)
    assert cohort.scans["image_id"].tolist() == ["I10", "I15", "I20", "I40"]
    assert cohort.scans["acquired"].tolist() == ["2008-01-10", "2009-01-08", "2008-01-10", "2008-01-10"]
    assert cohort.scans["diagnosis_date"].tolist() == ["2008-01-01", "2009-01-01", "2008-01-01", "2008-01-01"]
    assert cohort.scans.iloc[1][["visit", "site", "sex", "phase"]].tolist() == ["m12", "2", "Male", "ADNI1"]
    assert _found(cohort) == {"other-diagnosis": ("002_S_1003_bl_I30",)}


def test_only_the_baseline_on_request(tree: Path) -> None:
    cohort = _scan(tree, visits="baseline")
    assert _labels(cohort) == {scan: label for scan, label in BOTH.items() if "_bl_" in scan}
    assert _found(cohort)["later-visit"] == ("002_S_1001_m12_I15",)


def test_a_subject_with_both_diagnoses_is_named_with_the_way_out(tree: Path) -> None:
    path = tree / "DXSUM_PDXCONV_ADNIALL_12Feb2024.csv"
    path.write_text(path.read_text().replace("1001,m12,2009-01-01,1", "1001,m12,2009-01-01,3"))
    with pytest.raises(DataError, match=r"CN at one visit and AD at another \(1\): 002_S_1001\..*-o task\.visits=base"):
        _scan(tree)
    assert _labels(_scan(tree, visits="baseline"))["002_S_1001_bl_I10"] == 0


def test_one_scan_of_each_subject_and_visit_the_preferred_one(tree: Path) -> None:
    _image(tree, 1001, "2008-01-12", 3, "MPR____N3__Scaled")
    _image(tree, 1001, "2008-01-12", 4, "MP-RAGE")
    repeat = _image(tree, 1002, "2008-01-10", 5, "MPR-R__GradWarp__B1_Correction__N3__Scaled")
    _image(tree, 1004, "2008-01-10", 6, "MPR_Mask")
    (tree / "ADNI/002_S_1004/MP-RAGE/2008-01-10_14_39_56.0/S7").mkdir(parents=True)
    cohort = _scan(tree)
    assert _labels(cohort) == BOTH
    found = _found(cohort)
    assert {Path(item).parent.name for item in found["duplicate-scan"]} == {"I3", "I4", "I5"}
    assert str(repeat) in found["duplicate-scan"]
    assert [Path(item).name for item in found["mask"]] == ["I6"]
    assert [Path(item).name for item in found["empty-leaf"]] == ["S7"]


def test_the_collection_list_says_the_visit_and_numbers_in_it_fall_back_to_dates(tree: Path) -> None:
    _write(tree, "ADNI1_Complete_1Yr_1.5T_2_12_2024.csv", [LIST + '"I15","002_S_1001","CN","m06"\n"20","x","AD","2"'])
    # By its date, image 15 is of m12; by the list of m06, which has no diagnosis. Image 20 is placed by its date.
    cohort = _scan(tree)
    assert _labels(cohort) == {scan: label for scan, label in BOTH.items() if "I15" not in scan}
    assert _found(cohort)["no-diagnosis"] == ("002_S_1001_m06_I15",)


def test_lists_that_contradict_each_other_leave_the_visit_to_the_exams(tree: Path) -> None:
    rows = [f'"{k}","x","CN","{visit}"' for k, visit in [(10, "bl"), (15, "m12"), (20, "bl"), (30, "bl"), (40, "bl")]]
    _write(tree, "list.csv", [LIST + "\n".join(rows)])
    alone = _scan(tree)
    _write(tree, "Key_MRI.csv", ["image_id,subject_id,mri_visit", "10,x,m24", "15,x,m12", "20,x,sc"])
    both = _scan(tree)
    assert {finding.code: finding.items for finding in both.findings}["lists-differ"] == ("I10: 'm24' and 'bl'",)
    assert "lists-differ" not in {finding.code for finding in alone.findings}
    assert _labels(both) == BOTH


def test_numeric_visits_of_a_list_are_no_months(tree: Path) -> None:
    rows = [f'"{k}","x","CN","{visit}"' for k, visit in [(10, 1), (15, 6), (20, 1), (30, 1), (40, 1)]]
    _write(tree, "list.csv", [LIST + "\n".join(rows)])
    assert _labels(_scan(tree)) == BOTH


def test_scans_far_from_any_exam_are_reported_or_left_out(tree: Path) -> None:
    _image(tree, 1002, "2008-06-20", 21)  # 171 days after: of the baseline visit, which has a scan
    _image(tree, 1004, "2008-06-30", 41)  # 181 days after
    _image(tree, 1999, "2008-01-01", 99)  # nobody known
    found = _found(_scan(tree))
    assert [item[-8:] for item in found["far-visit"]] == ["171 days"]
    assert sorted(Path(item).parent.name for item in found["no-visit"]) == ["I41", "I99"]


def test_tables_without_scans_and_scans_without_tables(tree: Path) -> None:
    path = tree / "BLENNOWPLASMANFL.csv"
    path.write_text(path.read_text().replace("1004,bl,34\n", "1777,bl,34\n"))
    found = _found(_scan(tree))
    assert found["scan-without-biospecimen"] == ("002_S_1004",)
    assert found["row-without-scan"] == ("1777",)


def test_a_table_that_steps_in_for_another_is_said(tree: Path) -> None:
    lines = Lines()
    AdniAdTask().scan(tree, lines)
    assert lines.said[2] == "tables that step in for others: APOE4 from ADNIMERGE (no APOERES)"
    (tree / "DXSUM_PDXCONV_ADNIALL_12Feb2024.csv").unlink()
    path = tree / "ADNIMERGE_12Feb2024.csv"
    text = path.read_text(encoding="utf-8").replace(",ADNI1,", ",ADNI1,Dementia").replace("1001,bl", "1001,m12")
    path.write_text(text.replace("ADNI1,Dementia", "ADNI1,CN", 1), encoding="utf-8")
    _write(tree, "PTDEMOG.csv", ["RID,VISCODE,PTGENDER,PTDOBYY", "1001,sc,2,1940"])
    lines = Lines()
    cohort = AdniAdTask().scan(tree, lines)
    assert lines.said[2] == (
        "tables that step in for others: the diagnosis from ADNIMERGE (no DXSUM); AGE from ADNIMERGE.AGE and "
        "PTDEMOG.PTDOBYY; PTGENDER from ADNIMERGE.PTGENDER and PTDEMOG.PTGENDER; APOE4 from ADNIMERGE (no APOERES)"
    )
    assert cohort.clinical["PTGENDER"].tolist()[0] == "Female"


def test_adnimerge_alone_is_enough(tree: Path) -> None:
    (tree / "DXSUM_PDXCONV_ADNIALL_12Feb2024.csv").unlink()
    path = tree / "ADNIMERGE_12Feb2024.csv"
    lines = path.read_text().splitlines()
    speak = {"CN": "CN", "MCI": "MCI", "AD": "Dementia"}
    rows = [line + speak[diagnosis] for line, diagnosis in zip(lines[1:], SUBJECTS.values(), strict=True)]
    _write(tree, path.name, [lines[0], *rows])
    cohort = _scan(tree)
    assert _labels(cohort) == {scan: label for scan, label in BOTH.items() if "_bl_" in scan}
    assert _found(cohort)["no-visit"][0].endswith("_I15.nii")


def test_dxsum_alone_is_enough_under_either_name(tree: Path) -> None:
    (tree / "ADNIMERGE_12Feb2024.csv").unlink()
    cohort = _scan(tree)
    assert _labels(cohort) == BOTH
    assert cohort.groups == ("visit", "image_id", "acquired", "diagnosis_date", "site")
    assert set(cohort.scans["site"]) == {"002"}  # no table says it: the subjects' own digits
    path = tree / "DXSUM_PDXCONV_ADNIALL_12Feb2024.csv"
    other = tree / "DXSUM_03Mar2025.csv"
    other.write_text("RID,VISCODE,EXAMDATE,DXCURREN\n1001,bl,2008-01-01,3\n1004,bl,2008-01-01,1\n")
    cohort = _scan(tree)
    assert _labels(cohort) == {"002_S_1001_bl_I10": 1, "002_S_1004_bl_I40": 0}  # the newer export, whatever its name
    assert _found(cohort)["older-table"] == (str(path),)
    path.rename(other)
    assert _labels(_scan(tree)) == BOTH


def test_a_visit_entered_twice_alike_passes_and_a_contradiction_is_refused(tree: Path) -> None:
    path = tree / "DXSUM_PDXCONV_ADNIALL_12Feb2024.csv"
    text = path.read_text()
    path.write_text(text + "1002,bl,2008-01-01,3\n")
    assert _labels(_scan(tree)) == BOTH
    path.write_text(text + "1002,bl,2008-01-01,1\n")
    with pytest.raises(DataError, match=r"DXSUM_PDX.*subject 1002 .*visit bl \(line 3: AD, line 7: CN\)"):
        _scan(tree)


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace(",", ";").encode(),
        lambda text: text.replace("1.5 Tesla MRI", "1.5 Tesla \xe9t\xe9").encode("latin-1"),
        lambda text: text.replace("\n", "\r\n").encode("utf-16"),
        lambda text: "".join(
            f'"{line.replace(",", chr(34) + "," + chr(34))}"\n' for line in text.splitlines()
        ).encode(),
    ],
    ids=["byte-order mark", "semicolons", "Latin-1", "UTF-16", "quoted"],
)
def test_tables_as_other_programs_write_them(tree: Path, rewrite: Callable[[str], bytes]) -> None:
    expected = _scan(tree)
    for path in tree.glob("*.csv"):
        path.write_bytes(rewrite(path.read_text()))
    cohort = _scan(tree)
    assert _labels(cohort) == BOTH
    pd.testing.assert_frame_equal(cohort.clinical, expected.clinical)


def test_what_is_missing_is_said(tree: Path) -> None:
    everything = {path: path.read_text() for path in tree.glob("*.csv")}
    for path in everything:
        path.unlink()
    with pytest.raises(DataError, match=r"holds images but no tables \(\.csv\)"):
        _scan(tree)
    nfl = tree / "BLENNOWPLASMANFL.csv"
    nfl.write_text(everything[nfl])
    with pytest.raises(DataError, match="neither DXSUM_PDXCONV_ADNIALL, DXSUM nor ADNIMERGE"):
        _scan(tree)
    nfl.unlink()
    dxsum = tree / "DXSUM_PDXCONV_ADNIALL_12Feb2024.csv"
    dxsum.write_text(everything[dxsum])
    with pytest.raises(DataError, match="holds none of the tables that clinical columns are read from"):
        _scan(tree)
    dxsum.write_text(everything[dxsum].replace("RID,", "SUBJECT,"))
    with pytest.raises(DataError, match=r"DXSUM_PDXCONV_ADNIALL_12Feb2024\.csv.*missing: 'RID'"):
        _scan(tree)
    merged = tree / "ADNIMERGE_12Feb2024.csv"
    merged.write_text(everything[merged].replace("EXAMDATE", "DAY"))
    with pytest.raises(DataError, match=r"ADNIMERGE_12Feb2024\.csv.*missing: 'EXAMDATE'"):
        _scan(tree)


def test_a_download_of_other_diagnoses_only_is_refused(tree: Path) -> None:
    path = tree / "DXSUM_PDXCONV_ADNIALL_12Feb2024.csv"
    path.write_text("RID,VISCODE,EXAMDATE,DXCURREN\n" + "".join(f"{rid},bl,2008-01-01,2\n" for rid in SUBJECTS))
    with pytest.raises(DataError, match="no scan has a visit with a diagnosis of CN or AD"):
        _scan(tree)


def test_scanning_changes_nothing_in_the_folder(tree: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tree.rglob("*")}
    _scan(tree)
    assert {path: path.stat().st_mtime_ns for path in tree.rglob("*")} == before


def test_a_recipe_sees_no_other_images(tree: Path) -> None:
    _image(tree, 1004, "2008-01-10", 6, "MPR_Mask")
    _image(tree, 1004, "2008-01-12", 47, "MP-RAGE")
    _write(tree, "list.csv", [LIST + '"I77","x","CN","bl"'])
    task = AdniAdTask()
    task.wanted = frozenset({"I10", "I20", "I47", "I999"})
    cohort = task.scan(tree, Quiet())
    assert cohort.scans["image_id"].tolist() == ["I10", "I20", "I47"]  # 47 in the place of the preferred 40
    assert cohort.findings == ()
    task.wanted = frozenset({"I999", "sub-ADNI002S0001_ses-M000_T1w"})
    with pytest.raises(DataError, match=r"none of the 2 images that are asked for is among the 6 found, such as I10"):
        task.scan(tree, Quiet())


def test_columns_that_betray_the_diagnosis_are_known_to_the_audit() -> None:
    task = AdniAdTask()
    reasons = [task.reason_to_leave_out(name) for name in ("MMSE", "CDRSB censored", "DX_bl", "TAU", "TAU censored")]
    assert reasons == [
        "a criterion of the diagnosis",
        "a criterion of the diagnosis",
        "the label, or the future",
        None,
        None,
    ]


def test_rules_of_ones_own_are_handed_on(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[object] = []

    def keep(*arguments: object) -> object:
        handed.append(arguments[4])
        return cast("Any", read_clinical)(*arguments)

    monkeypatch.setattr("fusekit_adni.task.read_clinical", keep)
    rules = _write(tree, "columns.toml", ["[[column]]", 'table = "BLENNOWPLASMANFL"', 'column = "PLASMA_NFL"'])
    AdniAdTask().scan(tree, Quiet())
    AdniAdTask(clinical=rules).scan(tree, Quiet())
    assert handed == [None, read_column_rules(rules)]


def test_a_table_that_a_file_names_is_not_unread(tree: Path) -> None:
    (tree / "BLENNOWPLASMANFL.csv").rename(tree / "nfl of ours.csv")
    assert "unread-table" in [finding.code for finding in _scan(tree).findings]
    rules = _write(tree, "columns.toml", ["[[column]]", 'table = "nfl of ours"', 'column = "PLASMA_NFL"'])
    cohort = AdniAdTask(clinical=rules).scan(tree, Quiet())
    assert "unread-table" not in [finding.code for finding in cohort.findings]
    assert cohort.clinical["PLASMA_NFL"].fillna(0).tolist() == [31, 0, 32, 34]


def test_the_day_of_the_diagnosis_may_come_from_either_table(tree: Path) -> None:
    path = tree / "DXSUM_PDXCONV_ADNIALL_12Feb2024.csv"
    path.write_text(
        path.read_text().replace("1002,bl,2008-01-01", "1002,bl,").replace("1004,bl,2008-01-01", "1004,bl,-4")
    )
    merged = tree / "ADNIMERGE_12Feb2024.csv"
    merged.write_text(
        merged.read_text().replace("ADNI1,\n1003", "ADNI1,Dementia\n1003").replace("2008-01-01", "1/2/2008")
    )
    cohort = _scan(tree)
    assert cohort.scans["diagnosis_date"].tolist() == ["2008-01-01", "2009-01-01", "2008-01-02", "2008-01-02"]


def test_a_number_of_two_people_is_refused(tree: Path) -> None:
    extra = _image(tree, 1002, "2008-02-01", 99)
    (tree / "ADNI" / "002_S_1002").rename(tree / "ADNI" / "023_S_1002")
    with pytest.raises(DataError, match=r"ADNIMERGE_12Feb2024\.csv, line 3: RID 1002 is 002_S_1002, .* of 023_S_1002"):
        _scan(tree)
    extra.parent.mkdir(parents=True)
    extra.touch()
    with pytest.raises(DataError, match=r"023_S_1002 and 002_S_1002 .* are two subjects, but both have the RID 1002"):
        _scan(tree)


def test_what_lies_elsewhere_in_a_subjects_folder_is_named(tree: Path) -> None:
    before = _scan(tree).scans
    day = _image(tree, 1001, "2010-01-08", 17).parent.parent
    aside = day.rename(day.with_name("2010-01-08"))
    day = _image(tree, 1001, "2011-01-08", 18).parent.parent
    leaf = (day / "I18").rename(day / "I18 (1)")
    (day / "a_I19.nii").touch()
    cohort = _scan(tree)
    assert cohort.scans.equals(before)
    (finding,) = [one for one in cohort.findings if one.code == "unknown-folder"]
    assert set(finding.items) == {str(aside), str(leaf), str(day / "a_I19.nii")}
