"""Places of maps as sines and cosines."""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np
import pytest
import torch

from fusekit_fusions.heads.waves import AXES, WAVES, waves


@pytest.mark.parametrize("places", [(3, 2), (2, 3, 4)], ids=["2-D", "3-D"])
def test_each_place_by_hand_in_the_order_of_a_flattened_map(places: tuple[int, ...]) -> None:
    found = waves(torch.Size(places), torch.zeros((), dtype=torch.float64)).numpy()
    assert found.shape == (np.prod(places), 2 * WAVES * AXES)
    for number, index in enumerate(np.ndindex(*places)):
        along = [0.0] * (AXES - len(places)) + [(2 * i + 1) / n - 1 for i, n in zip(index, places, strict=True)]
        row = [f(at * pi / 2 * 2**k) for at in along for f in (sin, cos) for k in range(WAVES)]
        np.testing.assert_allclose(found[number], row, atol=1e-12)


def test_one_place_is_the_middle_and_half_precision_keeps_its_type() -> None:
    assert torch.equal(waves(torch.Size((1, 1)), torch.zeros(1))[0], torch.tensor([0.0] * 4 + [1.0] * 4).repeat(3))
    assert waves(torch.Size((2, 2)), torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.bfloat16
