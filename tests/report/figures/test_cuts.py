"""Pictures of ordered classes, cut by cut."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import brier_score_loss

from fusekit.data import Ordered
from fusekit.report.figures.cuts import cut_reliability, of_cut
from tests.report.conftest import evidence_of, run_of, subject_table

STAGES = Ordered(("CN", "MCI", "AD"))
ARMS = {name: subject_table(90, classes=3, strength=k, seed=k) for k, name in enumerate(("one", "two"))}


def test_a_cut_makes_two_classes_of_the_order() -> None:
    table = pd.DataFrame({"subject": list("abc"), "label": [0, 1, 2], "p_0": 0.5, "p_1": [0.3, 0.2, 0.1]})
    table["p_2"] = 1 - table["p_0"] - table["p_1"]
    found = of_cut(table, 1)
    assert found["label"].tolist() == [0, 0, 1]
    assert found["p_1"].tolist() == pytest.approx([0.2, 0.3, 0.4])
    assert found["p_0"].tolist() == pytest.approx([0.8, 0.7, 0.6])
    assert "p_2" not in found
    assert of_cut(table, 0)["label"].tolist() == [0, 1, 1]


def test_what_was_predicted_of_each_cut_is_drawn_against_what_came_true(drawn: list[Figure]) -> None:
    arms = {name: run_of(subjects=table) for name, table in ARMS.items()}
    (picture,) = cut_reliability(evidence_of(arms, target=STAGES, synthetic=True))
    assert [axes.get_title(loc="left") for axes in drawn[0].axes] == ["Above CN", "Above MCI"]
    for k, axes in enumerate(drawn[0].axes):
        name = f"above {STAGES.classes[k]}"
        for line, (arm, table) in zip(axes.lines, ARMS.items(), strict=False):
            own = picture.table[(picture.table["cut"] == name) & (picture.table["arm"] == arm)]
            np.testing.assert_array_equal(np.asarray(line.get_xydata()), own[["predicted", "observed"]])
            above = table[[f"p_{n}" for n in range(k + 1, 3)]].sum(axis=1)
            expected = brier_score_loss(table["label"] > k, above)
            assert own["brier"].to_numpy() == pytest.approx(expected)
            assert own["subjects"].sum() == 90
            assert own["positives"].sum() == int((table["label"] > k).sum())
            assert f"{arm} {expected:.3f}" in picture.alt
    assert "SYNTHETIC data" in picture.svg
