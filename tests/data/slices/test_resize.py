"""Resizing against torch's antialiased interpolation, and proportions in mm."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fusekit.data.slices.resize import fit_slice, fit_volume


def _along(data: torch.Tensor, axis: int, size: int) -> torch.Tensor:
    """torch has no antialiased trilinear filter: its bilinear one, one axis at a time."""
    moved = data.movedim(axis, -1)
    flat = moved.reshape(1, 1, -1, moved.shape[-1])
    resized = torch.nn.functional.interpolate(
        flat, (flat.shape[2], size), mode="bilinear", antialias=True, align_corners=False
    )
    return resized.reshape(*moved.shape[:-1], size).movedim(-1, axis)


@settings(max_examples=40)
@given(shape=st.tuples(*[st.integers(2, 24)] * 3), size=st.integers(1, 20), seed=st.integers(0, 9))
def test_a_volume_is_resized_axis_by_axis_as_torch_resizes_without_aliasing(
    shape: tuple[int, int, int], size: int, seed: int
) -> None:
    data = np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32)
    expected = torch.from_numpy(data)
    for axis in range(3):
        expected = _along(expected, axis, size)
    np.testing.assert_allclose(fit_volume(data, size, (1, 1, 1), "stretch"), expected.numpy(), atol=1e-5)


def test_padding_keeps_a_volumes_proportions_in_mm_and_centres_it() -> None:
    data = np.ones((10, 5, 20), np.float32)  # 30 mm, 10 mm, 20 mm
    cube = fit_volume(data, 12, (3, 2, 1), "pad")
    expected = np.zeros((12, 12, 12), np.float32)
    expected[:, 4:8, 2:10] = 1
    np.testing.assert_allclose(cube, expected)


def test_padding_keeps_a_thin_slice_visible() -> None:
    square = fit_slice(np.ones((1, 50), np.float32), 8, (1, 1), "pad")
    assert square.sum() == pytest.approx(8)
    assert square[3].tolist() == [1] * 8
