"""What was chosen for networks, over folds and seeds, against a table made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from fusekit.report.evidence import Evidence
from fusekit.report.page.chosen import chosen_grids


def column(name: str, importance: float, chosen: int) -> dict[str, Any]:
    return {"column": name, "importance": importance, "chosen": chosen, "folds": 5}


def evidence(**tables: dict[str, dict[str, Any]]) -> Evidence:
    """Arms with a run each, whose folds chose so."""
    arms = [
        SimpleNamespace(name=name, runs=[SimpleNamespace(manifest={"config": {"seed": 0}, "evaluation": evaluation})])
        for name, evaluation in tables.items()
    ]
    return cast(Evidence, SimpleNamespace(arms=arms, names=list(tables)))


def texts(rows: Any) -> list[list[str]]:
    return [[cell.text for cell in row] for row in rows]


def test_columns_are_counted_over_trainings_and_their_inner_folds() -> None:
    table = {
        "0": {
            "columns": [column("TAU", 0.3, 5), column("AGE", 0.1, 2)],
            "prior": {"name": "gbdt", "weight": 0.5},
        },
        "1": {"columns": [column("TAU", 0.1, 4)], "prior": {"name": "gbdt", "weight": 0.9}},
    }
    priors, columns = chosen_grids(evidence(plain={}, first={"table": table}))
    assert texts(priors.rows) == [["first", "gbdt", "0.70"]]
    assert priors.rows[0][2].notes == ("0.50 to 0.90",)
    assert texts(columns.rows) == [
        ["first", "TAU", "2 of 2", "9 of 10", "0.200"],
        ["first", "AGE", "1 of 2", "2 of 5", "0.100"],
    ]


def test_there_is_nothing_to_show_where_nothing_was_chosen() -> None:
    assert chosen_grids(evidence(plain={}, other={"table": {}})) == []
