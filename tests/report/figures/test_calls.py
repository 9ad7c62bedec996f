"""Probabilities by class, and confusion matrices against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix

from fusekit.evaluation import Rule
from fusekit.report.figures.calls import confusion, probabilities
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


def test_probabilities_are_counted_by_true_class_and_call(drawn: list[Figure]) -> None:
    p = np.array([0.02, 0.07, 0.52, 0.98, 1.0, 0.31])
    table = subject_table(6).assign(label=[0, 0, 0, 1, 1, 1], p_0=1 - p, p_1=p)
    (picture,) = probabilities(evidence_of({"one": run_of(subjects=table)}))
    found = picture.table[picture.table[["right", "wrong"]].sum(axis=1) > 0]
    assert found[["true", "from", "to", "right", "wrong"]].to_numpy().tolist() == [
        ["CN", 0.0, 0.05, 1, 0],
        ["CN", 0.05, 0.1, 1, 0],
        ["CN", 0.5, 0.55, 0, 1],
        ["AD", 0.3, 0.35, 0, 1],
        ["AD", 0.95, 1.0, 2, 0],
    ]
    assert "one: 4 called rightly, 2 wrongly" in picture.alt
    (axes,) = drawn[0].axes
    tops = [bar.get_y() + bar.get_height() for bar in axes.patches]  # type: ignore[attr-defined]
    assert max(tops[:40]) == pytest.approx(0.85)  # CN: the fullest bar, below the next class
    assert max(tops[40:]) == pytest.approx(1.85)


def test_of_three_classes_it_is_the_probability_of_the_own_one(drawn: list[Figure]) -> None:
    table, names = subject_table(45, classes=3), ("CN", "MCI", "AD")
    rule = Rule()
    (picture,) = probabilities(evidence_of({"one": run_of(subjects=table), "two": run_of(subjects=table)}, names))
    own = picture.table[picture.table["arm"] == "one"]
    for label, name in enumerate(names):
        p, called = table[table["label"] == label][f"p_{label}"], rule.called(table, "subject")[table["label"] == label]
        counts, _ = np.histogram(p[called == label], 20, (0, 1))
        np.testing.assert_array_equal(own[own["true"] == name]["right"], counts)
    assert "probability of the true class" in picture.caption
