import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Column
from fusekit.data.clinical.column import EncodedColumn
from fusekit.errors import DataError

ABETA = Column("ABETA", unit="pg/mL", source="UPENN.csv")
SEX = Column("SEX", "category", categories=("Male", "Female"))


def _numbers(*values: float | None) -> pd.Series:
    return pd.Series(values, dtype=float)


def _fit(*values: float | None, column: Column = ABETA) -> EncodedColumn:
    return EncodedColumn.fit(_numbers(*values), column)


def test_a_number_is_scaled_by_mean_and_population_deviation() -> None:
    fitted = _fit(100, None, 140, 180)
    assert (fitted.fill, fitted.seen, fitted.masked) == (140, (100, 180), True)
    assert fitted.scale == pytest.approx(np.sqrt((40**2 + 0 + 40**2) / 3))
    encoded = fitted.transform(_numbers(140 + fitted.scale, None))
    np.testing.assert_allclose(encoded, [[1], [0]])


@pytest.mark.parametrize("value", [0.1, 0.0, 1e-310, -7.3])
def test_equal_values_are_scaled_by_one(value: float) -> None:
    fitted = _fit(value, value, value)
    assert (fitted.fill, fitted.scale) == (value, 1.0)
    assert fitted.plausible == (-np.inf, np.inf)
    np.testing.assert_array_equal(fitted.transform(_numbers(value, None)), [[0], [0]])


def test_a_value_far_beyond_training_stays_finite_in_single_precision() -> None:
    encoded = _fit(0, 1e-300).transform(_numbers(1e300, -1e300)).astype(np.float32)
    np.testing.assert_array_equal(encoded, np.finfo(np.float32).max * np.array([[1], [-1]], np.float32))


def test_a_column_without_values_encodes_as_nothing_known() -> None:
    fitted = _fit(None, None)
    assert (fitted.seen, fitted.masked, fitted.features) == (None, True, ("ABETA",))
    np.testing.assert_array_equal(fitted.transform(_numbers(None)), [[0]])
    empty = EncodedColumn.fit(pd.Series([None], dtype=object), Column("GENOTYPE", "category"))
    assert empty.transform(pd.Series(["x", None])).shape == (2, 0)
    empty.check(pd.Series(["x"]), "new.csv", allow_out_of_range=False)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ((50, 150), (50 / 3, 450)),  # positive: one ratio of the two to either side
        ((-10, 30), (-50, 70)),  # not: one width of the range to either side
        ((0, 5), (-5, 10)),
    ],
)
def test_the_plausible_range_follows_training(seen: tuple[float, float], expected: tuple[float, float]) -> None:
    assert _fit(*seen).plausible == pytest.approx(expected)


def test_a_column_of_logarithms_may_go_below_zero_though_training_did_not() -> None:
    signed = Column("HSP60", unit="log10 concentration", signed=True)
    assert _fit(0.01, 0.63, column=signed).plausible == pytest.approx((0.01 - 0.62, 0.63 + 0.62))
    assert EncodedColumn.from_json(_fit(0.01, 0.63, column=signed).as_json()).column == signed


def test_a_declared_limit_counts_as_it_is() -> None:
    assert _fit(50, 150, column=replace(ABETA, low=1)).plausible == (1, 450)
    assert _fit(50, 150, column=replace(ABETA, high=151)).plausible == pytest.approx((50 / 3, 151))


@pytest.mark.parametrize("value", [1.7, 170_000.0])
def test_a_value_in_another_unit_is_named_with_row_unit_and_range(value: float) -> None:
    fitted = _fit(100, 200)
    new = pd.Series([150.0, value], index=pd.Index([2, 3], name="line"))
    message = (
        rf"new\.csv, line 3, column 'ABETA': {value:g} pg/mL is outside 50 to 400 pg/mL \(in training: 100 to 200\)"
    )
    with pytest.raises(DataError, match=message + r"\. Is it in another unit\?"):
        fitted.check(new, "new.csv", allow_out_of_range=False)
    fitted.check(new, "new.csv", allow_out_of_range=True)
    fitted.check(_numbers(50, 400, None), "new.csv", allow_out_of_range=False)


def test_an_unknown_category_is_named_with_the_nearest() -> None:
    fitted = EncodedColumn.fit(pd.Series(["Male", None]), SEX)
    assert fitted.categories == ("Male", "Female")
    with pytest.raises(DataError, match=r"new\.csv, row 0, column 'SEX': .*no category 'Femal'; did you mean 'Female'"):
        fitted.check(pd.Series(["Femal"]), "new.csv", allow_out_of_range=True)
    np.testing.assert_array_equal(fitted.transform(pd.Series(["Female", "Femal", None])), [[0, 1], [0, 0], [0, 0]])


@pytest.mark.parametrize(
    ("values", "column", "message"),
    [
        ([1.0, np.inf], ABETA, r"UPENN\.csv, column 'ABETA': the value of scan 1 is infinite"),
        ([1.0, "<80"], ABETA, r"UPENN\.csv, column 'ABETA': a number column holds something else.*<80"),
        (["Male", "M"], SEX, r"the cohort, scan 1, column 'SEX': 'M' is none of the declared categories Male, Female"),
    ],
)
def test_training_values_that_do_not_fit_are_named(values: list[Any], column: Column, message: str) -> None:
    with pytest.raises(DataError, match=message):
        EncodedColumn.fit(pd.Series(values, dtype=object), column)


def test_text_becomes_typed_values() -> None:
    number, category = _fit(1, 2), EncodedColumn.fit(pd.Series(["Male"]), SEX)
    cells: Any = pd.Series(["0.5", "NA", "n/a", " NaN", ".", "", None, np.nan, 3, 2.5, np.float64(0.1)], dtype=object)
    parsed = number.parse(cells, "t.csv")
    np.testing.assert_array_equal(parsed, [0.5, *[np.nan] * 7, 3, 2.5, 0.1])
    assert category.parse(pd.Series([" Male ", "NA", None], dtype=object), "t.csv").tolist() == ["Male", None, None]
    with pytest.raises(DataError, match=r"t\.csv, line 4, column 'ABETA': '<80' lies beyond"):
        number.parse(pd.Series(["1", "<80"], index=pd.Index([2, 4], name="line"), name="ABETA"), "t.csv")


def test_a_category_called_like_a_missing_code_is_a_category() -> None:
    fitted = EncodedColumn.fit(pd.Series(["NA", "K"]), Column("ION", "category"))
    assert fitted.parse(pd.Series(["NA", "n/a", ""]), "t.csv").tolist() == ["NA", None, None]


@pytest.mark.parametrize(
    "fitted",
    [_fit(0.1, 0.2, None), _fit(None), _fit(3, column=replace(ABETA, low=0.3)), EncodedColumn(SEX, masked=True)],
)
def test_json_is_exact(fitted: EncodedColumn) -> None:
    plain = json.loads(json.dumps(fitted.as_json(), allow_nan=False))
    assert EncodedColumn.from_json(plain) == fitted
    assert plain["unit"] == fitted.column.unit
    assert plain["fill"] == fitted.fill
