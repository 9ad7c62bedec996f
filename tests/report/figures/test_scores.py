"""Pictures of scores and of differences."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.report.drawing.palette import arm_styles
from fusekit.report.evidence import Evidence
from fusekit.report.figures.scores import differences, scores
from tests.report.conftest import evidence_of, run_of

METRICS = {"accuracy": "accuracy", "auc": "AUC", "unknown": "not there"}
TABLE = pd.DataFrame(
    [
        (arm, m, 0.1 * k + 0.5, 0.1 * k + 0.4, 0.1 * k + 0.6, 60)
        for m in ("accuracy", "auc")
        for k, arm in enumerate("abc")
    ],
    columns=["arm", "metric", "value", "low", "high", "subjects"],
)


def given(seeds: int, **rest: Any) -> Evidence:
    """Three arms, with so many seeds that have an AUC."""

    def runs(arm: str) -> list[Any]:
        aucs = [pd.DataFrame({"level": ["subject"], "metric": "auc", "value": 0.5 + 0.01 * s}) for s in range(seeds)]
        return [run_of(seed=seed, scores=own) for seed, own in enumerate(aucs)]

    arms = {arm: runs(arm) for arm in "abc"}
    return evidence_of(arms, metrics=METRICS, scores=TABLE.assign(level="subject"), **rest)


def across(axes: object) -> list[list[float]]:
    return [np.asarray(line.get_xdata(), dtype=float).tolist() for line in axes.lines]  # type: ignore[attr-defined]


def test_scores_intervals_and_seeds_are_drawn(drawn: list[Figure]) -> None:
    (picture,) = scores(given(3, synthetic=True))
    (axes,) = drawn[0].axes
    assert axes.get_xlabel() == "AUC"
    expected = [part for k in range(3) for part in ([0.1 * k + 0.4, 0.1 * k + 0.6], [0.1 * k + 0.5], [0.5, 0.51, 0.52])]
    for got, wanted in zip(across(axes), expected, strict=True):
        assert got == pytest.approx(wanted)
    assert [text.get_text() for text in axes.texts] == ["0.50 [0.40, 0.60]", "0.60 [0.50, 0.70]", "0.70 [0.60, 0.80]"]
    assert "each of 3 seeds" in picture.caption
    assert "60 subjects" in picture.caption
    assert "SYNTHETIC data" in picture.svg
    assert picture.table["metric"].unique().tolist() == ["auc"]


def test_one_seed_has_no_ticks_and_one_arm_no_axes() -> None:
    (picture,) = scores(given(1))
    assert "seeds" not in picture.caption
    alone = given(1)
    assert list(scores(replace(alone, arms=alone.arms[:1]))) == []


PAIRS = pd.DataFrame(
    [
        ("a", "b", "auc", 0.1, 0.05, 0.15, 0.001, 0.0004, 0.02, 60),
        ("a", "c", "auc", 0.01, -0.05, 0.07, 0.3, 0.31, 0.02, 60),
        ("b", "c", "auc", -0.09, -0.2, 0.02, 0.06, 0.2, 0.02, 60),
        ("a", "b", "accuracy", 0.3, 0.2, 0.4, 0.001, 0.001, 0.02, 60),
    ],
    columns=["first", "second", "measure", "difference", "low", "high", "p", "p_holm", "spread", "subjects"],
)


def test_differences_from_the_first_arm_say_in_shape_which_are_told_apart(drawn: list[Figure]) -> None:
    (picture,) = differences(given(1, pairs=PAIRS))
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.texts] == ["p < 0.001", "p = 0.31"]
    points = [line for line in axes.lines if len(np.atleast_1d(np.asarray(line.get_xdata()))) == 1]
    assert [line.get_markerfacecolor() == "white" for line in points] == [False, True]
    looks = arm_styles("bc", "abc")
    assert [line.get_color() for line in points] == [looks["b"].colour, looks["c"].colour]
    assert across(axes)[1] == pytest.approx([-0.15, -0.05])
    assert picture.alt == "Different from a: b."
    assert picture.table["difference"].tolist() == [-0.1, -0.01]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "c"]
    (nothing,) = differences(given(1, pairs=PAIRS.assign(p_holm=0.5)))
    assert nothing.alt == "No arm can be told apart from it."


def test_differences_are_from_the_best_arm_without_fusion() -> None:
    three = given(1, pairs=PAIRS)
    reads = {"a": {"image", "table"}, "b": {"image"}, "c": {"table"}}
    arms = tuple(replace(arm, reads=frozenset(reads[arm.name])) for arm in three.arms)
    (picture,) = differences(replace(three, arms=arms))
    assert "minus c, the best of the arms without fusion" in picture.caption
    assert picture.table[["arm", "difference"]].to_numpy().tolist() == [["a", 0.01], ["b", -0.09]]
