"""Scores as people read them."""

from __future__ import annotations

from xml.etree import ElementTree

import pandas as pd

from fusekit.evaluation.shown import first_of, in_a_line, score_text, scores_html, table_html, title_of

CELL = ("td", "th")
SCORES = pd.DataFrame(
    [
        ("slice", "accuracy", 0.8, 0.7, 0.9, 480, 96),
        ("slice", "auc", 0.85, 0.8, 0.9, 480, 96),
        ("subject", "accuracy", 0.81, 0.7, 0.92, 96, 96),
        ("subject", "auc", 0.871, 0.802, 0.934, 96, 96),
    ],
    columns=["level", "metric", "value", "low", "high", "rows", "subjects"],
)


def test_a_line_has_the_first_metric_of_subjects_and_says_what_is_synthetic() -> None:
    line = in_a_line("Run", ["runs/first", "", "rbca"], SCORES, synthetic=True)
    assert line == "Run(runs/first: rbca, 96 subjects, AUC 0.87 [0.80, 0.93], SYNTHETIC)"
    assert in_a_line("Bundle", ["rbca"], pd.DataFrame(), synthetic=False) == "Bundle(rbca)"
    assert in_a_line("Bundle", ["rbca"], SCORES, synthetic=False).endswith("0.93])")


def test_the_table_has_a_column_per_level_and_text_that_is_no_html() -> None:
    html = scores_html("<b>", SCORES, synthetic=True)
    assert "&lt;b&gt;" in html
    assert "SYNTHETIC cohort" in html
    cells = [
        "".join(cell.itertext()) for cell in ElementTree.fromstring(f"<div>{html}</div>").iter() if cell.tag in CELL
    ]
    assert cells[:3] == ["", "slice level (n = 480)", "subject level (n = 96)"]
    assert cells[-3:] == ["AUC", "0.850 [0.800, 0.900]", "0.871 [0.802, 0.934]"]
    assert "SYNTHETIC" not in scores_html("run", SCORES, synthetic=False)


def test_long_texts_are_shown_whole() -> None:
    text = ("a sentence of more than fifty letters, " * 3).strip()
    assert text in table_html(pd.DataFrame({"what": [text]}), index=False)


def test_what_is_undefined_or_unknown_says_so() -> None:
    assert score_text(None, None, None) == "undefined"
    assert score_text(0.5, None, 1.0) == "0.50 [undefined]"
    assert title_of("no-such-metric") == "no-such-metric"
    assert first_of(["accuracy", "own", "auc"]) == ["auc", "accuracy"]
    assert first_of(["own"]) == ["own"]
