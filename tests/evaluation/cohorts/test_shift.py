"""Planted shifts are found with the numbers that paper and pencil give; nothing is found where nothing was planted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from fusekit.data import ClinicalEncoding, Column
from fusekit.data.clinical.column import EncodedColumn
from fusekit.evaluation.cohorts.shift import SHIFT, clinical_shift, summary

AGE = Column("AGE", unit="years", source="demographics.csv: age")
SEX = Column("SEX", "category", categories=("F", "M"))
COLUMNS = (AGE, SEX)


def _table(ages: list[float | None], sexes: list[str | None]) -> pd.DataFrame:
    index = pd.Index([f"s{k}" for k in range(len(ages))], name="scan")
    return pd.DataFrame({"AGE": pd.array(ages, dtype=float), "SEX": pd.Series(sexes, index, dtype=object)}, index)


def _people(values: pd.DataFrame) -> pd.Series:
    return pd.Series(values.index, values.index)


TRAINED = _table([60, 64, 70, 76, 80, None], ["F", "F", "F", "M", "M", "M"])
ENCODING = ClinicalEncoding.fit(TRAINED, COLUMNS)


def _row(name: str, values: pd.DataFrame, encoding: ClinicalEncoding = ENCODING, **given: object) -> pd.Series:
    table = clinical_shift(encoding, values, _people(values), **given)  # type: ignore[arg-type]
    row: pd.Series = table.set_index("column").T[name]
    return row


def test_a_spread_near_zero_does_not_overflow() -> None:
    column = EncodedColumn(Column("x"), fill=0.5, scale=1e-200, seen=(0.0, 1.0), observed=(5, 5))
    table = clinical_shift(ClinicalEncoding((column,)), pd.DataFrame({"x": [0.0, 9.0]}), pd.Series(["a", "b"]))
    assert table["verdict"].item().endswith("higher")


def test_a_number_by_hand() -> None:
    row = _row("AGE", _table([65, 70, 85, 90, None, None, None, None], ["F"] * 8))
    assert (row["unit"], row["block"], row["training_scans"], row["training_of"]) == ("years", "demographics", 5, 6)
    assert (row["training_mean"], row["mean"], row["median"]) == (70, 77.5, 77.5)
    spread = np.sqrt((100 + 36 + 0 + 36 + 100) / 5)
    assert row["training_sd"] == pytest.approx(spread)
    assert row["difference"] == pytest.approx(7.5 / spread)
    own = np.sqrt((12.5**2 + 7.5**2 + 7.5**2 + 12.5**2) / 4)
    assert row["sd_ratio"] == pytest.approx(own / spread)
    error = np.sqrt(1 / 5 + (own / spread) ** 2 / 4 + (7.5 / spread) ** 2 / 10)
    assert row["high"] - row["difference"] == pytest.approx(1.959964 * error)
    assert row["difference"] - row["low"] == pytest.approx(1.959964 * error)
    assert row["outside"] == 0.5  # 85 and 90 are above 80
    assert (row["missing"], row["training_missing"]) == (0.5, pytest.approx(1 / 6))
    assert (row["scans"], row["of"], row["subjects"]) == (4, 8, 4)


def test_a_category_is_a_column_of_zeros_and_ones() -> None:
    row = _row("SEX", _table([70] * 8, ["F", "M", "M", "M", "M", "M", "X", None]))
    assert row["training_shares"] == "F 0.500; M 0.500"
    assert row["shares"] == "F 0.143; M 0.714; X 0.143"
    assert row["category"] == "F"
    assert row["difference"] == pytest.approx((1 / 7 - 0.5) / 0.5)
    assert row["outside"] == pytest.approx(1 / 7)
    assert "unknown categories" in row["verdict"]


def test_adding_a_standard_deviation_is_found_as_one() -> None:
    rng = np.random.default_rng(0)
    trained = _table(list(rng.normal(70, 8, 400)), ["F", "M"] * 200)
    encoding = ClinicalEncoding.fit(trained, COLUMNS)
    sd = trained["AGE"].std(ddof=0)
    row = _row("AGE", trained.assign(AGE=trained["AGE"] + sd), encoding)
    assert row["difference"] == pytest.approx(1)
    assert row["sd_ratio"] == pytest.approx(1)
    assert "higher" in row["verdict"].split("; ")
    same = _row("AGE", trained, encoding)
    assert same["difference"] == pytest.approx(0)
    assert (same["outside"], same["verdict"]) == (0, "alike")


def test_another_unit_is_a_large_shift_beyond_the_range() -> None:
    row = _row("AGE", TRAINED.assign(AGE=TRAINED["AGE"] * 1000))
    spread = TRAINED["AGE"].std(ddof=0)
    assert row["difference"] == pytest.approx(69_930 / spread)
    assert row["sd_ratio"] == pytest.approx(1000)
    assert row["outside"] == 1
    assert row["verdict"] == "higher; beyond the training range"


def test_hidden_and_absent_columns_are_told_apart() -> None:
    hidden = TRAINED.assign(AGE=np.nan)
    assert _row("AGE", hidden)["verdict"] == "no values"
    assert _row("AGE", hidden, absent=["AGE"])["verdict"] == "absent"
    many = _table([70, 71] + [None] * 98, ["F"] * 100)
    full = ClinicalEncoding.fit(_table(list(np.linspace(60, 80, 100)), ["F", "M"] * 50), COLUMNS)
    row = _row("AGE", many, full)
    assert (row["training_missing"], row["missing"]) == (0, 0.98)
    assert row["verdict"] == "more often missing"


def test_a_bundle_that_tells_no_numbers_is_compared_without_limits() -> None:
    plain = ENCODING.as_json()
    for column in plain["columns"]:
        del column["observed"], column["shares"]
    old = ClinicalEncoding.from_json(plain)
    table = clinical_shift(old, TRAINED.assign(AGE=95.0), _people(TRAINED)).set_index("column")
    assert np.isnan(table.loc["AGE", ["training_scans", "training_missing", "low", "high"]].astype(float)).all()
    assert table.loc["AGE", "verdict"] == "higher; beyond the training range"
    assert table.loc["SEX", "verdict"] == "not comparable"
    assert not any("Samples of these sizes" in sentence for sentence in summary(table.reset_index()))


def test_a_constant_column_has_no_scale_to_differ_by() -> None:
    constant = ClinicalEncoding.fit(TRAINED.assign(AGE=70.0), COLUMNS)
    row = _row("AGE", TRAINED.assign(AGE=71.0), constant)
    assert (row["training_sd"], row["outside"]) == (0, 1)
    assert np.isnan(row["difference"])


def test_the_chance_of_values_beyond_the_range_is_that_of_random_ranges() -> None:
    """Of one population, a new value is beyond the range of n others with chance 2 / (n + 1): no cause for a remark."""
    rng = np.random.default_rng(1)
    beyond, remarks = [], 0
    for _ in range(200):
        encoding = ClinicalEncoding.fit(_table(list(rng.normal(size=20)), ["F", "M"] * 10), COLUMNS)
        row = _row("AGE", _table(list(rng.normal(size=30)), ["F", "M"] * 15), encoding)
        beyond.append(row["outside"])
        remarks += "beyond" in row["verdict"]
    assert np.mean(beyond) == pytest.approx(2 / 21, abs=0.03)
    assert remarks <= beta.ppf(0.999, 6, 195) * 200  # nominal 2.5 %: 5 of 200


def test_two_samples_of_one_population_are_called_alike() -> None:
    """At the nominal rate: limits leave out zero in 5 %, and no more columns are beyond SHIFT than are expected."""
    rng = np.random.default_rng(2)
    names = [f"c{k}" for k in range(400)]
    columns = [Column(name, signed=True) for name in names]
    index = pd.Index([f"s{k}" for k in range(40)], name="scan")
    encoding = ClinicalEncoding.fit(pd.DataFrame(rng.normal(size=(40, 400)), index, names), columns)
    other = pd.DataFrame(rng.normal(size=(40, 400)), index, names)
    table = clinical_shift(encoding, other, _people(other))
    apart = ((table["low"] > 0) | (table["high"] < 0)).sum()
    assert 8 <= apart <= 34  # 99.9 % of a binomial of 400 and 5 %
    far = int((table["difference"].abs() > SHIFT).sum())
    expected = 2 * 400 * 0.0126737  # beyond 0.5 / sqrt(1/40 + 1/40) = 2.236 standard errors
    said = summary(table)
    assert f"about {expected:.1f} such columns" in said[1]
    assert said[0].startswith(f"{far} of 400 clinical columns")
    assert far <= 2 * expected
    assert not table["verdict"].str.contains(r"^(?:higher|lower)|missing|beyond", regex=True).any()


def test_the_summary_names_what_is_largest_and_what_is_not_there() -> None:
    values = TRAINED.assign(AGE=TRAINED["AGE"] * 1000, SEX=None)
    table = clinical_shift(ENCODING, values, _people(values), absent=["SEX"])
    said = summary(table)
    assert said[0].startswith("1 of 1 clinical columns")
    assert "Most: AGE +9" in said[2]
    assert "Columns that this cohort does not have and that count as missing: 1 (SEX)." in said
    assert "Columns with more than 5% of their values beyond the training range: 1 (AGE)." in said


def test_a_model_without_a_table_has_an_empty_one() -> None:
    table = clinical_shift(None, TRAINED, _people(TRAINED))
    assert table.empty
    assert "verdict" in table
    assert summary(table) == ()


def test_scans_of_one_subject_count_once_in_the_limits() -> None:
    values = _table([65, 70, 85, 90], ["F"] * 4)
    one = clinical_shift(ENCODING, values, pd.Series("a", values.index)).iloc[0]
    four = clinical_shift(ENCODING, values, _people(values)).iloc[0]
    assert (one["subjects"], four["subjects"]) == (1, 4)
    assert one["high"] - one["low"] > four["high"] - four["low"]


def test_limits_of_a_declared_column_do_not_matter() -> None:
    limited = ClinicalEncoding.fit(TRAINED, (replace(AGE, low=0, high=120), SEX))
    assert _row("AGE", TRAINED, limited)["difference"] == pytest.approx(0)
