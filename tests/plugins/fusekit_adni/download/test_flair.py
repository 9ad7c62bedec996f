"""``-o task.images=t1,flair``: the FLAIR of each scan's own session, and no other."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from fusekit.errors import DataError, OptionError
from fusekit.progress import Quiet
from fusekit_adni.download.flair import with_flair
from fusekit_adni.download.images import Download
from fusekit_adni.task import AdniAdTask
from tests.plugins.fusekit_adni.trees import Study, Trees, found

PEOPLE = {"002_S_0001": "CN", "002_S_0002": "AD", "002_S_0003": "CN", "002_S_0004": "AD"}


def study(trees: Trees) -> None:
    tables = Study()
    for ptid, diagnosis in PEOPLE.items():
        rid = int(ptid[-4:])
        tables.merge(rid, ptid, {"CN": "CN", "AD": "Dementia"}[diagnosis])
        tables.exam(rid, {"CN": 1, "AD": 3}[diagnosis])
        tables.csf.append((rid, "bl", "UPENNBIOMK9", 200 + rid, 80 + rid, 20 + rid))
    tables.write(trees)


def test_a_loni_download_has_them_by_name_and_day(tmp_path: Path) -> None:
    trees = Trees(tmp_path)
    for number, ptid in enumerate(PEOPLE, start=1):
        trees.loni(ptid, 100 + number)
    first = trees.loni("002_S_0001", 201, description="Sagittal_3D_FLAIR", series=30)
    trees.loni("002_S_0001", 203, description="Sagittal_3D_FLAIR_REPEAT", series=40)
    week = trees.dicom("002_S_0002", "I205", 10, "Axial_T2-FLAIR", number=205, series=9)
    trees.loni("002_S_0003", 207, 40, description="FLAIR")  # of another visit
    trees.loni("002_S_0004", 209, description="T2_TSE")  # no FLAIR
    trees.collection()
    study(trees)
    cohort = AdniAdTask(images=("t1", "flair")).scan(tmp_path, Quiet())
    cohort.check()
    assert cohort.images == ("t1", "flair")
    assert cohort.scans.set_index("subject")["image:flair"].to_dict() == {"002_S_0001": first, "002_S_0002": week}
    assert list(cohort.clinical.index) == list(cohort.scans.index)
    items = found(cohort.findings)
    assert [item[:10] for item in items["scan-without-flair"]] == ["002_S_0003", "002_S_0004"]
    assert len(items["unused-flair"]) == 2
    assert items["other-sequence"] == ["T2_TSE (1)"]
    (finding,) = [finding for finding in cohort.findings if finding.code == "scan-without-flair"]
    assert (finding.dropped, finding.along) == ("scans", 2)

    plain = AdniAdTask().scan(tmp_path, Quiet())
    assert len(plain.scans) == 4
    assert plain.images == ("image",)
    assert "image:flair" not in plain.scans
    assert len(found(plain.findings)["other-sequence"]) == 5


def test_a_download_without_flair_images_says_so(tmp_path: Path) -> None:
    trees = Trees(tmp_path)
    for number, ptid in enumerate(PEOPLE, start=1):
        trees.loni(ptid, 100 + number)
    trees.collection()
    study(trees)
    with pytest.raises(DataError, match=r"none of the 4 scans has a FLAIR of the same session.*leave task\.images out"):
        AdniAdTask(images=("t1", "flair")).scan(tmp_path, Quiet())


def test_a_flair_is_of_the_day_of_its_folder_whatever_lies_above(tmp_path: Path) -> None:
    leaf = tmp_path / "Axial_FLAIR/ADNI/002_S_0001/Axial_FLAIR/2006-03-05_14_39_56.0/I7"
    leaf.mkdir(parents=True)
    (leaf / "ADNI_002_S_0001_MR_Axial_FLAIR_Br_20060305_S3_I7.nii").touch()
    download = Download("loni", others=[leaf])
    scans = pd.DataFrame({"subject": ["002_S_0001"], "acquired": [date(2006, 3, 4)], "image": ["t1.nii"]}, index=["a"])
    kept = with_flair(scans, download, tmp_path, [])
    assert [path.parent for path in kept["image:flair"]] == [leaf]


def test_a_bids_tree_has_them_in_the_session(tmp_path: Path) -> None:
    trees = Trees(tmp_path)
    expected = {}
    for number, ptid in enumerate(PEOPLE):
        sub = f"sub-ADNI{ptid.replace('_', '')}"
        folder = tmp_path / "bids" / sub / "ses-M000" / "anat"
        trees.nifti(folder / f"{sub}_ses-M000_T1w.nii.gz")
        if number != 2:
            expected[ptid] = trees.nifti(folder / f"{sub}_ses-M000_run-1_FLAIR.nii.gz")
            trees.nifti(folder / f"{sub}_ses-M000_run-2_FLAIR.nii.gz")
            trees.nifti(folder / f"{sub}_ses-M000_space-T1w_FLAIR.nii.gz")
    study(trees)
    cohort = AdniAdTask(images=("T1", "FLAIR")).scan(tmp_path, Quiet())
    cohort.check()
    assert cohort.scans.set_index("subject")["image:flair"].to_dict() == expected
    assert [item[:10] for item in found(cohort.findings)["scan-without-flair"]] == ["002_S_0003"]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (("t1", "flare"), "task.images knows no image 'flare'; did you mean 'flair'"),
        (("flair", "t1"), "task.images takes t1, or t1,flair in this order, not flair,t1"),
        (("flair",), "task.images takes t1, or t1,flair"),
        ((), "task.images takes t1"),
    ],
)
def test_other_images_are_refused(images: tuple[str, ...], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        AdniAdTask(images=images)
