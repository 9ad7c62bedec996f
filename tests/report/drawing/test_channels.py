"""What is shown of each image of a scan."""

from __future__ import annotations

import numpy as np

from fusekit.data.images.channels import channels_of
from fusekit.report.drawing.channels import panels_of, stacked

DRAW = np.random.default_rng(0)


def test_grey_images_and_masks_are_panels_of_their_own_and_three_colours_one() -> None:
    image = DRAW.integers(0, 256, (7, 4, 5)).astype(np.uint8)
    channels = channels_of(("skin", "close"), coloured=True, masked=True)
    panels = panels_of(image, channels)
    assert [panel.name for panel in panels] == ["skin", "close", "mask"]
    np.testing.assert_array_equal(panels[1].image, image[3:6].transpose(1, 2, 0))
    np.testing.assert_array_equal(panels[2].image, image[6])
    assert panels[0].image.dtype == np.uint8  # as matplotlib takes colours of 0 to 255
    together = stacked(panels)
    assert together.shape == (12, 5, 3)
    np.testing.assert_array_equal(together[8:], np.stack([image[6]] * 3, axis=-1))


def test_half_precision_is_rounded_in_colours_only() -> None:
    image = DRAW.uniform(0, 255, (3, 4, 5)).astype(np.float16)
    (colours,) = panels_of(image, channels_of(("image",), coloured=True, masked=False))
    np.testing.assert_array_equal(colours.image, np.rint(image.astype(float)).transpose(1, 2, 0))
    grey = panels_of(image, channels_of(("a", "b", "c"), coloured=False, masked=False))
    np.testing.assert_array_equal(stacked(grey), image.reshape(12, 5))
