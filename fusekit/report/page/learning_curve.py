"""The table beside the learning curve."""

from __future__ import annotations

from fusekit.evaluation.arms.pairs import MEASURES
from fusekit.report.evidence import Evidence
from fusekit.report.formatting import limits_of, records
from fusekit.report.page.tables import Cell, Grid, valued


def curve_grids(evidence: Evidence) -> list[Grid]:
    """An arm per row, a number of training subjects per column, and what the last doubling gave."""
    table = evidence.learning_curve
    if table.empty:
        return []
    title = MEASURES[str(table["measure"].iloc[0])].title
    counts = table.drop_duplicates("percent").sort_values("percent")
    columns = [f"{row['training']:,.0f} ({row['percent']} %)" for row in records(counts)]
    rows = []
    for arm, own in table.groupby("arm", sort=False):
        points = records(own.sort_values("percent"))
        half = next(row for row in points if row["percent"] == 50)
        change = valued(half["change"], half["change_low"], half["change_high"], 3)
        rows.append([Cell(str(arm)), *(valued(*limits_of(row)) for row in points), change])
    caption = f"{title} by training subjects, with 95 % intervals over tested subjects"
    return [Grid(caption, ["arm", *columns, "100 % minus 50 %"], rows)]
