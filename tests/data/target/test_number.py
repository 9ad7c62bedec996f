"""Numbers, by hand-made tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from fusekit.data import Number
from fusekit.data.target import target_of
from fusekit.errors import DataError

MMSE = Number("mmse", "points")


def numbers(values: list[float], subjects: list[str] | None = None) -> pd.DataFrame:
    names = subjects or [f"s{n:02}" for n in range(len(values))]
    return pd.DataFrame(
        {"subject": names, "label": values}, pd.Index([f"i{n}" for n in range(len(values))], name="scan")
    )


def test_a_number_is_put_out_on_the_scale_of_training_subjects_each_counted_once() -> None:
    scans = numbers([10.0, 20.0, 20.0, 20.0], ["a", "b", "b", "b"])
    fitted = MMSE.fit(scans)
    assert (fitted.mean, fitted.deviation) == (15.0, 5.0)
    assert fitted.scaled(np.array([10.0, 20.0, 25.0])).tolist() == [-1.0, 1.0, 2.0]
    outputs = torch.tensor([[-1.0], [1.0], [2.0]])
    assert fitted.answers(outputs).tolist() == [[10.0], [20.0], [25.0]]
    assert fitted.predict(np.array([[10.0]])).to_dict("list") == {"predicted": [10.0]}
    assert fitted.unfitted == MMSE
    with pytest.raises(DataError, match="the same mmse"):
        MMSE.fit(numbers([3.0, 3.0]))


def test_a_number_balances_folds_by_fifths_of_ten_or_more() -> None:
    values = np.random.default_rng(0).permutation(60).astype(float)
    strata = MMSE.strata(numbers(values.tolist()))
    assert strata.value_counts().to_dict() == dict.fromkeys(range(5), 12)
    assert (strata.to_numpy() == values // 12).all()
    assert MMSE.strata(numbers([1.0, 2.0, 3.0])).tolist() == [0, 0, 0]
    assert MMSE.strata(numbers([5.0] * 25)).value_counts().max() == 13  # ties are cut by the order of subjects


def test_the_audit_compares_thirds_of_a_number_and_never_parts_equal_values() -> None:
    codes, names = MMSE.groups(pd.Series([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
    assert codes.tolist() == [0, 0, 1, 1, 2, 2]
    assert names == ("the lowest third of mmse", "the middle third of mmse", "the highest third of mmse")
    tied, _ = MMSE.groups(pd.Series([7.0, 7.0, 7.0, 1.0]))
    assert len(set(tied[:3])) == 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, np.nan, 2.0], "1 scans have no mmse: i1"),
        ([1.0, np.inf, 2.0], "1 scans have no mmse: i1"),
        ([1.0, 2.0, 3.0], "1 subjects have two values of mmse: b"),
        ([4.0, 4.0, 4.0], "all subjects have the same mmse, 4"),
    ],
)
def test_numbers_that_cannot_be_learnt_are_refused(values: list[float], said: str) -> None:
    with pytest.raises(DataError, match=said):
        MMSE.check(numbers(values, ["a", "b", "b"]))


def test_a_number_is_read_again_with_its_scale() -> None:
    fitted = Number("age", "years", 71.5, 8.25)
    assert target_of({"title": "t", **fitted.as_json()}) == fitted
    with pytest.raises(DataError, match="the scale 0, 0"):
        Number("age", deviation=0.0)


def test_the_number_itself_is_explained_in_its_unit() -> None:
    fitted = Number("mmse", "points", mean=20.0, deviation=4.0)
    outputs = torch.tensor([[-1.0], [0.5]])
    assert fitted.explained(outputs).tolist() == [16.0, 22.0]
    assert fitted.explained_answers(fitted.answers(outputs).numpy()).tolist() == [16.0, 22.0]
    assert (MMSE.meaning().more, MMSE.meaning().scale) == ("a higher mmse", "mmse (points)")


@pytest.mark.parametrize(
    ("value", "text"),
    [(27.349, "27.3"), (-0.00123, "-0.00123"), (123456.7, "123457"), (0.0, "0.00"), (9.999, "10.00")],
)
def test_predicted_numbers_are_said_with_three_digits_that_matter(value: float, text: str) -> None:
    assert MMSE.meaning().said({"predicted": value}) == f"predicted mmse = {text}"
    assert (
        Number("a very long name").meaning().said({"predicted": 5}, most=15)
        == "predicted a ve\N{HORIZONTAL ELLIPSIS} = 5.00"
    )
