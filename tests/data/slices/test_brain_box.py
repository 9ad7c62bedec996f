"""The brain's box on the MNI template, whose brain is known, bare and inside a head that is drawn around it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from fusekit.data import Volume
from fusekit.data.slices.brain_box import brain_box, crop

#: mm: the box's own margin is a voxel of the coarse copy (2 to 3 mm), and half a voxel of blur comes on top.
CLOSE = 4.0
#: mm: downwards the spinal cord leaves the brain without an edge, and a few mm of it may stay.
CORD = 9.0


@cache
def _template() -> Volume:
    from nilearn.datasets import load_mni152_template

    image = load_mni152_template(resolution=2)
    return Volume(np.asarray(image.dataobj, dtype=np.float32), np.asarray(image.affine, dtype=float))


@cache
def _resampled(spacing: tuple[float, float, float], degrees: float = 0) -> Volume:
    """The template on another grid, turned about x; room around it holds a head."""
    source = _template()
    turn = np.deg2rad(degrees)
    axes = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    affine = np.eye(4)
    affine[:3, :3] = axes @ np.diag(spacing)
    shape = np.ceil(np.array([230.0, 280, 260]) / spacing).astype(int)
    centre = (source.affine @ [*(np.array(source.data.shape) - 1) / 2, 1])[:3]
    affine[:3, 3] = centre - affine[:3, :3] @ ((shape - 1) / 2)
    to_source = np.linalg.inv(source.affine) @ affine
    data = ndimage.affine_transform(source.data, to_source, output_shape=tuple(shape), order=1)
    return Volume(data.astype(np.float32), affine)


@cache
def _head(spacing: tuple[float, float, float], degrees: float = 0) -> Volume:
    """Fluid and bone of 7 mm around the brain, a scalp brighter than it, a neck with a cord in fluid, and noise."""
    brain = _resampled(spacing, degrees)
    inside = ndimage.binary_closing(brain.data > 0.05, iterations=2)
    out = ndimage.distance_transform_edt(~inside, sampling=brain.spacing)
    data = brain.data.copy()
    data[(out > 7) & (out <= 13)] = 1.2
    grid = np.stack(np.meshgrid(*map(np.arange, data.shape), indexing="ij"), axis=-1)
    world = grid @ brain.affine[:3, :3].T + brain.affine[:3, 3]
    stem = world[inside & (world[..., 2] < world[inside][:, 2].min() + 10)].mean(axis=0)
    aside = np.hypot(world[..., 0] - stem[0], world[..., 1] - stem[1])
    below = (world[..., 2] < stem[2]) & ~inside
    for radius, value in ((55, 0.6), (9, 0.1), (5.5, 0.7)):  # muscle, fluid, cord
        data[below & (aside < radius)] = value
    noise = np.random.default_rng(0).normal(0, 0.03, data.shape)
    return Volume(np.abs(data + noise).astype(np.float32), brain.affine)


def _edges(brain: Volume) -> list[tuple[int, int]]:
    """First and last + 1 voxel of the template's brain along each axis."""
    found = []
    for axis in range(3):
        lines = np.flatnonzero((brain.data > 0.05).any(axis=tuple(other for other in range(3) if other != axis)))
        found.append((int(lines[0]), int(lines[-1]) + 1))
    return found


GRIDS = [((2.0, 2.0, 2.0), 0), ((1.2, 1.2, 3.0), 0), ((2.0, 2.0, 2.0), 20), ((1.0, 3.0, 1.0), -15)]


@pytest.mark.parametrize(("spacing", "degrees"), GRIDS)
@pytest.mark.parametrize("head", [False, True])
def test_the_box_is_the_brains_own_within_a_few_mm(spacing: Any, degrees: float, head: bool) -> None:
    brain = _resampled(spacing, degrees)
    box = brain_box(_head(spacing, degrees) if head else brain)
    for axis, (part, (first, end), size) in enumerate(zip(box, _edges(brain), spacing, strict=True)):
        low, high = (part.start - first) * size, (part.stop - end) * size
        down = CORD if head and axis == 2 else CLOSE
        assert -max(down, size) <= low <= 1, (axis, low)
        assert -1 <= high <= max(CLOSE, size), (axis, high)


def test_the_box_is_the_same_at_a_millimetre() -> None:
    brain = _resampled((1, 1, 1))
    for part, (first, end) in zip(brain_box(brain), _edges(brain), strict=True):
        assert part.start == pytest.approx(first, abs=CLOSE)
        assert part.stop == pytest.approx(end, abs=CLOSE)


def test_fat_that_outshines_the_brain_does_not_take_its_place() -> None:
    brain, head = _resampled((2.0, 2.0, 2.0)), _head((2.0, 2.0, 2.0))
    fat = Volume(np.where(head.data > 1.1, 3 * head.data, head.data), head.affine)
    for axis, (part, (first, end)) in enumerate(zip(brain_box(fat), _edges(brain), strict=True)):
        assert part.start * 2 == pytest.approx(first * 2, abs=CORD if axis == 2 else CLOSE)
        assert part.stop * 2 == pytest.approx(end * 2, abs=CLOSE)


def test_what_is_smaller_than_any_radius_is_boxed_all_the_same() -> None:
    data = np.zeros((30, 30, 30), np.float32)
    data[10:14, 12:16, 15:18] = 1  # 4 mm: no brain of a human
    volume = Volume(data, np.eye(4))
    assert all(
        part.start <= low and part.stop >= high
        for part, low, high in zip(brain_box(volume), (10, 12, 15), (14, 16, 18), strict=True)
    )
    assert crop(volume, brain_box(volume)).data.size < 1000


def test_a_cropped_voxel_stays_where_it_is_in_the_world() -> None:
    brain = _resampled((2.0, 2.0, 2.0), 20)
    box = (slice(3, 20), slice(5, 30), slice(7, 9))
    part = crop(brain, box)
    assert part.data.shape == (17, 25, 2)
    assert part.data[2, 4, 1] == brain.data[5, 9, 8]
    np.testing.assert_allclose(part.affine @ [2, 4, 1, 1], brain.affine @ [5, 9, 8, 1])
