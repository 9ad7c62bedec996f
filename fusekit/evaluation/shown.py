"""Scores as people read them, at a prompt and in a notebook: a line, and a table of text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import pandas as pd

from fusekit.evaluation.statistics import UNDEFINED, interval_text
from fusekit.extension import catalog

#: Scores in the order in which they are shown where there is no room for all.
SHOWN = (
    *("auc", "macro-auc", "cuts-auc", "quadratic-kappa", "rank-error", "r2", "mae", "spearman"),
    *("uno-c", "integrated-brier", "time-auc", "accuracy", "balanced-accuracy", "sensitivity", "specificity"),
)
SYNTHETIC = "SYNTHETIC"


def title_of(metric: str) -> str:
    """What a metric is called where it is printed; its name where no plugin knows it."""
    known = catalog().metrics
    return str(known.get(metric)().title) if metric in known.names() else metric


def first_of(metrics: Iterable[str]) -> list[str]:
    """Those of ``SHOWN`` that are there, in that order; of none of them, all."""
    there = list(metrics)
    return [name for name in SHOWN if name in there] or there


def score_text(value: float | None, low: float | None, high: float | None, digits: int = 2) -> str:
    """``0.87 [0.80, 0.93]``, or ``undefined``."""
    return UNDEFINED if value is None or pd.isna(value) else f"{value:.{digits}f} {interval_text(low, high, digits)}"


def in_a_line(kind: str, parts: Iterable[str], scores: pd.DataFrame, synthetic: bool) -> str:
    """``Run(runs/first: adni-ad, rbca, 96 subjects, AUC 0.87 [0.80, 0.93], SYNTHETIC)``.

    Args:
        kind: name of the class.
        parts: what it is; empty ones are left out.
        scores: rows with level, metric, value, low, high, subjects; the first metric of subjects is shown.
        synthetic: whether the cohort was.
    """
    words = [part for part in parts if part]
    own = scores[scores["level"] == "subject"] if len(scores) else scores
    if len(own):
        row = own[own["metric"] == first_of(own["metric"])[0]].iloc[0]
        words += [f"{int(row['subjects'])} subjects", f"{title_of(row['metric'])} {score_text(*_limits(row))}"]
    first, *rest = [*words, *[SYNTHETIC] * synthetic]
    return f"{kind}({first}: {', '.join(rest)})" if rest else f"{kind}({first})"


def scores_html(title: str, scores: pd.DataFrame, synthetic: bool) -> str:
    """The table that a run prints: a row per metric, a column per level."""
    if not len(scores):
        return titled_html(title, pd.DataFrame(), synthetic)
    columns = {}
    for level, own in scores.groupby("level", sort=False):
        cells = {title_of(row["metric"]): score_text(*_limits(row), 3) for _, row in own.iterrows()}
        columns[f"{level} level (n = {own['rows'].iloc[0]})" if "rows" in own else f"{level} level"] = cells
    return titled_html(title, pd.DataFrame(columns).fillna(""), synthetic, "95 % intervals over subjects")


def titled_html(title: str, table: pd.DataFrame, synthetic: bool, *notes: str) -> str:
    """A table of text below its title, with notes below it."""
    kind = f" · <b>{SYNTHETIC} cohort</b>" if synthetic else ""
    shown = table_html(table) if len(table) else ""
    return f"<p><b>{escape(title)}</b>{kind}</p>{shown}" + "".join(f"<p>{escape(note)}</p>" for note in notes if note)


def table_html(table: pd.DataFrame, *, index: bool = True) -> str:
    """All of a table, however long its texts are."""
    with pd.option_context("display.max_colwidth", None):
        return str(table.to_html(index=index))


def _limits(row: pd.Series) -> tuple[float | None, float | None, float | None]:
    return row["value"], row["low"], row["high"]
