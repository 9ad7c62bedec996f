from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.data import Classes, Cohort, Column, Finding
from fusekit.errors import DataError


def _cohort(**changes: Any) -> Cohort:
    scans = pd.DataFrame(
        {
            "subject": ["p", "q", "q"],
            "image": [Path("a.nii"), Path("b.nii"), Path("c.nii")],
            "label": [0, 1, 1],
        },
        index=pd.Index(["s1", "s2", "s3"], name="scan"),
    )
    clinical = pd.DataFrame({"AGE": [70.0, np.nan, 81.0], "SEX": ["F", None, "M"]}, index=scans.index)
    columns = (
        Column("AGE", unit="years", low=18, high=110, source="ADNIMERGE.csv"),
        Column("SEX", "category", categories=("F", "M")),
    )
    return replace(Cohort(scans, clinical, columns, target=Classes(("CN", "AD"))), **changes)


def _scans(**values: Any) -> pd.DataFrame:
    return _cohort().scans.assign(**values)


def test_a_sound_cohort_passes_and_knows_its_subjects() -> None:
    cohort = _cohort()
    cohort.check()
    assert cohort.subjects.to_dict() == {"p": 0, "q": 1}
    assert cohort.counts.to_dict("index") == {
        "CN": {"subjects": 1, "scans": 1},
        "AD": {"subjects": 1, "scans": 2},
        "all": {"subjects": 2, "scans": 3},
    }


def test_a_finding_counts_its_items() -> None:
    finding = Finding("scan-without-row", "scans without a row.", ("a", "b"), "warning", "Look.", "scans")
    told = {"severity": "warning", "message": "scans without a row.", "advice": "Look.", "dropped": "scans"}
    expected = {"code": "scan-without-row", **told, "count": 2, "items": ["a", "b"]}
    assert finding.as_json() == expected


@pytest.mark.parametrize(
    ("source", "block"),
    [
        ("ADNIMERGE.AGE", "ADNIMERGE"),
        ("participants.tsv.age_bl", "participants"),
        ("lab.csv: p-tau.1", "lab"),
        ("labs/lab.2024.csv: serum: p-tau", "lab.2024"),
        ("LABDATA.Tumour.size", "LABDATA"),
        ("sessions.tsv.adni.tau", "sessions"),
        ("", "AGE"),
    ],
)
def test_a_column_belongs_to_the_table_it_was_read_from(source: str, block: str) -> None:
    assert Column("AGE", source=source).block == block


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scans": _scans().iloc[:0]}, "has no scans"),
        ({"scans": _scans().set_axis(["s1", "s2", "s2"])}, "1 scan ids are repeated: s2"),
        ({"scans": _scans().iloc[::-1]}, "not the same rows in the same order"),
        ({"columns": (Column("AGE"),)}, "do not have the columns"),
        ({"scans": _scans(image=[Path("a.nii"), Path("b.nii"), Path("a.nii")])}, "one image.*: a.nii"),
        ({"scans": _scans(label=[0, 1, 0])}, "1 subjects have two labels: q"),
        ({"scans": _scans(label=[0, 0, 0])}, r"no subject is 'AD' \(found CN: 2, AD: 0\)"),
        ({"scans": _scans(label=[0, 2, 2])}, "2 scans have a label that names none of the classes CN, AD: s2, s3"),
        ({"scans": _scans(label=[0, -1, -1])}, "2 scans have a label that names none"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        _cohort(**changes).check()


@pytest.mark.parametrize("age", [7.0, 960.0])
def test_a_number_outside_its_limits_is_named_with_scan_and_unit(age: float) -> None:
    clinical = _cohort().clinical.assign(AGE=[70.0, np.nan, age])
    message = (
        rf"ADNIMERGE.csv, column 'AGE': 1 values are outside 18 to 110 years; scan s3 has {age:g}. Is it in another"
    )
    with pytest.raises(DataError, match=message):
        _cohort(clinical=clinical).check()


def test_limits_themselves_are_inside() -> None:
    _cohort(clinical=_cohort().clinical.assign(AGE=[18.0, 110.0, 50.0])).check()


@pytest.mark.parametrize("name", ["fold", "Slice", "row", "image"])
def test_groups_are_not_called_like_columns_of_fusekit(name: str) -> None:
    with pytest.raises(DataError, match=f"columns: {name}"):
        _cohort(scans=_scans(**{name: "x"}), groups=(name,)).check()
