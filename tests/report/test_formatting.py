"""Words and numbers of captions and sentences."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from fusekit.report.formatting import (
    count_subjects,
    counted,
    file_names,
    listed,
    number,
    p_value,
    shortened,
    signed,
    with_interval,
)


def test_intervals_in_words() -> None:
    nan = float("nan")
    assert with_interval(0.876, 0.8, 0.931) == "0.88 [0.80, 0.93]"
    assert with_interval(0.876, nan, nan) == "0.88 [undefined]"
    assert with_interval(nan, nan, nan) == "not defined"


def test_counts_in_words() -> None:
    table = pd.DataFrame({"subject": ["a", "b", "b"], "fold": [0, 1, 1]})
    assert count_subjects(table) == "2 subjects in 2 folds"
    assert count_subjects(table[:1]) == "1 subject"


def test_names_of_files_are_safe_and_no_two_are_alike() -> None:
    names = file_names(["RBCA", "rbca", "rbca (lr 1e-4)", "../..", "§", "rbca-2"])
    assert list(names.values()) == ["rbca", "rbca-2", "rbca-lr-1e-4", "arm", "arm-2", "rbca-2-2"]


@pytest.mark.parametrize(("text", "most", "short"), [("abc", 3, "abc"), ("abcdef", 5, "ab…ef"), ("abcdefg", 4, "ab…g")])
def test_long_texts_lose_their_middle(text: str, most: int, short: str) -> None:
    assert shortened(text, most) == short
    assert len(short) <= most


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
