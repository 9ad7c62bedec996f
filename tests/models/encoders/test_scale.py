"""Scales of table columns: which inputs they are of, where they start, and how fast they move."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fusekit.data.clinical.layout import ColumnLayout, Place
from fusekit.errors import OptionError
from fusekit.models.encoders.mlp import MLPEncoder
from fusekit.models.encoders.scale import FASTER, ColumnScale
from fusekit.testing import check_encoder

LAYOUT = ColumnLayout((Place(0, 2, "category"), Place(2, 3, mask=4), Place(3, 4)))


def test_all_inputs_of_a_column_have_its_scale_the_mask_too() -> None:
    scale = ColumnScale(LAYOUT.owners, 0.2)
    columns = torch.randn(4, 5)
    torch.testing.assert_close(scale(columns), 0.2 * columns)
    with torch.no_grad():
        scale.scale.copy_(torch.tensor([1.0, 2.0, 3.0]) / FASTER)
    torch.testing.assert_close(scale(columns), columns * torch.tensor([1.0, 1.0, 2.0, 3.0, 2.0]))


def test_a_step_of_adam_moves_it_so_much_faster_than_other_weights() -> None:
    scale, plain = ColumnScale([0], 0.5), nn.Parameter(torch.tensor([0.5]))
    optimizer = torch.optim.Adam([*scale.parameters(), plain], lr=1e-3)
    (scale(torch.ones(1, 1)).sum() + plain.sum()).backward()
    optimizer.step()
    moved = 0.5 - scale(torch.ones(1, 1)).item(), 0.5 - plain.item()
    assert moved == pytest.approx((6e-3, 1e-3), rel=1e-3)


def test_bins_of_a_number_have_its_column_s_scale() -> None:
    encoder = MLPEncoder(5, width=3, depth=1, layout=LAYOUT, numbers="piecewise", bins=2, scale=1.0)
    assert encoder.scale is not None
    assert encoder.bins is not None
    assert encoder.scale.owners.tolist() == [1, 1, 2, 2, 0, 0, 1]  # bins of both numbers, category, mask
    columns = torch.randn(4, 5)
    torch.testing.assert_close(encoder.scale(encoder.bins(columns)), encoder.bins(columns))
    check_encoder(encoder, columns=5)


@pytest.mark.parametrize("start", [0.0, -1.0, 1.5, float("nan")])
def test_a_start_that_is_none_is_refused(start: float) -> None:
    with pytest.raises(OptionError, match=r"encoder\.scale takes a number above 0 and at most 1, or none"):
        MLPEncoder(5, scale=start)
