"""What columns seem to be, on columns as people have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.data.draft.columns import is_group, judge, label_candidates, subject_and_scan

ROWS = 40
RNG = np.random.default_rng(0)
LABEL = [str(k % 2) for k in range(ROWS)]


def column(name: str, cells: list[object]) -> pd.DataFrame:
    return pd.DataFrame({name: [str(cell) for cell in cells], "outcome": LABEL})


def noise(count: int = ROWS) -> list[Any]:
    return [f"{value:.1f}" for value in RNG.normal(50, 9, count)]


@pytest.mark.parametrize(
    ("name", "cells", "kind", "reason"),
    [
        ("age", noise(), "number", ""),
        ("sex", [("M", "F")[k // 2 % 2] for k in range(ROWS)], "category", ""),
        ("patient_id", [f"P{k}" for k in range(ROWS)], "category", "an identifier"),
        ("thyroid", noise(), "number", ""),
        ("PatientID", [f"P{k}" for k in range(ROWS)], "category", "an identifier"),
        ("number of the case", list(range(1, ROWS + 1)), "number", "an identifier"),
        ("RID", list(range(ROWS)), "number", "an identifier"),
        ("exam", [f"2020-01-{k % 28 + 1:02}" for k in range(ROWS)], "category", "a date"),
        ("exam", [f"{k % 28 + 1}.3.2020" for k in range(ROWS)], "category", "a date"),
        ("exam", [20200101 + k % 28 for k in range(ROWS)], "number", "a date"),
        ("site", [f"s{k // 3 % 3}" for k in range(ROWS)], "category", "a shortcut"),
        ("MRT-Nr.", [4000 + 7 * k for k in range(ROWS)], "number", "an identifier"),
        ("Klinik", [("Nord", "Süd")[k // 2 % 2] for k in range(ROWS)], "category", "a shortcut"),
        ("Befund", [("gut", "böse", "?")[k // 2 % 3] for k in range(ROWS)], "category", "named like an outcome"),
        ("Rauchen", [("ja", "nein", "k.A.")[k // 2 % 3] for k in range(ROWS)], "category", ""),
        ("Brief", [f"stabil {k % 24}" for k in range(ROWS)], "category", "free text"),
        ("scanner_model", [f"s{k // 3 % 3}" for k in range(ROWS)], "category", "a shortcut"),
        ("remark", [f"saw the patient, {k}" for k in range(ROWS)], "category", "free text"),
        ("same", ["x"] * ROWS, "category", "constant"),
        ("empty", [""] * ROWS, "category", "constant"),
        ("rare", noise(5) + [""] * (ROWS - 5), "number", "nearly empty"),
        (
            "size",
            [float(value) + 100 * k for k, value in zip([0, 1] * 20, noise(), strict=True)],
            "number",
            "almost perf",
        ),
        (
            "size",
            [float(value) - 100 * k for k, value in zip([0, 1] * 20, noise(), strict=True)],
            "number",
            "almost perf",
        ),
        ("colour", [("red", "blue")[k % 2] for k in range(ROWS)], "category", "almost perfectly"),
        ("diagnosis", [("a", "b", "c")[k // 2 % 3] for k in range(ROWS)], "category", "named like an outcome"),
    ],
)
def test_columns_are_judged(name: str, cells: list[object], kind: str, reason: str) -> None:
    judged = judge(column(name, cells), name, "outcome", set())
    assert judged.kind == kind
    assert reason in judged.reason
    assert bool(reason) == bool(judged.reason)


def test_codes_for_missing_and_units_are_recognised() -> None:
    judged = judge(column("afp_ng_ml", ["-9", "unknown", "", *noise(ROWS - 3)]), "afp_ng_ml", "outcome", set())
    assert (judged.kind, judged.unit, judged.missing, judged.reason) == ("number", "ng/mL", ("-9", "unknown"), "")
    assert "3 of 40 missing" in judged.seen
    signed = judge(column("z", ["-9", "-3.5", *noise(ROWS - 2)]), "z", "outcome", set())
    assert signed.missing == ()  # a column with other negative numbers may mean it
    assert judge(column("weight [kg]", noise()), "weight [kg]", "", set()).unit == "kg"
    assert judge(column("Age", noise()), "Age", "", set()).unit == "years"
    assert judge(column("stage", noise()), "stage", "", set()).unit == ""


def test_labels_have_few_values_and_a_name_and_are_never_a_site_or_a_sex() -> None:
    table = pd.DataFrame(
        {
            "pid": [f"p{k}" for k in range(12)],
            "sex": ["M", "F"] * 6,
            "site": ["a", "b"] * 6,
            "arm": ["x", "y", "z"] * 4,
            "outcome": ["0", "1"] * 6,
            "grade": ["1", "2", "3", ""] * 3,
            "age": [str(k) for k in range(12)],
        }
    )
    assert label_candidates(table, {"pid"}) == ["outcome", "grade", "arm"]
    assert label_candidates(table[["pid", "age"]], {"pid"}) == []
    assert [name for name in table.columns if is_group(table, name)] == ["sex", "site"]


@pytest.mark.parametrize(
    ("columns", "used", "expected"),
    [
        ({"patient": ["a", "a", "b"], "scan": ["1", "2", "3"]}, ("scan",), ("patient", "scan")),
        ({"patient": ["a", "c", "b"], "scan": ["1", "2", "3"]}, ("scan",), ("patient", "")),
        ({"x": ["a", "c", "b"]}, ("x",), ("x", "")),
        ({"x": ["a", "a", "b"], "visit": ["1", "2", "1"]}, ("x", "visit"), ("x", "")),
        ({"age": ["3", "3", "4"], "ptid": ["a", "b", ""]}, (), ("age", "")),
    ],
)
def test_the_person_and_the_scan(
    columns: dict[str, list[str]], used: tuple[str, ...], expected: tuple[str, str]
) -> None:
    assert subject_and_scan(pd.DataFrame(columns), used) == expected


def test_percentages_have_their_unit_and_a_german_blank_is_one() -> None:
    assert judge(column("Quick", [f"{60 + k} %" for k in range(ROWS)]), "Quick", "outcome", set()).unit == "%"
    smoking = judge(column("Rauchen", ["ja", "nein", "nein", "k.A."] * 10), "Rauchen", "outcome", set())
    assert (smoking.missing, smoking.categories) == (("k.A.",), ("ja", "nein"))
