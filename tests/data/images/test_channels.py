"""Images of one scan are brought to one grid, and only where they show one part of the body."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pytest
from PIL import Image
from scipy.interpolate import RegularGridInterpolator

from fusekit.data import Volume
from fusekit.data.images.channels import (
    Channel,
    channels_of,
    check_names,
    columns_of,
    covered,
    image_columns,
    read_scan,
    resampled,
    same_grid,
)
from fusekit.errors import DataError

nibabel: Any = untyped_nibabel

FIRST = np.array([[1.0, 0, 0, -10], [0, 1.5, 0, -8], [0, 0, 3, 5], [0, 0, 0, 1]])
#: Turned by 20 degrees about z, with other voxels.
COS, SIN = np.cos(np.deg2rad(20)), np.sin(np.deg2rad(20))
TURNED = np.array([[2 * COS, -2 * SIN, 0, -14], [2 * SIN, 2 * COS, 0, -17], [0, 0, 1.7, 2], [0, 0, 0, 1]])


def save(path: Path, data: np.ndarray, affine: np.ndarray, *, code: int = 1) -> Path:
    image = nibabel.Nifti1Image(data.astype(np.float32), affine)
    image.set_sform(affine, code=code)
    image.set_qform(affine if code else None, code=code)
    nibabel.save(image, path)
    return path


def volume(shape: tuple[int, ...] = (24, 16, 9), affine: np.ndarray = FIRST, seed: int = 0) -> Volume:
    data = np.random.default_rng(seed).normal(100, 20, shape).astype(np.float32)
    return Volume(data, affine, orientation="RAS")


def literal(moving: Volume, grid: Volume) -> np.ndarray:
    """Trilinear at the world coordinates of each voxel; its darkest value outside."""
    axes = [np.arange(count, dtype=float) for count in moving.data.shape]
    at = RegularGridInterpolator(
        axes, moving.data.astype(float), bounds_error=False, fill_value=float(moving.data.min())
    )
    places = np.stack([*np.indices(grid.data.shape).reshape(3, -1), np.ones(grid.data.size)])
    found = at((np.linalg.inv(moving.affine) @ grid.affine @ places)[:3].T)
    return np.asarray(found).reshape(grid.data.shape)


def test_another_grid_is_resampled_as_scipy_interpolates_world_coordinates() -> None:
    grid, moving = volume(), volume((30, 26, 20), TURNED, seed=1)
    found, expected = resampled(moving, grid), literal(moving, grid)
    inside = expected != float(moving.data.min())
    assert 0.3 < inside.mean() < 1
    np.testing.assert_allclose(found.data[inside], expected[inside], rtol=1e-4)
    assert same_grid(grid, found)


def test_it_is_what_nilearn_gives() -> None:
    from nilearn.image import resample_to_img

    grid, moving = volume(), volume((30, 26, 20), TURNED, seed=1)
    images = (nibabel.Nifti1Image(one.data, one.affine) for one in (moving, grid))
    theirs = resample_to_img(
        *images, interpolation="linear", fill_value=float(moving.data.min()), force_resample=True, copy_header=True
    )
    expected = theirs.get_fdata()  # which has background within half a voxel of the edge
    inside = np.abs(expected - moving.data.min()) > 1e-3
    assert 0.3 < inside.mean() < 1
    np.testing.assert_allclose(resampled(moving, grid).data[inside], expected[inside], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("nearest", [False, True])
def test_a_coarse_image_has_values_up_to_the_edge_of_its_field_of_view_as_in_simpleitk(nearest: bool) -> None:
    sitk: Any = pytest.importorskip("SimpleITK")
    coarse = np.diag([4.0, 4, 5, 1])
    coarse[:3, 3] = 1.5, 1.5, 2  # of the same faces as 20 x 20 x 20 voxels of 1 mm
    turned = TURNED.copy()
    turned[:3, 3] = 3, -2, 1
    for affine, grid, shape in ((coarse, volume((20, 20, 20), np.eye(4)), (5, 5, 4)), (turned, volume(), (8, 7, 3))):
        moving = volume(shape, affine, seed=1)
        images = []
        for one in (moving, grid):
            image = sitk.GetImageFromArray(one.data.transpose(2, 1, 0))
            image.SetSpacing(one.spacing)
            image.SetDirection((one.affine[:3, :3] / one.spacing).ravel().tolist())
            image.SetOrigin(one.affine[:3, 3].tolist())
            images.append(image)
        how = sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear
        theirs = sitk.Resample(*images, sitk.Transform(), how, float(moving.data.min()))
        expected = sitk.GetArrayFromImage(theirs).transpose(2, 1, 0)
        found = resampled(moving, grid, order=0 if nearest else 1).data
        assert np.mean(~np.isclose(found, expected, rtol=1e-4)) < (0.002 if nearest else 1e-9)  # ties round either way
    assert found.min() == moving.data.min()


def test_headers_that_round_take_no_slice_away() -> None:
    grid, moving = volume(), volume((24, 16, 5), FIRST @ np.diag([1.0, 1, 2, 1]), seed=1)
    moving.affine[:3, 3] += 1e-6
    np.testing.assert_allclose(resampled(moving, grid).data[..., 0], moving.data[..., 0], rtol=1e-4)


def test_a_scan_has_all_images_on_the_first_grid_and_says_so(tmp_path: Path) -> None:
    first, other = volume(), volume((30, 26, 20), TURNED, seed=1)
    paths = {"t1": save(tmp_path / "a.nii", first.data, FIRST), "flair": save(tmp_path / "b.nii", other.data, TURNED)}
    scan = read_scan(paths, None, "auto")
    assert [image.data.shape for image in scan.images] == [(24, 16, 9)] * 2
    assert [file.data.shape for file in scan.files] == [(24, 16, 9), (30, 26, 20)]  # as measured: before
    np.testing.assert_array_equal(scan.images[0].data, first.data)
    assert scan.notes == ("flair was brought to the grid of t1 by their headers (linear; no registration)",)
    alike = {"t1": paths["t1"], "flair": save(tmp_path / "c.nii", first.data + 1, FIRST + 1e-5)}
    assert read_scan(alike, None, "auto").notes == ()  # headers round


@pytest.mark.parametrize(("moved", "share"), [(0.0, 1.0), (12.0, 0.5), (18.0, 0.25), (24.0, 0.0), (100.0, 0.0)])
def test_how_much_of_the_first_field_of_view_is_covered(moved: float, share: float) -> None:
    away = FIRST.copy()
    away[0, 3] += moved
    assert covered(volume(), volume(affine=away)) == pytest.approx(share)


def test_fields_of_view_that_do_not_overlap_are_refused_with_both_files_and_the_distance(tmp_path: Path) -> None:
    away = FIRST.copy()
    away[2, 3] += 300
    first, other = save(tmp_path / "a.nii", volume().data, FIRST), save(tmp_path / "b.nii", volume().data, away)
    with pytest.raises(DataError, match=r"b\.nii \(flair\) and .*a\.nii \(t1\).*overlap by 0\.0%.*300 mm apart"):
        read_scan({"t1": first, "flair": other}, None, "auto")
    away[2, 3] = 5 + 18  # of 27
    save(tmp_path / "b.nii", volume().data, away)
    notes = read_scan({"t1": first, "flair": other}, None, "auto").notes
    assert notes[1].startswith("flair covers less than half of the field of view of t1")


def test_grids_are_not_guessed_where_a_file_does_not_say_where_it_lies(tmp_path: Path) -> None:
    first = save(tmp_path / "a.nii", volume().data, FIRST)
    other = save(tmp_path / "b.nii", volume((10, 10, 10)).data, FIRST, code=0)
    with pytest.raises(DataError, match=r"10 x 10 x 10 and 24 x 16 x 9 voxels.*not recorded in both"):
        read_scan({"t1": first, "flair": other}, None, "auto")
    for name, size in (("c.png", (8, 9)), ("d.png", (9, 8))):
        Image.fromarray(np.random.default_rng(0).integers(0, 255, size, dtype=np.uint8)).save(tmp_path / name)
    with pytest.raises(DataError, match="different grids"):
        read_scan({"one": tmp_path / "c.png", "two": tmp_path / "d.png"}, None, "auto")


def test_a_mask_that_was_drawn_on_another_image_comes_to_the_first_as_it_is(tmp_path: Path) -> None:
    first, other = volume(), volume((30, 26, 20), TURNED, seed=1)
    paths = {"t1": save(tmp_path / "a.nii", first.data, FIRST), "flair": save(tmp_path / "b.nii", other.data, TURNED)}
    drawn = np.zeros(other.data.shape)
    drawn[10:15, 6:10, 4:12] = 2
    scan = read_scan(paths, save(tmp_path / "m.nii", drawn, TURNED), "auto")
    assert scan.mask is not None
    assert same_grid(scan.mask, first)
    assert set(np.unique(scan.mask.data)) == {0, 2}  # nearest: no label is mixed
    marked = scan.mask.data > 0
    millilitres = [n * abs(np.linalg.det(a)) / 1000 for n, a in ((marked.sum(), FIRST), ((drawn > 0).sum(), TURNED))]
    assert millilitres[0] == pytest.approx(millilitres[1], rel=0.2)
    assert any("the mask was drawn on another image" in note for note in scan.notes)


def colour(path: Path, seed: int = 0) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def test_colours_are_red_green_and_blue_by_hand(tmp_path: Path) -> None:
    pixels = colour(tmp_path / "a.png")
    scan = read_scan({"image": tmp_path / "a.png"}, None, "rgb")
    for channel, image in enumerate(scan.images):  # (X, Y, 1), the viewer's right is low x, the bottom is low y
        np.testing.assert_array_equal(image.data[::-1, ::-1, 0].T, pixels[..., channel])
    luma = 0.299 * pixels[..., 0] + 0.587 * pixels[..., 1] + 0.114 * pixels[..., 2]
    (grey,) = read_scan({"image": tmp_path / "a.png"}, None, "grey").images
    np.testing.assert_allclose(grey.data[::-1, ::-1, 0].T, luma, rtol=1e-5)
    with pytest.raises(DataError, match=r"a\.png: the picture is in colour.*slices\.colour=rgb"):
        read_scan({"image": tmp_path / "a.png"}, None, "auto")


def test_a_grey_picture_has_three_equal_colours_where_three_are_asked_for(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 9), dtype=np.uint8)).save(tmp_path / "a.png")
    red, green, blue = read_scan({"image": tmp_path / "a.png"}, None, "rgb").images
    np.testing.assert_array_equal(red.data, green.data)
    np.testing.assert_array_equal(red.data, blue.data)


def test_names_of_channels_and_columns() -> None:
    assert channels_of(("image",), coloured=False, masked=False) == (Channel("image", "image"),)
    names = [channel.name for channel in channels_of(("image",), coloured=True, masked=True)]
    assert names == ["red", "green", "blue", "mask"]
    both = channels_of(("skin", "dermoscopy"), coloured=True, masked=False)
    assert [channel.name for channel in both][2:4] == ["skin blue", "dermoscopy red"]
    assert [channel.image for channel in both] == ["skin"] * 3 + ["dermoscopy"] * 3
    assert columns_of(("t1", "flair")) == {"t1": "image", "flair": "image:flair"}
    assert image_columns(["subject", "image:flair", "image", "mask"]) == ["image", "image:flair"]


@pytest.mark.parametrize("names", [(), ("mask",), ("t1", "t1"), ("a=b",), ("a b",), ("",), ("x:y",)])
def test_names_that_cannot_be_given_on_the_command_line_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="each takes a name of its own"):
        check_names(names)
    check_names(("t1", "T2-FLAIR", "ADC.b1000", "größe"))
