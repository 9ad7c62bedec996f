"""A classical model, fitted on a fold's training scans."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fusekit.baselines.baseline import with_images
from fusekit.baselines.images import by_scan, of_slices
from fusekit.bundle.baseline import BaselineBundle
from fusekit.data import ClinicalEncoding
from fusekit.data.target.follow_up import labels_of
from fusekit.evaluation import Rule
from fusekit.experiment.run.fit.fitted import Failed, Fitted
from fusekit.experiment.setup.gathered import Gathered, Sides
from fusekit.experiment.setup.plan import Plan
from fusekit.explain import ablate
from fusekit.progress import Progress


def fit_baseline(plan: Plan, gathered: Gathered, sides: Sides, progress: Progress) -> Fitted:
    """Fit a classical model on the training scans' clinical values, and on their images if it reads them."""
    baseline, images = plan.build_baseline(), gathered.images
    baseline.target = plan.task.target
    rows, columns = sides.train, gathered.cohort.columns
    scans = gathered.cohort.scans.loc[rows["scan"].unique()]
    values = gathered.cohort.clinical.loc[scans.index]
    labels, subjects = labels_of(scans), scans["subject"].to_numpy()
    shown = with_images(baseline, by_scan(images, rows.index.to_numpy(), rows["scan"].to_numpy()))
    baseline.fit(values, columns, labels, subjects, plan.config.seed, **shown)
    pixels = gathered.pixels(rows)

    def predict(rows: pd.DataFrame) -> np.ndarray:
        values, scans = gathered.values(rows), rows["scan"].to_numpy()
        return of_slices(baseline, images, rows.index.to_numpy(), values, scans)

    def explain(
        rows: pd.DataFrame, predictions: pd.DataFrame, seconds: float, rule: Rule, failed: Failed
    ) -> pd.DataFrame:
        reads_image, rows = baseline.reads_image, rows[gathered.complete(rows)]
        rows = rows if reads_image else rows.drop_duplicates("scan")
        every = rows["scan"].to_numpy()

        def predict(shown: np.ndarray | None, values: pd.DataFrame) -> np.ndarray:
            lines = np.arange(len(values))  # the first alone where nothing is left to go by
            return of_slices(baseline, images if shown is None else shown, lines, values, every[lines])

        return ablate(
            predict,
            images[rows.index.to_numpy()] if reads_image else None,
            gathered.values(rows),
            rows,
            columns,
            target=plan.task.target,
            rule=rule,
            seed=plan.config.seed,
            grey=pixels.mean if reads_image else (0.0,),
            reads_image=reads_image,
            # More columns, left out one by one, take longer than a baseline's training.
            single=None if plan.config.explain == "full" or len(columns) <= 20 else (),
            progress=progress,
        )

    bundle = BaselineBundle(
        baseline=baseline,
        target=plan.task.target,
        encoding=ClinicalEncoding.fit(values, columns) if columns else None,
        images=gathered.cohort.images,
        slices=gathered.store.policy,
        image_size=plan.config.image_size,
        pixels=pixels,
        task={"name": plan.config.task_name, **plan.task.describe()},
    )
    return Fitted(predict, explain, bundle)
