"""A new patient's DICOM folder is read as the training read its own."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import FileDataset

from fusekit.bundle.patients import cut_patient
from fusekit.data import SlicePolicy
from fusekit.data.own.images.series import Wanted
from fusekit.errors import DataError
from tests.data.images.dicom.written import voxels, write

POLICY = SlicePolicy(plane="axial", space="voxel", start=3, stop=4, window=(4096, 2048))

#: Image -> column of its paths.
ONE = {"image": "image"}


def _kernels(folder: Path) -> Path:
    """Two reconstructions of one series: the second is brighter by 50."""
    for number, kernel in enumerate(("B30f", "B60f")):

        def change(k: int, data: FileDataset, number: int = number, kernel: str = kernel) -> None:
            data.ConvolutionKernel = kernel
            data.PixelData = (np.frombuffer(data.PixelData, np.uint16) + 50 * number).astype(np.uint16).tobytes()

        for path in write(folder / "one", change=change):
            path.rename(folder / f"{number}{path.name}")
    (folder / "one").rmdir()
    return folder


@pytest.mark.parametrize(("kernel", "more"), [("B30f", 0), ("b60f", 50)])
def test_the_volume_that_training_chose_is_cut(tmp_path: Path, kernel: str, more: int) -> None:
    asked = Wanted(choose=(("ConvolutionKernel", kernel),)).as_json()
    patient = {"image": str(_kernels(tmp_path))}
    images, positions, oriented = cut_patient(patient, ONE, POLICY, 6, {"image": asked})
    assert (images.shape, positions, oriented) == ((1, 1, 6, 6), [3], True)
    alone, _, _ = cut_patient({"image": str(tmp_path / f"{more // 50}IM03.dcm")}, ONE, POLICY, 6, {})
    np.testing.assert_array_equal(images, alone)
    grey = (voxels()[:, :, 3] + more).mean() / 4096 * 255
    assert images.mean() == pytest.approx(grey, abs=1)


def test_a_patient_without_it_is_refused_by_name(tmp_path: Path) -> None:
    patient = {"image": str(_kernels(tmp_path))}
    wanted = Wanted(choose=(("ConvolutionKernel", "B45f"),)).as_json()
    with pytest.raises(
        DataError, match=r"trained on volumes with ConvolutionKernel B45f: .*ConvolutionKernel B30f \(7"
    ):
        cut_patient(patient, ONE, POLICY, 6, {"image": wanted})
    with pytest.raises(DataError, match="the series holds 2 volumes: ConvolutionKernel"):
        cut_patient(patient, ONE, POLICY, 6, {})
