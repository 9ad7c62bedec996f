"""What is measured of a volume, against literal formulas."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import nibabel as untyped_nibabel
import numpy as np
import pytest

from fusekit.data import Volume
from fusekit.data.images import volume as images
from fusekit.data.images.facts import measure, otsu

nibabel: Any = untyped_nibabel


def _head(shape: tuple[int, int, int] = (32, 48, 16)) -> np.ndarray:
    """A bright, uneven ball on a dark, noisy ground."""
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, count) for count in shape), indexing="ij"))
    inside = (grid**2).sum(axis=0) < 0.6
    data = np.where(inside, 500 + 100 * grid[0], 0) + rng.normal(0, 10, shape)
    return data.astype(np.float32)


def test_shape_spacing_orientation_and_digest() -> None:
    data = _head()
    facts, _ = measure(Volume(data, np.diag([1.0, 0.5, 3, 1]), orientation="PIR"))
    assert [facts[f"shape_{axis}"] for axis in "xyz"] == [32, 48, 16]
    assert [facts[f"spacing_{axis}"] for axis in "xyz"] == [1, 0.5, 3]
    assert facts["orientation"] == "PIR"
    assert facts["digest"] == hashlib.sha256(b"32 48 16" + data.tobytes(order="F")).hexdigest()
    other = data.copy()
    other[3, 4, 5] = np.nextafter(other[3, 4, 5], np.float32(1e9))
    assert measure(Volume(other, np.eye(4)))[0]["digest"] != facts["digest"]
    assert measure(Volume(data.reshape(48, 32, 16), np.eye(4)))[0]["digest"] != facts["digest"]


def test_otsus_threshold_is_that_of_trying_every_bin() -> None:
    values = _head().ravel()
    edges = np.linspace(values.min(), values.max(), 257)
    bins = np.minimum(np.searchsorted(edges, values, side="right") - 1, 255)
    centres = (edges[:-1] + edges[1:]) / 2
    spread = []
    for number in range(255):
        dark, bright = centres[bins[bins <= number]], centres[bins[bins > number]]
        spread.append(dark.size * bright.size * (dark.mean() - bright.mean()) ** 2)
    assert otsu(values) == pytest.approx(centres[int(np.argmax(spread))])
    assert 30 < otsu(values) < 400


def test_percentiles_and_share_of_the_foreground() -> None:
    data = _head()
    facts, _ = measure(Volume(data, np.eye(4)))
    bright = data[data > otsu(data.ravel())]
    expected = np.percentile(bright, [1, 50, 99])
    np.testing.assert_allclose([facts["low"], facts["median"], facts["high"]], expected, rtol=1e-6)
    assert facts["foreground"] == bright.size / data.size
    assert 400 < facts["low"] < facts["median"] < facts["high"] < 620


def test_of_large_volumes_every_kth_voxel_is_looked_at() -> None:
    data = np.zeros((101, 7, 5), dtype=np.float32)
    data[1::2] = 9  # never looked at
    data[::4] = 5
    facts, _ = measure(Volume(data, np.eye(4)))
    assert (facts["median"], facts["foreground"]) == (5, 26 / 51)


def test_a_thumbnail_holds_the_means_of_its_blocks() -> None:
    data = _head()
    facts, thumbnail = measure(Volume(data, np.eye(4)))
    means = data.astype(np.float64).reshape(16, 2, 16, 3, 16, 1).mean(axis=(1, 3, 5))
    expected = (np.clip(means, facts["low"], facts["high"]) - facts["low"]) / (facts["high"] - facts["low"]) * 255
    assert thumbnail.dtype == np.uint8
    assert np.abs(thumbnail - expected).max() <= 0.51


def test_a_block_takes_the_voxels_whose_centres_lie_in_it() -> None:
    """24 voxels on 16 blocks: one or two each; 8 on 16: each voxel twice."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 100, 24), rng.uniform(0, 100, 8)
    data = (x[:, None, None] + y[:, None] + np.zeros(16)).astype(np.float32)
    facts, thumbnail = measure(Volume(data, np.eye(4)))
    centres = np.arange(24) + 0.5
    along = np.array([x[(centres > 1.5 * block) & (centres <= 1.5 * block + 1.5)].mean() for block in range(16)])
    means = along[:, None, None] + np.repeat(y, 2)[:, None] + np.zeros(16)
    expected = (np.clip(means, facts["low"], facts["high"]) - facts["low"]) / (facts["high"] - facts["low"]) * 255
    assert np.abs(thumbnail - expected).max() <= 0.51


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_a_constant_volume_of_a_plugin_is_measured_too(value: float) -> None:
    facts, thumbnail = measure(Volume(np.full((4, 5, 6), value, dtype=np.float32), np.eye(4)))
    assert (facts["low"], facts["median"], facts["high"]) == (value, value, value)
    assert len(np.unique(thumbnail)) == 1


def test_an_image_stored_along_other_axes_has_the_same_facts(tmp_path: Path) -> None:
    data = np.round(_head()).astype(np.int16)
    saved = nibabel.Nifti1Image(data, np.diag([1.0, 2, 3, 1]))
    nibabel.save(saved, tmp_path / "ras.nii")
    nibabel.save(saved.as_reoriented([[1, -1], [2, -1], [0, 1]]), tmp_path / "other.nii")
    (one, small), (two, also) = (measure(images.read(tmp_path / name)) for name in ("ras.nii", "other.nii"))
    codes = nibabel.aff2axcodes(nibabel.load(tmp_path / "other.nii").affine)
    assert (one.pop("orientation"), two.pop("orientation")) == ("RAS", "".join(codes))
    assert "".join(codes) != "RAS"
    assert one == two
    np.testing.assert_array_equal(small, also)
