"""The picture of scores over the number of training subjects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.data import Number
from fusekit.report.drawing.palette import arm_styles
from fusekit.report.evidence import Evidence
from fusekit.report.figures.learning_curve import learning_curve
from fusekit.report.page.learning_curve import curve_grids
from tests.report.conftest import evidence_of, run_of


def given(drawn: str, arms: str = "abc", measure: str = "auc", **rest: Any) -> Evidence:
    """Evidence of arms, some of which have a curve."""
    rows = [
        (arm, percent, measure, 0.6 + percent / 500, 0.5, 0.9, 1, 0.2 - percent / 500, 0.01, 0.3, 471, 2.36 * percent)
        for arm in drawn
        for percent in (25, 50, 75, 100)
    ]
    columns = ["arm", "percent", "measure", "value", "low", "high", "seeds", "change", "change_low", "change_high"]
    table = pd.DataFrame(rows, columns=[*columns, "subjects", "training"])
    return evidence_of(dict.fromkeys(arms, run_of()), learning_curve=table, **rest)


@pytest.mark.parametrize("arms", ["b", "bc", "cba"])
def test_each_arm_is_a_line_of_its_colour_over_its_training_subjects(arms: str, drawn: list[Figure]) -> None:
    (picture,) = learning_curve(given(arms, synthetic=True))
    panels = [axes for axes in drawn[0].axes if axes.get_visible()]
    assert len(panels) == (1 if len(arms) < 3 else 3)
    colours = arm_styles("abc", "abc")
    for arm in arms:
        own = [line for axes in panels for line in axes.lines if line.get_color() == colours[arm].colour]
        assert len(own) == 1
        assert np.asarray(own[0].get_xdata(), dtype=float) == pytest.approx([59, 118, 177, 236])
        assert np.asarray(own[0].get_ydata(), dtype=float) == pytest.approx([0.65, 0.7, 0.75, 0.8])
    assert sum(len(axes.collections) for axes in panels) == len(arms)  # a band each
    assert panels[0].get_xlim()[0] == 0  # a rise is not made steeper
    assert "471 held-out subjects, of models of 59, 118, 177 and 236 training subjects" in picture.caption
    assert f"{arms[0]} 59: 0.65 [0.50, 0.90], 118: 0.70" in picture.alt
    assert "SYNTHETIC data" in picture.svg


def test_an_error_has_the_unit_of_what_is_predicted(drawn: list[Figure]) -> None:
    target = Number("score", unit="points")
    list(learning_curve(given("a", measure="mae", target=target)))
    assert drawn[0].axes[0].get_ylabel() == "MAE, score (points)"


def test_the_table_has_each_point_and_the_last_doubling() -> None:
    (grid,) = curve_grids(given("ac"))
    assert list(grid.columns) == ["arm", "59 (25 %)", "118 (50 %)", "177 (75 %)", "236 (100 %)", "100 % minus 50 %"]
    assert [row[0].text for row in grid.rows] == ["a", "c"]
    assert [cell.text for cell in grid.rows[0][1:]] == ["0.65", "0.70", "0.75", "0.80", "0.100"]
    assert grid.rows[0][-1].notes == ("0.010 to 0.300",)


def test_where_none_was_made_there_is_none() -> None:
    nothing = evidence_of({"a": run_of()})
    assert list(learning_curve(nothing)) == []
    assert curve_grids(nothing) == []
