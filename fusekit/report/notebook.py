"""A comparison as a prompt, a notebook and a terminal show it: a line, the arms with the best first, and one figure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from fusekit.errors import OptionError
from fusekit.evaluation.shown import SYNTHETIC, first_of, score_text, titled_html
from fusekit.report.drawing.picture import Picture
from fusekit.report.evidence import Evidence
from fusekit.report.figures.sections import SECTIONS
from fusekit.report.formatting import counted, limits_of
from fusekit.report.page.verdict import verdict


def ranked(evidence: Evidence) -> tuple[list[str], dict[str, list[pd.Series | None]]]:
    """The metrics that are shown, and arm -> its row of scores for each, the best of the first metric first."""
    metrics = first_of(evidence.metrics)
    scores = {arm.name: [evidence.score(arm.name, name) for name in metrics] for arm in evidence.arms}
    return metrics, dict(sorted(scores.items(), key=_first_score, reverse=True))


def _first_score(row: tuple[str, Sequence[pd.Series | None]]) -> float:
    """By which rows of a table are sorted; an arm without the score comes last."""
    first = row[1][0] if row[1] else None
    return -math.inf if first is None or pd.isna(first["value"]) else float(first["value"])


def comparison_line(evidence: Evidence, folder: Path) -> str:
    """``Comparison(runs/x: adni-ad, 3 arms, 96 subjects, rbca first: AUC 0.87 [0.80, 0.93], SYNTHETIC)``."""
    metrics, arms = ranked(evidence)
    best, scores = next(iter(arms.items()))
    words = [evidence.task, counted(len(arms), "arm"), counted(evidence.subjects, "subject")]
    if scores and (first := scores[0]) is not None:
        words.append(f"{best} first: {evidence.metrics[metrics[0]]} {score_text(*limits_of(first))}")
    return f"Comparison({folder}: {', '.join([*words, *[SYNTHETIC] * evidence.synthetic])})"


def comparison_html(evidence: Evidence) -> str:
    """The table that a comparison prints, with its verdict below."""
    metrics, arms = ranked(evidence)
    titles = [evidence.metrics[name] for name in metrics]
    cells = [["" if row is None else score_text(*limits_of(row), 3) for row in rows] for rows in arms.values()]
    table = pd.DataFrame(cells, index=list(arms), columns=titles)
    seeds = f"; mean of {len(evidence.seeds)} seeds" if len(evidence.seeds) > 1 else ""
    answer = verdict(evidence)
    said = f"{answer.call} {' '.join(answer.sentences)}"
    title = f"{evidence.task} · {counted(evidence.subjects, 'subject')}"
    return titled_html(title, table, evidence.synthetic, f"95 % intervals over subjects{seeds}", said)


def plot_roc(evidence: Evidence) -> Picture:
    """Draw the report's ROC curves; OptionError where no classes are predicted."""
    draw = SECTIONS[evidence.target.kind].get("curves")
    if draw is None:
        raise OptionError(
            f"plot_roc draws curves of classes, and {evidence.task} predicts {evidence.target.words}. Its figures are "
            "in the report: .report()"
        )
    return next(iter(draw[0](evidence)))
