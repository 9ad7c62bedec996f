"""What lies in a folder, by name and by the mark of DICOM files."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusekit.data.draft.draft import look
from fusekit.errors import DataError


def test_images_masks_tables_and_archives_are_told_apart(tmp_path: Path) -> None:
    for name in (
        "t.csv", "deep/labs.tsv", "a/1.nii.gz", "a/2.NII", "a/2_mask.nii.gz", "masks/1.nii.gz", "a/3.hdr", "a/3.img",
        "p/x.png", "p/y.JPG", "raw.zip", "old.tar.gz", "notes.txt", "s/1/1.dcm", "s/1/2.dcm", "s/1/x.json",
        ".hidden/z.nii", "a/._1.nii.gz", "a/segment_5.nii",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "s/2").mkdir()
    (tmp_path / "s/2/IM0001").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "s/3").mkdir()
    (tmp_path / "s/3/IM0001").write_bytes(b"\0" * 128 + b"PNG?")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "a")
    found = look(tmp_path)
    assert found.images == {
        "NIfTI": ["a/1.nii.gz", "a/2.NII", "a/3.hdr", "a/segment_5.nii"],
        "picture": ["p/x.png", "p/y.JPG"],
        "DICOM series": ["s/1", "s/2"],
    }
    assert found.masks == ["a/2_mask.nii.gz", "masks/1.nii.gz"]
    assert found.tables == ["t.csv", "deep/labs.tsv"]
    assert found.archives == ["old.tar.gz", "raw.zip"]
    assert found.kind == "NIfTI"


def test_an_empty_folder_has_no_kind_and_a_missing_one_is_named(tmp_path: Path) -> None:
    assert look(tmp_path).kind == ""
    with pytest.raises(DataError, match="there is no such folder"):
        look(tmp_path / "nowhere")
