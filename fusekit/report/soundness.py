"""What a report refuses of a run folder: files that were changed, or that contradict each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.data import Number, Target, TimeToEvent
from fusekit.data.clinical.tables import require_columns
from fusekit.data.splits import POINTS, WHOLE
from fusekit.data.target import target_of
from fusekit.data.target.follow_up import ENTRY, label_columns
from fusekit.disk import AGAIN, refuse_changed
from fusekit.errors import DataError, FusekitError
from fusekit.evaluation.calibration.conformal import EVERYONE
from fusekit.evaluation.predictions import ROUNDING, outputs_of, predicted_columns
from fusekit.extension import catalog
from fusekit.report.run import COVERAGE, CURVE, CURVE_SUBJECTS, Run

#: What is the same of a scan in all tables.
_OF_SCAN = ["scan", "subject", "label"]
#: Table -> its columns besides the probabilities, and those that no two rows share.
_TABLES = {
    "predictions": (["row", "slice", "fold", *_OF_SCAN], ["scan", "slice"]),
    "validation": (["row", "slice", "fold", *_OF_SCAN], ["fold", "scan", "slice"]),
    "ablations": (["fold", "condition", "subject", "label"], ["fold", "condition", "subject"]),
    "learning_curve_subjects": (["percent", "fold", "subject", "label"], ["percent", "subject"]),
}
#: Table -> where all its rows come from, as these columns show; validation subjects are tested in another fold.
_WITHIN = (
    ("predictions", "cohort", [*_OF_SCAN, "fold"]),
    ("validation", "cohort", _OF_SCAN),
    ("ablations", "predictions", ["subject", "label", "fold"]),
    ("learning_curve_subjects", "predictions", ["subject", "label", "fold"]),
)


def refuse_unsound(run: Run) -> None:
    """Refuse, by a DataError with file and place, a run that cannot be as FuseKit wrote it."""
    refuse_changed(run.folder)
    path, task = run.folder / "manifest.json", run.manifest.get("task") or {}
    for name in ("name", "title", "classes"):
        if name not in task and not (name == "classes" and {Number.kind, TimeToEvent.kind} & set(task)):
            raise DataError(
                f"{path} has no task.{name}: an older FuseKit wrote it. Run it again with --config {path}, or load it "
                "in Python."
            )
    classes = task.get("classes")
    if classes is not None and len(set(classes)) < max(2, len(classes)):
        raise DataError(f"{path}: task.classes is {classes}; two or more different names are expected.")
    try:
        target = target_of(task)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    for name, (columns, key) in _TABLES.items():
        table = run.predictions if name == "predictions" else _table(run, name)
        if table is not None:
            _refuse_table(run.folder / f"{name}.csv", table, columns, key, target)
    try:
        if target.classes:
            run.rule.called(run.subjects, "subject")
    except FusekitError as error:
        raise DataError(f"{path}, evaluation: {error}") from error
    _refuse_scores(run)
    _refuse_coverage(run)
    _refuse_curve(run)
    for name, other, shared in _WITHIN:
        _refuse_strangers(run, name, other, shared)


def _table(run: Run, name: str) -> pd.DataFrame | None:
    """A table of the run, which is read once; None if there is none."""
    return getattr(run, name) if (run.folder / f"{name}.csv").exists() else None


def _refuse_table(path: Path, table: pd.DataFrame, columns: list[str], key: list[str], target: Target) -> None:
    classes, expected = len(target.classes), list(target.columns)
    require_columns(table, [*columns, *expected], str(path))
    if predicted_columns(table) != expected:
        raise DataError(
            f"{path} has the columns {', '.join(predicted_columns(table))}; of "
            f"{f'{classes} classes' if classes else target.words} {', '.join(expected)} are expected, in this order."
        )
    if table.empty:
        raise DataError(f"{path} has no rows.")
    needed = table[list(dict.fromkeys([*columns, *label_columns(table)]))]
    _refuse_rows(path, table, needed.isna().any(axis=1), "an empty cell")
    known = table["label"].between(0, classes - 1) if classes else np.isfinite(table["label"])
    _refuse_rows(
        path, table, ~known, f"a label of none of the {classes} classes" if classes else "a label of no number"
    )
    late = table[ENTRY] >= table["label"].abs() if ENTRY in table else pd.Series(False, table.index)
    _refuse_rows(path, table, late, "an entry that is not before its time")
    twice = (table.groupby("subject")[label_columns(table)].transform("nunique") > 1).any(axis=1)
    _refuse_rows(path, table, twice, "one of several labels of its subject")
    _refuse_rows(path, table, table.duplicated(key), f"the {', '.join(key)} of another row")
    try:
        outputs_of(table)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _refuse_scores(run: Run) -> None:
    path, scores = run.folder / "metrics.json", run.scores
    if scores.empty:
        raise DataError(f"{path} has no scores.")
    known = catalog().metrics
    limits = [known.get(name)().limits if name in known.names() else (-np.inf, np.inf) for name in scores["metric"]]
    low, high = np.array(limits).T
    for name in ("value", "low", "high"):
        numbers = scores[name].astype(float)
        beyond = (numbers < low - ROUNDING) | (numbers > high + ROUNDING)
        _refuse_rows(path, scores, beyond, f"a number that no {scores['metric'][beyond.argmax()]} can be")
    _refuse_rows(path, scores, scores.duplicated(["level", "metric"]), "the level and metric of another one")
    tested = run.predictions["subject"].nunique()
    _refuse_rows(path, scores, scores["subjects"] != tested, f"other subjects than the {tested} in predictions.csv")


def _refuse_coverage(run: Run) -> None:
    path, table = run.folder / COVERAGE, run.table(COVERAGE)
    if table is None:
        return
    names = ["variable", "group", "level", "subjects", "covered", "coverage", "low", "high", "size", "reason"]
    require_columns(table, names, str(path))
    if table.empty or tuple(table[["variable", "group"]].iloc[0]) != EVERYONE:
        raise DataError(f"{path} does not begin with the row of all subjects. {AGAIN}")
    _refuse_rows(path, table, ~table["covered"].between(0, table["subjects"]), "other counts than there are subjects")


def _refuse_curve(run: Run) -> None:
    for name, table, percents in (
        (CURVE, run.learning_curve, {*POINTS, WHOLE}),
        (CURVE_SUBJECTS, run.learning_curve_subjects, {*POINTS}),
    ):
        if (table is None) != (run.learning_curve is None) or (table is not None and {*table["percent"]} != percents):
            raise DataError(f"{run.folder / name} does not have the points {sorted(percents)} of a curve. {AGAIN}")


def _refuse_strangers(run: Run, name: str, other: str, shared: list[str]) -> None:
    """Refuse rows of a table that are of nobody in another one, where both are there."""
    table, known = _table(run, name), _table(run, other)
    if table is not None and known is not None:
        require_columns(known, shared, str(run.folder / f"{other}.csv"))
        there = pd.MultiIndex.from_frame(table[shared]).isin(pd.MultiIndex.from_frame(known[shared]))
        what = f"no row in {other}.csv with the same {', '.join(shared)}"
        _refuse_rows(run.folder / f"{name}.csv", table, pd.Series(~there), what)


def _refuse_rows(path: Path, table: pd.DataFrame, wrong: pd.Series, what: str) -> None:
    if wrong.any():
        row = int(wrong.to_numpy().argmax())
        where = f"line {row + 2}" if path.suffix == ".csv" else f"scores[{row}]"
        cells = ", ".join(f"{name} {table[name].iloc[row]}" for name in table.columns[:6])
        raise DataError(f"{path}, {where} ({cells}) has {what}; {wrong.sum()} of {len(wrong)} rows. {AGAIN}")
