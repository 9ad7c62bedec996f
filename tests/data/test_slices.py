from itertools import permutations, product
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fusekit.data import SlicePolicy, Volume, cut, read_nifti
from fusekit.data.slices import choose, grey_window
from fusekit.errors import DataError

nibabel: Any = untyped_nibabel
PLANES: tuple[Any, ...] = ("sagittal", "coronal", "axial")


def _volume(shape: tuple[int, int, int] = (8, 10, 12), spacing: tuple[float, ...] = (1, 1, 1), seed: int = 0) -> Volume:
    data = np.random.default_rng(seed).uniform(0, 100, shape).astype(np.float32)
    return Volume(data, np.diag([*spacing, 1.0]))


def _at(plane: Any, start: float = 0, stop: float = 1, **more: Any) -> SlicePolicy:
    return SlicePolicy(plane=plane, start=start, stop=stop, **more)


@pytest.mark.parametrize(
    ("plane", "mark", "row", "column"),
    [
        # (right, anterior, superior) end of each axis; radiological display
        ("coronal", (-1, 0, -1), 0, 0),  # right and superior: the viewer's left, up
        ("coronal", (0, 0, -1), 0, -1),  # left and superior: the viewer's right, up
        ("coronal", (0, 0, 0), -1, -1),
        ("axial", (-1, -1, 0), 0, 0),  # right and anterior
        ("axial", (0, -1, 0), 0, -1),
        ("sagittal", (0, -1, -1), 0, 0),  # anterior and superior
        ("sagittal", (0, 0, -1), 0, -1),  # posterior
    ],
)
def test_slices_are_shown_as_radiologists_expect(plane: Any, mark: Any, row: int, column: int) -> None:
    data = np.zeros((16, 16, 16), np.float32)
    data[mark] = 1
    images, indices = cut(Volume(data, np.eye(4)), _at(plane), 16)
    assert indices == [0]
    expected = np.zeros((1, 16, 16), np.uint8)
    expected[0, row, column] = 255
    np.testing.assert_array_equal(images, expected)


def test_the_same_head_saved_in_every_orientation_gives_the_same_slices(tmp_path: Path) -> None:
    affine = np.array([[2.0, 0, 0, -7], [0, 3.0, 0, -11], [0, 0, 1.5, 4], [0, 0, 0, 1]])
    data = np.random.default_rng(0).integers(0, 500, (6, 7, 8)).astype(np.int16)
    data[-1, -1, -1] = 900  # the right anterior superior corner
    image = nibabel.Nifti1Image(data, affine)
    policies = [_at(plane, 2, 5) for plane in PLANES] + [_at("coronal", -8, 4, space="mm", fit="pad")]
    expected = [cut(Volume(data.astype(np.float32), affine), policy, 9) for policy in policies]
    for number, (axes, signs) in enumerate(product(permutations(range(3)), product([1, -1], repeat=3))):
        path = tmp_path / f"{number}.nii"
        nibabel.save(image.as_reoriented(np.stack([axes, signs], axis=1)), path)
        volume = read_nifti(path)
        assert volume is not None
        for policy, (images, indices) in zip(policies, expected, strict=True):
            found = cut(volume, policy, 9)
            np.testing.assert_array_equal(found[0], images)
            assert found[1] == indices


@settings(deadline=None, max_examples=60)
@given(
    plane=st.sampled_from(PLANES),
    shape=st.tuples(*[st.integers(2, 40)] * 3),
    size=st.integers(1, 48),
    seed=st.integers(0, 9),
)
def test_a_slice_is_resized_as_torch_resizes_without_aliasing(
    plane: Any, shape: tuple[int, int, int], size: int, seed: int
) -> None:
    volume = _volume(shape, seed=seed)
    images, _ = cut(volume, _at(plane), size)
    black, white = grey_window(volume.data)
    axis = PLANES.index(plane)
    grey = torch.from_numpy(((volume.data.take(0, axis) - black) / (white - black)).clip(0, 1).T[::-1, ::-1].copy())
    resized = torch.nn.functional.interpolate(
        grey[None, None], (size, size), mode="bilinear", antialias=True, align_corners=False
    )
    np.testing.assert_allclose(images[0], resized[0, 0].numpy() * 255, atol=0.51)


def test_padding_keeps_proportions_in_mm() -> None:
    data = np.full((20, 3, 10), 50, np.float32)
    data[0, 0, 0] = 0
    volume = Volume(data, np.diag([1.0, 1, 3, 1]))  # the slice is 20 mm wide and 30 mm high
    image = cut(volume, _at("coronal", 1, 2, fit="pad"), 30)[0][0]
    expected = np.zeros((30, 30), np.uint8)
    expected[:, 5:25] = 255
    np.testing.assert_array_equal(image, expected)
    assert (cut(volume, _at("coronal", 1, 2), 30)[0] == 255).all()


def test_black_and_white_are_percentiles_of_what_is_brighter_than_the_fill() -> None:
    data = np.concatenate([np.full(5000, -1024), np.arange(1, 1002)]).astype(np.float32).reshape(1, 17, 353)
    assert grey_window(data) == pytest.approx((1 + 0.005 * 1000, 1 + 0.995 * 1000))
    image = cut(Volume(data, np.eye(4)), _at("sagittal"), 400)[0]
    assert (image.min(), image.max()) == (0, 255)


def test_an_outlier_does_not_darken_the_rest_and_a_mask_is_black_and_white() -> None:
    volume = _volume((20, 20, 20))
    before, _ = cut(volume, _at("axial", 5, 6), 20)
    volume.data[0, 0, 0] = 1e6
    after, _ = cut(volume, _at("axial", 5, 6), 20)
    assert np.abs(before.astype(int) - after).max() <= 1
    mask = np.zeros((4, 4, 4), np.float32)
    mask[0, 0, 0] = 3
    assert set(np.unique(cut(Volume(mask, np.eye(4)), _at("axial"), 4)[0])) == {0, 255}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"start": 2, "stop": 6}, [2, 3, 4, 5]),
        ({"start": 0, "stop": 10, "step": 4}, [0, 4, 8]),
        ({"space": "fraction", "start": 0.5, "stop": 0.8}, [5, 6, 7]),
        ({"space": "fraction", "start": 0, "stop": 1}, list(range(10))),
        ({"space": "mm", "start": -4, "stop": 2}, [3, 4, 5]),  # centres at -10, -8, ..., 8 mm
        ({"space": "mm", "start": -3.9, "stop": 2.1}, [4, 5, 6]),
        ({"space": "mm", "start": -11, "stop": 9, "step": 9}, [0, 9]),
    ],
)
def test_a_policy_names_slices(options: dict[str, Any], expected: list[int]) -> None:
    affine = np.diag([1.0, 2, 1, 1])
    affine[1, 3] = -10
    assert choose(Volume(np.zeros((4, 10, 4), np.float32), affine), SlicePolicy(**options)) == expected


def test_mm_are_world_coordinates_of_the_slices_centre_in_a_tilted_volume() -> None:
    angle = np.deg2rad(10)
    affine = np.eye(4)
    affine[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    volume = Volume(np.zeros((5, 11, 21), np.float32), affine)
    centres = [(affine @ [2, j, 10, 1])[1] for j in range(11)]
    expected = [j for j, y in enumerate(centres) if 0 <= y < 5]
    assert choose(volume, SlicePolicy(space="mm", start=0, stop=5)) == expected
    assert expected[0] == 2  # and not 0: the tilt moves the centre by 10 sin(10 deg) = 1.74 mm


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {},
            r"head\.nii: coronal slices from 130 to 140 in voxel space.*0 to 10 \(posterior to anterior, 10 slices",
        ),
        ({"start": -1, "stop": 3}, "not all inside"),
        ({"space": "mm", "start": -12, "stop": 0}, r"from -12 to 0 mm in mm space.*from -11 to 9 mm.*of 2 mm"),
        ({"space": "mm", "start": 0, "stop": 9.5}, "not all inside"),
        ({"space": "mm", "start": -3.5, "stop": -3}, r"there are no coronal slices.*Widen"),
        ({"space": "fraction", "start": 0.5, "stop": 1.1}, "from 0 to 1"),
        ({"space": "fraction", "start": 0.41, "stop": 0.44}, "there are no"),
        ({"plane": "axial"}, "inferior to superior, 4 slices of 1 mm"),
    ],
)
def test_a_range_without_slices_tells_the_volumes_extent(options: dict[str, Any], message: str) -> None:
    affine = np.diag([1.0, 2, 1, 1])
    affine[1, 3] = -10
    volume = Volume(np.ones((4, 10, 4), np.float32), affine, path=Path("head.nii"))
    with pytest.raises(DataError, match=message):
        cut(volume, SlicePolicy(**options), 8)
