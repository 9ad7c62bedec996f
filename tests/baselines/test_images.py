"""Images of scans: read late, and made small as other libraries do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from fusekit.baselines.images import ReadLater, by_scan, standardised


def test_what_is_read_later_is_read_when_it_is_asked_for() -> None:
    asked: list[int] = []

    def read(number: int) -> np.ndarray:
        asked.append(number)
        return np.full(2, number)

    later = ReadLater(read, 4)
    assert len(later) == 4
    assert asked == []
    assert later[-1].tolist() == [3, 3]
    assert [one[0] for one in later[1:3]] == [1, 2]
    assert [one[0] for one in later] == [0, 1, 2, 3]
    with pytest.raises(IndexError):
        later[4]


def test_slices_of_a_scan_are_together_in_the_order_of_scans() -> None:
    store = np.arange(8).reshape(8, 1, 1, 1)
    found = by_scan(store, np.array([6, 7, 1, 0, 3]), np.array(["b", "b", "a", "b", "a"]))
    assert [one.ravel().tolist() for one in found] == [[6, 7, 0], [1, 3]]
    (alone,) = by_scan(store, np.array([5]), np.array(["a"]))
    assert alone.shape == (1, 1, 1, 1)
    assert len(by_scan(store, np.array([], dtype=int), np.array([]))) == 0


@pytest.mark.parametrize(("side", "size"), [(64, 32), (30, 10), (100, 32), (33, 32), (7, 3), (12, 12), (5, 8)])
def test_a_slice_is_the_standardised_one_averaged_by_area(side: int, size: int) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (side, side), dtype=np.uint8)
    found = standardised(grey[None, None], size)
    own = min(side, size)
    assert found.shape == (1, 1, own, own)
    plain = ((grey - grey.mean()) / grey.std()).astype(np.float32)
    boxes = np.asarray(Image.fromarray(plain).resize((own, own), Image.Resampling.BOX))
    # Pillow gives a pixel on the border of two areas to the nearer one; where none is cut they are the same.
    cut = side % own != 0
    if not cut:
        np.testing.assert_allclose(found[0, 0], boxes, atol=1e-5)
    wide = np.kron(plain, np.ones((own, own)))  # every pixel cut into as many as there are areas: none is cut further
    exact = wide.reshape(own, side, own, side).mean(axis=(1, 3))
    np.testing.assert_allclose(found[0, 0], exact, atol=1e-5)


def test_each_slice_and_channel_is_by_itself_and_one_without_content_is_no_number() -> None:
    draw = np.random.default_rng(0)
    image = draw.integers(0, 200, (3, 2, 8, 6)).astype(np.float16)
    image[1, 0] = 77
    found = standardised(image, 4)
    assert found.shape == (3, 2, 4, 4)
    assert np.isnan(found[1, 0]).all()
    assert np.isfinite(np.delete(found.reshape(6, -1), 2, axis=0)).all()
    np.testing.assert_allclose(standardised(image[2:, 1:] * np.float16(0.5), 4)[0, 0], found[2, 1], atol=1e-2)


def test_a_volume_is_averaged_in_three_directions() -> None:
    volume = np.random.default_rng(0).integers(0, 256, (1, 1, 16, 16, 16), dtype=np.uint8)
    plain = (volume - volume.mean()) / volume.std()
    expected = torch.nn.functional.avg_pool3d(torch.from_numpy(plain), 4).numpy()
    np.testing.assert_allclose(standardised(volume, 4), expected, atol=1e-9)
