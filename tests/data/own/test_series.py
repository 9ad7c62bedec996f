from pathlib import Path

import pytest

from fusekit.data import Finding, read
from fusekit.data.own.series import Wanted, series_in
from fusekit.errors import DataError
from tests.plugins.fusekit_hmi.conftest import write_series


def test_a_folder_with_one_series_is_read_as_a_folder(tmp_path: Path) -> None:
    write_series(tmp_path, "P1", "PORTAL")
    findings: list[Finding] = []
    (series,) = series_in(tmp_path, sorted(tmp_path.iterdir()), Wanted(modality="CT"), findings)
    assert (series.path, series.description, series.patient, series.scanner) == (
        *(tmp_path, "PORTAL", "P1", "ACME One"),
    )
    assert findings == []


def test_of_several_series_each_is_read_from_a_file_of_its_own(tmp_path: Path) -> None:
    arterial = write_series(tmp_path, "P1", "ARTERIAL", name="a{}.dcm", seed=1)
    portal = write_series(tmp_path, "P1", "PORTAL", name="b{}.dcm", seed=2, slices=3)
    write_series(tmp_path, "P1", "SCOUT", name="c{}.dcm", slices=1)
    write_series(tmp_path, "P1", "any", name="d{}.dcm", slices=1, image_type="LOCALIZER")
    write_series(tmp_path, "P1", "report", name="e{}.dcm", slices=1, modality="SR")
    write_series(tmp_path, "P1", "liver", name="f{}.dcm", slices=1, modality="MR")
    findings: list[Finding] = []
    found = series_in(tmp_path, sorted(tmp_path.iterdir()), Wanted(modality="CT"), findings)
    assert [series.description for series in found] == ["ARTERIAL", "PORTAL"]
    for series, expected in zip(found, (arterial, portal), strict=True):
        data = read(series.path).data  # x to the right, y to the front: both against DICOM's
        assert (data == expected.transpose(2, 1, 0)[::-1, ::-1]).all()
    assert len(series_in(tmp_path, sorted(tmp_path.iterdir()), Wanted(), [])) == 3  # any modality, but no report
    counts = {finding.code: finding.count for finding in findings}
    assert counts == {"localiser": 2, "other-modality": 2}


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.dcm").write_bytes(b"no DICOM")
    with pytest.raises(DataError, match=r"x\.dcm: the DICOM file cannot be read"):
        series_in(tmp_path, [tmp_path / "x.dcm"], Wanted(modality="CT"), [])
