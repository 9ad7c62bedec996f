"""What networks started from, and the columns that were chosen for them within the training subjects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pandas as pd

from fusekit.report.drawing.palette import arm_styles
from fusekit.report.evidence import Arm, Evidence
from fusekit.report.formatting import number
from fusekit.report.page.tables import Cell, Grid
from fusekit.report.records import TableRecord


class _Fold(NamedTuple):
    seed: int
    fold: str
    table: TableRecord


def chosen_grids(evidence: Evidence) -> list[Grid]:
    """The priors' weights by arm, and the chosen columns by arm, where there are any."""
    styles = arm_styles(evidence.names, evidence.names)
    folds = {arm.name: list(_folds(arm)) for arm in evidence.arms}
    priors, columns = [], []
    for name, trained in folds.items():
        first = Cell(name, colour=styles[name].colour)
        if weights := [fold.table["prior"]["weight"] for fold in trained if fold.table.get("prior")]:
            spread = (f"{number(min(weights), 2)} to {number(max(weights), 2)}",) if len(weights) > 1 else ()
            prior = next(fold.table["prior"]["name"] for fold in trained if fold.table.get("prior"))
            priors.append([first, Cell(prior), Cell(number(sum(weights) / len(weights), 2), spread)])
        rows = [
            (fold.seed, fold.fold, one["column"], one["importance"], one["chosen"], one["folds"])
            for fold in trained
            for one in fold.table.get("columns", [])
        ]
        table = pd.DataFrame(rows, columns=["seed", "fold", "column", "importance", "chosen", "folds"])
        trainings = len(table[["seed", "fold"]].drop_duplicates())
        order = table.groupby("column")["importance"].sum().sort_values(ascending=False, kind="stable")
        for column in order.index:
            own = table[table["column"] == column]
            inner = f"{own['chosen'].sum()} of {own['folds'].sum()}"
            importance = number(float(own["importance"].mean()), 3)
            columns.append([first, Cell(column), Cell(f"{len(own)} of {trainings}"), Cell(inner), Cell(importance)])
    grids = []
    if priors:
        heads = ["arm", "starts from", "its weight after training"]
        grids.append(Grid("What the networks start from", heads, priors, texts=(1,)))
    if columns:
        heads = ["arm", "column", "chosen in trainings", "of their inner folds", "importance in nats"]
        grids.append(Grid("Columns that the encoder reads", heads, columns, texts=(1,)))
    return grids


def _folds(arm: Arm) -> Iterator[_Fold]:
    for run in arm.runs:
        seed = int(run.manifest.get("config", {}).get("seed", 0))
        for fold, table in run.manifest.get("evaluation", {}).get("table", {}).items():
            yield _Fold(seed, fold, table)
