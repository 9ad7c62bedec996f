"""Pictures of ROC and precision-recall curves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from fusekit.data import Ordered
from fusekit.evaluation.folds import Folds
from fusekit.evaluation.metrics.ordered import AreaOfCuts
from fusekit.report.figures.bands import roc_band
from fusekit.report.figures.curves import curves
from fusekit.report.figures.sections import SECTIONS
from tests.report.conftest import evidence_of, run_of, subject_table

ARMS = {name: [subject_table(40, strength=k, seed=k)] for k, name in enumerate(("one", "two", "three"))}


def runs_of(arms: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: [run_of(subjects=table) for table in tables] for name, tables in arms.items()}


def test_two_arms_share_a_panel_with_their_bands_and_the_table_holds_what_is_drawn(drawn: list[Figure]) -> None:
    arms = {name: ARMS[name] for name in ("one", "two")}
    aucs = pd.DataFrame({"arm": ["one", "two"], "value": [0.511, 0.722], "low": [0.4, 0.6], "high": [0.6, 0.85]})
    given = runs_of(arms)
    picture, other = curves(evidence_of(given, scores=aucs.assign(level="subject", metric="auc"), synthetic=True))
    assert [picture.name, other.name] == ["roc", "precision-recall"]
    figure, _ = drawn
    (axes,) = figure.axes
    assert len(axes.collections) == 2  # bands
    labels = [text.get_text() for text in axes.get_legend().get_texts()]  # type: ignore[union-attr]
    assert labels == ["one: AUC 0.51 [0.40, 0.60]", "two: AUC 0.72 [0.60, 0.85]"]  # the scores as they were given
    for line, (name, (table,)) in zip(axes.lines, arms.items(), strict=False):
        own = picture.table[picture.table["arm"] == name]
        band = roc_band([table])
        for drawn_, written, expected in (
            (line.get_xdata(), own["1 - specificity"], band.x),
            (line.get_ydata(), own["sensitivity"], band.y),
        ):
            np.testing.assert_array_equal(np.asarray(drawn_, dtype=float), written)
            np.testing.assert_array_equal(written, expected)
        np.testing.assert_array_equal(own[["low", "high"]], np.column_stack([band.low, band.high]))
    assert "SYNTHETIC data" in picture.svg
    assert "40 subjects in 3 folds" in picture.caption


def test_more_arms_have_their_bands_in_panels_of_their_own(drawn: list[Figure]) -> None:
    *rocs, together, apart = curves(evidence_of(runs_of(ARMS)))
    assert [picture.name for picture in rocs] == ["roc", "roc-by-arm"]
    assert (together.name, apart.name) == ("precision-recall", "precision-recall-by-arm")
    assert not drawn[2].axes[0].collections
    panels = [axes for axes in drawn[3].axes if axes.get_visible()]
    assert len(panels) == 3
    assert all(len(axes.collections) == 1 for axes in panels)
    assert all("prevalence 0.50" in picture.svg for picture in (together, apart))
    pd.testing.assert_frame_equal(together.table, apart.table)
    for picture in (together, apart):
        assert "Bands" in picture.caption or picture is together


def test_three_classes_are_each_drawn_against_the_rest(drawn: list[Figure]) -> None:
    table = subject_table(45, classes=3)
    picture, _ = curves(evidence_of(runs_of({"one": [table]}), ("CN", "MCI", "AD")))
    assert [axes.get_title(loc="left") for axes in drawn[0].axes] == [
        f"{name} against the rest" for name in ("CN", "MCI", "AD")
    ]
    for label, name in enumerate(("CN", "MCI", "AD")):
        own = picture.table[picture.table["class"] == name]
        assert own["AUC"].iloc[0] == pytest.approx(roc_band([table], label).area[0])
    assert "against the rest" in picture.caption


def test_ordered_classes_are_drawn_above_each_cut_against_below(drawn: list[Figure]) -> None:
    table, target = subject_table(45, classes=3), Ordered(("CN", "MCI", "AD"))
    picture, other = SECTIONS[target.kind]["curves"][0](evidence_of(runs_of({"one": [table]}), target=target))
    assert [axes.get_title(loc="left") for axes in drawn[0].axes] == [
        "Above CN, against CN or below",
        "Above MCI, against MCI or below",
    ]
    aucs = picture.table.groupby("class", sort=False)["AUC"].first()
    assert list(aucs.index) == ["above CN", "above MCI"]
    folds = Folds.of_table(table)
    assert aucs.mean() == pytest.approx(
        AreaOfCuts().value_in(folds, table["label"].to_numpy(), table[["p_0", "p_1", "p_2"]].to_numpy())
    )
    assert "above each cut against those below" in picture.caption
    assert "prevalence 0.67" in other.svg
