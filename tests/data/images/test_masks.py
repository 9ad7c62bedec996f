"""Which slices a mask chooses, and which masks are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.data import Volume
from fusekit.data.images.masks import (
    is_fractional,
    largest_slices,
    marked,
    mask_box,
    near,
    refuse_other_grid,
)
from fusekit.errors import DataError


def _mask(areas: list[int], axis: int = 2) -> Volume:
    data = np.zeros((len(areas), 30), np.float32)
    for index, area in enumerate(areas):
        data[index, :area] = 1 + index % 3  # masks may number their regions
    return Volume(np.moveaxis(data.reshape(len(areas), 5, 6), 0, axis), np.eye(4), path=Path("tumour.nii"))


@given(areas=st.lists(st.integers(0, 30), min_size=1, max_size=12), count=st.integers(1, 14), axis=st.integers(0, 2))
def test_the_largest_are_those_of_a_sorted_list(areas: list[int], count: int, axis: int) -> None:
    by_area = sorted((-area, index) for index, area in enumerate(areas) if area)  # of equals, the lower index
    expected = sorted(index for _, index in by_area[:count])
    if expected:
        assert largest_slices(_mask(areas, axis), axis, count) == expected
    else:
        with pytest.raises(DataError, match=r"tumour\.nii marks no voxel"):
            largest_slices(_mask(areas, axis), axis, count)


def test_negative_values_are_not_masked() -> None:
    mask = _mask([0, 3, 5])
    mask.data[mask.data == 3] = -1  # of the third slice
    assert largest_slices(mask, 2, 3) == [1]


def test_a_mask_on_another_grid_is_refused_with_both_grids() -> None:
    volume = Volume(np.zeros((4, 5, 6), np.float32), np.diag([2.0, 1, 1, 1]), path=Path("ct.nii"))
    shifted = volume.affine.copy()
    shifted[0, 3] = 0.05
    refuse_other_grid(volume, Volume(volume.data, shifted))  # a twentieth of a voxel: a header's rounding
    shifted[0, 3] = 0.3
    for other, message in (
        (
            Volume(volume.data, shifted, path=Path("m.nii")),
            r"m\.nii.*ct\.nii: 4 x 5 x 6 voxels.*\[2 0 0 0\.3; 0 1 0 0;",
        ),
        (Volume(volume.data[:3], volume.affine), r"^the mask.*: 3 x 5 x 6 voxels.*; the image has 4 x 5 x 6 voxels"),
        (Volume(volume.data, np.diag([2.1, 1, 1, 1])), r"\[2\.1 0 0 0;.*the image has.*\[2 0 0 0;"),
    ):
        with pytest.raises(DataError, match=message):
            refuse_other_grid(volume, other)


def _resampled(areas: list[int]) -> Volume:
    """0.9 inside and a millionth around, as a mask that was resampled has."""
    mask = _mask(areas)
    return Volume(np.where(mask.data > 0, 0.9, 1e-6).astype(np.float32), mask.affine)


def test_a_fractional_mask_marks_what_has_half_of_its_maximum() -> None:
    mask = _resampled([0, 0, 0, 0, 0, 9, 12, 8, 0, 0])
    assert is_fractional(mask)
    assert largest_slices(mask, 2, 3) == [5, 6, 7]
    np.testing.assert_array_equal(marked(mask), mask.data > 0.5)
    edge = Volume(np.array([0, 0.2, 0.499, 0.5, 0.6, 1], np.float32).reshape(6, 1, 1), np.eye(4))
    assert marked(edge).ravel().tolist() == [False, False, False, True, True, True]
    scaled = Volume(edge.data * 255, np.eye(4))  # a probability of 0 to 255
    np.testing.assert_array_equal(marked(scaled), marked(edge))


@pytest.mark.parametrize("values", [(0, 1, 2, 3), (0, 255), (-1, 0, 4), (1e-6, 1, 1.00001)])
def test_numbered_regions_and_rounding_are_not_fractional(values: tuple[float, ...]) -> None:
    mask = Volume(np.array(values, np.float32).reshape(-1, 1, 1), np.eye(4))
    assert not is_fractional(mask)
    assert marked(mask).ravel().tolist() == [round(value) > 0 for value in values]


def test_a_fractional_mask_without_a_positive_value_marks_nothing() -> None:
    mask = Volume(np.array([-0.5, -1.5], np.float32).reshape(2, 1, 1), np.eye(4))
    assert not marked(mask).any()


def _drawn() -> Volume:
    """Voxels of 2 x 1 x 5 mm; a box of 3 x 4 x 2 voxels is marked."""
    data = np.zeros((20, 30, 12), np.float32)
    data[8:11, 10:14, 5:7] = 3
    return Volume(data, np.diag([2.0, 1.0, 5.0, 1.0]), path=Path("tumour.nii"))


@pytest.mark.parametrize(
    ("margin", "box"),
    [
        (0, ((8, 11), (10, 14), (5, 7))),
        (4, ((6, 13), (6, 18), (4, 8))),  # 4 mm are 2 voxels, 4 voxels, and a whole one of 5 mm
        (5, ((5, 14), (5, 19), (4, 8))),  # 5 mm are 3 voxels of 2 mm: never less than the margin
        (16, ((0, 19), (0, 30), (1, 11))),  # as far as the volume reaches
    ],
)
def test_the_box_of_a_mask_by_hand(margin: float, box: tuple[tuple[int, int], ...]) -> None:
    assert mask_box(_drawn(), margin) == tuple(slice(*ends) for ends in box)


def test_what_is_near_a_mask_is_what_lies_within_the_margin_by_hand() -> None:
    mask, margin = _drawn(), 6.0
    marked = np.argwhere(mask.data > 0) * [2, 1, 5]
    places = np.indices(mask.data.shape).reshape(3, -1).T * [2, 1, 5]
    distances = np.sqrt(((places[:, None] - marked[None]) ** 2).sum(axis=2).min(axis=1)).reshape(mask.data.shape)
    np.testing.assert_array_equal(near(mask, margin), distances <= margin)
    np.testing.assert_array_equal(near(mask, 0), mask.data > 0)


def test_a_mask_without_a_marked_voxel_has_no_box() -> None:
    with pytest.raises(DataError, match=r"tumour\.nii marks no voxel"):
        mask_box(Volume(_drawn().data * 0, np.eye(4), path=Path("tumour.nii")), 3)
