"""Everybody who was found is kept or counted under one reason; compared with counts from the files themselves."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fusekit.data import Classes, Cohort, Column, Finding, Task, assign_folds
from fusekit.data.own.task import OwnTask
from fusekit.experiment.run.flow import flow
from fusekit.progress import Quiet
from fusekit.report.page.flow import flow_of
from fusekit_adni.converter_task import MciConverterTask
from fusekit_adni.synthetic import download
from fusekit_adni.task import AdniAdTask
from fusekit_hmi.task import HmiTask

DX = {"CN": "CN", "MCI": "MCI", "Dementia": "AD"}


def counted(cohort: Cohort, folds: int = 2) -> dict[str, Any]:
    """The flow, with three slices a scan, after checking what holds for every cohort."""
    rows = cohort.scans.loc[cohort.scans.index.repeat(3), ["subject"]].rename_axis("scan").reset_index()
    dealt = assign_folds(cohort.subjects, folds, seed=0)
    found = flow(cohort, rows, dealt)
    for kind in ("scans", "subjects"):
        assert found["found"][kind] == found["kept"][kind] + sum(entry[kind] or 0 for entry in found["dropped"]), kind
    assert found["kept"]["slices"] == 3 * len(cohort.scans)
    for label, name in enumerate(cohort.classes):
        assert sum(fold["subjects"][name] for fold in found["folds"]) == (cohort.subjects == label).sum()
    items = [item for finding in cohort.findings if finding.dropped for item in finding.items]
    assert len(set(items)) == len(items)  # nobody is counted twice
    assert not set(items) & set(cohort.scans.index)
    return found


def reasons(found: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Code -> scans, subjects."""
    totals: dict[str, tuple[int, int]] = {}
    for entry in found["dropped"]:
        scans, subjects = totals.get(entry["code"], (0, 0))
        totals[entry["code"]] = scans + (entry["scans"] or 0), subjects + (entry["subjects"] or 0)
    return totals


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Task, int], Path]:
    """Write an ADNI cohort whose images are empty files: nothing of them is read for a cohort."""

    def touch(scan: Any) -> None:
        scan.path.parent.mkdir(parents=True, exist_ok=True)
        scan.path.touch()

    def write(task: Task, subjects: int) -> Path:
        monkeypatch.setattr(download, "_write_scan", touch)
        task.synthesize(tmp_path, Quiet(), subjects=subjects)  # type: ignore[call-arg]
        return tmp_path

    return write


def images_of(folder: Path) -> pd.DataFrame:
    """A row an image of the collection list that lies there: PTID, RID, visit."""
    listed = pd.read_csv(next(folder.glob("*_2_12_2024.csv")), dtype=str)
    assert len(listed) == len(list((folder / "ADNI").rglob("*.nii")))
    visits = listed["Visit"].replace("sc", "bl")
    return pd.DataFrame(
        {"ptid": listed["Subject"], "rid": listed["Subject"].str[-4:].astype(int), "visit": visits}
    ).sort_values(["ptid", "visit"])


def diagnoses_of(folder: Path) -> dict[tuple[int, str], str]:
    """(RID, visit) -> CN, MCI or AD, from ADNIMERGE alone."""
    table = pd.read_csv(next(folder.rglob("ADNIMERGE*.csv")), dtype=str).dropna(subset=["DX"])
    return {(int(r), v): DX[d] for r, v, d in zip(table["RID"], table["VISCODE"], table["DX"], strict=True)}


def forget(folder: Path, rids: list[int]) -> None:
    """Take people out of the tables that hold diagnoses."""
    for name in ("ADNIMERGE", "DXSUM"):
        path = next(folder.rglob(f"{name}*.csv"))
        table = pd.read_csv(path, dtype=str)
        table[~table["RID"].isin([str(rid) for rid in rids])].to_csv(path, index=False)


def test_adni_ad_adds_up_with_the_files(written: Callable[[Task, int], Path]) -> None:
    task = AdniAdTask()
    folder = written(task, 150)
    images = images_of(folder)
    whose = images.drop_duplicates("ptid")
    forget(folder, whose["rid"].iloc[[3, 50]].tolist())
    table = pd.read_csv(next(folder.rglob("DXSUM*.csv")), dtype=str)
    codes = {"1": "CN", "2": "MCI", "3": "AD"}
    known = {(int(r), v): codes[d] for r, v, d in zip(table["RID"], table["VISCODE"], table["DXCURREN"], strict=True)}

    scans = images.drop_duplicates(["ptid", "visit"])
    told = [known.get(key, "none") for key in zip(scans["rid"], scans["visit"], strict=True)]
    by_reason = scans.groupby(pd.Series(told, scans.index))["ptid"].agg(["size", "nunique"])
    assert by_reason["nunique"]["none"] == 2
    assert by_reason["nunique"]["MCI"] > 2
    found = counted(task.scan(folder, Quiet()))
    assert found["found"] == {"scans": len(images), "subjects": len(whose)}
    assert reasons(found) == {
        "duplicate-scan": (len(images) - len(scans), 0),
        "no-diagnosis": tuple(by_reason.loc["none"]),
        "other-diagnosis": tuple(by_reason.loc["MCI"]),
    }
    assert len(images) > len(scans)

    baseline = counted(AdniAdTask(visits="baseline").scan(folder, Quiet()))
    kept = scans[pd.Series(told, scans.index).isin(["CN", "AD"])]
    assert reasons(baseline)["later-visit"] == ((kept["visit"] != "bl").sum(), 0)
    assert (kept["visit"] != "bl").any()


def outcome(visits: dict[int, str]) -> str:
    """What became of somebody with these diagnoses by month, in plain words of the task's documentation."""
    if 0 not in visits:
        return "no-baseline-diagnosis"
    if visits[0] != "MCI":
        return "not-mci"
    later = [(month, what) for month, what in sorted(visits.items()) if month > 0]
    ill = [month for month, what in later if what == "AD"]
    if any(what == "CN" or (ill and month > ill[0] and what != "AD") for month, what in later):
        return "reverted"
    if ill:
        return "progressive" if ill[0] <= 36 else "late-conversion"
    return "stable" if later and later[-1][0] >= 36 else "short-follow-up"


def test_mci_converter_adds_up_with_the_files(written: Callable[[Task, int], Path]) -> None:
    task = MciConverterTask()
    folder = written(task, 160)
    images = images_of(folder)
    visits: dict[int, dict[int, str]] = {}
    for (rid, visit), diagnosis in diagnoses_of(folder).items():
        visits.setdefault(rid, {})[0 if visit == "bl" else int(visit[1:])] = diagnosis
    cohort = task.scan(folder, Quiet())
    # ADNIMERGE lacks some diagnoses that DXSUM has: those people are judged by more than the test knows.
    lacking = pd.read_csv(next(folder.rglob("ADNIMERGE*.csv")), dtype=str)
    unsure = set(lacking.loc[lacking["DX"].isna(), "RID"].astype(int))
    forget(folder, sorted(unsure))
    images_known = images[~images["rid"].isin(list(unsure))]
    cohort = task.scan(folder, Quiet())
    found = counted(cohort)
    assert found["found"] == {"scans": len(images), "subjects": images["ptid"].nunique()}
    scans = images_known.drop_duplicates(["ptid", "visit"])
    became = scans["rid"].map(lambda rid: outcome(visits.get(rid, {})))
    expected = {
        code: (len(own), own["ptid"].nunique())
        for code, own in scans.groupby(became)
        if code not in ("stable", "progressive")
    }
    forgotten = images[images["rid"].isin(list(unsure))].drop_duplicates(["ptid", "visit"])
    before = expected.get("no-baseline-diagnosis", (0, 0))
    expected["no-baseline-diagnosis"] = before[0] + len(forgotten), before[1] + forgotten["ptid"].nunique()
    kept = scans[became.isin(["stable", "progressive"])]
    expected["later-visit"] = (kept["visit"] != "bl").sum(), 0
    expected["duplicate-scan"] = len(images) - len(images.drop_duplicates(["ptid", "visit"])), 0
    assert reasons(found) == expected
    assert {"not-mci", "reverted", "late-conversion", "short-follow-up"} <= set(expected)
    assert found["kept"]["scans"] == len(kept[kept["visit"] == "bl"])


def test_hmi_adds_up_with_the_files(tmp_path: Path) -> None:
    task = HmiTask()
    task.synthesize(tmp_path, Quiet(), seed=3, subjects=14)
    table = pd.read_csv(tmp_path / "clinical.csv", dtype=str)
    who, label = table.columns[0], next(name for name in table.columns if "mvi" in name.lower())
    images = sorted(path.name for path in (tmp_path / "images").iterdir())
    both = [patient for patient in table[who] if patient in images]
    table = table[table[who] != both[0]]  # whose images are nobody's now
    table.loc[table[who] == both[1], label] = ""
    shutil.rmtree(tmp_path / "images" / both[2])
    table.to_csv(tmp_path / "clinical.csv", index=False)
    found = counted(task.scan(tmp_path, Quiet()))
    without = len(set(table[who]) - set(images)) + 1
    assert found["found"] == {"scans": len(images) - 1, "subjects": len(table)}
    assert reasons(found) == {
        "label-left-out": (0, 1),
        "row-without-image": (0, without),
        "image-without-row": (2, 0),  # the stranger's, and that of the patient without a label
    }


TOML = """
table = "t.csv"
images = "scans/{scan}.nii"
subject = "pid"
scan = "scan"
label = "outcome"
classes = {benign = ["0"], malignant = ["1"]}
leave_out = ["9"]
rows_without_image = "leave out"
"""


def test_somebodys_own_rows_add_up(tmp_path: Path) -> None:
    rows = [(f"p{n // 2}", f"s{n}", "9" if n in (3, 4, 5) else str(n // 2 % 2)) for n in range(24)]
    text = "pid,scan,outcome\n" + "".join(",".join(row) + "\n" for row in rows)
    (tmp_path / "t.csv").write_text(text, "utf-8")
    (tmp_path / "my.toml").write_text(TOML, "utf-8")
    (tmp_path / "scans").mkdir()
    for _, scan, _ in rows:
        if scan not in ("s0", "s10", "s11", "s5"):
            (tmp_path / "scans" / f"{scan}.nii").touch()
    found = counted(OwnTask(tmp_path / "my.toml").scan(tmp_path, Quiet()))
    assert found["found"] == {"scans": 24, "subjects": 12}
    # s3 leaves p1 with s2; s4 and s5 are all of p2; s0 leaves p0 with s1; s10 and s11 are all of p5.
    assert reasons(found) == {"label-left-out": (3, 1), "row-without-image": (3, 1)}
    assert found["kept"] == {"scans": 18, "subjects": 10, "slices": 54}


def by_hand(**options: Any) -> Cohort:
    index = pd.Index(["a", "b", "c", "d"], name="scan")
    scans = pd.DataFrame({"subject": ["p", "q", "r", "s"], "image": list("abcd"), "label": [0, 1, 0, 1]}, index)
    return Cohort(scans, pd.DataFrame({"x": [1.0] * 4}, index), (Column("x"),), Classes(("no", "yes")), **options)


def test_the_parts_of_a_flow() -> None:
    findings = (
        Finding("blurred", "blurred scans.", ("e", "f"), dropped="scans", along=1),
        Finding("refused", "people who said no", ("t",), dropped="subjects"),
        Finding("odd", "odd, and kept", ("a",)),
    )
    rows = pd.DataFrame({"subject": list("ppqrs"), "scan": list("aabcd")})
    folds = pd.Series({"p": 0, "q": 0, "r": 1, "s": 1})
    found = flow(by_hand(findings=findings, found=(6, 6)), rows, folds)
    assert found == {
        "found": {"scans": 6, "subjects": 6},
        "dropped": [
            {"reason": "blurred scans", "code": "blurred", "scans": 2, "subjects": 1},
            {"reason": "people who said no", "code": "refused", "scans": None, "subjects": 1},
        ],
        "kept": {"scans": 4, "subjects": 4, "slices": 5},
        "folds": [{"fold": 0, "subjects": {"no": 1, "yes": 1}}, {"fold": 1, "subjects": {"no": 1, "yes": 1}}],
    }


@pytest.mark.parametrize("names", [("fold", "subjects"), ("subjects", "fold"), ("found", "name")])
def test_classes_may_be_called_as_the_parts_of_a_flow(names: tuple[str, str]) -> None:
    rows, folds = pd.DataFrame({"subject": ["p"], "scan": ["a"]}), pd.Series({"p": 0, "q": 0, "r": 1, "s": 1})
    shown = flow_of(flow(replace(by_hand(), target=Classes(names)), rows, folds), names, {1})
    assert shown is not None
    assert [fold["name"] for fold in shown["folds"]] == ["Fold 1", "Fold 2"]
    assert [fold["tested"] for fold in shown["folds"]] == [False, True]
    assert shown["folds"][0]["classes"] == [f"1 {name}" for name in names]


def test_what_a_task_does_not_tell_is_said_not_to_be_known() -> None:
    rows, folds = pd.DataFrame({"subject": ["p"], "scan": ["a"]}), pd.Series({"p": 0, "q": 0, "r": 1, "s": 1})
    finding = Finding("blurred", "blurred", ("e", "f"), dropped="scans")
    silent = flow(by_hand(findings=(finding,)), rows, folds)
    assert silent["found"] == {"scans": 6, "subjects": None}
    lossy = flow(by_hand(findings=(finding,), found=(9, None)), rows, folds)
    assert Counter(entry["code"] for entry in lossy["dropped"]) == {"blurred": 1, "no-reason": 1}
    assert lossy["dropped"][1] == {
        "reason": "left out, and the task does not say why",
        "code": "no-reason",
        "scans": 3,
        "subjects": None,
    }
