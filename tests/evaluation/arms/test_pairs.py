"""Pairs of arms: the table is what its parts give, the sentences claim no more, arms that do not match are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from fusekit.data import Ordered
from fusekit.errors import DataError
from fusekit.evaluation.arms.differences import sign_flip
from fusekit.evaluation.arms.pairs import compare_arms, sentence
from fusekit.evaluation.metrics.metric import Metric
from fusekit.evaluation.metrics.ordered import AreaOfCuts, RankError
from fusekit.evaluation.rule import Rule
from fusekit.evaluation.scores import score
from fusekit.evaluation.statistics import holm
from tests.evaluation.simulations.classes import Cohort


@pytest.mark.parametrize("seeds", [1, 2])
def test_the_table_holds_what_its_parts_give(seeds: int) -> None:
    cohort = Cohort(subjects=80, seeds=seeds, of_seed=0.5, effects=(1.2, 1.2, 2.4))
    drawn = cohort.draw(np.random.default_rng(1))
    expected, found = cohort.find_pairs(drawn), compare_arms(cohort.tables(drawn))
    assert list(found.columns) == [
        *["first", "second", "measure", "difference", "low", "high"],
        *["p", "p_holm", "spread", "subjects", "sentence"],
    ]
    assert found["first"].str.cat(found["second"]).tolist() == ["ab", "ab", "ac", "ac", "bc", "bc"]
    assert (found["subjects"] == 80).all()
    for measure, rows in found.groupby("measure"):
        numbers = rows[["difference", "low", "high", "p"]].to_numpy()
        assert numbers == pytest.approx(np.array(expected[str(measure)]))
        assert rows["p_holm"].to_numpy() == pytest.approx(holm(rows["p"]))
    labels, _, p = drawn
    right = ((p > 0.5) == labels).mean(axis=2)  # (arms, seeds)
    spread = found["spread"].iloc[1]
    assert np.isnan(spread) if seeds == 1 else spread == pytest.approx(np.std(right[0] - right[1], ddof=1))
    pd.testing.assert_frame_equal(found, compare_arms(cohort.tables(drawn)))  # nothing is drawn anew


def test_thresholds_of_an_arm_change_its_calls_and_not_its_auc() -> None:
    cohort = Cohort(subjects=60)
    labels, folds, p = drawn = cohort.draw(np.random.default_rng(2))
    arms = cohort.tables(drawn)
    thresholds = {fold: {"slice": 0.5, "subject": 0.1 * (fold + 1)} for fold in range(5)}
    plain = compare_arms(arms).set_index("measure")["difference"]
    moved = compare_arms(arms, {"b": [Rule(thresholds=thresholds)]}).set_index("measure")["difference"]
    called = p[1, 0] > 0.1 * (folds[0] + 1)
    expected = accuracy_score(labels, p[0, 0] > 0.5) - accuracy_score(labels, called)
    assert moved["accuracy"] == pytest.approx(expected)
    assert moved["accuracy"] != plain["accuracy"]
    assert moved["auc"] == plain["auc"]


def test_seeds_with_other_test_subjects_are_joined_over_everyone() -> None:
    cohort, rng = Cohort(subjects=30, folds=1), np.random.default_rng(3)
    one, two = (cohort.tables(cohort.draw(rng)) for _ in range(2))
    for table in two.values():
        table[0]["subject"] = table[0]["scan"] = "t" + table[0]["subject"]
    found = compare_arms({arm: [one[arm][0], two[arm][0]] for arm in one}).set_index("measure")
    alone = [compare_arms(arms).set_index("measure") for arms in (one, two)]
    assert (found["subjects"] == 60).all()
    mean = (alone[0]["difference"] + alone[1]["difference"]) / 2
    assert found["difference"].to_numpy() == pytest.approx(mean.to_numpy())
    width = (found["high"] - found["low"])["auc"]
    of_each = [(one["high"] - one["low"])["auc"] for one in alone]
    assert width == pytest.approx(np.hypot(*of_each) / 2)  # independent subjects: variances add


def test_three_classes_are_compared_by_macro_auc() -> None:
    rng = np.random.default_rng(4)
    labels, folds = rng.integers(0, 3, 90), np.arange(90) % 3
    arms, expected = {}, {}
    for arm, effect in (("weak", 0.5), ("strong", 2.5)):
        p = np.exp(rng.normal(size=(90, 3)) + effect * np.eye(3)[labels])
        p /= p.sum(axis=1, keepdims=True)
        of_folds = [
            roc_auc_score(labels[folds == k], p[folds == k], multi_class="ovr", average="macro") for k in range(3)
        ]
        expected[arm] = np.mean(of_folds)
        names = [f"s{i}" for i in range(90)]
        frame = pd.DataFrame({"subject": names, "scan": names, "slice": 0, "fold": folds, "label": labels})
        arms[arm] = [frame.assign(p_0=p[:, 0], p_1=p[:, 1], p_2=p[:, 2])]
    found = compare_arms(arms).set_index("measure")
    assert list(found.index) == ["macro-auc", "accuracy"]
    assert found.loc["macro-auc", "difference"] == pytest.approx(expected["weak"] - expected["strong"])
    assert (found["p"] < 0.001).all()
    assert "strong beats weak by" in str(found.loc["macro-auc", "sentence"])


METRICS: dict[str, Metric] = {"cuts-auc": AreaOfCuts(), "rank-error": RankError()}


def of_grades(seen: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """A slice per subject with the probabilities of three classes, of a grade that is seen at 0, 1 or 2 or nearby."""
    p = np.exp(-((seen[:, None] - np.arange(3)) ** 2))
    p /= p.sum(axis=1, keepdims=True)
    names = [f"s{i:03}" for i in range(len(labels))]
    frame = pd.DataFrame({"subject": names, "scan": names, "slice": 0, "fold": np.arange(len(labels)) % 3})
    return frame.assign(label=labels, **{f"p_{k}": p[:, k] for k in range(3)})


def test_ordered_classes_are_compared_by_their_cuts_and_by_ranks_of_which_less_is_better() -> None:
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 3, 120)
    arms = {arm: [of_grades(labels + rng.normal(0, size, 120), labels)] for arm, size in (("weak", 2), ("strong", 0.6))}
    found = compare_arms(arms, kind=Ordered.kind)
    assert list(found["measure"]) == ["cuts-auc", "rank-error"]
    scores = {
        arm: score(own[0], METRICS).set_index(["level", "metric"])["value"]["subject"] for arm, own in arms.items()
    }
    for row in found.to_dict("records"):
        name = row["measure"]
        assert row["difference"] == pytest.approx(scores["weak"][name] - scores["strong"][name])
        assert f"strong beats weak by {abs(row['difference']):.2f}" in row["sentence"]
    errors = [np.abs(own[0][["p_0", "p_1", "p_2"]].to_numpy().argmax(1) - labels) for own in arms.values()]
    assert found["p"][1] == sign_flip((errors[0] - errors[1]).astype(float))
    assert list(compare_arms(arms)["measure"]) == ["macro-auc", "accuracy"]  # the same without an order


def test_one_arm_of_ordered_classes_has_nothing_to_be_compared_with() -> None:
    labels = np.arange(9) % 3
    assert compare_arms({"a": [of_grades(labels.astype(float), labels)]}, kind=Ordered.kind).empty


def test_arms_that_do_not_match_are_refused_by_name() -> None:
    cohort = Cohort(subjects=40)
    arms = cohort.tables(cohort.draw(np.random.default_rng(5)))
    table = arms["b"][0]
    with pytest.raises(DataError, match=r"a and b did not test the same subjects .* s0003, s0007 are in one of them"):
        compare_arms({**arms, "b": [table[~table["subject"].isin(["s0003", "s0007"])]]})
    flipped = table.assign(label=table["label"].where(table["subject"] != "s0004", 1 - table["label"]))
    with pytest.raises(DataError, match="do not agree on the label of s0004"):
        compare_arms({**arms, "b": [flipped]})
    with pytest.raises(DataError, match="a and b were not run with as many seeds: 1 and 2"):
        compare_arms({**arms, "b": [table, table]})


def test_one_arm_has_no_pair() -> None:
    cohort = Cohort(subjects=40, effects=(1.0,))
    arms = cohort.tables(cohort.draw(np.random.default_rng(6)))
    assert compare_arms(arms).empty
    assert "sentence" in compare_arms(arms)


def said(difference: float, low: float, high: float, p: float, p_holm: float, pairs: int = 3, **more: Any) -> str:
    row = {"first": "rbca", "second": "concat", "measure": "auc", "difference": difference, "low": low, "high": high}
    return sentence({**row, "p": p, "p_holm": p_holm, "spread": np.nan, "subjects": 120, **more}, pairs)


def test_sentences_claim_no_more_than_was_seen() -> None:
    assert said(0.031, -0.012, 0.07, 0.12, 0.24) == (
        "rbca scores 0.03 AUC above concat (95 % CI -0.01 to 0.07; p = 0.12, Holm 0.24): not distinguishable with 120"
        " subjects."
    )
    assert said(-0.08, -0.13, -0.03, 0.0004, 0.0012) == (  # the better arm comes first, and its limits with it
        "concat beats rbca by 0.08 AUC (95 % CI 0.03 to 0.13; p < 0.001, Holm 0.001): distinguishable after Holm's"
        " correction, with 120 subjects."
    )
    assert said(0.05, 0.001, 0.1, 0.045, 0.135) == (
        "rbca scores 0.05 AUC above concat (95 % CI 0.001 to 0.10; p = 0.045, Holm 0.14): not distinguishable with 120"
        " subjects once 3 pairs are compared."
    )
    assert said(0.0, -0.05, 0.05, 1.0, 1.0, pairs=1) == (
        "rbca and concat have the same AUC (95 % CI -0.05 to 0.05; p = 1.00): no difference could be seen with 120"
        " subjects."
    )
    assert said(0.05, np.nan, np.nan, np.nan, np.nan) == (
        "rbca and concat cannot be compared by AUC: a fold has too few subjects of a class (120 subjects)."
    )
    assert said(0.02, -0.1, 0.1, 0.6, 0.6, spread=0.034, measure="accuracy").endswith(
        "not distinguishable with 120 subjects. From seed to seed the difference varies by 0.03 (SD)."
    )


def test_only_what_holm_leaves_is_called_better() -> None:
    for p_holm in (0.049, 0.05, 0.2):
        assert ("beats" in said(0.05, 0.01, 0.09, 0.01, p_holm)) == (p_holm < 0.05)


def of_numbers(errors: np.ndarray) -> pd.DataFrame:
    """A slice per subject whose prediction is wrong by so much (N,)."""
    names = [f"s{n:02}" for n in range(len(errors))]
    true = np.arange(len(errors), dtype=float)
    table = pd.DataFrame({"subject": names, "scan": names, "slice": 0, "fold": 0, "label": true})
    return table.assign(predicted=true + errors)


def test_numbers_are_compared_by_absolute_errors_of_which_less_is_better() -> None:
    draw = np.random.default_rng(0)
    small, large = draw.integers(-64, 65, 40) / 64, draw.integers(-192, 193, 40) / 64  # exact in binary
    found = compare_arms({"good": [of_numbers(small)], "bad": [of_numbers(large)], "same": [of_numbers(-small)]})
    rows: dict[Any, dict[Any, Any]] = found.set_index(["first", "second"]).to_dict("index")
    assert set(found["measure"]) == {"mae"}
    row = rows["good", "bad"]
    difference, low, high = (float(row[name]) for name in ("difference", "low", "high"))
    assert difference == pytest.approx(np.abs(small).mean() - np.abs(large).mean())
    assert f"good beats bad by {-difference:.2f} MAE (95 % CI {-high:.2f} to {-low:.2f};" in row["sentence"]
    assert "good and same have the same MAE" in rows["good", "same"]["sentence"]


def test_what_is_not_sure_of_numbers_is_said_as_less_error() -> None:
    draw = np.random.default_rng(1)
    errors = draw.normal(0, 1, 12)
    found = compare_arms({"a": [of_numbers(errors * 1.05)], "b": [of_numbers(errors + draw.normal(0, 0.5, 12))]})
    row = found.iloc[0]
    first, second = ("a", "b") if row["difference"] < 0 else ("b", "a")
    assert f"{first} errs by {abs(row['difference']):.2f} MAE less than {second}" in row["sentence"]
