"""Tables as text, read back by others."""

from __future__ import annotations

import csv
import io

import pandas as pd

from fusekit.report.page.copied import copies
from fusekit.report.page.tables import Cell, Grid

GRID = Grid(
    "Scores",
    ["arm", "reads", "AUC"],
    [
        [Cell("a_b, c", ("baseline",)), Cell("image | table"), Cell("0.87", ("0.80 to 0.93",))],
        [Cell("50 % & more"), Cell("table"), Cell("\N{MINUS SIGN}0.10")],
    ],
    texts=(1,),
)


def test_csv_is_read_back() -> None:
    rows = list(csv.reader(io.StringIO(copies(GRID)["CSV"])))
    assert rows[0] == ["arm", "reads", "AUC"]
    assert rows[1] == ["a_b, c (baseline)", "image | table", "0.87 (0.80 to 0.93)"]
    assert pd.read_csv(io.StringIO(copies(GRID)["CSV"])).shape == (2, 3)


def test_markdown_has_a_rule_and_no_stray_bars() -> None:
    head, rule, first, second = copies(GRID)["Markdown"].splitlines()
    assert head == "| arm | reads | AUC |"
    assert rule == "| :-- | :-- | --: |"
    assert first == "| a_b, c (baseline) | image \\| table | 0.87 (0.80 to 0.93) |"
    assert second.count("|") == 4


def test_latex_escapes_what_it_would_read_as_commands() -> None:
    lines = copies(GRID)["LaTeX"].splitlines()
    assert lines[0] == r"\begin{tabular}{llr}"
    assert lines[4] == r"a\_b, c (baseline) & image | table & 0.87 (0.80 to 0.93) \\"
    assert lines[5] == r"50 \% \& more & table & $-$0.10 \\"
    assert lines[-1] == r"\end{tabular}"
