"""Confusion matrices against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from fusekit.evaluation import Rule
from fusekit.report.figures.calls import confusion
from tests.report.conftest import evidence_of, run_of, subject_table


@pytest.mark.parametrize("classes", [2, 3])
def test_counts_and_shares_are_those_of_the_calls(drawn: list[Figure], classes: int) -> None:
    names = ("CN", "AD", "MCI")[:classes]
    arms = {name: subject_table(50, classes=classes, seed=k) for k, name in enumerate(("one", "two", "three"))}
    runs = {name: run_of(subjects=table) for name, table in arms.items()}
    (picture,) = confusion(evidence_of(runs, names, synthetic=True))
    assert "SYNTHETIC data" in picture.svg
    for axes, (arm, table) in zip(drawn[0].axes, arms.items(), strict=False):
        calls = table[[f"p_{k}" for k in range(classes)]].to_numpy().argmax(axis=1)
        expected = confusion_matrix(table["label"], calls, labels=range(classes))
        own = picture.table[picture.table["arm"] == arm]
        np.testing.assert_array_equal(own["subjects"].to_numpy().reshape(classes, classes), expected)
        shares = expected / expected.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(own["share"].to_numpy().reshape(classes, classes), shares)
        texts = [text.get_text() for text in axes.texts]
        assert texts == [f"{n}\n{100 * s:.0f} %" for n, s in zip(expected.flat, shares.flat, strict=True)]
        assert f"{arm} {np.trace(expected)} of 50" in picture.alt


def test_thresholds_of_the_folds_decide_where_they_were_fitted() -> None:
    table = subject_table(60)
    thresholds = {fold: {"subject": t, "slice": 0.0} for fold, t in enumerate((0.2, 0.9, 0.5))}
    rule = Rule(thresholds=thresholds)
    calls = rule.called(table, "subject")
    for row, call in zip(table.itertuples(), calls, strict=True):
        assert call == (row.p_1 > thresholds[int(str(row.fold))]["subject"])
    (picture,) = confusion(evidence_of({"one": run_of(subjects=table, rule=rule)}))
    right = picture.table[picture.table["true"] == picture.table["called"]]["subjects"].sum()
    assert right == (calls == table["label"]).sum()
    assert "fitted on validation subjects" in picture.caption


def test_a_class_without_subjects_has_no_share() -> None:
    table = subject_table(20).assign(label=0)
    (picture,) = confusion(evidence_of({"one": run_of(subjects=table)}))
    assert picture.table["share"].isna().tolist() == [False, False, True, True]
