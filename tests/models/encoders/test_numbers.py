"""Encodings of numbers against loops over the papers' formulas, in float64."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch
from scipy.stats import norm, rankdata
from sklearn.preprocessing import QuantileTransformer

from fusekit.data.clinical.layout import ColumnLayout, Place
from fusekit.errors import OptionError
from fusekit.models.encoders.numbers import QuantileBins

#: A category of two, a number, a number with a mask.
LAYOUT = ColumnLayout((Place(0, 2, "category"), Place(2, 3), Place(3, 4, mask=4)))


def table(rows: int = 400) -> torch.Tensor:
    rng = np.random.default_rng(0)
    columns = np.zeros((rows, 5))
    columns[np.arange(rows), rng.integers(2, size=rows)] = 1
    columns[:, 2] = rng.normal(size=rows)
    columns[:, 4] = rng.random(rows) < 0.4
    columns[:, 3] = np.where(columns[:, 4] > 0, np.exp(rng.normal(size=rows)), 0)
    return torch.from_numpy(columns)


def fitted(kind: Literal["quantile", "piecewise"], bins: int, columns: torch.Tensor) -> QuantileBins:
    encoding = QuantileBins(LAYOUT, kind, bins).double()
    encoding.fit(columns)
    return encoding


def piecewise(x: float, edges: np.ndarray, bins: int) -> list[float]:
    """Gorishniy et al. 2022, equation 1, and zeros for the bins that are left over."""
    last = len(edges) - 1
    encoded = []
    for t in range(1, last + 1):
        if x < edges[t - 1] and t > 1:
            encoded.append(0.0)
        elif x >= edges[t] and t < last:
            encoded.append(1.0)
        else:
            encoded.append((x - edges[t - 1]) / (edges[t] - edges[t - 1]))
    return encoded + [0.0] * (bins - last)


def test_piecewise_is_the_paper_s_formula_on_quantiles_of_observed_training_values() -> None:
    columns, bins = table(), 5
    encoding = fitted("piecewise", bins, columns)
    others = torch.cat((table(30), torch.tensor([[0, 1, -9.0, 99.0, 1], [0, 0, 9.0, -99.0, 1]]).double()))
    observed = columns[columns[:, 4] > 0]
    edges = [np.quantile(columns[:, 2], np.linspace(0, 1, 6)), np.quantile(observed[:, 3], np.linspace(0, 1, 6))]
    expected = [
        [*piecewise(row[2], edges[0], bins), *piecewise(row[3], edges[1], bins), row[0], row[1], row[4]]
        for row in others.tolist()
    ]
    assert encoding.width == 13
    torch.testing.assert_close(encoding(others), torch.tensor(expected).double(), rtol=1e-5, atol=1e-5)


def test_equal_quantiles_are_one_edge_and_the_bins_left_over_are_0() -> None:
    columns = table()
    columns[:, 2] = torch.tensor([0.0] * 250 + [1.0] * 50 + [4.0] * 100)
    encoding = fitted("piecewise", 4, columns)
    assert encoding.edges[0].tolist() == [0, 1.75, 4, 4, 4]  # quantiles 0, 0, 0, 1.75, 4
    expected = [piecewise(x, np.array([0, 1.75, 4]), 4) for x in columns[:, 2].tolist()]
    torch.testing.assert_close(encoding(columns)[:, :4], torch.tensor(expected).double())


def test_a_number_of_one_value_or_none_says_nothing() -> None:
    columns = table()
    columns[:, 2] = 7.0
    columns[:, 3:] = 0.0  # never observed
    others = table(20)
    assert not fitted("piecewise", 4, columns)(others)[:, :8].any()
    scores = fitted("quantile", 4, columns)(others)[:, :2]
    assert scores.unique(dim=0).shape[0] == 1
    assert scores.isfinite().all()


def test_quantile_scores_are_those_of_ranks_and_of_scikit_learn() -> None:
    columns, bins = table(401), 400
    encoding = fitted("quantile", bins, columns)
    share = np.clip((rankdata(columns[:, 2]) - 1) / 400, 0.5 / bins, 1 - 0.5 / bins)  # every value is an edge
    np.testing.assert_allclose(encoding(columns)[:, 0], norm.ppf(share), atol=1e-4)
    assert float(encoding(columns)[:, 0].std()) == pytest.approx(1, abs=0.03)
    others = table(60)
    theirs = QuantileTransformer(n_quantiles=401).fit(columns[:, [2]].numpy()).transform(others[:, [2]].numpy())[:, 0]
    expected = norm.ppf(np.clip(theirs, 0.5 / bins, 1 - 0.5 / bins))
    np.testing.assert_allclose(encoding(others)[:, 0], expected, atol=1e-3)


def test_values_that_many_share_lie_in_the_middle_of_their_ranks() -> None:
    columns = table(400)
    columns[:, 2] = torch.tensor([0.0] * 200 + [1.0] * 200)
    low, high = fitted("quantile", 100, columns)(columns)[[0, -1], 0].tolist()
    assert low == pytest.approx(norm.ppf(0.25), abs=0.02)
    assert high == pytest.approx(norm.ppf(0.75), abs=0.02)


def test_fit_changes_buffers_that_are_shipped_and_looks_at_nothing_but_what_it_is_given() -> None:
    columns = table()
    first, second = (QuantileBins(LAYOUT, "piecewise", 6) for _ in range(2))
    assert torch.equal(first.edges, second.edges)
    first.fit(columns[:200].float())
    second.fit(columns.float())
    assert not torch.equal(first.edges, second.edges)
    second.fit(columns[:200].float())  # what was seen before leaves nothing
    assert torch.equal(first.edges, second.edges)
    assert set(first.state_dict()) == {"edges", "shares"}
    kept = columns.clone()
    second.fit(columns)
    assert torch.equal(columns, kept)


@pytest.mark.parametrize("bins", [0, -1, 10**15])
def test_bins_without_meaning_are_refused(bins: int) -> None:
    with pytest.raises(OptionError, match=rf"encoder\.bins takes 1 to 1000, not {bins}"):
        QuantileBins(LAYOUT, "piecewise", bins)


def test_without_a_number_everything_stays_as_it_is() -> None:
    layout = ColumnLayout((Place(0, 2, "category"), Place(2, 2, "category", mask=2)))
    encoding = QuantileBins(layout, "piecewise", 4)
    columns = torch.rand(3, 3)
    encoding.fit(columns)
    assert torch.equal(encoding(columns), columns)
