from pathlib import Path

import pytest

from fusekit.errors import DataError
from fusekit_hmi.places import inside


def test_paths_below_the_folder(tmp_path: Path) -> None:
    assert inside(tmp_path, "a/b.nii", "t.csv") == tmp_path / "a" / "b.nii"
    assert inside(tmp_path, "a\\b.nii", "t.csv") == tmp_path / "a" / "b.nii"
    assert inside(tmp_path, "a/../b", "t.csv").resolve() == (tmp_path / "b").resolve()


@pytest.mark.parametrize("text", ["../x", "/etc/passwd", "a/../../x", "..\\x", ".", "", "a\0b"])
def test_paths_that_lead_out_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match=r"^t\.csv, line 3: "):
        inside(tmp_path, text, "t.csv, line 3")


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(DataError, match="is not below"):
        inside(tmp_path / "data", "link/x.nii", "t.csv")
