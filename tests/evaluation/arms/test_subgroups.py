"""Groups by hand, and scores that are those of the group alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.evaluation import score
from fusekit.evaluation.arms.subgroups import grouped, subgroup_scores
from fusekit.evaluation.metrics.classes import Accuracy
from fusekit.evaluation.metrics.ranking import AreaUnderCurve
from fusekit.evaluation.rule import Rule
from tests.evaluation.simulations.classes import Cohort

METRICS = {"auc": AreaUnderCurve(), "accuracy": Accuracy()}


def cohort_of(predictions: pd.DataFrame, **variables: Any) -> pd.DataFrame:
    return predictions[["scan", "subject", "label", "fold"]].assign(**variables)


def predicted(subjects: int = 80) -> pd.DataFrame:
    cohort = Cohort(subjects=subjects, folds=2)
    return cohort.tables(cohort.draw(np.random.default_rng(1)))["a"][0]


def test_a_groups_scores_are_those_of_its_subjects_alone() -> None:
    predictions = predicted()
    sex = np.where(np.arange(80) % 3 == 0, "Female", "Male")
    thresholds = {fold: {"slice": 0.5, "subject": 0.4 + fold / 5} for fold in (0, 1)}
    found = subgroup_scores(predictions, cohort_of(predictions, PTGENDER=sex), METRICS, Rule(thresholds=thresholds))
    assert list(found.columns) == [
        *["variable", "group", "subjects", "positives", "metric", "value", "low", "high", "reason"]
    ]
    assert found["group"].tolist() == ["Female", "Female", "Male", "Male"]
    for group, rows in found.groupby("group"):
        alone = predictions[sex == group]
        expected = score(alone, METRICS, Rule(thresholds=thresholds)).query("level == 'subject'")
        assert rows[["value", "low", "high"]].to_numpy() == pytest.approx(expected[["value", "low", "high"]].to_numpy())
        assert (rows["subjects"] == len(alone)).all()
        assert (rows["positives"] == alone["label"].sum()).all()
    assert (found["reason"] == "").all()


def test_small_and_one_sided_groups_are_counted_and_not_scored() -> None:
    predictions = predicted()
    labels = predictions["label"].to_numpy()
    site = np.array(["large"] * 80, dtype=object)
    site[:4] = "small"
    site[np.flatnonzero(labels == 1)[20:32]] = "cases"
    site[np.flatnonzero(labels == 0)[20:22]] = None
    found = subgroup_scores(predictions, cohort_of(predictions, SITE=site), METRICS).query("metric == 'auc'")
    found = found.set_index("group")
    assert list(found.index) == ["cases", "large", "small", "not known"]
    assert dict(zip(found.index, found["reason"], strict=True)) == {
        "cases": "a class is empty",
        "large": "",
        "small": "fewer than 10 subjects",
        "not known": "fewer than 10 subjects",
    }
    assert found["subjects"].tolist()[0] == found["positives"].tolist()[0] == 12
    assert found["subjects"].tolist()[-1] == 2
    assert found["value"].isna().tolist() == [True, False, True, True]
    lower = subgroup_scores(predictions, cohort_of(predictions, SITE=site), METRICS, smallest=2)
    assert lower[lower["group"] == "small"]["value"].notna().any()


def test_a_subject_has_the_value_of_its_first_scan_that_has_one() -> None:
    predictions = predicted(40)
    first = cohort_of(predictions, AGE=[69.0, np.nan] * 20)
    later = first.assign(scan=first["scan"] + "b", AGE=[76.0, 80.0] * 20)
    found = subgroup_scores(predictions, pd.concat([first, later]), METRICS).drop_duplicates("group")
    assert found["group"].tolist() == ["69", "80"]
    assert found["subjects"].tolist() == [20, 20]


def test_ages_are_cut_into_decades_and_other_numbers_into_thirds() -> None:
    ages = pd.Series([54.9, 55, 64.99, 65, 74, 75, 84, 85, 3, np.nan])
    assert grouped(ages, "AGE").tolist() == [
        *["45-54", "55-64", "55-64", "65-74", "65-74", "75-84", "75-84", "85-94", "0-4", "not known"]
    ]
    assert list(grouped(ages, "age at scan").cat.categories)[:2] == ["0-4", "45-54"]
    assert grouped(pd.Series(range(9)), "STAGE").nunique() == 3  # no age
    thirds = grouped(pd.Series([*np.linspace(1, 9.5, 12), np.nan]), "tau")
    assert thirds.value_counts(sort=False).tolist() == [4, 4, 4, 1]
    assert list(thirds.cat.categories) == ["1 to 3.318", "4.091 to 6.409", "7.182 to 9.5", "not known"]


@pytest.mark.parametrize("variable", ["age", "x", "site"])
@pytest.mark.parametrize(
    "numbers",
    [
        [np.inf] * 5 + [-np.inf] * 5 + [float(n) for n in range(20)],
        [20200101.0 + n for n in range(30)],
        [1e308, -1e308] * 5 + [float(n) for n in range(20)],
    ],
)
def test_everybody_is_in_one_group_whatever_the_numbers(variable: str, numbers: list[float]) -> None:
    groups = grouped(pd.Series(numbers), variable)
    assert groups.notna().all()
    finite = np.isfinite(numbers)
    assert ((groups == "not known") == ~finite).all()
    assert groups[finite].nunique() >= 2


def test_few_numbers_and_texts_are_groups_as_they_are() -> None:
    assert list(grouped(pd.Series([3.0, 1.0, 10.0, np.nan]), "SITE").cat.categories) == ["1", "3", "10", "not known"]
    assert list(grouped(pd.Series(["b", "a", None, "10"]), "SITE").cat.categories) == ["10", "a", "b", "not known"]
    assert grouped(pd.Series([0, 0, 0, *range(1, 12)]), "count").notna().all()
    texts = pd.Series([str(code) for code in range(9)])  # declared as names, though every cell is a number
    assert list(grouped(texts, "STAGE").cat.categories) == texts.tolist()
    assert list(grouped(pd.Series([None, None]), "x").cat.categories) == ["not known"]


def test_numbers_of_sites_are_names_and_small_ones_stand_together() -> None:
    values = pd.Series([float(site) for site in range(20) for _ in range(20 - site)])
    groups = grouped(values, "SITE")
    assert groups.cat.categories.tolist() == [str(site) for site in range(11)] + ["9 others"]
    counts = groups.value_counts()
    assert [counts[str(site)] for site in range(11)] == [20 - site for site in range(11)]
    assert counts["9 others"] == sum(range(1, 10))
    few = grouped(values[values < 12], "scanner id")  # all of them: nothing is put together
    assert few.cat.categories.tolist() == [str(site) for site in range(12)]
    assert grouped(values, "weight").nunique() == 3
    assert grouped(values.mask(values == 0), "site").cat.categories[-1] == "not known"
