"""Volumes unlike the others, one oddity at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fusekit.audit.volumes import robust_z, unusual_volumes
from tests.audit.conftest import make_store, make_volumes


def found(case: Callable[..., Any], **changed: Any) -> dict[str, tuple[str, ...]]:
    made = case()
    table = make_volumes(made.cohort.scans.index)
    for column, value in changed.items():
        table.loc["scan7", column] = value
    return {
        f.code: f.items for f in unusual_volumes(case(store=make_store(table))) if f.severity == "warning" and f.advice
    }


def test_a_cohort_of_one_scanner_has_nothing_unusual(case: Callable[..., Any]) -> None:
    assert found(case) == {}
    assert found(case, spacing_x=1.2) == {}  # as different as protocols of one study are


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"spacing_z": 5.0, "shape_z": 51}, {"unusual-spacing": ("scan7: 1 x 1 x 5 mm",)}),
        ({"shape_z": 120}, {"unusual-extent": ("scan7: 256 x 256 x 120 mm",)}),
        ({"orientation": "LIP"}, {"unusual-orientation": ("scan7: LIP",)}),
        ({"high": 9000.0, "median": 4000.0, "low": 900.0}, {"unusual-intensity": ("scan7: 900, 4000, 9000",)}),
        ({"low": -1024.0}, {"unusual-intensity": ("scan7: -1024, 400, 900",)}),
        ({"foreground": 0.05}, {"little-foreground": ("scan7: 5.0%",)}),
    ],
)
def test_each_oddity_is_found_alone(
    case: Callable[..., Any], changed: dict[str, Any], expected: dict[str, Any]
) -> None:
    items = found(case, **changed)
    assert set(items) == set(expected)
    for code, (item,) in expected.items():
        assert items[code][0].split(": ")[0] == "scan7"
        assert code == "unusual-intensity" or items[code] == (item,)


def test_a_study_of_two_protocols_has_none_that_is_unusual(case: Callable[..., Any]) -> None:
    index = case().cohort.scans.index
    table = make_volumes(index, spacing_z=np.where(np.arange(60) % 5 < 2, 1.2, 1.0), orientation=["RAS", "PIR"] * 30)
    assert list(unusual_volumes(case(store=make_store(table)))) == []


def test_too_few_volumes_are_no_measure(case: Callable[..., Any]) -> None:
    table = make_volumes(case(count=8).cohort.scans.index)
    table.loc["scan1", "foreground"] = 0.001
    assert list(unusual_volumes(case(count=8, store=make_store(table)))) == []


def test_robust_distances_count_median_absolute_deviations() -> None:
    values = pd.Series([1.0, 2, 3, 4, 100])
    assert robust_z(values, 0.1).tolist() == pytest.approx([(v - 3) / 1.4826 for v in values])
    assert robust_z(pd.Series([1.0, 1, 1, 2]), 0.5).tolist() == [0, 0, 0, 2]
