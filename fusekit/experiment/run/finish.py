"""From the folders of its folds to a finished run."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from fusekit.data import Finding, Target
from fusekit.data.recipe.recipe import read_recipe
from fusekit.disk import SEAL, read_json, read_written, write_json, write_table
from fusekit.errors import attempt
from fusekit.evaluation import Rule, score
from fusekit.evaluation.calibration.conformal import REGIONS, Conformal, coverage_table, cross_held
from fusekit.evaluation.cohorts.table_one import by_fold, table_one
from fusekit.experiment.not_made import note_in, seal_results
from fusekit.experiment.run.fit.explained import EXPLANATIONS
from fusekit.experiment.run.flow import flow
from fusekit.experiment.run.fold import ABLATIONS, PREDICTIONS, RECORD, VALIDATION
from fusekit.experiment.run.groups import numbers_of, subgroup_table
from fusekit.experiment.run.history import HISTORY
from fusekit.experiment.run.learning_curve import write_learning_curve
from fusekit.experiment.run.search.journal import JOURNAL, join
from fusekit.experiment.run.ship import BUNDLE, to_ship
from fusekit.experiment.run.working_folder import CHECKPOINTS
from fusekit.experiment.setup import manifest
from fusekit.experiment.setup.gathered import Gathered
from fusekit.experiment.setup.part import Part
from fusekit.experiment.setup.plan import Plan
from fusekit.report import OVERVIEWS
from fusekit.report.records import FoldRecord
from fusekit.report.run import BY_FOLD, COVERAGE, SCHEMAS, TABLE_ONE

#: Tables of a fold that are put below each other.
TABLES = (PREDICTIONS, VALIDATION, ABLATIONS, HISTORY)


def finish(
    plan: Plan,
    gathered: Gathered,
    folds: Sequence[Path],
    folder: Path,
    shipped: Sequence[Path] = (),
    points: Mapping[Part, Path] = MappingProxyType({}),
    **further: Any,
) -> tuple[Finding, ...]:
    """Write every file of a run but its report, from the folders of its tested folds; their explanations are moved.

    ``shipped`` are the folders of the trainings whose model, or the average of whose models, is shipped; ``points``
    those of a learning curve; ``further`` are entries for the manifest. Returns findings about the training subjects.
    """
    config = plan.config
    tables = {name: _join(folds, name, folder, plan.task.target) for name in TABLES}
    records: list[dict[str, Any]] = [dict(read_json(path / RECORD, FoldRecord)) for path in folds]
    predictions = tables[PREDICTIONS]
    assert predictions is not None
    rule = Rule.joined((Rule.from_json(record["rule"]) for record in records), config.aggregate)
    scores = score(predictions, plan.metrics, rule)
    numbers = json.loads(scores.to_json(orient="records", double_precision=15))  # NaN becomes null
    write_json(folder / "metrics.json", {"synthetic": plan.synthetic, "scores": numbers})
    people = subgroup_table(gathered.cohort, plan.task, gathered.folds)
    conformal = None
    if level := config.conformal:
        subjects, kind = rule.subjects(predictions), plan.task.target.kind
        conformal = Conformal.fit(REGIONS[kind].scores(subjects), level)
        found = cross_held(subjects, kind, level)
        write_table(coverage_table(found, people, plan.task.target, level), folder / COVERAGE)
    if points:
        write_learning_curve(plan, gathered, predictions, rule, points, folder)
    write_table(people, folder / "cohort.csv")
    write_table(table_one(gathered.cohort).reset_index(names="column"), folder / TABLE_ONE)
    if len(set(gathered.folds)) > 1:
        write_table(by_fold(gathered.cohort, gathered.folds).reset_index(names="column"), folder / BY_FOLD)
    _carry(folds, folder)
    others = [path for path in shipped if path.name not in {fold.name for fold in folds}]
    join([*folds, *others], folder / JOURNAL)
    record = _record(plan, gathered, records, rule)
    record["data"]["numbers"] = numbers_of(people)
    if shipped:
        bundle = replace(to_ship(gathered, shipped, record, numbers), conformal=conformal)
        bundle.save(folder / BUNDLE)
        record["model"] = bundle.description
    write_json(folder / "manifest.json", {**record, **further})
    seal_results(folder)
    history, findings = tables[HISTORY], _of_folds(records)
    if history is not None:
        with attempt("overview.png", lambda sentence: note_in(folder, "overview.png", [sentence])):
            titles = [config.task_name, config.arm, config.backbone, *["SYNTHETIC cohort"] * plan.synthetic]
            OVERVIEWS[plan.task.target.kind](
                folder / "overview.png",
                title=" · ".join(titles),
                history=history,
                predictions=predictions,
                scores=scores,
                rule=rule,
                images=gathered.store.images,
                channels=gathered.store.channels,
                target=plan.task.target,
            )
    return findings


def _carry(folds: Sequence[Path], folder: Path) -> None:
    """Move explanations, and what plugins wrote beside a fold's own files."""
    for number, path in enumerate(folds):
        for further in sorted(path.iterdir()):
            if further.name in (*TABLES, RECORD, BUNDLE, CHECKPOINTS, JOURNAL, SEAL):
                continue
            target = folder / further.name if len(folds) == 1 else folder / "folds" / f"fold-{number}" / further.name
            if further.name == EXPLANATIONS:
                target = folder / EXPLANATIONS / f"fold-{number}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(further, target)


def _join(folds: Sequence[Path], name: str, folder: Path, target: Target) -> pd.DataFrame | None:
    """Stack a table's folds, with the fold in front where the rows lack it."""
    tables = []
    for number, path in enumerate(folds):
        if (path / name).exists():
            table = read_written(path / name, {**target.schema, **SCHEMAS[name]})
            if "fold" not in table:
                table.insert(0, "fold", number)
            tables.append(table)
    if not tables:
        return None
    joined = pd.concat(tables, ignore_index=True)
    write_table(joined, folder / name)
    return joined


def _record(plan: Plan, gathered: Gathered, folds: Sequence[dict[str, Any]], rule: Rule) -> dict[str, Any]:
    config, task, cohort = plan.config, plan.task, gathered.cohort
    numbered = {str(record["fold"]): record for record in folds}
    further: dict[str, Any] = {"recipe": {"sha256": read_recipe(config.recipe).sha256}} if config.recipe else {}
    if machines := {number: one["machine"] for number, one in numbered.items() if "machine" in one}:
        first, *others = machines.values()
        further["machine"] = first
        if any(other != first for other in others):
            further["machines"] = machines
    if config.baseline:
        further["reads"] = ["table", *["image"] * plan.build_baseline().reads_image]
    elif plan.stack.by:
        further["reads"] = ["table", *["image"] * plan.recipe.image]
    return {
        "arm": config.arm,
        "kind": "baseline" if config.baseline else "fusion",
        "synthetic": plan.synthetic,
        "config": config.as_json(),
        "task": {"name": config.task_name, **task.describe()},
        "model": folds[0]["model"],
        "images": list(cohort.images),
        "slices": gathered.store.policy.as_json(),
        "evaluation": {
            "folds": config.folds,
            "threshold": config.threshold,
            **rule.as_json(),
            "validation": config.validation,
            **{entry: {k: one[entry] for k, one in numbered.items()} for entry in ("epochs", "search", "choice")},
            "table": {number: record["table"] for number, record in numbered.items() if record.get("table")},
        },
        "flow": flow(cohort, gathered.rows, gathered.folds),
        "data": {
            "folds": {number: record["counts"] for number, record in numbered.items()},
            "fingerprint": gathered.fingerprint,
        },
        "findings": [finding.as_json() for finding in (*gathered.findings, *_of_folds(folds))],
        "published": [{**asdict(row), "scores": dict(row.scores)} for row in task.published],
        **manifest.environment(plan.fabric.device),
        **further,
        "seconds": {"training": sum(record["seconds"] for record in folds)},
    }


def _of_folds(folds: Sequence[dict[str, Any]]) -> tuple[Finding, ...]:
    """Findings about the training values of the folds; the same of several folds once, with the items of all."""
    found: dict[tuple[str, str], Finding] = {}
    for record in folds:
        for plain in record["findings"]:
            key = (plain["code"], plain["message"])
            before = found[key].items if key in found else ()
            items = tuple(dict.fromkeys((*before, *plain["items"])))
            found[key] = Finding(*key, items, plain["severity"], plain["advice"], plain["dropped"])
    return tuple(found.values())
