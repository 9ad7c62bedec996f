"""A network, the best of several, or the average of several, fitted on a fold's training subjects."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fusekit.bundle.average import AverageBundle
from fusekit.evaluation import Rule
from fusekit.experiment.run.fit.explained import EXPLANATIONS, explainer
from fusekit.experiment.run.fit.fitted import Fitted
from fusekit.experiment.run.fit.table import TableFit, fit_table
from fusekit.experiment.run.fit.training import Follow, train_network, validation_score
from fusekit.experiment.run.search.search import Watch, checkpoint_of, search
from fusekit.experiment.run.working_folder import CHECKPOINTS
from fusekit.experiment.setup.candidates import chosen
from fusekit.experiment.setup.gathered import Gathered, Sides
from fusekit.experiment.setup.plan import Plan, make_plan
from fusekit.progress import Progress, Within


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

    With ``training.members`` others are then trained as it was, and the average of all is returned. ``inner`` numbers a
    part of the fold, which has a checkpoint of its own.
    """
    part = "all" if fold is None else f"fold-{fold}"  # as the files of a run count folds

    def with_members(plan: Plan, table: TableFit, first: Callable[[], Fitted]) -> Fitted:
        members, count = [], plan.training.members
        for number in range(1, count):
            within, own = Within(progress, f"network {number + 1}/{count}"), f"member-{number}"
            kept = folder / CHECKPOINTS / f"{own}.safetensors"
            given = (plan, gathered, sides, table, f"{part}/{own}", folder, kept, within, follow)
            members.append(train_network(*given, member=number))
        # The first is trained last, so that history.csv is of the network that is explained.
        return averaged((first(), *members), plan, gathered, len(sides.train), folder, progress)

    if not plan.config.search:
        name = "training" if inner is None else f"inner-{inner}"
        own = part if inner is None else f"{part}/{name}"
        kept, table = folder / CHECKPOINTS / f"{name}.safetensors", fit_table(plan, gathered, sides.train, progress)
        given = (plan, gathered, sides, table, own, folder, kept, progress, follow)
        return with_members(plan, table, lambda: train_network(*given))

    tables: list[tuple[Any, TableFit]] = []  # trials that read the table alike share what was fitted on it

    def table_of(trial: Plan) -> TableFit:
        asked = (trial.columns, trial.prior_options)
        if not any(asked == known for known, _ in tables):
            tables.append((asked, fit_table(trial, gathered, sides.train, progress)))
        return next(table for known, table in tables if asked == known)

    def trial_of(choice: Mapping[str, Any]) -> Plan:
        return replace(make_plan(chosen(plan.config, choice)), fabric=plan.fabric, processes=plan.processes)

    def train_trial(number: int, choice: Mapping[str, Any], watch: Watch | None = None) -> Fitted:
        trial = trial_of(choice)
        kept, own = checkpoint_of(folder, number), f"{part}/trial-{number}"
        return train_network(trial, gathered, sides, table_of(trial), own, folder, kept, progress, follow, watch)

    def score_trial(number: int, choice: Mapping[str, Any], watch: Watch | None) -> tuple[float, int]:
        fitted = train_trial(number, choice, watch)
        rule = Rule(plan.config.aggregate)
        return validation_score(plan.task.target, fitted.predict, sides.validation, rule), fitted.epochs

    best = search(plan, fold, folder, score_trial, progress)
    # Its training is finished, so that its checkpoint gives model and history at once.
    trial = trial_of(best.choice)
    fitted = with_members(trial, table_of(trial), lambda: train_trial(best.number, best.choice))
    return replace(fitted, choice=best.recorded, search=best.trials)


def averaged(
    members: Sequence[Fitted], plan: Plan, gathered: Gathered, slices: int, folder: Path, progress: Progress
) -> Fitted:
    """Networks that were trained alike, as one; the first alone is itself.

    What it says of a slice is the mean of what they say. Ablations are of the average, and all else that explains is of
    the first.
    """
    first = members[0]
    if len(members) == 1:
        return first
    bundles = tuple(one.bundle for one in members)

    def predict(rows: pd.DataFrame) -> np.ndarray:
        return np.asarray(np.mean([one.predict(rows) for one in members], axis=0))

    weights = [one.table["prior"]["weight"] for one in members if "prior" in one.table]
    prior = {"prior": {**first.table["prior"], "weight": float(np.mean(weights))}} if weights else {}
    return replace(
        first,
        predict=predict,
        explain=explainer(plan, gathered, bundles, slices, folder / EXPLANATIONS, progress),
        bundle=AverageBundle.of(bundles),
        table={**first.table, **prior},
    )
