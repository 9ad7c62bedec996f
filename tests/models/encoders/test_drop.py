"""Hidden columns: how often, what of them, and when."""

from __future__ import annotations

import pytest
import torch

from fusekit.data.clinical.layout import ColumnLayout, Place
from fusekit.errors import OptionError
from fusekit.models.encoders.drop import DropColumns

LAYOUT = ColumnLayout((Place(0, 1), Place(1, 4, "category"), Place(4, 5, mask=5)))


def test_a_column_is_hidden_whole_with_its_mask_at_the_given_rate_and_nothing_is_scaled() -> None:
    torch.manual_seed(0)
    columns = torch.rand(20_000, 6) + 1
    left = DropColumns(LAYOUT, 0.3)(columns)
    hidden = left == 0
    assert torch.equal(hidden[:, 1], hidden[:, 2])
    assert torch.equal(hidden[:, 1], hidden[:, 3])
    assert torch.equal(hidden[:, 4], hidden[:, 5])
    own = hidden[:, [0, 1, 4]].double()
    assert (own.mean(dim=0) - 0.3).abs().max() < 4 * (0.3 * 0.7 / 20_000) ** 0.5  # four standard errors
    assert torch.corrcoef(own.T).triu(1).abs().max() < 4 / 20_000**0.5  # each column by itself
    assert torch.equal(left[~hidden], columns[~hidden])


def test_nothing_is_hidden_in_evaluation_or_with_probability_0() -> None:
    columns = torch.rand(50, 6) + 1
    assert torch.equal(DropColumns(LAYOUT, 0.9).eval()(columns), columns)
    state = torch.get_rng_state()
    assert torch.equal(DropColumns(LAYOUT, 0.0)(columns), columns)
    assert torch.equal(torch.get_rng_state(), state)  # so that trainings without it draw what they drew before


@pytest.mark.parametrize("probability", [-0.1, 1.0, float("nan")])
def test_a_probability_that_is_none_is_refused(probability: float) -> None:
    with pytest.raises(OptionError, match=r"encoder\.drop_columns takes a probability from 0 to below 1"):
        DropColumns(LAYOUT, probability)
