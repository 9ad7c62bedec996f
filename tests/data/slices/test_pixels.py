"""Grey levels become network input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fusekit.data import Pixels
from fusekit.data.images.channels import Channel


@pytest.mark.parametrize("dtype", [np.uint8, np.float16])
def test_mean_and_deviation_are_those_of_the_rows(dtype: Any) -> None:
    images = np.random.default_rng(0).uniform(0, 255, (30, 1, 9, 8)).astype(dtype)
    rows = np.array([3, 7, 8, 29])
    pixels = Pixels.fit(images, rows)
    exact = images[rows].astype(np.float64)
    assert pixels.mean == pytest.approx((exact.mean(),), rel=1e-12)
    assert pixels.std == pytest.approx((exact.std(),), rel=1e-12)
    assert Pixels.fit(np.full((3, 1, 4, 4), 9, dtype), np.arange(3)) == ((9.0,), (1.0,))


def test_a_thousand_slices_are_enough() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4100, 1, 3, 3)).astype(np.uint8)
    exact = images[::4].astype(np.float64)
    assert _flat(Pixels.fit(images, np.arange(4100))) == pytest.approx([exact.mean(), exact.std()], rel=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16])
def test_of_volumes_every_fourth_plane_of_a_hundred_is_enough(dtype: Any) -> None:
    images = np.random.default_rng(0).uniform(0, 255, (250, 1, 8, 8, 8)).astype(dtype)
    exact = images[::2, :, ::4].astype(np.float64)
    assert _flat(Pixels.fit(images, np.arange(250))) == pytest.approx([exact.mean(), exact.std()], rel=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16])
@pytest.mark.parametrize("shape", [(2, 1, 5, 6), (2, 1, 5, 5, 5)])
def test_tensors_are_standardised(dtype: Any, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).uniform(0, 255, shape).astype(dtype)
    before = images.copy()
    tensor = Pixels((100.0,), (50.0,)).to_tensor(images)
    assert tensor.dtype == torch.float32
    assert tensor.shape == shape
    np.testing.assert_allclose(tensor.numpy(), (before.astype(np.float64) - 100) / 50, atol=1e-6)
    literal = (before.astype(np.float32) - np.float32(100)) / np.float32(50)
    np.testing.assert_array_equal(tensor.numpy(), literal)  # to the last bit
    np.testing.assert_array_equal(images, before)
    images.flags.writeable = False
    assert torch.equal(Pixels((100.0,), (50.0,)).to_tensor(images), tensor)


def test_what_augmentation_made_is_standardised_alike_and_left_as_it_is() -> None:
    grey = torch.rand(2, 1, 5, 6) * 255
    before = grey.clone()
    standard = Pixels((100.0,), (50.0,)).standardise(grey)
    assert torch.equal(grey, before)
    torch.testing.assert_close(standard, (before - 100) / 50)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: it divides by other instructions")
def test_on_cuda_the_numbers_are_the_same_to_the_last_bit() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 1, 32, 32), dtype=np.uint8)
    pixels = Pixels((61.37,), (43.911,))
    assert torch.equal(pixels.to_tensor(images, "cuda").cpu(), pixels.to_tensor(images))


def test_each_channel_has_its_own_scale_and_a_mask_none() -> None:
    draw = np.random.default_rng(0)
    images = np.stack([draw.integers(0, 60, (9, 4, 4)), draw.integers(90, 256, (9, 4, 4)), np.zeros((9, 4, 4))], axis=1)
    images[:, 2, :2] = 255
    channels = (Channel("t1", "t1"), Channel("flair", "flair"), Channel("mask", "mask"))
    pixels = Pixels.fit(images.astype(np.uint8), np.arange(9), channels)
    assert pixels.mean[:2] == pytest.approx([images[:, k].mean() for k in (0, 1)], rel=1e-12)
    assert pixels.std[:2] == pytest.approx([images[:, k].std() for k in (0, 1)], rel=1e-12)
    tensor = pixels.to_tensor(images.astype(np.uint8)).numpy()
    for k in (0, 1):
        assert tensor[:, k].mean() == pytest.approx(0, abs=1e-6)
        assert tensor[:, k].std() == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(tensor[:, 2], images[:, 2] / 255)  # 0 and 1, whatever its mean


def _flat(pixels: Pixels) -> list[float]:
    return [*pixels.mean, *pixels.std]


def test_of_no_slice_nothing_is_moved_or_scaled() -> None:
    images = np.zeros((0, 2, 4, 4), dtype=np.uint8)
    assert Pixels.fit(images, np.arange(0)) == ((0.0, 0.0), (1.0, 1.0))
