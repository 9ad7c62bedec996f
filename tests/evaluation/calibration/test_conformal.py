"""Conformal sets and intervals: against a literal loop, and their coverage by simulation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Classes, Number, Ordered, TimeToEvent
from fusekit.errors import DataError
from fusekit.evaluation.calibration.conformal import REGIONS, Conformal, coverage_table, cross_held, held, sentence
from fusekit.evaluation.predictions import with_probabilities

CLASSES, NUMBER = Classes(("a", "b", "c")), Number("age", "years")


def of_classes(draw: np.random.Generator, count: int) -> pd.DataFrame:
    """Labels drawn from probabilities that are only roughly those of the table."""
    true = draw.dirichlet([1, 1, 1], count)
    labels = (true.cumsum(axis=1) < draw.random((count, 1))).sum(axis=1).clip(max=2)
    said = np.sqrt(true) / np.sqrt(true).sum(axis=1, keepdims=True)
    table = pd.DataFrame({"subject": [f"s{k}" for k in range(count)], "fold": np.arange(count) % 3, "label": labels})
    return with_probabilities(table, said)


def of_a_number(draw: np.random.Generator, count: int) -> pd.DataFrame:
    predicted = draw.normal(60, 10, count)
    labels = predicted + draw.exponential(5, count) * draw.choice([-1, 2], count)
    names = [f"s{k}" for k in range(count)]
    return pd.DataFrame({"subject": names, "fold": np.arange(count) % 3, "label": labels, "predicted": predicted})


def smallest_that_covers(scores: list[float], level: float) -> float:
    """The definition, literally: the smallest score that (n + 1) level of n + 1 scores do not exceed, the new one's
    being infinite."""
    asked = Fraction(str(level)) * (len(scores) + 1)
    return min(q for q in [*scores, float("inf")] if sum(score <= q for score in scores) + (q == float("inf")) >= asked)


@pytest.mark.parametrize("level", [0.5, 0.55, 0.7, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("digits", [1, 12])  # with one digit, most scores are tied
def test_the_quantile_is_that_of_a_literal_loop(level: float, digits: int) -> None:
    draw = np.random.default_rng(3)
    for count in (1, 3, 8, 9, 10, 18, 19, 20, 98, 99, 100, 199):
        scores = draw.random(count).round(digits)
        assert Conformal.fit(scores, level).limit == smallest_that_covers(scores.tolist(), level), count


def test_with_too_few_subjects_a_region_is_everything() -> None:
    draw = np.random.default_rng(0)
    few = Conformal.fit(draw.random(8), 0.9)
    assert few.quantile is None
    assert Conformal.fit(draw.random(9), 0.9).quantile is not None
    assert few.columns(of_classes(draw, 2), CLASSES) == {"set": ["a or b or c"] * 2}
    ends = few.columns(of_a_number(draw, 2), NUMBER)
    assert (ends["low"] == -np.inf).all()
    assert (ends["high"] == np.inf).all()
    found = held(of_a_number(draw, 2), "number", few.limit)
    assert found["covered"].all()
    assert "without ends" in sentence(
        coverage_table(found, pd.DataFrame({"subject": ["s0", "s1"]}), NUMBER, 0.9), "number"
    )


def test_sets_and_intervals_of_a_table_made_by_hand() -> None:
    table = pd.DataFrame({"subject": list("xyz"), "label": [0, 1, 2]})
    table = with_probabilities(table, np.array([[0.5, 0.25, 0.25], [0.5, 0.375, 0.125], [0.34, 0.33, 0.33]]))
    quantile = Conformal(0.5, 3, 0.625)
    assert quantile.columns(table, CLASSES) == {"set": ["a", "a or b", ""]}
    assert quantile.columns(table, Ordered(("low", "middle", "high")))["set"] == ["low", "low or middle", ""]
    found = held(table, "classes", 0.625)
    assert found["covered"].tolist() == [True, True, False]
    assert found["size"].tolist() == [1, 2, 0]
    numbers = pd.DataFrame({"subject": list("xy"), "label": [3.0, 9.0], "predicted": [5.0, 6.0]})
    ends = Conformal(0.5, 2, 2.0).columns(numbers, NUMBER)
    assert ends["low"].tolist() == [3, 4]
    assert ends["high"].tolist() == [7, 8]
    assert held(numbers, "number", 2.0)["covered"].tolist() == [True, False]
    assert held(numbers, "number", 2.0)["size"].tolist() == [4, 4]


@pytest.mark.parametrize("count", [9, 150])
@pytest.mark.parametrize("level", [0.5, 0.9])
@pytest.mark.parametrize("kind", ["classes", "number", "tied"])
def test_a_new_subject_s_truth_is_covered_with_the_level_or_more(kind: str, level: float, count: int) -> None:
    """Over many cohorts, each with its own quantile; without ties the coverage is ceil((n + 1) level) / (n + 1)."""
    draw, cohorts, new = np.random.default_rng(count), 150, 40
    make = of_a_number if kind == "number" else of_classes
    regions, covered = REGIONS["number" if kind == "number" else "classes"], []
    for _ in range(cohorts):
        table = make(draw, count + new)
        if kind == "tied":  # probabilities of a vote of two slices
            votes = np.eye(3)[draw.integers(0, 3, (len(table), 2))].mean(axis=1)
            table = with_probabilities(table, votes)
        fitted = Conformal.fit(regions.scores(table.iloc[:count]), level)
        covered.append((regions.scores(table.iloc[count:]) <= fitted.limit).mean())
    noise = 4 * np.std(covered) / np.sqrt(cohorts)
    exact = -(-Fraction(str(level)) * (count + 1) // 1) / (count + 1)
    assert np.mean(covered) >= level - noise
    if kind != "tied":
        assert np.mean(covered) == pytest.approx(float(exact), abs=noise + 1e-9)


@pytest.mark.parametrize("columns", [10, 40])
def test_scores_of_folds_serve_a_model_of_all_subjects_and_an_average(columns: int) -> None:
    """Nothing promises it (Barber and others 2021); here the folds' models know less, so that it is kept or passed."""
    draw, count, level, cohorts = np.random.default_rng(1), 120, 0.8, 100
    covered = np.empty((cohorts, 2))
    for cohort in range(cohorts):
        x = draw.normal(size=(count + 100, columns))
        y = x @ draw.normal(size=columns) * 1.5 / np.sqrt(columns) + draw.normal(size=len(x))
        fold, parts, scores = np.arange(count) % 5, list[np.ndarray](), np.empty(count)
        for k in range(5):
            inside = fold == k
            parts.append(ridge(x[:count][~inside], y[:count][~inside], x))
            scores[inside] = np.abs(y - parts[-1])[:count][inside]
        shipped = [ridge(x[:count], y[:count], x), np.mean(parts, axis=0)]
        limit = Conformal.fit(scores, level).limit
        covered[cohort] = [(np.abs(y - one)[count:] <= limit).mean() for one in shipped]
    noise = 4 * covered.std(axis=0) / np.sqrt(cohorts)
    assert (covered.mean(axis=0) >= level - noise).all()
    assert (covered.mean(axis=0) <= level + 0.06).all()


def ridge(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    return np.asarray(new @ np.linalg.solve(x.T @ x + np.eye(x.shape[1]), x.T @ y))


@pytest.mark.parametrize("kind", ["classes", "number"])
def test_subjects_of_a_fold_are_judged_by_the_other_folds_alone(kind: str) -> None:
    draw = np.random.default_rng(5)
    table = (of_classes if kind == "classes" else of_a_number)(draw, 61)
    scores, found = REGIONS[kind].scores(table).tolist(), cross_held(table, kind, 0.8)
    for row, fold in enumerate(table["fold"]):
        others = [score for score, of in zip(scores, table["fold"], strict=True) if of != fold]
        assert found["covered"].iloc[row] == (scores[row] <= smallest_that_covers(others, 0.8))


def test_coverage_is_counted_for_all_by_label_and_by_group() -> None:
    draw = np.random.default_rng(6)
    found = cross_held(of_classes(draw, 90), "classes", 0.8)
    cohort = pd.DataFrame({"subject": found["subject"], "label": found["label"], "sex": ["f"] * 81 + ["m"] * 9})
    cohort = pd.concat([cohort, cohort.head(5)])  # a subject with a second scan
    table = coverage_table(found, cohort, CLASSES, 0.8)
    assert table[["variable", "group"]].to_numpy().tolist() == [
        *(["subject", "all"], ["label", "a"], ["label", "b"], ["label", "c"]),
        *(["sex", "f"], ["sex", "m"]),
    ]
    everyone, women, men = table.iloc[0], table.iloc[4], table.iloc[5]
    assert everyone["coverage"] == found["covered"].mean()
    assert everyone["subjects"] == 90
    assert everyone["low"] < everyone["coverage"] < everyone["high"]
    assert women["covered"] == found["covered"].head(81).sum()
    assert women["size"] == found["size"].head(81).mean()
    assert np.isnan(men["coverage"])
    assert men["reason"] == "fewer than 10 subjects"
    assert men["subjects"] == 9
    for k in range(3):
        assert table.iloc[1 + k]["covered"] == found["covered"][found["label"] == k].sum()
    assert "excludes" not in sentence(table, "classes")
    low = table.assign(low=0.1, high=0.7)
    assert sentence(low, "classes").endswith("The interval excludes the level.")
    thirds = coverage_table(cross_held(of_a_number(draw, 90), "number", 0.8), cohort, NUMBER, 0.8)
    assert thirds["group"].iloc[1] == "the lowest third of age"


def test_times_to_an_event_have_no_regions() -> None:
    assert TimeToEvent.kind not in REGIONS


@pytest.mark.parametrize("wrong", [(0.4, 100, 0.1), (0.995, 1000, 0.1), (0.9, 8, 0.1), (0.9, 9, None)])
def test_what_does_not_fit_is_refused(wrong: tuple[float, int, float | None]) -> None:
    with pytest.raises(DataError, match="conformal"):
        Conformal(*wrong)
