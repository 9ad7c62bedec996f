"""What a network reads of the table, fitted on a fold's training scans: encoded columns, a choice of them, a prior."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from fusekit.baselines.choice import ColumnChoice
from fusekit.baselines.cross_fit import cross_fit
from fusekit.baselines.images import by_scan
from fusekit.baselines.prior import FOLDS, TablePrior, trust
from fusekit.baselines.shipping import name_of
from fusekit.data import ClinicalEncoding
from fusekit.data.target.follow_up import labels_of
from fusekit.experiment.setup.gathered import Gathered
from fusekit.experiment.setup.plan import Plan
from fusekit.models.build import can_do_without_table
from fusekit.progress import Progress


@dataclass(frozen=True)
class TableFit:
    """What a fold's training scans gave."""

    scans: pd.Index  # that it was learned from
    encoding: ClinicalEncoding
    inputs: np.ndarray  # (training rows, F), or (training rows, F + W) with a prior, cross-fitted
    reads: tuple[int, ...] | None = None  # places in F of what the encoder reads; None: all
    prior: TablePrior | None = None  # fitted on all of them
    trust: float = 1.0  # what the prior's weight starts at
    uninformed: np.ndarray = field(default_factory=lambda: np.zeros(0))  # outputs of it that say the same of all (W,)
    record: dict[str, Any] = field(default_factory=dict)  # what was chosen


def fit_table(plan: Plan, gathered: Gathered, rows: pd.DataFrame, progress: Progress) -> TableFit:
    """Fit on the training rows alone; the same for every process, and again after an interruption."""
    cohort, seed = gathered.cohort, plan.config.seed
    scans = cohort.scans.loc[rows["scan"].unique()]
    if "table" in plan.absent(cohort):  # nothing is learned of tables from scans without one
        scans = scans[cohort.present.loc[scans.index, "table"]]
    clinical = cohort.clinical.loc[scans.index]
    labels, subjects = labels_of(scans), scans["subject"].to_numpy()
    target = plan.target.fit(rows).of_prior
    wanted, name = plan.columns, plan.recipe.prior
    chosen = plan.recipe.encoder is not None and 0 < wanted.most < len(cohort.columns)
    one = not can_do_without_table(plan.recipe)  # a head that reads columns gets one, however little it says
    fit = partial(cross_fit, values=clinical, columns=cohort.columns, labels=labels, subjects=subjects, seed=seed)
    fit = partial(fit, target=target, folds=FOLDS)
    choice = found = None
    if name is not None:
        name = name_of(plan.build_prior())
        progress.say(f"prior: {name}, cross-fitted over {FOLDS} parts of the training subjects")
        with_importance = chosen and name_of(plan.build_chooser()) == name
        found = fit(plan.build_prior, importance_repeats=3 if with_importance else 0)
        if with_importance:
            choice = ColumnChoice(found.importance, wanted.most, wanted.least, one)
    if chosen and choice is None:
        own = rows[rows["scan"].isin(scans.index)]
        shown = by_scan(gathered.images, own.index.to_numpy(), own["scan"].to_numpy())
        by = fit(plan.build_chooser, images=shown if plan.build_chooser().reads_image else None)
        choice = ColumnChoice(by.importance, wanted.most, wanted.least, one)
    # A prior reads the whole table; without one, nothing else of it is needed to predict.
    read = set(choice.names) if choice else {column.name for column in cohort.columns}
    columns = [column for column in cohort.columns if name is not None or column.name in read]
    encoding = ClinicalEncoding.fit(clinical, columns)
    values = encoding.transform(gathered.values(rows))
    record: dict[str, Any] = {"columns": choice.as_json()} if choice else {}
    said_of_scans, prior = None, None
    if name is not None and found is not None:
        baseline = plan.build_prior()
        baseline.target = target
        baseline.fit(clinical, cohort.columns, labels, subjects, seed)
        prior = TablePrior(name, baseline, target)
        said_of_scans = target.outputs_of(found.answers)
        said = pd.DataFrame(said_of_scans, index=scans.index)
        # Of a scan without a table, the network takes another number.
        values = np.concatenate([values, said.reindex(rows["scan"], fill_value=0)], axis=1).astype(np.float32)
    if choice:
        progress.say(f"columns that the encoder reads: {', '.join(choice.names) or 'none, no column matters enough'}")
    table = TableFit(scans.index, encoding, values, encoding.places(read) if choice else None, prior, record=record)
    if said_of_scans is None:
        return table
    uninformed = target.uninformed(said_of_scans).astype(np.float32)
    return replace(table, trust=trust(target, said_of_scans, labels), uninformed=uninformed)
