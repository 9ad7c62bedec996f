"""Tables of prediction sets and intervals: how often they hold the truth, over all subjects and by group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fusekit.evaluation.calibration.conformal import EVERYONE, REGIONS
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import NOTHING, limits_of, number, records
from fusekit.report.page.tables import Cell, Grid, valued


def coverage_grids(evidence: Evidence) -> list[Grid]:
    """An arm per row; then a table per variable, with a group per row and an arm per column."""
    table = evidence.coverage
    if table.empty:
        return []
    regions = REGIONS[evidence.target.kind]
    everyone = table["variable"] == EVERYONE[0]
    rows = [_arm(row) for row in records(table[everyone])]
    columns = ["arm", "level", "coverage", regions.measure, "subjects"]
    grids = [Grid(f"{regions.noun.capitalize()} of the tested subjects, with 95 % intervals", columns, rows)]
    names = [name for name in evidence.names if name in set(table["arm"])]
    for variable, own in table[~everyone].groupby("variable", sort=False):
        rows = [_group(str(group), part, names) for group, part in own.groupby("group", sort=False)]
        grids.append(Grid(f"Coverage by {variable}", [str(variable), "subjects", *names], rows))
    return grids


def _arm(row: Mapping[Any, Any]) -> list[Cell]:
    outside = not row["low"] <= row["level"] <= row["high"]
    coverage = valued(*limits_of(row, "coverage"))
    notes = (*coverage.notes, *["the interval excludes the level"] * outside)
    size = number(row["size"]) if row["size"] < float("inf") else "no ends"
    cells = [Cell(row["arm"]), Cell(f"{row['level']:g}"), coverage._replace(notes=notes, strong=outside)]
    return [*cells, Cell(size), Cell(f"{row['subjects']:,}")]


def _group(group: str, part: pd.DataFrame, names: list[str]) -> list[Cell]:
    by_arm = {row["arm"]: row for row in records(part)}
    cells = [Cell(NOTHING, muted=True) if name not in by_arm else _coverage(by_arm[name]) for name in names]
    return [Cell(group), Cell(f"{int(part['subjects'].iloc[0]):,}"), *cells]


def _coverage(row: Mapping[Any, Any]) -> Cell:
    if pd.isna(row["coverage"]):
        return Cell(NOTHING, (str(row["reason"]),), muted=True)
    return valued(*limits_of(row, "coverage"))
