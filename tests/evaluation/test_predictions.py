"""Aggregation against a table made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusekit.errors import OptionError
from fusekit.evaluation.predictions import AGGREGATIONS, by_subject, prediction_table, probabilities_of


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
    predictions = prediction_table(rows, np.column_stack([1 - p, p]))

    assert list(predictions.columns) == ["row", "subject", "scan", "slice", "fold", "label", "p_0", "p_1"]
    assert predictions["row"].tolist() == [4, 7, 8, 9, 2]
    assert probabilities_of(predictions)[:, 1].tolist() == p.tolist()

    subjects = by_subject(predictions).set_index("subject")
    assert subjects.loc["a", "p_1"] == pytest.approx(0.5)  # (0.9 + 0.1) / 2, not 2.8 / 4
    assert subjects.loc["b", "p_1"] == pytest.approx(0.25)
    assert tuple(subjects.loc["a", ["scans", "slices"]]) == (2, 4)
    assert np.allclose(subjects["p_0"] + subjects["p_1"], 1)


def test_new_patients_need_no_label() -> None:
    predictions = pd.DataFrame(
        {"subject": ["1", "1"], "scan": ["1", "1"], "slice": [3, 4], "p_0": [0.2, 0.4], "p_1": [0.8, 0.6]}
    )
    subjects = by_subject(predictions)
    assert list(subjects.columns) == ["subject", "scans", "slices", "p_0", "p_1"]
    assert subjects["p_1"].tolist() == pytest.approx([0.7])


def slices(*p: float, scan: str = "s", classes: int = 2) -> pd.DataFrame:
    """Slices of one subject's scan by the probability of class 1; the rest is shared alike."""
    rest = {f"p_{k}": (1 - np.array(p)) / (classes - 1) for k in range(classes)}
    return pd.DataFrame({"subject": "a", "scan": scan, "slice": range(len(p)), **rest, "p_1": p})


def test_aggregations_by_hand() -> None:
    predictions = pd.concat([slices(0.9, 0.8, 0.1, scan="long"), slices(0.4, scan="short")])

    def joined(how: str) -> float:
        subject = by_subject(predictions, how)
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
    assert 0 < by_subject(slices(0.0, 0.99, 0.99), "logit")["p_1"].iloc[0] < 0.5


def test_three_classes_have_no_positive_one_to_take_the_highest_of() -> None:
    predictions = slices(0.7, 0.1, 0.1, classes=3)
    for how in ("mean", "median", "vote", "logit"):
        assert probabilities_of(by_subject(predictions, how)).sum() == pytest.approx(1)
    with pytest.raises(OptionError, match="3 classes"):
        by_subject(predictions, "max")
    undecided = slices(1.0, 0.0, 0.0, classes=3).assign(p_0=[0.0, 1.0, 0.0], p_2=[0.0, 0.0, 1.0])
    assert probabilities_of(by_subject(undecided, "median"))[0] == pytest.approx([1 / 3] * 3)


def test_unknown_aggregations_are_refused_with_the_nearest_names() -> None:
    with pytest.raises(OptionError, match="did you mean 'median'"):
        by_subject(slices(0.5), "medain")


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_a_subject_of_one_slice_keeps_its_order(how: str) -> None:
    values = [by_subject(slices(p), how)["p_1"].iloc[0] for p in (0.1, 0.3, 0.6, 0.8)]
    assert values == sorted(values)
    assert values[1] <= 0.5 < values[2]
