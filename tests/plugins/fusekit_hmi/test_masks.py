from pathlib import Path

import pandas as pd
import pytest

from fusekit.data import Finding
from fusekit.errors import DataError
from fusekit_hmi.images import find_files
from fusekit_hmi.join import Scan
from fusekit_hmi.masks import masks_of, note_some
from fusekit_hmi.series import Series
from fusekit_hmi.table import Table


def _table(folder: Path, masks: dict[str, str] | None = None) -> Table:
    rows = pd.DataFrame({"id": ["P1", "P2"]}, index=pd.Index([2, 3], name="line"), dtype=str)
    if masks is not None:
        rows["mask"] = [masks.get(who, "") for who in rows["id"]]
    label = pd.Series([0, 1], index=rows.index)
    return Table(folder / "t.csv", rows, rows["id"], label, ("id",), None, "mask" if masks is not None else None, 2)


def _masks(
    folder: Path, files: list[str], *, named: dict[str, str] | None = None
) -> tuple[list[str | None], list[Finding]]:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    scans = [Scan(line, path, Series(path)) for line, path in ((2, folder / "P1.nii.gz"), (3, folder / "P2.png"))]
    for scan in scans:
        scan.image.touch()
    findings: list[Finding] = []
    found = masks_of(scans, _table(folder, named), find_files(folder), findings)
    return [None if path is None else path.relative_to(folder).as_posix() for path in found], findings


@pytest.mark.parametrize(
    "name", ["P1_mask.nii.gz", "masks/P1.nii.gz", "masks/P1/x.nii", "p1-seg.nii", "seg/ct_P1_tumour.nii.gz"]
)
def test_a_mask_is_found_by_the_id(tmp_path: Path, name: str) -> None:
    assert _masks(tmp_path, [name]) == ([name, None], [])


def test_of_several_the_tumours_counts_else_nobody_can_tell(tmp_path: Path) -> None:
    found, findings = _masks(tmp_path, ["masks/P1_liver.nii", "masks/P1_tumor.nii"])
    assert found == ["masks/P1_tumor.nii", None]
    assert [(finding.code, finding.items) for finding in findings] == [("mask-not-used", ("masks/P1_liver.nii",))]
    (tmp_path / "masks/P1_tumor.nii").rename(tmp_path / "masks/P1_other.nii")
    with pytest.raises(DataError, match=r"P1\.nii\.gz: several masks .*masks/P1_liver\.nii, masks/P1_other\.nii"):
        _masks(tmp_path, [])


def test_pictures_have_none_and_strangers_masks_are_left(tmp_path: Path) -> None:
    found, findings = _masks(tmp_path, ["masks/P2.nii", "masks/P9.nii", "P2_mask.png"])
    assert found == [None, None]
    assert {finding.code: finding.items for finding in findings} == {
        "mask-not-used": ("masks/P2.nii", "masks/P9.nii"),
        "picture-of-mask": ("P2_mask.png",),
    }


def test_the_tables_mask_counts(tmp_path: Path) -> None:
    assert _masks(tmp_path, ["drawn/a.nii", "P1_mask.nii"], named={"P1": "drawn/a.nii"})[0] == ["drawn/a.nii", None]
    assert _masks(tmp_path, [], named={"P1": "NA"})[0] == [None, None]
    with pytest.raises(DataError, match=r"t\.csv, line 2, column 'mask': there is no mask 'drawn/b\.nii'"):
        _masks(tmp_path, [], named={"P1": "drawn/b.nii"})
    with pytest.raises(DataError, match=r"line 2, column 'mask': '\.\./b\.nii' is not below"):
        _masks(tmp_path, [], named={"P1": "../b.nii"})


def test_masks_for_some_are_counted_by_class() -> None:
    mask = Path("m.nii")
    scans = pd.DataFrame(
        {
            "image": [Path(f"{n}.nii") for n in range(5)] + [Path("5.png")],
            "label": [0, 0, 1, 1, 1, 1],
            "mask": pd.Series([mask, None, mask, mask, None, None], dtype=object),
        }
    )
    findings: list[Finding] = []
    note_some(scans, ("MVI-", "MVI+"), findings)
    assert [(finding.code, finding.items) for finding in findings] == [("mask-for-some", ("1", "4"))]
    assert "50% of MVI-, 67% of MVI+ have one" in findings[0].message
    note_some(scans.iloc[[0, 2]], ("MVI-", "MVI+"), findings)
    note_some(scans.drop(columns="mask"), ("MVI-", "MVI+"), findings)
    assert len(findings) == 1
