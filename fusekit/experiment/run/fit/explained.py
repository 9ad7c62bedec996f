"""How what a fold's network looks at is explained."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fusekit.bundle.bundle import Bundle
from fusekit.evaluation import Rule
from fusekit.experiment.run.fit.fitted import Explain, Failed
from fusekit.experiment.setup.gathered import Gathered
from fusekit.experiment.setup.plan import Plan
from fusekit.explain import Fold, explain_fold
from fusekit.progress import Progress

#: Folder of a fold's explanations, in the fold's own.
EXPLANATIONS = "explanations"


def explainer(
    plan: Plan, gathered: Gathered, bundles: tuple[Bundle, ...], slices: int, folder: Path, progress: Progress
) -> Explain:
    """``Fitted.explain`` of a network, or of several that are averaged, which writes ``folder``.

    It may take a quarter of the time that training on so many slices took, unless explanations are asked for in full.
    """
    work = slices * plan.epochs(slices) * 3 / 4  # in forward passes; a step costs about three
    first, *others = bundles
    scans = gathered.scans if plan.pooled else None

    def explain(
        rows: pd.DataFrame, predictions: pd.DataFrame, seconds: float, rule: Rule, failed: Failed
    ) -> pd.DataFrame | None:
        complete = gathered.complete(rows)
        rows, predictions = rows[complete], predictions[complete]
        if rows.empty:
            return None
        if scans is not None:
            rows = gathered.rows.loc[scans.packed(rows.index.to_numpy())[0]]
        of_cohort = (gathered.store.images, gathered.values(rows), rows, gathered.cohort.columns)
        return explain_fold(
            Fold(first, *of_cohort, plan.fabric.device, gathered.store.oriented, scans, tuple(others)),
            predictions,
            folder,
            rule=rule,
            seed=plan.config.seed,
            template=plan.task.template,
            slices=1,  # per scan, in ablations: some thirty passes over all of them would take longer than training
            work=None if plan.config.explain == "full" else work,
            seconds=seconds,
            failed=failed,
            progress=progress,
        )

    return explain
