"""The tables of a report: of arms, pairs, published rows, calibration, contribution and groups."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from fusekit.evaluation import implied
from fusekit.evaluation.arms.pairs import LEVEL, MEASURES
from fusekit.evaluation.arms.worth import worth_of
from fusekit.report.drawing.palette import arm_styles
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import MINUS, NOTHING, counted, limits_of, number, p_value, records, signed
from fusekit.report.page.verdict import best_for_sure

#: Metrics that come first.
FIRST = ("auc", "macro-auc", "cuts-auc")
#: Rows of a table; what is longer has its file.
ROWS = 60


class Cell(NamedTuple):
    """A cell as a page shows it: text, already rounded."""

    text: str
    notes: tuple[str, ...] = ()  # lines below it, smaller: an interval, say
    strong: bool = False
    colour: str = ""  # of the mark before it
    muted: bool = False  # only context


class Grid(NamedTuple):
    """A table with a heading per column; the first column names its row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    texts: Sequence[int] = ()  # numbers of the columns that are read as text and set to the left, beside the first


def filled(grids: Iterable[Grid]) -> list[Grid]:
    """Tables without the rows and columns that hold nothing but dashes, and without those of which nothing is left."""
    return [kept for grid in grids if (kept := _filled(grid)).rows and len(kept.columns) > 1]


def _filled(grid: Grid) -> Grid:
    rows = [row for row in grid.rows if any(cell.text != NOTHING for cell in row[1:])]
    kept = [k for k in range(len(grid.columns)) if k == 0 or any(row[k].text != NOTHING for row in rows)]
    columns, texts = [grid.columns[k] for k in kept], [kept.index(k) for k in grid.texts if k in kept]
    return Grid(grid.caption, columns, [[row[k] for k in kept] for row in rows], texts)


def _interval(low: float, high: float, digits: int = 2) -> tuple[str, ...]:
    """``0.82 to 0.93`` as the notes of a cell; none if there is none."""
    return () if pd.isna(low) or pd.isna(high) else (f"{number(low, digits)} to {number(high, digits)}",)


def valued(value: float, low: float, high: float, digits: int = 2) -> Cell:
    """A value, and its interval below it."""
    return Cell(number(value, digits), _interval(low, high, digits))


def arms_grid(evidence: Evidence, level: str) -> Grid:
    """Every arm with every metric, in the order given."""
    metrics = sorted(evidence.metrics, key=lambda name: name not in FIRST)  # stable: the rest as they were
    styles, sure = arm_styles(evidence.names, evidence.names), best_for_sure(evidence) if level == "subject" else None
    rows = []
    for arm in evidence.arms:
        kind = () if arm.kind == "fusion" else (arm.kind,)
        reads = " + ".join(sorted(arm.reads)) or "unknown"
        cells = [Cell(arm.name, kind, colour=styles[arm.name].colour), Cell(reads, muted=not arm.reads)]
        for metric in metrics:
            row = evidence.score(arm.name, metric, level)
            cells.append(_score(row, strong=arm.name == sure and metric in FIRST))
        rows.append(cells)
    own = evidence.scores[evidence.scores["level"] == level]
    size = counted(int(own["rows"].max()), level) if len(own) else ""
    seeds = len(evidence.seeds)
    caption = f"Scores at {level} level ({size}), with 95 % intervals over subjects"
    caption += f"; means over {seeds} seeds, with the standard deviation between seeds" if seeds > 1 else ""
    return Grid(caption, ["arm", "reads", *(evidence.metrics[name] for name in metrics)], rows, texts=(1,))


def _score(row: pd.Series | None, *, strong: bool = False, digits: int = 2) -> Cell:
    if row is None:
        return Cell(NOTHING, muted=True)
    notes = _interval(row["low"], row["high"], digits)
    if not notes and not pd.isna(row["value"]):
        notes = ("interval undefined: too few subjects of a class",)
    if not pd.isna(row["spread"]):
        notes += (f"SD {number(row['spread'], 3)}",)
    return Cell("undefined" if pd.isna(row["value"]) else number(row["value"], digits), notes, strong=strong)


def pairs_grids(evidence: Evidence) -> list[Grid]:
    """Every pair of arms, a table per measure."""
    if evidence.pairs.empty:
        return []
    several = len(evidence.seeds) > 1
    columns = ["pair", "difference", "p", "p, Holm", *["SD over seeds"] * several]
    grids = []
    for measure, own in evidence.pairs.groupby("measure", sort=False):
        title = evidence.metrics.get(str(measure), str(measure))
        test = MEASURES[str(measure)].test
        if measure == "accuracy" and several:
            test = "a sign-flip test of subjects, as there are several seeds"
        rows = [_pair(row, several) for row in records(own)]
        caption = (
            f"Differences in {title} on the same subjects, with 95 % intervals: {test}, Holm's correction over "
            f"{counted(len(rows), 'pair')}. Intervals are not corrected."
        )
        grids.append(Grid(caption, columns, rows))
    return grids


def _pair(row: Mapping[Any, Any], several: bool) -> list[Cell]:
    sure = float(row["p_holm"]) < LEVEL
    return [
        Cell(f"{row['first']} {MINUS} {row['second']}"),
        Cell(signed(row["difference"]), _interval(row["low"], row["high"], 3), strong=sure),
        Cell(p_value(row["p"])),
        Cell(p_value(row["p_holm"]), strong=sure),
        *([Cell(number(row["spread"], 3))] if several else []),
    ]


def published_grid(evidence: Evidence) -> list[Grid]:
    """Published rows, each above the arm of ours that it is of; those without one are left out."""
    rows: list[list[Cell]] = []
    printed: set[Any] = set()  # the same words once
    entries: Sequence[Mapping[str, Any]] = evidence.manifest.get("published") or ()
    published = [entry for entry in entries if entry.get("fusion") in evidence.names]
    metrics = [name for name in evidence.metrics if any(name in entry["scores"] for entry in published)]
    for entry in published:
        scores = {name: value for name, value in entry["scores"].items() if value is not None}
        follows = implied(scores)
        notes = tuple(str(entry[name]) for name in ("source", "note") if entry.get(name) and entry[name] not in printed)
        printed |= {entry.get("source"), entry.get("note")}
        cells = [Cell(str(entry["arm"]), notes, muted=True), Cell("published", muted=True)]
        for name in metrics:
            own = follows.get(name, math.nan) if name in scores and name != "prevalence" else math.nan
            follow = () if math.isnan(own) else (f"follows: {number(own, 3)}",)
            cells.append(Cell(number(scores.get(name), 3), follow, muted=True))
        rows.append(cells)
        ours = str(entry["fusion"])
        here = [_score(evidence.score(ours, name, "slice"), digits=3) for name in metrics]
        rows.append([Cell(ours), Cell("here, slice level"), *here])
    if not rows:
        return []
    caption = "Context: other patients, other images, other columns; not comparable with ours"
    return [Grid(caption, ["arm", "where", *(evidence.metrics[name] for name in metrics)], rows, texts=(1,))]


def calibration_grid(evidence: Evidence) -> list[Grid]:
    """An arm and state of its probabilities per row, a measure per column."""
    table = evidence.calibration
    if table.empty:
        return []
    columns = ["arm", "probabilities", "temperature", "Brier score", "ECE", "slope", "intercept"]
    rows = []
    for row in records(table.head(ROWS)):
        cells = [Cell(row["arm"]), Cell(row["state"])]
        cells += [Cell(number(row[n], 3)) for n in ("temperature", "brier", "ece")]
        cells += [valued(row[n], row[f"{n}_low"], row[f"{n}_high"], 3) for n in ("slope", "intercept")]
        rows.append(cells)
    caption = "Calibration at subject level; ideal: Brier and ECE 0, intercept 0, slope 1"
    more = f" (the first {ROWS} of {len(table)} rows; all of them lie in figures/)" if len(table) > ROWS else ""
    return [Grid(caption + more, columns, rows, texts=(1,))]


def shapley_grid(evidence: Evidence) -> list[Grid]:
    """An arm per row, a modality per column."""
    table = evidence.shapley
    if table.empty:
        return []
    modalities = table["modality"].unique().tolist()
    rows = []
    for arm, own in table.groupby("arm", sort=False):
        of = {row["modality"]: row for row in records(own)}
        rows.append([Cell(str(arm)), *(valued(*limits_of(of[name]), 3) for name in modalities)])
    gained = worth_of(evidence.target.columns).gained
    caption = f"{gained}, shared between the modalities (Shapley values, with 95 % intervals over subjects)"
    return [Grid(caption, ["arm", *modalities], rows)]


def wide_subgroups(evidence: Evidence) -> list[Grid]:
    """One table per variable: a group per row, an arm per column, for the metric that decides.

    Groups too small to be scored are counted in the caption, and a variable with one group alone, which is everyone, is
    left out.
    """
    table = evidence.subgroups
    if table.empty:
        return []
    metric = next((name for name in (*FIRST, "accuracy") if name in set(table["metric"])), str(table["metric"].iloc[0]))
    title, names = evidence.metrics.get(metric, metric), evidence.names
    grids = []
    for variable, own in table[table["metric"] == metric].groupby("variable", sort=False):
        rows, groups = [], own["group"].nunique()
        for group, part in own.dropna(subset="value").groupby("group", sort=False):
            by_arm = {row["arm"]: valued(*limits_of(row)) for row in records(part)}
            cells = [by_arm.get(name, Cell(NOTHING, muted=True)) for name in names]
            rows.append([Cell(str(group)), Cell(f"{int(part['subjects'].iloc[0]):,}"), *cells])
        left = counted(groups - len(rows), "group")
        small = f"; {left} too small to be scored" if groups > len(rows) else ""
        if rows and groups > 1:
            caption = f"{title} by {variable}, subject level{small}"
            grids.append(Grid(caption, [str(variable), "subjects", *names], rows))
    return grids
