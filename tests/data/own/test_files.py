from pathlib import Path

import pytest

from fusekit.data.own.files import is_mask, look, stem
from fusekit.errors import DataError
from tests.plugins.fusekit_hmi.conftest import write_series


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("P7_mask.nii.gz", True),
        ("P7-seg.nii", True),
        ("P7_seg2.nii.gz", True),
        ("P7_segmentation.nii", True),
        ("masks/P7.nii.gz", True),
        ("tumour_masks/P7.nii.gz", True),
        ("labels/P7.nii.gz", True),
        ("P7/ROI.nii", True),
        ("P7.nii.gz", False),
        ("unmasked/P7.nii.gz", False),
        ("Segovia/P7.nii.gz", False),
        ("maskell_1.nii.gz", False),
    ],
)
def test_masks_are_told_by_name(name: str, expected: bool) -> None:
    assert is_mask(Path("/data/mask") / name, Path("/data/mask")) == expected


def test_stems() -> None:
    names = ("a.nii.gz", "a.NII.GZ", "a.nii", "a.b.png", "a", "a.hdr.gz", "a.mgh")
    assert [stem(Path(name)) for name in names] == ["a", "a", "a", "a.b", "a", "a", "a"]


def test_files_are_sorted_by_what_they_are(tmp_path: Path) -> None:
    for name in (
        "t.csv",
        "b/t.tsv",
        "v.nii.gz",
        "w.hdr.gz",
        "w.img.gz",
        "x.mgh",
        "p.PNG",
        "masks/v.nii",
        "p_mask.png",
        "notes.txt",
        ".hidden.nii",
        "IM2",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"nothing")
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "x.nii").touch()
    write_series(tmp_path / "d", "P", name="IM{:04}", slices=2)  # no suffix: known by the mark
    (tmp_path / "d" / "DICOMDIR").write_bytes(bytes(128) + b"DICM")
    (tmp_path / "loop").symlink_to(tmp_path)
    found = look(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found.tables] == ["t.csv", "b/t.tsv"]
    assert found.volumes == [tmp_path / name for name in ("v.nii.gz", "w.hdr.gz", "x.mgh")]
    assert found.pictures == [tmp_path / "p.PNG"]
    assert found.masks == [tmp_path / "masks" / "v.nii"]
    assert found.drawings == [tmp_path / "p_mask.png"]
    assert found.series == {tmp_path / "d": [tmp_path / "d" / "IM0000", tmp_path / "d" / "IM0001"]}


def test_no_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        look(tmp_path / "nowhere")
