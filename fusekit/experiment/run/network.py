"""A network, or the best of several, fitted on a fold's training subjects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fusekit.evaluation import Rule
from fusekit.experiment.run.fitted import Fitted
from fusekit.experiment.run.search.search import Watch, checkpoint_of, search
from fusekit.experiment.run.table import TableFit, fit_table
from fusekit.experiment.run.training import Follow, train_network, validation_score
from fusekit.experiment.run.working_folder import CHECKPOINTS
from fusekit.experiment.setup.candidates import chosen
from fusekit.experiment.setup.gathered import Gathered, Sides
from fusekit.experiment.setup.plan import Plan, make_plan
from fusekit.progress import Progress


def fit_network(
    plan: Plan,
    gathered: Gathered,
    sides: Sides,
    fold: int | None,
    folder: Path,
    progress: Progress,
    follow: Follow,
    *,
    inner: int | None = None,
) -> Fitted:
    """Train the network, or with a search every trial, and keep the one that scores best on the subjects set aside.

    ``inner`` numbers a part of the fold, which has a checkpoint of its own.
    """
    part = "all" if fold is None else f"fold-{fold}"  # as the files of a run count folds
    if not plan.config.search:
        name = "training" if inner is None else f"inner-{inner}"
        part = part if inner is None else f"{part}/{name}"
        kept, table = folder / CHECKPOINTS / f"{name}.safetensors", fit_table(plan, gathered, sides.train, progress)
        return train_network(plan, gathered, sides, table, part, folder, kept, progress, follow)

    tables: list[tuple[Any, TableFit]] = []  # trials that read the table alike share what was fitted on it

    def table_of(trial: Plan) -> TableFit:
        asked = (trial.columns, trial.prior_options)
        if not any(asked == known for known, _ in tables):
            tables.append((asked, fit_table(trial, gathered, sides.train, progress)))
        return next(table for known, table in tables if asked == known)

    def train_trial(number: int, choice: Mapping[str, Any], watch: Watch | None = None) -> Fitted:
        trial = replace(make_plan(chosen(plan.config, choice)), fabric=plan.fabric, processes=plan.processes)
        kept, own = checkpoint_of(folder, number), f"{part}/trial-{number}"
        return train_network(trial, gathered, sides, table_of(trial), own, folder, kept, progress, follow, watch)

    def score_trial(number: int, choice: Mapping[str, Any], watch: Watch | None) -> tuple[float, int]:
        fitted = train_trial(number, choice, watch)
        rule = Rule(plan.config.aggregate)
        return validation_score(plan.task.target, fitted.predict, sides.validation, rule), fitted.epochs

    best = search(plan, fold, folder, score_trial, progress)
    # Its training is finished, so that its checkpoint gives model and history at once.
    fitted = train_trial(best.number, best.choice)
    return replace(fitted, choice=best.recorded, search=best.trials)
