from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fusekit.data import Cohort
from fusekit.errors import DataError, OptionError
from fusekit.progress import Quiet
from fusekit_adni.converter_task import MciConverterTask

SCALED = "MPR__GradWarp__B1_Correction__N3__Scaled"

#: RID -> phase at baseline, phase of enrolment, and diagnosis (1 CN, 2 MCI, 3 AD) by month.
SUBJECTS = {
    1001: ("ADNI1", "ADNI1", {0: 2, 12: 3, 36: 3}),  # progressive
    1002: ("ADNI1", "ADNI1", {0: 2, 12: 2, 36: 2}),  # stable
    1003: ("ADNI2", "ADNIGO", {0: 2, 24: 3}),  # progressive
    1004: ("ADNI2", "ADNI2", {0: 2, 24: 2, 48: 2}),  # stable
    1005: ("ADNI2", "ADNI2", {0: 2, 24: 2}),  # not followed long enough
    1006: ("ADNI2", "ADNI2", {0: 2, 12: 1, 36: 2}),  # reverted
    1007: ("ADNI2", "ADNI2", {0: 2, 36: 2, 48: 3}),  # too late
    1008: ("ADNI2", "ADNI2", {0: 1, 12: 2, 24: 3}),  # not MCI
    1009: ("ADNI2", "ADNI2", {12: 2, 24: 3}),  # nothing known at baseline
}
WORDS = {"bl": 0, "m12": 12, "m36": 36}
DAYS = {0: "2012-01-01", 12: "2013-01-04", 24: "2014-01-02", 36: "2015-01-07", 48: "2016-01-03"}


def _image(root: Path, rid: int, day: str, number: int) -> None:
    leaf = root / "ADNI" / f"002_S_{rid}" / SCALED / f"{day}_14_39_56.0" / f"I{number}"
    leaf.mkdir(parents=True)
    (leaf / f"ADNI_002_S_{rid}_MR_{SCALED}_Br_20081015122825655_S{number // 2}_I{number}.nii").touch()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Nine subjects with a scan at baseline; the first two also have one after a year."""
    for rid in SUBJECTS:
        _image(tmp_path, rid, "2012-01-10", 10 * (rid - 1000))
    _image(tmp_path, 1001, "2013-01-10", 15)
    _image(tmp_path, 1002, "2013-01-10", 25)
    merged = ["RID,COLPROT,ORIGPROT,PTID,VISCODE,EXAMDATE,AGE,PTGENDER,DX"]
    merged += [f"{r},{now},{o},002_S_{r},bl,2012-01-01,70,Male," for r, (now, o, _) in SUBJECTS.items()]
    dxsum = ["RID,Phase,VISCODE2,EXAMDATE,DIAGNOSIS"]
    for rid, (phase, _, visits) in SUBJECTS.items():
        dxsum += [f"{rid},{phase},{f'm{m:02}' if m else 'bl'},{DAYS[m]},{dx}" for m, dx in visits.items()]
    (tmp_path / "ADNIMERGE.csv").write_text("\n".join(merged) + "\n", encoding="utf-8")
    (tmp_path / "DXSUM.csv").write_text("\n".join(dxsum) + "\n", encoding="utf-8")
    nfl = ["RID,VISCODE,PLASMA_NFL,MMSE", *(f"{rid},bl,{rid - 970},25" for rid in SUBJECTS)]
    (tmp_path / "BLENNOWPLASMANFL.csv").write_text("\n".join(nfl) + "\n", encoding="utf-8")
    return tmp_path


def _scan(folder: Path, **options: Any) -> tuple[Cohort, dict[str, tuple[str, ...]]]:
    cohort = MciConverterTask(**options).scan(folder, Quiet())
    cohort.check()
    return cohort, {finding.code: finding.items for finding in cohort.findings}


def _labels(cohort: Cohort) -> dict[int, str]:
    return {int(s[-4:]): cohort.classes[label] for s, label in cohort.scans[["subject", "label"]].to_numpy()}


def test_baseline_scans_get_what_became_of_the_subject_and_everyone_else_is_listed(tree: Path) -> None:
    cohort, found = _scan(tree)
    assert _labels(cohort) == {1001: "progressive", 1002: "stable", 1003: "progressive", 1004: "stable"}
    assert list(cohort.scans.index) == [f"002_S_{rid}_bl_I{10 * (rid - 1000)}" for rid in (1001, 1002, 1003, 1004)]
    assert cohort.classes[1] == "progressive"
    assert found == {
        "short-follow-up": ("002_S_1005: last diagnosis at month 24",),
        "reverted": ("002_S_1006: to CN at month 12",),
        "late-conversion": ("002_S_1007: AD first seen at month 48",),
        "not-mci": ("002_S_1008: CN",),
        "no-baseline-diagnosis": ("002_S_1009",),
        "later-visit": ("002_S_1001_m12_I15", "002_S_1002_m12_I25"),
    }
    assert cohort.scans["diagnosis_date"].tolist() == ["2013-01-04", "2015-01-07", "2014-01-02", "2016-01-03"]


def test_when_it_happened_is_no_input(tree: Path) -> None:
    cohort, _ = _scan(tree)
    assert list(cohort.clinical.columns) == ["AGE", "PTGENDER", "PLASMA_NFL", "PLASMA_NFL censored"]
    assert not any(re.search("month|convers|onset", name) for name in (*cohort.groups, *cohort.clinical.columns))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"phases": ("ADNI2",)}, {1003: "progressive", 1004: "stable"}),
        ({"phases": ("adni1",)}, {1001: "progressive", 1002: "stable"}),
        (
            {"phases": ("ADNI1", "ADNIGO"), "filter_on": "ORIGPROT"},
            dict.fromkeys((1001, 1003), "progressive") | {1002: "stable"},
        ),
        (
            {"horizon_months": 24, "require_followup_months": 24},
            dict.fromkeys((1001, 1003), "progressive") | dict.fromkeys((1002, 1004, 1005), "stable"),
        ),
        (
            {"exclude_reverters": False},
            dict.fromkeys((1001, 1003), "progressive") | dict.fromkeys((1002, 1004, 1006), "stable"),
        ),
        (
            {"horizon_months": 48, "require_followup_months": 48},
            dict.fromkeys((1001, 1003, 1007), "progressive") | {1004: "stable"},
        ),
        ({"horizon_months": 12}, {1001: "progressive", 1002: "stable", 1004: "stable"}),
    ],
)
def test_options(tree: Path, options: dict[str, Any], expected: dict[int, str]) -> None:
    assert _labels(_scan(tree, **options)[0]) == expected


@pytest.mark.parametrize("name", ["Phase", "PHASE", "COLPROT"])
def test_the_phase_is_read_under_each_of_its_names(tree: Path, name: str) -> None:
    (tree / "ADNIMERGE.csv").unlink()
    path = tree / "DXSUM.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("RID,Phase", f"RID,{name}"), encoding="utf-8")
    assert _labels(_scan(tree, phases=("ADNI2",))[0]) == {1003: "progressive", 1004: "stable"}


def test_changes_in_words_are_changes(tree: Path) -> None:
    path = tree / "DXSUM.csv"
    words = {"2012": "Stable: MCI to MCI", "2013": "Reversion: MCI to NL", "2015": "Conversion: NL to MCI"}
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("1006")]
    lines += [f"1006,ADNI2,{code},{DAYS[month]},{words[DAYS[month][:4]]}" for code, month in WORDS.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert _scan(tree)[1]["reverted"] == ("002_S_1006: to CN at month 12",)


def test_options_that_cannot_be_are_refused(tree: Path) -> None:
    with pytest.raises(OptionError, match=r"require_followup_months=12 is less than task\.horizon_months=36"):
        MciConverterTask(require_followup_months=12)
    with pytest.raises(OptionError, match="knows no phase 'ADN2'; did you mean 'ADNI2'"):
        MciConverterTask(phases=("ADN2",))
    with pytest.raises(
        DataError, match=r"no subject is left .*: 1 subjects without a diagnosis .*; 7 subjects with MCI of"
    ):
        _scan(tree, phases=("ADNI4",))
    merged = tree / "ADNIMERGE.csv"
    merged.write_text(merged.read_text().replace("ORIGPROT", "OTHER"))
    with pytest.raises(DataError, match=r"task\.phases=ADNI2: no table has a column ORIGPROT"):
        _scan(tree, phases=("ADNI2",), filter_on="ORIGPROT")


def test_columns_that_a_file_names(tree: Path) -> None:
    path = tree / "columns.toml"
    path.write_text('people = ["AGE"]\n[[column]]\ntable = "BLENNOWPLASMANFL"\ncolumn = "MMSE"\n')
    cohort, found = _scan(tree, clinical=path)
    assert list(cohort.clinical.columns) == ["AGE", "MMSE"]
    assert found["leaky-column-named"] == (f"{path}, line 2, entry 1: BLENNOWPLASMANFL.MMSE",)
    assert MciConverterTask().reason_to_leave_out("MMSE") == "a criterion of the diagnosis"


def test_a_bids_tree_with_its_own_tables_is_labelled_alike(tmp_path: Path) -> None:
    letters = {1: "CN", 2: "MCI", 3: "AD"}
    people = ["participant_id\talternative_id_1\tsex\tage_bl"]
    for rid, (_, _, visits) in SUBJECTS.items():
        name = f"sub-ADNI002S{rid}"
        people.append(f"{name}\t002_S_{rid}\tM\t70")
        folder = tmp_path / name / "ses-M000" / "anat"
        folder.mkdir(parents=True)
        (folder / f"{name}_ses-M000_T1w.nii.gz").touch()
        sessions = [f"ses-M{month:03}\t{DAYS[month]}\t{letters[code]}\t71" for month, code in visits.items()]
        table = ["session_id\texamination_date\tdiagnosis\tage", *sessions]
        (tmp_path / name / f"{name}_sessions.tsv").write_text("\n".join(table) + "\n", encoding="utf-8")
    (tmp_path / "participants.tsv").write_text("\n".join(people) + "\n", encoding="utf-8")
    cohort, found = _scan(tmp_path)
    assert _labels(cohort) == {1001: "progressive", 1002: "stable", 1003: "progressive", 1004: "stable"}
    assert found["short-follow-up"] == ("002_S_1005: last diagnosis at month 24",)
    assert found["no-baseline-diagnosis"] == ("002_S_1009",)
    with pytest.raises(DataError, match=r"task\.phases=ADNI2: no table has a column COLPROT"):
        _scan(tmp_path, phases=("ADNI2",))
