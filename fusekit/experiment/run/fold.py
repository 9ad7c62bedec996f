"""One fold: what is fitted on its training subjects, and what that says about the others."""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from fusekit.bundle.bundle import Bundle
from fusekit.data import Finding
from fusekit.data.splits import WHOLE
from fusekit.disk import read_json, write_json, write_table
from fusekit.errors import attempt
from fusekit.evaluation import Rule, prediction_table, score
from fusekit.evaluation.shown import first_of
from fusekit.experiment.not_made import not_made
from fusekit.experiment.run.fit.classical import fit_baseline
from fusekit.experiment.run.fit.explained import EXPLANATIONS
from fusekit.experiment.run.fit.network import fit_network
from fusekit.experiment.run.fit.stacked import fit_stacked
from fusekit.experiment.run.working_folder import CHECKPOINTS
from fusekit.experiment.setup.gathered import Gathered
from fusekit.experiment.setup.plan import Plan
from fusekit.experiment.setup.trackers import Followers
from fusekit.progress import Progress
from fusekit.report.records import FoldRecord
from fusekit.training import repeatable

#: File of a fold's folder -> what it holds; the run's files are these, one fold below the other.
PREDICTIONS, VALIDATION, ABLATIONS, RECORD = "predictions.csv", "validation.csv", "ablations.csv", "fold.json"


def train_fold(
    plan: Plan,
    gathered: Gathered,
    fold: int | None,
    folder: Path,
    progress: Progress,
    followers: Followers | None = None,
    percent: int = WHOLE,
) -> Bundle:
    """Fit on all subjects outside a fold (None: on all), and predict the fold, once; return the model, not saved.

    With a smaller ``percent`` of those subjects, a point of a learning curve, nothing is explained and no one follows.
    Explanations that fail become notes in the fold's record. Of several processes all train and predict, each its
    share; the first alone writes and explains. Checkpoints in ``folder`` resume an earlier attempt.
    """
    first = plan.processes.first
    if first:
        shutil.rmtree(folder / EXPLANATIONS, ignore_errors=True)  # of an attempt that ended in the middle of them
        (folder / CHECKPOINTS).mkdir(exist_ok=True)
    plan.processes.wait()
    start = time.perf_counter()
    config = plan.config
    sides = gathered.sides(fold, config.validation, config.seed, percent)
    samples = sides.of_scans(gathered.scans) if plan.pooled else sides
    notes: list[Finding] = []

    def failed(sentence: str) -> None:
        progress.say(f"note: {sentence}")
        notes.append(not_made(sentence, "all subjects" if fold is None else f"fold {fold + 1}"))

    with repeatable():
        if config.baseline:
            fitted = fit_baseline(plan, gathered, sides, progress)
        else:
            follow = followers.epoch_ended if followers and percent == WHOLE else lambda *_: None
            fit = fit_stacked if plan.stack.by else fit_network
            fitted = fit(plan, gathered, samples, fold, folder, progress, follow)
        rule, tested = Rule(config.aggregate), None
        for name, rows in ((VALIDATION, samples.validation), (PREDICTIONS, samples.test)):
            if len(rows):
                began = time.perf_counter()
                answers = fitted.predict(rows)
                each = (time.perf_counter() - began) / len(rows)
                if not first:
                    continue
                table = prediction_table(rows, plan.task.target.predict(answers))
                if name == VALIDATION:
                    table["fold"] = fold or 0  # whose model predicted, not where the subject is tested
                    rule = Rule.fit(table, config.aggregate, config.threshold)
                write_table(table, folder / name)
                if name == PREDICTIONS:
                    tested = _tested(plan, table, rule)
                if name == PREDICTIONS and config.explain != "none" and percent == WHOLE:
                    with attempt("explanations", failed):
                        ablations = fitted.explain(rows, table, each, rule, failed)
                        if ablations is not None:
                            write_table(ablations, folder / ABLATIONS)
    record = {
        "fold": fold,
        "epochs": fitted.epochs,
        "choice": fitted.choice,
        "search": fitted.search,
        "table": fitted.table,
        "rule": rule.as_json(),
        "tested": tested,
        "counts": sides.counts(gathered.cohort.target),
        "findings": [finding.as_json() for finding in (*fitted.findings, *notes)],
        "model": fitted.bundle.description,
        "threads": torch.get_num_threads(),
        "seconds": time.perf_counter() - start,
    }
    if first:
        write_json(folder / RECORD, record)
    return fitted.bundle


def _tested(plan: Plan, table: pd.DataFrame, rule: Rule) -> dict[str, Any]:
    """The score of the fold's subjects that tables show first."""
    name = first_of(plan.metrics)[0]
    metric = plan.metrics[name]
    found = score(table, {name: metric}, rule)
    row = dict(found[found["level"] == "subject"].iloc[0])
    value = float(row["value"])
    return {"metric": metric.title, "value": value if np.isfinite(value) else None, "subjects": int(row["subjects"])}


def words_of_test(folder: Path) -> str:
    """What a finished fold's test came to, as ``AUC 0.71 of 94 subjects``."""
    tested = read_json(folder / RECORD, FoldRecord).get("tested")
    if not tested:
        return "finished"
    value = "undefined" if tested["value"] is None else f"{tested['value']:.2f}"
    return f"{tested['metric']} {value} of {tested['subjects']} subjects"
