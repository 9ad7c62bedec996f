"""The learning curve's points and gains, against scikit-learn, scipy and a bootstrap; what a sentence says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel
from sklearn.metrics import roc_auc_score

from fusekit.errors import DataError
from fusekit.evaluation.arms.learning_curve import learning_curve, sentence


def of_classes(strength: float, seed: int = 0) -> pd.DataFrame:
    """80 subjects in two folds."""
    draw = np.random.default_rng(seed)
    labels = np.arange(80) % 2
    p = 1 / (1 + np.exp(-strength * labels - draw.normal(size=80)))
    subjects = [f"s{n:02}" for n in range(80)]
    return pd.DataFrame({"subject": subjects, "fold": np.arange(80) // 40, "label": labels, "p_0": 1 - p, "p_1": p})


def area(table: pd.DataFrame) -> float:
    """Mean of the folds', which are equally large."""
    return float(np.mean([roc_auc_score(own["label"], own["p_1"]) for _, own in table.groupby("fold")]))


def test_points_of_classes_are_areas_within_folds_and_gains_are_paired() -> None:
    tables = {25: of_classes(0.3), 50: of_classes(0.8, 1), 75: of_classes(1.0, 2), 100: of_classes(1.5, 3)}
    found = learning_curve({percent: [table] for percent, table in tables.items()}, "classes").set_index("percent")
    assert set(found["measure"]) == {"auc"}
    assert found["value"].to_dict() == pytest.approx({percent: area(table) for percent, table in tables.items()})
    assert ((found["low"] < found["value"]) & (found["value"] < found["high"])).all()
    assert found.loc[50, "change"] == pytest.approx(area(tables[100]) - area(tables[50]))
    assert found["change"].isna().tolist() == [False, False, False, True]
    draw, differences = np.random.default_rng(0), []
    for _ in range(600):
        strata = tables[50].groupby(["fold", "label"]).indices.values()
        rows = np.concatenate([draw.choice(own, len(own)) for own in strata])
        differences.append(area(tables[100].iloc[rows]) - area(tables[50].iloc[rows]))
    limits = found[["change_low", "change_high"]].astype(float).to_numpy()[1]
    assert limits == pytest.approx(np.quantile(differences, [0.025, 0.975]), abs=0.03)


def test_gains_of_numbers_are_those_of_their_errors() -> None:
    draw = np.random.default_rng(1)
    truth = draw.normal(20, 4, 50)
    base = {"subject": [f"s{n:02}" for n in range(50)], "fold": 0, "label": truth}
    tables = {p: pd.DataFrame({**base, "predicted": truth + draw.normal(0, 8 - p / 20, 50)}) for p in (25, 50, 75, 100)}
    found = learning_curve({p: [table] for p, table in tables.items()}, "number").set_index("percent")
    errors = {p: (table["predicted"] - table["label"]).abs().to_numpy() for p, table in tables.items()}
    assert set(found["measure"]) == {"mae"}
    assert found["value"].to_dict() == pytest.approx({p: own.mean() for p, own in errors.items()})
    for p in (25, 50, 75):
        student: Any = ttest_rel(errors[100], errors[p])
        limits = student.confidence_interval()
        assert [found.loc[p, end] for end in ("change_low", "change_high")] == pytest.approx([limits.low, limits.high])


def test_several_seeds_are_averaged_and_other_subjects_refused() -> None:
    seeds = {p: [of_classes(p / 70, seed) for seed in (p, p + 1)] for p in (25, 50, 75, 100)}
    found = learning_curve(seeds, "classes").set_index("percent")
    assert (found["seeds"] == 2).all()
    assert found.loc[25, "value"] == pytest.approx(np.mean([area(table) for table in seeds[25]]))
    assert found.loc[25, "change"] == pytest.approx(found["value"][100] - found["value"][25])
    with pytest.raises(DataError, match="did not test the same subjects"):
        learning_curve({**seeds, 25: [table[1:] for table in seeds[25]]}, "classes")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "AUC of rbca rose by 0.030 (95 % CI +0.010 to +0.050, paired over 471 tested subjects)."),
        (
            {"change": -0.03, "change_low": -0.07, "change_high": 0.01},
            "AUC of rbca fell by 0.030 (95 % CI \N{MINUS SIGN}0.070 to +0.010, paired over 471 tested subjects, which "
            "includes no change).",
        ),
        (
            {"measure": "mae", "change": -1.5, "change_low": -2, "change_high": -1},
            "MAE of rbca fell by 1.500 (95 % CI \N{MINUS SIGN}2.000 to \N{MINUS SIGN}1.000, paired over 471 tested "
            "subjects).",
        ),
        (
            {"change": 0.0, "change_low": -0.01, "change_high": 0.01},
            "AUC of rbca did not change (95 % CI \N{MINUS SIGN}0.010 to +0.010, paired over 471 tested subjects, which "
            "includes no change).",
        ),
        ({"change_low": float("nan")}, "AUC of rbca cannot be compared: there are too few tested subjects."),
    ],
)
def test_a_sentence_says_what_was_measured_and_no_more(changes: dict[str, Any], said: str) -> None:
    row = {"measure": "auc", "change": 0.03, "change_low": 0.01, "change_high": 0.05, "subjects": 471, **changes}
    assert sentence("rbca", row, 189, 1376) == f"From 189 to 1,376 training subjects the {said}"
