"""Intervals of time, against hand-made ends and literal curves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusekit.data.target.intervals import ends_at_quantiles, passed, risk_and_survival


def test_ends_lie_at_quantiles_and_the_longest_are_halved_where_times_coincide() -> None:
    assert ends_at_quantiles(np.array([1.0, 2.0, 3.0, 4.0]), 10.0, 4, 4) == (1.0, 2.0, 3.0, 10.0)
    assert ends_at_quantiles(np.full(9, 4.0), 10.0, 3, 3) == (4.0, 7.0, 10.0)
    assert ends_at_quantiles(np.full(9, 4.0), 10.0, 200, 1) == (4.0, 10.0)


def test_people_pass_intervals_and_a_share_of_the_last() -> None:
    times, seen = np.array([0.0, 0.0, 2.0, 3.0, 10.0]), np.array([True, False, True, True, False])
    found = passed(times, seen, (2.0, 6.0, 10.0))
    assert found == pytest.approx([1e-6, 0.0, 1.0, 1.25, 3.0])


def test_risk_is_the_area_above_the_curve() -> None:
    lost = torch.log(torch.tensor([[0.5, 0.8], [1.0, 1.0]], dtype=torch.float64))
    found = risk_and_survival(lost, (4.0, 10.0), (2.0, 10.0)).numpy()
    np.testing.assert_allclose(found[0, 1:], [np.sqrt(0.5), 0.4])
    grid = np.linspace(0, 10, 100_001)
    curve = np.where(grid < 4, 0.5 ** (grid / 4), 0.5 * 0.8 ** ((grid - 4) / 6))
    assert found[0, 0] == pytest.approx(1 - np.trapezoid(curve, grid) / 10, abs=1e-6)
    np.testing.assert_allclose(found[1], [0, 1, 1], atol=1e-12)
