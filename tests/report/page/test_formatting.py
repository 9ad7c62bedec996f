"""Words of captions."""

from __future__ import annotations

import pandas as pd
import pytest

from fusekit.report.page.formatting import count_subjects, file_names, shortened, with_interval


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
