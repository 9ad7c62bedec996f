"""What is left out where explanations may take only a share of the training's work."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from fusekit.explain.extent import EXTENTS, affordable

RBCA: dict[str, Any] = {"scans": 200, "blocks": 6, "image": True, "table": True, "injected": True}


def test_each_extent_takes_less_than_the_one_before() -> None:
    costs = [extent.passes(**RBCA) for extent in EXTENTS]
    assert all(less < more for more, less in pairwise(costs))


def test_the_largest_that_is_paid_for_is_made_and_the_least_in_any_case() -> None:
    costs = [extent.passes(**RBCA) for extent in EXTENTS]
    assert affordable(None, **RBCA) == affordable(costs[0], **RBCA) == (EXTENTS[0], costs[0])
    assert affordable(costs[0] - 1, **RBCA) == (EXTENTS[1], costs[1])
    assert affordable(costs[2], **RBCA) == (EXTENTS[2], costs[2])
    assert affordable(0, **RBCA) == (EXTENTS[-1], costs[-1])


@pytest.mark.parametrize(("image", "table"), [(True, False), (False, True)])
def test_what_is_not_read_costs_nothing(image: bool, table: bool) -> None:
    one = {**RBCA, "image": image, "table": table, "injected": False}
    assert EXTENTS[0].passes(**one) < EXTENTS[0].passes(**RBCA) / 2


def test_the_count_of_passes_by_hand() -> None:
    """Maps of three slices a scan, 16 x 16 steps, 2 x 3 x 6 answers with maps, 28 conditions with as-is."""
    maps, attributions, answers = 3 * 3 * 200, 3 * 16 * 16, 2 * 3 * 6 * 4
    conditions = 1 + 5 + 2 * 6 + 5 + 6  # as-is; table, image, both; blocks; hidden; single columns
    assert EXTENTS[0].passes(**RBCA) == maps + attributions + answers + conditions * 200
