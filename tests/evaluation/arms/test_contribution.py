"""Contribution, Shapley values and missingness against literal resampling, scikit-learn and tables made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fusekit.errors import DataError
from fusekit.evaluation.arms.contribution import contribution, missingness, shapley


def ablations(
    signal: dict[str, float], *, subjects: int = 40, folds: int = 2, classes: int = 2, seed: int = 0
) -> pd.DataFrame:
    """A condition's scores know the label as well as ``signal`` says; 0 is a constant."""
    draw = np.random.default_rng(seed)
    tables = []
    for condition, strength in signal.items():
        for fold in range(folds):
            labels = np.arange(subjects) % classes
            scores = draw.normal(size=(subjects, classes)) if strength else np.zeros((subjects, classes))
            scores[np.arange(subjects), labels] += strength
            p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            named = {"fold": fold, "condition": condition, "subject": [f"s{fold}{n:03}" for n in range(subjects)]}
            tables.append(pd.DataFrame({**named, "label": labels, **{f"p_{k}": p[:, k] for k in range(classes)}}))
    return pd.concat(tables, ignore_index=True)


FOUR = {"as-is": 1.5, "image:drop": 0.8, "table:drop": 0.6, "both:drop": 0.0, "hidden:0.1": 1.2, "hidden:0.9": 0.3}


def within_folds(table: pd.DataFrame, condition: str) -> float:
    parts = [part for _, part in table[table["condition"] == condition].groupby("fold")]
    return float(
        np.average([roc_auc_score(part["label"], part["p_1"]) for part in parts], weights=[len(p) for p in parts])
    )


def test_aucs_are_those_of_scikit_learn_within_folds() -> None:
    small, large = ablations(FOUR, subjects=20, folds=1), ablations(FOUR, subjects=60, folds=1, seed=1)
    table = pd.concat([small, large.assign(fold=1, subject="t" + large["subject"])])
    found = contribution(table).set_index("condition")
    assert found.index[0] == "as-is"
    for condition in FOUR:
        assert found.loc[condition, "value"] == pytest.approx(within_folds(table, condition), abs=1e-12)
        expected = within_folds(table, "as-is") - within_folds(table, condition)
        assert found.loc[condition, "drop"] == pytest.approx(expected, abs=1e-12)
    assert found.loc["both:drop", "value"] == 0.5
    assert (found["subjects"] == 80).all()
    assert (found.loc["as-is", ["drop", "low", "high"]].to_numpy() == 0).all()


def test_intervals_are_those_of_literal_resampling() -> None:
    table = ablations(FOUR, subjects=30, folds=2)
    draw = np.random.default_rng(5)
    folds = []
    for _, fold in table[table["condition"].isin(["as-is", "table:drop"])].groupby("fold"):
        wide = fold.pivot_table(index=["label", "subject"], columns="condition", values="p_1")
        folds.append((wide.loc[1].to_numpy(), wide.loc[0].to_numpy()))  # (cases, conditions), (others, conditions)
    drops = []
    for _ in range(1500):
        differences = []
        for cases, others in folds:
            drawn, against = cases[draw.integers(0, 15, 15)], others[draw.integers(0, 15, 15)]
            whole, without = (drawn[:, None] > against[None]).mean(axis=(0, 1))
            differences.append(whole - without)
        drops.append(np.mean(differences))
    expected = np.quantile(drops, [0.025, 0.975])
    found = contribution(table).set_index("condition").loc["table:drop", ["low", "high"]].to_numpy(dtype=float)
    np.testing.assert_allclose(found, expected, atol=0.012)  # noise of two bootstraps


def test_paired_resampling_is_narrower_than_two_of_their_own() -> None:
    table = ablations({"as-is": 1.0}, subjects=60)
    moved = 0.99 * table["p_1"] + 0.01 * np.random.default_rng(0).random(120)
    nearly = table.assign(condition="column:X:permute", p_1=moved)
    found = contribution(pd.concat([table, nearly])).set_index("condition").loc["column:X:permute"]
    assert found["high"] - found["low"] < 0.03
    alone = missingness(table).iloc[0]
    assert alone["high"] - alone["low"] > 0.1


def test_shapley_shares_sum_to_what_is_above_chance() -> None:
    for seed in range(5):
        table = ablations(FOUR, seed=seed)
        found = shapley(table).set_index("modality")
        gain = within_folds(table, "as-is") - 0.5
        assert found["value"].sum() == pytest.approx(gain, abs=1e-12)
        image, rest = within_folds(table, "table:drop"), within_folds(table, "image:drop")
        assert found.loc["image", "value"] == pytest.approx(((image - 0.5) + gain + 0.5 - rest) / 2, abs=1e-12)
        assert (found["low"] < found["value"]).all()
        assert (found["value"] < found["high"]).all()


def test_a_modality_that_is_not_read_has_no_share() -> None:
    table = ablations({"as-is": 1.0, "both:drop": 0.0})
    whole = table[table["condition"] == "as-is"]
    constant = table[table["condition"] == "both:drop"]
    only_image = pd.concat([table, whole.assign(condition="table:drop"), constant.assign(condition="image:drop")])
    found = shapley(only_image).set_index("modality")
    assert (found.loc["table"].to_numpy() == 0).all()
    assert found.loc["image", "value"] == pytest.approx(within_folds(table, "as-is") - 0.5)


def test_missingness_ascends_from_nothing_hidden() -> None:
    found = missingness(ablations(FOUR))
    assert found["hidden"].tolist() == [0.0, 0.1, 0.9]
    assert ((found["low"] < found["value"]) & (found["value"] < found["high"])).all()
    perfect = missingness(ablations({"as-is": 50.0}, subjects=20, folds=1)).iloc[0]
    assert (perfect["value"], perfect["high"]) == (1.0, 1.0)
    assert perfect["low"] == pytest.approx(0.025 ** (1 / 10))  # Clopper and Pearson, ten of ten


def test_seeds_are_averaged_subject_by_subject() -> None:
    first, second = ablations(FOUR, seed=1), ablations(FOUR, seed=2)
    found = contribution([first, second]).set_index("condition")
    for condition in FOUR:
        mean = (within_folds(first, condition) + within_folds(second, condition)) / 2
        assert found.loc[condition, "value"] == pytest.approx(mean, abs=1e-12)
    alone = contribution(first).set_index("condition")
    assert (found["high"] - found["low"])["table:drop"] < (alone["high"] - alone["low"])["table:drop"]


def test_a_column_of_some_folds_is_compared_within_these() -> None:
    table = ablations(FOUR, folds=2)
    some = table[(table["condition"] == "image:drop") & (table["fold"] == 1)].assign(condition="column:A:permute")
    found = contribution(pd.concat([table, some])).set_index("condition").loc["column:A:permute"]
    fold = table[table["fold"] == 1]
    assert found["subjects"] == 40
    assert found["drop"] == pytest.approx(within_folds(fold, "as-is") - within_folds(fold, "image:drop"))


def test_three_classes_are_averaged_one_against_the_rest() -> None:
    table = ablations({"as-is": 1.0, "image:drop": 0.5}, subjects=60, folds=1, classes=3)
    found = contribution(table).set_index("condition")
    part = table[table["condition"] == "as-is"]
    expected = np.mean([roc_auc_score(part["label"] == k, part[f"p_{k}"]) for k in range(3)])
    assert found.loc["as-is", "value"] == pytest.approx(expected)


def test_what_cannot_be_compared_is_said() -> None:
    table = ablations(FOUR)
    with pytest.raises(DataError, match="'as-is' is missing"):
        contribution(table[table["condition"] != "as-is"])
    with pytest.raises(DataError, match="'both:drop' is missing"):
        shapley(table[table["condition"] != "both:drop"])
    with pytest.raises(DataError, match="other subjects or labels"):
        contribution([table, table[table["subject"] != "s0003"]])
