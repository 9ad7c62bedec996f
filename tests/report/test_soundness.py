"""Run folders that were changed or made up are refused, with the file and the place."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fusekit.disk import SEAL, seal
from fusekit.errors import DataError, FusekitError
from fusekit.report.run import Run
from fusekit.report.soundness import refuse_unsound
from tests.fake_runs import fake_runs


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (run,) = fake_runs(tmp_path_factory.mktemp("run"), arms=["concat"], subjects=20)
    return run


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def table(name: str, change: Callable[[pd.DataFrame], Any]) -> Callable[[Path], None]:
    """Change a table's cells, as text."""

    def write(folder: Path) -> None:
        cells = pd.read_csv(folder / name, dtype=str)
        changed = change(cells)
        (cells if changed is None else changed).to_csv(folder / name, index=False)

    return write


def cell(name: str, column: str, value: str, row: int = 1) -> Callable[[Path], None]:
    return table(name, lambda cells: cells.__setitem__(column, cells[column].where(cells.index != row, value)))


def without(name: str, column: str) -> Callable[[Path], None]:
    return table(name, lambda cells: cells.drop(columns=column))


def entry(name: str, *steps: Any) -> Callable[[Path], None]:
    """Set the place that all but the last step lead to."""

    def write(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        *way, last, value = steps
        place = content
        for step in way:
            place = place[step]
        if value is ...:
            del place[last]
        else:
            place[last] = value
        (folder / name).write_text(json.dumps(content))

    return write


NO_TEMPERATURES: list[Any] = ["abc", [1], None, {"0": []}, *({key: 1.0} for key in ("abc", "", "00", "²", "9" * 5000))]
P, M, S = "predictions.csv", "manifest.json", "metrics.json"


def test_a_run_as_it_was_written_is_taken_sealed_or_not(folder: Path) -> None:
    refuse_unsound(Run(folder))
    seal(folder, "")
    refuse_unsound(Run(folder))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cell(P, "p_0", "0.9999"), "slice 61, fold 2 add up to"),
        (cell(P, "p_0", "-0.1"), "p_0 of subject"),
        (cell(P, "p_1", ""), "p_1 of subject"),
        (cell(P, "label", "7"), "line 3 .* a label of none of the 2 classes"),
        (cell(P, "label", "-1"), "line 3 .* a label of none"),
        (cell(P, "label", "1"), "line 2 .* one of several labels of its subject"),
        (cell(P, "fold", "4"), "line 3 .* no row in cohort.csv with the same scan, subject, label, fold"),
        (cell(P, "row", "9" * 20), "line 3, column 'row'"),
        (cell(P, "row", "9" * 19), "line 3, column 'row'"),
        (cell(P, "subject", ""), "line 3 .* an empty cell"),
        (table(P, lambda cells: pd.concat([cells, cells[:1]])), "the scan, slice of another row"),
        (table(P, lambda cells: cells[:0]), "has no rows"),
        (table(P, lambda cells: cells.rename(columns={"p_0": "p_1", "p_1": "p_0"})), "p_1, p_0; .* in this order"),
        (table(P, lambda cells: cells.assign(p_2="0")), "p_0, p_1, p_2"),
        (table(P, lambda cells: cells.rename(columns={"row": "slice"})), "line 1: the column 'slice' is there twice"),
        *((without(P, name), f"column missing: '{name}'") for name in ("label", "subject", "scan", "fold", "p_0")),
        (without("cohort.csv", "subject"), "column missing: 'subject'"),
        (table("cohort.csv", lambda cells: cells.assign(subject="x" + cells["subject"])), "no row in cohort.csv"),
        (without("validation.csv", "p_1"), "column missing: 'p_1'"),
        (cell("ablations.csv", "subject", "nobody"), "line 3 .* no row in predictions.csv"),
        (entry(S, "scores", []), "metrics.json has no scores"),
        (entry(S, "scores", 0, "value", 5.0), r"scores\[0\] .* a number that no accuracy can be"),
        (entry(S, "scores", 1, "high", 1.1), r"scores\[1\] .* a number that no sensitivity can be"),
        (entry(S, "scores", 1, "metric", "accuracy"), r"scores\[1\] .* of another one"),
        (entry(S, "scores", 0, "level", "scan"), r"scores\[0\].level"),
        (entry(S, "scores", 0, "subjects", 3), r"scores\[0\] .* other subjects than the 20 in predictions.csv"),
        (entry(M, "task", "name", ...), "has no task.name"),
        (entry(M, "task", "classes", ["CN"]), r"task.classes is \['CN'\]"),
        (entry(M, "task", "classes", ["CN", "CN"]), "two or more different names"),
        (entry(M, "task", "classes", ["CN", "MCI", "AD"]), "column missing: 'p_2'"),
        *((entry(M, "evaluation", "temperatures", value), "evaluation.temperatures") for value in NO_TEMPERATURES),
        (entry(M, "evaluation", "temperatures", {"0": 0}), "evaluation.*temperature.* 0"),
        (entry(M, "evaluation", "thresholds", None), "evaluation.thresholds is null"),
        (entry(M, "evaluation", "thresholds", {"0": {"slice": 0.5}}), "evaluation.*thresholds"),
        (entry(M, "evaluation", "thresholds", {"0": {"slice": 0.5, "subject": 0.5}}), "evaluation.*threshold.* fold 1"),
        (entry(M, "evaluation", "aggregate", "sum"), "evaluation.aggregate"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_with_its_place(
    folder: Path, damage: Callable[[Path], None], said: str
) -> None:
    damage(folder)
    with pytest.raises(FusekitError, match=said) as refused:
        refuse_unsound(Run(folder))
    assert str(folder) in str(refused.value)


@pytest.mark.parametrize("name", [P, M, S, "cohort.csv", "history.csv"])
def test_a_sealed_run_is_as_it_was_sealed(folder: Path, name: str) -> None:
    seal(folder, "")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content + b" ")
    with pytest.raises(DataError, match=f"{re.escape(str(folder / name))} was changed or damaged") as refused:
        refuse_unsound(Run(folder))
    assert f"delete {folder / SEAL}" in str(refused.value)
    (folder / name).unlink()
    with pytest.raises(DataError, match=f"{re.escape(str(folder / name))} is missing"):
        refuse_unsound(Run(folder))
