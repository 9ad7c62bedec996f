"""The calling rule against tables made by hand."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusekit.data import Classes
from fusekit.errors import DataError, OptionError
from fusekit.evaluation import AGGREGATIONS, Rule, prediction_table, probabilities_of
from fusekit.evaluation.aggregation import Aggregate
from fusekit.evaluation.calibration.reliability import apply_temperature, fit_temperature


def test_slices_are_averaged_within_scans_before_subjects() -> None:
    rows = pd.DataFrame(
        {
            "subject": ["b", "a", "a", "a", "a"],
            "scan": ["b1", "a1", "a1", "a1", "a2"],
            "slice": [0, 0, 1, 2, 0],
            "fold": 0,
            "label": [0, 1, 1, 1, 1],
        },
        index=pd.Index([4, 7, 8, 9, 2], name="row"),
    )
    p = np.array([0.25, 0.9, 0.9, 0.9, 0.1])
    predictions = prediction_table(rows, Classes(("no", "yes")).predict(np.column_stack([1 - p, p])))

    assert list(predictions.columns) == ["row", "subject", "scan", "slice", "fold", "label", "p_0", "p_1"]
    assert predictions["row"].tolist() == [4, 7, 8, 9, 2]
    assert probabilities_of(predictions)[:, 1].tolist() == p.tolist()

    subjects = Rule().subjects(predictions).set_index("subject")
    assert subjects.loc["a", "p_1"] == pytest.approx(0.5)  # (0.9 + 0.1) / 2, not 2.8 / 4
    assert subjects.loc["b", "p_1"] == pytest.approx(0.25)
    assert tuple(subjects.loc["a", ["scans", "slices"]]) == (2, 4)
    assert np.allclose(subjects["p_0"] + subjects["p_1"], 1)


def test_new_patients_need_no_label() -> None:
    predictions = pd.DataFrame(
        {"subject": ["1", "1"], "scan": ["1", "1"], "slice": [3, 4], "p_0": [0.2, 0.4], "p_1": [0.8, 0.6]}
    )
    subjects = Rule().subjects(predictions)
    assert list(subjects.columns) == ["subject", "scans", "slices", "p_0", "p_1"]
    assert subjects["p_1"].tolist() == pytest.approx([0.7])


def slices(*p: float, scan: str = "s", classes: int = 2) -> pd.DataFrame:
    """Slices of one subject's scan by the probability of class 1; the rest is shared alike."""
    rest = {f"p_{k}": (1 - np.array(p)) / (classes - 1) for k in range(classes)}
    return pd.DataFrame({"subject": "a", "scan": scan, "slice": range(len(p)), **rest, "p_1": p})


def test_aggregations_by_hand() -> None:
    predictions = pd.concat([slices(0.9, 0.8, 0.1, scan="long"), slices(0.4, scan="short")])

    def joined(how: str) -> float:
        subject = Rule(how).subjects(predictions)
        assert subject["p_0"].to_numpy() == pytest.approx(1 - subject["p_1"].to_numpy())
        return float(subject["p_1"].iloc[0])

    assert joined("mean") == pytest.approx((0.6 + 0.4) / 2)
    assert joined("median") == pytest.approx((0.8 + 0.4) / 2)
    assert joined("max") == pytest.approx(0.9)
    assert joined("vote") == pytest.approx((2 / 3 + 0) / 2)
    logits = np.log(np.array([9, 4, 1 / 9, 4 / 6]))
    odds = np.exp((logits[:3].mean() + logits[3]) / 2)
    assert joined("logit") == pytest.approx(odds / (1 + odds))


def test_certainty_of_one_slice_does_not_silence_all_others() -> None:
    assert 0 < Rule("logit").subjects(slices(0.0, 0.99, 0.99))["p_1"].iloc[0] < 0.5


def test_three_classes_have_no_positive_one_to_take_the_highest_of() -> None:
    predictions = slices(0.7, 0.1, 0.1, classes=3)
    for how in ("mean", "median", "vote", "logit"):
        assert probabilities_of(Rule(how).subjects(predictions)).sum() == pytest.approx(1)
    with pytest.raises(OptionError, match="3 classes"):
        Rule("max").subjects(predictions)
    undecided = slices(1.0, 0.0, 0.0, classes=3).assign(p_0=[0.0, 1.0, 0.0], p_2=[0.0, 0.0, 1.0])
    assert probabilities_of(Rule("median").subjects(undecided))[0] == pytest.approx([1 / 3] * 3)


def test_unknown_aggregations_are_refused_with_the_nearest_names() -> None:
    with pytest.raises(OptionError, match="did you mean 'median'"):
        Rule("medain").subjects(slices(0.5))


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_a_subject_of_one_slice_keeps_its_order(how: str) -> None:
    values = [Rule(how).subjects(slices(p))["p_1"].iloc[0] for p in (0.1, 0.3, 0.6, 0.8)]
    assert values == sorted(values)
    assert values[1] <= 0.5 < values[2]


def validation() -> pd.DataFrame:
    """Two folds whose models are on different scales; subject b stands in both."""
    rows = [
        *[(0, "a", 0, 0.1), (0, "a", 0, 0.5), (0, "b", 1, 0.4), (0, "b", 1, 0.8)],
        *[(1, "b", 1, 0.95), (1, "b", 1, 0.95), (1, "c", 0, 0.85), (1, "c", 0, 0.6)],
    ]
    frame = pd.DataFrame(rows, columns=["fold", "subject", "label", "p_1"])
    return frame.assign(scan=frame["subject"], slice=0, p_0=1 - frame["p_1"])[
        ["subject", "scan", "slice", "fold", "label", "p_0", "p_1"]
    ]


def test_each_fold_has_thresholds_of_its_own_at_both_levels() -> None:
    fitted = Rule.fit(validation(), threshold="youden").thresholds
    assert set(fitted) == {0, 1}
    assert fitted[0]["subject"] == pytest.approx(0.45)  # a 0.3, b 0.6
    assert fitted[1]["subject"] == pytest.approx((0.95 + 0.725) / 2)
    assert fitted[1]["slice"] == pytest.approx(0.9)
    assert Rule.fit(validation(), "max", "youden").thresholds[0]["subject"] == pytest.approx(0.65)  # a 0.5, b 0.8
    with pytest.raises(DataError, match=r"Validation part of fold 1: .* both classes"):
        Rule.fit(validation().query("subject != 'c'"), threshold="youden")
    with pytest.raises(OptionError, match="two classes"):
        Rule.fit(validation().assign(p_2=0.0), threshold="youden")


def test_a_fold_whose_subjects_are_all_called_rightly_has_no_temperature() -> None:
    fitted = Rule.fit(validation())
    assert fitted.thresholds == {}
    # Fold 0 calls a (0.3) and b (0.6) rightly; fold 1 calls c (0.725) wrongly.
    expected = fit_temperature(np.array([[0.05, 0.95], [0.275, 0.725]]), np.array([1, 0]))
    assert fitted.temperatures == {1: pytest.approx(expected)}
    with pytest.raises(DataError, match=r"no temperature for fold 0"):
        fitted.calibrated(fitted.subjects(validation()))


def test_tables_are_called_fold_by_fold() -> None:
    thresholds = {0: {"slice": 0.45, "subject": 0.2}, 1: {"slice": 0.9, "subject": 0.2}}
    rule = Rule(thresholds=thresholds)
    expected = [False, True, False, True, True, True, False, False]
    assert rule.called(validation(), "slice").tolist() == expected
    assert (rule.centred(validation(), "slice")["p_1"] > 0.5).tolist() == expected
    with pytest.raises(DataError, match=r"no threshold for fold 1; there are thresholds for \[0\]"):
        Rule(thresholds={0: thresholds[0]}).called(validation(), "slice")
    with pytest.raises(OptionError, match="two classes"):
        rule.called(validation().assign(p_2=0.0), "slice")


def test_a_patient_above_a_fitted_threshold_is_called_though_below_one_half() -> None:
    """A run's threshold of .275 lies in its bundle: a patient at .306 is called positive, and one at .27 is not."""
    rule = Rule(thresholds={0: {"slice": 0.4, "subject": 0.275}}, temperatures={0: 1.7})
    subjects = rule.subjects(pd.concat([slices(0.306), slices(0.27).assign(subject="b")]))
    assert subjects["p_1"].tolist() == [0.306, 0.27]
    assert rule.called(subjects, "subject").tolist() == [1, 0]
    shown, at = rule.calibrated(subjects)["p_1"], rule.shown_threshold()
    assert at is not None
    assert (shown > at).tolist() == [True, False]
    odds = (0.275 / 0.725) ** (1 / 1.7)
    assert at == pytest.approx(odds / (1 + odds))
    assert Rule().called(subjects, "subject").tolist() == [0, 0]
    assert rule.shown_threshold("slice") == 0.4


@given(st.floats(0, 1), st.floats(0.05, 20), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_a_temperature_moves_no_subject_past_its_threshold(at: float, temperature: float, values: list[float]) -> None:
    rule = Rule("max", {0: {"slice": 0.5, "subject": at}}, {0: temperature})
    p = np.array(values)
    table = pd.DataFrame({"subject": range(len(p)), "p_0": 1 - p, "p_1": p})
    shown, moved = rule.calibrated(table)["p_1"].to_numpy(), rule.shown_threshold()
    called = rule.called(table, "subject")
    assert (called == (p > at)).all()
    assert moved is not None
    assert (shown[called == 1] >= moved - 1e-9).all()
    assert (shown[called == 0] <= moved + 1e-9).all()
    assert shown == pytest.approx(apply_temperature(np.column_stack([1 - p, p]), temperature)[:, 1])


@pytest.mark.parametrize("key", ["subject", "scan", "fold", "label"])
def test_no_row_vanishes_for_want_of_a_key(key: str) -> None:
    table = validation()
    whole = Rule().subjects(table)
    assert whole["slices"].sum() == len(table)
    gone = table.astype({key: object})
    gone.loc[2, key] = None
    with pytest.raises(DataError, match=f"no {key} in row 2 .* 1 of 8 rows"):
        Rule().subjects(gone)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("how", AGGREGATIONS)
def test_what_is_no_number_is_never_a_call(how: str, wrong: float) -> None:
    table = validation()
    table.loc[3, "p_1"] = wrong
    for attempt in (Rule(how).subjects, Rule.fit, lambda rows: Rule(how).called(rows, "slice")):
        with pytest.raises(DataError, match="p_1 of subject b"):
            attempt(table)


def test_a_rule_is_what_its_json_says() -> None:
    rule = Rule("vote", {2: {"slice": 0.1, "subject": 0.7}}, {2: 1.25})
    assert Rule.from_json(rule.as_json()) == rule
    assert Rule.of_manifest({"evaluation": {"folds": 5, **rule.as_json()}}) == rule
    assert Rule.of_manifest({}) == Rule()
    assert Rule.joined([rule, Rule("vote", {}, {0: 2.0})], "vote").temperatures == {2: 1.25, 0: 2.0}


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({"thresholds": {"0": {"slice": 0.5}}}, "thresholds of fold 0"),
        ({"thresholds": {"0": {"slice": 0.5, "subject": float("nan")}}}, "thresholds of fold 0"),
        ({"thresholds": {"0": {"slice": 0.5, "subject": 1.5}}}, "thresholds of fold 0"),
        ({"temperatures": {"0": 0}}, "temperature of fold 0"),
        ({"temperatures": {"0": float("nan")}}, "temperature of fold 0"),
        ({"temperatures": {"0": float("inf")}}, "temperature of fold 0"),
        ({"temperatures": {"0": 5e-324}}, "temperature of fold 0 is 5e-324; it must be from 0.05 to 20"),
        ({"temperatures": {"0": 1e-310}}, "temperature of fold 0"),
        ({"temperatures": {"00": 1.0}}, "names its folds 0, 1, 2, ...; '00' is none"),
        *[
            ({"temperatures": {name: 1.0}}, "is none")
            for name in ("", "0 ", "-0", "0_0", "1e0", "²", "\u0660", "9" * 5000)
        ],
        ({"thresholds": {"abc": {"slice": 0.5, "subject": 0.5}}}, "'abc' is none"),
    ],
)
def test_rules_that_cannot_call_are_refused(plain: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Rule.from_json(plain)


def test_every_aggregation_has_a_name_that_files_are_checked_against() -> None:
    assert get_args(Aggregate) == tuple(AGGREGATIONS)
