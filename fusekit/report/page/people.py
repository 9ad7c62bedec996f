"""Table 1: the subjects group by group, in short and in full, and fold by fold."""

from __future__ import annotations

import pandas as pd

from fusekit.evaluation.cohorts.table_one import SMD
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import counted
from fusekit.report.page.tables import Cell, Grid

#: Rows in short.
ROWS = 10
WHAT = "with the values of their first scan: mean (SD) or number (share)"


def people_grids(evidence: Evidence) -> tuple[Grid | None, Grid | None]:
    """In short, and in full where that says more; None without a table.

    In short, the variables that scores are split by come first, then what differs most between two groups; categories
    of many levels are left out.
    """
    table = evidence.people
    if table is None or len(table) < 2:
        return None, None
    groups = [name for name in map(str, table) if name != "column"]
    caption = f"Subjects, {WHAT}" + ("; SMD: absolute standardised difference" if SMD in groups else "")
    if len(table) <= ROWS + 2:
        return _grid(caption, groups, table), None
    own = _first(table, [] if evidence.cohort is None else list(map(str, evidence.cohort)))
    shown = pd.concat([table.head(1), own])
    full = f"{caption}; {counted(len(table) - 1, 'row')}"
    return _grid(f"{caption}; {len(own)} of {len(table) - 1} rows", groups, shown), _grid(full, groups, table)


def fold_grid(evidence: Evidence) -> Grid | None:
    """All of it by fold; None of runs without it. How far two folds are apart is chance, and not shown."""
    table = evidence.people_by_fold
    if table is None:
        return None
    names = [name for name in map(str, table) if name not in ("column", SMD)]
    return _grid(f"The same subjects by fold, {WHAT}", names, table)


def _first(table: pd.DataFrame, variables: list[str]) -> pd.DataFrame:
    table = table.iloc[1:]
    names = table["column"].str.split(r", (?:mean|n) \(|, | = ", regex=True).str[0]
    table = table[names.map(names.value_counts()) <= ROWS // 2]
    own = names[table.index].str.lower().isin([name.lower() for name in variables])
    apart = pd.to_numeric(table[SMD], errors="coerce") if SMD in table else pd.Series(0.0, index=table.index)
    order = pd.DataFrame({"own": ~own, "apart": (-apart.fillna(-1.0)).where(~own, 0.0)})
    return table.loc[order.sort_values(["own", "apart"], kind="stable").index[:ROWS]]


def _grid(caption: str, groups: list[str], table: pd.DataFrame) -> Grid:
    said = table["column"].str.removesuffix(", mean (SD)").str.removesuffix(", n (%)")  # the caption says it
    rows = [[Cell(str(cell)) for cell in row] for row in table.assign(column=said)[["column", *groups]].to_numpy()]
    return Grid(f"Table 1. {caption}", ["characteristic", *groups], rows)
