"""Pictures of scores and of differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

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
    accuracy, auc = (axes for axes in drawn[0].axes if axes.get_visible())
    assert auc.get_title(loc="left") == "AUC"
    expected = [part for k in range(3) for part in ([0.1 * k + 0.4, 0.1 * k + 0.6], [0.1 * k + 0.5], [0.5, 0.51, 0.52])]
    for got, wanted in zip(across(auc), expected, strict=True):
        assert got == pytest.approx(wanted)
    assert len(across(accuracy)) == 9
    assert "each of 3 seeds" in picture.caption
    assert "60 subjects" in picture.caption
    assert "SYNTHETIC data" in picture.svg
    assert picture.table["value"].tolist() == TABLE["value"].tolist()
    assert "not there" not in picture.svg


def test_one_seed_has_no_ticks() -> None:
    (picture,) = scores(given(1))
    assert "seeds" not in picture.caption


def test_differences_say_in_shape_which_are_told_apart(drawn: list[Figure]) -> None:
    pairs = pd.DataFrame(
        [
            ("a", "b", "auc", 0.1, 0.05, 0.15, 0.001, 0.0004, 0.02, 60),
            ("a", "c", "auc", 0.01, -0.05, 0.07, 0.3, 0.31, 0.02, 60),
        ],
        columns=["first", "second", "measure", "difference", "low", "high", "p", "p_holm", "spread", "subjects"],
    )
    (picture,) = differences(given(1, pairs=pairs))
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.texts] == ["p < 0.001", "p = 0.31"]
    points = [line for line in axes.lines if len(np.atleast_1d(np.asarray(line.get_xdata()))) == 1]
    assert [line.get_marker() for line in points] == ["s", "o"]
    assert [line.get_markerfacecolor() for line in points] == ["#000000", "white"]
    assert across(axes)[1] == pytest.approx([0.08, 0.12])  # seeds
    assert across(axes)[2] == pytest.approx([0.05, 0.15])
    assert picture.alt == "Told apart: a and b in AUC."
    assert picture.table.equals(pairs)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a \N{MINUS SIGN} b", "a \N{MINUS SIGN} c"]
    (nothing,) = differences(given(1, pairs=pairs.assign(p_holm=0.5)))
    assert nothing.alt == "No pair of arms can be told apart."
