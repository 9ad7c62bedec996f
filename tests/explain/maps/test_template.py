"""A slice of the template, moved, is found again; its map goes with it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import affine_transform

from fusekit.errors import DataError
from fusekit.explain.maps.template import lay_on, load_template


@pytest.mark.parametrize(("size", "shift"), [(0.9, (0.0, 0.0)), (0.7, (0.08, -0.08))])
def test_a_moved_slice_is_found_and_its_map_moved_back(size: float, shift: tuple[float, float]) -> None:
    template = load_template("mni152", "coronal")
    number = len(template.mm) // 2
    spot = np.zeros((128, 128))
    spot[40:60, 70:90] = 1

    def moved(image: np.ndarray) -> np.ndarray:
        # What lies at u in the template lies at size * u + shift here, in shares of the image from its middle.
        offset = 63.5 - (63.5 + 128 * np.array(shift)) / size
        result: np.ndarray = affine_transform(image, np.full(2, 1 / size), offset, order=1)
        return result

    found = lay_on(template, np.stack([moved(template.images[number])]), np.stack([moved(spot)]))[0]
    assert found.mm == template.mm[number]
    assert found.likeness > 0.98
    np.testing.assert_array_equal(found.image, template.images[number])
    overlap = np.minimum(found.map, spot).sum() / np.maximum(found.map, spot).sum()
    assert overlap > 0.85


def test_an_unknown_template_is_refused() -> None:
    with pytest.raises(DataError, match="no template 'mni305'"):
        load_template("mni305", "axial")
