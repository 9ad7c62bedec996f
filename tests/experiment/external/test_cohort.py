"""Another cohort's columns against a model's: what does not fit is named, and what is allowed counts as missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Classes, ClinicalEncoding, Cohort, Column
from fusekit.data.clinical.censoring import flag_of
from fusekit.errors import DataError
from fusekit.experiment.external.cohort import match_columns

ABETA = Column("ABETA", unit="pg/mL", source="biomarkers.csv: ABETA")
SEX = Column("SEX", "category", categories=("F", "M"))
ENCODING = ClinicalEncoding.fit(
    pd.DataFrame({"ABETA": [50.0, 100.0, 150.0], "SEX": ["F", "M", "M"]}, index=["t1", "t2", "t3"]), (ABETA, SEX)
)


def _cohort(columns: tuple[Column, ...] = (ABETA, SEX), **values: list[object]) -> Cohort:
    index = pd.Index(["s1", "s2", "s3"], name="scan", dtype=object)
    given = {"ABETA": [90.0, 110.0, np.nan], "SEX": ["M", None, "F"], **values}
    clinical = pd.DataFrame({column.name: given[column.name] for column in columns}, index)
    scans = pd.DataFrame({"subject": ["a", "b", "c"], "image": [Path(f"{k}.nii") for k in "abc"], "label": [0, 1, 1]})
    return Cohort(scans.set_axis(index), clinical, columns, Classes(("CN", "AD")))


def test_a_cohort_that_fits_is_passed_on_in_the_models_order() -> None:
    values, absent, findings = match_columns(ENCODING, _cohort((SEX, ABETA)))
    assert list(values.columns) == ["ABETA", "SEX"]
    assert (absent, findings) == ((), ())
    pd.testing.assert_frame_equal(values, _cohort().clinical)


def test_an_absent_column_is_named_with_its_unit_and_what_is_near() -> None:
    values, absent, (finding,) = match_columns(
        ENCODING, _cohort((replace(ABETA, name="ABETA42"), SEX), ABETA42=[1, 2, 3])
    )
    assert absent == ("ABETA",)
    assert (finding.code, finding.severity) == ("missing-column", "refusal")
    assert finding.items == ("ABETA (pg/mL; here perhaps 'ABETA42')",)
    np.testing.assert_array_equal(  # the training mean stands in
        ENCODING.transform(values), ENCODING.transform(_cohort(ABETA=[100.0] * 3).clinical)
    )


def test_a_cohort_without_values_beyond_the_assays_range_needs_no_column_that_marks_them() -> None:
    flag = flag_of(ABETA)
    training = pd.DataFrame({"ABETA": [50.0, 100.0, 150.0], flag.name: [-1.0, 0.0, 0.0]})
    values, absent, findings = match_columns(ClinicalEncoding.fit(training, (ABETA, flag)), _cohort())
    assert (absent, findings) == ((), ())
    np.testing.assert_array_equal(values[flag.name], [0, 0, np.nan])  # within, where there is a value


def test_an_absent_category_is_missing_everywhere() -> None:
    values, absent, _ = match_columns(ENCODING, _cohort((ABETA,)))
    assert absent == ("SEX",)
    np.testing.assert_array_equal(ENCODING.transform(values)[:, 1:], np.zeros((3, 2)))


@pytest.mark.parametrize(("unit", "codes"), [("ng/L", ["other-unit"]), ("", []), ("pg/mL", [])])
def test_units_are_compared_where_both_are_declared(unit: str, codes: list[str]) -> None:
    _, _, findings = match_columns(ENCODING, _cohort((replace(ABETA, unit=unit), SEX)))
    assert [finding.code for finding in findings] == codes
    if codes:
        assert findings[0].items == ("ABETA: ng/L here, pg/mL in training",)


def test_values_in_another_unit_are_listed_with_what_they_are_beside_training() -> None:
    _, _, (finding,) = match_columns(ENCODING, _cohort(ABETA=[0.09, 0.11, 120.0]))
    assert finding.code == "out-of-range"
    assert finding.items == (
        "scan s1, ABETA: 0.09 pg/mL (plausible 16.6667 to 450, in training 50 to 150)",
        "scan s2, ABETA: 0.11 pg/mL (plausible 16.6667 to 450, in training 50 to 150)",
    )
    assert "Most values are outside in ABETA (median 0.0011 times the training mean)" in finding.message


def test_one_odd_value_is_no_other_unit() -> None:
    _, _, (finding,) = match_columns(ENCODING, _cohort(ABETA=[90.0, 110.0, 1000.0]))
    assert finding.items == ("scan s3, ABETA: 1000 pg/mL (plausible 16.6667 to 450, in training 50 to 150)",)
    assert "Most values" not in finding.message


def test_unknown_categories_are_a_note() -> None:
    _, _, (finding,) = match_columns(ENCODING, _cohort((ABETA, replace(SEX, categories=())), SEX=["F", "X", None]))
    assert (finding.code, finding.severity, finding.items) == ("unseen-category", "note", ("X",))


def test_numbers_where_categories_are_known_are_refused() -> None:
    other = Column("SEX", source="table.csv: SEX")
    with pytest.raises(DataError, match=r"table\.csv: SEX, column 'SEX': the model reads a category there.*a number"):
        match_columns(ENCODING, _cohort((ABETA, other), SEX=[1.0, 2.0, 1.0]))


def test_a_model_without_a_table_asks_for_nothing() -> None:
    values, absent, findings = match_columns(None, _cohort())
    assert (values.shape, absent, findings) == ((3, 0), (), ())
