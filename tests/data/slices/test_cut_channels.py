"""Several channels are cut alike, each with its own brightness; what a mask does to them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fusekit.data import SlicePolicy, Volume, cut
from fusekit.data.slices.cut import cut_channels
from fusekit.errors import DataError, OptionError

AFFINE = np.diag([2.0, 1.0, 5.0, 1.0])
SHAPE = (20, 40, 12)
#: Every axial slice.
ALL = SlicePolicy(plane="axial", start=0, stop=12)
TUMOUR = (slice(8, 11), slice(10, 14), slice(5, 7))


def volume(seed: int = 0, scale: float = 1.0) -> Volume:
    return Volume((scale * np.random.default_rng(seed).uniform(1, 100, SHAPE)).astype(np.float32), AFFINE)


def mask() -> Volume:
    data = np.zeros(SHAPE, np.float32)
    data[TUMOUR] = 1
    return Volume(data, AFFINE)


@pytest.mark.parametrize("plane", ["sagittal", "coronal", "axial", "volume"])
def test_each_channel_is_as_it_is_cut_alone(plane: Any) -> None:
    policy, volumes = replace(ALL, plane=plane), [volume(0), volume(1, scale=7), volume(2)]
    images, indices = cut_channels(volumes, policy, 16)
    assert images.shape == (len(indices), 3, *[16] * (3 if plane == "volume" else 2))
    for number, one in enumerate(volumes):
        alone, same = cut(one, policy, 16)
        assert same == indices
        np.testing.assert_array_equal(images[:, number], alone)


def test_each_image_has_its_window_and_a_width_of_0_takes_percentiles() -> None:
    volumes, plain = [volume(0), volume(1)], replace(ALL, depth="float16")
    images, _ = cut_channels(volumes, replace(plain, window=(50, 40, 0, 0)), 16)
    np.testing.assert_array_equal(images[:, 0], cut(volumes[0], replace(plain, window=(50, 40)), 16)[0])
    np.testing.assert_array_equal(images[:, 1], cut(volumes[1], plain, 16)[0])
    both, _ = cut_channels(volumes, replace(plain, window=(50, 40)), 16)  # one pair is for all
    np.testing.assert_array_equal(both[:, 1], cut(volumes[1], replace(plain, window=(50, 40)), 16)[0])
    with pytest.raises(OptionError, match=r"slices\.window has 2 pairs of width and level, and a scan 3 images"):
        cut_channels([*volumes, volume(2)], replace(plain, window=(50, 40, 0, 0)), 16)


def test_a_mask_as_channel_is_0_and_white_whatever_its_numbers() -> None:
    numbered = replace(mask(), data=mask().data * 7)
    policy = replace(ALL, mask="channel", fit="stretch", start=5, stop=8)
    images, indices = cut_channels([volume()], policy, 40, numbered)
    assert images.shape == (3, 2, 40, 40)
    assert set(np.unique(images[0, 1])) <= set(range(256))
    assert images[:, 1].max(axis=(1, 2)).tolist() == [255, 255, 0]  # slices 5 and 6 are marked, 7 is not
    drawn = mask().data[:, :, 5].T[::-1, ::-1]  # 40 rows, 20 columns
    rows = np.flatnonzero(images[0, 1].max(axis=1) > 127)
    np.testing.assert_array_equal(rows, np.flatnonzero(drawn.any(axis=1)))
    np.testing.assert_array_equal(images[:, 0], cut(volume(), replace(ALL, start=5, stop=8), 40)[0])
    assert indices == [5, 6, 7]


def test_a_crop_is_the_box_by_hand_on_an_anisotropic_volume() -> None:
    policy = replace(ALL, mask="crop", margin=4, space="fraction", start=0, stop=1, depth="float16", window=(100, 50))
    volumes = [volume(0), volume(1)]
    images, indices = cut_channels(volumes, policy, 12, mask())
    assert indices == [0, 1, 2, 3]  # 5 mm below to 5 mm above, counted within the box
    for number, one in enumerate(volumes):
        box = one.data[6:13, 6:18, 4:8]  # 4 mm: 2, 4 and 1 voxels on each side
        alone = Volume(box, AFFINE)
        expected, _ = cut(alone, replace(policy, mask="choose"), 12)
        np.testing.assert_array_equal(images[:, number], expected)


def test_a_crop_keeps_millimetres_and_the_largest_slices() -> None:
    policy = replace(ALL, mask="crop", margin=5, space="mm", start=25, stop=31)
    assert cut_channels([volume()], policy, 8, mask())[1] == [1, 2]  # slices 5 and 6 of the volume, which is cut at 4
    largest = replace(ALL, mask="crop", margin=5, largest=2)
    assert cut_channels([volume()], largest, 8, mask())[1] == [1, 2]
    whole, _ = cut_channels([volume()], replace(ALL, plane="volume", mask="crop", margin=5), 8, mask())
    box = Volume(volume().data[5:14, 5:19, 4:8], AFFINE)
    np.testing.assert_array_equal(whole[:, 0], cut(box, SlicePolicy(plane="volume"), 8)[0])


@pytest.mark.parametrize("window", [(), (60, 50)])
def test_what_is_zeroed_is_black_and_the_rest_has_the_scale_of_what_is_left(window: tuple[float, ...]) -> None:
    policy = replace(ALL, mask="zero", margin=0, window=window, depth="float16", fit="stretch")
    one = replace(volume(), data=volume().data + 30)
    images, _ = cut_channels([one], policy, 40, mask())
    emptied = np.full(SHAPE, min(one.data.min(), 20 if window else np.inf), np.float32)
    emptied[TUMOUR] = one.data[TUMOUR]
    expected, _ = cut(Volume(emptied, AFFINE), replace(policy, mask="choose"), 40)
    np.testing.assert_array_equal(images[:, 0], expected)
    assert images[0].max() == 0
    assert images[5].max() > 200


def test_masks_on_another_grid_and_empty_ones_are_refused() -> None:
    policy = replace(ALL, mask="crop")
    with pytest.raises(DataError, match="not drawn on the grid"):
        cut_channels([volume()], policy, 8, Volume(mask().data, np.eye(4)))
    with pytest.raises(DataError, match="marks no voxel"):
        cut_channels([volume()], policy, 8, replace(mask(), data=mask().data * 0))


def test_colours_of_a_picture_stay_as_they_are_and_others_share_one_scale() -> None:
    draw, policy = np.random.default_rng(0), SlicePolicy(plane="axial", start=0, stop=1, colour="rgb")
    bands = [Volume(draw.integers(60, 200, (16, 16, 1)).astype(np.float32), np.eye(4)) for _ in range(3)]
    images, _ = cut_channels(bands, policy, 16)
    for number, band in enumerate(bands):
        np.testing.assert_array_equal(images[0, number], band.data[:, :, 0].T[::-1, ::-1])
    deep = [replace(band, data=band.data * 100) for band in bands]  # 16 bits
    images, _ = cut_channels(deep, replace(policy, depth="float16"), 16)
    together = np.stack([band.data for band in deep])
    black, white = np.percentile(together[together > together.min()], (0.5, 99.5))
    literal = (np.clip(together[..., 0].transpose(0, 2, 1)[:, ::-1, ::-1], black, white) - black) / (white - black)
    np.testing.assert_allclose(images[0], literal * 255, atol=0.07)
