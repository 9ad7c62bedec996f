from pathlib import Path

import pandas as pd
import pytest

from fusekit.data import Finding
from fusekit.data.own.files import look
from fusekit.data.own.ids import ids_in
from fusekit.data.own.images.masks import mask_of, named_masks
from fusekit.data.own.join import Joined, Part
from fusekit.errors import DataError


def _ids(*ids: str) -> dict[str, str]:
    return {name.lower(): name for name in ids}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("images/HMI-1/series2/x", ["HMI-1"]),
        ("images/hmi-1/x", ["HMI-1"]),
        ("7/2/slice", ["7"]),  # the topmost folder
        ("images/7_2", ["7"]),  # the beginning
        ("CT_7_art", ["7"]),
        ("P12", []),
        ("P1-2_img", ["P1-2"]),
        ("P1_img", ["P1"]),
        ("art/xHMI-1", []),
        ("ct HMI-1 phase 7", ["7", "HMI-1"]),  # nobody can tell
        ("HMI-1_phase_7", ["HMI-1"]),
        ("0007", []),  # leading zeros count
        ("", []),
    ],
)
def test_a_path_names_a_patient(path: str, expected: list[str]) -> None:
    assert ids_in(path.split("/"), _ids("HMI-1", "7", "2", "P1", "P1-2")) == expected


def test_a_long_name_ends() -> None:
    assert ids_in(["a_" * 5000 + "7"], _ids("7")) == []


def _masks(folder: Path, *files: str) -> tuple[dict[int, list[str]], list[Finding]]:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    ids = pd.Series(["P1", "P2"], pd.Index([2, 3], name="line"), name="id")
    joined = Joined((Part(folder / "t.csv", pd.DataFrame({"id": ids}), pd.Series(ids.index, ids.index)),))
    findings: list[Finding] = []
    found = named_masks(joined, ids, look(folder), findings)
    return {line: [path.relative_to(folder).as_posix() for path in paths] for line, paths in found.items()}, findings


@pytest.mark.parametrize(
    "name", ["P1_mask.nii.gz", "masks/P1.nii.gz", "masks/P1/x.nii", "p1-seg.nii", "seg/ct_P1_tumour.nii.gz"]
)
def test_a_mask_is_found_by_the_id(tmp_path: Path, name: str) -> None:
    assert _masks(tmp_path, name, "masks/P9.nii") == ({2: [name], 3: []}, [])


def test_pictures_of_masks_are_noted_and_masks_of_two_refused(tmp_path: Path) -> None:
    _, findings = _masks(tmp_path, "P2_mask.png")
    assert {finding.code: finding.items for finding in findings} == {"picture-of-mask": ("P2_mask.png",)}
    with pytest.raises(DataError, match=r"1 masks could .* subjects of t\.csv: masks/ct P1 P2\.nii: P1 or P2"):
        _masks(tmp_path, "masks/ct P1 P2.nii")


def test_of_several_the_tumours_counts_else_nobody_can_tell(tmp_path: Path) -> None:
    image, liver, tumour = (tmp_path / name for name in ("P1.nii.gz", "masks/P1_liver.nii", "masks/P1_tumor.nii"))
    image.touch()
    assert mask_of(image, [liver, tumour], tmp_path) == tumour
    assert mask_of(image, [liver], tmp_path) == liver
    assert mask_of(image, [liver, tmp_path / "x.nii"], tmp_path) == liver  # called after the image
    assert mask_of(image, [], tmp_path) is None
    with pytest.raises(DataError, match=r"P1\.nii\.gz: several masks .*masks/P1_liver\.nii, masks/P1_other\.nii"):
        mask_of(image, [liver, tmp_path / "masks/P1_other.nii"], tmp_path)
