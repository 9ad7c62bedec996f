"""Which columns are chosen, and how steadily."""

import pandas as pd
import pytest

from fusekit.baselines.choice import ColumnChoice, ColumnOptions
from fusekit.errors import OptionError

#: Sums: a 0.5, b 0.6, c 0.5, d -0.1.
IMPORTANCE = pd.DataFrame(
    {"fold 1": [0.4, 0.1, 0.2, -0.1], "fold 2": [0.1, 0.5, 0.3, 0.0]}, index=pd.Index(["a", "b", "c", "d"])
)


def test_the_most_important_over_all_folds_come_first_and_equals_in_the_tables_order() -> None:
    assert ColumnChoice(IMPORTANCE, 2).names == ("b", "a")
    assert ColumnChoice(IMPORTANCE, 9).names == ("b", "a", "c", "d")


def test_a_column_needs_its_importance_and_the_best_is_taken_where_one_must_be() -> None:
    assert ColumnChoice(IMPORTANCE, 9, 0.24).names == ("b", "a", "c")
    assert ColumnChoice(IMPORTANCE, 9, 0.26).names == ("b",)
    assert ColumnChoice(IMPORTANCE, 9, 1.0).names == ("b",)
    assert ColumnChoice(IMPORTANCE, 9, 1.0, one=False).names == ()


def test_it_says_in_how_many_folds_a_column_would_be_chosen() -> None:
    first, second = ColumnChoice(IMPORTANCE, 2).as_json()
    assert first == {"column": "b", "importance": pytest.approx(0.3), "chosen": 1, "folds": 2}  # 3rd, then 1st
    assert second == {"column": "a", "importance": pytest.approx(0.25), "chosen": 1, "folds": 2}  # 1st, then 3rd


def test_fewer_than_none_are_refused() -> None:
    with pytest.raises(OptionError, match=r"columns.most takes 0 \(all\) or more, not -1"):
        ColumnOptions(most=-1)
