"""Counts and numbers in sentences."""

from __future__ import annotations

import math

import pytest

from fusekit.report.page.counts import counted, listed, number, p_value, signed


def test_counts_agree_with_their_noun() -> None:
    assert [counted(n, "slice") for n in (0, 1, 1200)] == ["0 slices", "1 slice", "1,200 slices"]


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_lists_end_in_and(names: list[str], text: str) -> None:
    assert listed(names) == text


def test_numbers_have_a_minus_that_is_one_and_zero_has_no_sign() -> None:
    assert [number(v) for v in (0.126, -0.5, math.nan, None, -0.001)] == [
        "0.13",
        "\u22120.50",
        "\u2013",
        "\u2013",
        "0.00",
    ]
    assert [signed(v) for v in (0.0312, -0.0312, 0.0001, -0.0001)] == ["+0.031", "\u22120.031", "0.000", "0.000"]


def test_small_p_values_are_not_zero() -> None:
    assert [p_value(p) for p in (0.2, 0.0312, 0.0042, 0.00001, math.nan)] == [
        "0.20",
        "0.031",
        "0.004",
        "< 0.001",
        "not defined",
    ]


def test_a_p_value_just_below_the_level_is_not_shown_as_the_level() -> None:
    assert p_value(0.0496) == "0.0496"
    assert p_value(0.0504) == "0.0504"
