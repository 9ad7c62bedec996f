from pathlib import Path
from typing import Literal

import pytest

from fusekit.errors import DataError
from fusekit_adni.download.layouts import find_download
from tests.plugins.fusekit_adni.trees import Lines, Trees

BIDS = "bids/sub-ADNI002S0001/ses-M000/anat/sub-ADNI002S0001_ses-M000_T1w.nii.gz"
CAPS = "caps/subjects/sub-ADNI002S0001/ses-M000/t1_linear/sub-ADNI002S0001_ses-M000_space-MNI_T1w.nii.gz"


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    """One image in each layout."""
    trees = Trees(tmp_path)
    trees.loni("002_S_0001", 11)
    trees.loni("002_S_0001", 12, 400)
    trees.nifti(tmp_path / BIDS)
    trees.nifti(tmp_path / CAPS)
    trees.table("Study_Data/DXSUM.csv", "RID VISCODE", [])
    return trees


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("loni", "a LONI download: 2 images of 1 subject in ADNI, 1 tables in Study_Data"),
        ("bids", "a Clinica BIDS tree: 1 image of 1 subject in bids, 1 tables in Study_Data"),
        ("caps", "a CAPS t1_linear tree: 1 image of 1 subject in caps/subjects, 1 tables in Study_Data"),
    ],
)
def test_the_layout_that_is_asked_for(trees: Trees, layout: Literal["loni", "bids", "caps"], said: str) -> None:
    progress = Lines()
    download = find_download(trees.root, layout, progress)
    assert download.layout == layout
    assert download.subjects == {"002_S_0001"}
    assert progress.said == [f"{trees.root}: {said}"]


def test_several_layouts_are_named_with_their_counts(trees: Trees) -> None:
    with pytest.raises(DataError) as refused:
        find_download(trees.root)
    assert str(refused.value) == (
        f"{trees.root} holds images in 3 layouts: a LONI download (2 images of 1 subject in ADNI); a Clinica BIDS tree "
        "(1 image of 1 subject in bids); a CAPS t1_linear tree (1 image of 1 subject in caps/subjects). Say which one "
        "to read: --layout loni or --layout bids or --layout caps."
    )


@pytest.mark.parametrize("folder", ["ADNI", "bids", "caps", "caps/subjects"])
def test_one_layout_is_found_by_looking(trees: Trees, folder: str) -> None:
    progress = Lines()
    layout = folder.partition("/")[0].lower().replace("adni", "loni")
    assert find_download(trees.root / folder, "auto", progress).layout == layout
    assert progress.said[0].endswith("subject, no tables") or folder == "caps"


def test_without_images_it_is_said_what_each_layout_looks_like_and_what_is_there(tmp_path: Path) -> None:
    trees = Trees(tmp_path / "data")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/ADNI.zip").touch()
    (tmp_path / "data/images").symlink_to(tmp_path)
    (tmp_path / "data/sub-01").mkdir()
    with pytest.raises(DataError) as refused:
        find_download(trees.root)
    text = str(refused.value)
    assert "no images in the layout of a LONI download or a Clinica BIDS tree or a CAPS t1_linear tree" in text
    for shape in ("<PTID>/<description>/<YYYY-MM-DD_HH_MM_SS.f>/<I.. or S..>/", "/anat/sub-ADNI", "/t1_linear/sub-"):
        assert shape in text
    assert "1 archives, which are never unpacked" in text
    assert "1 links that lead out of it" in text
    assert "1 folders sub-..., none of which is sub-ADNI..." in text


def test_a_layout_that_is_not_there_is_not_replaced_by_another(tmp_path: Path) -> None:
    Trees(tmp_path).nifti(tmp_path / BIDS)
    with pytest.raises(
        DataError, match=r"no images in the layout of a LONI download\. .*1 subjects' folders of a Clinica"
    ):
        find_download(tmp_path, "loni")


def test_derivatives_are_no_raw_images(tmp_path: Path) -> None:
    trees = Trees(tmp_path)
    trees.nifti(tmp_path / "derivatives/smoothed" / BIDS)
    trees.nifti(tmp_path / "derivatives" / CAPS)
    assert find_download(tmp_path).layout == "caps"
