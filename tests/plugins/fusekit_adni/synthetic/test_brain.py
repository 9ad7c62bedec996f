from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fusekit.data import read
from fusekit_adni.synthetic.brain import HORN_CENTRE, ORIGIN, SHAPE, SPACING, affine, make_brain
from fusekit_adni.synthetic.download import ORIENTATIONS, _Scan, _write_scan


@cache
def _brain(ventricles: float = 0.0, horns: float = 0.0, seed: int = 1) -> np.ndarray:
    return make_brain(np.random.default_rng(seed), ventricles, horns)


def _inside(low: tuple[float, float, float], high: tuple[float, float, float]) -> np.ndarray:
    """Voxels of a box in MNI mm, mirrored in x."""
    x, y, z = (
        ORIGIN[i] + SPACING[i] * np.arange(SHAPE[i]).reshape([-1 if i == k else 1 for k in range(3)]) for i in range(3)
    )
    inside: np.ndarray = (abs(x) >= low[0]) & (abs(x) <= high[0])
    return inside & (y >= low[1]) & (y <= high[1]) & (z >= low[2]) & (z <= high[2])


AROUND_VENTRICLES = _inside((0, -35, 2), (34, 30, 34))
AROUND_HORNS = _inside(
    (HORN_CENTRE[0] - 9, HORN_CENTRE[1] - 14, HORN_CENTRE[2] - 9),
    (HORN_CENTRE[0] + 9, HORN_CENTRE[1] + 14, HORN_CENTRE[2] + 9),
)


def _dark(volume: np.ndarray, where: np.ndarray) -> float:
    """Share of a region darker than tissue, which is measured against the head's bright end."""
    return float((volume[where] < 0.45 * np.percentile(volume, 99)).mean())


@cache
def _template() -> np.ndarray:
    """The MNI152 T1 template on the grid of synthetic volumes, by another library's resampling."""
    import nibabel
    from nilearn.datasets import load_mni152_template
    from nilearn.image import resample_to_img

    nib: Any = nibabel  # its functions have no types
    grid = nib.Nifti1Image(np.zeros(SHAPE, np.float32), affine())
    resampled = resample_to_img(
        load_mni152_template(resolution=2), grid, force_resample=True, copy_header=True, interpolation="linear"
    )
    return np.asarray(resampled.get_fdata(), dtype=np.float32)


def test_a_brain_is_a_magnitude_image_on_its_grid() -> None:
    brain = _brain()
    assert brain.shape == SHAPE
    assert brain.dtype == np.int16
    assert brain.min() >= 0
    assert affine()[:3, 3].tolist() == list(ORIGIN)
    assert np.diag(affine()).tolist() == [*SPACING, 1]


def test_the_same_numbers_give_the_same_brain_and_others_another() -> None:
    np.testing.assert_array_equal(_brain(), make_brain(np.random.default_rng(1), 0.0, 0.0))
    assert (_brain() != _brain(seed=2)).mean() > 0.5


def test_a_brain_looks_like_the_template_and_lies_where_it_lies() -> None:
    template = _template()
    flipped = {axis: np.corrcoef(np.flip(_brain(), axis).ravel(), template.ravel())[0, 1] for axis in (1, 2)}
    for seed in (1, 2):
        alike = np.corrcoef(_brain(seed=seed).ravel(), template.ravel())[0, 1]
        assert alike > 0.93
        assert alike > max(flipped.values()) + 0.1


def test_the_sign_of_the_ventricles_widens_them_and_hardly_the_horns() -> None:
    small, middle, large = (_dark(_brain(ventricles=v), AROUND_VENTRICLES) for v in (-1.5, 0, 1.5))
    assert small < middle < large
    assert large > 1.2 * small
    other = _dark(_brain(ventricles=1.5), AROUND_HORNS) - _dark(_brain(ventricles=-1.5), AROUND_HORNS)
    assert abs(other) < 0.25 * (large - small)


def test_the_sign_of_the_horns_widens_them_and_hardly_the_ventricles() -> None:
    small, middle, large = (_dark(_brain(horns=h), AROUND_HORNS) for h in (-1.5, 0, 1.5))
    assert small < middle < large
    assert large > 1.2 * small
    other = _dark(_brain(horns=1.5), AROUND_VENTRICLES) - _dark(_brain(horns=-1.5), AROUND_VENTRICLES)
    assert abs(other) < 0.25 * (large - small)


@pytest.mark.parametrize("sign", [-4.0, 4.0])
def test_extreme_signs_still_give_a_brain(sign: float) -> None:
    brain = make_brain(np.random.default_rng(1), sign, sign)
    assert np.corrcoef(brain.ravel(), _template().ravel())[0, 1] > 0.8


def test_files_of_every_orientation_hold_the_same_anatomy(tmp_path: Path) -> None:
    import nibabel

    nib: Any = nibabel  # its functions have no types
    volumes = []
    for orientation in ORIENTATIONS:
        path = tmp_path / orientation / "scan.nii"
        _write_scan(_Scan(path, (), 0.5, -0.5, orientation, np.random.SeedSequence(5)))
        assert "".join(nib.aff2axcodes(nib.load(path).affine)) == orientation
        volumes.append(read(path))
    expected = make_brain(np.random.default_rng(np.random.SeedSequence(5)), 0.5, -0.5)
    for volume in volumes:
        np.testing.assert_array_equal(volume.data, expected)
        np.testing.assert_allclose(volume.affine, affine(), atol=1e-4)
        assert volume.spacing == pytest.approx(SPACING)
        assert volume.notes == ()
