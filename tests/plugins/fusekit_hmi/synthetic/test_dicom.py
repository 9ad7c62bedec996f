from pathlib import Path

import numpy as np
import pydicom
import pytest

from fusekit_hmi.synthetic.abdomen import PIXEL, THICKNESS, Scan
from fusekit_hmi.synthetic.dicom import Style, write_series

SCAN = Scan(
    np.random.default_rng(0).integers(-1024, 3000, (5, 6, 6), dtype=np.int16),
    np.zeros((5, 6, 6), bool),
    (-7.0, -7.0, -10.0),
)


@pytest.mark.parametrize(("intercept", "names"), [(-1024, "1-{:03}.dcm"), (0, "IM{:04}")])
def test_files_are_ct_slices_in_no_order(tmp_path: Path, intercept: int, names: str) -> None:
    style = Style(names, intercept, localiser=False, maker="ACME", model="One")
    write_series(np.random.default_rng(1), tmp_path / "a", "HMI-0001", SCAN, style)
    files = [pydicom.dcmread(path) for path in sorted((tmp_path / "a").iterdir())]
    assert len(files) == 5
    heights = [float(file.ImagePositionPatient[2]) for file in files]
    assert heights != sorted(heights)
    assert sorted(heights) == [-10, -5, 0, 5, 10]
    for file in files:
        index = round((float(file.ImagePositionPatient[2]) + 10) / THICKNESS)
        hounsfield = file.pixel_array.astype(float) * float(file.RescaleSlope) + float(file.RescaleIntercept)
        np.testing.assert_array_equal(hounsfield, SCAN.hounsfield[index])
        assert list(file.PixelSpacing) == [PIXEL, PIXEL]
        assert (file.Modality, file.PatientID, file.RescaleIntercept) == ("CT", "HMI-0001", intercept)
        assert "SYNTHETIC" in str(file.PatientName)
    assert len({file.SOPInstanceUID for file in files}) == 5
    assert len({file.SeriesInstanceUID for file in files}) == 1


def test_a_localiser_is_a_series_of_its_own(tmp_path: Path) -> None:
    style = Style("{}.dcm", 0, localiser=True, maker="ACME", model="One")
    write_series(np.random.default_rng(1), tmp_path / "a", "HMI-0001", SCAN, style)
    files = [pydicom.dcmread(path) for path in (tmp_path / "a").iterdir()]
    (scout,) = [file for file in files if "LOCALIZER" in file.ImageType]
    assert len(files) == 6
    assert scout.SeriesInstanceUID not in {file.SeriesInstanceUID for file in files if file is not scout}
    np.testing.assert_allclose(scout.pixel_array, SCAN.hounsfield[::-1].mean(axis=1), atol=1)
