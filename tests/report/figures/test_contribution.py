"""Pictures of what is lost without an input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.report.drawing.palette import arm_styles
from fusekit.report.evidence import Evidence
from fusekit.report.figures.contribution import MOST_COLUMNS, ablations, condition_text, missingness, shapley
from tests.report.conftest import evidence_of, run_of

CONDITIONS = ["as-is", "image:drop", "image:permute", "both:drop", "block:a:b:drop", "hidden:0.5"]


def given(arms: str = "ab", **tables: Any) -> Evidence:
    return evidence_of(dict.fromkeys(arms, run_of()), **tables)


def table(conditions: list[str]) -> pd.DataFrame:
    rows = [(arm, c, 0.8, 0.01 * k, 0.01 * k - 0.1, 0.01 * k + 0.1) for arm in "ab" for k, c in enumerate(conditions)]
    return pd.DataFrame(rows, columns=["arm", "condition", "value", "drop", "low", "high"])


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        ("image:drop", "image left out"),
        ("table:permute", "table shuffled"),
        ("both:drop", "image and table left out"),
        ("block:CSF:drop", "CSF left out"),
        ("block:a:b:permute", "a:b shuffled"),
        ("column:PTAU:permute", "PTAU shuffled"),
    ],
)
def test_conditions_in_words(condition: str, text: str) -> None:
    assert condition_text(condition) == text


def test_losses_of_inputs_and_of_columns_are_two_pictures(drawn: list[Figure]) -> None:
    columns = [f"column:c{k}:permute" for k in range(MOST_COLUMNS + 3)]
    parts, importance = ablations(given(contribution=table(CONDITIONS + columns), synthetic=True))
    assert (parts.name, importance.name) == ("ablations", "importance")
    assert list(dict.fromkeys(parts.table["condition"])) == CONDITIONS[1:-1]
    shown = list(dict.fromkeys(importance.table["condition"]))
    assert shown == columns[::-1][:MOST_COLUMNS]  # those that cost most, the costliest first
    for axes in drawn[0].axes:
        widths = [bar.get_width() for bar in axes.patches]  # type: ignore[attr-defined]
        assert widths == pytest.approx([0.01, 0.02, 0.03, 0.04])
        assert [bar.get_hatch() for bar in axes.patches] == [None, "////", None, None]
        bars = [np.asarray(x.get_xdata(), dtype=float) for x in axes.lines]
        assert next(b.tolist() for b in bars if len(b) == 2) == pytest.approx([-0.09, 0.11])
    assert "SYNTHETIC data" in parts.svg


def test_an_arm_keeps_its_colour_where_another_is_missing(drawn: list[Figure]) -> None:
    own = table([*CONDITIONS, "column:c:permute"])
    list(ablations(given(contribution=own[own["arm"] == "b"])))
    rows = [("b", h, 0.8, 0.7, 0.9) for h in (0.0, 0.5)]
    list(missingness(given(missingness=pd.DataFrame(rows, columns=["arm", "hidden", "value", "low", "high"]))))
    colour = arm_styles("ab", "ab")["b"].colour
    assert [figure.axes[0].lines[0].get_color() for figure in drawn] == [colour] * 3


def test_only_pictures_of_what_there_is() -> None:
    assert list(ablations(given(contribution=table(["as-is", "hidden:0.5"])))) == []
    importance = ablations(given(contribution=table(["as-is", "column:a:permute"])))
    assert [picture.name for picture in importance] == ["importance"]
    assert [*ablations(given()), *shapley(given()), *missingness(given())] == []


def test_shares_of_the_modalities(drawn: list[Figure]) -> None:
    rows = [(arm, m, 0.1 * k, 0.05, 0.3) for k, arm in enumerate("ab") for m in ("image", "table")]
    frame = pd.DataFrame(rows, columns=["arm", "modality", "value", "low", "high"])
    (picture,) = shapley(given(shapley=frame))
    assert [axes.get_title(loc="left") for axes in drawn[0].axes] == ["image", "table"]
    for axes in drawn[0].axes:
        assert [bar.get_width() for bar in axes.patches] == pytest.approx([0, 0.1])  # type: ignore[attr-defined]
    assert picture.table.equals(frame)


@pytest.mark.parametrize("arms", ["ab", "abc"])
def test_missing_values(drawn: list[Figure], arms: str) -> None:
    rows = [(arm, h, 0.9 - h / 3, 0.8 - h / 3, 0.95 - h / 3) for arm in arms for h in (0.9, 0.0, 0.5)]
    frame = pd.DataFrame(rows, columns=["arm", "hidden", "value", "low", "high"])
    (picture,) = missingness(given(arms, missingness=frame))
    panels = [axes for axes in drawn[0].axes if axes.get_visible()]
    assert len(panels) == (1 if arms == "ab" else 3)
    for axes in panels:
        line = next(x for x in axes.lines if len(np.asarray(x.get_xdata())) == 3)
        assert np.asarray(line.get_xdata()).tolist() == [0.0, 0.5, 0.9]
        assert len(axes.collections) == (2 if arms == "ab" else 1)
    assert "a 0.90 to 0.60" in picture.alt
