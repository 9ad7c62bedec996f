"""New patients' values beyond an assay's range, read as those of training were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fusekit.data import ClinicalEncoding, Column
from fusekit.data.clinical.censoring import LOGARITHM, flag_of, flagged
from fusekit.data.own.attributes import recognise
from fusekit.errors import DataError

CRP = Column("CRP", unit="mg/L", source="t.csv: CRP")
AFP = Column("AFP", unit=f"{LOGARITHM}ng/mL)", low=0, high=7, signed=True)


def encoding(*columns: Column) -> ClinicalEncoding:
    both = [one for column in columns for one in (column, flag_of(column))]
    values = pd.DataFrame({one.name: [0.5, 1.0, -1.0 if "censored" in one.name else 3.0] for one in both})
    return ClinicalEncoding.fit(values, both)


def test_the_second_column_is_described_by_the_first() -> None:
    flag = flag_of(CRP)
    assert (flag.name, flag.low, flag.high, flag.source) == ("CRP censored", -1, 1, "t.csv: CRP")
    assert flagged("CRP censored", ["CRP"]) == "CRP"
    assert flagged("CRP censored", ["AFP"]) is None
    assert flagged("CRP", ["CRP"]) is None


def test_signs_in_a_table_without_the_second_column_are_bound_and_flag() -> None:
    read = encoding(CRP).parse(pd.DataFrame({"CRP": ["< 0,5", "0,75", ">=3", ""]}), "new.csv")
    np.testing.assert_array_equal(read["CRP"], [0.5, 0.75, 3, np.nan])
    np.testing.assert_array_equal(read["CRP censored"], [-1, 0, 1, np.nan])


def test_the_second_column_counts_where_the_table_has_it_and_must_not_say_otherwise() -> None:
    table = pd.DataFrame({"CRP": ["<0.5", "0.5", "1"], "CRP censored": ["", "-1", "0"]})
    assert encoding(CRP).parse(table, "new.csv")["CRP censored"].tolist() == [-1, -1, 0]
    table["CRP censored"] = ["1", "-1", "0"]
    with pytest.raises(DataError, match=r"row 0, column 'CRP censored': 1, but column 'CRP' has '<0\.5' there"):
        encoding(CRP).parse(table, "new.csv")


def test_a_bound_in_an_assays_unit_is_no_logarithm() -> None:
    known = recognise("AFP")
    assert known is not None
    assert known.attribute.column("").unit.startswith(LOGARITHM)
    read = encoding(AFP).parse(pd.DataFrame({"AFP": ["undetectable", "1.5"]}), "new.csv")
    assert (read["AFP"].tolist(), read["AFP censored"].tolist()) == ([0, 1.5], [-1, 0])
    with pytest.raises(DataError, match=r"'<0\.6' is a bound in an assay's unit, and the model reads log10"):
        encoding(AFP).parse(pd.DataFrame({"AFP": ["1.5", "<0.6"]}), "new.csv")


def test_a_model_without_the_second_column_refuses_a_bound() -> None:
    plain = ClinicalEncoding.fit(pd.DataFrame({"CRP": [1.0, 2.0]}), [CRP])
    with pytest.raises(DataError, match=r"row 0, column 'CRP': '<0\.5' lies beyond an assay's range"):
        plain.parse(pd.DataFrame({"CRP": ["<0.5"]}), "new.csv")
