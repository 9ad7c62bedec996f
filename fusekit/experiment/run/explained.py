"""How what a fold's network looks at is explained."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fusekit.bundle.bundle import Bundle
from fusekit.evaluation import Rule
from fusekit.experiment.run.fitted import Explain, Failed
from fusekit.experiment.setup.gathered import Gathered
from fusekit.experiment.setup.plan import Plan
from fusekit.explain import Fold, explain_fold
from fusekit.progress import Progress

#: Folder of a fold's explanations, in the fold's own.
EXPLANATIONS = "explanations"


def explainer(plan: Plan, gathered: Gathered, bundle: Bundle, folder: Path, work: float, progress: Progress) -> Explain:
    """``Fitted.explain`` of a network, which writes ``folder``.

    ``work`` is how many forward passes of a slice it may take, unless explanations are asked for in full.
    """
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
        values, columns, oriented = gathered.values(rows), gathered.cohort.columns, gathered.store.oriented
        return explain_fold(
            Fold(bundle, gathered.store.images, values, rows, columns, plan.fabric.device, oriented, scans),
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
