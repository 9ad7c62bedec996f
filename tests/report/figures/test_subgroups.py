"""The forest of subgroups."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fusekit.report.figures.subgroups import subgroups
from tests.report.conftest import evidence_of, run_of

GROUPS = [("SEX", "F", 30, 14), ("SEX", "M", 30, 16), ("SITE", "x" * 40, 12, 5)]
TABLE = pd.DataFrame(
    [
        (arm, v, g, metric, 0.5 + 0.1 * k, 0.4, 0.9, n, p)
        for arm in "ab"
        for metric in ("auc", "accuracy")
        for k, (v, g, n, p) in enumerate(GROUPS)
    ],
    columns=["arm", "variable", "group", "metric", "value", "low", "high", "subjects", "positives"],
)

ARMS = dict.fromkeys("ab", run_of())


def test_every_group_of_one_metric_is_drawn_with_its_counts(drawn: list[Figure]) -> None:
    scores = pd.DataFrame({"arm": ["a", "b"], "level": "subject", "metric": "auc", "value": [0.61, 0.62]})
    given = evidence_of(ARMS, subgroups=TABLE, metrics={"auc": "AUC"}, scores=scores, synthetic=True)
    picture, other = subgroups(given)
    assert (picture.name, other.name) == ("subgroups-auc", "subgroups-accuracy")
    assert set(picture.table["metric"]) == {"auc"}
    for axes, value in zip(drawn[0].axes, (0.61, 0.62), strict=True):
        points = [np.asarray(x.get_xdata(), dtype=float) for x in axes.lines]
        assert [p[0] for p in points if len(p) == 1] == [0.5, 0.6, 0.7]
        assert points[-1].tolist() == [value, value]
    labels = [label.get_text() for label in drawn[0].axes[0].get_yticklabels()]
    assert labels == ["SEX", "F, n = 30 (14)", "M, n = 30 (16)", "SITE", "xxxxxxxx…xxxxxxx, n = 12 (5)"]
    assert "a, SEX F (30 subjects): 0.50 [0.40, 0.90]" in picture.alt
    assert "SYNTHETIC data" in picture.svg


def test_groups_that_one_arm_lacks_and_undefined_scores_are_left_out(drawn: list[Figure]) -> None:
    table = TABLE.drop(columns="positives").iloc[1:]
    table.loc[table["group"] == "M", ["value", "low", "high"]] = np.nan
    scores = pd.DataFrame({"arm": [], "level": [], "metric": [], "value": []})
    picture, _ = subgroups(evidence_of(ARMS, subgroups=table, metrics={"auc": "AUC"}, scores=scores))
    assert "not drawn (1)" in picture.caption
    assert "M" not in set(picture.table["group"])
    counts = [len(axes.lines) for axes in drawn[0].axes]
    assert counts == [2, 4]  # a bar and a point each
