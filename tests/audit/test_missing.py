"""Gaps that know the answer, and gaps that do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import fisher_exact

from fusekit.audit.missing import telling_absence, telling_gaps, telling_gaps_of_columns

LABEL = np.arange(100) % 2


def gappy(rng: np.random.Generator, share: Any) -> np.ndarray:
    return np.where(rng.random(100) < share, np.nan, rng.normal(size=100))


def test_gaps_that_go_with_the_label_are_found_with_their_numbers(case: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    csf = gappy(rng, np.where(LABEL, 0.2, 0.7))
    made = case({"csf": csf, "tau": np.where(np.isnan(csf), np.nan, 1.0), "other": gappy(rng, 0.3)}, count=100)
    (together,) = telling_gaps(made)
    assert (together.severity, together.items) == ("warning", ("csf, tau", "other"))
    assert "predicts B without any value: AUC 0.68, 95 % interval 0.56 to 0.78" in together.message
    assert "100 subjects" in together.message
    (alone,) = telling_gaps_of_columns(made)
    (item,) = alone.items
    missing = np.isnan(csf)
    expected = fisher_exact([[sum(missing & (k == LABEL)), sum(~missing & (k == LABEL))] for k in (1, 0)]).pvalue
    assert item == (
        f"csf, tau: missing in {missing[LABEL == 1].mean():.0%} of B and {missing[LABEL == 0].mean():.0%} of the rest "
        f"(p = {2 * expected:.2g})"
    )


def test_full_and_empty_columns_have_no_gaps_to_tell(case: Callable[..., Any]) -> None:
    made = case({"full": np.ones(100), "empty": np.full(100, np.nan)}, count=100)
    assert [*telling_gaps(made), *telling_gaps_of_columns(made)] == []


def test_each_of_three_classes_is_looked_at(case: Callable[..., Any]) -> None:
    rng = np.random.default_rng(1)
    third = np.arange(100) % 3 == 2
    made = case({"x": gappy(rng, np.where(third, 0.9, 0.1))}, classes=("A", "B", "C"), count=100)
    assert any("predicts C" in finding.message for finding in telling_gaps(made))
    (alone,) = telling_gaps_of_columns(made)
    assert any("of C and" in item for item in alone.items)


@pytest.mark.parametrize(("check", "most"), [(telling_gaps, 9), (telling_gaps_of_columns, 9)])
def test_without_anything_to_find_alarms_are_as_rare_as_promised(
    case: Callable[..., Any], check: Callable[..., Any], most: int
) -> None:
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        values = {f"c{k}": gappy(rng, rng.uniform(0.1, 0.6)) for k in range(3)}
        alarms += bool(list(check(case(values, labels=rng.permutation(LABEL), count=100))))
    assert alarms <= most  # 99.9 % of a binomial with 60 times 5 % lie at or below


def test_absence_that_goes_with_the_label_is_found_with_its_numbers(case: Callable[..., Any]) -> None:
    """Of a hospital whose healthy people were not examined."""
    rng = np.random.default_rng(2)
    made = case({"x": rng.normal(size=100)}, count=100)
    lost = rng.random(100) < np.where(LABEL, 0.1, 0.6)
    images = made.cohort.scans["image"].astype(object).where(~lost, None)
    cohort = replace(made.cohort, scans=made.cohort.scans.assign(image=images), absent=("image", "table"))
    (found,) = telling_absence(replace(made, cohort=cohort))
    expected = fisher_exact([[sum(lost & (k == LABEL)), sum(~lost & (k == LABEL))] for k in (1, 0)]).pvalue
    (item,) = found.items
    assert item.startswith(f"no image in {lost[LABEL == 1].mean():.0%} of B and {lost[LABEL == 0].mean():.0%} of the")
    assert f"(p = {2 * expected:.2g})" in item
    assert found.severity == "warning"
    none = rng.random(100) < 0.4
    images = made.cohort.scans["image"].astype(object).where(~none, None)
    by_chance = replace(made.cohort, scans=made.cohort.scans.assign(image=images), absent=("image",))
    assert [*telling_absence(replace(made, cohort=by_chance))] == []
    assert [*telling_absence(made)] == []
