"""A baseline on top of a network: what the network says is cross-fitted within a fold's training subjects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fusekit.baselines.inner_cv import inner_folds
from fusekit.baselines.stack import Stack, log_odds
from fusekit.bundle.stacked import StackedBundle
from fusekit.data import ClinicalEncoding
from fusekit.data.splits import refuse_leakage
from fusekit.errors import DataError
from fusekit.evaluation import Rule
from fusekit.experiment.run.fit.fitted import Failed, Fitted
from fusekit.experiment.run.fit.network import fit_network
from fusekit.experiment.run.fit.training import Follow
from fusekit.experiment.setup.gathered import Gathered, Sides
from fusekit.experiment.setup.plan import Plan
from fusekit.explain import ablate
from fusekit.explain.model import Predictor
from fusekit.progress import Progress, Within


def fit_stacked(
    plan: Plan, gathered: Gathered, sides: Sides, fold: int | None, folder: Path, progress: Progress, follow: Follow
) -> Fitted:
    """Train a network in each inner fold and one on all training subjects, and fit the baseline on top.

    Each training has a checkpoint of its own, so that those that were finished before an interruption are not repeated.
    DataError if a class has one training subject.
    """
    cohort, seed = gathered.cohort, plan.config.seed
    scans = cohort.scans.loc[sides.train["scan"].unique()]
    said = cross_fit_network(plan, gathered, sides, fold, folder, progress, follow).loc[scans.index]
    stack = Stack(plan.build_stack())
    labels, subjects = scans["label"].to_numpy(), scans["subject"].to_numpy()
    stack.fit(said.to_numpy(), cohort.clinical.loc[scans.index], cohort.columns, labels, subjects, seed)
    network = fit_network(plan, gathered, sides, fold, folder, progress, follow)  # the last, whose history is kept

    def predict(rows: pd.DataFrame) -> np.ndarray:
        return stack.probabilities(network.predict(rows), gathered.values(rows), rows["scan"].to_numpy())

    def explain(
        rows: pd.DataFrame, predictions: pd.DataFrame, seconds: float, rule: Rule, failed: Failed
    ) -> pd.DataFrame:
        rows = rows[gathered.complete(rows)]
        every = rows["scan"].to_numpy()
        every_image = gathered.scans.images(gathered.store.images) if plan.pooled else gathered.images
        images = every_image[rows.index.to_numpy()] if bundle.reads_image else None
        predictor = Predictor(network.bundle, plan.fabric.device, images)

        def predict(shown: np.ndarray | None, values: pd.DataFrame) -> np.ndarray:
            return stack.probabilities(predictor(shown, values), values, every[: len(values)])

        return ablate(
            predict,
            images,
            gathered.values(rows),
            rows,
            cohort.columns,
            target=plan.task.target,
            rule=rule,
            seed=seed,
            grey=bundle.pixels.mean,
            reads_image=bundle.reads_image,
            single=None if plan.config.explain == "full" or len(cohort.columns) <= 20 else (),
            progress=progress,
        )

    shared = ("target", "images", "slices", "image_size", "pixels", "task")
    bundle = StackedBundle(
        network=network.bundle,
        baseline=stack.baseline,
        encoding=ClinicalEncoding.fit(cohort.clinical.loc[scans.index], cohort.columns) if cohort.columns else None,
        **{name: getattr(network.bundle, name) for name in shared},
    )
    return Fitted(predict, explain, bundle, network.findings, network.epochs, table=network.table)


def cross_fit_network(
    plan: Plan, gathered: Gathered, sides: Sides, fold: int | None, folder: Path, progress: Progress, follow: Follow
) -> pd.DataFrame:
    """Log odds of each training scan (index scan), by a network that saw no scan of its subject."""
    rows = sides.train
    scans = gathered.cohort.scans.loc[rows["scan"].unique()]
    parts = inner_folds(scans["label"].to_numpy(), scans["subject"].to_numpy(), plan.stack.folds, plan.config.seed)
    if parts is None:
        raise DataError(
            "a class has one training subject, and a stack needs two: one to train the network on, and one to see what "
            "the network says of others. Add subjects, or train the network alone: -o stack.by= (nothing)."
        )
    count, found = int(parts.max()) + 1, []
    for inner in range(count):
        held = rows["scan"].isin(scans.index[parts == inner])
        part = Sides(rows[~held], sides.validation, rows[held])
        refuse_leakage(part.train["subject"], part.test["subject"])
        within = Within(progress, f"inner fold {inner + 1}/{count}")
        network = fit_network(plan, gathered, part, fold, folder, within, follow, inner=inner)
        of = part.test["scan"].to_numpy()
        found.append(pd.DataFrame(log_odds(network.predict(part.test), of), index=pd.unique(of)))
    return pd.concat(found)
