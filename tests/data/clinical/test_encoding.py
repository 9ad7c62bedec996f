import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from fusekit.data import ClinicalEncoding, Column
from fusekit.errors import DataError

COLUMNS = (Column("AGE", unit="years"), Column("SEX", "category"), Column("TAU", unit="pg/mL"))


def _table(age: list[Any], sex: list[Any], tau: list[Any]) -> pd.DataFrame:
    columns = {
        "AGE": pd.array(age, dtype=float),
        "SEX": pd.Series(sex, dtype=object),
        "TAU": pd.array(tau, dtype=float),
    }
    return pd.DataFrame(columns)


TRAIN = _table([60, 70, 80], ["M", "F", None], [100, np.nan, 300])


def test_features_are_columns_then_masks() -> None:
    encoding = ClinicalEncoding.fit(TRAIN, COLUMNS)
    assert encoding.features == ("AGE", "SEX=F", "SEX=M", "TAU", "SEX observed", "TAU observed")
    encoded = encoding.transform(_table([70, np.nan], ["M", "X"], [400, np.nan]))
    assert encoded.dtype == np.float32
    np.testing.assert_allclose(encoded, [[0, 0, 1, 2, 1, 1], [0, 0, 0, 0, 1, 0]])


def test_what_is_only_missing_for_a_new_patient_is_the_training_mean() -> None:
    encoding = ClinicalEncoding.fit(TRAIN, COLUMNS)
    mean, missing = encoding.transform(_table([70, np.nan], ["M", "M"], [200, 200]))
    np.testing.assert_array_equal(mean, missing)


_number = st.none() | st.floats(-1e6, 1e6).map(lambda x: round(x, 3))


_word = st.none() | st.sampled_from(["a", "b", "c"])


@settings(max_examples=60)
@given(
    train=st.lists(st.tuples(_number, _number, _word), max_size=7),
    new=st.lists(st.tuples(_number, _number, _word), min_size=1, max_size=4),
)
def test_the_encoding_is_scikit_learns(train: list[tuple[Any, ...]], new: list[tuple[Any, ...]]) -> None:
    # scikit-learn refuses columns without any value, so the first row has one of each
    fitted, other = (
        _table([x for x, _, _ in rows], [w for _, _, w in rows], [y for _, y, _ in rows])
        for rows in ([(5.0, -2.0, "b"), *train], new)
    )
    encoded = ClinicalEncoding.fit(fitted, COLUMNS).transform(other)

    numbers = fitted[["AGE", "TAU"]].to_numpy(), other[["AGE", "TAU"]].to_numpy()
    scaler = StandardScaler().fit(numbers[0])
    imputer = SimpleImputer(add_indicator=True).fit(scaler.transform(numbers[0]))
    scaled = imputer.transform(scaler.transform(numbers[1]))
    gaps = dict(zip(imputer.indicator_.features_, scaled[:, 2:].T, strict=True))
    words = fitted[["SEX"]].dropna().to_numpy(), other[["SEX"]].fillna("?").to_numpy()
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(words[0]).transform(words[1])
    expected = [scaled[:, :1], one_hot, scaled[:, 1:2]]
    expected += [1 - gaps[0][:, None]] if 0 in gaps else []
    expected += [other[["SEX"]].notna().to_numpy()] if fitted["SEX"].isna().any() else []
    expected += [1 - gaps[1][:, None]] if 1 in gaps else []
    np.testing.assert_allclose(encoded, np.concatenate(expected, axis=1), rtol=1e-5, atol=1e-5)


@settings(max_examples=60)
@given(st.lists(st.floats(-1e9, 1e9) | st.none(), min_size=1, max_size=8), st.floats(-1e9, 1e9) | st.none())
def test_an_encoding_survives_json_bit_for_bit(train: list[float | None], new: float | None) -> None:
    encoding = ClinicalEncoding.fit(pd.DataFrame({"x": pd.array(train, dtype=float)}), [Column("x", low=-1.5)])
    again = ClinicalEncoding.from_json(json.loads(json.dumps(encoding.as_json())))
    assert again == encoding
    values = pd.DataFrame({"x": [np.nan if new is None else new]})
    np.testing.assert_array_equal(again.transform(values), encoding.transform(values))


def test_an_encoding_tells_units_and_fill_values() -> None:
    plain = ClinicalEncoding.fit(TRAIN, COLUMNS).as_json()["columns"]
    assert [(c["name"], c["unit"], c["fill"], c["seen"], c["masked"]) for c in plain] == [
        ("AGE", "years", 70, [60, 80], False),
        ("SEX", "", 0, None, True),
        ("TAU", "pg/mL", 200, [100, 300], True),
    ]
    assert plain[1]["categories"] == ["F", "M"]


def test_fitting_looks_at_no_other_rows() -> None:
    wide = pd.concat([TRAIN, _table([1e6], ["X"], [-5])], ignore_index=True)
    assert ClinicalEncoding.fit(wide.iloc[:3], COLUMNS) == ClinicalEncoding.fit(TRAIN, COLUMNS)


def test_columns_that_say_nothing_are_found() -> None:
    columns = (*COLUMNS, Column("SITE", "category"), Column("NONE", "category"))
    train = _table([70, 70], ["M", "F"], [np.nan, np.nan]).assign(SITE="a", NONE=None)
    found = {f.code: f.items for f in ClinicalEncoding.fit(train, columns).findings}
    assert found == {"empty-column": ("TAU", "NONE"), "constant-column": ("AGE", "SITE")}
    assert ClinicalEncoding.fit(TRAIN, COLUMNS).findings == ()


def test_categories_that_training_did_not_have_are_reported() -> None:
    encoding = ClinicalEncoding.fit(TRAIN, COLUMNS)
    assert encoding.unseen(TRAIN) == ()
    (finding,) = encoding.unseen(_table([1, 1, 1], ["X", "M", "D"], [1, 1, 1]))
    assert (finding.code, finding.items) == ("unseen-category", ("D", "X"))
    assert "'SEX'" in finding.message


def test_new_patients_come_as_text_or_values() -> None:
    encoding = ClinicalEncoding.fit(TRAIN, COLUMNS)
    text = pd.DataFrame({"TAU": ["", "250"], "name": ["x", "y"], "SEX": ["F", "NA"], "AGE": ["61", "79.5"]})
    values = pd.DataFrame([{"AGE": 61, "SEX": "F", "TAU": None}, {"AGE": 79.5, "SEX": None, "TAU": np.float64(250)}])
    parsed = encoding.parse(text, "new.csv")
    assert list(parsed.columns) == ["AGE", "SEX", "TAU"]
    np.testing.assert_array_equal(encoding.transform(parsed), encoding.transform(encoding.parse(values, "values")))
    np.testing.assert_array_equal(
        encoding.transform(parsed), encoding.transform(_table([61, 79.5], ["F", None], [np.nan, 250]))
    )
    encoding.check(parsed, source="new.csv")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AGE": None}, r"new\.csv: column missing: 'AGE' \(renamed to 'age'\?\)"),
        ({"SEX": "Q"}, r"new\.csv, line 2, column 'SEX': the model knows no category 'Q'; known: F, M"),
        ({"AGE": "840"}, r"new\.csv, line 2, column 'AGE': 840 years is outside 45 to 106\.667 years"),
        ({"TAU": "<80"}, r"new\.csv, line 2, column 'TAU': '<80' lies beyond"),
    ],
)
def test_what_the_model_was_not_made_for_is_refused(change: dict[str, Any], message: str) -> None:
    encoding = ClinicalEncoding.fit(TRAIN, COLUMNS)
    row = {"AGE": "70", "age": "70", "SEX": "F", "TAU": "150"} | change
    kept = {name: value for name, value in row.items() if value is not None}
    table = pd.DataFrame([kept], index=pd.Index([2], name="line"))
    with pytest.raises(DataError, match=message):
        encoding.check(encoding.parse(table, source="new.csv"), source="new.csv")


def test_range_is_checked_unless_allowed_and_a_missing_column_always() -> None:
    encoding = ClinicalEncoding.fit(TRAIN, COLUMNS)
    encoding.check(_table([840], ["F"], [150]), source="x", allow_out_of_range=True)
    with pytest.raises(DataError, match="x: column missing: 'TAU'"):
        encoding.check(TRAIN.drop(columns="TAU"), source="x", allow_out_of_range=True)


def test_codes_of_a_missing_value_mean_in_a_prediction_what_they_meant_in_training() -> None:
    columns = (
        Column("change", low=None, missing=("-9", "unknown")),
        Column("grade", "category", categories=("G1", "9"), missing=("9", "x")),
    )
    values = pd.DataFrame({"change": [-20.0, 5.0, 20.0], "grade": ["G1", "9", None]})
    encoding = ClinicalEncoding.fit(values, columns)
    again = ClinicalEncoding.from_json(json.loads(json.dumps(encoding.as_json())))
    cells = pd.DataFrame({"change": ["-9", "-9.0", "Unknown", "-9.5"], "grade": ["G1", "X", "9", ""]})
    parsed = again.parse(cells, "new.csv")
    np.testing.assert_array_equal(parsed["change"], [np.nan, np.nan, np.nan, -9.5])
    assert parsed["grade"].tolist() == ["G1", None, "9", None]
    older = encoding.as_json()
    for column in older["columns"]:
        del column["missing"]
    with pytest.raises(DataError, match="'Unknown' is no number"):
        ClinicalEncoding.from_json(older).parse(cells, "new.csv")
