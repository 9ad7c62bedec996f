"""Table 1 against numbers made by hand."""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Classes, Cohort, Column, Number
from fusekit.evaluation.cohorts.table_one import by_fold, table_one


def cohort_of(age: list[float], sex: list[str | None], label: list[int], subject: str = "") -> Cohort:
    names = list(subject or "abcdefgh"[: len(age)])
    index = pd.Index([f"s{k}" for k in range(len(age))], name="scan")
    scans = pd.DataFrame({"subject": names, "image": [Path(f"{k}.nii") for k in index], "label": label}, index=index)
    clinical = pd.DataFrame({"age": age, "sex": pd.Series(sex, index, dtype=object)}, index=index)
    columns = (Column("age", unit="years"), Column("sex", "category"))
    return Cohort(scans, clinical, columns, Classes(("well", "ill")))


def test_means_shares_gaps_and_differences() -> None:
    found = table_one(cohort_of([60, 70, 80, 90, np.nan], ["F", "F", "M", "M", None], [0, 0, 1, 1, 1]))
    assert list(found) == ["all", "well", "ill", "missing", "SMD"]
    assert found.T["subjects"].tolist() == ["5", "2", "3", "", ""]
    sd = sqrt(50)  # of 60 and 70, of 80 and 90
    assert found.T["age, years, mean (SD)"].tolist() == ["75 (13)", "65 (7.1)", "85 (7.1)", "1", f"{20 / sd:.2f}"]
    assert found.T["sex = F, n (%)"].tolist() == ["2 (50%)", "2 (100%)", "0 (0%)", "1", ""]  # nobody varies


def test_the_difference_of_a_category_is_that_of_its_share() -> None:
    sex = ["F", "F", "F", "M", "F", "M", "M", "M"]
    found = table_one(cohort_of([50.0] * 8, [*sex], [0, 0, 0, 0, 1, 1, 1, 1]))
    p, q = 3 / 4, 1 / 4
    assert found.loc["sex = F, n (%)", "SMD"] == f"{(p - q) / sqrt((p * (1 - p) + q * (1 - q)) / 2):.2f}"
    assert found.loc["age, years, mean (SD)", "SMD"] == ""  # all alike


def test_a_subject_counts_once_and_rare_categories_share_a_row() -> None:
    twice = table_one(cohort_of([60, 99, 70], ["F", "F", "M"], [0, 0, 1], subject="aab"))
    assert twice.T["subjects"].tolist()[:3] == ["2", "1", "1"]
    assert twice.loc["age, years, mean (SD)", "all"] == "65 (7.1)"
    many = cohort_of(
        [1.0] * 24, [f"c{k // 2:02}" for k in range(24)], [k % 2 for k in range(24)], "abcdefghijklmnopqrstuvwx"
    )
    rows = [name for name in table_one(many).index if name.startswith("sex")]
    assert len(rows) == 10
    assert table_one(many).loc["sex = other, n (%)", "all"] == "6 (25%)"


def test_numbers_are_described_by_thirds_without_a_difference() -> None:
    cohort = cohort_of([60, 70, 80], ["F", "F", "M"], [1, 2, 3])
    found = table_one(Cohort(cohort.scans, cohort.clinical, cohort.columns, Number("score")))
    assert list(found) == ["all", *(f"the {k} third of score" for k in ("lowest", "middle", "highest")), "missing"]
    assert found.T["subjects"].tolist() == ["3", "1", "1", "1", ""]


def test_folds_are_described_as_groups_are() -> None:
    cohort = cohort_of([60, 70, 80, 90, np.nan, 50], ["F", "F", "M", "M", None, "F"], [0, 0, 1, 1, 1, 0])
    found = by_fold(cohort, pd.Series([0, 1, 2, 0, 1, 2], list("abcdef")))
    assert list(found) == ["all", "fold 1", "fold 2", "fold 3", "missing"]
    assert found.T["subjects"].tolist() == ["6", "2", "2", "2", ""]
    assert found.T["age, years, mean (SD)"].tolist() == ["70 (16)", "75 (21)", "", "65 (21)", "1"]
    assert found.T["sex = F, n (%)"].tolist() == ["3 (60%)", "1 (50%)", "1 (100%)", "1 (50%)", "1"]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([-1.0, 1.001, -1.0, 1.001], "0 (1.2)"),  # and not 0.0005
        ([-1.2, 1.1, -1.1, 1.1], "0 (1.3)"),  # -0.025, which is no -0
        ([50.0, 80.0, 61.0, 75.0], "66 (14)"),
        ([0.101, 0.104, 0.102, 0.103], "0.102 (0.0013)"),
        ([5.0, 5.0, 5.0, 5.0], "5 (0)"),
    ],
)
def test_means_have_no_figures_beyond_their_deviations(values: list[float], said: str) -> None:
    found = table_one(cohort_of(values, ["F", "F", "M", "M"], [0, 0, 1, 1]))
    assert found.loc["age, years, mean (SD)", "all"] == said
